//! Pictures changed at random: what their definitions say, and the same whenever an element has its turn.

use nn::{DType, Layer, Linear, Rng, Tensor, loss};
use optim::Adam;
use proptest::prelude::*;
use std::collections::BTreeSet;
use tempfile::tempdir;
use train::{Augment, Augmented, Batches, Dataset, Loader, Subset, TensorDataset, Trainer};

const SIZE: usize = 21;
const CENTRE: f64 = (SIZE as f64 - 1.0) / 2.0;

/// A picture whose pixels have their places, x and y, as values: between them, a bilinear sample is its place.
fn places() -> Tensor {
    let axis = Tensor::arange(0.0, SIZE as f64, 1.0, DType::F32);
    let x = axis.reshape([1, SIZE, 1]) + Tensor::zeros([SIZE, SIZE, 1], DType::F32);
    let y = axis.reshape([SIZE, 1, 1]) + Tensor::zeros([SIZE, SIZE, 1], DType::F32);
    Tensor::concat(&[&x, &y], 2).reshape([1, SIZE, SIZE, 2])
}

/// Where the pixel at (x, y) comes from, of each of so many elements.
fn origins(augment: &Augment, elements: usize, x: usize, y: usize) -> Vec<[f64; 2]> {
    let images = Tensor::concat(&vec![&places(); elements], 0);
    let changed = augment.clone().fill(f32::NAN).apply(&images, &(0..elements).collect::<Vec<_>>(), 3);
    let place = |i| changed.narrow(0, i, 1).narrow(1, y, 1).narrow(2, x, 1).to_vec::<f32>();
    (0..elements).map(|i| [0, 1].map(|axis| f64::from(place(i)[axis]))).collect()
}

fn noise_pictures(n: usize, size: [usize; 2], channels: usize) -> Tensor {
    Tensor::uniform([n, size[0], size[1], channels], 0.0, 1.0, DType::F32, &mut Rng::new(9))
}

fn everything() -> Augment {
    let motions = Augment::new(5).shift(2.0).rotate(20.0).scale(0.8, 1.25).flip().crop([9, 10], 2);
    motions.elastic(4.0, 1.5).noise(0.1).fill(0.5).normalize(&[0.4, 0.5], &[0.25, 2.0])
}

#[test]
fn nothing_asked_for_changes_nothing() {
    let images = noise_pictures(3, [4, 7], 2);
    assert_eq!(Augment::new(1).apply(&images, &[5, 6, 7], 2), images);
    assert_eq!(Augment::new(1).plain(&images), images);
    // Of any layout.
    let turned = images.transpose(1, 2);
    assert_eq!(Augment::new(1).apply(&turned, &[5, 6, 7], 2), turned);
    for empty in [[0, 4, 7, 2], [2, 0, 7, 2], [2, 4, 7, 0]] {
        let elements: Vec<usize> = (0..empty[0]).collect();
        assert_eq!(
            *Augment::new(1).flip().apply(&Tensor::zeros(empty, DType::F32), &elements, 0).shape(),
            empty
        );
    }
}

/// Every number from the seed, as the documentation of the type says what it depends on.
#[test]
fn a_shift_is_what_its_streams_give() {
    let found = origins(&Augment::new(11).shift(3.0), 40, 10, 10);
    for (element, [x, y]) in found.into_iter().enumerate() {
        let of_epoch = Rng::stream(11, 3).bits();
        let of_element = Rng::stream(of_epoch, element as u64).bits();
        let rng = &mut Rng::stream(of_element, 0);
        let [tx, ty] = [(); 2].map(|()| 3.0 * (2.0 * rng.unit() - 1.0));
        assert!((x - (10.0 - tx)).abs() < 1e-5 && (y - (10.0 - ty)).abs() < 1e-5, "{element}: {x}, {y}");
    }
}

#[test]
fn rotations_and_scales_are_about_the_centre_and_within_their_bounds() {
    let (mut least, mut most) = (f64::MAX, f64::MIN);
    let turned = Augment::new(2).rotate(30.0);
    for [x, y] in origins(&turned, 200, 15, 10) {
        let (dx, dy) = (x - CENTRE, y - CENTRE);
        assert!((dx.hypot(dy) - 5.0).abs() < 1e-5, "{x}, {y}");
        let degrees = dy.atan2(dx).to_degrees();
        (least, most) = (least.min(degrees), most.max(degrees));
    }
    assert!((-30.01..-28.0).contains(&least) && (28.0..30.01).contains(&most), "{least} to {most}");
    (least, most) = (f64::MAX, f64::MIN);
    for [x, y] in origins(&Augment::new(2).scale(0.8, 1.5), 200, 14, 10) {
        let factor = 4.0 / (x - CENTRE);
        assert!((y - CENTRE).abs() < 1e-6);
        (least, most) = (least.min(factor), most.max(factor));
    }
    assert!((0.8 - 1e-5..0.82).contains(&least) && (1.48..1.5 + 1e-5).contains(&most), "{least} to {most}");
    for augment in [turned, Augment::new(2).scale(0.8, 1.5)] {
        assert!(origins(&augment, 20, 10, 10).iter().all(|place| *place == [CENTRE; 2]), "the centre stays");
    }
}

#[test]
fn reflections_and_crops_keep_pixels_to_the_bit() {
    let [height, width] = [6, 8];
    let image = noise_pictures(1, [height, width], 3);
    let pixel = |x: i64, y: i64| match (0..width as i64).contains(&x) && (0..height as i64).contains(&y) {
        true => image.narrow(1, y as usize, 1).narrow(2, x as usize, 1).to_vec::<f32>(),
        false => vec![0.25; 3],
    };
    let augment = Augment::new(4).flip().crop([5, 4], 1).fill(0.25);
    let mut seen = BTreeSet::new();
    for element in 0..1000 {
        let found = augment.apply(&image, &[element], 0);
        // The places of a window in the padded picture, 4 by 7, reflected or not.
        let is_it = |&(ox, oy, flip): &(i64, i64, bool)| {
            (0..20).all(|i| {
                let (x, y) = (i % 4 + ox - 1, i / 4 + oy - 1);
                let x = if flip { width as i64 - 1 - x } else { x };
                found.to_vec::<f32>()[3 * i as usize..][..3] == pixel(x, y)
            })
        };
        let all = (0..7).flat_map(|ox| (0..4).flat_map(move |oy| [(ox, oy, false), (ox, oy, true)]));
        seen.insert(all.clone().find(is_it).expect("a window of the picture"));
    }
    assert_eq!(seen.len(), 7 * 4 * 2, "every place, reflected and not");
    // In the middle, where nothing is changed at random.
    let plain = augment.plain(&image);
    assert_eq!(plain, Augment::new(0).apply(&image, &[0], 0).narrow(1, 0, 5).narrow(2, 2, 4));
}

#[test]
fn elastic_displacements_are_as_large_as_their_formula_says() {
    let (alpha, sigma) = (3.0, 2.0);
    let augment = Augment::new(6).elastic(alpha, sigma);
    let found = origins(&augment, 400, 10, 10);
    let gauss: Vec<f64> = (-6..=6).map(|i: i32| (-f64::from(i * i) / (2.0 * sigma * sigma)).exp()).collect();
    let sum: f64 = gauss.iter().sum();
    let squares: f64 = gauss.iter().map(|x| (x / sum).powi(2)).sum();
    // Uniform numbers in [−1, 1) have variance 1/3.
    let expected = alpha * squares / 3.0_f64.sqrt();
    for axis in 0..2 {
        let moved = found.iter().map(|place| place[axis] - CENTRE);
        let mean = moved.clone().sum::<f64>() / 400.0;
        let std = (moved.map(|x| x * x).sum::<f64>() / 400.0).sqrt();
        assert!(
            mean.abs() < expected / 5.0 && (std / expected - 1.0).abs() < 0.15,
            "{mean}, {std}, {expected}"
        );
    }
}

#[test]
fn noise_has_its_deviation_and_normalization_its_formula() {
    let images = Tensor::full([50, 20, 20, 2], 3.0, DType::F32);
    let elements: Vec<usize> = (0..50).collect();
    let noisy = Augment::new(3).noise(0.5).apply(&images, &elements, 0) - 3.0;
    let [mean, std] = [noisy.mean(..).item(), noisy.square().mean(..).item().sqrt()];
    assert!(mean.abs() < 0.01 && (std - 0.5).abs() < 0.01, "{mean}, {std}");
    let normalized =
        Augment::new(3).noise(0.5).normalize(&[1.0, 2.0], &[0.5, 4.0]).apply(&images, &elements, 0);
    let (mean, std) = (Tensor::from([1.0_f32, 2.0]), Tensor::from([0.5_f32, 4.0]));
    let noisy = Augment::new(3).noise(0.5).apply(&images, &elements, 0);
    assert_eq!(normalized, (noisy - mean) / std);
}

/// What is drawn for one change does not depend on which others there are.
#[test]
fn a_change_more_does_not_alter_the_others() {
    let images = noise_pictures(4, [9, 9], 1);
    let elements = [3, 1, 4, 1];
    let turned = Augment::new(8).rotate(20.0);
    assert_eq!(
        turned.clone().noise(1e-30).scale(1.0, 1.0).apply(&images, &elements, 2),
        turned.apply(&images, &elements, 2)
    );
    let noise = |augment: &Augment| augment.clone().noise(1.0).apply(&(&images * 0.0), &elements, 2);
    assert_eq!(noise(&turned), noise(&Augment::new(8).elastic(2.0, 1.0)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn an_element_is_the_same_in_any_batch(batch in prop::collection::vec(0_usize..30, 1..12), epoch in 0_usize..1_000_000) {
        let images = noise_pictures(30, [8, 9], 2);
        let data = Augmented::new(TensorDataset::new([images]).unwrap(), everything());
        let all: Vec<usize> = (0..30).collect();
        let whole = data.batch_in_epoch(&all, epoch).unwrap().remove(0);
        let found = data.batch_in_epoch(&batch, epoch).unwrap().remove(0);
        let places: Vec<i64> = batch.iter().map(|&i| i as i64).collect();
        prop_assert_eq!(found, whole.index_select(0, &Tensor::from(places.as_slice())));
        prop_assert_ne!(&whole, &data.batch_in_epoch(&all, epoch + 1).unwrap().remove(0));
        // As a part of the whole, by its number in the whole.
        let part = Subset::new(std::sync::Arc::new(data), batch.clone());
        let of_part = part.batch_in_epoch(&[batch.len() - 1], epoch).unwrap().remove(0);
        let last = Tensor::from([batch[batch.len() - 1] as i64]);
        prop_assert_eq!(of_part, whole.index_select(0, &last));
    }
}

fn digits() -> Augmented<TensorDataset> {
    let images = noise_pictures(23, [6, 6], 1);
    let labels = (images.sum([1_isize, 2, 3].as_slice())).greater(&Tensor::from(18.0_f32)).to(DType::I64);
    let augment = Augment::new(1).shift(1.0).rotate(10.0).elastic(2.0, 1.0).noise(0.1);
    Augmented::new(TensorDataset::new([images, labels]).unwrap(), augment)
}

#[test]
fn batches_are_the_same_prepared_ahead_and_from_any_place_on() {
    let loader = |ahead| Loader::new(digits(), Batches::new(23, 5, 3).unwrap()).prefetch(ahead);
    let mut plain = loader(0);
    let mut ahead = loader(3);
    for step in 0..20 {
        let (position, expected) = (plain.position(), plain.next().unwrap());
        assert_eq!(ahead.next().unwrap().tensors, expected.tensors, "{step}");
        let mut resumed = loader(step % 3);
        resumed.seek(position).unwrap();
        assert_eq!(resumed.next().unwrap().tensors, expected.tensors, "{step}");
        assert_ne!(plain.data().batch(&expected.indices).unwrap()[0], expected.tensors[0], "{step}");
    }
}

#[test]
fn a_training_that_is_interrupted_ends_as_one_that_is_not() {
    let folder = tempdir().unwrap();
    let fit = |run: &str, steps: u64| {
        let model = Linear::new(36, 2, &mut Rng::new(1));
        let mut trainer = Trainer::new(model, Adam::new(), |line: &Linear, [x, y]| {
            [loss::softmax_cross_entropy(line.forward(x.reshape([x.shape()[0], 36])), y)]
        })
        .evaluate("test", digits(), 23)
        .folder(folder.path().join(run));
        let mut loader = Loader::new(digits(), Batches::new(23, 5, 3).unwrap()).prefetch(2);
        trainer.resume(&mut loader).unwrap();
        trainer.fit(&mut loader, steps).unwrap();
        trainer.model().weight.value().clone()
    };
    let whole = fit("whole", 30);
    let mut resumed = fit("parts", 7);
    for steps in [8, 16, 30] {
        assert_ne!(resumed, whole);
        resumed = fit("parts", steps);
    }
    assert_eq!(resumed, whole);
    let [a, b] =
        ["whole", "parts"].map(|run| std::fs::read(folder.path().join(run).join("metrics.jsonl")).unwrap());
    assert!(a == b);
}

#[test]
fn what_has_no_meaning_is_said() {
    let said = |f: &dyn Fn()| {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).unwrap_err();
        panic
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_else(|| panic.downcast_ref::<&str>().unwrap().to_string())
    };
    let images = noise_pictures(1, [4, 4], 2);
    let apply = |augment: &Augment, images: &Tensor| {
        let _ = augment.apply(images, &[0], 0);
    };
    let new = || Augment::new(1);
    let cases: Vec<(String, &str)> = vec![
        (said(&|| drop(new().shift(-1.0))), "augment: shift: [-1.0] has no meaning"),
        (said(&|| drop(new().rotate(f64::NAN))), "augment: rotate: [NaN] has no meaning"),
        (said(&|| drop(new().scale(1.2, 0.8))), "augment: scale: [1.2, 0.8] has no meaning"),
        (said(&|| drop(new().scale(0.0, 0.8))), "augment: scale: [0.0, 0.8]"),
        (said(&|| drop(new().scale(1.0, f64::INFINITY))), "augment: scale: [1.0, inf]"),
        (said(&|| drop(new().elastic(1.0, 0.0))), "augment: elastic: [1.0, 0.0]"),
        (said(&|| drop(new().noise(-0.1))), "augment: noise: [-0.1]"),
        (said(&|| drop(new().crop([0, 3], 1))), "augment: crop: [0, 3] is no size"),
        (
            said(&|| drop(new().normalize(&[1.0], &[0.0]))),
            "augment: normalize: means [1.0] and deviations [0.0]",
        ),
        (
            said(&|| apply(&new().crop([7, 4], 1), &images)),
            "a crop of [7, 4] is larger than a picture with a padding of 1",
        ),
        (
            said(&|| apply(&new().normalize(&[1.0], &[1.0]), &images)),
            "2 channels are normalized with 1 means",
        ),
        (said(&|| apply(&new(), &images.narrow(0, 0, 0))), "augment: [0, 4, 4, 2]: there are 1 elements"),
        (
            said(&|| apply(&new(), &images.reshape([1, 4, 8]))),
            "pictures are [n, height, width, channels]; reshape them",
        ),
        (said(&|| apply(&new(), &images.to(DType::F64))), "pictures are f32, not f64; convert them"),
    ];
    for (said, expected) in cases {
        assert!(said.contains(expected), "{said}");
    }
}
