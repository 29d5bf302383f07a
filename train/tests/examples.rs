//! The examples as somebody runs them.

use nn::Rng;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::tempdir;

/// The example's binary, which `cargo test` builds beside this test's.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(
        path.with_extension(std::env::consts::EXE_EXTENSION).exists(),
        "run `cargo test`, which builds {name} too"
    );
    path
}

/// Runs an example to its end, and again, killed each time that there is a checkpoint of so many steps more: both end with the same line,
/// which is returned, and the same numbers.
fn killed_and_not(name: &str, data: Option<&Path>, kills: u64, every: u64) -> String {
    let folder = tempdir().unwrap();
    let start = |run: &str| {
        let mut command = Command::new(example(name));
        command.args(data).arg(folder.path().join(run)).stdout(Stdio::piped()).spawn().unwrap()
    };
    let whole = start("whole").wait_with_output().unwrap();
    assert!(whole.status.success());
    let whole = String::from_utf8(whole.stdout).unwrap();
    let last = whole.lines().last().unwrap();

    for i in 0..kills {
        let mut child = start("killed");
        let ours = |name: &str| {
            name.starts_with("step-").then(|| name[5..].split('.').next()?.parse::<u64>().ok())?
        };
        let newest = || {
            let entries =
                fs::read_dir(folder.path().join("killed/checkpoints")).into_iter().flatten().flatten();
            entries.filter_map(|entry| ours(entry.file_name().to_str()?)).max().unwrap_or(0)
        };
        while newest() < every * (i + 1) {
            assert!(child.try_wait().unwrap().is_none(), "it has ended by itself");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let killed = start("killed").wait_with_output().unwrap();
    let killed = String::from_utf8(killed.stdout).unwrap();
    assert!(killed.contains("the run goes on after ") && killed.ends_with(&format!("{last}\n")), "{killed}");
    let [a, b] =
        ["whole", "killed"].map(|run| fs::read(folder.path().join(run).join("metrics.jsonl")).unwrap());
    assert!(a == b, "metrics.jsonl");
    let report = fs::read_to_string(folder.path().join("killed/report.html")).unwrap();
    assert!(report.contains("<main>") && report.contains("\"test_loss\""), "the page");
    last.to_owned()
}

#[test]
fn a_regression_that_is_killed_ends_as_one_that_is_not() {
    let folder = tempdir().unwrap();
    let table = folder.path().join("table.csv");
    let (rng, mut text) = (&mut Rng::new(1), "a,b,c,y\n".to_owned());
    for _ in 0..200 {
        let [a, b, c] = [(); 3].map(|()| (rng.bits() % 1000) as f64 / 100.0);
        writeln!(text, "{a},{b},{c},{}", 3.0 * a - b * b / 5.0 + 2.0).unwrap();
    }
    fs::write(&table, text).unwrap();
    let last = killed_and_not("csv_regression", Some(&table), 3, 1000);
    let r2: f64 = last.split("R² Some(").nth(1).unwrap().trim_end_matches(')').parse().unwrap();
    assert!(r2 > 0.95, "{last}");
}

/// Stripes that lie and stripes that stand, of any colours.
#[test]
fn a_network_for_pictures_that_is_killed_ends_as_one_that_is_not() {
    let folder = tempdir().unwrap();
    let rng = &mut Rng::new(1);
    for class in ["lying", "standing"] {
        fs::create_dir(folder.path().join(class)).unwrap();
        for i in 0..30 {
            let [width, phase] = [3 + rng.bits() as u32 % 4, rng.bits() as u32 % 12];
            let colours = [(); 2].map(|()| image::Rgb([(); 3].map(|()| rng.bits() as u8)));
            let stripe = |x: u32, y: u32| (if class == "lying" { y } else { x } + phase) / width % 2;
            let picture = image::RgbImage::from_fn(40, 36, |x, y| colours[stripe(x, y) as usize]);
            let end = if i % 3 == 0 { "jpg" } else { "png" };
            picture.save(folder.path().join(class).join(format!("{i}.{end}"))).unwrap();
        }
    }
    let last = killed_and_not("image_folder", Some(folder.path()), 2, 40);
    let accuracy: f64 =
        last.split("\"accuracy\": ").nth(1).unwrap().split([',', '}']).next().unwrap().parse().unwrap();
    assert!(last.starts_with("lying, standing: ") && accuracy >= 0.75, "{last}");
}

#[test]
fn two_inputs_and_two_losses_killed_and_not() {
    let last = killed_and_not("two_inputs", None, 3, 400);
    let loss: f64 = last.strip_prefix("min test loss: ").unwrap().parse().unwrap();
    assert!(loss < 0.2, "{last}");
}
