//! The gradient check itself: what it reports, and what it refuses to check.

use autograd::gradcheck::{Check, Failure, Form};
use autograd::{Graph, Op, ShapeError, Spec, Tensor, Var};

/// The identity, with this gradient in place of 1 for each element that is not 0.
struct Claims(f64);

impl Op<1> for Claims {
    fn infer(&self, [x]: [Spec; 1]) -> Result<Spec, ShapeError> {
        Ok(x)
    }
    fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
        x.clone()
    }
    fn vjp<'g>(&self, [x]: [Var<'g>; 1], _: Var<'g>, dy: Var<'g>, _: [bool; 1]) -> [Option<Var<'g>>; 1] {
        [Some(x.equal(x.full([], 0.0)).select(dy, x.full([], self.0)))]
    }
}

#[test]
fn gradients_that_are_not_finite_are_wrong_at_their_entry() {
    let x = Tensor::from([[0.0, 0.0], [0.0, 2.0]]);
    for claimed in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for form in [Form::Directions(2), Form::Jacobian] {
            let check = Check { form, ..Check::default() };
            let failure =
                check.run("claims", &[x.clone(), x.clone()], |_, x| x[0] + x[1].apply(Claims(claimed)));
            let Err(Failure::Wrong { order: 1, input: 1, entry, analytic, numeric, .. }) = failure else {
                panic!("{claimed} in {form:?}: {failure:?}");
            };
            assert_eq!(entry, [1, 1]);
            assert!(!analytic.is_finite() && numeric.is_finite(), "{analytic} {numeric}");
        }
    }
}

#[test]
fn what_compares_nothing_is_unfit() {
    let square =
        |check: Check| check.run("square", &[Tensor::from([3.0])], |_: &Graph, x: &[Var<'_>]| x[0] * x[0]);
    let good = Check::default();
    assert_eq!(square(good), Ok(()));
    for bad in [
        Check { form: Form::Directions(0), ..good },
        Check { order: 0, ..good },
        Check { order: 3, ..good },
        Check { step: 0.0, ..good },
        Check { step: -1e-3, ..good },
        Check { step: f64::NAN, ..good },
        Check { step: f64::INFINITY, ..good },
    ] {
        assert!(matches!(square(bad), Err(Failure::Unfit { .. })), "{bad:?}");
    }
}
