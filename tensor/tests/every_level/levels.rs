//! Running one test of this executable at every level of vector instructions, whatever the CPU has.

use std::process::Command;

/// The levels: the definitions, then from the narrowest to the widest.
const LEVELS: [&str; 5] = ["reference", "portable", "avx2", "avx512", "amx"];

/// What a line begins with that says what a test has computed, and at which level.
const RESULT: &str = "computed:";

/// Bits of all that a test has computed, which must be the same for an emulated level as for a real one.
#[derive(Default)]
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) fn add(&mut self, numbers: &[f32]) {
        for x in numbers {
            // NaNs have payloads.
            let bits = if x.is_nan() { 0 } else { x.to_bits() };
            self.0 = (self.0 ^ u64::from(bits)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
        }
    }

    /// Says it to [`at_every_level`].
    pub(crate) fn report(&self) {
        println!("{RESULT} {} {:016x}", tensor::simd_level(), self.0);
    }
}

/// Runs the test of this name, which reports a [`Digest`], in processes of their own: at each level that this CPU has, and at each
/// level emulated, which must give the same bits.
///
/// # Panics
/// If the test fails at a level, or computes something else when the level is emulated.
pub(crate) fn at_every_level(test: &str) {
    for level in LEVELS {
        let native = run(test, level);
        if ["reference", "portable"].contains(&level) {
            continue;
        }
        let emulated = run(test, &format!("{level}-emulated"));
        assert_eq!(emulated.0, level, "the level is emulated");
        if native.0 == level {
            assert_eq!(native.1, emulated.1, "{level}: the bits of the CPU, and those of the emulation");
        } else {
            println!("{level}: this CPU has none; the test ran on the emulation alone");
        }
    }
}

/// The level that the test ran at, and what it computed.
fn run(test: &str, level: &str) -> (String, String) {
    let output = Command::new(std::env::current_exe().expect("the path of this executable"))
        .args(["--exact", test, "--nocapture", "--include-ignored"])
        .env("TENSOR_SIMD", level)
        .output()
        .expect("this executable runs again");
    let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{test} fails with TENSOR_SIMD={level}:\n{out}\n{err}");
    // The harness may have written something before it on the same line.
    let Some(result) = out.split(RESULT).nth(1).and_then(|rest| rest.lines().next()) else {
        panic!("{test} reports nothing with TENSOR_SIMD={level}:\n{out}\n{err}");
    };
    let (level, digest) = result.trim().split_once(' ').expect("a level and a digest");
    (level.into(), digest.into())
}
