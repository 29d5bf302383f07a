//! The interpreter against the definition, and against the CPU's own unit where there is one.

use super::*;

/// A tile of `bf16` pairs of all kinds: numbers of ordinary size, and such that results or operands are subnormal.
fn tile(seed: u64, largest: i32) -> Tile {
    let mut rng = crate::Rng::new(seed);
    let mut next = || rng.bits() as u32 & 0xffff;
    from_fn(|_| {
        from_fn(|_| {
            let mut half = || {
                let exponent = (127 + largest - (next() % 12) as i32).max(0) as u32;
                (next() & 0x807f) | exponent << 7
            };
            half() | half() << 16
        })
    })
}

#[test]
fn a_tile_is_multiplied_term_by_term() {
    let (a, b) = (tile(1, 2), tile(2, 2));
    let mut sums = [[0; COLUMNS]; ROWS];
    add_products(&mut sums, &a, &b);
    for (m, n) in (0..ROWS).flat_map(|m| (0..COLUMNS).map(move |n| (m, n))) {
        let mut halves = [0.0_f32; 2];
        for k in 0..COLUMNS {
            for (half, shift) in halves.iter_mut().zip([16, 0]) {
                *half = bf16(a[m][k] << shift).mul_add(bf16(b[k][n] << shift), *half);
            }
        }
        assert_eq!(f32::from_bits(sums[m][n]), halves[0] + halves[1], "row {m}, column {n}");
    }
}

#[test]
fn subnormal_numbers_count_as_zero_and_become_zero() {
    let product = |x: f32, y: f32, z: f32| {
        let (mut a, mut b) = ([[0; COLUMNS]; ROWS], [[0; COLUMNS]; ROWS]);
        (a[3][0], b[0][5]) = (x.to_bits() >> 16, y.to_bits() >> 16);
        let mut sums = [[z.to_bits(); COLUMNS]; ROWS];
        add_products(&mut sums, &a, &b);
        f32::from_bits(sums[3][5])
    };
    let least = f32::MIN_POSITIVE;
    assert_eq!(product(1.0, least, 0.0), least);
    assert_eq!(product(0.5, least, 0.0), 0.0, "a result");
    assert_eq!(product(0.5, least, least), least, "a product, before it is added");
    assert_eq!(product(1e30, least / 2.0, 0.0), 0.0, "an operand");
    assert_eq!(product(1.0, 1.0, least / 2.0), 1.0);
    assert_eq!(product(0.0, 1.0, least / 2.0), 0.0, "what is in the tile");
}

#[test]
fn a_result_is_flushed_if_it_is_too_small_with_all_digits() {
    let least = f32::MIN_POSITIVE;
    // Midway between the largest subnormal number and the smallest normal one, and a quarter from the latter.
    let (half, quarter) = (2_f32.powi(-100) * 2_f32.powi(-50), 2_f32.powi(-100) * 2_f32.powi(-51));
    assert_eq!((half, quarter), (0.0, 0.0), "with the digits of a subnormal number there is nothing between");
    let below = |power: i32| 2_f32.powi(-60).mul_add(-(2_f32.powi(power + 60)), least);
    assert_eq!([below(-150), below(-151)], [least; 2]);
    let x = 2_f32.powi(-60);
    assert_eq!(at_edge(x, -(2_f32.powi(-90)), least, least), 0.0);
    assert_eq!(at_edge(x, -(2_f32.powi(-91)), least, least), least);
}

#[test]
#[should_panic(expected = "does not know this instruction")]
fn what_it_does_not_know_is_refused() {
    // SAFETY: the instruction is not carried out.
    unsafe { Emulated::new().run("tdpbssd tmm0, tmm4, tmm6", &[]) };
}

/// Both carry out the same text, on numbers of ordinary size and on the smallest.
#[test]
#[cfg(all(target_arch = "x86_64", not(portable_only)))]
fn the_emulation_has_the_bits_of_the_unit() {
    use crate::gemm::amx::unit::{Amx, is_available};

    /// Some steps of every extent.
    fn sums<U: MatrixUnit, const P: usize>(
        extent: Extent,
        numbers: &[[Tile; 6]; 2],
    ) -> [u32; 4 * ROWS * COLUMNS] {
        let mut out = [0; 4 * ROWS * COLUMNS];
        let tiles = |operand: &[Tile; 6]| Tiles {
            first: [operand.as_ptr().cast(), operand[3..].as_ptr().cast()],
            row: LINE,
            part: size_of::<Tile>(),
        };
        // SAFETY: the caller has looked for the unit; there are three parts of two tiles, and room for four tiles of sums.
        unsafe {
            let mut unit = U::new();
            unit.clear();
            for odd in [false, true, false] {
                unit.multiply::<P>(extent, odd, tiles(&numbers[0]), tiles(&numbers[1]));
            }
            unit.store(out.as_mut_ptr().cast(), 2 * LINE);
        }
        out
    }
    if !is_available() {
        println!("skipped: the CPU has no matrix unit to compare the emulation with");
        return;
    }
    for (seed, largest) in [(1, 0), (20, -60), (40, 20), (60, -118)] {
        let numbers = [0, 6].map(|first| from_fn(|i| tile(seed + first + i as u64, largest)));
        for (tall, wide) in [(true, true), (true, false), (false, true), (false, false)] {
            let extent = Extent { tall, wide };
            let name = format!("{extent:?}, numbers up to 2^{largest}");
            assert!(
                sums::<Amx, 2>(extent, &numbers) == sums::<Emulated, 2>(extent, &numbers),
                "2 parts, {name}"
            );
            assert!(
                sums::<Amx, 3>(extent, &numbers) == sums::<Emulated, 3>(extent, &numbers),
                "3 parts, {name}"
            );
        }
    }
}
