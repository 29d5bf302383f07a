//! Emulated registers against the CPU's own, to the bit, where it has them.

use crate::runtime::lanes::{Kernel, Lanes, run_at, run_emulated};
use crate::runtime::simd::{SimdLevel, native_level};

/// Every method on these numbers, the results one after the other.
struct Everything<'a> {
    from: &'a [f32],
    out: &'a mut Vec<f32>,
}

impl Kernel for Everything<'_> {
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let from = self.from.as_ptr();
        let mut room = [7.5; 16];
        let to = room.as_mut_ptr();
        let mut keep = |x: L| {
            let mut room = [0.0; 16];
            // SAFETY: a register has 16 numbers at most, and the kernel runs where the CPU has the instructions.
            unsafe { x.store(room.as_mut_ptr()) };
            self.out.extend(&room[..L::N]);
        };
        // SAFETY: there are a hundred numbers, room for a register, and the CPU has the instructions.
        unsafe {
            let [a, b, c] = [0, 16, 32].map(
                #[inline(always)]
                |at| L::load(from.add(at)),
            );
            keep(a);
            keep(L::splat(*from));
            keep(L::repeat::<1>(from));
            keep(L::repeat::<2>(from));
            keep(L::repeat::<4>(from));
            keep(L::repeat::<8>(from));
            keep(a.add_product(b, c));
            for n in 0..=L::N {
                keep(L::load_first(from, n));
                let mask = L::mask(n / 2..n);
                keep(L::load_masked(from, mask));
                b.store_masked(to, mask);
                keep(L::load(to));
                c.store_first(to, n);
                keep(L::load(to));
                b.add_into(to, n, L::mask(0..n), mask);
                keep(L::load(to));
            }
            let (sum, nonzero) = (b.add_product(a, c).sum(), a.nonzero());
            self.out.extend([sum, nonzero as f32]);
        }
    }
}

#[test]
fn emulated_registers_have_the_bits_of_real_ones() {
    let mut rng = crate::Rng::new(1);
    for scale in [1.0, 1e-30, 1e30] {
        let mut from: Vec<f32> =
            (0..100).map(|_| scale * ((rng.bits() % 2000) as f32 / 7.0 - 150.0)).collect();
        from[3] = 0.0;
        from[4] = -0.0;
        from[5] = f32::INFINITY;
        for level in [SimdLevel::Avx2, SimdLevel::Avx512] {
            if level > native_level() {
                println!("skipped: the CPU has no {level}, or TENSOR_SIMD keeps from using it");
                continue;
            }
            let [mut real, mut emulated] = [vec![], vec![]];
            // SAFETY: the CPU has the level.
            unsafe { run_at(level, Everything { from: &from, out: &mut real }) };
            run_emulated(level, Everything { from: &from, out: &mut emulated });
            let bits =
                |x: &[f32]| x.iter().map(|x| if x.is_nan() { 0 } else { x.to_bits() }).collect::<Vec<_>>();
            assert_eq!(bits(&real), bits(&emulated), "{level}, numbers of about {scale}");
        }
    }
}
