//! The code for any CPU against that for AVX-512.

use super::*;

#[test]
fn any_cpu_lays_out_the_bits_that_avx512_lays_out() {
    if native_level() < SimdLevel::Avx512 {
        println!("skipped: the CPU has no AVX-512, or TENSOR_SIMD keeps from using it");
        return;
    }
    let numbers: Vec<f32> = (0..2000).map(|i| (i as f32).sin()).collect();
    for parts in [Parts::Two, Parts::Three] {
        let b = Split::of(parts, &numbers);
        for columns in [1, 15, 16, 17, 32] {
            let rows: Vec<i64> =
                (0..64).map(|i| if i % 5 == 3 || i > 55 { NOTHING } else { i * 33 }).collect();
            let mut panels = [(); 2].map(|()| Buffer::full(parts.count() * rows.len() * NUMBERS, 1.0));
            let [fast, portable] = &mut panels;
            lay_out(&b, columns, &rows, 7, fast);
            fill_portable(&b, columns, &rows, 7, portable);
            assert!(bits_of(fast) == bits_of(portable), "{parts:?}, {columns} columns");
        }
    }
}
