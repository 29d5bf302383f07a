//! IDX files, good and bad.

use std::io::{self, BufRead, BufReader, Read};

use super::super::idx::{Decoded, Kind, decode, hex};
use super::*;

fn image_file(magic: u32, count: u32, rows: u32, cols: u32, pixels: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        [magic, count, rows, cols].iter().flat_map(|field| field.to_be_bytes()).collect();
    bytes.extend((0..pixels).map(|i| (i * i / 7) as u8));
    bytes
}

fn label_file(count: u32, labels: &[u8]) -> Vec<u8> {
    [&0x0801_u32.to_be_bytes(), &count.to_be_bytes(), labels].concat()
}

fn images(bytes: impl BufRead) -> Result<Decoded, DataError> {
    decode(Kind::Images, Path::new("dir/images"), bytes)
}

fn labels(bytes: &[u8]) -> Result<Decoded, DataError> {
    decode(Kind::Labels, Path::new("dir/labels"), bytes)
}

#[test]
fn raw_and_compressed_files_give_the_same_bytes_and_digest() {
    let file = image_file(0x0803, 3, 28, 28, 3 * 784);
    // Some programs write a file as several gzip members, one after the other.
    let members = [gzip(&file[..10]), gzip(&file[10..2000]), gzip(&file[2000..])].concat();
    for bytes in [&file, &gzip(&file), &members] {
        let decoded = images(&bytes[..]).unwrap();
        assert_eq!(decoded.data, file[16..]);
        assert_eq!(decoded.sha256, hex(Sha256::new().chain_update(&file)));
    }
    assert_eq!(labels(&label_file(3, &[0, 9, 5])).unwrap().data, [0, 9, 5]);
}

#[test]
fn hex_is_the_usual_notation_of_a_digest() {
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hex(Sha256::new().chain_update("abc")), abc);
}

#[test]
fn every_message_names_the_file_and_the_rule() {
    let image_cases = [
        (vec![], "dir/images: 0 bytes are too few for an IDX header of 16; copy or download the file again"),
        (
            image_file(0x0803, 1, 28, 28, 0)[..15].to_vec(),
            "dir/images: 15 bytes are too few for an IDX header of 16; copy or download the file again",
        ),
        (
            b"<!DOCTYPE html>".to_vec(),
            "dir/images: the magic number is 0x3c21444f, not 0x00000803: this is a page of HTML or XML; \
             download the file again",
        ),
        (
            b"PK\x03\x04train-images".to_vec(),
            "dir/images: the magic number is 0x504b0304, not 0x00000803: this is a zip archive; unpack it",
        ),
        (
            image_file(0x0d03, 1, 28, 28, 4 * 784),
            "dir/images: the magic number is 0x00000d03, not 0x00000803: this is an IDX file of other numbers, or of \
             other dimensions",
        ),
        (
            label_file(1, &[5]),
            "dir/images: the magic number is 0x00000801, not 0x00000803: this is a file of labels; are two files \
             mixed up?",
        ),
        (
            image_file(0x0803, 1, 32, 28, 896),
            "dir/images: the images are 32x28, but the models here take 28x28",
        ),
        (image_file(0x0803, 0, 28, 28, 0), "dir/images: the header claims 0 images; at least one is needed"),
        (
            image_file(0x0803, u32::MAX, 28, 28, 784),
            "dir/images: the header claims 4294967295 images (3367254359280 bytes), but 784 bytes follow it; \
             copy or download the file again",
        ),
        (
            image_file(0x0803, 1, 28, 28, 785),
            "dir/images: bytes are left over after the 1 images that the header claims (784 bytes); \
             copy or download the file again",
        ),
    ];
    for (file, message) in image_cases {
        assert_eq!(images(&file[..]).unwrap_err().to_string(), message);
        if !file.is_empty() {
            assert_eq!(images(&gzip(&file)[..]).unwrap_err().to_string(), message, "compressed");
        }
    }
    let label_cases = [
        (
            image_file(0x0803, 1, 28, 28, 784),
            "dir/labels: the magic number is 0x00000803, not 0x00000801: this is a file of images; are two files \
             mixed up?",
        ),
        (label_file(3, &[1, 10, 2]), "dir/labels: label 1 is 10, but a label is a digit from 0 to 9"),
        (
            label_file(3, &[1, 2]),
            "dir/labels: the header claims 3 labels (3 bytes), but 2 bytes follow it; \
             copy or download the file again",
        ),
    ];
    for (file, message) in label_cases {
        assert_eq!(labels(&file).unwrap_err().to_string(), message);
    }
}

#[test]
fn endless_files_are_refused_in_bounded_memory() {
    let endless = |claimed| {
        let header = io::Cursor::new(image_file(0x0803, claimed, 28, 28, 0));
        images(BufReader::new(header.chain(io::repeat(0)))).unwrap_err()
    };
    assert!(matches!(endless(10), DataError::TooLong { claimed: 10, .. }));
    let message = endless(u32::MAX).to_string();
    assert_eq!(message, "dir/images: the header claims 4294967295 images; more than 300000 are not read");
    // 20 MB in 20 kB: read no further than the header claims.
    let bomb = gzip(&[image_file(0x0803, 1, 28, 28, 784), vec![0; 20 << 20]].concat());
    assert!(matches!(images(&bomb[..]).unwrap_err(), DataError::TooLong { .. }));
}

#[test]
fn a_file_cut_off_anywhere_is_an_error() {
    let file = image_file(0x0803, 2, 28, 28, 2 * 784);
    for whole in [gzip(&file), file] {
        for len in 0..whole.len() {
            assert!(images(&whole[..len]).is_err(), "cut off at {len} of {}", whole.len());
        }
    }
}

#[test]
fn a_flipped_bit_in_a_compressed_file_never_gives_other_pixels() {
    let file = image_file(0x0803, 1, 28, 28, 784);
    let whole = gzip(&file);
    for i in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[i / 8] ^= 1 << (i % 8);
        // Some bits of the gzip header mean nothing (the time stamp).
        if let Ok(decoded) = images(&damaged[..]) {
            assert_eq!(decoded.data, file[16..], "bit {i}");
        }
    }
}

/// What tapes, disks, editors and web servers append. gzip reads on over it, and so does Python.
#[test]
fn zero_bytes_and_line_ends_may_follow_gzip_streams() {
    let file = image_file(0x0803, 3, 28, 28, 3 * 784);
    let [first, second] = [gzip(&file[..1000]), gzip(&file[1000..])];
    for padding in [&b"\0"[..], b"\n", b"\r\n", &[0; 512], &[0; 100_000], b"\0\0\n\0"] {
        for padded in [[&gzip(&file), padding].concat(), [&first, padding, &second, padding].concat()] {
            let decoded = images(&padded[..]).unwrap();
            assert_eq!(decoded.data, file[16..]);
            // A buffer may end anywhere.
            assert_eq!(images(BufReader::with_capacity(3, &padded[..])).unwrap().sha256, decoded.sha256);
        }
    }
}

#[test]
fn anything_else_that_follows_a_gzip_stream_is_named() {
    let file = image_file(0x0803, 1, 28, 28, 784);
    let whole = gzip(&file);
    for (more, said) in [
        (&b"more"[..], "6d 6f 72 65"),
        (b"\0\n<!-- cached -->", "3c 21 2d 2d 20 63 61 63"),
        (&file[..3], "08"),
    ] {
        let message = images(&[&whole[..], more].concat()[..]).unwrap_err().to_string();
        let expected = format!(
            "dir/images: the gzip data is whole, but bytes that are not gzip data follow it, beginning with {said}; cut \
             them off, or copy or download the file again"
        );
        assert_eq!(message, expected);
    }
    // A second stream that is cut off, or only looks like one.
    let empty = gzip(&[]);
    for more in [&empty[..empty.len() - 1], &empty[..1], &[0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 0, 0]] {
        let message = images(&[&whole[..], more].concat()[..]).unwrap_err().to_string();
        assert!(message.starts_with("dir/images: the gzip data is damaged or cut off"), "{message}");
    }
}

/// It would fill the memory: 235 MB come of 230 KB.
#[test]
fn a_compressed_file_that_expands_out_of_proportion_is_refused() {
    let mut file = image_file(0x0803, 300_000, 28, 28, 0);
    file.resize(16 + 300_000 * 784, 0);
    let error = images(&gzip(&file)[..]).unwrap_err().to_string();
    assert!(error.contains("more than 10 times as many bytes come of it as it has"), "{error}");
}
