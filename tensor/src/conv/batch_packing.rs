//! Sequences side by side: the first number of each, then the second of each, and so on.

use crate::runtime::simd::vectorize;

/// `out[i·group + g] = from[g·stride + i]` for as many sequences as there are, and 0 for those missing in the group of 1,
/// 2, 4 or 8.
///
/// # Panics
/// If `from` is too short, or there are more sequences than the group has.
pub(crate) fn pack_batch(from: &[f32], stride: usize, present: usize, group: usize, out: &mut [f32]) {
    assert!(present <= group, "{present} sequences in a group of {group}");
    let len = out.len() / group;
    let sequence = |g: usize| &from[g * stride..][..len];
    match group {
        _ if len == 0 => {}
        1 if present == 1 => out.copy_from_slice(sequence(0)),
        2 if present == 2 => pack_all::<2>(std::array::from_fn(sequence), out),
        4 if present == 4 => pack_all::<4>(std::array::from_fn(sequence), out),
        8 if present == 8 => pack_all::<8>(std::array::from_fn(sequence), out),
        _ => {
            out.fill(0.0);
            for g in 0..present {
                out.iter_mut().skip(g).step_by(group).zip(sequence(g)).for_each(|(to, &x)| *to = x);
            }
        }
    }
}

#[inline(always)]
fn pack_all<const G: usize>(from: [&[f32]; G], out: &mut [f32]) {
    vectorize(
        #[inline(always)]
        || {
            let (out, _) = out.as_chunks_mut::<G>();
            let from = from.map(|sequence| &sequence[..out.len()]);
            for (i, out) in out.iter_mut().enumerate() {
                for g in 0..G {
                    out[g] = from[g][i];
                }
            }
        },
    );
}

/// The reverse of [`pack_batch`]: the sequences that are present, one after the other.
///
/// # Panics
/// If `out` is not as long as they are.
pub(crate) fn separate(from: &[f32], present: usize, group: usize, out: &mut [f32]) {
    let len = from.len() / group;
    assert_eq!(out.len(), present * len, "sequences of {len}");
    match group {
        _ if len == 0 => {}
        1 if present == 1 => out.copy_from_slice(from),
        2 if present == 2 => separate_all::<2>(from, out),
        4 if present == 4 => separate_all::<4>(from, out),
        8 if present == 8 => separate_all::<8>(from, out),
        _ => {
            for (g, out) in out.chunks_exact_mut(len).enumerate() {
                out.iter_mut().zip(from.iter().skip(g).step_by(group)).for_each(|(to, &x)| *to = x);
            }
        }
    }
}

#[inline(always)]
fn separate_all<const G: usize>(from: &[f32], out: &mut [f32]) {
    vectorize(
        #[inline(always)]
        || {
            let (from, _) = from.as_chunks::<G>();
            let mut rest = out;
            let out: [&mut [f32]; G] = std::array::from_fn(|_| {
                let (first, others) = std::mem::take(&mut rest).split_at_mut(from.len());
                rest = others;
                first
            });
            for (i, from) in from.iter().enumerate() {
                for g in 0..G {
                    out[g][i] = from[g];
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_side_by_side_comes_apart_again() {
        for group in [1, 2, 4, 8] {
            for (present, len) in (0..=group).flat_map(|present| [0, 1, 7, 40].map(|len| (present, len))) {
                let stride = len + 3;
                let from: Vec<f32> = (0..group * stride).map(|i| i as f32 + 1.0).collect();
                let mut side_by_side = vec![-1.0; group * len];
                pack_batch(&from, stride, present, group, &mut side_by_side);
                for (at, &x) in side_by_side.iter().enumerate() {
                    let (i, g) = (at / group, at % group);
                    let expected = if g < present { from[g * stride + i] } else { 0.0 };
                    assert_eq!(x, expected, "number {i} of sequence {g} of {present} in {group}");
                }
                let mut apart = vec![-1.0; present * len];
                separate(&side_by_side, present, group, &mut apart);
                let expected: Vec<f32> =
                    (0..present).flat_map(|g| from[g * stride..][..len].to_vec()).collect();
                assert_eq!(apart, expected, "{present} in {group}");
            }
        }
    }
}
