//! An interpreter of the unit's instructions, bit for bit, NaN's payload aside: for tests, on a CPU that need not have them.

use super::{Extent, LINE, MatrixUnit, ROWS, Tiles};
use crate::runtime::simd::vectorize;
use std::array::from_fn;

/// `f32` numbers of a tile's row, or pairs of `bf16` numbers.
const COLUMNS: usize = LINE / size_of::<u32>();

/// A register: rows of dwords.
type Tile = [[u32; COLUMNS]; ROWS];

/// See [`MatrixUnit`].
pub(crate) struct Emulated([Tile; 8]);

/// Interprets a step.
macro_rules! step {
    ($unit:ident $left:ident $right:ident: $parts:tt $l:ident $r:ident, $a:tt $b:tt $c:tt $d:tt) => {
        $unit.run(
            products!($parts $l $r $a $b $c $d),
            &[
                ("l", $left.first[0].expose_provenance()),
                ("l_2", $left.first[1].expose_provenance()),
                ("l_row", $left.row),
                ("l_part", $left.part),
                ("r", $right.first[0].expose_provenance()),
                ("r_2", $right.first[1].expose_provenance()),
                ("r_row", $right.row),
                ("r_part", $right.part),
            ],
        )
    };
}

impl MatrixUnit for Emulated {
    const NATIVE: bool = false;

    unsafe fn new() -> Emulated {
        Emulated([[[0; COLUMNS]; ROWS]; 8])
    }

    fn clear(&mut self) {
        // SAFETY: these instructions touch no memory.
        unsafe { self.run(clear!(), &[]) }
    }

    unsafe fn store(&mut self, sums: *mut f32, row: usize) {
        let sums = sums.expose_provenance();
        // SAFETY: by this function's contract.
        unsafe { self.run(store!(), &[("sums", sums), ("below", sums + ROWS * row), ("row", row)]) }
    }

    unsafe fn multiply<const P: usize>(&mut self, extent: Extent, odd: bool, left: Tiles, right: Tiles) {
        // SAFETY: by this function's contract.
        unsafe { steps!(step: P, extent, odd, self, left, right) }
    }
}

impl Emulated {
    /// Carries out one instruction after the other.
    ///
    /// # Safety
    /// Where the instructions read or write, they may.
    ///
    /// # Panics
    /// If an instruction is none of those that the unit's text is made of.
    unsafe fn run(&mut self, text: &str, operands: &[(&str, usize)]) {
        let mut at = 0;
        for line in text.lines() {
            let value = |name: &str| match name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some("at") => at,
                Some(name) => match operands.iter().find(|operand| operand.0 == name) {
                    Some(operand) => operand.1,
                    None => panic!("{line}: no operand is called {name}"),
                },
                None => name.parse().unwrap_or_else(|_| panic!("{line}: {name} is no number")),
            };
            // The terms of an address: base, index and displacement.
            let terms = |address: &str| -> [usize; 3] {
                let mut terms = address
                    .trim_matches(['[', ']'])
                    .split(" + ")
                    .map(|term| term.split(" * ").map(value).product());
                from_fn(|_| terms.next().unwrap_or(0))
            };
            let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
            match (name, &rest.split(", ").collect::<Vec<_>>()[..]) {
                ("lea", ["{at}", address]) => at = terms(address).iter().sum(),
                ("tilezero", [tile]) => self.0[number(tile)] = [[0; COLUMNS]; ROWS],
                ("tileloadd", [tile, address]) => {
                    let [base, row, further] = terms(address);
                    for (i, line) in self.0[number(tile)].iter_mut().enumerate() {
                        let from =
                            std::ptr::with_exposed_provenance::<[u32; COLUMNS]>(base + further + i * row);
                        // SAFETY: by this function's contract.
                        *line = unsafe { from.read_unaligned() };
                    }
                }
                ("tilestored", [address, tile]) => {
                    let [base, row, further] = terms(address);
                    for (i, line) in self.0[number(tile)].iter().enumerate() {
                        let to =
                            std::ptr::with_exposed_provenance_mut::<[u32; COLUMNS]>(base + further + i * row);
                        // SAFETY: by this function's contract.
                        unsafe { to.write_unaligned(*line) };
                    }
                }
                ("tdpbf16ps", [sums, a, b]) => {
                    let (a, b) = (self.0[number(a)], self.0[number(b)]);
                    add_products(&mut self.0[number(sums)], &a, &b);
                }
                _ => panic!("{line}: the emulation does not know this instruction"),
            }
        }
    }
}

fn number(tile: &str) -> usize {
    match tile.strip_prefix("tmm").map(str::parse) {
        Some(Ok(number)) if number < 8 => number,
        _ => panic!("{tile} is no register of the unit"),
    }
}

/// TDPBF16PS. As Intel's *Software Developer's Manual* has it (volume 2, the instruction's operation): the even terms of a row and
/// column are added up from 0 by fused multiply-adds in their order, the odd ones as well; the two sums are added, and the
/// result to what is in the tile. Each of these is rounded to nearest, ties to even; numbers that are subnormal count as 0
/// (DAZ), and become 0 (FTZ).
fn add_products(sums: &mut Tile, a: &Tile, b: &Tile) {
    vectorize(
        #[inline(always)]
        || {
            for (sums, a) in sums.iter_mut().zip(a) {
                let mut halves = [[0.0_f32; COLUMNS]; 2];
                for (&a, b) in a.iter().zip(b) {
                    for (half, shift) in halves.iter_mut().zip([16, 0]) {
                        let x = flush(bf16(a << shift));
                        let mut edge = false;
                        let next: [f32; COLUMNS] = from_fn(
                            #[inline(always)]
                            |n| x.mul_add(flush(bf16(b[n] << shift)), half[n]),
                        );
                        next.iter().for_each(|y| edge |= y.abs() == f32::MIN_POSITIVE);
                        for n in 0..COLUMNS {
                            let y = flush(next[n]);
                            half[n] =
                                if edge { at_edge(x, flush(bf16(b[n] << shift)), half[n], y) } else { y };
                        }
                    }
                }
                let [even, odd] = halves;
                for n in 0..COLUMNS {
                    let sum = flush(even[n] + odd[n]);
                    sums[n] = flush(flush(f32::from_bits(sums[n])) + sum).to_bits();
                }
            }
        },
    );
}

/// The upper half of these bits as a number.
#[inline(always)]
fn bf16(bits: u32) -> f32 {
    f32::from_bits(bits & 0xffff_0000)
}

/// 0 with its sign for a number that is subnormal.
#[inline(always)]
fn flush(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { 0.0_f32.copysign(x) } else { x }
}

/// `x · y + z`, which is `sum` rounded: a result is flushed if it is too small when rounded to the digits of a normal number, and
/// the largest subnormal numbers with more digits are rounded to the smallest normal one before that can be seen.
#[inline(always)]
fn at_edge(x: f32, y: f32, z: f32, sum: f32) -> f32 {
    let bound = f64::from(f32::MIN_POSITIVE) * (1.0 - 2_f64.powi(-25));
    // Exact: the product has 16 digits, and `z` is no smaller than the bound or 0.
    let exact = f64::from(x) * f64::from(y) + f64::from(z);
    if sum.abs() == f32::MIN_POSITIVE && exact.abs() < bound { 0.0_f32.copysign(sum) } else { sum }
}

#[cfg(test)]
mod tests;
