//! Values and gradients of the layers.

use crate::{assert_close, names, normal};
use nn::{
    Activation, AvgPool2d, BatchNorm, Conv2d, DType, Dropout, Flatten, Graph, Init, Lambda, Layer, Linear,
    MaxPool2d, Module, Padding, Rng, Sequential, Tensor, check_gradients,
};

/// Checks the gradients of a layer in f64 at random numbers.
#[track_caller]
fn check(mut layer: impl Layer, shape: &[usize]) {
    layer.to(DType::F64);
    check_gradients(&mut layer, &normal(shape, 7)).unwrap_or_else(|failure| panic!("{failure}"));
}

/// Both weight and bias random, so that no gradient is right by chance.
const RANDOM: [Init; 2] = [Init::Normal { mean: 0.0, std: 0.5 }; 2];

#[test]
fn sizes_of_zero() {
    type Sizes = &'static [usize];
    let rng = &mut Rng::new(1);
    let layers: [(Box<dyn Layer>, Sizes, Sizes); 9] = [
        (Box::new(BatchNorm::new(0)), &[5, 0], &[5, 0]),
        (Box::new(BatchNorm::new(0)), &[0, 0], &[0, 0]),
        (Box::new(Linear::new(0, 3, rng)), &[2, 0], &[2, 3]),
        (Box::new(Linear::new(3, 0, rng)), &[2, 3], &[2, 0]),
        (Box::new(Flatten), &[0, 3, 4], &[0, 12]),
        (Box::new(Flatten), &[3], &[3, 1]),
        (Box::new(Conv2d::new(0, 3, 3, rng)), &[2, 4, 4, 0], &[2, 4, 4, 3]),
        (Box::new(Conv2d::new(2, 0, 3, rng)), &[2, 4, 4, 2], &[2, 4, 4, 0]),
        (Box::new(MaxPool2d::new(2)), &[0, 4, 4, 2], &[0, 2, 2, 2]),
    ];
    for (i, (layer, input, output)) in layers.iter().enumerate() {
        let graph = Graph::training(0, 0);
        let x = graph.input(Tensor::zeros(*input, DType::F32));
        let y = layer.forward(x);
        assert_eq!(y.shape(), **output, "case {i}");
        let [dx] = graph.grad(y.sum(..), [x]);
        assert_eq!(dx.shape(), **input, "case {i}");
        let graph = Graph::inference();
        assert_eq!(
            layer.forward(graph.input(Tensor::zeros(*input, DType::F32))).shape(),
            **output,
            "case {i}"
        );
    }
}

#[test]
fn gradients() {
    let rng = &mut Rng::new(1);
    let [weight, bias] = RANDOM;
    check(Linear::new(3, 2, rng).init(weight, bias), &[4, 3]);
    check(Linear::new(3, 2, rng).without_bias(), &[2, 1, 3]);
    check(Conv2d::new(2, 3, [3, 2], rng).init(weight, bias), &[2, 4, 5, 2]);
    let strided = Conv2d::new(4, 2, 3, rng).stride([2, 1]).dilation(2).groups(2);
    check(strided.padding(Padding::Explicit([[2, 1], [0, 3]])).init(weight, bias), &[1, 6, 5, 4]);
    check(BatchNorm::new(3).scale(1.5).offset(-0.5), &[5, 3]);
    check(BatchNorm::new(2).without_scale().eps(0.1), &[2, 3, 2, 2]);
    check(BatchNorm::new(2).without_offset().without_scale(), &[4, 2]);
    check(Dropout::new(0.6), &[5, 4]);
    check(Dropout::new(0.6).shared_over([1, 2]), &[2, 3, 2, 4]);
    check(MaxPool2d::new([2, 3]).stride(1).padding(Padding::Same), &[2, 4, 3, 2]);
    check(AvgPool2d::new(3).stride(2).padding(Padding::Explicit([[1, 1], [0, 2]])), &[2, 4, 4, 2]);
    check(Flatten, &[2, 3, 1, 2]);
    for activation in ACTIVATIONS.map(|(activation, _)| activation) {
        check(activation, &[3, 4]);
    }
    check(Lambda::new("Cube", |x| x * x * x), &[3]);
    check(Some(Linear::new(2, 2, rng)), &[3, 2]);
    check(vec![Linear::new(2, 3, rng), Linear::new(3, 1, rng)], &[3, 2]);
    let network = Sequential::new()
        .with(Conv2d::new(1, 2, 3, rng).stride(2).without_bias())
        .with(BatchNorm::new(2))
        .with(Activation::Tanh)
        .with(Flatten)
        .with(Dropout::new(0.75))
        .with(Linear::new(8, 3, rng));
    check(network, &[3, 4, 4, 1]);
}

/// A gradient check that cannot fail proves nothing.
#[test]
fn a_wrong_gradient_is_found() {
    #[derive(Module)]
    struct Wrong(nn::Param);
    impl Layer for Wrong {
        fn forward<'g>(&self, x: nn::Var<'g>) -> nn::Var<'g> {
            let weight = x.graph().param(&self.0);
            x * weight.detach() * weight
        }
    }
    let mut wrong = Wrong(nn::Param::new(Tensor::from([2.0, 3.0])));
    let failure = check_gradients(&mut wrong, &normal(&[2], 1)).unwrap_err().to_string();
    assert!(failure.contains("with respect to") && failure.contains("analytic"), "{failure}");
    assert_eq!(wrong.0.value().to_vec::<f64>(), [2.0, 3.0], "the check changed the layer");
}

type Function = fn(f64) -> f64;
const ACTIVATIONS: [(Activation, Function); 9] = [
    (Activation::Identity, |x| x),
    (Activation::Relu, |x| x.max(0.0)),
    (Activation::LeakyRelu(0.2), |x| x.max(0.2 * x)),
    (Activation::Elu(0.5), |x| if x > 0.0 { x } else { 0.5 * x.exp_m1() }),
    (Activation::Sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
    (Activation::Tanh, f64::tanh),
    (Activation::Softplus, |x| x.exp().ln_1p()),
    (Activation::Silu, |x| x / (1.0 + (-x).exp())),
    (Activation::Gelu, |x| {
        0.5 * x * (1.0 + (std::f64::consts::FRAC_2_PI.sqrt() * (x + 0.044715 * x.powi(3))).tanh())
    }),
];

#[test]
fn activations() {
    let x = Tensor::linspace(-4.0, 4.0, 33, DType::F64);
    for (activation, function) in ACTIVATIONS {
        let graph = Graph::inference();
        let y = activation.forward(graph.input(x.clone())).value();
        assert_close(&y, &x.to_vec::<f64>().into_iter().map(function).collect::<Vec<_>>(), 1e-14);
    }
}

#[test]
fn linear_takes_any_leading_axes() {
    let mut layer = Linear::new(3, 2, &mut Rng::new(1));
    layer.weight.set(Tensor::from([[1.0_f32, 10.0], [2.0, 20.0], [3.0, 30.0]]));
    layer.bias.as_mut().unwrap().set(Tensor::from([0.5_f32, 0.25]));
    let run = |x: Tensor| layer.forward(Graph::inference().input(x)).value();
    assert_eq!(run(Tensor::from([1.0_f32, 1.0, 1.0])), Tensor::from([6.5_f32, 60.25]));
    assert_eq!(run(Tensor::ones([2, 4, 3], DType::F32)).shape(), [2, 4, 2]);
    assert_eq!(run(Tensor::ones([0, 3], DType::F32)).shape(), [0, 2]);
    let without = layer.clone().without_bias();
    assert_eq!(names(&without), ["weight"]);
    let y = without.forward(Graph::inference().input(Tensor::from([1.0_f32, 1.0, 1.0]))).value();
    assert_eq!(y, Tensor::from([6.0_f32, 60.0]));
}

/// The convolution by its definition, in plain loops.
#[test]
fn conv2d_is_the_sum_of_its_definition() {
    let [weight, bias] = RANDOM;
    let mut layer = Conv2d::new(4, 6, [3, 2], &mut Rng::new(1)).groups(2).init(weight, bias);
    layer = layer.stride([2, 1]).dilation([1, 2]).padding(Padding::Explicit([[1, 2], [1, 0]]));
    layer.to(DType::F64);
    let x = normal(&[2, 5, 6, 4], 3);
    let y = layer.forward(Graph::inference().input(x.clone())).value();
    assert_eq!(y.shape(), [2, 3, 5, 6]);
    let (pixels, kernel) = (x.to_vec::<f64>(), layer.weight.value().to_vec::<f64>());
    let offset = layer.bias.as_ref().unwrap().value().to_vec::<f64>();
    let mut expected = vec![];
    for (n, oy, ox, out) in (0..2)
        .flat_map(|n| (0..3).flat_map(move |i| (0..5).flat_map(move |j| (0..6).map(move |k| (n, i, j, k)))))
    {
        let group = out / 3;
        let mut sum = offset[out];
        for (ky, kx, c) in (0..3).flat_map(|i| (0..2).flat_map(move |j| (0..2).map(move |k| (i, j, k)))) {
            let (iy, ix) = ((2 * oy + ky) as isize - 1, (ox + 2 * kx) as isize - 1);
            if (0..5).contains(&iy) && (0..6).contains(&ix) {
                let pixel = pixels[((n * 5 + iy as usize) * 6 + ix as usize) * 4 + group * 2 + c];
                sum += pixel * kernel[((ky * 2 + kx) * 2 + c) * 6 + out];
            }
        }
        expected.push(sum);
    }
    assert_close(&y, &expected, 1e-13);
}

#[test]
fn options_draw_again_from_the_same_seed() {
    let make = || Linear::new(20, 30, &mut Rng::new(9));
    let init = Init::TruncatedNormal { mean: 0.0, std: 0.1 };
    let (plain, once) = (make(), make().init(init, Init::Constant(0.1)));
    let twice = make().init(Init::Zeros, Init::Zeros).init(init, Init::Constant(0.1));
    assert_eq!(once.weight.value(), twice.weight.value());
    assert_eq!(once.bias.unwrap().value(), &Tensor::full([30], 0.1, DType::F32));
    assert!(plain.weight.value().abs().max(..).item() <= (6.0_f64 / 50.0).sqrt());
    // What one layer draws does not depend on the options of the layer before.
    let rng = &mut Rng::new(9);
    let _ = Linear::new(20, 30, rng).init(init, init);
    let second = Linear::new(4, 4, rng);
    let rng = &mut Rng::new(9);
    let _ = Conv2d::new(2, 4, 5, rng).groups(2);
    assert_eq!(second.weight.value(), Linear::new(4, 4, rng).weight.value());
}

#[test]
fn pooling_values() {
    let x = Tensor::arange(0.0, 16.0, 1.0, DType::F32).reshape([1, 4, 4, 1]);
    let run = |layer: &dyn Layer| layer.forward(Graph::inference().input(x.clone())).value();
    assert_eq!(run(&MaxPool2d::new(2)).to_vec::<f32>(), [5.0, 7.0, 13.0, 15.0]);
    assert_eq!(run(&AvgPool2d::new(2)).to_vec::<f32>(), [2.5, 4.5, 10.5, 12.5]);
    assert_eq!(run(&AvgPool2d::new([4, 1]).stride([1, 3])).to_vec::<f32>(), [6.0, 9.0]);
    let same = AvgPool2d::new(3).stride(3).padding(Padding::Same);
    assert_eq!(run(&same).to_vec::<f32>(), [2.5, 4.5, 10.5, 12.5], "padding must not count");
}

#[test]
fn sequences() {
    let graph = Graph::inference();
    let x = graph.input(Tensor::from([1.0_f32, -2.0]));
    assert_eq!(Sequential::new().forward(x).index(), x.index());
    assert_eq!(None::<Activation>.forward(x).index(), x.index());
    let doubled = Lambda::new("Double", |x| x * 2.0);
    let boxed: Box<dyn Layer> = Box::new([doubled.clone(), doubled]);
    let model = Sequential::new().with(boxed).with(Activation::Relu);
    assert_eq!((model.len(), model.is_empty()), (2, false));
    assert_eq!(model.forward(x).value().to_vec::<f32>(), [4.0, 0.0]);
}

/// PyTorch's and burn's users change single layers of a model that is there.
#[test]
fn the_layers_of_a_sequential_can_be_reached_and_changed() {
    let rng = &mut Rng::new(3);
    let mut model = Sequential::new().with(Linear::new(2, 3, rng)).with(Dropout::new(0.5));
    model.push(Linear::new(3, 1, rng));
    model.insert(1, Activation::Relu);
    assert_eq!((model.len(), model.iter().len()), (4, 4));
    model.get_as_mut::<Dropout>(2).unwrap().keep = 1.0;
    assert!(model.get_as::<Dropout>(1).is_none() && model.get_as::<Dropout>(9).is_none());
    assert_eq!(model.get_as::<Activation>(1), Some(&Activation::Relu));
    assert!(model.get(4).is_none() && model.get_mut(4).is_none());
    // What was changed counts, and the layers work alone.
    let x = Tensor::from([[1.0_f32, -2.0]]);
    let graph = Graph::training(0, 0);
    let by_hand = model.iter().fold(graph.input(x.clone()), |x, layer| layer.forward(x));
    assert_eq!(model.forward(graph.input(x.clone())).value(), by_hand.value());
    model.iter_mut().for_each(|layer| layer.set_requires_grad(false));
    assert_eq!(model.param_count(), 0);
    let old = model.replace(3, Linear::new(3, 5, rng));
    assert_eq!(old.params()[0].1.value().shape(), [3, 1]);
    assert_eq!(model.param_count(), 20);
    model.remove(2);
    let names: Vec<String> = model.params().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias"]);
    assert_eq!(model.forward(Graph::training(0, 0).input(x)).shape(), [1, 5]);
}

#[test]
fn every_layer_shows_its_settings() {
    #[derive(nn::Module)]
    struct Own<L> {
        inner: L,
    }
    impl<L: Layer> Layer for Own<L> {
        fn forward<'g>(&self, x: nn::Var<'g>) -> nn::Var<'g> {
            self.inner.forward(x)
        }
    }
    let rng = &mut Rng::new(3);
    let model = Sequential::new()
        .with(Conv2d::new(1, 2, 3, rng).stride(2).without_bias())
        .with(BatchNorm::new(2).without_scale())
        .with(MaxPool2d::new(2))
        .with(AvgPool2d::new([1, 2]))
        .with(Lambda::new("Centre", |x: nn::Var<'_>| x - x.mean_keepdim(-1)))
        .with(Flatten)
        .with(vec![Some(Activation::LeakyRelu(0.1)), None])
        .with(Own { inner: Linear::new(4, 1, rng) });
    let text = format!("{model:?}");
    for part in [
        "0: Conv2d { weight: Param(f32 [3, 3, 1, 2]), bias: None, stride: [2, 2], dilation: [1, 1], padding: Same",
        "1: BatchNorm { scale: None, offset: Some(Param(f32 [2])), mean: Param(f32 [2], buffer)",
        "eps: 1e-5, decay: 0.99",
        "2: MaxPool2d { window: [2, 2], stride: [2, 2], padding: Valid }",
        "3: AvgPool2d { window: [1, 2], stride: [1, 2], padding: Valid }",
        "4: Lambda(\"Centre\"), 5: Flatten, 6: [Some(LeakyRelu(0.1)), None], ",
        "7: Own { inner.weight: Param(f32 [4, 1]), inner.bias: Param(f32 [1]) }}",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(format!("{:?}", model.get(5).unwrap()), "Flatten");
}
