//! The cases of the operations of one operand, each with its value and derivative at any number.

use crate::ops::tests::table::Case;
use tensor::DType;

pub(in crate::ops) fn cases() -> Vec<Case> {
    let any = || [Case::away_from_zero(&[3, 4], 1)];
    let positive = || [Case::positive(&[3, 4], 2)];
    fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }
    /// 1 above 0, `below` elsewhere.
    fn step(x: f64, below: f64) -> f64 {
        if x > 0.0 { 1.0 } else { below }
    }
    // Each with its value and its derivative at any number; at ±∞ the limit.
    vec![
        Case::new("neg", any(), |_, x| -x[0]).like(|x| -x, |_| -1.0),
        Case::new("abs", any(), |_, x| x[0].abs())
            .like(f64::abs, |x| if x == 0.0 { 0.0 } else { x.signum() }),
        Case::new("square", any(), |_, x| x[0].square()).like(|x| x * x, |x| 2.0 * x),
        Case::new("sqrt", positive(), |_, x| x[0].sqrt()).like(f64::sqrt, |x| 0.5 / x.sqrt()),
        Case::new("recip", any(), |_, x| x[0].recip()).like(|x| 1.0 / x, |x| -1.0 / (x * x)),
        Case::new("exp", any(), |_, x| x[0].exp()).like(f64::exp, f64::exp),
        Case::new("exp_m1", any(), |_, x| x[0].exp_m1()).like(f64::exp_m1, f64::exp),
        Case::new("ln", positive(), |_, x| x[0].ln()).like(f64::ln, |x| 1.0 / x),
        Case::new("ln_1p", positive(), |_, x| x[0].ln_1p()).like(f64::ln_1p, |x| 1.0 / (1.0 + x)),
        Case::new("sin", any(), |_, x| x[0].sin()).like(f64::sin, f64::cos),
        Case::new("cos", any(), |_, x| x[0].cos()).like(f64::cos, |x| -x.sin()),
        Case::new("tan", any(), |_, x| x[0].tan()).like(f64::tan, |x| 1.0 + x.tan().powi(2)),
        Case::new("tanh", any(), |_, x| x[0].tanh()).like(f64::tanh, |x| 1.0 - x.tanh().powi(2)),
        Case::new("sigmoid", any(), |_, x| x[0].sigmoid()).like(sigmoid, |x| sigmoid(x) * sigmoid(-x)),
        Case::new("relu", any(), |_, x| x[0].relu()).like(
            |x| if x > 0.0 || x.is_nan() { x } else { 0.0 },
            |x| if x.is_nan() { 1.0 } else { step(x, 0.0) },
        ),
        Case::new("clamp", any(), |_, x| x[0].clamp(-0.75, 0.8)).like(
            |x| x.clamp(-0.75, 0.8),
            |x| if x.is_nan() || (-0.75..=0.8).contains(&x) { 1.0 } else { 0.0 },
        ),
        Case::new("powf", positive(), |_, x| x[0].powf(2.5)).like(|x| x.powf(2.5), |x| 2.5 * x.powf(1.5)),
        Case::new("powf", any(), |_, x| x[0].powf(3.0)).like(|x| x.powf(3.0), |x| 3.0 * x * x),
        Case::new("powf", any(), |_, x| x[0].powf(0.0)).like(|_| 1.0, |_| 0.0),
        Case::new("leaky_relu", any(), |_, x| x[0].leaky_relu(0.1))
            .like(|x| if x > 0.0 { x } else { 0.1 * x }, |x| step(x, 0.1)),
        Case::new("softplus", any(), |_, x| x[0].softplus())
            .like(|x| if x.is_nan() { x } else { x.max(0.0) + (-x.abs()).exp().ln_1p() }, sigmoid),
        Case::new("silu", any(), |_, x| x[0].silu()).like(
            |x| if x == f64::NEG_INFINITY { 0.0 } else { x * sigmoid(x) },
            |x| if x.is_infinite() { step(x, 0.0) } else { sigmoid(x) * (1.0 + x * sigmoid(-x)) },
        ),
        Case::new("gelu", any(), |_, x| x[0].gelu()).like(
            |x| if x < -1e9 { 0.0 } else { x * gelu_gate(x) },
            |x| if x.abs() > 1e9 { step(x, 0.0) } else { gelu_slope(x) },
        ),
        Case::new("elu", any(), |_, x| x[0].elu(1.5)).like(
            |x| if x > 0.0 { x } else { 1.5 * x.exp_m1() },
            |x| if x > 0.0 { 1.0 } else { 1.5 * x.exp() },
        ),
        Case::new("to", any(), |_, x| x[0].to(DType::F64) * 2.0).like(|x| x * 2.0, |_| 2.0),
    ]
}

/// `(1 + tanh(√(2/π) · (x + 0.044715 x³))) / 2`
fn gelu_gate(x: f64) -> f64 {
    let inner = (x + 0.044_715 * x.powi(3)) * (2.0 / std::f64::consts::PI).sqrt();
    1.0 / (1.0 + (-2.0 * inner).exp())
}

fn gelu_slope(x: f64) -> f64 {
    let slope = (1.0 + 3.0 * 0.044_715 * x * x) * (2.0 / std::f64::consts::PI).sqrt();
    gelu_gate(x) + x * 2.0 * slope * gelu_gate(x) * gelu_gate(-x)
}
