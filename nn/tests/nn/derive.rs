//! What `#[derive(Module)]` writes.

use crate::names;
use nn::{BatchNorm, Conv2d, Layer, Linear, Module, Param, Rng, Role, Sequential, Tensor, Var};
use std::marker::PhantomData;

fn param() -> Param {
    Param::new(Tensor::from(1.0_f32))
}

#[derive(Module)]
struct Affine {
    weight: Param,
    bias: Param,
}

fn affine() -> Affine {
    Affine { weight: param(), bias: param() }
}

#[derive(Module)]
enum Norm {
    None,
    Batch(Box<BatchNorm>),
    Affine { factor: Param, r#type: Param },
    Two(Param, Affine),
}

#[derive(Module)]
struct Block<M, const N: usize, U: Clone = f32>
where
    U: Default,
{
    stages: [M; N],
    more: Vec<Option<M>>,
    #[module(skip)]
    marker: PhantomData<U>,
    #[module(skip)]
    hidden: Vec<std::path::PathBuf>,
    rate: f64,
    name: String,
}

#[derive(Module)]
struct Pair(Affine, Box<dyn Layer>);

#[derive(Module)]
struct Wrapper(Affine);

#[derive(Module)]
struct Unit;

#[derive(Module)]
struct Empty {}

#[derive(Module)]
enum Never {}

#[test]
fn names_follow_the_structure() {
    assert_eq!(names(&affine()), ["weight", "bias"]);
    assert_eq!(names(&Wrapper(affine())), ["weight", "bias"]);
    assert_eq!(names(&Pair(affine(), Box::new(Sequential::new()))), ["0.weight", "0.bias"]);
    assert!(names(&Unit).is_empty() && names(&Empty {}).is_empty());
    assert!(names(&Vec::<Never>::new()).is_empty());

    assert!(names(&Norm::None).is_empty());
    assert_eq!(
        names(&Norm::Batch(Box::new(BatchNorm::new(2)))),
        ["scale", "offset", "mean", "variance", "steps"]
    );
    assert_eq!(names(&Norm::Affine { factor: param(), r#type: param() }), ["factor", "type"]);
    assert_eq!(names(&Norm::Two(param(), affine())), ["0", "1.weight", "1.bias"]);
}

#[test]
fn generics_nest() {
    let block = Block::<_, 2> {
        stages: [Norm::None, Norm::Affine { factor: param(), r#type: param() }],
        more: vec![None, Some(Norm::Two(param(), affine()))],
        marker: PhantomData,
        hidden: vec!["no module".into()],
        rate: 0.5,
        name: "block".into(),
    };
    let expected = ["stages.1.factor", "stages.1.type", "more.1.0", "more.1.1.weight", "more.1.1.bias"]
        .map(String::from);
    assert_eq!(names(&block), expected);
    let outer = Block::<_, 1, u8> {
        stages: [block],
        more: vec![],
        marker: PhantomData,
        hidden: vec![],
        rate: 0.0,
        name: String::new(),
    };
    assert_eq!(names(&outer), expected.map(|name| format!("stages.0.{name}")));
    assert_eq!((outer.hidden.len(), outer.rate, outer.name.len()), (0, 0.0, 0));
}

#[test]
fn writing_visits_the_same_parameters() {
    let rng = &mut Rng::new(1);
    let mut model = (
        Sequential::new()
            .with(Conv2d::new(1, 2, 3, rng))
            .with(BatchNorm::new(2))
            .with(Linear::new(2, 2, rng)),
        Norm::Two(param(), affine()),
        Wrapper(affine()),
    );
    let read: Vec<_> = model.params().into_iter().map(|(name, p)| (name, p.id())).collect();
    let written: Vec<_> = model.params_mut().into_iter().map(|(name, p)| (name, p.id())).collect();
    assert_eq!(read, written);
    assert_eq!(read.len(), 2 + 5 + 2 + 3 + 2);
    model.set_requires_grad(false);
    assert!(model.params().iter().all(|(_, p)| p.role() != Role::Trainable));
    assert_eq!(model.param_count(), 0);
}

/// A model with two inputs is a module, and needs no `Layer`.
#[derive(Module)]
struct TwoInputs {
    left: Linear,
    right: Option<Linear>,
}

impl TwoInputs {
    fn forward<'g>(&self, a: Var<'g>, b: Var<'g>) -> Var<'g> {
        self.left.forward(a) + self.right.forward(b)
    }
}

#[test]
fn two_inputs() {
    let rng = &mut Rng::new(1);
    let mut model = TwoInputs { left: Linear::new(3, 2, rng), right: Some(Linear::new(2, 2, rng)) };
    let graph = nn::Graph::training(0, 0);
    let [a, b] = [3, 2].map(|n| graph.input(Tensor::ones([4, n], nn::DType::F32)));
    let grads = model.forward(a, b).square().mean(..).backward();
    let mut paired = vec![];
    grads.apply(&mut model, &mut |path, _, _| paired.push(path.to_string())).unwrap();
    assert_eq!(paired, ["left.weight", "left.bias", "right.weight", "right.bias"]);
    model.right = None;
    assert_eq!(model.forward(a, b).shape(), [4, 2]);
}
