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
            "dir/images: the magic number is 0x3c21444f, not 0x00000803: this is not an IDX file of bytes; \
             download the file again",
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
    let trailing = [&whole[..], b"more"].concat();
    let message = images(&trailing[..]).unwrap_err().to_string();
    assert!(message.starts_with("dir/images: the gzip data is damaged or cut off"), "{message}");
}
