//! Folders that the user names, and the cache.

use super::*;

fn load_folder(search: &Search, folder: &Path) -> (Result<Dataset, DataError>, Vec<String>) {
    let mut notices = Vec::new();
    let choice = Choice::Folder(folder.into());
    let result = search.load(&choice, &mut |notice| notices.push(notice.to_string()));
    (result, notices)
}

#[test]
fn raw_and_compressed_folders_are_read() {
    let fixture = Fixture::new(1);
    for compressed in [false, true] {
        let folder = folder();
        fixture.write_to(folder.path(), compressed);
        let (result, notices) = load_folder(&fixture.search(&[], None), folder.path());
        let dataset = result.unwrap();
        assert_eq!((dataset.train.len(), dataset.test.len()), (300, 20));
        assert_eq!(dataset.train.images, fixture.raw[0][16..]);
        assert_eq!(dataset.test.labels, fixture.raw[3][8..]);
        assert!(dataset.source.is_mnist() && notices.is_empty());
        assert_eq!(dataset.source.to_string(), format!("MNIST, from the folder {}", folder.path().display()));
        let concatenated = Sha256::new().chain_update(fixture.raw.concat());
        assert_eq!(dataset.digest(), super::super::idx::hex(concatenated));
    }
}

#[test]
fn another_data_set_is_used_with_a_notice() {
    let (mnist, other, folder) = (Fixture::new(1), Fixture::new(2), folder());
    other.write_to(folder.path(), true);
    let (result, notices) = load_folder(&mnist.search(&[], None), folder.path());
    let dataset = result.unwrap();
    assert!(!dataset.source.is_mnist());
    assert_eq!(dataset.train.images, other.raw[0][16..]);
    assert_eq!(notices.len(), 1);
    assert!(
        notices[0].contains("not those of MNIST (train-images-idx3-ubyte, train-labels"),
        "{}",
        notices[0]
    );
}

#[test]
fn a_file_of_another_digest_among_those_of_mnist_is_refused() {
    let (mnist, other) = (Fixture::new(1), Fixture::new(2));
    for (i, name) in NAMES.iter().enumerate() {
        let folder = folder();
        mnist.write_to(folder.path(), false);
        fs::write(folder.path().join(name), &other.raw[i]).unwrap();
        let search = mnist.search(&[], None);
        let by_environment = Search { folder: Some(folder.path().into()), ..search.clone() };
        for result in [load_folder(&search, folder.path()).0, by_environment.load(&Choice::Auto, &mut |_| ())]
        {
            let message = result.unwrap_err().to_string();
            let hash = |raw: &[u8]| super::super::idx::hex(Sha256::new().chain_update(raw));
            for part in [*name, &hash(&other.raw[i]), &hash(&mnist.raw[i])] {
                assert!(message.contains(part), "{part} is not in {message}");
            }
        }
    }
}

#[test]
fn a_missing_file_is_named() {
    let (fixture, folder) = (Fixture::new(1), folder());
    for missing in NAMES {
        fixture.write_to(folder.path(), true);
        fs::remove_file(folder.path().join(format!("{missing}.gz"))).unwrap();
        let error = load_folder(&fixture.search(&[], None), folder.path()).0.unwrap_err();
        let path = folder.path().join(missing).display().to_string();
        assert!(
            error.to_string().starts_with(&format!("{path}: no such file, nor {missing}.gz, ")),
            "{error}"
        );
        for name in NAMES.map(str::to_owned).into_iter().chain([missing.replace("-idx", ".idx")]) {
            assert!(error.to_string().contains(&name), "{name} is not in {error}");
        }
    }
}

#[test]
fn a_folder_that_is_not_there_or_no_file_in_it_is_an_error() {
    let (fixture, folder) = (Fixture::new(1), folder());
    let search = fixture.search(&[], None);
    for (path, reason) in [("/no/such/folder", "No such file"), ("/dev/null", "not a directory")] {
        let message = load_folder(&search, Path::new(path)).0.unwrap_err().to_string();
        assert!(message.starts_with(&format!("{path}: {reason}")) && message.contains("--data"), "{message}");
    }
    fs::create_dir(folder.path().join(NAMES[0])).unwrap();
    let message = load_folder(&search, folder.path()).0.unwrap_err().to_string();
    let reason = "it is a folder, and there is no file of that name in it";
    assert!(message.ends_with(&format!("train-images-idx3-ubyte: cannot be read ({reason})")), "{message}");
}

#[test]
fn images_and_labels_must_be_as_many() {
    let (mnist, other, folder) = (Fixture::new(1), Fixture::new(2), folder());
    other.write_to(folder.path(), true);
    fs::copy(folder.path().join(format!("{}.gz", NAMES[3])), folder.path().join(format!("{}.gz", NAMES[1])))
        .unwrap();
    let message = load_folder(&mnist.search(&[], None), folder.path()).0.unwrap_err().to_string();
    assert!(message.contains("train-images-idx3-ubyte.gz: 300 images, but 20 labels in"), "{message}");
}

#[test]
fn a_named_folder_is_never_replaced_by_the_cache() {
    let (fixture, empty, cache) = (Fixture::new(1), folder(), folder());
    fixture.write_to(cache.path(), true);
    let in_cache = fixture.search(&[], Some(cache.path().into()));
    let from_env = Search { folder: Some(empty.path().into()), ..in_cache.clone() };
    assert!(matches!(from_env.load(&Choice::Auto, &mut |_| ()), Err(DataError::Missing { .. })));
    let dataset = in_cache.load(&Choice::Auto, &mut |_| ()).unwrap();
    assert_eq!(dataset.source, Source::Cache { path: cache.path().into() });
    // And what is chosen comes before the environment.
    let dataset = from_env.load(&Choice::Folder(cache.path().into()), &mut |_| ()).unwrap();
    assert_eq!(dataset.source, Source::Folder { path: cache.path().into(), genuine: true });
}

#[test]
fn without_any_mirror_the_digits_are_synthetic_and_the_notice_says_so() {
    let mut notices = Vec::new();
    let search = Fixture::new(1).search(&[], None);
    let dataset = search.load(&Choice::Auto, &mut |notice| notices.push(notice.to_string())).unwrap();
    assert_eq!(dataset.source, Source::Synthetic { seed: 0 });
    assert_eq!((dataset.train.len(), dataset.test.len()), (60_000, 10_000));
    assert_eq!(
        notices.last().unwrap(),
        "these digits are synthetic, drawn by the program, since there is no mirror to download from: \
         for the real ones pass --data DIR, set MNIST_DIR or connect to the network"
    );
}

#[test]
fn the_real_files_are_recognised() {
    let Some(folder) = std::env::var_os("MNIST_DIR").map(PathBuf::from) else {
        println!("skipped: MNIST_DIR is not set");
        return;
    };
    let dataset = load(&Choice::Folder(folder), &mut |notice| panic!("{notice}")).unwrap();
    assert!(dataset.source.is_mnist());
    assert_eq!((dataset.train.len(), dataset.test.len()), (60_000, 10_000));
    assert_eq!(dataset.train.labels[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(dataset.test.labels[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    // The mean over the training images, as published in many tutorials: 0.1307.
    let sum: u64 = dataset.train.images.iter().map(|&byte| u64::from(byte)).sum();
    let mean = sum as f64 / dataset.train.images.len() as f64 / 255.0;
    assert!((mean - 0.1307).abs() < 5e-5, "{mean}");
}
