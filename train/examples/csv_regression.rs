//! Regression on a table: predicts the last column of a CSV file from the others. Killed and given again, the command goes on, to the same
//! weights to the last bit. With a port there is a live page until Ctrl-C, which is `report.html` afterwards:
//! `cargo run -p train --features csv,page,terminal --example csv_regression -- houses.csv runs/houses 7840`

use nn::{Activation, Layer, Linear, Rng, Sequential, loss};
use optim::{Adam, ExponentialDecay};
use std::error::Error;
use train::metrics::Regression;
use train::terminal::stop_on_signals;
use train::{Batches, Dataset, Loader, TensorDataset, Trainer, csv_names, csv_numbers, split};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(table), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("give a CSV file with a line of names, and a folder for the run".into());
    };
    let names = csv_names(&table)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (target, inputs) = names.split_last().ok_or("the table has no columns")?;
    let (x, y) = (csv_numbers(&table, inputs)?, csv_numbers(&table, &[target])?);
    // Numbers around 0 and of size 1 are learnt most easily.
    let [mean, deviation] = [x.mean(0), x.std(0, 0) + 1e-6];
    let data = TensorDataset::new([(x - mean) / deviation, y])?;
    let [train, test] = split(data, [0.8, 0.2], 1)?;

    let rng = &mut Rng::new(1);
    let hidden = Linear::new(inputs.len(), 32, rng);
    let model = Sequential::new().with(hidden).with(Activation::Relu).with(Linear::new(32, 1, rng));
    let batches = Batches::new(train.len(), 32.min(train.len()), 1)?;
    let (mut loader, answers) = (Loader::new(train, batches).prefetch(2), test.clone());
    let mut trainer =
        Trainer::new(model, Adam::new(), |model: &Sequential, [x, y]| [loss::mse(model.forward(x), y)])
            .schedule(ExponentialDecay::new(0.01, 0.0001, 1000.0))
            .evaluate("test", test, 100)
            .smallest("test_loss")
            .record_every(100)
            .terminal()
            .stop(stop_on_signals())
            .folder(folder)
            .checkpoint_every(50);
    trainer.resume(&mut loader)?;
    if let Some(port) = arguments.next() {
        println!("live page: http://{}", trainer.live(port.parse()?)?);
    }
    trainer.fit(&mut loader, 5000)?;
    trainer.answer();

    let best = trainer.best().to_vec();
    nn::set_params(trainer.model_mut(), best)?;
    let all = answers.batch(&(0..answers.len()).collect::<Vec<_>>())?;
    let predicted = trainer.model().forward(nn::Graph::inference().input(all[0].clone())).value();
    let mut errors = Regression::default();
    errors.add(&predicted, &all[1]);
    println!("test: mean absolute error {:?}, R² {:?}", errors.mae(), errors.r2());
    Ok(())
}
