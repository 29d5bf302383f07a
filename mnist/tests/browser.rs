//! The live page in a real browser, during a short real training. Skipped where Chromium or its driver is not installed.

#[path = "browser/driver.rs"]
mod driver;

use driver::{Browser, Wire};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// A training that is ended when this is dropped.
struct Training {
    program: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Training {
    fn start(mnist: bool) -> Training {
        let test = std::env::current_exe().unwrap();
        let example = test.parent().and_then(Path::parent).unwrap().join("examples").join("convolutional");
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(example);
        command.args(["--live", "0", "--steps", "1000000", "--out", "run"]).current_dir(folder.path());
        if !mnist {
            command.arg("--synthetic");
        }
        let mut program = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.strip_prefix("live page: http://127.0.0.1:").and_then(|port| port.parse::<u16>().ok())
        });
        std::thread::spawn(move || lines.for_each(drop));
        Training { program, port: port.expect("the training says where its page is"), folder }
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[test]
fn the_page_follows_a_training() {
    let Some(browser) = Browser::start() else {
        println!("skipped: no chromedriver (Debian: apt-get install chromium chromium-driver)");
        return;
    };
    let mnist = std::env::var_os("MNIST_DIR").is_some();
    let mut training = Training::start(mnist);
    let wire = Wire::to(training.port);
    let page = format!("http://127.0.0.1:{}/", wire.port);
    browser.open(&page);
    let data = "document.body.dataset";
    browser.wait(&format!(
        "{data}.connection === 'live' && {data}.newest > 200 && {data}.digits && {data}.histograms > 2"
    ));
    all_panels_are_drawn(&browser);
    browser.photograph("live");
    keys_choose_panels(&browser);
    pauses(&browser);
    scrubs(&browser);
    survives(&browser, &wire);
    reads_a_drawing(&browser, mnist);
    looks(&browser);

    // Whoever comes late gets everything from the first step on.
    let handles = browser.post("/window/new", json!({ "type": "tab" }));
    browser.post("/window", json!({ "handle": handles["handle"] }));
    browser.open(&page);
    browser
        .wait(&format!("{data}.connection === 'live' && run.steps.length > 10 && run.steps[0].step === 0"));

    many_windows_share_the_connections(&browser, &page);

    // The program ends, its report has it all.
    let interrupt = Command::new("kill").args(["-INT", &training.program.id().to_string()]).status();
    assert!(interrupt.unwrap().success() && training.program.wait().unwrap().code() == Some(130));
    browser.open(&format!("file://{}", training.folder.path().join("run/report.html").display()));
    browser.wait(&format!("{data}.done === 'interrupted' && {data}.digits"));
    // With the last step, wherever it was interrupted, and the model saved there.
    browser.wait("newest() === run.done.steps && last(run.checkpoints).step === run.done.steps");
    browser.wait("document.getElementById('saved').textContent === newest().toLocaleString('en')");
    all_panels_are_drawn(&browser);
    no_digit_is_asked_for(&browser);
    browser.photograph("report");
    a_foreign_graph_runs_nothing(&browser);
}

/// Each canvas has more than a background.
fn all_panels_are_drawn(browser: &Browser) {
    browser.wait("pictures.test instanceof Image");
    browser.run("drawAll()");
    let colours = browser.run(
        "return [...document.querySelectorAll('main canvas')].map((c) => {
            const pixels = new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer);
            return new Set(pixels).size;
        })",
    );
    let colours: Vec<u64> = colours.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
    assert!(colours.len() == 6 && colours.iter().all(|&n| n > 5), "{colours:?}");
    let loaded = browser.run(
        "return performance.getEntriesByType('resource').map((r) => r.name)
            .filter((name) => !name.startsWith(location.origin) && !name.startsWith('data:'))",
    );
    assert_eq!(loaded, json!([]), "something came from elsewhere");
    let summary = browser.run("return document.getElementById('table').textContent + document.querySelectorAll('#graph rect').length");
    assert!(summary.as_str().unwrap().contains("Conv2d"), "{summary}");
}

/// Nobody is behind a file who could read one, or pause the training.
fn no_digit_is_asked_for(browser: &Browser) {
    browser.press(&["?"]);
    browser.wait("!document.getElementById('keys').hidden");
    let seen = browser.run(
        "return ['draw', 'ink', 'drawing', 'pause', 'pausing'].filter((id) => document.getElementById(id).checkVisibility())",
    );
    assert_eq!(seen, json!([]), "they can be seen");
    assert!(!browser.run("return document.body.innerText").as_str().unwrap().contains("Draw a digit"));
    browser.press(&["?"]);
}

/// What a run folder calls its graph may have been written by anybody.
fn a_foreign_graph_runs_nothing(browser: &Browser) {
    let left = browser.run(
        r#"take({ model: { table: "", graph: `<svg onload="window.ran = true"><style>@import "x";</style><rect width="9"/>
            <script>window.ran = true</script><image href="x" onerror="window.ran = true"/></svg>` } });
        return document.getElementById("graph").innerHTML.replace(/\s+/g, " ");"#,
    );
    assert_eq!(left, json!("<svg><rect width=\"9\"></rect> </svg>"));
    assert_eq!(browser.run("return window.ran ?? false"), json!(false));
}

fn keys_choose_panels(browser: &Browser) {
    for (key, panels) in
        [("7", "1 2"), ("8", "4 5"), ("9", "3 6"), ("3", "3"), ("0", "1 2 3 4 5 6"), ("6", "6")]
    {
        browser.press(&[key]);
        browser.wait(&format!("document.body.dataset.panels === '{panels}'"));
        let seen = browser.run("return [...document.querySelectorAll('main section:not([hidden])')].map((s) => s.dataset.panel).join(' ')");
        assert_eq!(seen, panels);
        browser.photograph(&format!("key-{key}"));
    }
    browser.press(&["\u{e00c}"]); // Escape
    browser.wait("document.body.dataset.panels === '1 2 3 4 5 6'");
    browser.press(&["l"]);
    browser.wait("document.getElementById('log').getAttribute('aria-pressed') === 'true'");
    // A button that was clicked does not keep the space key for itself.
    let place = browser.run(
        "const box = document.getElementById('log').getBoundingClientRect(); return [box.left, box.top]",
    );
    let [left, top] = [0, 1].map(|i| place[i].as_f64().unwrap() as i64 + 8);
    browser.drag(&[(left, top)]);
    browser.wait("document.getElementById('log').getAttribute('aria-pressed') === 'false'");
    browser.press(&[" "]);
    browser.wait("document.getElementById('status').textContent.includes('picture held')");
    browser.press(&[" "]);
}

fn pauses(browser: &Browser) {
    let number =
        |name: &str| browser.run(&format!("return Number(document.body.dataset.{name})")).as_u64().unwrap();
    // The picture is held, the training goes on.
    browser.press(&[" "]);
    browser.wait("document.getElementById('status').textContent.includes('picture held')");
    let (step, newest) = (number("step"), number("newest"));
    browser.wait(&format!("document.body.dataset.newest > {newest}"));
    assert_eq!(number("step"), step);
    browser.press(&[" "]);
    browser.wait(&format!("document.body.dataset.step > {step}"));
    // The training itself is held.
    let shift = "\u{e008}";
    browser.press(&[shift, " "]);
    browser.wait("document.getElementById('status').textContent === 'training pauses'");
    // What was on its way still comes; a training that goes on would bring something new each time.
    let rests = (0..100).any(|_| {
        let newest = number("newest");
        sleep(Duration::from_millis(700));
        number("newest") == newest
    });
    assert!(rests, "the training goes on");
    browser.press(&[shift, " "]);
    browser.wait(&format!("document.body.dataset.newest > {newest}"));
}

fn scrubs(browser: &Browser) {
    browser.press(&["\u{e011}"]); // Home
    browser.wait("document.body.dataset.step === '0'");
    browser.press(&["\u{e014}"]); // →
    browser.wait("Number(document.body.dataset.step) === run.steps[1].step");
    browser.press(&["\u{e010}"]); // End
    browser.wait("document.body.dataset.step === document.body.dataset.newest && view.step === null");
}

fn survives(browser: &Browser, wire: &Wire) {
    let complete = "run.steps.every((record, i) => i === 0 || record.step > run.steps[i - 1].step) && run.steps[0].step === 0";
    wire.cut();
    browser.wait("document.body.dataset.connection.startsWith('connection lost')");
    browser.photograph("lost");
    let newest = browser.run("return newest()");
    wire.mend();
    browser
        .wait(&format!("document.body.dataset.connection === 'live' && newest() > {newest} && {complete}"));
    let count = browser.run("return run.steps.length");
    browser.post("/refresh", json!({}));
    browser.wait(&format!("typeof run === 'object' && run.steps.length >= {count} && {complete}"));
}

fn reads_a_drawing(browser: &Browser, mnist: bool) {
    let place = browser.run(
        "const ink = document.getElementById('ink'); ink.scrollIntoView({ block: 'center' });
        const box = ink.getBoundingClientRect(); return [box.left, box.top, box.width]",
    );
    let [left, top, width] = [0, 1, 2].map(|i| place[i].as_f64().unwrap());
    let at = |x: f64, y: f64| ((left + x * width) as i64, (top + y * width) as i64);
    // A seven, for which a one may pass in the first steps, but nothing else.
    browser.drag(&[at(0.28, 0.22), at(0.72, 0.22), at(0.6, 0.5), at(0.46, 0.82)]);
    browser.wait("Number(document.body.dataset.read) >= 0");
    if mnist {
        browser.wait("document.body.dataset.read === '7'");
    }
    let sum = browser.run("return [...document.querySelectorAll('#bars span')].reduce((sum, s) => sum + parseFloat(s.textContent), 0)");
    assert!((sum.as_f64().unwrap() - 100.0).abs() < 1.0, "{sum}");
    browser.photograph("drawing");
    arrows_move_through_the_run_after_a_stroke(browser);
    browser.run("document.getElementById('clear').click(); document.getElementById('ink').focus()");
    browser.wait("document.body.dataset.read === '-1'");
    for _ in 0..9 {
        browser.press(&["\u{e015}"]); // ↓, the pen by keyboard alone
    }
    browser.wait("Number(document.body.dataset.read) >= 0");
    a_late_answer_is_not_shown_for_a_drawing_that_was_cleared(browser);
    browser.run("document.activeElement.blur(); scrollTo(0, 0)");
}

/// The pen by keyboard is for those who came to it by keyboard.
fn arrows_move_through_the_run_after_a_stroke(browser: &Browser) {
    let drawn =
        "const all = paper.getImageData(0, 0, 140, 140).data; return all.reduce((sum, v) => sum + v, 0)";
    let before = browser.run(drawn);
    browser.press(&["\u{e011}"]); // Home
    browser.wait("document.body.dataset.step === '0'");
    browser.press(&["\u{e014}"]); // →
    browser.wait("Number(document.body.dataset.step) === run.steps[1].step");
    browser.press(&["\u{e012}"]); // ←
    browser.wait("document.body.dataset.step === '0'");
    browser.press(&["\u{e010}"]); // End
    browser.wait("view.step === null");
    assert_eq!(browser.run(drawn), before, "the arrows have drawn");
}

fn a_late_answer_is_not_shown_for_a_drawing_that_was_cleared(browser: &Browser) {
    browser.run(
        "window.late = []; window.real_fetch = window.fetch;
        const answer = { ok: true, json: () => new Promise((resolve) => late.push(() => resolve([0, 1]))) };
        window.fetch = async () => answer;",
    );
    browser.press(&["\u{e015}"]);
    browser.wait("late.length > 0");
    browser
        .run("document.getElementById('clear').click(); window.fetch = real_fetch; late.forEach((f) => f())");
    browser.wait("!pen.asking");
    assert_eq!(browser.run("return document.body.dataset.read"), json!("-1"));
}

/// More of them than the browser has connections to a server, and all are to be seen.
fn many_windows_share_the_connections(browser: &Browser, page: &str) {
    let windows: Vec<Value> = (0..8)
        .map(|_| {
            let handle = browser.post("/window/new", json!({ "type": "window" }))["handle"].clone();
            browser.post("/window", json!({ "handle": handle }));
            browser.open(page);
            handle
        })
        .collect();
    for handle in windows {
        browser.post("/window", json!({ "handle": handle }));
        browser.wait("!document.hidden && newest() > 0");
        let newest = browser.run("return newest()");
        browser.wait(&format!("newest() > {newest} && document.body.dataset.connection === 'live'"));
        browser.wait("pictures.test instanceof Image");
    }
}

/// Dark, and on a phone: nothing is wider than the window.
fn looks(browser: &Browser) {
    let feature = |value: &str| json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
    browser.command("Emulation.setEmulatedMedia", feature("dark"));
    browser.wait("getComputedStyle(document.body).backgroundColor === 'rgb(20, 23, 27)'");
    browser.photograph("dark");
    let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true });
    browser.command("Emulation.setDeviceMetricsOverride", phone);
    browser.wait("document.documentElement.scrollWidth <= innerWidth && innerWidth < 500");
    browser.photograph("phone");
    browser.command("Emulation.clearDeviceMetricsOverride", json!({}));
    browser.command("Emulation.setEmulatedMedia", feature("light"));
}
