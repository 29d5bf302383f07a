//! What two crates' tests of their error messages share: catching a refusal with its place, comparing all messages with a
//! file, and listing the methods that need a case.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<Option<Refusal>> = const { RefCell::new(None) };
}

/// The text of a panic, and the place that it points to.
struct Refusal {
    text: String,
    file: String,
    line: u32,
}

/// What `f` panics with, or why that is not known.
fn refusal(f: impl FnOnce()) -> Result<Refusal, &'static str> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !CATCHING.get() {
                return usual(info);
            }
            let text = info.payload_as_str().unwrap_or("a panic without a text").to_owned();
            CAUGHT.set(info.location().map(|at| Refusal {
                text,
                file: at.file().to_owned(),
                line: at.line(),
            }));
        }));
    });
    CATCHING.set(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    CATCHING.set(false);
    match (result, CAUGHT.take()) {
        (Ok(()), _) => Err("was not refused"),
        (Err(_), None) => Err("was refused without a place"),
        (Err(_), Some(caught)) => Ok(caught),
    }
}

/// Refusals in the order of the source, with the line on which each case begins.
pub(crate) struct Refusals {
    file: &'static str,
    cases: Vec<Case>,
}

struct Case {
    name: &'static str,
    /// What the message begins with, and whether it must hold a shape.
    rule: (&'static str, bool),
    line: u32,
    refusal: Result<Refusal, &'static str>,
}

impl Refusals {
    pub(crate) fn new(file: &'static str) -> Refusals {
        Refusals { file, cases: vec![] }
    }

    pub(crate) fn add(
        &mut self,
        name: &'static str,
        rule: (&'static str, bool),
        line: u32,
        f: impl FnOnce(),
    ) {
        self.cases.push(Case { name, rule, line, refusal: refusal(f) });
    }

    /// The methods that have a case.
    pub(crate) fn names(&self) -> BTreeSet<&'static str> {
        self.cases.iter().map(|case| case.name).collect()
    }

    /// Fails unless every case was refused, in its own lines of the source, with the messages of the golden file.
    pub(crate) fn compare(&self, golden: &Path) {
        let mut wrong = vec![];
        let mut lines = String::new();
        for (i, Case { name, rule: (op, with_shape), line, refusal }) in self.cases.iter().enumerate() {
            let next = self.cases.get(i + 1).map_or(u32::MAX, |case| case.line);
            match refusal {
                Err(why) => wrong.push(format!("{}:{line}: {name} {why}", self.file)),
                Ok(Refusal { text, file, line: at }) => {
                    if file != self.file || !(*line..next).contains(at) {
                        wrong.push(format!("{}:{line}: {name} points to {file}:{at} ({text})", self.file));
                    }
                    if !text.starts_with(&format!("{op}: ")) {
                        wrong
                            .push(format!("{}:{line}: {name} does not begin with {op}: ({text})", self.file));
                    }
                    if *with_shape != names_a_shape(text) {
                        let which = if *with_shape { "no" } else { "a" };
                        wrong.push(format!("{}:{line}: {name} names {which} shape ({text})", self.file));
                    }
                    // The text names the operation itself; where it names another, both are shown.
                    let text = text.strip_prefix(&format!("{name}: ")).unwrap_or(text);
                    lines += &format!("{name}: {}\n", text.replace('\n', "\\n"));
                }
            }
        }
        assert!(wrong.is_empty(), "{} cases are wrong:\n{}", wrong.len(), wrong.join("\n"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(golden, &lines).unwrap();
        }
        let expected = std::fs::read_to_string(golden).unwrap_or_default();
        let changed: Vec<String> = difference(&expected, &lines);
        assert!(
            changed.is_empty(),
            "messages differ from {}:\n{}\nIf they are better now, run the test with UPDATE_GOLDEN=1 and read the change.",
            golden.display(),
            changed.join("\n")
        );
    }
}

/// Whether there is `[2, 3]` or the like in a text.
fn names_a_shape(text: &str) -> bool {
    text.split('[').skip(1).any(|rest| {
        rest.split_once(']')
            .is_some_and(|(dims, _)| dims.chars().all(|c| c.is_ascii_digit() || ", ".contains(c)))
    })
}

/// The lines that one text has and the other has not, or the first that are in another order.
fn difference(expected: &str, found: &str) -> Vec<String> {
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}"));
    let come = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {line}"));
    let mut lines: Vec<String> = gone.chain(come).collect();
    if lines.is_empty() && old != new {
        let at = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        lines = vec![format!("line {} is another: the order or number of equal lines differs", at + 1)];
    }
    lines
}

/// Runs an expression that must be refused. The name is that of the method it is a case of. The message must begin with
/// it, or with that of the operation or type `as` which it refuses, and hold a shape unless it is a case `without shape`.
#[macro_export]
macro_rules! refused {
    ($list:expr, $name:ident: $what:expr) => {
        refused!($list, $name as $name: $what)
    };
    ($list:expr, $name:ident without shape: $what:expr) => {
        refused!($list, $name as $name without shape: $what)
    };
    ($list:expr, $name:ident as $op:ident: $what:expr) => {
        refused!($list, $name, stringify!($op), true, $what)
    };
    ($list:expr, $name:ident as $op:ident without shape: $what:expr) => {
        refused!($list, $name, stringify!($op), false, $what)
    };
    ($list:expr, $name:ident, $op:expr, $shape:expr, $what:expr) => {
        $list.add(stringify!($name), ($op, $shape), line!(), || {
            let _ = $what;
        })
    };
}

/// Checks that every public method has a case or a reason for having none.
pub(crate) fn assert_complete(
    methods: &BTreeSet<String>,
    cases: &BTreeSet<&'static str>,
    exempt: &[(&str, &[&'static str])],
) {
    let exempt: BTreeSet<&str> = exempt.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    for name in methods.iter().map(String::as_str) {
        assert!(
            cases.contains(name) != exempt.contains(name),
            "{name} must have a case of input that it refuses, or else a reason why it refuses none"
        );
    }
    for name in exempt {
        assert!(methods.contains(name), "there is no method {name} any more");
    }
}

/// The names of the public methods in all `impl` blocks of a type, also of those that macros write: their rows begin
/// with `Op, name` or `name`, `name, name_keepdim`.
pub(crate) fn public_methods(src: &Path, type_name: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(src).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.append(&mut public_methods(&path, type_name));
        } else {
            collect(&std::fs::read_to_string(path).unwrap(), type_name, &mut names);
        }
    }
    names
}

fn collect(source: &str, type_name: &str, names: &mut BTreeSet<String>) {
    let block = |line: &str| {
        let words: Vec<&str> = line.split([' ', '<', '>', '{']).filter(|word| !word.is_empty()).collect();
        line.starts_with("impl") && words.contains(&type_name) && !words.contains(&"for")
    };
    let (mut in_impl, mut in_rows) = (false, false);
    for line in source.lines() {
        match line {
            "}" => (in_impl, in_rows) = (false, false),
            _ if block(line) => in_impl = true,
            _ if line.ends_with("! {") && !line.starts_with([' ', 'm']) => in_rows = true,
            _ => {}
        }
        let Some(line) = line.strip_prefix("    ").filter(|line| !line.starts_with([' ', '/', '$'])) else {
            continue;
        };
        if let Some(declared) = line.strip_prefix("pub fn ").filter(|_| in_impl) {
            names.extend(declared.split(['(', '<']).next().map(str::to_owned));
        } else if in_rows {
            // A path such as `rules::shape` in a row is no name.
            let row = line.replace("::", "?");
            let columns = row.split([':', '|', ';']).next().unwrap_or_default().split(',').map(str::trim);
            let is_name = |text: &&str| {
                text.starts_with(|c: char| c.is_ascii_lowercase())
                    && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            };
            names.extend(columns.filter(is_name).map(str::to_owned));
        }
    }
}
