//! Rounding errors within the bounds that the documentation states, far from zero, very small and very large.

use benches::accuracy::{FUNCTIONS, Function, OFFSETS, SCALES, cotangent};
use tensor::{DType, Rng, Tensor};

/// Written by `cargo run --release -p benches --bin accuracy -- --write FILE`: a line is function, offset and scale, the inputs,
/// and value, gradient and second gradient, each the nearest f64.
const EXACT: &str = include_str!("accuracy.txt");

/// The larger of two errors; NaN is larger than all.
fn larger(a: f64, b: f64) -> f64 {
    if a >= b || a.is_nan() { a } else { b }
}

/// The worst error in units of eps, of the largest number of its row, and of the value of logarithms at least of 1.
fn error(function: &Function, order: usize, x: &Tensor, found: &Tensor, exact: &Tensor) -> f64 {
    let (eps, least, most) = match found.dtype() {
        DType::F32 => (f32::EPSILON.into(), f32::MIN_POSITIVE.into(), f32::MAX.into()),
        _ => (f64::EPSILON, f64::MIN_POSITIVE, f64::MAX),
    };
    let least = if function.logarithm && order == 0 { 1.0 } else { least };
    let width = exact.shape()[1];
    let x = x.to(DType::F64);
    let [farthest, variance] = [x.abs().max(-1), x.var(-1, 0)].map(|x| x.to_vec::<f64>());
    let [found, exact] = [found, exact].map(|x| x.to(DType::F64).to_vec::<f64>());
    let row = |(i, (found, exact)): (usize, (&[f64], &[f64]))| {
        let mut size = exact.iter().fold(least, |size: f64, x| size.max(x.abs()));
        // A root has no derivative at 0.
        if function.name == "std" && order > 0 && variance[i] == 0.0 {
            return 0.0;
        }
        if function.normalises {
            if variance[i] > most {
                return 0.0;
            }
            size *= (farthest[i] / (variance[i] + 1e-5).sqrt()).max(1.0);
        }
        // What is out of range is near no number of this type.
        let within = found.iter().zip(exact).filter(|(_, exact)| exact.abs() <= most);
        within.map(|(a, b)| (a - b).abs() / (size * eps)).fold(0.0, larger)
    };
    found.chunks(width).zip(exact.chunks(width)).enumerate().map(row).fold(0.0, larger)
}

/// What exceeds its bounds. Rows whose value is out of range are left out: gradients pass through it.
fn check(
    function: &Function,
    at: &str,
    x: &Tensor,
    [found, exact]: [&[Tensor; 3]; 2],
    slack: f64,
) -> Vec<String> {
    let most = if x.dtype() == DType::F32 { f32::MAX.into() } else { f64::MAX };
    let largest = exact[0].to(DType::F64).abs().max(-1).to_vec::<f64>();
    let rows: Vec<i64> = (0..largest.len()).filter(|&i| largest[i] <= most).map(|i| i as i64).collect();
    let within = |x: &Tensor| x.index_select(0, &Tensor::from(rows.clone()));
    let mut failed = vec![];
    for order in 0..3 {
        let worst = error(function, order, &within(x), &within(&found[order]), &within(&exact[order]));
        let bound = function.bounds[order] + slack;
        if worst.is_nan() || worst > bound {
            let of = ["value", "gradient", "second gradient"][order];
            failed.push(format!("{} {of} {at}: {worst:.2} eps, at most {bound}", function.name));
        }
    }
    failed
}

#[test]
fn f64_is_within_the_bounds_of_the_exact_numbers() {
    let mut failed = vec![];
    let mut lines = 0;
    for line in EXACT.lines() {
        let mut parts = line.split(';');
        let head = parts.next().unwrap();
        let name = head.split(' ').next().unwrap();
        let function = FUNCTIONS.iter().find(|f| f.name == name).unwrap();
        let numbers =
            parts.map(|part| part.split(' ').map(|x| x.parse::<f64>().unwrap()).collect::<Vec<_>>());
        let mut rows = numbers.map(|row| Tensor::from(row).unsqueeze(0));
        let x = rows.next().unwrap();
        let exact = [(); 3].map(|()| rows.next().unwrap());
        // Their own rounding is half an eps.
        failed.extend(check(function, head, &x, [&function.orders(&x, cotangent), &exact], 0.5));
        lines += 1;
    }
    assert!(lines >= 9 * FUNCTIONS.len(), "{lines} lines");
    assert!(failed.is_empty(), "{} fail:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn f32_is_within_the_bounds_of_f64() {
    let mut failed = vec![];
    for function in &FUNCTIONS {
        for (offset, scale) in OFFSETS.iter().flat_map(|&offset| SCALES.map(|scale| (offset, scale))) {
            let x = function.inputs([64, 8], DType::F32, [offset, scale], &mut Rng::new(3));
            let random = |i, shape: &[usize]| Tensor::normal(shape, 0.0, 1.0, DType::F32, &mut Rng::new(i));
            let [found, exact] = [&x, &x.to(DType::F64)].map(|x| function.orders(x, random));
            failed.extend(check(function, &format!("{offset} ± {scale}"), &x, [&found, &exact], 0.0));
        }
    }
    assert!(failed.is_empty(), "{} fail:\n{}", failed.len(), failed.join("\n"));
}
