//! The programs of random graphs have the bits of the graphs: operations of the table in any order, on any shape and layout.

use crate::gradcheck::in_odd_layout;
use crate::ops::tests::table;
use crate::{Conv2d, Graph, Module, Param, ParamPath, Tensor, Var};
use proptest::prelude::*;
use std::fmt;
use tensor::{DType, Pool2d, Rng, Shape, Windows, broadcast_shape};

/// One more value of a graph: which operation, of which earlier values, counted back, and a number that decides the rest.
#[derive(Clone)]
struct Recipe {
    op: usize,
    a: usize,
    b: usize,
    dice: usize,
}

impl fmt::Debug for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -{} -{} dice {}", MENU[self.op].0, self.a + 1, self.b + 1, self.dice)
    }
}

/// What a value is made of: two earlier ones, a number, and the model's parameters.
struct Making<'a, 'g> {
    a: Var<'g>,
    b: Var<'g>,
    dice: usize,
    params: &'a Params<Var<'g>>,
}

impl<'g> Making<'_, 'g> {
    /// Two that broadcast.
    fn pair(&self) -> [Var<'g>; 2] {
        let fit =
            broadcast_shape("", self.a.shape(), self.b.shape()).is_ok_and(|shape| shape.numel() <= LARGEST);
        [self.a, if fit { self.b } else { self.a }]
    }
    /// Something with an axis.
    fn array(&self) -> Var<'g> {
        if self.a.rank() > 0 { self.a } else { self.a.reshape([1]) }
    }
    fn axis(&self) -> isize {
        (self.dice % self.array().rank()) as isize
    }
    /// The size of that axis.
    fn size(&self) -> usize {
        self.array().shape()[self.axis() as usize]
    }
    /// `[rows, size of the last axis]`
    fn rows(&self) -> Var<'g> {
        let x = self.array();
        let last = x.shape()[x.rank() - 1];
        x.reshape([x.shape().numel() / last.max(1), last])
    }
    /// Images with as many channels as the model's kernels, and place for a window.
    fn images(&self) -> Option<Var<'g>> {
        let x = self.a.shape();
        let fit = x.len() == 4 && x[3] == self.params.bias.shape()[0] && x[1].min(x[2]) > 1;
        fit.then_some(self.a)
    }
    /// Something with as many channels as the model has.
    fn channels(&self) -> Option<Var<'g>> {
        (self.a.shape().last() == self.params.bias.shape().last()).then_some(self.a)
    }
    /// So many numbers below `n`.
    fn index(&self, shape: impl Into<Shape>, n: usize) -> Var<'g> {
        let shape = shape.into();
        let numbers: Vec<i64> = (0..shape.numel()).map(|i| ((i * 7 + self.dice) % n) as i64).collect();
        self.a.graph().constant(Tensor::from(numbers).reshape(shape))
    }
    fn conv(&self) -> Conv2d {
        match self.dice {
            0 => Conv2d { stride: [2, 2], ..Conv2d::default() },
            1 => Conv2d { dilation: [2, 1], ..Conv2d::default() },
            _ => Conv2d::default(),
        }
    }
    fn pool(&self) -> Pool2d {
        Pool2d::new(2)
    }
}

type Make = for<'a, 'g> fn(&Making<'a, 'g>) -> Option<Var<'g>>;

/// The operations, by the names of the table.
const MENU: &[(&str, Make)] = &[
    ("neg", |m| Some(-m.a)),
    ("abs", |m| Some(m.a.abs())),
    ("square", |m| Some(m.a.square())),
    ("sqrt", |m| Some(m.a.abs().sqrt())),
    ("recip", |m| Some((m.a.square() + 1.0).recip())),
    ("exp", |m| Some((-m.a.abs()).exp())),
    ("exp_m1", |m| Some(m.a.minimum(m.a.full([], 1.0)).exp_m1())),
    ("ln", |m| Some((m.a.abs() + 0.5).ln())),
    ("ln_1p", |m| Some(m.a.abs().ln_1p())),
    ("sin", |m| Some(m.a.sin())),
    ("cos", |m| Some(m.a.cos())),
    ("tan", |m| Some(m.a.tan())),
    ("tanh", |m| Some(m.a.tanh())),
    ("sigmoid", |m| Some(m.a.sigmoid())),
    ("relu", |m| Some(m.a.relu())),
    ("clamp", |m| Some(m.a.clamp(-0.5, 1.5))),
    ("powf", |m| Some(m.a.abs().powf(1.5))),
    ("leaky_relu", |m| Some(m.a.leaky_relu(0.1))),
    ("softplus", |m| Some(m.a.softplus())),
    ("silu", |m| Some(m.a.silu())),
    ("gelu", |m| Some(m.a.gelu())),
    ("elu", |m| Some(m.a.elu(1.5))),
    ("to", |m| Some(m.a.to(DType::F64).sin().to(DType::F32))),
    ("add", |m| Some(m.pair()[0] + m.pair()[1])),
    ("sub", |m| Some(m.pair()[0] - m.pair()[1])),
    ("mul", |m| Some(m.pair()[0] * m.pair()[1])),
    ("div", |m| Some(m.pair()[0] / (m.pair()[1].square() + 0.5))),
    ("pow", |m| Some((m.pair()[0].abs() + 0.5).pow(m.pair()[1].tanh()))),
    ("maximum", |m| Some(m.pair()[0].maximum(m.pair()[1]))),
    ("minimum", |m| Some(m.pair()[0].minimum(m.pair()[1]))),
    ("select", |m| {
        let [a, b] = m.pair();
        let between = a.greater(b).logical_or(b.less_equal(a * 0.5).logical_not());
        let between = if m.dice % 2 == 0 { between } else { a.less(b).not_equal(between) };
        Some(between.select(a, b))
    }),
    ("sum", |m| Some(m.array().sum(m.axis()))),
    ("mean", |m| Some(m.array().mean_keepdim(m.axis()))),
    ("prod", |m| Some(m.array().tanh().prod(m.axis()))),
    ("max", |m| (m.size() > 0).then(|| m.array().max(m.axis()))),
    ("min", |m| (m.size() > 0).then(|| m.array().min_keepdim(m.axis()))),
    ("var", |m| (m.size() > 1).then(|| m.array().var(m.axis(), 1))),
    ("std", |m| (m.size() > 1).then(|| m.array().std(m.axis(), 0))),
    ("centred", |m| Some(m.array().centred(m.axis()))),
    ("logsumexp", |m| Some(m.array().logsumexp(m.axis()))),
    ("softmax", |m| Some(m.array().softmax(m.axis()))),
    ("log_softmax", |m| Some(m.array().log_softmax(m.axis()))),
    ("softmax_cross_entropy", |m| {
        let labels = |x: Var<'_>| m.index([x.shape()[0]], x.shape()[1]);
        let x = m.rows();
        (x.shape()[1] > 0).then(|| x.softmax_cross_entropy(labels(x)))
    }),
    ("binary_cross_entropy_with_logits", |m| {
        Some(m.a.binary_cross_entropy_with_logits(m.a.detach().sigmoid()))
    }),
    ("moments", |m| Some(m.array().moments()[m.dice % 2])),
    ("batch_norm", |m| Some(m.array().batch_norm(1e-3))),
    ("batch_norm_affine", |m| {
        let [y, ..] = m.channels()?.batch_norm_affine(1e-3, Some(m.params.scale), Some(m.params.bias));
        Some(y)
    }),
    ("matmul", |m| match m.channels() {
        Some(x) if x.rank() > 1 => Some(x.matmul(m.params.weights)),
        _ => Some(m.rows().t().matmul(m.rows())),
    }),
    ("conv2d", |m| {
        let kernel = if m.dice % 2 == 0 { m.params.kernel } else { m.params.pointwise };
        let y = m.images()?.conv2d(kernel, m.conv());
        // A residual block, now and then.
        Some(if m.dice > 8 { y + m.a } else { y })
    }),
    ("conv2d_transpose", |m| {
        let x = m.images()?;
        Some(x.conv2d_transpose(m.params.kernel, x.shape(), Conv2d::default()))
    }),
    ("max_pool2d", |m| Some(m.images()?.max_pool2d(m.pool()))),
    ("avg_pool2d", |m| Some(m.images()?.avg_pool2d(m.pool()))),
    ("gather", |m| {
        let x = m.rows();
        (x.shape()[1] > 0).then(|| x.gather(1, m.index(x.shape(), x.shape()[1])))
    }),
    ("scatter_add", |m| Some(m.rows().scatter_add(1, m.index(m.rows().shape(), 3), 3))),
    ("index_select", |m| (m.size() > 0).then(|| m.array().index_select(m.axis(), m.index([3], m.size())))),
    ("index_add", |m| Some(m.array().index_add(m.axis(), m.index([m.size()], 2), 2))),
    ("concat", |m| Some(Var::concat(&[m.array(), m.array() * 2.0], m.axis()))),
    ("stack", |m| Some(Var::stack(&[m.a, m.a.relu()], 0))),
    ("reshape", |m| Some(m.a.reshape([m.a.shape().numel()]))),
    ("flatten", |m| Some(m.array().flatten(m.axis() as usize))),
    ("squeeze", |m| Some(m.a.unsqueeze(0).squeeze(0))),
    ("unsqueeze", |m| (m.a.rank() < 5).then(|| m.a.unsqueeze(-1))),
    ("permute", |m| {
        let order: Vec<isize> = (0..m.a.rank() as isize).rev().collect();
        Some(m.a.permute(order))
    }),
    ("transpose", |m| Some(m.array().transpose(0, m.axis()))),
    ("t", |m| Some(m.rows().t())),
    ("slice", |m| (m.size() > 1).then(|| m.array().slice(m.axis(), 1..))),
    ("narrow", |m| (m.size() > 1).then(|| m.array().narrow(m.axis(), 0, m.size() - 1))),
    ("flip", |m| Some(m.array().flip(m.axis()))),
    ("broadcast_to", |m| {
        (m.a.rank() < 5).then(|| m.a.broadcast_to([&[2], &m.a.shape()[..]].concat().as_slice()))
    }),
    ("windows", |m| {
        let windows = Windows { kernel: [2, 2], stride: [1, 2], dilation: [1, 1] };
        Some(m.images()?.windows(windows))
    }),
    ("split", |m| Some(m.array().split(m.axis(), &[1, m.size().checked_sub(1)?])[1])),
    ("pad", |m| {
        let padding = vec![[1, 0]; m.a.rank()];
        Some(m.a.pad(&padding, 0.5))
    }),
];

/// No value has more elements.
const LARGEST: usize = 1_300_000;

/// A model's parameters, or the variables that stand for them.
struct Params<T> {
    bias: T,
    scale: T,
    weights: T,
    kernel: T,
    pointwise: T,
}

impl<T> Params<T> {
    fn all(&self) -> [&T; 5] {
        [&self.bias, &self.scale, &self.weights, &self.kernel, &self.pointwise]
    }
}

impl Module for Params<Param> {
    fn visit<'a>(&'a self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a Param)) {
        self.all().into_iter().for_each(|param| param.visit(path, f));
    }
    fn visit_mut<'a>(&'a mut self, path: &ParamPath<'_>, f: &mut dyn FnMut(&ParamPath<'_>, &'a mut Param)) {
        let Params { bias, scale, weights, kernel, pointwise } = self;
        [bias, scale, weights, kernel, pointwise].into_iter().for_each(|param| param.visit_mut(path, f));
    }
}

/// A graph to be grown, and what of it is kept.
#[derive(Clone, Debug)]
struct Plan {
    images: [usize; 4],
    odd_layout: bool,
    recipes: Vec<Recipe>,
    backward: bool,
}

fn plan(
    op: impl Strategy<Value = usize>,
    images: impl Strategy<Value = [usize; 4]>,
    most: usize,
) -> impl Strategy<Value = Plan> {
    // Mostly the newest value, so that there are chains.
    let recipe = (op, prop_oneof![3 => Just(0), 1 => 0..8_usize], 0..8_usize, 0..12_usize)
        .prop_map(|(op, a, b, dice)| Recipe { op, a, b, dice });
    (images, any::<bool>(), prop::collection::vec(recipe, 1..=most), any::<bool>())
        .prop_map(|(images, odd_layout, recipes, backward)| Plan { images, odd_layout, recipes, backward })
}

/// The place of an operation on the menu; those before `sum` are element-wise.
fn place(name: &str) -> usize {
    MENU.iter().position(|(other, _)| *other == name).unwrap()
}

/// Graphs of all operations.
fn any_graph() -> impl Strategy<Value = Plan> {
    let kernels = ["conv2d", "batch_norm_affine", "batch_norm"].map(place).to_vec();
    let op = prop_oneof![3 => 0..place("sum"), 2 => prop::sample::select(kernels), 1 => 0..MENU.len()];
    let images =
        (1..4_usize, 2..21_usize, 2..20_usize, prop_oneof![Just(1_usize), Just(3), Just(4), Just(16)]);
    plan(op, images.prop_map(|(n, h, w, c)| [n, h, w, c]), 23)
}

/// Convolutions and what lies between them, of so many images that they leave the cache, where more is fused.
fn large_graph() -> impl Strategy<Value = Plan> {
    let op = prop_oneof![2 => 0..place("sum"), 1 => Just(place("conv2d"))];
    plan(op, Just([200, 20, 19, 4]), 9)
}

/// Equal but for the bits of NaNs.
fn same(a: &Tensor, b: &Tensor) -> bool {
    let bits = |x: &Tensor| -> Vec<u32> {
        x.to_vec::<f32>().iter().map(|x| if x.is_nan() { 0x7fc0_0000 } else { x.to_bits() }).collect()
    };
    a.spec() == b.spec() && bits(a) == bits(b)
}

fn check(plan: &Plan) -> Result<(), TestCaseError> {
    let rng = &mut Rng::new(1);
    let c = plan.images[3];
    let mut normal = |shape: &[usize]| Tensor::normal(shape, 0.1, 1.0, DType::F32, rng);
    let model = Params {
        bias: normal(&[c]),
        scale: normal(&[c]),
        weights: normal(&[c, c]),
        kernel: normal(&[3, 3, c, c]),
        pointwise: normal(&[1, 1, c, c]),
    };
    let images = normal(&plan.images);
    let Params { bias, scale, weights, kernel, pointwise } = model;
    let model = Params {
        bias: Param::new(bias),
        scale: Param::new(scale),
        weights: Param::new(weights),
        kernel: Param::new(kernel),
        pointwise: Param::new(pointwise),
    };
    let images = if plan.odd_layout { in_odd_layout(&images) } else { images };

    let graph = Graph::training(3, 0);
    let params = Params {
        bias: graph.param(&model.bias),
        scale: graph.param(&model.scale),
        weights: graph.param(&model.weights),
        kernel: graph.param(&model.kernel),
        pointwise: graph.param(&model.pointwise),
    };
    let mut pool = vec![graph.input(images.clone()), params.bias, params.scale];
    for recipe in &plan.recipes {
        let value = |i: usize| pool[pool.len() - 1 - i % pool.len()];
        let making = Making { a: value(recipe.a), b: value(recipe.b), dice: recipe.dice, params: &params };
        if making.a.shape().numel() > LARGEST / 2 {
            continue;
        }
        pool.extend((MENU[recipe.op].1)(&making));
    }
    let last = pool[pool.len() - 1];
    let dropped = last * graph.bernoulli(last.shape(), 0.5, DType::F32);
    let loss = (dropped.square().mean(..) + pool[pool.len() / 2].mean(..)) * 0.5;
    let expected = plan.backward.then(|| loss.backward());
    let outputs = [loss, last, pool[pool.len() / 2]];
    let mut program = graph.compile(&outputs);

    // The second run writes over the memory of the first.
    for run in 0..2 {
        let found = program.run(&model, 0, std::slice::from_ref(&images)).expect("the graph's own inputs");
        for (output, found) in outputs.iter().zip(found) {
            prop_assert!(
                same(&output.value(), found),
                "run {run}: %{} differs\n{graph}\ncompiled:\n{program}",
                output.index()
            );
        }
        for param in model.all() {
            let [eager, compiled] =
                [expected.as_ref().and_then(|grads| grads.get(param)), program.grads().get(param)];
            let equal = match (eager, compiled) {
                (Some(eager), Some(compiled)) => same(eager, compiled),
                (None, None) => true,
                _ => false,
            };
            let shape = param.value().shape();
            prop_assert!(equal, "run {run}: the gradient {shape} differs\n{graph}\ncompiled:\n{program}");
        }
    }
    Ok(())
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn a_program_has_the_bits_of_its_graph(plan in any_graph()) {
        check(&plan)?;
    }
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn so_it_has_where_values_leave_the_cache(plan in large_graph()) {
        check(&plan)?;
    }
}

#[test]
fn every_operation_of_the_table_is_on_the_menu() {
    for name in table::names() {
        let name = name.strip_suffix("_keepdim").unwrap_or(name);
        assert!(
            MENU.iter().any(|(other, _)| *other == name),
            "{name} is in no random graph: add it to the menu"
        );
    }
}
