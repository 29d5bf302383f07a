//! What figures were measured on: the processor, the day, the commit.

use std::process::Command;
use std::thread;
use std::time::SystemTime;

/// The processor, by name and model number, and how many of its cores there are.
pub fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name));
        line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value.trim())
    };
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    format!(
        "{} (family {}, model {}), {cores} cores, {:?} kernels",
        field("model name"),
        field("cpu family"),
        field("model"),
        tensor::simd_level(),
    )
}

/// Today, as year-month-day.
pub fn today() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string().chars().take(10).collect()
}

/// What is measured: the commit, and whether there are changes on top of it.
pub fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short", "HEAD"]) else { return "unknown".into() };
    let changes = git(&["status", "--porcelain", "--untracked-files=no"]).unwrap_or_default();
    if changes.is_empty() { commit } else { format!("{commit} with changes") }
}
