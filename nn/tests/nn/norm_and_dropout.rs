//! Layers that differ between training and inference.

use crate::{assert_close, normal};
use nn::{BatchNorm, DType, Dropout, Graph, Layer, Module, Param, Tensor};

/// The averages after `steps` batches, in plain f64 numbers.
fn averages(
    batches: &[Tensor],
    channels: usize,
    decay: impl Fn(f64) -> f64,
    start: [f64; 2],
) -> [Vec<f64>; 2] {
    let mut averages = start.map(|start| vec![start; channels]);
    for (step, batch) in batches.iter().enumerate() {
        let (numbers, decay) = (batch.to_vec::<f64>(), decay(step as f64));
        for channel in 0..channels {
            let column: Vec<f64> = numbers.iter().skip(channel).step_by(channels).copied().collect();
            let n = column.len() as f64;
            let mean = column.iter().sum::<f64>() / n;
            let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            for (average, batch) in averages.iter_mut().zip([mean, variance]) {
                average[channel] -= (1.0 - decay) * (average[channel] - batch);
            }
        }
    }
    averages
}

fn value(param: &Option<Param>) -> Vec<f64> {
    param.as_ref().map(|p| p.value().to(DType::F64).to_vec()).unwrap_or_default()
}

#[test]
fn running_averages() {
    let batches: Vec<Tensor> = (0..20).map(|i| normal(&[4, 3, 2], i) * (1.0 + i as f64) + 5.0).collect();
    let tensorflow = |decay: f64| move |step: f64| decay.min((1.0 + step) / (10.0 + step));
    type Case = (BatchNorm, Box<dyn Fn(f64) -> f64>, [f64; 2]);
    let cases: [Case; 3] = [
        (BatchNorm::new(2).decay(0.999), Box::new(tensorflow(0.999)), [0.0, 0.0]),
        (BatchNorm::new(2).decay(0.4), Box::new(tensorflow(0.4)), [0.0, 0.0]),
        (BatchNorm::new(2).decay(0.9).step_dependent(false), Box::new(|_| 0.9), [0.0, 1.0]),
    ];
    for (mut norm, decay, start) in cases {
        norm.to(DType::F64);
        for (step, batch) in batches.iter().enumerate() {
            let graph = Graph::training(1, step as u64);
            let grads = norm.forward(graph.input(batch.clone())).square().mean(..).backward();
            grads.apply(&mut norm, &mut |_, _, _| ()).unwrap();
        }
        let [mean, variance] = averages(&batches, 2, decay, start);
        assert_close(norm.mean.value(), &mean, 1e-14);
        assert_close(norm.variance.value(), &variance, 1e-14);
        assert_eq!(norm.steps.value().to_vec::<i64>(), [20]);

        // Inference uses them, and changes nothing.
        let mut norm = norm.scale(1.5).offset(-0.25);
        let graph = Graph::inference().allow_step();
        let x = normal(&[3, 2], 99);
        let y = norm.forward(graph.input(x.clone()));
        let x = x.to_vec::<f64>();
        let expected: Vec<f64> =
            (0..6).map(|i| (x[i] - mean[i % 2]) / (variance[i % 2] + 1e-5).sqrt() * 1.5 - 0.25).collect();
        assert_close(&y.value(), &expected, 1e-13);
        y.sum(..).backward().apply(&mut norm, &mut |_, _, _| ()).unwrap();
        assert_eq!(norm.steps.value().to_vec::<i64>(), [20]);
        assert_close(norm.mean.value(), &mean, 0.0);
    }
}

#[test]
fn a_batch_is_normalised_by_itself() {
    let mut norm = BatchNorm::new(2).eps(1e-3).scale(2.0).offset(0.5);
    norm.to(DType::F64);
    let x = normal(&[5, 2], 1) * 3.0 - 7.0;
    let y = norm.forward(Graph::training(0, 0).input(x.clone())).value();
    let [mean, variance] = averages(std::slice::from_ref(&x), 2, |_| 0.0, [0.0; 2]);
    let x = x.to_vec::<f64>();
    let expected: Vec<f64> =
        (0..10).map(|i| (x[i] - mean[i % 2]) / (variance[i % 2] + 1e-3).sqrt() * 2.0 + 0.5).collect();
    assert_close(&y, &expected, 1e-13);
    assert_eq!((value(&norm.scale), value(&norm.offset)), (vec![2.0; 2], vec![0.5; 2]));
}

/// Before the first step the averages say nothing: with their zeros the first test loss was 3e10.
#[test]
fn an_untrained_norm_passes_its_input_eager_and_compiled() {
    for norm in
        [BatchNorm::new(2), BatchNorm::new(2).step_dependent(false), BatchNorm::new(2).without_scale()]
    {
        let mut norm = norm;
        norm.to(DType::F64);
        let x = normal(&[5, 2], 3) * 4.0 + 7.0;
        let record = |norm: &BatchNorm| {
            let graph = Graph::inference();
            let y = norm.forward(graph.input(x.clone()));
            (y.value(), graph.compile(&[y]))
        };
        let (eager, mut program) = record(&norm);
        let expected: Vec<f64> = x.to_vec::<f64>().iter().map(|x| x / (1.0_f64 + 1e-5).sqrt()).collect();
        assert_close(&eager, &expected, 1e-14);
        assert_eq!(program.run(&norm, 0, std::slice::from_ref(&x)).unwrap()[0], eager);

        // The program, which was compiled before, takes the averages once there are some.
        for step in 0..3 {
            let graph = Graph::training(1, step);
            let grads = norm.forward(graph.input(x.clone())).square().mean(..).backward();
            grads.apply(&mut norm, &mut |_, _, _| ()).unwrap();
        }
        let (mean, variance) = (norm.mean.value().to_vec::<f64>(), norm.variance.value().to_vec::<f64>());
        let x_after: Vec<f64> = x.to_vec();
        let expected: Vec<f64> =
            (0..10).map(|i| (x_after[i] - mean[i % 2]) / (variance[i % 2] + 1e-5).sqrt()).collect();
        let (eager, _) = record(&norm);
        assert_close(&eager, &expected, 1e-13);
        assert_eq!(program.run(&norm, 0, std::slice::from_ref(&x)).unwrap()[0], eager);
        assert_ne!(mean, [0.0, 0.0]);
    }
    // The buffers themselves still begin at 0.
    assert_eq!(BatchNorm::new(2).variance.value().to_vec::<f32>(), [0.0, 0.0]);
}

/// The averages of the kept parts of a model stay, its other parameters learn.
#[test]
fn a_model_is_fine_tuned_with_its_norms_frozen() {
    let mut norm = BatchNorm::new(2);
    let x = normal(&[6, 2], 5).to(DType::F32) + 2.0;
    let train = |norm: &mut BatchNorm, graph: Graph| {
        let grads = norm.forward(graph.input(x.clone())).square().mean(..).backward();
        grads.apply(norm, &mut |_, w, grad| *w.value_mut() -= &(grad * 0.1))
    };
    train(&mut norm, Graph::training(0, 0)).unwrap();
    let (mean, offset) = (norm.mean.value().copy(), value(&norm.offset));
    assert!(train(&mut norm, Graph::inference()).is_err());
    assert_eq!(value(&norm.offset), offset);
    train(&mut norm, Graph::inference().allow_step()).unwrap();
    assert_ne!(value(&norm.offset), offset);
    assert_eq!(norm.mean.value(), &mean);
}

#[test]
fn settings_that_are_changed_later_count() {
    let mut dropout = Dropout::new(0.5);
    dropout.keep = 1.0;
    let graph = Graph::training(1, 1);
    let x = graph.input(Tensor::ones([8], DType::F32));
    assert_eq!(dropout.forward(x).index(), x.index());
    dropout.keep = 0.25;
    assert!(dropout.forward(x).value().to_vec::<f32>().iter().all(|&y| y == 0.0 || y == 4.0));
    let mut norm = BatchNorm::new(1);
    norm.eps = 3.0;
    let graph = Graph::inference();
    assert_eq!(norm.forward(graph.input(Tensor::from([[4.0_f32]]))).item(), 2.0);
}

#[test]
fn running_averages_have_no_gradient() {
    let norm = BatchNorm::new(3);
    let graph = Graph::training(0, 0);
    let x = graph.input(normal(&[4, 3], 1).to(DType::F32));
    let grads = norm.forward(x).square().sum(..).backward();
    assert!(grads.get(&norm.mean).is_none() && grads.get(&norm.variance).is_none());
    assert!(grads.get(norm.scale.as_ref().unwrap()).is_some());
    // Untouched until the step is applied.
    assert_eq!(norm.steps.value().item(), 0.0);
    assert_eq!(grads.update(&norm.steps).unwrap().item(), 1.0);
    assert_eq!(grads.update(&norm.mean).unwrap().shape(), [3]);
}

#[test]
fn dropout_keeps_the_expected_sum() {
    let ones = Tensor::ones([400, 500], DType::F32);
    for keep in [0.1, 0.5, 0.75, 0.99] {
        let graph = Graph::training(3, 5);
        let y = Dropout::new(keep).forward(graph.input(ones.clone())).value();
        let mean = y.to(DType::F64).mean(..).item();
        // Five standard deviations of a mean of 200,000.
        let deviation = ((1.0 - keep) / keep / 200_000.0).sqrt();
        assert!((mean - 1.0).abs() < 5.0 * deviation, "keep {keep}: {mean}");
        let kept = (1.0 / keep) as f32;
        assert!(y.to_vec::<f32>().iter().all(|&y| y == 0.0 || y == kept));
    }
}

#[test]
fn dropout_is_fixed_by_seed_and_step() {
    let ones = Tensor::ones([50], DType::F32);
    let run = |seed, step| {
        let graph = Graph::training(seed, step);
        let dropout = Dropout::new(0.5);
        let x = graph.input(ones.clone());
        [dropout.forward(x).value(), dropout.forward(x).value()]
    };
    assert_eq!(run(1, 2), run(1, 2));
    let [first, second] = run(1, 2);
    assert_ne!(first, second, "two uses in one graph must draw their own");
    assert_ne!(run(1, 2), run(1, 3));
    assert_ne!(run(1, 2), run(2, 2));
}

#[test]
fn dropout_shares_noise_over_axes() {
    let graph = Graph::training(1, 1);
    let x = graph.input(Tensor::ones([8, 5, 6, 16], DType::F32));
    let y = Dropout::new(0.5).shared_over([1, -2]).forward(x).value();
    let first = y.narrow(1, 0, 1).narrow(2, 0, 1);
    assert_eq!(y, first.broadcast_to([8, 5, 6, 16]).contiguous());
    let kept = first.mean(..).item() / 2.0;
    assert!((0.3..0.7).contains(&kept), "{kept} of the maps kept");
}

#[test]
fn dropout_lets_through() {
    let graph = Graph::training(1, 1);
    let x = graph.input(Tensor::ones([8], DType::F32));
    assert_eq!(Dropout::new(1.0).forward(x).index(), x.index());
    let graph = Graph::inference();
    let x = graph.input(Tensor::ones([8], DType::F32));
    assert_eq!(Dropout::new(0.1).forward(x).index(), x.index());
}
