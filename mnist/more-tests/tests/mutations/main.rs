//! Every reader of bytes, given files that are nearly right: no panic, no long wait, no memory out of proportion.
//!
//! | file | what is in it |
//! |---|---|
//! | `readers` | each reader as a function of bytes, which cargo-fuzz can call too |
//! | `corpus` | files that are right |
//! | `mutate` | what becomes of them by a seed |
//! | `server` | the live page, for bytes from the network |
//!
//! `MUTATIONS=10000000 MUTATION_SEED=1 MUTATION_READER=npy cargo test -p mnist-more-tests --test mutations -- --nocapture` gives one reader
//! so many (all readers without a name), and then each has to be read within a second. `MUTATION_FIRST=N MUTATIONS=1` does one again.

mod corpus;
mod mutate;
mod readers;
mod server;

use mutate::{Dice, mutated};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The system's allocator, counting requests of all threads.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

struct Reader {
    name: &'static str,
    read: fn(&[u8]) -> bool,
    corpus: fn() -> Vec<Vec<u8>>,
    /// Inputs of a run that is not asked for more.
    inputs: u64,
    /// Bytes that reading may take beside ten times the input, all that it ever asks for added up.
    memory: usize,
}

const MB: usize = 1 << 20;

#[rustfmt::skip]
const READERS: [Reader; 13] = [
    Reader { name: "idx", read: readers::idx, corpus: corpus::idx, inputs: 100_000, memory: 64 * MB },
    Reader { name: "idx_in_gz", read: readers::idx_in_gz, corpus: corpus::plain_idx, inputs: 100_000, memory: 64 * MB },
    Reader { name: "digits", read: readers::digits, corpus: corpus::digits, inputs: 20_000, memory: 64 * MB },
    Reader { name: "npy", read: readers::npy, corpus: corpus::npy, inputs: 100_000, memory: 64 * MB },
    Reader { name: "npz", read: readers::npz, corpus: corpus::npz, inputs: 100_000, memory: 64 * MB },
    Reader { name: "csv", read: readers::csv, corpus: corpus::csv, inputs: 10_000, memory: 64 * MB },
    Reader { name: "safetensors", read: readers::safetensors, corpus: corpus::safetensors, inputs: 100_000, memory: 64 * MB },
    Reader { name: "checkpoint", read: readers::checkpoint, corpus: corpus::checkpoints, inputs: 100_000, memory: 64 * MB },
    Reader { name: "image", read: readers::image, corpus: corpus::images, inputs: 100_000, memory: 64 * MB },
    Reader { name: "png_with_checksums", read: readers::png_with_checksums, corpus: corpus::png, inputs: 100_000, memory: 64 * MB },
    Reader { name: "digit_in_png", read: readers::digit_in_png, corpus: corpus::digit_png, inputs: 2_000, memory: 64 * MB },
    Reader { name: "run", read: readers::run, corpus: corpus::runs, inputs: 2_000, memory: 64 * MB },
    Reader { name: "http", read: readers::http, corpus: corpus::requests, inputs: 2_000, memory: 64 * MB },
];

/// No input takes so long on any machine; one that hangs would else hang the test.
const PATIENCE: Duration = Duration::from_secs(120);
/// Nor one second where nothing else runs.
const SOON: Duration = Duration::from_secs(1);

/// What is being read, and since when.
static NOW: Mutex<Option<(Instant, String)>> = Mutex::new(None);

fn set_now(what: Option<String>) {
    *NOW.lock().unwrap_or_else(PoisonError::into_inner) = what.map(|what| (Instant::now(), what));
}

fn watch() {
    thread::spawn(|| {
        loop {
            thread::sleep(PATIENCE / 20);
            let now = NOW.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((since, what)) = now.as_ref()
                && since.elapsed() > PATIENCE
            {
                eprintln!("{what} is not read after {PATIENCE:?}");
                std::process::exit(1);
            }
        }
    });
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}={text}")))
}

/// Reads one input again, alone, to see what it takes.
fn time(reader: &Reader, input: &[u8]) -> Duration {
    let begun = Instant::now();
    (reader.read)(input);
    begun.elapsed()
}

/// Gives a reader mutated files, and says what came of it; what is wrong, if something is.
fn mutate(reader: &Reader, first: u64, inputs: u64, seed: u64) -> Result<String, String> {
    let files = (reader.corpus)();
    for (i, file) in files.iter().enumerate() {
        assert!(
            (reader.read)(file) || reader.name == "run" && i == 2,
            "{}: file {i} of the corpus",
            reader.name
        );
    }
    let (mut taken, mut slowest, mut largest) = (0, (Duration::ZERO, 0), (0, 0));
    let begun = Instant::now();
    for n in first..first + inputs {
        let input = mutated(&files, &mut Dice(seed ^ n.wrapping_mul(0x2545_f491_4f6c_dd1d)));
        let what = || format!("{}, MUTATION_SEED={seed} MUTATION_FIRST={n}", reader.name);
        let shown = || input[..input.len().min(2000)].escape_ascii().to_string();
        if n % 64 == 0 || inputs < 64 {
            set_now(Some(what()));
        }
        let (region, started) = (Region::new(ALLOCATOR), Instant::now());
        let read = catch_unwind(AssertUnwindSafe(|| (reader.read)(&input)));
        let (mut took, asked) = (started.elapsed(), region.change().bytes_allocated);
        match read {
            Ok(is_taken) => taken += u64::from(is_taken),
            Err(_) => return Err(format!("{} panics:\n{}", what(), shown())),
        }
        if asked > reader.memory.max(10 * input.len()) {
            return Err(format!("{} asks for {asked} bytes, of {}:\n{}", what(), input.len(), shown()));
        }
        if took > SOON {
            // Others may have had the processor.
            took = (0..3).map(|_| time(reader, &input)).min().unwrap_or(took);
        }
        if took > SOON && number("MUTATIONS").is_some() {
            return Err(format!("{} takes {took:?}:\n{}", what(), shown()));
        }
        slowest = slowest.max((took, n));
        largest = largest.max((asked, n));
    }
    set_now(None);
    let said = format!(
        "{:18} {inputs} inputs in {:.1} s, {taken} taken, the slowest {:.1} ms ({}), most memory {} KB ({})",
        reader.name,
        begun.elapsed().as_secs_f64(),
        slowest.0.as_secs_f64() * 1e3,
        slowest.1,
        largest.0 / 1000,
        largest.1
    );
    let is_both = inputs < 1000 || taken > 0 && taken < inputs;
    if is_both { Ok(said) } else { Err(format!("{said}: they are all the same to it")) }
}

#[test]
fn files_that_are_nearly_right_are_read_or_refused() {
    watch();
    let seed = number("MUTATION_SEED").unwrap_or(1);
    let (first, asked) = (number("MUTATION_FIRST").unwrap_or(0), number("MUTATIONS"));
    let name = std::env::var("MUTATION_READER").ok();
    let chosen = |reader: &&Reader| name.as_ref().is_none_or(|name| name == reader.name);
    let wrong: Vec<String> = READERS
        .iter()
        .filter(chosen)
        .filter_map(|reader| match mutate(reader, first, asked.unwrap_or(reader.inputs), seed) {
            Ok(said) => {
                println!("{said}");
                None
            }
            Err(wrong) => Some(wrong),
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
