//! The models learn to read real digits: a few hundred steps must reach a floor.

use mnist::data::{Batches, Choice, Half, load};
use mnist::{Mode, models, trainer};
use nn::{Rng, Sequential};
use optim::{Adam, Constant, ExponentialDecay, Optimizer, Schedule, Sgd};
use std::sync::{Arc, Mutex};
use train::Loader;
use train::watch::Ending;

/// Trains on the real digits and returns the accuracy on the test images; `None` where they are absent.
fn train(
    model: fn(&mut Rng) -> Sequential,
    optimizer: impl Optimizer + 'static,
    schedule: impl Schedule + 'static,
    steps: u64,
    mode: Mode,
) -> Option<f64> {
    let Some(folder) = std::env::var_os("MNIST_DIR") else {
        println!("skipped: set MNIST_DIR to a folder with the MNIST files to train on them");
        return None;
    };
    let data = load(&Choice::Folder(folder.into()), &mut |notice| println!("{notice}")).unwrap();
    assert!(data.source.is_mnist(), "{}", data.source);
    let (data, losses) = (Arc::new(data), Arc::new(Mutex::new(vec![])));
    let noted = losses.clone();
    let mut trainer = trainer(model(&mut Rng::new(1)), optimizer, schedule, &data, steps, mode)
        .seed(1)
        .record_every(10)
        .on_record(move |record| noted.lock().unwrap().extend(record.values.get("train_loss")));
    let mut loader = Loader::new(Half::train(&data), Batches::new(data.train.len(), 100, 1).unwrap());
    assert_eq!(trainer.fit(&mut loader, steps).unwrap().ending, Ending::Finished);
    let losses = losses.lock().unwrap();
    assert_eq!(losses.len() as u64, steps.div_ceil(10) + 1, "and that of the last step at the end");
    assert!(losses.last() < losses.first(), "{losses:?}");
    trainer.summary()?.last.as_ref()?.get("test_accuracy")
}

#[test]
fn softmax_reads_digits() {
    let train = |mode| train(models::softmax, Sgd::new(), Constant::new(0.005), 1000, mode);
    if let Some(accuracy) = train(Mode::Compiled) {
        assert!(accuracy > 0.90, "{accuracy}");
        assert_eq!(train(Mode::Eager), Some(accuracy));
    }
}

#[test]
fn a_convolutional_network_reads_digits_better() {
    let schedule = || ExponentialDecay::new(0.003, 0.0001, 2000.0);
    let train = |mode| train(models::convolutional, Adam::new(), schedule(), 300, mode);
    if let Some(accuracy) = train(Mode::Compiled) {
        assert!(accuracy > 0.94, "{accuracy}");
        assert_eq!(train(Mode::Eager), Some(accuracy));
    }
}
