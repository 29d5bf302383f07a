//! Products on the matrix unit against the definition, on a CPU that has one.

use super::*;
use crate::runtime::simd::{SimdLevel, simd_level};

fn numbers(len: usize, seed: u64) -> Vec<f32> {
    crate::Tensor::uniform([len], -1.0, 1.0, crate::DType::F32, &mut crate::Rng::new(seed)).to_vec()
}

/// Whether there is a unit; says so if there is none.
fn has_unit() -> bool {
    let there = simd_level() >= SimdLevel::Amx;
    if !there {
        println!("skipped: the CPU has no matrix unit, or TENSOR_SIMD keeps from using it");
    }
    there
}

/// What the module says is left out of each product, and rounding in `f32`.
fn tolerance(parts: Parts, terms: usize) -> f64 {
    let left_out = match parts {
        Parts::Two => 2_f64.powi(-15),
        Parts::Three => 2_f64.powi(-21),
    };
    terms as f64 * (left_out + 2_f64.powi(-23))
}

#[test]
fn parts_add_up_to_the_number() {
    if !has_unit() {
        return;
    }
    let x: Vec<f32> = numbers(1000, 1).into_iter().chain([0.0, -0.0, 1.0, f32::MAX / 2.0, 1e-30]).collect();
    for (parts, error) in [(Parts::Two, 2_f64.powi(-17)), (Parts::Three, 0.0)] {
        let mut split = Split::of(parts, &x);
        let planes: Vec<Vec<u16>> = split.planes_mut().map(|plane| plane.to_vec()).collect();
        for (i, &x) in x.iter().enumerate() {
            let sum: f64 =
                planes.iter().map(|plane| f64::from(f32::from_bits(u32::from(plane[i]) << 16))).sum();
            assert!((sum - f64::from(x)).abs() <= error * f64::from(x).abs(), "{parts:?}: {sum} for {x}");
        }
    }
}

/// Grids with and without places between their lines, runs of every length, every kind of block.
#[test]
fn every_block_follows_the_definition() {
    if !has_unit() {
        return;
    }
    for (parts, columns, [lines, width, pitch], len, runs, whole) in [
        (Parts::Two, 48, [14, 14, 16], 120, vec![0, 700, 1400], false),
        (Parts::Three, 1, [1, 1, 1], 1, vec![0], false),
        (Parts::Three, 16, [1, 17, 17], 32, vec![0], true),
        (Parts::Two, 17, [3, 5, 9], 33, vec![3, 50], false),
        (Parts::Three, 200, [1, 100, 100], 97, vec![0], true),
        (Parts::Two, 70, [2, 7, 8], 64, vec![10, 0, 5, 1], false),
    ] {
        for add in [false, true] {
            let grid =
                Grid { lines, width, pitch, a: [5, 24], out: [1, width * (columns + 2), columns + 2], whole };
            let terms = Terms { len, runs: &runs };
            let a = numbers(5 + lines * pitch * 24 + 1400 + len, 1);
            let b = numbers(runs.len() * len * columns, 2);
            let mut split = Split::uninit(parts, a.len(), grid.slack());
            split.put(0, &a);
            let panels = Panels::of_terms(&Split::of(parts, &b), terms, columns, columns);
            let before = numbers(1 + lines * width * (columns + 2), 3);
            let mut out = before.clone();
            let product = Product { grid, terms, a: &split, b: &panels, lines: [0, terms.lines_of_run()] };
            product.compute(0..columns, &mut out, add);
            for (i, (&found, &before)) in out.iter().zip(&before).enumerate() {
                let Some(i) = i.checked_sub(1).filter(|i| i % (columns + 2) < columns) else {
                    assert_eq!(found, before, "what is between the rows is not touched");
                    continue;
                };
                let (row, column) = (i / (columns + 2), i % (columns + 2));
                let place = row / width * pitch + row % width;
                let mut sum = if add { f64::from(before) } else { 0.0 };
                for (r, run) in runs.iter().enumerate() {
                    for term in 0..len {
                        let x = a[5 + place * 24 + run + term];
                        sum += f64::from(x) * f64::from(b[(r * len + term) * columns + column]);
                    }
                }
                let error = (f64::from(found) - sum).abs();
                let most = tolerance(parts, runs.len() * len);
                assert!(error <= most, "{parts:?}, row {row}, column {column}: {found} for {sum}");
            }
        }
    }
}

#[test]
fn matrices_may_lie_in_every_way() {
    if !has_unit() {
        return;
    }
    let [m, k, n] = [37, 70, 41];
    let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
    let turned = |x: &[f32], [rows, columns]: [usize; 2]| -> Vec<f32> {
        (0..rows * columns).map(|i| x[i % rows * columns + i / rows]).collect()
    };
    let (a_turned, b_turned) = (turned(&a, [m, k]), turned(&b, [k, n]));
    let mut results = vec![];
    for (a, a_strides) in [(&a, [k, 1]), (&a_turned, [1, m])] {
        for (b, b_strides) in [(&b, [n, 1]), (&b_turned, [1, k])] {
            // SAFETY: the matrices have so many rows and columns.
            let ((a, pitch), b) = unsafe {
                (
                    Split::of_matrix(Parts::Three, a, a_strides, [m, k]),
                    Panels::of_matrix(Parts::Three, b, b_strides, [k, n]),
                )
            };
            let grid = Grid::of_matrix(m, pitch, n);
            let terms = Terms { len: k, runs: &[0] };
            let mut out = vec![0.0; m * n];
            let product = Product { grid, terms, a: &a, b: &b, lines: [0, 0] };
            product.compute(0..n, &mut out, false);
            results.push(out);
        }
    }
    for (i, &found) in results[0].iter().enumerate() {
        let sum: f64 = (0..k).map(|t| f64::from(a[i / n * k + t]) * f64::from(b[t * n + i % n])).sum();
        assert!((f64::from(found) - sum).abs() < tolerance(Parts::Three, k), "{i}: {found} for {sum}");
    }
    assert!(results.iter().all(|result| *result == results[0]), "the layouts give different bits");
}

#[test]
fn sums_that_are_not_finite_or_all_tiny_are_reported() {
    if !has_unit() {
        return;
    }
    for (scale, x, non_finite, loud) in [
        (1.0, 1.0, false, true),
        (1.0, f32::INFINITY, true, true),
        (1.0, f32::NAN, true, true),
        (1e-30, 1e-30, false, false),
        (1e-30, 1.0, false, true),
    ] {
        let (mut a, b) = (vec![scale; 64], vec![0.5; 64]);
        a[33] = x;
        // SAFETY: the matrices have so many rows and columns.
        let ((a, pitch), b) = unsafe {
            (
                Split::of_matrix(Parts::Two, &a, [32, 1], [2, 32]),
                Panels::of_matrix(Parts::Two, &b, [2, 1], [32, 2]),
            )
        };
        let terms = Terms { len: 32, runs: &[0] };
        let product = Product { grid: Grid::of_matrix(2, pitch, 2), terms, a: &a, b: &b, lines: [0, 0] };
        assert_eq!(product.compute(0..2, &mut [0.0; 4], false), Seen { non_finite, loud });
    }
}

#[test]
#[should_panic(expected = "outside of the first operand")]
fn what_reaches_outside_is_refused() {
    if !has_unit() {
        panic!("a row reaches outside of the first operand: there is no unit to try it on");
    }
    let numbers = numbers(100, 1);
    // SAFETY: the matrix has so many rows and columns.
    let b = unsafe { Panels::of_matrix(Parts::Two, &numbers, [1, 1], [32, 1]) };
    let terms = Terms { len: 32, runs: &[0] };
    let a = Split::of(Parts::Two, &numbers);
    let product = Product { grid: Grid::of_matrix(4, 25, 1), terms, a: &a, b: &b, lines: [0, 0] };
    let _ = product.compute(0..1, &mut [0.0; 4], false);
}

/// As for the pixels that no entry of a kernel meets, with a stride larger than the kernel: wherever the terms would begin.
#[test]
fn without_terms_the_result_is_zero() {
    if !has_unit() {
        return;
    }
    for (runs, len) in [(&[][..], 32), (&[7, 900][..], 0)] {
        let grid = Grid { a: [70, 1], ..Grid::of_matrix(3, 1, 5) };
        let terms = Terms { len, runs };
        let (a, b) =
            (Split::of(Parts::Two, &[1.0; 8]), Panels::of_terms(&Split::of(Parts::Two, &[]), terms, 5, 5));
        let product = Product { grid, terms, a: &a, b: &b, lines: [0, terms.lines_of_run()] };
        let mut out = [1.0; 15];
        assert_eq!(product.compute(0..5, &mut out, false), Seen::default());
        assert_eq!(out, [0.0; 15]);
    }
}
