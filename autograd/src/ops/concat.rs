//! Putting variables together, and padding them.

use crate::op::{Attributes, DynOp, Op, Outputs};
use crate::tape::graph::Var;
use tensor::{DType, OrPanic, Shape, ShapeError, Spec, Tensor, rules};

struct Concat {
    axis: isize,
}

impl DynOp for Concat {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("axis", self.axis)
    }
    fn infer(&self, x: &[Spec]) -> Result<Outputs<Spec>, ShapeError> {
        let shapes: Vec<Shape> = x.iter().map(|x| x.shape).collect();
        // The kernel refuses types that differ.
        let dtype = x.first().map_or(DType::F32, |x| x.dtype);
        Ok(Spec { shape: rules::concat_shape(&shapes, self.axis)?, dtype }.into())
    }
    #[track_caller]
    fn forward(&self, x: &[&Tensor]) -> Outputs<Tensor> {
        Tensor::concat(x, self.axis).into()
    }
    fn vjp<'g>(
        &self,
        x: &[Var<'g>],
        _: &[Var<'g>],
        dy: &[Option<Var<'g>>],
        need: &[bool],
    ) -> Vec<Option<Var<'g>>> {
        let mut start = 0;
        let part = |(x, need): (&Var<'g>, &bool)| {
            let size = x.shape()[x.shape().axis("concat", self.axis).or_panic()];
            start += size;
            dy[0].filter(|_| *need).map(|dy| dy.narrow(self.axis, start - size, size))
        };
        x.iter().zip(need).map(part).collect()
    }
}

struct Pad {
    padding: Vec<[usize; 2]>,
    value: f64,
}

impl Op<1> for Pad {
    fn attributes(&self) -> Attributes {
        Attributes::default().with("padding", self.padding.concat()).with("value", self.value)
    }
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        Ok(x.with_shape(rules::pad_shape(x.shape, &self.padding)?))
    }
    #[track_caller]
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.pad(&self.padding, self.value)
    }
    fn vjp<'g>(&self, [x]: [Var<'g>; 1], _: Var<'g>, dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
        let parts = rules::pad_slices(x.shape(), &self.padding).into_iter().enumerate();
        let padded = parts.filter(|&(axis, _)| self.padding[axis] != [0, 0]);
        [Some(padded.fold(dy, |dy, (axis, part)| dy.slice(axis as isize, part)))]
    }
}

impl<'g> Var<'g> {
    /// Joined along an existing axis.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor, Var};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([1.0_f32, 2.0]));
    /// let y = graph.input(Tensor::from([3.0_f32, 4.0]));
    /// assert_eq!(Var::concat(&[x, y], 0).value(), Tensor::from([1.0_f32, 2.0, 3.0, 4.0]));
    /// ```
    ///
    /// # Panics
    /// If there are none, their types differ, or their sizes differ but along `axis`.
    #[track_caller]
    pub fn concat(vars: &[Var<'g>], axis: isize) -> Var<'g> {
        match vars.first() {
            Some(first) => first.graph.apply_dyn(Concat { axis }, vars),
            None => panic!("concat: there are no tensors to join"),
        }
    }

    /// Joined along a new axis.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor, Var};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([1.0_f32, 2.0]));
    /// let y = graph.input(Tensor::from([3.0_f32, 4.0]));
    /// assert_eq!(Var::stack(&[x, y], 1).value(), Tensor::from([[1.0_f32, 3.0], [2.0, 4.0]]));
    /// ```
    ///
    /// # Panics
    /// If there are none or their types or shapes differ.
    #[track_caller]
    pub fn stack(vars: &[Var<'g>], axis: isize) -> Var<'g> {
        let shapes: Vec<Shape> = vars.iter().map(|var| var.shape()).collect();
        rules::stack_shape(&shapes, axis).or_panic();
        let (first, dtype) = (shapes[0], vars[0].dtype());
        if let Some(other) = vars.iter().find(|var| var.dtype() != dtype) {
            panic!(
                "stack: {dtype} and {} {first}: the element types differ; convert one with .to(…)",
                other.dtype()
            );
        }
        let mut raised = Vec::with_capacity(vars.len());
        for var in vars {
            raised.push(var.unsqueeze(axis));
        }
        Var::concat(&raised, axis)
    }

    /// With `value` put around: `padding[i]` is how much before and after along axis `i`.
    ///
    /// ```
    /// # use autograd::{Graph, Tensor};
    /// let graph = Graph::inference();
    /// let x = graph.input(Tensor::from([1.0_f32, 2.0]));
    /// assert_eq!(x.pad(&[[1, 2]], 0.5).value(), Tensor::from([0.5_f32, 1.0, 2.0, 0.5, 0.5]));
    /// ```
    ///
    /// # Panics
    /// If there is not one pair for each axis, the result is too large, or the element type cannot hold the value.
    #[track_caller]
    pub fn pad(self, padding: &[[usize; 2]], value: f64) -> Var<'g> {
        self.graph.watch.infinities_meant.set(value.is_infinite());
        let padded = self.apply(Pad { padding: padding.to_vec(), value });
        self.graph.watch.infinities_meant.set(false);
        padded
    }
}

#[cfg(test)]
pub(super) fn cases() -> Vec<crate::ops::tests::table::Case> {
    use crate::ops::tests::table::Case;
    let three = || [Case::normal(&[2, 3], 1), Case::normal(&[2, 1], 2), Case::normal(&[2, 4], 3)];
    vec![
        Case::new("concat", three(), |_, x| Var::concat(x, 1)),
        Case::new("concat", [Case::normal(&[2, 3], 1), Case::normal(&[4, 3], 2)], |_, x| {
            Var::concat(&[x[0], x[1], x[0]], 0)
        }),
        Case::new("stack", [Case::normal(&[2, 3], 1), Case::normal(&[2, 3], 2)], |_, x| Var::stack(x, -1)),
        Case::new("pad", [Case::normal(&[2, 3], 1)], |_, x| x[0].pad(&[[0, 2], [1, 0]], 1.5)),
    ]
}
