//! The models learn to read real digits: a few hundred steps must reach a floor.

use mnist::data::{Batches, Choice, load};
use mnist::{Checkpoints, Ending, Engine, Event, Mode, Progress, Session, models};
use nn::{Rng, Sequential};
use optim::{Adam, Constant, ExponentialDecay, Optimizer, Schedule, Sgd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Trains on the real digits and returns the accuracy on the test images; `None` where they are absent.
fn train(
    model: fn(&mut Rng) -> Sequential,
    optimizer: Box<dyn Optimizer>,
    schedule: Box<dyn Schedule>,
    steps: u64,
    mode: Mode,
) -> Option<f64> {
    let Some(folder) = std::env::var_os("MNIST_DIR") else {
        println!("skipped: set MNIST_DIR to a folder with the MNIST files to train on them");
        return None;
    };
    let data = load(&Choice::Folder(folder.into()), &mut |notice| println!("{notice}")).unwrap();
    assert!(data.source.is_mnist(), "{}", data.source);
    let mut session = Session {
        model: model(&mut Rng::new(1)),
        optimizer,
        schedule,
        batches: Batches::new(data.train.len(), 100, 1).unwrap(),
        data: Arc::new(data),
        engine: Engine::new(mode, 1),
        steps,
        test_every: steps,
        record_every: 10,
        stop: Arc::new(AtomicBool::new(false)),
        checkpoints: Checkpoints::default(),
        progress: Progress::default(),
        control: None,
    };
    let mut losses = vec![];
    let summary = session.run(&mut |event| {
        if let Event::Step(record) = event {
            losses.extend(record.train_loss);
        }
    });
    assert_eq!(summary.ending, Ending::Finished);
    assert_eq!(losses.len() as u64, steps.div_ceil(10) + 1, "and that of the last step at the end");
    assert!(losses.last() < losses.first(), "{losses:?}");
    summary.last.map(|score| score.accuracy)
}

#[test]
fn softmax_reads_digits() {
    let train =
        |mode| train(models::softmax, Box::new(Sgd::new()), Box::new(Constant::new(0.005)), 1000, mode);
    if let Some(accuracy) = train(Mode::Compiled) {
        assert!(accuracy > 0.90, "{accuracy}");
        assert_eq!(train(Mode::Eager), Some(accuracy));
    }
}

#[test]
fn a_convolutional_network_reads_digits_better() {
    let schedule = || Box::new(ExponentialDecay::new(0.003, 0.0001, 2000.0));
    let train = |mode| train(models::convolutional, Box::new(Adam::new()), schedule(), 300, mode);
    if let Some(accuracy) = train(Mode::Compiled) {
        assert!(accuracy > 0.94, "{accuracy}");
        assert_eq!(train(Mode::Eager), Some(accuracy));
    }
}
