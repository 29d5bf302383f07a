//! A small convolutional network for pictures in a folder for each class (`pictures/cats/1.jpg`), which are changed a little each time.
//! Killed and given again, the command goes on, to the same weights to the last bit. With a port there is a live page until Ctrl-C, which is
//! `report.html` afterwards:
//! `cargo run -p train --features images,page,terminal --example image_folder -- pictures runs/pictures 7840`

use nn::{Activation, Conv2d, Flatten, Layer, Linear, MaxPool2d, Padding, Rng, Sequential, loss};
use optim::{Adam, ExponentialDecay};
use std::error::Error;
use train::terminal::stop_on_signals;
use train::{Augment, Augmented, Batches, Channels, ConfusionPanel, Dataset, ImageFolder, Loader, Trainer};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(pictures), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("give a folder with a folder of pictures for each class, and a folder for the run".into());
    };
    let data = ImageFolder::open(pictures, [32, 32], Channels::Rgb)?;
    let (classes, labels) = (data.classes().to_vec(), data.labels());
    let augment =
        Augment::new(1).shift(2.0).rotate(10.0).scale(0.9, 1.1).flip().normalize(&[0.5; 3], &[0.25; 3]);
    let [train, test] = train::split_stratified(Augmented::new(data, augment), &labels, [0.8, 0.2], 1)?;

    let rng = &mut Rng::new(1);
    let mut model = Sequential::new();
    for (inputs, outputs) in [(3, 8), (8, 16), (16, 32)] {
        let conv = Conv2d::new(inputs, outputs, 3, rng).padding(Padding::Same);
        model = model.with(conv).with(Activation::Relu).with(MaxPool2d::new(2));
    }
    let model = model.with(Flatten).with(Linear::new(4 * 4 * 32, classes.len(), rng));
    let batches = Batches::new(train.len(), 16.min(train.len()), 1)?;
    let mut loader = Loader::new(train, batches).prefetch(2);
    let mut trainer = Trainer::new(model, Adam::new(), |model: &Sequential, [images, labels]| {
        let logits = model.forward(images);
        [loss::softmax_cross_entropy(logits, labels), logits]
    })
    .metric("accuracy", |outputs, parts| loss::accuracy(&outputs[1], &parts[1]))
    .source(ConfusionPanel::new("answers on the test pictures", &classes, 1, 1))
    .largest("test_accuracy")
    .schedule(ExponentialDecay::new(0.003, 0.0003, 200.0))
    .evaluate("test", test, 25)
    .record_every(25)
    .terminal()
    .stop(stop_on_signals())
    .folder(folder)
    .checkpoint_every(10);

    trainer.resume(&mut loader)?;
    if let Some(port) = arguments.next() {
        println!("live page: http://{}", trainer.live(port.parse()?)?);
    }
    trainer.fit(&mut loader, 200)?;
    trainer.answer();
    println!("{}: {:?}", classes.join(", "), trainer.evaluated("test")?);
    Ok(())
}
