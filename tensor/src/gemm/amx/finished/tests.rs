//! The code for any CPU against that for AVX-512.

use super::*;

#[test]
fn any_cpu_writes_the_bits_that_avx512_writes() {
    if crate::runtime::simd::native_level() < crate::SimdLevel::Avx512 {
        println!("skipped: the CPU has no AVX-512, or TENSOR_SIMD keeps from using it");
        return;
    }
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn avx512(finished: &Finished, grid: &Grid, add: bool) -> Seen {
        // SAFETY: the caller's.
        unsafe { finished.write_avx512(grid, add) }
    }
    #[repr(align(64))]
    struct GemmSpec([f32; BLOCK * BLOCK]);
    let mut rng = crate::Rng::new(1);
    let mut number = || (rng.bits() % 2000) as f32 / 7.0 - 150.0;
    for (columns, tall, add) in [(32, true, false), (27, true, true), (16, true, false), (5, true, true)]
        .into_iter()
        .flat_map(|(columns, tall, add)| [(columns, tall, add), (columns, !tall, !add)])
    {
        for strange in [None, Some(f32::NAN), Some(f32::INFINITY), Some(f32::NEG_INFINITY)] {
            let mut sums = GemmSpec(std::array::from_fn(|_| number()));
            if let Some(x) = strange {
                sums.0[3 * BLOCK + columns - 1] = x;
            }
            let grid =
                Grid { lines: 3, width: 7, pitch: 11, a: [0, 0], out: [2, 7 * 40 + 3, 40], whole: false };
            let before: Vec<f32> = (0..2 + 3 * (7 * 40 + 3)).map(|_| number()).collect();
            let [mut fast, mut portable] = [before.clone(), before];
            let finished = |out: &mut Vec<f32>| Finished {
                total: sums.0.as_ptr(),
                extent: Extent { tall, wide: columns > ROWS },
                place: 2,
                columns,
                out: out.as_mut_ptr(),
            };
            // SAFETY: the CPU has AVX-512, and all rows are inside.
            let seen = unsafe {
                [avx512(&finished(&mut fast), &grid, add), finished(&mut portable).write_portable(&grid, add)]
            };
            assert_eq!(
                seen,
                [Seen { non_finite: strange.is_some(), loud: true }; 2],
                "{columns} columns, tall: {tall}, {strange:?}"
            );
            let bits =
                |x: &[f32]| x.iter().map(|x| if x.is_nan() { 0 } else { x.to_bits() }).collect::<Vec<_>>();
            assert_eq!(bits(&fast), bits(&portable), "{columns} columns, tall: {tall}, {strange:?}");
        }
    }
}
