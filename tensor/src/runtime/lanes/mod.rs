//! Vector registers of `f32`, for the kernels in which the compiler's own vectorisation is not enough.

#[cfg(feature = "emulate")]
mod emulated;
#[cfg(all(target_arch = "x86_64", not(portable_only)))]
mod x86;

#[cfg(feature = "emulate")]
pub(crate) use emulated::Emulated;

use crate::runtime::simd::{SimdLevel, simd_level};
use std::ops::Range;

/// A register of several `f32`, as the kernels of products see it.
///
/// The methods are unsafe because they may use instructions that only some CPUs have: whoever calls them is compiled
/// for those (see [`simd`](crate::runtime::simd)), and the pointers must be good for as many elements as they say.
pub(crate) trait Lanes: Copy {
    /// Elements of a register.
    const N: usize;
    /// Registers of the instruction set.
    const REGISTERS: usize;
    /// Some of the lanes.
    type Mask: Copy;

    /// # Safety
    /// The CPU has the instructions.
    unsafe fn splat(x: f32) -> Self;
    /// The `G` numbers there, over and over: 1, 2, 4 or 8.
    ///
    /// # Safety
    /// The CPU has the instructions; `from` is good for reading `G` elements.
    unsafe fn repeat<const G: usize>(from: *const f32) -> Self;
    /// # Safety
    /// The CPU has the instructions; `from` is good for reading `N` elements.
    unsafe fn load(from: *const f32) -> Self;
    /// The first `n` elements, the others 0.
    ///
    /// # Safety
    /// The CPU has the instructions; `from` is good for reading `n <= N` elements.
    unsafe fn load_first(from: *const f32, n: usize) -> Self;
    /// The lanes with these numbers, `N` at most.
    ///
    /// # Safety
    /// The CPU has the instructions.
    unsafe fn mask(lanes: Range<usize>) -> Self::Mask;
    /// The elements of these lanes, the others 0.
    ///
    /// # Safety
    /// The CPU has the instructions; these elements from `from` on are good for reading.
    unsafe fn load_masked(from: *const f32, mask: Self::Mask) -> Self;
    /// # Safety
    /// The CPU has the instructions; `to` is good for writing `N` elements.
    unsafe fn store(self, to: *mut f32);
    /// The elements of these lanes only.
    ///
    /// # Safety
    /// The CPU has the instructions; these elements from `to` on are good for writing.
    unsafe fn store_masked(self, to: *mut f32, mask: Self::Mask);
    /// # Safety
    /// The CPU has the instructions; `to` is good for writing `n <= N` elements.
    unsafe fn store_first(self, to: *mut f32, n: usize);
    /// Writes to these lanes of `to`, the first `n`, what is there plus `self`; counted as there are the lanes `before` only, the
    /// others as 0.
    ///
    /// # Safety
    /// The CPU has the instructions; `to` is good for reading and writing `n` elements, `mask` and `before` have no others.
    unsafe fn add_into(self, to: *mut f32, n: usize, mask: Self::Mask, before: Self::Mask);
    /// `self + a · b`.
    ///
    /// # Safety
    /// The CPU has the instructions.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
    /// All elements added up.
    ///
    /// # Safety
    /// The CPU has the instructions.
    unsafe fn sum(self) -> f32;
    /// A bit for each element, the lowest for the first: whether it is another number than zero, or none at all.
    ///
    /// # Safety
    /// The CPU has the instructions.
    unsafe fn nonzero(self) -> u32;
    /// A scheduling fence for the compiler, and no instruction: what is loaded at the offset that comes back is loaded after `self` was
    /// computed. Loads that are hoisted take registers, and a tile that fills all of them would have one of its sums spilled.
    #[inline(always)]
    fn fence(self, at: usize) -> (Self, usize) {
        (self, at)
    }
}

/// Code that is written once for registers of any width.
pub(crate) trait Kernel {
    /// Whether the kernel is compiled for x86-64 without AVX2, too.
    const BASELINE: bool = true;

    /// Always `#[inline(always)]`: what it is inlined into is compiled for the instructions.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`.
    unsafe fn run<L: Lanes>(self);
}

/// Runs the kernel with the registers of this process's level.
pub(crate) fn run(kernel: impl Kernel) {
    #[cfg(feature = "emulate")]
    if crate::runtime::simd::is_emulated() {
        return run_emulated(simd_level(), kernel);
    }
    // SAFETY: the CPU has the instructions of this process's level, which are not emulated.
    unsafe { run_at(simd_level(), kernel) }
}

/// Runs the kernel with registers that are as wide as a level's and that any CPU has.
#[cfg(feature = "emulate")]
pub(crate) fn run_emulated(level: SimdLevel, kernel: impl Kernel) {
    // SAFETY: arrays take no instructions that only some CPUs have.
    unsafe {
        match level {
            SimdLevel::Avx512 | SimdLevel::Amx => kernel.run::<Emulated<16>>(),
            SimdLevel::Avx2 => kernel.run::<Emulated<8>>(),
            _ => portable(kernel),
        }
    }
}

/// Runs the kernel with the registers of a level.
///
/// # Safety
/// The CPU has the level's instructions.
pub(crate) unsafe fn run_at(level: SimdLevel, kernel: impl Kernel) {
    match level {
        // SAFETY: by this function's contract.
        #[cfg(all(target_arch = "x86_64", not(portable_only)))]
        SimdLevel::Avx512 | SimdLevel::Amx => unsafe { x86::avx512(kernel) },
        // SAFETY: by this function's contract.
        #[cfg(all(target_arch = "x86_64", not(portable_only)))]
        SimdLevel::Avx2 => unsafe { x86::avx2(kernel) },
        _ => portable(kernel),
    }
}

/// Out of line, or each caller would be compiled with a copy.
#[inline(never)]
fn portable<K: Kernel>(kernel: K) {
    if const { K::BASELINE || !HAS_WIDE } {
        // SAFETY: arrays take no instructions that only some CPUs have.
        unsafe { kernel.run::<[f32; 4]>() }
    } else {
        unreachable!("a kernel without a copy for this CPU")
    }
}

/// Whether the architecture has levels above [`SimdLevel::Portable`].
const HAS_WIDE: bool = cfg!(all(target_arch = "x86_64", not(portable_only)));

/// Whether kernels that are not [`BASELINE`](Kernel::BASELINE) run on this CPU.
pub(crate) fn is_wide() -> bool {
    simd_level() > SimdLevel::Portable || !HAS_WIDE
}

/// Elements of the registers at the level of this process.
pub(crate) fn lanes() -> usize {
    match simd_level() {
        SimdLevel::Avx512 | SimdLevel::Amx => 16,
        SimdLevel::Avx2 => 8,
        SimdLevel::Portable | SimdLevel::Reference => 4,
    }
}

/// `x`, which the compiler knows nothing about any more.
///
/// In a loop over many rows it would rather keep a pointer for each than one offset for all, and, as there are not so
/// many registers, advance them in memory.
#[inline(always)]
pub(crate) fn opaque(x: usize) -> usize {
    #[cfg(all(target_arch = "x86_64", not(portable_only)))]
    {
        let mut x = x;
        // SAFETY: no instruction at all.
        unsafe { std::arch::asm!("/* {0} */", inout(reg) x, options(pure, nomem, nostack, preserves_flags)) };
        x
    }
    #[cfg(not(all(target_arch = "x86_64", not(portable_only))))]
    x
}

/// The body for each number below the second, as in a loop that the compiler surely unrolls: only then does it keep an array
/// of registers in registers, and know the entries of a matrix.
macro_rules! unrolled {
    ($i:ident < $n:ident, $body:block) => { unrolled!($i < $n, $body, 0 1 2 3 4 5 6 7 8 9 10 11) };
    ($i:ident < $n:ident, $body:block, $($k:literal)*) => {
        const { assert!($n <= 12) };
        $(if const { $k < $n } { let $i: usize = $k; $body })*
    };
}
pub(crate) use unrolled;

/// Numbers of a line of the cache.
pub(crate) const LINE: usize = 16;

/// Has the cache fetch the line of this address, which need not be good for reading.
#[inline(always)]
pub(crate) fn prefetch(from: *const f32) {
    #[cfg(all(target_arch = "x86_64", not(portable_only)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every CPU has this instruction, and it never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(portable_only))))]
    let _ = from;
}

/// As [`prefetch`], to the second level: for lines so many that the first has better to hold.
#[inline(always)]
pub(crate) fn prefetch_far(from: *const f32) {
    #[cfg(all(target_arch = "x86_64", not(portable_only)))]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: every CPU has this instruction, and it never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(from.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(portable_only))))]
    let _ = from;
}

/// What every CPU can do: four numbers, which the compiler keeps in a register where there are registers of four.
impl Lanes for [f32; 4] {
    const N: usize = 4;
    const REGISTERS: usize = 16;
    type Mask = [bool; 4];

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        [x; 4]
    }
    #[inline(always)]
    unsafe fn repeat<const G: usize>(from: *const f32) -> Self {
        // SAFETY: by the contract there are `G` elements.
        unsafe { [*from, *from.add(1 % G), *from.add(2 % G), *from.add(3 % G)] }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: by the contract there are four elements; an array is aligned like its elements.
        unsafe { from.cast::<[f32; 4]>().read() }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        // SAFETY: by the contract there are `n` elements.
        std::array::from_fn(|i| if i < n { unsafe { *from.add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn mask(lanes: Range<usize>) -> [bool; 4] {
        std::array::from_fn(|i| lanes.contains(&i))
    }
    #[inline(always)]
    unsafe fn load_masked(from: *const f32, mask: [bool; 4]) -> Self {
        // SAFETY: by the contract these elements are there.
        std::array::from_fn(|i| if mask[i] { unsafe { *from.wrapping_add(i) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_masked(self, to: *mut f32, mask: [bool; 4]) {
        for i in 0..4 {
            if mask[i] {
                // SAFETY: by the contract there is room for these elements.
                unsafe { *to.wrapping_add(i) = self[i] }
            }
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: by the contract there is room for four elements.
        unsafe { to.cast::<[f32; 4]>().write(self) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        for (i, x) in self.into_iter().enumerate().take(n) {
            // SAFETY: by the contract there is room for `n` elements.
            unsafe { *to.add(i) = x }
        }
    }
    #[inline(always)]
    unsafe fn add_into(self, to: *mut f32, n: usize, _: [bool; 4], before: [bool; 4]) {
        /// Out of line: four times a choice for each register of a tile is much code.
        #[inline(never)]
        unsafe fn add(x: &[f32; 4], to: *mut f32, n: usize, before: [bool; 4]) {
            for i in 0..n {
                // SAFETY: by the contract there are `n` elements.
                unsafe { *to.add(i) = if before[i] { *to.add(i) } else { 0.0 } + x[i] }
            }
        }
        // SAFETY: by this function's contract.
        unsafe { if n == 4 && !before[0] { self.store(to) } else { add(&self, to, n, before) } }
    }
    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // Written out: a closure for each lane takes the compiler several times as long.
        [self[0] + a[0] * b[0], self[1] + a[1] * b[1], self[2] + a[2] * b[2], self[3] + a[3] * b[3]]
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        let [a, b, c, d] = self;
        (a + c) + (b + d)
    }
    #[inline(always)]
    unsafe fn nonzero(self) -> u32 {
        self.into_iter().rev().fold(0, |bits, x| bits << 1 | u32::from(x != 0.0))
    }
}
