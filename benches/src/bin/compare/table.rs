//! Tables of numbers in Markdown.

use std::fmt::{self, Display};

/// Rows of cells, the first of which is the head.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: Vec<String>) -> Table {
        Table { rows: vec![vec!["---".into(); head.len()], head].into_iter().rev().collect() }
    }

    pub(crate) fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows.iter().try_for_each(|row| writeln!(f, "| {} |", row.join(" | ")))
    }
}

/// A dash for what was not measured.
pub(crate) fn or_dash(cell: Option<String>) -> String {
    cell.unwrap_or("–".into())
}

/// Three significant digits.
pub(crate) fn significant(x: f64) -> String {
    let digits = (2 - x.abs().max(1e-3).log10().floor() as i32).max(0);
    format!("{x:.*}", digits as usize)
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(x: f64) -> String {
    let digits = format!("{x:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
