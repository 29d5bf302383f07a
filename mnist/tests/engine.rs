//! Compiled and eager steps of all nine models: the same bits, for any number of threads.

use mnist::data::Split;
use mnist::{Engine, Mode, models, synthetic};
use nn::{Module, Rng, Tensor};
use optim::{Adam, Optimizer, Sgd};

/// The parameters and states after a few steps on batches of two sizes, and the scores before and after.
fn train(build: models::Build, digits: &Split, mode: Mode) -> (Vec<(String, Tensor)>, [f64; 2]) {
    let mut model = build(&mut Rng::new(1));
    let (mut sgd, mut adam) = (Sgd::new().momentum(0.9), Adam::new());
    let mut engine = Engine::new(mode, 7);
    for step in 0..5 {
        let size = if step == 2 { 23 } else { 40 };
        let indices: Vec<usize> = (0..size).map(|i| (i * 7 + step * 31) % digits.len()).collect();
        let optimizer: &mut dyn Optimizer = if step < 2 { &mut sgd } else { &mut adam };
        let trained = engine.train(&mut model, optimizer, 1e-4, digits, &indices);
        assert!(trained.loss().is_finite() && (0.0..=1.0).contains(&trained.accuracy()));
    }
    let score = engine.test(&model, digits).unwrap();
    let params = model.params().into_iter().map(|(name, param)| (name, param.value().copy()));
    (params.collect(), [score.loss, score.accuracy])
}

#[test]
fn compiled_steps_have_the_bits_of_eager_ones() {
    let (images, labels) = synthetic::digits(3, 140);
    let digits = Split { images, labels, rows: 28, cols: 28 };
    for (name, build) in models::EXAMPLES {
        nn::set_threads(1);
        let expected = train(build, &digits, Mode::Eager);
        for threads in [1, 2, 3] {
            nn::set_threads(threads);
            let found = train(build, &digits, Mode::Compiled);
            assert_eq!(found.1, expected.1, "{name}, {threads} threads");
            for ((param, found), (_, expected)) in found.0.iter().zip(&expected.0) {
                assert!(found == expected, "{name}: {param} differs with {threads} threads");
            }
        }
    }
}
