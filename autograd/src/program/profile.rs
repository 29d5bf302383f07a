//! Where the time of a program goes.

use super::Program;
use std::fmt::{self, Write};
use std::time::Duration;

/// What a program spent its time on in the runs that were profiled, see [`Program::set_profiled`].
///
/// It prints as a table, a row for each operation of each part of the model, the longest first.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The rows of the table, the longest first.
    pub rows: Vec<ProfileRow>,
    /// Runs profiled.
    pub runs: u64,
    /// Floating-point operations a second that the machine could do at most; 0 if unknown.
    pub peak: f64,
}

/// The steps of one operation in one part of the model, in one run.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileRow {
    /// The part of the model: `conv1 (Conv2d)`.
    pub module: String,
    /// The operation, or the chain of operations.
    pub op: String,
    /// The mean time of a run.
    pub time: Duration,
    /// Additions and multiplications in a run.
    pub flops: u64,
    /// Bytes read and written in a run.
    pub bytes: u64,
}

impl Program {
    /// What the profiled runs spent their time on. `peak` is the floating-point operations a second that the machine could
    /// do at most, [`peak_flops`](tensor::peak_flops) for instance, or 0.
    pub fn profile(&self, peak: f64) -> Profile {
        let mut rows: Vec<ProfileRow> = vec![];
        for step in self.steps().iter().filter(|step| step.runs > 0) {
            let module = step.scope.join(" / ");
            let op = step.ops.join(" ");
            let at = rows.iter().position(|row| row.module == module && row.op == op).unwrap_or_else(|| {
                rows.push(ProfileRow { module, op, time: Duration::ZERO, flops: 0, bytes: 0 });
                rows.len() - 1
            });
            rows[at].time += step.time / step.runs.max(1) as u32;
            rows[at].flops += step.flops;
            rows[at].bytes += step.bytes;
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.time));
        let runs = self.steps().iter().map(|step| step.runs).max().unwrap_or(0);
        Profile { rows, runs, peak }
    }

    /// The last profiled run in the format of Chrome's trace viewer (`chrome://tracing`, or Perfetto): a bar a step, forward
    /// and gradient steps in rows of their own.
    pub fn chrome_trace(&self) -> String {
        let events = self.steps().iter().filter(|step| step.runs > 0).map(|step| {
            let text = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let micros = |time: Duration| time.as_secs_f64() * 1e6;
            format!(
                "{{\"name\": \"{}\", \"cat\": \"{:?}\", \"ph\": \"X\", \"pid\": 0, \"tid\": \"{:?}\", \"ts\": {:.3}, \
                 \"dur\": {:.3}, \"args\": {{\"module\": \"{}\", \"shape\": \"{}\"}}}}",
                text(&step.op),
                step.phase,
                step.phase,
                micros(step.last_begun),
                micros(step.last_time),
                text(&step.scope.join(" / ")),
                step.shape
            )
        });
        format!("{{\"traceEvents\": [\n{}\n]}}\n", events.collect::<Vec<_>>().join(",\n"))
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: f64 = self.rows.iter().map(|row| row.time.as_secs_f64()).sum();
        let mut table = String::new();
        writeln!(
            table,
            "{:>9} {:>6} {:>8} {:>7} {:>6}  module, operation ({} runs)",
            "µs", "share", "GFLOP/s", "GB/s", "peak", self.runs
        )?;
        let shown = self.rows.iter().take_while(|row| row.time.as_secs_f64() >= 0.001 * total);
        for row in shown {
            let seconds = row.time.as_secs_f64().max(1e-9);
            let rate = row.flops as f64 / seconds;
            let peak = if self.peak > 0.0 { format!("{:.0}%", 100.0 * rate / self.peak) } else { "".into() };
            writeln!(
                table,
                "{:9.1} {:5.1}% {:8.1} {:7.1} {:>6}  {}, {}",
                seconds * 1e6,
                100.0 * seconds / total.max(1e-9),
                rate / 1e9,
                row.bytes as f64 / seconds / 1e9,
                peak,
                row.module,
                row.op
            )?;
        }
        writeln!(table, "{:9.1} in all, with the operations that took less than 0.1 %", total * 1e6)?;
        f.write_str(&table)
    }
}
