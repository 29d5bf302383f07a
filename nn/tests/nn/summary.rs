//! The table of layers.

use nn::{
    Activation, BatchNorm, Conv2d, Dropout, Flatten, Graph, Layer, Linear, Module, Rng, Row, Sequential, Var,
    summary,
};

#[derive(Module)]
struct Convolutional {
    conv1: Conv2d,
    norm1: BatchNorm,
    conv2: Conv2d,
    dense: Linear,
    dropout: Dropout,
    read_out: Linear,
}

impl Layer for Convolutional {
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let x = Activation::Relu.forward(self.norm1.forward(self.conv1.forward(x)));
        let x = Flatten.forward(self.conv2.forward(x).relu());
        let x = self.dropout.forward(Activation::Relu.forward(self.dense.forward(x)));
        self.read_out.forward(x)
    }
}

fn model() -> Convolutional {
    let rng = &mut Rng::new(1);
    Convolutional {
        conv1: Conv2d::new(1, 6, 6, rng).without_bias(),
        norm1: BatchNorm::new(6).without_scale().offset(0.1),
        conv2: Conv2d::new(6, 12, 5, rng).stride(2),
        dense: Linear::new(14 * 14 * 12, 200, rng),
        dropout: Dropout::new(0.75),
        read_out: Linear::new(200, 10, rng),
    }
}

#[test]
fn a_convolutional_network() {
    let mut model = model();
    let expected = "\
layer              output             parameters
────────────────────────────────────────────────
Input              [100, 28, 28, 1]
conv1 (Conv2d)     [100, 28, 28, 6]          216
norm1 (BatchNorm)  [100, 28, 28, 6]            6
Relu               [100, 28, 28, 6]
conv2 (Conv2d)     [100, 14, 14, 12]       1,812
Relu               [100, 14, 14, 12]
Flatten            [100, 2352]
dense (Linear)     [100, 200]            470,600
Relu               [100, 200]
Dropout            [100, 200]
read_out (Linear)  [100, 10]               2,010
────────────────────────────────────────────────
474,644 trained parameters, 13 in buffers, 1.9 MB
";
    assert_eq!(summary(&model, [100, 28, 28, 1]).to_string(), expected);
    assert_eq!(model.norm1.steps.value().item(), 0.0);

    model.conv1.set_requires_grad(false);
    let last = summary(&model, [1, 28, 28, 1]).to_string();
    assert!(last.contains("474,428 trained parameters, 216 frozen, 13 in buffers, 1.9 MB\n"), "{last}");
}

#[test]
fn nested_and_shared_layers() {
    #[derive(Module)]
    struct Residual {
        body: Sequential,
        shared: Linear,
    }
    impl Layer for Residual {
        fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
            let _scope = x.graph().scope("Residual");
            x + self.body.forward(self.shared.forward(self.shared.forward(x)))
        }
    }
    let rng = &mut Rng::new(1);
    let model = Residual {
        body: Sequential::new().with(Linear::new(4, 8, rng)).with(Linear::new(8, 4, rng)),
        shared: Linear::new(4, 4, rng),
    };
    let summary = summary(&model, [2, 4]);
    let row =
        |layer: &str, size, parameters| Row { layer: layer.into(), output: [2, size].into(), parameters };
    let expected = [
        row("shared (Linear)", 4, 20),
        row("Linear", 4, 0),
        row("body.0 (Linear)", 8, 40),
        row("body.1 (Linear)", 4, 36),
        row("Residual", 4, 0),
    ];
    assert_eq!(summary.rows, expected);
    assert_eq!((summary.trained, summary.frozen, summary.buffers, summary.bytes), (96, 0, 0, 384));
}

#[test]
fn a_graph_is_drawn_by_layers() {
    let model = model();
    let graph = Graph::training(1, 1);
    graph.name_params(&model);
    model.forward(graph.input(nn::Tensor::zeros([1, 28, 28, 1], nn::DType::F32))).sum(..).backward();
    let dot = graph.to_dot();
    for label in ["conv1 (Conv2d)", "norm1 (BatchNorm)", "Dropout", "read_out (Linear)"] {
        assert!(dot.contains(&format!("label=\"{label}\"")), "{label}");
    }
}
