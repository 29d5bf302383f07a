//! What is in a run's folder.

/// The settings: [`Start`](crate::watch::Start).
pub const CONFIG: &str = "config.json";
/// A line for each [`Record`](crate::watch::Record).
pub const METRICS: &str = "metrics.jsonl";
/// The records as a table, at the end.
pub const TABLE: &str = "metrics.csv";
/// A line for each other [`Event`](crate::watch::Event).
pub const PANELS: &str = "panels.jsonl";
/// What it ended with: [`Summary`](crate::watch::Summary).
pub const RESULTS: &str = "results.json";
/// The page with the whole run in it.
pub const REPORT: &str = "report.html";
/// The panels as a picture.
pub const FIGURE: [&str; 2] = ["figure.svg", "figure.png"];
/// The model as the run left it.
pub const MODEL: &str = "model.safetensors";
/// The weights of the model that did best.
pub const BEST: &str = "best.safetensors";
/// The checkpoints, in a folder of their own.
pub const CHECKPOINTS: &str = "checkpoints";
/// Locked by the program that writes to the folder.
pub const LOCK: &str = ".lock";
