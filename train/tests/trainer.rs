//! The trainer against loops written by hand, whole and interrupted.

use nn::{BatchNorm, DType, Dropout, Graph, Layer, Linear, Module, Rng, Tensor, Var, loss};
use optim::{Adam, ExponentialDecay, Optimizer, Schedule, Sgd, clip_norm};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::tempdir;
use train::watch::{Content, Ending, Event, FolderError, Record};
use train::{Batches, DataError, Dataset, Loader, TensorDataset, TrainError, Trainer};

#[derive(Module)]
struct Net {
    hidden: Linear,
    norm: BatchNorm,
    output: Linear,
}

impl Net {
    fn new(seed: u64) -> Net {
        let rng = &mut Rng::new(seed);
        Net { hidden: Linear::new(2, 16, rng), norm: BatchNorm::new(16), output: Linear::new(16, 2, rng) }
    }
}

impl Layer for Net {
    fn forward<'g>(&self, x: Var<'g>) -> Var<'g> {
        let x = self.norm.forward(self.hidden.forward(x)).relu();
        self.output.forward(Dropout::new(0.8).forward(x))
    }
}

/// Points, and whether each is inside a circle.
fn circle(n: usize, seed: u64) -> TensorDataset {
    let points = Tensor::uniform([n, 2], -1.0, 1.0, DType::F32, &mut Rng::new(seed));
    let inside = points.square().sum(1).less(&Tensor::from(0.5_f32)).to(DType::I64);
    TensorDataset::new([points, inside]).unwrap()
}

fn step<'g>(net: &Net, [points, inside]: [Var<'g>; 2]) -> [Var<'g>; 2] {
    let logits = net.forward(points);
    let right = logits.argmax(-1).equal(inside).to(DType::F32);
    [loss::softmax_cross_entropy(logits, inside), right.mean(..)]
}

fn values(model: &dyn Module) -> Vec<(String, Tensor)> {
    model.params().into_iter().map(|(name, param)| (name, param.value().clone())).collect()
}

fn loader() -> Loader<TensorDataset> {
    Loader::new(circle(130, 1), Batches::new(130, 20, 3).unwrap())
}

fn decay() -> ExponentialDecay {
    ExponentialDecay::new(0.05, 0.001, 30.0)
}

#[test]
fn it_trains_as_the_loop_by_hand_does_to_the_bit() {
    let (mut net, mut adam, data) = (Net::new(5), Adam::new(), circle(130, 1));
    let mut batches = Batches::new(130, 20, 3).unwrap();
    for i in 0..25 {
        let [x, y] = data.batch(batches.draw().indices).unwrap().try_into().unwrap();
        let graph = Graph::training(9, i);
        let [loss, _] = step(&net, [graph.input(x), graph.input(y)]);
        let mut grads = loss.backward();
        assert!(clip_norm(&mut grads, 0.5).is_finite());
        adam.step(&mut net, &grads, decay().at(i));
    }
    for eager in [false, true] {
        let mut trainer = Trainer::new(Net::new(5), Adam::new(), step)
            .schedule(decay())
            .seed(9)
            .clip_norm(0.5)
            .eager(eager);
        let report = trainer.fit(&mut loader().prefetch(2), 25).unwrap();
        assert_eq!((report.ending, report.steps), (Ending::Finished, 25));
        assert_eq!(values(trainer.model()), values(&net));
    }
}

/// All that a trainer has, kept in this folder.
fn full(folder: &Path, eager: bool) -> Trainer<Net, 2, 2> {
    Trainer::new(Net::new(5), Adam::new(), step)
        .values(["loss", "accuracy"])
        .schedule(decay())
        .accumulate(3)
        .average(0.9)
        .clip_norm(1.0)
        .evaluate("test", circle(77, 2), 4)
        .smallest("test_loss")
        .record_every(3)
        .eager(eager)
        .folder(folder)
        .pictures(false)
}

#[test]
fn a_training_that_is_interrupted_anywhere_ends_as_one_that_is_not() {
    for eager in [false, true] {
        let folder = tempdir().unwrap();
        let whole_folder = folder.path().join("whole");
        let mut whole = full(&whole_folder, eager);
        let expected = whole.fit(&mut loader(), 30).unwrap();
        let metrics = fs::read(whole_folder.join("metrics.jsonl")).unwrap();
        for every in [1, 4, 7, 29] {
            let folder = folder.path().join(every.to_string());
            let report = loop {
                let mut loader = loader();
                // A new process: all that it knows is in the folder.
                let mut trainer = full(&folder, eager).checkpoint_every(5);
                trainer.resume(&mut loader).unwrap();
                let steps = 30.min(trainer.step() + every);
                let report = trainer.fit(&mut loader, steps).unwrap();
                if steps == 30 {
                    assert_eq!(values(trainer.model()), values(whole.model()), "{every}");
                    assert_eq!(trainer.averages(), whole.averages());
                    assert_eq!(trainer.best(), whole.best());
                    break report;
                }
            };
            assert_eq!(report.best, expected.best);
            assert_eq!(fs::read(folder.join("metrics.jsonl")).unwrap(), metrics, "every {every} steps");
        }
    }
}

#[test]
fn a_folder_with_a_run_is_gone_on_with_or_left_alone() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    let mut first = full(&run, false);
    first.fit(&mut loader(), 6).unwrap();
    assert!(matches!(
        full(&run, false).resume(&mut loader()),
        Err(TrainError::Folder(FolderError::Locked(_)))
    ));
    drop(first);
    assert!(matches!(full(&run, false).fit(&mut loader(), 6), Err(TrainError::Folder(FolderError::Used(_)))));
    let mut other = Loader::new(circle(130, 1), Batches::new(130, 10, 3).unwrap());
    let error = full(&run, false).resume(&mut other).unwrap_err().to_string();
    assert!(
        error.starts_with("train: the run was on 130 elements in batches of 20, the first with"),
        "{error}"
    );
    assert!(error.contains("and here are 130 elements in batches of 10"), "{error}");
    let mut other = Loader::new(circle(130, 7), Batches::new(130, 20, 3).unwrap());
    assert!(
        matches!(full(&run, false).resume(&mut other), Err(TrainError::OtherData { .. })),
        "other numbers"
    );
    let mut often = full(&run, false).record_every(2);
    let error = often.resume(&mut loader()).unwrap_err().to_string();
    assert!(error.contains("its steps between records was 3, here it is 2"), "{error}");
    let before = fs::read(run.join("metrics.jsonl")).unwrap();
    assert!(
        matches!(often.fit(&mut loader(), 9), Err(TrainError::Folder(FolderError::Used(_)))),
        "a run that was refused is not written into"
    );
    assert_eq!(fs::read(run.join("metrics.jsonl")).unwrap(), before);
    let mut sgd = Trainer::new(Net::new(5), Sgd::new().momentum(0.5), step)
        .evaluate("test", circle(77, 2), 4)
        .record_every(3)
        .folder(&run);
    assert!(matches!(sgd.resume(&mut loader()), Err(TrainError::Checkpoint(_))));
    drop(sgd);
    assert!(!full(folder.path(), false).resume(&mut loader()).unwrap(), "there is no run");
}

/// As a loop over epochs has it.
#[test]
fn fitting_further_writes_each_record_once() {
    let folder = tempdir().unwrap();
    let [parts, whole] = ["parts", "whole"].map(|run| folder.path().join(run));
    let mut trainer = full(&parts, false);
    let mut loader = loader();
    for steps in [4, 11, 11, 20] {
        trainer.fit(&mut loader, steps).unwrap();
    }
    let mut at_once = full(&whole, false);
    let report = at_once.fit(&mut self::loader(), 20).unwrap();
    assert_eq!((report.best, at_once.best()), (trainer.fit(&mut loader, 20).unwrap().best, trainer.best()));
    let [a, b] = [parts, whole].map(|run| fs::read_to_string(run.join("metrics.jsonl")).unwrap());
    assert_eq!(a, b);
}

/// Before there is anything to go on from but its beginning.
#[test]
fn a_run_that_is_ended_before_its_first_step_goes_on() {
    let folder = tempdir().unwrap();
    let mut first = full(folder.path(), false);
    first.fit(&mut loader(), 0).unwrap();
    drop(first);
    let mut again = full(folder.path(), false);
    assert!(again.resume(&mut loader()).unwrap());
    assert_eq!(again.fit(&mut loader(), 3).unwrap().steps, 3);
    drop(again);
    let other = tempdir().unwrap();
    full(other.path(), false).fit(&mut loader(), 3).unwrap();
    let [a, b] = [&folder, &other].map(|folder| fs::read(folder.path().join("metrics.jsonl")).unwrap());
    assert_eq!(a, b);
}

/// Data that cannot be read for a while: what is in memory of steps that are done again is not written.
#[test]
fn a_run_that_failed_is_resumed_in_the_same_process() {
    struct Flaky(TensorDataset, AtomicBool);
    impl Dataset for Flaky {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn batch(&self, indices: &[usize]) -> Result<Vec<Tensor>, DataError> {
            match indices.contains(&117) && !self.1.swap(true, Ordering::Relaxed) {
                true => {
                    Err(DataError::Io { file: "disk".into(), error: std::io::ErrorKind::NotFound.into() })
                }
                false => self.0.batch(indices),
            }
        }
    }
    let folder = tempdir().unwrap();
    let new = |run: &str| {
        let trainer = Trainer::new(Net::new(5), Adam::new(), step).folder(folder.path().join(run));
        trainer.checkpoint_every(2)
    };
    let mut flaky =
        Loader::new(Flaky(circle(130, 1), AtomicBool::new(false)), Batches::new(130, 10, 4).unwrap());
    let mut trainer = new("flaky");
    let position = flaky.position();
    while trainer.fit(&mut flaky, 20).is_err() {
        flaky.seek(position).unwrap();
        assert!(trainer.resume(&mut flaky).unwrap());
    }
    new("whole").fit(&mut Loader::new(circle(130, 1), Batches::new(130, 10, 4).unwrap()), 20).unwrap();
    let [a, b] =
        ["flaky", "whole"].map(|run| fs::read(folder.path().join(run).join("metrics.jsonl")).unwrap());
    assert!(a == b);
}

/// NaN and infinities are no JSON, and no reason to lose a line or a checkpoint.
#[test]
fn values_that_are_no_numbers_are_kept_from_the_best_and_not_from_the_records() {
    let folder = tempdir().unwrap();
    let new = || {
        Trainer::new(Net::new(5), Adam::new(), |net: &Net, [x, y]| {
            let [loss, right] = step(net, [x, y]);
            [loss, right / (right - right), loss.recip() * f64::INFINITY]
        })
        .values(["loss", "nothing", "infinite"])
        .evaluate("test", circle(20, 1), 1)
        .largest("test_infinite")
        .folder(folder.path())
    };
    let report = new().fit(&mut loader(), 4).unwrap();
    assert_eq!(report.best, None);
    let mut trainer = new();
    let mut loader = loader();
    trainer.resume(&mut loader).unwrap();
    trainer.fit(&mut loader, 6).unwrap();
    let text = fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
    let records: Vec<Record> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.iter().map(|record| record.step).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
    assert!(records[2].values.get("test_infinite").unwrap().is_nan(), "{text}");
}

#[test]
fn batches_that_are_accumulated_are_one_batch() {
    let data = || {
        let [x, y] = <[Tensor; 2]>::try_from(circle(120, 4).parts().to_vec()).unwrap();
        TensorDataset::new([x.to(DType::F64), y]).unwrap()
    };
    let fit = |batch: usize, accumulate: usize| {
        let mut model = Linear::new(2, 2, &mut Rng::new(1));
        model.to(DType::F64);
        let mut trainer = Trainer::new(model, Sgd::new().momentum(0.9), |line: &Linear, [x, y]| {
            [loss::softmax_cross_entropy(line.forward(x), y)]
        })
        .schedule(0.1)
        .accumulate(accumulate);
        // In order, so that the same elements make up a step.
        let mut loader = Loader::new(data(), Batches::in_order(120, batch).unwrap());
        trainer.fit(&mut loader, 9).unwrap();
        values(trainer.model())
    };
    for ((name, one), (_, four)) in fit(24, 1).into_iter().zip(fit(6, 4)) {
        let apart = (&one - &four).abs().max(..).item();
        assert!(apart < 1e-13, "{name}: {apart}");
    }
}

#[test]
fn averages_follow_their_formula() {
    let model = Linear::new(2, 2, &mut Rng::new(1));
    let mut expected = model.weight.value().clone();
    let mut trainer = Trainer::new(model, Sgd::new(), |line: &Linear, [x, y]| {
        [loss::softmax_cross_entropy(line.forward(x), y)]
    })
    .schedule(0.5)
    .average(0.75);
    let mut loader = loader();
    for steps in 1..8 {
        trainer.fit(&mut loader, steps).unwrap();
        expected = &expected * 0.75 + trainer.model().weight.value() * 0.25;
    }
    assert_eq!(trainer.averages()[0], ("weight".to_owned(), expected));
}

#[test]
fn patience_ends_a_training_that_gets_no_better_and_the_best_is_kept() {
    let mut trainer = Trainer::new(Net::new(5), Adam::new(), step)
        // So large that the loss soon only grows.
        .schedule(|step: u64| if step < 10 { 0.02 } else { 0.5 })
        .evaluate("test", circle(77, 2), 1)
        .smallest("test_loss")
        .patience(3);
    let report = trainer.fit(&mut loader(), 1000).unwrap();
    let (best, at) = report.best.unwrap();
    assert_eq!((report.ending, report.steps), (Ending::NoProgress, at + 3));
    let best_params = trainer.best().to_vec();
    nn::set_params(trainer.model_mut(), best_params).unwrap();
    assert_eq!(trainer.evaluated("test").unwrap().get("loss"), Some(best));
}

#[test]
fn a_stop_from_elsewhere_ends_after_the_step() {
    let stop = Arc::new(AtomicBool::new(false));
    let ask = stop.clone();
    let mut trainer = Trainer::new(Net::new(5), Adam::new(), step)
        .stop(stop)
        .on_record(move |record| ask.store(record.step == 6, Ordering::Relaxed));
    let report = trainer.fit(&mut loader(), 1000).unwrap();
    assert_eq!((report.ending, report.steps), (Ending::Interrupted, 7));
}

#[test]
fn every_element_of_a_set_counts_alike() {
    // 1,001 elements are a batch of 1,000 and one of 1.
    let y = Tensor::concat(
        &[&Tensor::zeros([1000, 1], DType::F32), &Tensor::full([1, 1], 1001.0, DType::F32)],
        0,
    );
    let data = TensorDataset::new([Tensor::zeros([1001, 1], DType::F32), y]).unwrap();
    let model = Linear::new(1, 1, &mut Rng::new(1)).init(nn::Init::Zeros, nn::Init::Zeros);
    let mut trainer =
        Trainer::new(model, Sgd::new(), |line: &Linear, [x, y]| [(line.forward(x) - y).abs().mean(..)])
            .evaluate("all", data, 1);
    assert_eq!(trainer.evaluated("all").unwrap().get("loss"), Some(1.0));
}

/// What cannot be trained on is said, and the model is as it was.
#[test]
fn what_goes_wrong_is_named() {
    let fails = |trainer: &mut Trainer<Net, 2, 2>, loader: &mut Loader<TensorDataset>| {
        let before = values(trainer.model());
        let error = trainer.fit(loader, 5).unwrap_err().to_string();
        assert_eq!(values(trainer.model()), before, "{error}");
        error
    };
    let new = || Trainer::new(Net::new(5), Adam::new(), step);
    let parts = TensorDataset::new([circle(40, 1).parts()[0].clone()]).unwrap();
    let error = fails(&mut new(), &mut Loader::new(parts, Batches::new(40, 20, 3).unwrap()));
    assert!(error.contains("has 1 parts, and the step takes 2"), "{error}");
    let [x, y] = <[Tensor; 2]>::try_from(circle(40, 1).parts().to_vec()).unwrap();
    let infinite = TensorDataset::new([x * f64::NAN, y]).unwrap();
    let error = fails(&mut new(), &mut Loader::new(infinite, Batches::new(40, 20, 3).unwrap()));
    assert!(error.contains("the loss became NaN in step 0") && error.contains("holds a NaN"), "{error}");
    let mut watched = new().evaluate("test", circle(20, 1), 1).largest("tset_accuracy");
    let error = watched.fit(&mut loader(), 5).unwrap_err().to_string();
    assert!(error.contains("\"tset_accuracy\" is watched") && error.contains("test_loss"), "{error}");
    let error = new().evaluated("test").unwrap_err();
    assert!(matches!(error, TrainError::Watched { .. }));

    struct Broken;
    impl Dataset for Broken {
        fn len(&self) -> usize {
            9
        }
        fn batch(&self, _: &[usize]) -> Result<Vec<Tensor>, DataError> {
            Err(DataError::Io { file: "photo.png".into(), error: std::io::ErrorKind::NotFound.into() })
        }
    }
    let mut broken = Loader::new(Broken, Batches::new(9, 3, 1).unwrap());
    assert!(new().fit(&mut broken, 1).unwrap_err().to_string().contains("photo.png"));
}

/// What a process that was killed at its very beginning has left.
#[test]
fn a_folder_in_which_nothing_was_trained_yet_is_begun_anew() {
    let folder = tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("config.json"), "").unwrap();
    fs::write(file("metrics.jsonl"), "").unwrap();
    fs::create_dir(file("checkpoints")).unwrap();
    let mut trainer = full(folder.path(), false);
    assert!(!trainer.resume(&mut loader()).unwrap());
    trainer.fit(&mut loader(), 4).unwrap();
    drop(trainer);
    assert!(full(folder.path(), false).resume(&mut loader()).unwrap());
    // But not where the file is somebody's own.
    let own = tempdir().unwrap();
    fs::write(own.path().join("config.json"), "{\"mine\": 1}").unwrap();
    let error = full(own.path(), false).fit(&mut loader(), 4).unwrap_err();
    assert!(matches!(error, TrainError::Folder(FolderError::Used(_))), "{error}");
    assert_eq!(fs::read_to_string(own.path().join("config.json")).unwrap(), "{\"mine\": 1}");
}

#[test]
fn accuracies_in_percent_and_infinite_buffers_are_no_reason_to_refuse_a_run() {
    #[derive(Module)]
    struct Masked {
        line: Linear,
        mask: nn::Param,
    }
    let folder = tempdir().unwrap();
    let new = || {
        let mask = nn::Param::buffer(Tensor::from([f32::NEG_INFINITY, 0.0]));
        let model = Masked { line: Linear::new(2, 2, &mut Rng::new(1)), mask };
        Trainer::new(model, Sgd::new(), |model: &Masked, [x, y]| {
            [loss::softmax_cross_entropy(model.line.forward(x), y)]
        })
        .metric("accuracy", |_, _| 87.0)
        .metric("top_accuracy", |_, _| f64::NAN)
        .evaluate("test", circle(20, 2), 2)
        .folder(folder.path())
        .pictures(false)
    };
    new().fit(&mut loader(), 5).unwrap();
    assert!(new().resume(&mut loader()).unwrap());
}

/// Nobody knows how long it will be when patience ends it.
#[test]
fn a_training_without_end_is_seen_and_one_that_goes_on_is_told_once() {
    let mut trainer = Trainer::new(Net::new(5), Adam::new(), step)
        .evaluate("test", circle(20, 2), 1)
        .smallest("test_loss")
        .patience(1_000_000)
        .panel("weights", |net| Content::Text(net.output.weight.value().to_string()))
        .folder(tempdir().unwrap().keep())
        .pictures(false)
        .stop(Arc::new(AtomicBool::new(false)))
        .time_limit(std::time::Duration::from_millis(300));
    for _ in 0..2 {
        trainer.fit(&mut loader(), u64::MAX).unwrap();
    }
    let events = trainer.events();
    let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
    assert_eq!(count(|event| matches!(event, Event::Start(_))), 1);
    assert_eq!(count(|event| matches!(event, Event::Done(_))), 1, "that of the first fit is gone");
    let steps: Vec<u64> = events
        .iter()
        .filter_map(|event| if let Event::Step(record) = &**event { Some(record.step) } else { None })
        .collect();
    assert!(steps.len() > 3 && steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
    assert!(count(|event| matches!(event, Event::Histograms(_))) > 1);
    assert!(count(|event| matches!(event, Event::Shown(_))) > 1);
}

#[test]
#[should_panic(expected = "every run notes something called \"steps\"")]
fn a_note_does_not_hide_what_every_run_notes() {
    let _ = Trainer::new(Net::new(5), Adam::new(), step).note("steps", 9);
}

#[test]
#[should_panic(expected = "there is a value called \"loss\" already")]
fn a_metric_does_not_hide_the_loss() {
    let _ = Trainer::new(Net::new(5), Adam::new(), step).metric("loss", |_, _| 5.0);
}
