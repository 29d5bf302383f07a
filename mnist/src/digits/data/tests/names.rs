//! Folders as archives and other programs leave them.

use super::*;

/// Loads the folder, and returns the notices too.
fn loaded(fixture: &Fixture, folder: &Path) -> (Result<Dataset, DataError>, Vec<String>) {
    let mut notices = Vec::new();
    let search = fixture.search(&[], None);
    let result = search.load(&Choice::Folder(folder.into()), &mut |notice| notices.push(notice.to_string()));
    (result, notices)
}

/// Writes the files under other names, compressed where those end in `.gz`.
fn write(fixture: &Fixture, folder: &Path, name: impl Fn(&str) -> String) {
    for (i, mnist) in NAMES.iter().enumerate() {
        let name = name(mnist);
        let compressed = name.to_ascii_lowercase().ends_with(".gz");
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, if compressed { &fixture.gz[i] } else { &fixture.raw[i] }).unwrap();
    }
}

#[test]
fn names_with_a_dot_in_any_case_and_in_folders_of_their_own_are_read() {
    let fixture = Fixture::new(1);
    let dotted = |name: &str| name.replacen("-idx", ".idx", 1);
    let names: [&dyn Fn(&str) -> String; 9] = [
        &dotted,
        &|name| format!("{}.gz", dotted(name)),
        &|name| name.to_uppercase(),
        &|name| format!("{}.GZ", dotted(name).to_uppercase()),
        &|name| format!("{name}/{name}"),
        &|name| format!("{}/{}", dotted(name), dotted(name)),
        &|name| format!("{name}.gz/{name}.gz"),
        &|name| format!("MNIST/raw/{name}"),
        &|name| if name.contains("labels") { dotted(name) } else { format!("{name}/{}", dotted(name)) },
    ];
    for name in names {
        let folder = folder();
        write(&fixture, folder.path(), name);
        let (result, notices) = loaded(&fixture, folder.path());
        let dataset = result.unwrap_or_else(|error| panic!("{}: {error}", name(NAMES[0])));
        assert!(dataset.source.is_mnist() && notices.is_empty(), "{}", name(NAMES[0]));
        assert_eq!(dataset.test.images, fixture.raw[2][16..]);
    }
}

#[test]
fn a_folder_beside_a_file_is_not_in_its_way() {
    let (fixture, folder) = (Fixture::new(1), folder());
    fixture.write_to(folder.path(), true);
    for name in NAMES {
        // An archive was opened, and what is in it has another name or is not there any more.
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("data"), "something else").unwrap();
        fs::create_dir(folder.path().join(name.replacen("-idx", ".idx", 1))).unwrap();
    }
    assert!(loaded(&fixture, folder.path()).0.unwrap().source.is_mnist());
}

#[test]
fn of_several_spellings_the_one_on_mnists_page_is_taken() {
    let (fixture, other, folder) = (Fixture::new(1), Fixture::new(2), folder());
    write(&other, folder.path(), |name| name.to_uppercase());
    write(&other, folder.path(), |name| name.replacen("-idx", ".idx", 1));
    write(&fixture, folder.path(), str::to_owned);
    assert!(loaded(&fixture, folder.path()).0.unwrap().source.is_mnist());
}

/// The fixture's files as EMNIST has them, its images transposed.
fn emnist(fixture: &Fixture, folder: &Path, split: &str, suffix: &str) {
    let mut turned = Fixture::new(9);
    turned.raw = fixture.raw.clone();
    for file in [0, 2] {
        for (i, pixel) in turned.raw[file][16..].iter_mut().enumerate() {
            let (image, row, col) = (i / 784, i % 784 / 28, i % 28);
            *pixel = fixture.raw[file][16 + image * 784 + col * 28 + row];
        }
        assert_ne!(turned.raw[file], fixture.raw[file]);
    }
    turned.gz = turned.raw.each_ref().map(|bytes| gzip(bytes));
    write(&turned, folder, |name| format!("emnist-{split}-{}{suffix}", name.replace("t10k", "test")));
}

#[test]
fn emnists_splits_of_digits_are_found_and_turned_upright() {
    let fixture = Fixture::new(1);
    for (split, suffix) in [("digits", ".gz"), ("mnist", ""), ("digits", "")] {
        let folder = folder();
        emnist(&fixture, folder.path(), split, suffix);
        let (result, notices) = loaded(&fixture, folder.path());
        let dataset = result.unwrap();
        for (split, [images, labels]) in [(&dataset.train, [0, 1]), (&dataset.test, [2, 3])] {
            assert_eq!(split.images, fixture.raw[images][16..]);
            assert_eq!(split.labels, fixture.raw[labels][8..]);
        }
        assert!(!dataset.source.is_mnist());
        assert!(
            dataset.source.to_string().starts_with(&format!("the {split} split of EMNIST, turned upright"))
        );
        assert_eq!(notices.len(), 1);
        assert!(notices[0].contains(&format!("the {split} split of EMNIST")), "{}", notices[0]);
    }
}

#[test]
fn emnists_splits_with_letters_are_refused_with_the_reason() {
    let fixture = Fixture::new(1);
    for split in ["byclass", "bymerge", "balanced", "letters"] {
        let folder = folder();
        emnist(&fixture, folder.path(), split, ".gz");
        for path in [folder.path().to_owned(), folder.path().join(format!("emnist-{split}"))] {
            let message = loaded(&fixture, &path).0.unwrap_err().to_string();
            for part in [split, "letters", "ten digits", "emnist-digits-train-images-idx3-ubyte"] {
                assert!(message.contains(part), "{part} is not in {message}");
            }
        }
        // Beside digits they are no obstacle.
        emnist(&fixture, folder.path(), "mnist", "");
        assert!(loaded(&fixture, folder.path()).0.is_ok());
    }
}

#[test]
fn of_two_splits_of_digits_the_user_names_one() {
    let (fixture, other, folder) = (Fixture::new(1), Fixture::new(2), folder());
    let archive = folder.path().join("gzip");
    fs::create_dir(&archive).unwrap();
    emnist(&fixture, &archive, "digits", ".gz");
    emnist(&other, &archive, "mnist", ".gz");
    let message = loaded(&fixture, folder.path()).0.unwrap_err().to_string();
    for split in ["digits", "mnist"] {
        let named = archive.join(format!("emnist-{split}"));
        assert!(message.contains(&format!("--data {}", named.display())), "{message}");
        let images = if split == "digits" { &fixture.raw[0][16..] } else { &other.raw[0][16..] };
        assert_eq!(loaded(&fixture, &named).0.unwrap().train.images, images);
    }
    // A file of one that is missing is named as that split has it.
    fs::remove_file(archive.join("emnist-digits-test-labels-idx1-ubyte.gz")).unwrap();
    let message = loaded(&fixture, &archive.join("emnist-digits")).0.unwrap_err().to_string();
    assert!(message.contains("emnist-digits-test-labels-idx1-ubyte: no such file"), "{message}");
    // MNIST's own names come first.
    fixture.write_to(folder.path(), false);
    assert!(loaded(&fixture, folder.path()).0.unwrap().source.is_mnist());
}

#[test]
fn a_data_set_may_be_larger_than_mnist() {
    let folder = folder();
    let count = 240_000_u32;
    let header = |magic: u32, fields: &[u32]| -> Vec<u8> {
        [magic].iter().chain(fields).flat_map(|field| field.to_be_bytes()).collect()
    };
    // As digits do, they compress to a fifth or so.
    let mixed = |i: u64| (i ^ (i >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let pixel = |i: u64| if i.is_multiple_of(6) { (mixed(mixed(mixed(i))) >> 56) as u8 } else { 7 };
    for (set, count) in [("train", count), ("test", 40_000)] {
        let pixels: Vec<u8> = (0..u64::from(count) * 784).map(pixel).collect();
        let images = [header(0x0803, &[count, 28, 28]), pixels].concat();
        let labels = [header(0x0801, &[count]), vec![3; count as usize]].concat();
        for (what, file) in [("images-idx3", images), ("labels-idx1", labels)] {
            fs::write(folder.path().join(format!("emnist-digits-{set}-{what}-ubyte.gz")), gzip(&file))
                .unwrap();
        }
    }
    let dataset = loaded(&Fixture::new(1), folder.path()).0.unwrap();
    assert_eq!((dataset.train.len(), dataset.test.len()), (240_000, 40_000));
}
