//! Batch normalisation. Composed of means and squares it would read and write its input a dozen times; as a primitive with
//! a fused gradient it does so twice each way. The gradient's own gradient is that of the formula it computes.

use crate::graph::Var;
use crate::op::Op;
use tensor::{Shape, ShapeError, Tensor, rules};

#[derive(Debug)]
struct BatchNorm {
    eps: f64,
}

impl Op<1> for BatchNorm {
    fn shape(&self, [x]: [Shape; 1]) -> Result<Shape, ShapeError> {
        rules::batch_norm_shape(x)
    }
    #[track_caller]
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.batch_norm(self.eps)
    }
    fn vjp<'g>(&self, _: usize, [x]: [Var<'g>; 1], _: Var<'g>, dy: Var<'g>) -> Var<'g> {
        x.graph().apply(BatchNormGrad { eps: self.eps }, [x, dy])
    }
}

#[derive(Debug)]
struct BatchNormGrad {
    eps: f64,
}

impl BatchNormGrad {
    /// What `forward` computes in one go: `(dy − mean(dy) − y · mean(dy · y)) / sqrt(variance + eps)`.
    fn composed<'g>(&self, x: Var<'g>, dy: Var<'g>) -> Var<'g> {
        let axes: Vec<isize> = (0..x.rank() as isize - 1).collect();
        let mean = |v: Var<'g>| v.mean(axes.clone());
        let centred = x - mean(x);
        let std = (mean(centred.square()) + self.eps).sqrt();
        let y = centred / std;
        (dy - mean(dy) - y * mean(dy * y)) / std
    }
}

impl Op<2> for BatchNormGrad {
    fn shape(&self, [x, dy]: [Shape; 2]) -> Result<Shape, ShapeError> {
        if x != dy {
            return Err(ShapeError::new("batch_norm", format!("the gradient {dy} has not the shape {x}")));
        }
        Ok(x)
    }
    #[track_caller]
    fn forward(&self, [x, dy]: [&Tensor; 2]) -> Tensor {
        x.batch_norm_grad(dy, self.eps)
    }
    fn vjp<'g>(&self, i: usize, x: [Var<'g>; 2], _: Var<'g>, dz: Var<'g>) -> Var<'g> {
        // Stand-ins, so that the sweep ends at this operation's inputs: `dy` may depend on `x` by ways of its own, which
        // the sweep that called us follows.
        let x = x.map(|x| x.reshape(x.shape()));
        let z = self.composed(x[0], x[1]);
        dz.graph().grad_with(z, dz, &[x[i]])[0]
    }
}

impl<'g> Var<'g> {
    /// Every channel (the last axis) brought to mean 0 and variance 1 over all other axes:
    /// `(x − mean) / sqrt(variance + eps)`, the variance being the biased one (Ioffe and Szegedy, 2015).
    ///
    /// # Panics
    /// If there is no last axis or the elements are not floats.
    #[track_caller]
    pub fn batch_norm(self, eps: f64) -> Var<'g> {
        self.apply(BatchNorm { eps })
    }
}

#[cfg(test)]
pub(super) fn cases() -> Vec<super::table::Case> {
    use super::table::Case;
    vec![
        Case::new("batch_norm", [Case::normal(&[7, 3], 1)], |_, x| x[0].batch_norm(1e-5)),
        // Here the incoming gradient depends on the input, which the second order must not count twice.
        Case::new("batch_norm", [Case::normal(&[7, 3], 1)], |_, x| x[0].batch_norm(1e-5).tanh()),
        Case::new("batch_norm", [Case::normal(&[2, 3, 2, 4], 2)], |_, x| x[0].batch_norm(0.1)),
    ]
}
