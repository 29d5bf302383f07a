//! Every tile at every level against the definition.

use super::small_n::SmallN;
use super::*;
use crate::runtime::lanes;
use crate::runtime::simd::native_level;

/// The definition, one number at a time, with checked indexing.
fn expected(sums: &GemmSpec, rows: &Rows, a: &[f32], b: &[f32], out: &[f32], add: bool) -> Vec<f64> {
    let mut result: Vec<f64> = out.iter().map(|&x| x.into()).collect();
    for row in (0..rows.count).map(|i| rows.at(i / rows.width, i % rows.width)) {
        for c in 0..sums.columns {
            let mut sum = if add { result[row.out + c] } else { 0.0 };
            for (run, i) in (0..sums.runs).flat_map(|run| (0..sums.len).map(move |i| (run, i))) {
                let x = a[row.a + run * sums.a_run + i * sums.a_step + c % sums.group];
                let y = b[run * sums.b_run + i * sums.b_step + c * sums.b_column];
                sum += f64::from(x) * f64::from(y);
            }
            result[row.out + c] = sum;
        }
    }
    result
}

fn numbers(len: usize, seed: u64) -> Vec<f32> {
    crate::Tensor::uniform([len], -1.0, 1.0, crate::DType::F32, &mut crate::Rng::new(seed)).to_vec()
}

type Compute = unsafe fn(&GemmArgs, bool, &mut Prefetcher);

/// The levels that this CPU has, and the others emulated.
fn levels() -> Vec<(&'static str, Compute)> {
    #[cfg_attr(not(all(target_arch = "x86_64", not(portable_only))), expect(unused_mut))]
    let mut levels: Vec<(_, Compute)> = vec![
        ("portable", compute::<kernels::Portable>),
        ("avx2, emulated", compute::<kernels::EmulatedAvx2>),
        ("avx512, emulated", compute::<kernels::EmulatedAvx512>),
    ];
    #[cfg(all(target_arch = "x86_64", not(portable_only)))]
    {
        if native_level() >= SimdLevel::Avx2 {
            levels.push(("avx2", compute::<kernels::Avx2>));
        }
        if native_level() >= SimdLevel::Avx512 {
            levels.push(("avx512", compute::<kernels::Avx512>));
        }
    }
    levels
}

/// Every number of columns up to several blocks and of rows up to two tiles, at every level of this CPU.
#[test]
fn every_tile_follows_the_definition() {
    let widths = (1..20).chain([24, 31, 48, 49, 63, 64, 65, 70, 100, 1023]);
    let layouts = [
        (true, 1, 900, 1),
        (false, 1, 900, 1),
        (true, 1, 77, 1),
        (false, 1, 77, 1),
        (true, 40, 7, 1),
        (false, 5, 30, 1),
        (true, 3, 0, 1),
        (true, 5, 30, 2),
        (true, 5, 30, 4),
        (true, 5, 30, 8),
        (false, 5, 30, 4),
    ];
    for (columns, (along, runs, len, group)) in
        widths.flat_map(|columns| layouts.map(|layout| (columns, layout)))
    {
        let (b_step, b_column) = if along { (columns + 1, 1) } else { (1, 910) };
        let sums = GemmSpec {
            runs,
            len,
            a_run: 3,
            a_step: if len == 77 { 1 } else { 2 },
            b_run: len * b_step,
            b_step,
            b_column,
            columns,
            group,
            small_n: columns <= 12 && runs == 1 && len == 77,
        };
        let (a, b) = (numbers(3500, 1), numbers(910 * (columns + 1), 2));
        for count in [1, 3, 4, 5, 12, 13, 25, 41] {
            let line = 5 * (columns + 2);
            // Rows so far apart that they are fetched ahead, and others.
            let apart = if len == 77 { 70 } else { 4 };
            let rows = Rows { count, width: 5, a: [7, 5 * apart + 5, apart], out: [1, line, columns + 2] };
            for add in [false, true] {
                let before = numbers(count * (columns + 2) + 1, 3);
                let expected = expected(&sums, &rows, &a, &b, &before, add);
                let job = |out: &mut Vec<f32>| GemmArgs {
                    sums: &sums,
                    rows,
                    a: a.as_ptr(),
                    b: b.as_ptr(),
                    out: out.as_mut_ptr(),
                };
                sums.check(rows, a.len(), b.len(), before.len());
                let verify = |name: &str, run: &dyn Fn(&GemmArgs, bool)| {
                    let mut out = before.clone();
                    run(&job(&mut out), add);
                    for (i, (x, y)) in out.iter().zip(&expected).enumerate() {
                        assert!(
                            (f64::from(*x) - y).abs() < 1e-4,
                            "{name}: {columns} columns, {count} rows, element {i}: {x} for {y}"
                        );
                    }
                };
                for (name, compute) in levels() {
                    if group <= 4 || name != "portable" {
                        verify(name, &|job, add| {
                            let mut prefetcher = Prefetcher::during(1);
                            prefetcher.add(a.as_ptr_range());
                            // SAFETY: checked above.
                            unsafe { compute(job, add, &mut prefetcher) };
                            // Where there is nothing to add up, there is no tile.
                            assert!(
                                len == 0 || prefetcher.lines() == 0,
                                "{name}: {columns} columns, {count} rows"
                            );
                        });
                    }
                }
                if sums.small_n {
                    for level in [SimdLevel::Portable, SimdLevel::Avx2, SimdLevel::Avx512] {
                        if level <= native_level() {
                            // SAFETY: as above.
                            verify(&format!("small_n, {level}"), &|job, add| unsafe {
                                lanes::run_at(level, SmallN { job, add });
                            });
                        }
                    }
                }
            }
        }
    }
}

/// A matrix of which most terms are zero in several rows side by side, some numbers so small that products vanish; and the
/// same one with every other row of ones, so that no tile has terms to leave out.
fn with_zeros([m, k]: [usize; 2]) -> [Vec<f32>; 2] {
    let chance = numbers(m * k, 4);
    let zeros = Vec::from_iter((0..m * k).map(|i| match (i / k, i % k) {
        (row, term) if chance[row / 5 * k + term] < 0.5 => [0.0, -0.0][row % 2],
        (row, _) if row % 7 == 3 => 1e-30 * chance[i],
        _ => chance[i],
    }));
    let mut ones = zeros.clone();
    ones.chunks_mut(k).step_by(2).for_each(|row| row.fill(1.0));
    [zeros, ones]
}

#[test]
fn terms_that_are_zero_in_all_rows_of_a_tile_are_left_out_without_a_trace() {
    // More rows than a word of the bitmap has bits.
    let (m, k) = (149, 301);
    for (columns, turned) in [1, 9, 16, 30, 47, 64, 200].into_iter().flat_map(|n| [(n, false), (n, true)]) {
        let of = if turned { [1, m] } else { [k, 1] };
        let sums = GemmSpec { small_n: false, ..GemmSpec::of_matrices(k, of[1], [columns, 1], columns) };
        let rows = Rows::of_matrix(m, of[0], columns);
        let mut b = numbers(k * columns, 5);
        b.iter_mut().step_by(3).for_each(|x| *x *= 1e-20);
        for (name, compute) in levels() {
            let product = |a: &[f32], b: &[f32]| {
                let laid =
                    Vec::from_iter((0..m * k).map(|i| if turned { a[i % m * k + i / m] } else { a[i] }));
                let mut out = vec![-0.0; m * columns];
                sums.check(rows, laid.len(), b.len(), out.len());
                for add in [false, true] {
                    let job = GemmArgs {
                        sums: &sums,
                        rows,
                        a: laid.as_ptr(),
                        b: b.as_ptr(),
                        out: out.as_mut_ptr(),
                    };
                    // SAFETY: just checked, at a level that the CPU has.
                    unsafe { compute(&job, add, &mut Prefetcher::nothing()) };
                }
                out
            };
            let [zeros, ones] = with_zeros([m, k]);
            let [few, all] = [product(&zeros, &b), product(&ones, &b)];
            for row in (1..m).step_by(2) {
                let bits = |out: &[f32]| {
                    out[row * columns..][..columns].iter().map(|x| x.to_bits()).collect::<Vec<_>>()
                };
                assert_eq!(bits(&few), bits(&all), "{name}: {columns} columns, row {row}, turned: {turned}");
            }
            // But what is not finite is never left out: zero times infinity is no number.
            for strange in [f32::INFINITY, f32::NAN] {
                let mut b = b.clone();
                b[k / 2 * columns + columns - 1] = strange;
                let out = product(&vec![0.0; m * k], &b);
                for (i, x) in out.iter().enumerate() {
                    assert_eq!(
                        x.is_nan(),
                        i % columns == columns - 1,
                        "{name}: {columns} columns, element {i}"
                    );
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "outside of the second operand")]
fn what_reaches_outside_is_refused() {
    let sums = GemmSpec::of_matrices(3, 1, [4, 1], 5);
    sums.compute(
        Rows::of_matrix(1, 0, 0),
        &[0.0; 3],
        &[0.0; 12],
        &mut [0.0; 5],
        false,
        &mut Prefetcher::nothing(),
    );
}
