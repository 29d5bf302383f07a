//! The registers of x86-64: AVX2's and AVX-512's.

use super::{Kernel, Lanes};
use std::arch::x86_64::*;
use std::ops::Range;

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
pub(super) fn avx512(kernel: impl Kernel) {
    // SAFETY: compiled for these instructions.
    unsafe { kernel.run::<__m512>() }
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn avx2(kernel: impl Kernel) {
    // SAFETY: compiled for these instructions.
    unsafe { kernel.run::<__m256>() }
}

/// For `_mm256_maskload_ps`: eight lanes on, then eight off. Where a window of eight begins decides how many are on.
const MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

#[inline(always)]
unsafe fn mask(n: usize) -> __m256i {
    // SAFETY: `n <= 8`, so the window is inside; the caller is compiled for AVX2.
    unsafe { _mm256_loadu_si256(MASKS.as_ptr().add(8 - n).cast()) }
}

// SAFETY of all bodies below: intrinsics of one instruction set, which the caller is compiled for, on pointers that
// the contract of `Lanes` makes good for as many elements as they touch.
impl Lanes for __m256 {
    const N: usize = 8;
    const REGISTERS: usize = 16;
    type Mask = __m256i;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn repeat<const G: usize>(from: *const f32) -> Self {
        // SAFETY: as above.
        unsafe {
            match G {
                1 => _mm256_set1_ps(*from),
                2 => _mm256_castpd_ps(_mm256_set1_pd(from.cast::<f64>().read_unaligned())),
                4 => _mm256_broadcast_ps(&from.cast::<__m128>().read_unaligned()),
                _ => _mm256_loadu_ps(from),
            }
        }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        // SAFETY: as above; lanes that are off are not touched.
        unsafe { _mm256_maskload_ps(from, mask(n)) }
    }
    #[inline(always)]
    unsafe fn mask(lanes: Range<usize>) -> __m256i {
        // SAFETY: as above; there are eight lanes.
        unsafe { _mm256_andnot_si256(mask(lanes.start), mask(lanes.end)) }
    }
    #[inline(always)]
    unsafe fn load_masked(from: *const f32, mask: __m256i) -> Self {
        // SAFETY: as above; lanes that are off are not touched.
        unsafe { _mm256_maskload_ps(from, mask) }
    }
    #[inline(always)]
    unsafe fn store_masked(self, to: *mut f32, mask: __m256i) {
        // SAFETY: as above; lanes that are off are not touched.
        unsafe { _mm256_maskstore_ps(to, mask, self) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { _mm256_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        // SAFETY: as above; lanes that are off are not touched.
        unsafe { _mm256_maskstore_ps(to, mask(n), self) }
    }
    #[inline(always)]
    unsafe fn add_into(self, to: *mut f32, n: usize, mask: __m256i, before: __m256i) {
        // SAFETY: as above; lanes that are off are not touched.
        unsafe {
            let sum = _mm256_add_ps(_mm256_maskload_ps(to, before), self);
            // Storing some lanes takes much longer on some CPUs.
            if n == 8 { _mm256_storeu_ps(to, sum) } else { _mm256_maskstore_ps(to, mask, sum) }
        }
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_fmadd_ps(a, b, self) }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: as above.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(self), _mm256_extractf128_ps::<1>(self));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
    #[inline(always)]
    unsafe fn nonzero(self) -> u32 {
        // SAFETY: as above.
        unsafe {
            let nonzero = _mm256_cmp_ps::<_CMP_NEQ_UQ>(self, _mm256_setzero_ps());
            _mm256_movemask_ps(nonzero) as u32
        }
    }
    #[inline(always)]
    fn fence(self, at: usize) -> (Self, usize) {
        // SAFETY: as above.
        unsafe { fence(self, at) }
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn fence(mut x: __m256, mut at: usize) -> (__m256, usize) {
    // SAFETY: no instruction at all.
    unsafe {
        std::arch::asm!(
            "/* {0} {1} */", inout(ymm_reg) x, inout(reg) at, options(pure, nomem, nostack, preserves_flags)
        );
    }
    (x, at)
}

impl Lanes for __m512 {
    const N: usize = 16;
    const REGISTERS: usize = 32;
    type Mask = __mmask16;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn repeat<const G: usize>(from: *const f32) -> Self {
        // SAFETY: as above.
        unsafe {
            match G {
                1 => _mm512_set1_ps(*from),
                2 => _mm512_castpd_ps(_mm512_set1_pd(from.cast::<f64>().read_unaligned())),
                4 => _mm512_broadcast_f32x4(_mm_loadu_ps(from)),
                _ => _mm512_broadcast_f32x8(_mm256_loadu_ps(from)),
            }
        }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        // SAFETY: as above; lanes that are off are not touched.
        unsafe { _mm512_maskz_loadu_ps(first(n), from) }
    }
    #[inline(always)]
    unsafe fn mask(lanes: Range<usize>) -> __mmask16 {
        first(lanes.end) & !first(lanes.start)
    }
    #[inline(always)]
    unsafe fn load_masked(from: *const f32, mask: __mmask16) -> Self {
        // SAFETY: as above; lanes that are off are not touched.
        unsafe { _mm512_maskz_loadu_ps(mask, from) }
    }
    #[inline(always)]
    unsafe fn store_masked(self, to: *mut f32, mask: __mmask16) {
        // SAFETY: as above; lanes that are off are not touched.
        unsafe { _mm512_mask_storeu_ps(to, mask, self) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        // SAFETY: as above; lanes that are off are not touched.
        unsafe { _mm512_mask_storeu_ps(to, first(n), self) }
    }
    #[inline(always)]
    unsafe fn add_into(self, to: *mut f32, _: usize, mask: __mmask16, before: __mmask16) {
        // SAFETY: as above; lanes that are off are not touched.
        unsafe { _mm512_mask_storeu_ps(to, mask, _mm512_add_ps(_mm512_maskz_loadu_ps(before, to), self)) }
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_fmadd_ps(a, b, self) }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        // SAFETY: as above.
        unsafe { _mm512_reduce_add_ps(self) }
    }
    #[inline(always)]
    unsafe fn nonzero(self) -> u32 {
        // SAFETY: as above.
        unsafe { _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(self, _mm512_setzero_ps()).into() }
    }
}

/// A mask with the first `n` lanes on.
#[inline(always)]
fn first(n: usize) -> __mmask16 {
    ((1_u32 << n) - 1) as __mmask16
}
