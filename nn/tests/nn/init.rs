//! Moments of the initial values.

use nn::{DType, Init, Rng, Tensor};

const N: f64 = 300.0 * 400.0;

fn moments(x: &Tensor) -> [f64; 2] {
    let x = x.to_vec::<f64>();
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    [mean, (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64).sqrt()]
}

fn draw(init: Init, shape: &[usize]) -> Tensor {
    init.sample(shape, DType::F64, &mut Rng::new(5))
}

#[test]
fn moments_are_as_stated() {
    // The deviation of a normal distribution cut at two deviations: √(1 − 4 φ(2) / (2 Φ(2) − 1)).
    let cut = (1.0 - 4.0 * 0.053_990_966_513_188_06 / 0.954_499_736_103_641_6_f64).sqrt();
    assert!((cut - 0.8796).abs() < 1e-4);
    // For [300, 400]: fan in 300, fan out 400.
    let cases = [
        (Init::Uniform { low: 1.0, high: 3.0 }, 2.0, 2.0 / 12.0_f64.sqrt()),
        (Init::Normal { mean: -1.0, std: 0.5 }, -1.0, 0.5),
        (Init::TruncatedNormal { mean: 0.25, std: 0.1 }, 0.25, 0.1 * cut),
        (Init::XavierUniform, 0.0, (2.0 / 700.0_f64).sqrt()),
        (Init::XavierNormal, 0.0, (2.0 / 700.0_f64).sqrt()),
        (Init::KaimingUniform { slope: 0.0 }, 0.0, (2.0 / 300.0_f64).sqrt()),
        (Init::KaimingNormal { slope: 0.0 }, 0.0, (2.0 / 300.0_f64).sqrt()),
        (Init::KaimingUniform { slope: 5.0_f64.sqrt() }, 0.0, 1.0 / (3.0 * 300.0_f64).sqrt()),
        (Init::KaimingNormal { slope: 1.0 }, 0.0, 1.0 / 300.0_f64.sqrt()),
    ];
    for (init, mean, std) in cases {
        let found = moments(&draw(init, &[300, 400]));
        // Five standard deviations of the two estimates.
        assert!((found[0] - mean).abs() < 5.0 * std / N.sqrt(), "{init:?}: mean {found:?}");
        assert!((found[1] - std).abs() < 5.0 * std / (2.0 * N).sqrt(), "{init:?}: deviation {found:?}");
    }
}

#[test]
fn bounds() {
    let extremes = |init, shape: &[usize]| draw(init, shape).abs().max(..).item();
    // PyTorch's default: within ±1/√(fan in).
    let bound = 1.0 / 300.0_f64.sqrt();
    let found = extremes(Init::KaimingUniform { slope: 5.0_f64.sqrt() }, &[300, 400]);
    assert!(found <= bound && found > 0.999 * bound);
    let found = extremes(Init::TruncatedNormal { mean: 0.0, std: 0.1 }, &[300, 400]);
    assert!(found <= 0.2 && found > 0.199);
    // Kernels [height, width, in, out]: fan in 5·5·4 = 100, fan out 5·5·8 = 200.
    let bound = (6.0 / 300.0_f64).sqrt();
    let found = extremes(Init::XavierUniform, &[5, 5, 4, 8]);
    assert!(found <= bound && found > 0.98 * bound);
    let bound = (6.0 / 100.0_f64).sqrt();
    let found = extremes(Init::KaimingUniform { slope: 0.0 }, &[5, 5, 4, 8]);
    assert!(found <= bound && found > 0.98 * bound);
}

#[test]
fn constants_and_edges() {
    assert_eq!(draw(Init::Zeros, &[2]).to_vec::<f64>(), [0.0; 2]);
    assert_eq!(draw(Init::Constant(0.1), &[2]).to_vec::<f64>(), [0.1; 2]);
    for shape in [&[0, 5][..], &[], &[3], &[0]] {
        for init in [Init::XavierUniform, Init::KaimingNormal { slope: 0.0 }] {
            let drawn = draw(init, shape);
            assert!(drawn.to_vec::<f64>().iter().all(|x| x.is_finite()));
        }
    }
    assert_eq!(Init::Zeros.sample([2], DType::F32, &mut Rng::new(1)).dtype(), DType::F32);
}
