//! Reductions. The sum is a primitive, and log-sum-exp, which stands in `softmax`; the others are composed.

pub(super) mod variance;

use crate::op::{Attributes, Op};
use crate::ops::reduce::variance::{Deviation, Variance};
use crate::ops::softmax::LogSumExp;
use crate::tape::graph::Var;
use tensor::{Axes, DType, OrPanic, Shape, ShapeError, Spec, Tensor, rules};

/// The sum over axes, which stay with size 1.
struct Sum {
    axes: Axes,
}

impl Op<1> for Sum {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("axes", &self.axes)
    }
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        Ok(x.with_shape(rules::reduce_shape("sum", x.shape, &self.axes, true)?))
    }
    #[track_caller]
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.sum_keepdim(self.axes.clone())
    }
    fn vjp<'g>(&self, [x]: [Var<'g>; 1], _: Var<'g>, dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
        [Some(dy.broadcast_to(x.shape()))]
    }
}

/// A reduction to numbers or truth values through which no gradient flows: its rule of shapes, and the type of its result.
macro_rules! flat_reductions {
    ($($op:ident, $name:ident, $rule:path, $dtype:ident;)*) => {
        $(
            struct $op {
                axes: Axes,
            }

            impl Op<1> for $op {
                fn attributes(&self) -> Attributes {
                    Attributes::default().with("axes", &self.axes)
                }
                fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
                    let shape = $rule(stringify!($name), x.shape, &self.axes, false)?;
                    Ok(Spec { shape, dtype: DType::$dtype })
                }
                #[track_caller]
                fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
                    x.$name(self.axes.clone())
                }
                fn differentiable(&self, _: usize) -> bool {
                    false
                }
            }
        )*
    };
}

flat_reductions! {
    ArgMax, argmax, rules::extreme_shape, I64;
    ArgMin, argmin, rules::extreme_shape, I64;
    Any, any, rules::reduce_shape, Bool;
    All, all, rules::reduce_shape, Bool;
}

/// The axes as numbers from 0, in order.
fn listed(op: &'static str, x: Shape, axes: &Axes) -> Result<Vec<isize>, ShapeError> {
    let set = axes.resolve(op, &x)?;
    Ok((0..x.len()).filter(|&i| set[i]).map(|i| i as isize).collect())
}

/// The number of elements that each result combines.
fn combined(x: Shape, axes: &[isize]) -> usize {
    axes.iter().map(|&i| x[i as usize]).product()
}

impl<'g> Var<'g> {
    /// Reduces with an operation that keeps axes, and drops them unless they are to stay.
    #[track_caller]
    fn reduce<O: Op<1>>(
        self,
        op: &'static str,
        axes: &Axes,
        keep: bool,
        with: impl FnOnce(Axes) -> O,
    ) -> Var<'g> {
        let shape = rules::reduce_shape(op, self.shape(), axes, keep).or_panic();
        let y = self.apply(with(listed(op, self.shape(), axes).or_panic().into()));
        if keep { y } else { y.reshape(shape) }
    }

    #[track_caller]
    fn mean_of(self, axes: &Axes, keep: bool) -> Var<'g> {
        let n = combined(self.shape(), &listed("mean", self.shape(), axes).or_panic());
        self.floats("mean").reduce("mean", axes, keep, |axes| Sum { axes }) / n as f64
    }

    /// The elements that are chosen by `index`, which finds the first of the largest (or smallest) along an axis: so the
    /// gradient goes to one element only, and to the first of equals.
    #[track_caller]
    fn extreme(
        self,
        op: &'static str,
        axes: Axes,
        keep: bool,
        index: impl FnOnce(Var<'g>) -> Var<'g>,
    ) -> Var<'g> {
        let shape = rules::extreme_shape(op, self.shape(), &axes, keep).or_panic();
        self.numbers(op);
        let rows = self.rows(op, &axes);
        rows.gather(-1, index(rows).unsqueeze(-1)).reshape(shape)
    }

    /// Refuses truth values, of which the operations that `max` and the like are composed of take some.
    #[track_caller]
    fn numbers(self, op: &str) {
        if self.dtype() == DType::Bool {
            panic!("{op}: the tensor {} holds bool, not numbers; convert it with .to(…)", self.shape());
        }
    }

    /// `[…kept axes, all reduced elements]`.
    #[track_caller]
    fn rows(self, op: &'static str, axes: &Axes) -> Var<'g> {
        let x = self.shape();
        let reduced = listed(op, x, axes).or_panic();
        let kept: Vec<isize> = (0..x.len() as isize).filter(|i| !reduced.contains(i)).collect();
        let order: Vec<isize> = kept.iter().chain(&reduced).copied().collect();
        let in_order = order.is_sorted();
        let moved = if in_order { self } else { self.permute(order) };
        let mut dims: Vec<usize> = kept.iter().map(|&i| x[i as usize]).collect();
        dims.push(combined(x, &reduced));
        moved.reshape(Shape::new(&dims).or_panic())
    }

    /// The product, by multiplying halves: its gradient is right where elements are zero.
    #[track_caller]
    fn prod_of(self, axes: Axes, keep: bool) -> Var<'g> {
        let shape = rules::reduce_shape("prod", self.shape(), &axes, keep).or_panic();
        self.numbers("prod");
        let mut x = self.rows("prod", &axes);
        loop {
            let n = x.shape()[x.rank() - 1];
            match n {
                0 => return self.full(shape, 1.0),
                1 => return x.reshape(shape),
                _ => {
                    let product = x.narrow(-1, 0, n / 2) * x.narrow(-1, n / 2, n / 2);
                    let odd = (n % 2 == 1).then(|| x.narrow(-1, n - 1, 1));
                    x = match odd {
                        Some(last) => Var::concat(&[product, last], -1),
                        None => product,
                    };
                }
            }
        }
    }

    /// The variance: the mean squared distance from the mean, the sum of squares divided by `n − correction`
    /// (0: the variance of these numbers; 1: the unbiased estimate of the population's; PyTorch's `var`). Errors 2, 2, 2 eps,
    /// however far from 0 the numbers are.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([1.0_f32, 3.0, 5.0, 7.0]));
    /// assert_eq!(x.var(0, 0).item(), 5.0);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or the elements are not floats.
    #[track_caller]
    pub fn var(self, axes: impl Into<Axes>, correction: usize) -> Var<'g> {
        self.floats("var").reduce("var", &axes.into(), false, |axes| Variance { axes, correction })
    }

    /// The standard deviation, the root of the [variance](Var::var) (PyTorch's `std`). Where all numbers are equal it is 0, and
    /// so is its gradient. Errors 1, 3, 5 eps.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([1.0_f32, 3.0, 5.0, 7.0]));
    /// assert_eq!(x.std(0, 0).item(), 5.0_f32.sqrt().into());
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or the elements are not floats.
    #[track_caller]
    pub fn std(self, axes: impl Into<Axes>, correction: usize) -> Var<'g> {
        self.floats("std").reduce("std", &axes.into(), false, |axes| Deviation { axes, correction })
    }

    /// The index along `axes` of the largest element, the first of several; NaN counts as largest. Over several axes it is the
    /// index into all their elements in row-major order.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([[1.0_f32, 5.0, 3.0], [9.0, 0.0, 0.0]]));
    /// assert_eq!(x.argmax(-1).value(), Tensor::from([1_i64, 0]));
    /// assert_eq!(x.argmax(..).item(), 3.0);
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or all are empty.
    #[track_caller]
    pub fn argmax(self, axes: impl Into<Axes>) -> Var<'g> {
        let axes = axes.into();
        rules::extreme_shape("argmax", self.shape(), &axes, false).or_panic();
        self.apply(ArgMax { axes: listed("argmax", self.shape(), &axes).or_panic().into() })
    }

    /// The index along `axes` of the smallest element, the first of several; NaN counts as smallest. Over several axes it is the
    /// index into all their elements in row-major order.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([[1.0_f32, 5.0, 3.0], [9.0, 0.0, 0.0]]));
    /// assert_eq!(x.argmin(-1).value(), Tensor::from([0_i64, 1]));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or all are empty.
    #[track_caller]
    pub fn argmin(self, axes: impl Into<Axes>) -> Var<'g> {
        let axes = axes.into();
        rules::extreme_shape("argmin", self.shape(), &axes, false).or_panic();
        self.apply(ArgMin { axes: listed("argmin", self.shape(), &axes).or_panic().into() })
    }

    /// Whether any element is true.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([[true, false], [true, true]]));
    /// assert_eq!(x.any(0).value(), Tensor::from([true, true]));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or the elements are not `bool`.
    #[track_caller]
    pub fn any(self, axes: impl Into<Axes>) -> Var<'g> {
        let axes = listed("any", self.shape(), &axes.into()).or_panic();
        self.apply(Any { axes: axes.into() })
    }

    /// Whether all elements are true.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([[true, false], [true, true]]));
    /// assert_eq!(x.all(0).value(), Tensor::from([true, false]));
    /// ```
    ///
    /// # Panics
    /// If an axis does not exist or the elements are not `bool`.
    #[track_caller]
    pub fn all(self, axes: impl Into<Axes>) -> Var<'g> {
        let axes = listed("all", self.shape(), &axes.into()).or_panic();
        self.apply(All { axes: axes.into() })
    }
}

macro_rules! reductions {
    ($($(#[$doc:meta])* $name:ident, $keepdim:ident: |$x:ident, $axes:ident, $keep:ident| $body:expr;)*) => {
        impl<'g> Var<'g> {
            $(
                $(#[$doc])*
                ///
                /// # Panics
                /// If an axis does not exist or the element type is none it is defined for.
                #[track_caller]
                pub fn $name(self, axes: impl Into<Axes>) -> Var<'g> {
                    let ($x, $axes, $keep) = (self, axes.into(), false);
                    $body
                }

                #[doc = concat!("As [`", stringify!($name), "`](Var::", stringify!($name), "), the axes staying with size 1.")]
                ///
                /// # Panics
                /// If an axis does not exist or the element type is none it is defined for.
                #[track_caller]
                pub fn $keepdim(self, axes: impl Into<Axes>) -> Var<'g> {
                    let ($x, $axes, $keep) = (self, axes.into(), true);
                    $body
                }
            )*
        }
    };
}

reductions! {
    /// The sum over `axes`; 0 where there is nothing to add.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]]));
    /// assert_eq!(x.sum(0).value(), Tensor::from([5.0_f32, 7.0, 9.0]));
    /// assert_eq!(x.mean_keepdim([0, -1]).value(), Tensor::from([[3.5_f32]]));
    /// assert_eq!((x.max(..).item(), x.prod(..).item()), (6.0, 720.0));
    /// ```
    sum, sum_keepdim: |x, axes, keep| x.reduce("sum", &axes, keep, |axes| Sum { axes });
    /// The mean over `axes`; NaN where there is nothing to average.
    mean, mean_keepdim: |x, axes, keep| x.mean_of(&axes, keep);
    /// `ln Σ e^x` over `axes` without overflow; errors 1, 2, 3 eps; −∞ where there is nothing to add. The gradient is the
    /// softmax; at an `x = ∞` it is 1, which several of them share, and at the finite `x` beside it 0.
    logsumexp, logsumexp_keepdim: |x, axes, keep| x.reduce("logsumexp", &axes, keep, |axes| LogSumExp { axes });
    /// The largest element along `axes`; of equals the first has the gradient. Empty axes are refused.
    max, max_keepdim: |x, axes, keep| x.extreme("max", axes, keep, |rows| rows.argmax(-1));
    /// The smallest element along `axes`; of equals the first has the gradient. Empty axes are refused.
    min, min_keepdim: |x, axes, keep| x.extreme("min", axes, keep, |rows| rows.argmin(-1));
    /// The product over `axes`; 1 where there is nothing to multiply.
    prod, prod_keepdim: |x, axes, keep| x.prod_of(axes, keep);
}

#[cfg(test)]
pub(super) fn cases() -> Vec<crate::ops::tests::table::Case> {
    use crate::ops::tests::table::Case;
    let x = || [Case::normal(&[2, 3, 4], 1)];
    let mut cases = vec![
        Case::new("prod", [Case::with_zeros(&[2, 5], 3)], |_, x| x[0].prod(1)),
        Case::new("prod", [Case::with_zeros(&[4, 2], 4)], |_, x| x[0].prod(..)),
    ];
    macro_rules! over {
        ($($name:ident, $keepdim:ident, $empty:ident;)*) => {$(
            cases.extend([
                Case::new(stringify!($name), x(), |_, x| x[0].$name(1)),
                Case::new(stringify!($name), x(), |_, x| x[0].$name([0, 2])).$empty(),
                Case::new(stringify!($name), x(), |_, x| x[0].$name(..)).$empty(),
                Case::new(stringify!($keepdim), x(), |_, x| x[0].$keepdim([-1, 0])).$empty(),
                Case::new(stringify!($keepdim), x(), |_, x| x[0].$keepdim([1, 2])),
            ]);
        )*};
    }
    over! {
        sum, sum_keepdim, empty_is_fine;
        mean, mean_keepdim, empty_gives_nan;
        logsumexp, logsumexp_keepdim, empty_is_fine;
        prod, prod_keepdim, empty_is_fine;
        max, max_keepdim, empty_is_refused;
        min, min_keepdim, empty_is_refused;
    }
    cases
}
