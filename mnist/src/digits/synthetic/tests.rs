use std::collections::HashSet;

use sha2::{Digest, Sha256};

use super::render::SIDE;
use super::*;

fn images(bytes: &[u8]) -> &[[u8; PIXELS]] {
    bytes.as_chunks().0
}

#[test]
fn a_seed_means_the_same_digits_for_ever() {
    let (images, labels) = digits(0, 100);
    let digest = Sha256::new().chain_update(&images).chain_update(&labels).finalize();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "d5e09d4e8c8cc2a4e2c8ef45d74ce524eb7ab5e665e02ff65c33b512cb91151e");
}

#[test]
fn threads_and_length_change_nothing() {
    let (images, labels) = digits_with(1, 5, 50);
    for threads in [2, 3, 7, 64] {
        assert!(digits_with(threads, 5, 50) == (images.clone(), labels.clone()), "{threads} threads");
    }
    let (some, few) = digits_with(2, 5, 11);
    assert!(images.starts_with(&some) && labels.starts_with(&few));
    assert_eq!(digits(5, 0), (vec![], vec![]));
}

#[test]
fn no_image_comes_twice() {
    let (train, test) = (digits(1, 2000).0, digits(2, 2000).0);
    let distinct: HashSet<_> = images(&train).iter().chain(images(&test)).collect();
    assert_eq!(distinct.len(), 4000);
}

#[test]
fn classes_are_balanced() {
    let mut counts = [0; 10];
    digits(3, 10_000).1.iter().for_each(|&label| counts[usize::from(label)] += 1);
    // Four standard deviations of a binomial count.
    assert!(counts.iter().all(|count| (880..=1120).contains(count)), "{counts:?}");
}

#[test]
fn every_style_is_used_as_often_as_its_weight_says() {
    for (digit, styles) in STYLES.iter().enumerate() {
        assert!(styles.len() >= 5, "digit {digit} has only {} styles", styles.len());
        let total: u32 = styles.iter().map(|style| style.weight).sum();
        let mut counts = vec![0; styles.len()];
        for index in 0..5000 {
            let chosen = choose(styles, &mut Dice::new(7, index));
            counts[styles.iter().position(|style| std::ptr::eq(style, chosen)).unwrap()] += 1;
        }
        for (i, (style, count)) in styles.iter().zip(counts).enumerate() {
            let expected = (5000 * style.weight / total) as i32;
            assert!(
                (count - expected).abs() < 30 + expected / 5,
                "digit {digit}, style {i}: {count}, not {expected}"
            );
        }
    }
}

#[test]
fn glyphs_fill_the_page() {
    for (digit, styles) in STYLES.iter().enumerate() {
        for (i, style) in styles.iter().enumerate() {
            let points = || style.strokes.iter().flatten();
            assert!(style.strokes.iter().all(|stroke| stroke.len() > 1), "digit {digit}, style {i}");
            assert!(points().flatten().all(|c| (0.0..=1.0).contains(c)), "digit {digit}, style {i}");
            let (top, bottom) = points().fold((1.0f32, 0.0f32), |(a, b), p| (a.min(p[1]), b.max(p[1])));
            assert!(top < 0.1 && bottom > 0.9, "digit {digit}, style {i} reaches from {top} to {bottom}");
        }
    }
}

#[test]
fn every_style_leaves_ink_where_its_strokes_go() {
    for styles in STYLES.iter() {
        for style in styles {
            let mut total = [0u64; PIXELS];
            for index in 0..50 {
                let mut image = [0; PIXELS];
                write(style, &mut Dice::new(11, index), &mut image);
                total.iter_mut().zip(image).for_each(|(sum, pixel)| *sum += u64::from(pixel));
            }
            let mean = total.iter().sum::<u64>() / (50 * PIXELS as u64);
            assert!((10..=55).contains(&mean), "mean ink {mean}");
        }
    }
}

#[test]
fn images_are_framed_as_in_mnist() {
    let (bytes, _) = digits(4, 2000);
    let mean = bytes.iter().map(|&pixel| f64::from(pixel)).sum::<f64>() / bytes.len() as f64;
    // MNIST's mean is 33.3.
    assert!((27.0..37.0).contains(&mean), "mean ink {mean}");
    let (mut off_centre, mut extents) = (0.0, 0);
    for (index, image) in images(&bytes).iter().enumerate() {
        let mass: f64 = image.iter().map(|&pixel| f64::from(pixel)).sum();
        let mut longest = 0;
        for coordinate in [|i: usize| i % SIDE, |i: usize| i / SIDE] {
            let inked = || (0..PIXELS).filter(|&i| image[i] > 0).map(coordinate);
            let (low, high) = (inked().min().unwrap(), inked().max().unwrap());
            longest = longest.max(high - low + 1);
            let moment: f64 = (0..PIXELS).map(|i| f64::from(image[i]) * (coordinate(i) as f64 + 0.5)).sum();
            let off = (moment / mass - 14.0).abs();
            assert!(off < 3.0, "image {index} lies {off} pixels off the middle");
            off_centre += off;
        }
        assert!((15..=26).contains(&longest), "image {index} is {longest} pixels long");
        extents += longest;
    }
    assert!(off_centre / 4000.0 < 0.7, "{}", off_centre / 4000.0);
    assert!((18.0..=21.0).contains(&(f64::from(extents as u32) / 2000.0)), "{extents}");
}

/// The nearest of ten mean images: 0.82 right on MNIST.
#[test]
fn as_hard_as_mnist_for_a_template_matcher() {
    let (train, labels) = digits(1, 5000);
    let mut means = vec![[0.0f64; PIXELS]; 10];
    for (image, &label) in images(&train).iter().zip(&labels) {
        let count = labels.iter().filter(|&&other| other == label).count() as f64;
        means[usize::from(label)].iter_mut().zip(image).for_each(|(m, &p)| *m += f64::from(p) / count);
    }
    let (test, labels) = digits(2, 1000);
    let distance = |mean: &[f64; PIXELS], image: &[u8; PIXELS]| -> f64 {
        mean.iter().zip(image).map(|(m, &p)| (m - f64::from(p)).powi(2)).sum()
    };
    let nearest = |image: &[u8; PIXELS]| {
        (0..10).min_by(|&a, &b| distance(&means[a], image).total_cmp(&distance(&means[b], image))).unwrap()
    };
    let right =
        images(&test).iter().zip(&labels).filter(|(image, label)| nearest(image) == usize::from(**label));
    let right = right.count();
    assert!((720..=880).contains(&right), "{right} of 1000 right");
}
