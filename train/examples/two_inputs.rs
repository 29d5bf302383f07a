//! A model with two inputs and two losses: from measurements and a kind it predicts a class and a number. Killed and given again, the
//! command goes on, to the same weights to the last bit. With a port there is a live page until Ctrl-C, which is `report.html` afterwards:
//! `cargo run -p train --features page,terminal --example two_inputs -- runs/two 7840`

use nn::{DType, Layer, Linear, Module, Rng, Tensor, Var, loss};
use optim::{Adam, CosineDecay};
use std::error::Error;
use train::{Batches, Loader, TensorDataset, Trainer, split, terminal::stop_on_signals, watch::Content};

#[derive(Module)]
struct TwoHeads {
    measured: Linear,
    kind: Linear,
    class: Linear,
    number: Linear,
}

fn step<'g>(model: &TwoHeads, [measured, kind, class, number]: [Var<'g>; 4]) -> [Var<'g>; 4] {
    let seen = (model.measured.forward(measured) + model.kind.forward(kind)).tanh();
    let [logits, guess] = [&model.class, &model.number].map(|head| head.forward(seen));
    let [of_class, of_number] = [loss::softmax_cross_entropy(logits, class), loss::mse(guess, number)];
    [of_class + of_number * 2.0, of_class, of_number, logits]
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("give a folder for the run")?;
    let rng = &mut Rng::new(1);
    let measured = Tensor::uniform([2000, 3], -1.0, 1.0, DType::F32, rng);
    let kind = Tensor::uniform([2000, 2], 0.0, 1.0, DType::F32, rng);
    let number = measured.sum(1).unsqueeze(1) * kind.slice(1, 0..1);
    let class = number.greater(&kind.slice(1, 1..2)).to(DType::I64).reshape([2000]);
    let [train, test] = split(TensorDataset::new([measured, kind, class, number])?, [0.8, 0.2], 1)?;

    let sizes = [(3, 32), (2, 32), (32, 2), (32, 1)];
    let [measured, kind, class, number] = sizes.map(|(inputs, outputs)| Linear::new(inputs, outputs, rng));
    let mut loader = Loader::new(train, Batches::new(1600, 50, 1)?);
    let mut trainer = Trainer::new(TwoHeads { measured, kind, class, number }, Adam::new(), step)
        .values(["loss", "class_loss", "number_loss"])
        .metric("accuracy", |outputs, parts| loss::accuracy(&outputs[3], &parts[2]))
        .panel("weights of the kind", |model| Content::Text(model.kind.weight.value().to_string()))
        .schedule(CosineDecay::new(0.01, 0.0001, 2000))
        .evaluate("test", test, 100)
        .smallest("test_loss")
        .record_every(20)
        .terminal()
        .stop(stop_on_signals())
        .folder(folder)
        .checkpoint_every(50);
    trainer.resume(&mut loader)?;
    if let Some(port) = arguments.next() {
        println!("live page: http://{}", trainer.live(port.parse()?)?);
    }
    trainer.fit(&mut loader, 2000)?;
    trainer.answer();
    Ok(())
}
