//! The cache folder: filled, damaged, unusable, and used by several programs.

use std::sync::Arc;
use std::thread;

use super::server::{CACHED, FIRST, PART, good_mirror};
use super::*;

#[test]
fn files_are_downloaded_once_and_then_come_from_the_cache() {
    let (fixture, home) = (Arc::new(Fixture::new(1)), folder());
    let (mirror, cache) = (good_mirror(&fixture), home.path().join("new/mnist"));
    let search = fixture.search(&[&mirror.url], Some(cache.clone()));
    let found = find(&search);
    fixture.assert_found(&found);
    assert_eq!(*found.source(), Source::Download { mirror: mirror.url.clone(), cache: Some(cache.clone()) });
    assert_eq!(listing(&cache), CACHED);
    assert!(
        found.notices[0].starts_with(&format!("downloading {}{FIRST} (0.2", mirror.url)),
        "{:?}",
        found.notices
    );

    let again = find(&search);
    fixture.assert_found(&again);
    assert_eq!(*again.source(), Source::Cache { path: cache });
    assert!(again.notices.is_empty());
    assert_eq!(mirror.requests().len(), 4);
}

#[test]
fn a_damaged_file_of_the_cache_is_downloaded_again_and_the_others_are_not() {
    let fixture = Arc::new(Fixture::new(1));
    let other = Fixture::new(2);
    for damaged in [&other.gz[0][..], &fixture.gz[0][..5000], b"", b"nonsense"] {
        let (cache, mirror) = (folder(), good_mirror(&fixture));
        fixture.write_to(cache.path(), true);
        fs::write(cache.path().join(FIRST), damaged).unwrap();
        let found = find(&fixture.search(&[&mirror.url], Some(cache.path().into())));
        fixture.assert_found(&found);
        assert!(found.told("a cached file is damaged and will be downloaded again"), "{:?}", found.notices);
        assert_eq!(mirror.requests().len(), 1);
        assert_eq!(fs::read(cache.path().join(FIRST)).unwrap(), fixture.gz[0]);
    }
}

#[test]
fn without_a_usable_cache_the_files_are_downloaded_all_the_same() {
    let (fixture, home) = (Arc::new(Fixture::new(1)), folder());
    let mirror = good_mirror(&fixture);
    let file = home.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    let in_the_way = home.path().join("mnist");
    fs::create_dir_all(in_the_way.join(PART)).unwrap();
    for (cache, reason) in [
        (None, "the home folder is unknown"),
        (Some(file.join("mnist")), "cannot be used"),
        (Some(in_the_way), "train-images-idx3-ubyte.gz cannot be written to the cache folder"),
    ] {
        let found = find(&fixture.search(&[&mirror.url], cache));
        fixture.assert_found(&found);
        assert!(found.told(reason), "{:?}", found.notices);
        assert_eq!(*found.source(), Source::Download { mirror: mirror.url.clone(), cache: None });
    }
}

#[test]
fn programs_that_start_at_once_do_not_disturb_each_other() {
    let (fixture, cache) = (Arc::new(Fixture::new(1)), folder());
    let mirror = good_mirror(&fixture);
    let search = fixture.search(&[&mirror.url], Some(cache.path().into()));
    let found: Vec<_> = thread::scope(|scope| {
        let searches: Vec<_> = (0..6).map(|_| scope.spawn(|| find(&search))).collect();
        searches.into_iter().map(|search| search.join().unwrap()).collect()
    });
    for found in &found {
        fixture.assert_found(found);
    }
    assert_eq!(*find(&search).source(), Source::Cache { path: cache.path().into() });
    assert_eq!(listing(cache.path()), CACHED);
}

#[test]
fn while_another_program_downloads_the_cache_is_left_alone() {
    let (fixture, cache) = (Arc::new(Fixture::new(1)), folder());
    let mirror = good_mirror(&fixture);
    fs::write(cache.path().join(PART), &fixture.gz[0][..1000]).unwrap();
    let lock = fs::File::create(cache.path().join("lock")).unwrap();
    lock.lock().unwrap();
    let search = fixture.search(&[&mirror.url], Some(cache.path().into()));
    let found = find(&search);
    fixture.assert_found(&found);
    assert!(found.told("another program is downloading into the cache folder"), "{:?}", found.notices);
    assert_eq!(fs::read(cache.path().join(PART)).unwrap(), fixture.gz[0][..1000]);
    lock.unlock().unwrap();
    fixture.assert_found(&find(&search));
    assert_eq!(listing(cache.path()), CACHED);
}
