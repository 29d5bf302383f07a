//! The memory of a whole run of the largest model, in a process of its own so that no other test counts.

/// What `/proc/self/status` says of this field, in KiB.
#[cfg(target_os = "linux")]
fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn batchnorm_conv_stays_small_and_does_not_grow() {
    use mnist::data::Split;
    use mnist::{Engine, Mode, models, synthetic};
    use nn::Rng;
    use optim::Adam;

    let (images, labels) = synthetic::digits(3, 1_000);
    let digits = Split { images, labels, rows: 28, cols: 28 };
    let (mut model, mut adam) = (models::batchnorm_conv(&mut Rng::new(1)), Adam::new());
    let mut engine = Engine::new(Mode::Compiled, 7);
    let mut early = 0;
    for step in 0..120 {
        let indices: Vec<usize> = (0..100).map(|i| (i * 7 + step * 31) % digits.len()).collect();
        engine.train(&mut model, &mut adam, 1e-3, &digits, &indices);
        if step % 20 == 0 {
            engine.test(&model, &digits).unwrap();
        }
        if step == 40 {
            early = status("VmRSS:");
        }
    }
    let (late, peak) = (status("VmRSS:"), status("VmHWM:"));
    assert!(late < early + (8 << 10), "{late} KiB at the end, {early} KiB after 40 steps");
    // The 55 MB of MNIST come on top.
    assert!(peak < 220 << 10, "{peak} KiB at most");
}
