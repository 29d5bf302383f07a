//! Copying a matrix whose rows lie across memory.

/// Writes the matrix of `rows` by `columns` whose element `(i, j)` is `from[i·row + j·column]` to `to`, row after row,
/// `width` apart.
///
/// # Safety
/// `from` is good for reading every element of the matrix, `to` for writing it, and they do not overlap.
#[inline]
pub(crate) unsafe fn transpose_into(
    from: *const f32,
    [row, column]: [usize; 2],
    [rows, columns]: [usize; 2],
    to: *mut f32,
    width: usize,
) {
    // SAFETY: by this function's contract, for the elements inside the matrix.
    unsafe {
        let [whole_rows, whole_columns] = by_blocks(from, [row, column], [rows, columns], to, width);
        for i in 0..rows {
            let first = if i < whole_rows { whole_columns } else { 0 };
            for j in first..columns {
                *to.add(i * width + j) = *from.add(i * row + j * column);
            }
        }
    }
}

/// Writes the whole blocks of eight by eight if the columns are runs of memory, and returns how many rows and columns these
/// are.
///
/// # Safety
/// That of [`transpose_into`].
#[cfg(all(target_arch = "x86_64", not(portable_only)))]
#[inline]
unsafe fn by_blocks(
    from: *const f32,
    [row, column]: [usize; 2],
    [rows, columns]: [usize; 2],
    to: *mut f32,
    width: usize,
) -> [usize; 2] {
    use crate::runtime::simd::{SimdLevel, native_level};
    if row != 1 || native_level() < SimdLevel::Avx2 {
        return [0, 0];
    }
    let whole = [rows, columns].map(|n| n / 8 * 8);
    for i in (0..whole[0]).step_by(8) {
        for j in (0..whole[1]).step_by(8) {
            // SAFETY: the CPU has AVX2, and the block is inside of both matrices.
            unsafe { eight_by_eight(from.add(i + j * column), column, to.add(i * width + j), width) };
        }
    }
    whole
}

/// # Safety
/// None: nothing is written.
#[cfg(not(all(target_arch = "x86_64", not(portable_only))))]
unsafe fn by_blocks(_: *const f32, _: [usize; 2], _: [usize; 2], _: *mut f32, _: usize) -> [usize; 2] {
    [0, 0]
}

/// # Safety
/// The CPU has AVX2, and all elements are inside.
#[cfg(all(target_arch = "x86_64", not(portable_only)))]
#[target_feature(enable = "avx2")]
unsafe fn eight_by_eight(from: *const f32, column: usize, to: *mut f32, width: usize) {
    use std::arch::x86_64::*;
    // SAFETY: by this function's contract.
    unsafe {
        let load = |j: usize| _mm256_loadu_ps(from.add(j * column));
        let rows: [__m256; 8] = std::array::from_fn(load);
        // Pairs of columns, then fours, then halves of eight.
        let pair = |i: usize| {
            let (a, b) = (rows[2 * i], rows[2 * i + 1]);
            [_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)]
        };
        let [p0, p1, p2, p3] = [pair(0), pair(1), pair(2), pair(3)];
        let four = |p: [__m256; 2], q: [__m256; 2]| {
            [
                _mm256_shuffle_ps::<0x44>(p[0], q[0]),
                _mm256_shuffle_ps::<0xee>(p[0], q[0]),
                _mm256_shuffle_ps::<0x44>(p[1], q[1]),
                _mm256_shuffle_ps::<0xee>(p[1], q[1]),
            ]
        };
        let (low, high) = (four(p0, p1), four(p2, p3));
        for i in 0..4 {
            _mm256_storeu_ps(to.add(i * width), _mm256_permute2f128_ps::<0x20>(low[i], high[i]));
            _mm256_storeu_ps(to.add((i + 4) * width), _mm256_permute2f128_ps::<0x31>(low[i], high[i]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_comes_to_its_place() {
        for [rows, columns] in [[1, 1], [8, 8], [7, 19], [16, 24], [33, 9], [9, 33], [0, 3]] {
            for (row, column) in [(1, rows + 3), (columns + 1, 1), (2, 2 * rows + 1)] {
                let from: Vec<f32> =
                    (0..(rows + 1) * row + (columns + 1) * column).map(|i| i as f32).collect();
                let width = columns + 2;
                let mut to = vec![-1.0; rows * width];
                // SAFETY: both are large enough.
                unsafe {
                    transpose_into(from.as_ptr(), [row, column], [rows, columns], to.as_mut_ptr(), width)
                };
                for (at, &x) in to.iter().enumerate() {
                    let (i, j) = (at / width, at % width);
                    let expected = if j < columns { (i * row + j * column) as f32 } else { -1.0 };
                    assert_eq!(x, expected, "{rows}x{columns}, strides {row} {column}, at {i} {j}");
                }
            }
        }
    }
}
