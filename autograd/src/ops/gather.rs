//! Choosing elements by integers.

use crate::op::{Attributes, Op};
use crate::tape::graph::Var;
use tensor::{DType, OrPanic, ShapeError, Spec, Tensor, rules};

macro_rules! adjoint_pair {
    (
        $select:ident, $select_name:ident, $select_shape:expr;
        $add:ident, $add_name:ident, $add_shape:path
    ) => {
        struct $select {
            axis: isize,
        }
        struct $add {
            axis: isize,
            size: usize,
        }

        impl Op<2> for $select {
            fn attributes(&self) -> Attributes {
                Attributes::default().with("axis", self.axis)
            }
            fn infer(&self, [x, index]: [Spec; 2]) -> Result<Spec, ShapeError> {
                Ok(x.with_shape(($select_shape)(x.shape, self.axis, index.shape)?))
            }
            #[track_caller]
            fn forward(&self, [x, index]: [&Tensor; 2]) -> Tensor {
                x.$select_name(self.axis, index)
            }
            fn vjp<'g>(
                &self,
                [x, index]: [Var<'g>; 2],
                _: Var<'g>,
                dy: Var<'g>,
                _: [bool; 2],
            ) -> [Option<Var<'g>>; 2] {
                let axis = x.shape().axis(stringify!($select_name), self.axis).or_panic();
                [Some(dy.$add_name(self.axis, index, x.shape()[axis])), None]
            }
        }

        impl Op<2> for $add {
            fn attributes(&self) -> Attributes {
                Attributes::default().with("axis", self.axis).with("size", self.size)
            }
            fn infer(&self, [x, index]: [Spec; 2]) -> Result<Spec, ShapeError> {
                Ok(x.with_shape($add_shape(x.shape, self.axis, index.shape, self.size)?))
            }
            #[track_caller]
            fn forward(&self, [x, index]: [&Tensor; 2]) -> Tensor {
                x.$add_name(self.axis, index, self.size)
            }
            fn vjp<'g>(
                &self,
                [_, index]: [Var<'g>; 2],
                _: Var<'g>,
                dy: Var<'g>,
                _: [bool; 2],
            ) -> [Option<Var<'g>>; 2] {
                [Some(dy.$select_name(self.axis, index)), None]
            }
        }
    };
}

adjoint_pair! {
    Gather, gather, |x, axis, index| rules::gather_shape("gather", x, axis, index);
    ScatterAdd, scatter_add, rules::scatter_add_shape
}

adjoint_pair! {
    IndexSelect, index_select, rules::index_select_shape;
    IndexAdd, index_add, rules::index_add_shape
}

/// Integers as rows of zeros with a one.
struct OneHot {
    classes: usize,
    dtype: DType,
}

impl Op<1> for OneHot {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("classes", self.classes).with("dtype", self.dtype)
    }
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        Ok(Spec { shape: rules::one_hot_shape(x.shape, self.classes)?, dtype: self.dtype })
    }
    #[track_caller]
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.one_hot(self.classes, self.dtype)
    }
    fn differentiable(&self, _: usize) -> bool {
        false
    }
}

impl<'g> Var<'g> {
    /// One element for each index: `out[i][j][k] = self[i][index[i][j][k]][k]` along axis 1, likewise along others.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]]));
    /// let classes = graph.input(Tensor::from([[2_i64], [0]]));
    /// assert_eq!(x.gather(1, classes).value(), Tensor::from([[3.0_f32], [4.0]]));
    /// ```
    ///
    /// # Panics
    /// If the shapes differ but along `axis`, the index is not `i64`, or an index is out of range.
    #[track_caller]
    pub fn gather(self, axis: isize, index: Var<'g>) -> Var<'g> {
        self.graph.apply(Gather { axis }, [self, index])
    }

    /// The adjoint of [`gather`](Var::gather): each element is added at its index to zeros, of which there are `size`
    /// along `axis`.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([1.0_f32, 2.0, 3.0]));
    /// let index = graph.input(Tensor::from([0_i64, 3, 0]));
    /// assert_eq!(x.scatter_add(0, index, 4).value(), Tensor::from([4.0_f32, 0.0, 0.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If the index has not the shape of the values or is not `i64`, or an index is out of range.
    #[track_caller]
    pub fn scatter_add(self, axis: isize, index: Var<'g>, size: usize) -> Var<'g> {
        self.graph.apply(ScatterAdd { axis, size }, [self, index])
    }

    /// The slices of `axis` that a vector of indices names, in its order: a look-up in a table (an embedding).
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]]));
    /// let columns = graph.input(Tensor::from([2_i64, 2]));
    /// assert_eq!(x.index_select(1, columns).value(), Tensor::from([[3.0_f32, 3.0], [6.0, 6.0]]));
    /// ```
    ///
    /// # Panics
    /// If the axis does not exist, the index is no `i64` vector, or an index is out of range.
    #[track_caller]
    pub fn index_select(self, axis: isize, index: Var<'g>) -> Var<'g> {
        self.graph.apply(IndexSelect { axis }, [self, index])
    }

    /// The adjoint of [`index_select`](Var::index_select): each slice is added at its index to zeros, of which there are
    /// `size` along `axis`.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]]));
    /// let rows = graph.input(Tensor::from([1_i64, 1]));
    /// assert_eq!(x.index_add(0, rows, 2).value(), Tensor::from([[0.0_f32, 0.0, 0.0], [5.0, 7.0, 9.0]]));
    /// ```
    ///
    /// # Panics
    /// If the index is no `i64` vector as long as the axis, or an index is out of range.
    #[track_caller]
    pub fn index_add(self, axis: isize, index: Var<'g>, size: usize) -> Var<'g> {
        self.graph.apply(IndexAdd { axis, size }, [self, index])
    }

    /// A new last axis of `classes` zeros with a one at each element's index.
    ///
    /// ```
    /// # use autograd::{DType, Graph, Tensor};
    /// let graph = Graph::inference();
    /// let labels = graph.input(Tensor::from([1_i64, 0]));
    /// let y = labels.one_hot(3, DType::F32);
    /// assert_eq!(y.value(), Tensor::from([[0.0_f32, 1.0, 0.0], [1.0, 0.0, 0.0]]));
    /// ```
    ///
    /// # Panics
    /// If the elements are not `i64` within `0..classes`.
    #[track_caller]
    pub fn one_hot(self, classes: usize, dtype: DType) -> Var<'g> {
        self.apply(OneHot { classes, dtype })
    }
}

#[cfg(test)]
pub(super) fn cases() -> Vec<crate::ops::tests::table::Case> {
    use crate::ops::tests::table::Case;
    let x = || [Case::normal(&[2, 5, 3], 1)];
    let index = || Tensor::from([[[0_i64, 4, 2], [4, 4, 1]], [[3, 0, 0], [1, 0, 2]]]);
    let list = || Tensor::from([4_i64, 0, 4]);
    vec![
        Case::new("gather", x(), move |g, x| {
            let n = x[0].shape()[0];
            x[0].gather(1, g.constant(index()).slice(0, ..n))
        }),
        Case::new("scatter_add", [Case::normal(&[2, 2, 3], 1)], move |g, x| {
            let n = x[0].shape()[0];
            x[0].scatter_add(1, g.constant(index()).slice(0, ..n), 5)
        }),
        Case::new("index_select", x(), move |g, x| x[0].index_select(1, g.constant(list()))),
        Case::new("index_add", [Case::normal(&[2, 3], 1)], move |g, x| {
            x[0].index_add(-1, g.constant(list()), 6)
        }),
    ]
}
