//! Vector instructions chosen at run time.
//!
//! The crate is compiled for the plainest CPU of its architecture, so that a binary runs anywhere. [`vectorize`]
//! compiles a kernel several times, each time for wider vectors, and runs the widest version that the CPU at hand
//! understands. The kernel itself is ordinary Rust: loops over slices that the compiler vectorises.

use crate::array::dtype::{DType, Element};
use std::fmt;
use std::sync::OnceLock;

/// A set of vector instructions that kernels are compiled for, from the narrowest to the widest.
///
/// Element-wise kernels give the same bits at every level, the definitions among them. Sums and products of matrices may differ in the last
/// digits from one level to the next, never between two runs at the same level.
///
/// ```
/// let level = tensor::simd_level();
/// println!("kernels run on {level}"); // for instance: kernels run on avx2
/// assert!(level >= tensor::SimdLevel::Portable);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimdLevel {
    /// The definitions, see [`reference`](mod@crate::reference): plain loops, to compare with; never chosen unless asked for.
    Reference,
    /// What every CPU of the architecture has: SSE2 (128 bits) on x86-64, NEON (128 bits) on AArch64.
    Portable,
    /// AVX2 and FMA: 256 bits. x86-64 CPUs since about 2013.
    Avx2,
    /// AVX-512 (F, BW, DQ, VL): 512 bits. x86-64 servers since about 2017, AMD's desktops since 2022.
    Avx512,
    /// AVX-512, and AMX with `bf16` tiles: a unit for products of matrices. Intel's servers since 2023, under Linux.
    Amx,
}

impl SimdLevel {
    const ALL: [SimdLevel; 5] =
        [SimdLevel::Reference, SimdLevel::Portable, SimdLevel::Avx2, SimdLevel::Avx512, SimdLevel::Amx];

    fn name(self) -> &'static str {
        match self {
            SimdLevel::Reference => "reference",
            SimdLevel::Portable => "portable",
            SimdLevel::Avx2 => "avx2",
            SimdLevel::Avx512 => "avx512",
            SimdLevel::Amx => "amx",
        }
    }

    /// The widest level of this CPU.
    fn detect() -> SimdLevel {
        #[cfg(all(target_arch = "x86_64", not(portable_only)))]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            let wide = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            return match wide {
                true if crate::gemm::amx::unit::is_available() => SimdLevel::Amx,
                true => SimdLevel::Avx512,
                false => SimdLevel::Avx2,
            };
        }
        SimdLevel::Portable
    }
}

impl fmt::Display for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a process computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Choice {
    level: SimdLevel,
    /// Whether the level's instructions are emulated, and what the CPU has besides.
    emulated: Option<SimdLevel>,
}

impl Choice {
    /// What `wish`, the value of `TENSOR_SIMD`, asks for on a CPU that has `widest`. A wish that cannot be granted comes back
    /// as a sentence for the user.
    fn parse(wish: &str, widest: SimdLevel) -> Result<Choice, String> {
        let (name, emulated) = match wish.strip_suffix("-emulated") {
            Some(name) => (name, Some(widest)),
            None => (wish, None),
        };
        match SimdLevel::ALL.into_iter().find(|level| level.name() == name) {
            Some(_) if emulated.is_some() && !cfg!(feature = "emulate") => Err(format!(
                "TENSOR_SIMD={wish}: built without emulation, which is the feature `emulate` of the crate tensor; \
                 using {widest}"
            )),
            Some(level) if level <= widest || emulated.is_some() => Ok(Choice { level, emulated }),
            Some(level) => Err(format!("TENSOR_SIMD={level}: this CPU has no {level}; using {widest}")),
            None => Err(format!(
                "TENSOR_SIMD={wish:?}: expected reference, portable, avx2, avx512 or amx; using {widest}"
            )),
        }
    }
}

fn choice() -> Choice {
    static CHOICE: OnceLock<Choice> = OnceLock::new();
    *CHOICE.get_or_init(|| {
        let widest = SimdLevel::detect();
        let native = Choice { level: widest, emulated: None };
        let Some(wish) = std::env::var_os("TENSOR_SIMD") else {
            return native;
        };
        Choice::parse(&wish.to_string_lossy(), widest).unwrap_or_else(|message| {
            eprintln!("{message}");
            native
        })
    })
}

/// The level at which this process computes.
///
/// It is the widest that the CPU has, unless the environment variable `TENSOR_SIMD` (`reference`, `portable`, `avx2`, `avx512` or `amx`)
/// names a narrower one. Both are looked at once, at the first use. A value of `TENSOR_SIMD` that this CPU cannot
/// follow is answered by one line on standard error, and ignored.
///
/// With the feature `emulate`, which is for tests, `avx2-emulated`, `avx512-emulated` and `amx-emulated` compute as those levels do,
/// to the bit, on any CPU, and slowly: each of the level's own instructions is a function.
///
/// ```
/// println!("{}", tensor::simd_level());
/// ```
pub fn simd_level() -> SimdLevel {
    choice().level
}

/// Whether the instructions of [`simd_level`] are emulated, since the CPU may not have them.
#[inline]
pub(crate) fn is_emulated() -> bool {
    cfg!(feature = "emulate") && choice().emulated.is_some()
}

/// The level whose instructions may be used where they are written out: [`simd_level`], unless that is emulated.
#[inline]
#[cfg(any(test, all(target_arch = "x86_64", not(portable_only))))]
pub(crate) fn native_level() -> SimdLevel {
    if is_emulated() { SimdLevel::Portable } else { simd_level() }
}

/// Runs `kernel` compiled for the vectors of [`simd_level`], or, if that is emulated, the widest that the CPU has: the bits are
/// the same.
///
/// The body is compiled once per level, which works only as far as it is inlined. So write the closure as
/// `vectorize(#[inline(always)] || …)`, mark closures and functions that it calls `#[inline(always)]` too (large ones
/// are not inlined without it, and then run at the portable level), and keep one loop, or nest of loops, in it.
#[inline(always)]
pub(crate) fn vectorize<R>(kernel: impl FnOnce() -> R) -> R {
    let Choice { level, emulated } = choice();
    match emulated.unwrap_or(level) {
        // SAFETY: a level is chosen only where the CPU has its instructions, unless it is emulated.
        #[cfg(all(target_arch = "x86_64", not(portable_only)))]
        SimdLevel::Avx512 | SimdLevel::Amx => unsafe { avx512(kernel) },
        // SAFETY: as above.
        #[cfg(all(target_arch = "x86_64", not(portable_only)))]
        SimdLevel::Avx2 => unsafe { avx2(kernel) },
        _ => kernel(),
    }
}

/// As [`vectorize`] for a kernel of `f32`; one of other types is compiled once: `f64` is there for checking gradients.
#[inline(always)]
pub(crate) fn vectorize_for<T: Element>(kernel: impl FnOnce()) {
    if const { matches!(T::DTYPE, DType::F32) } { vectorize(kernel) } else { kernel() }
}

#[cfg(all(target_arch = "x86_64", not(portable_only)))]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn avx512<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}

#[cfg(all(target_arch = "x86_64", not(portable_only)))]
#[target_feature(enable = "avx2,fma")]
fn avx2<R>(kernel: impl FnOnce() -> R) -> R {
    kernel()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_granted_up_to_what_the_cpu_has() {
        let native = |level| Ok(Choice { level, emulated: None });
        assert_eq!(Choice::parse("portable", SimdLevel::Avx2), native(SimdLevel::Portable));
        assert_eq!(Choice::parse("avx2", SimdLevel::Avx512), native(SimdLevel::Avx2));
        assert_eq!(Choice::parse("avx512", SimdLevel::Avx512), native(SimdLevel::Avx512));
        assert_eq!(
            Choice::parse("avx2", SimdLevel::Portable).unwrap_err(),
            "TENSOR_SIMD=avx2: this CPU has no avx2; using portable"
        );
        assert_eq!(
            Choice::parse("AVX9", SimdLevel::Portable).unwrap_err(),
            "TENSOR_SIMD=\"AVX9\": expected reference, portable, avx2, avx512 or amx; using portable"
        );
    }

    #[test]
    fn any_level_is_emulated_on_any_cpu() {
        for (level, widest) in [(SimdLevel::Amx, SimdLevel::Portable), (SimdLevel::Avx2, SimdLevel::Avx512)] {
            let emulated = Choice { level, emulated: Some(widest) };
            assert_eq!(Choice::parse(&format!("{level}-emulated"), widest), Ok(emulated));
        }
        assert_eq!(
            Choice::parse("avx9-emulated", SimdLevel::Portable).unwrap_err(),
            "TENSOR_SIMD=\"avx9-emulated\": expected reference, portable, avx2, avx512 or amx; using portable"
        );
    }

    #[test]
    fn every_level_computes_the_same() {
        let x: Vec<f32> = (0..1003).map(|i| i as f32 * 0.37 - 100.0).collect();
        let kernel = |out: &mut [f32]| out.iter_mut().zip(&x).for_each(|(y, &x)| *y = x * x + 0.1);
        let run = |level| {
            let mut out = vec![0.0; x.len()];
            match level {
                // SAFETY: called for levels up to the detected one only.
                #[cfg(all(target_arch = "x86_64", not(portable_only)))]
                SimdLevel::Avx512 | SimdLevel::Amx => unsafe { avx512(|| kernel(&mut out)) },
                // SAFETY: as above.
                #[cfg(all(target_arch = "x86_64", not(portable_only)))]
                SimdLevel::Avx2 => unsafe { avx2(|| kernel(&mut out)) },
                _ => kernel(&mut out),
            }
            out
        };
        let mut vectorized = vec![0.0; x.len()];
        vectorize(|| kernel(&mut vectorized));
        for level in SimdLevel::ALL.into_iter().filter(|&level| level <= SimdLevel::detect()) {
            assert_eq!(run(level), vectorized, "{level}");
        }
    }
}
