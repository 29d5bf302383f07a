//! Downloads that break off and go on.

use std::sync::Arc;

use super::server::{CACHED, FIRST, PART, body, good_mirror, head, odd_mirror, offsets, serve_file};
use super::*;

#[test]
fn a_partial_file_is_resumed() {
    let (fixture, cache) = (Arc::new(Fixture::new(1)), folder());
    let mirror = good_mirror(&fixture);
    fs::write(cache.path().join(PART), &fixture.gz[0][..1000]).unwrap();
    let found = find(&fixture.search(&[&mirror.url], Some(cache.path().into())));
    fixture.assert_found(&found);
    assert_eq!(offsets(&mirror), [Some(1000)]);
    assert_eq!(fs::read(cache.path().join(FIRST)).unwrap(), fixture.gz[0]);
    assert_eq!(listing(cache.path()), CACHED);
}

#[test]
fn a_server_that_cannot_resume_makes_the_download_start_over() {
    let fixture = Arc::new(Fixture::new(1));
    let whole = odd_mirror(&fixture, |_, stream, file| {
        head(stream, "200 OK", &[format!("Content-Length: {}", file.len())]);
        body(stream, file);
    });
    let other_range = odd_mirror(&fixture, |request, stream, file| match request.offset() {
        Some(_) => {
            let range = format!("Content-Range: bytes 5-{}/{}", file.len() - 1, file.len());
            head(stream, "206 Partial Content", &[range, format!("Content-Length: {}", file.len() - 5)]);
            body(stream, &file[5..]);
        }
        None => serve_file(request, stream, Some(file)),
    });
    let refused = odd_mirror(&fixture, |request, stream, file| match request.offset() {
        Some(_) => head(stream, "416 Range Not Satisfiable", &["Content-Length: 0".into()]),
        None => serve_file(request, stream, Some(file)),
    });
    for (mirror, requests) in
        [(whole, vec![Some(1000)]), (other_range, vec![Some(1000), None]), (refused, vec![Some(1000), None])]
    {
        let cache = folder();
        fs::write(cache.path().join(PART), &fixture.gz[0][..1000]).unwrap();
        let found = find(&fixture.search(&[&mirror.url], Some(cache.path().into())));
        fixture.assert_found(&found);
        assert!(!found.told("downloading the rest"), "{:?}", found.notices);
        assert_eq!(offsets(&mirror), requests);
        assert_eq!(fs::read(cache.path().join(FIRST)).unwrap(), fixture.gz[0]);
    }
}

#[test]
fn wrong_old_bytes_are_thrown_away_and_the_same_mirror_is_asked_again() {
    let fixture = Arc::new(Fixture::new(1));
    // In the middle, more than the whole file, and a whole one.
    for old in [vec![0; 1000], vec![0; 400_000], fixture.gz[0].clone()] {
        let (cache, mirror) = (folder(), good_mirror(&fixture));
        fs::write(cache.path().join(PART), &old).unwrap();
        fixture.assert_found(&find(&fixture.search(&[&mirror.url], Some(cache.path().into()))));
        assert_eq!(offsets(&mirror), [Some(old.len()), None]);
        assert_eq!(listing(cache.path()), CACHED);
    }
}

#[test]
fn after_a_broken_connection_the_next_mirror_goes_on() {
    let (fixture, cache) = (Arc::new(Fixture::new(1)), folder());
    let breaking = odd_mirror(&fixture, |_, stream, file| {
        head(stream, "200 OK", &[format!("Content-Length: {}", file.len())]);
        body(stream, &file[..5000]);
    });
    let good = good_mirror(&fixture);
    let found = find(&fixture.search(&[&breaking.url, &good.url], Some(cache.path().into())));
    fixture.assert_found(&found);
    assert!(found.told("broke off after 5000 bytes"), "{:?}", found.notices);
    assert!(found.told(&format!("downloading the rest of {}{FIRST}", good.url)), "{:?}", found.notices);
    assert_eq!((offsets(&breaking), offsets(&good)), (vec![None], vec![Some(5000)]));
}

#[test]
fn a_connection_that_keeps_breaking_gets_there_as_long_as_it_advances() {
    let (fixture, cache) = (Arc::new(Fixture::new(1)), folder());
    let breaking = odd_mirror(&fixture, |request, stream, file| {
        let start = request.offset().unwrap_or(0);
        let range = format!("Content-Range: bytes {start}-{}/{}", file.len() - 1, file.len());
        let status = if start == 0 { "200 OK" } else { "206 Partial Content" };
        head(stream, status, &[range, format!("Content-Length: {}", file.len() - start)]);
        body(stream, &file[start..file.len().min(start + 70_000)]);
    });
    fixture.assert_found(&find(&fixture.search(&[&breaking.url], Some(cache.path().into()))));
    assert_eq!(offsets(&breaking), [None, Some(70_000), Some(140_000), Some(210_000)]);
}

#[test]
fn a_broken_download_is_kept_for_the_next_run() {
    let (fixture, cache) = (Arc::new(Fixture::new(1)), folder());
    let breaking = odd_mirror(&fixture, |_, stream, file| {
        head(stream, "200 OK", &[format!("Content-Length: {}", file.len())]);
        body(stream, &file[..3000]);
    });
    let found = find(&fixture.search(&[&breaking.url], Some(cache.path().into())));
    assert!(found.error().contains("broke off after 3000 bytes"), "{}", found.error());
    assert_eq!(fs::read(cache.path().join(PART)).unwrap(), fixture.gz[0][..3000]);
    let good = good_mirror(&fixture);
    fixture.assert_found(&find(&fixture.search(&[&good.url], Some(cache.path().into()))));
    assert_eq!(offsets(&good), [Some(3000)]);
}
