//! Files that lie about their sizes. In a process of its own, as other tests allocate, too.

use nn::{DType, Tensor};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::io::{Cursor, Read};
use train::{Channels, ReadAs, csv_numbers_from, idx_from, image_from, npy_from, npz_from, write_npz};

/// The system's allocator, counting requests.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that `f` allocates, all together.
fn allocated(f: &dyn Fn()) -> usize {
    let region = Region::new(ALLOCATOR);
    f();
    region.change().bytes_allocated
}

fn npy_file(shape: &str) -> Vec<u8> {
    let text = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}");
    [b"\x93NUMPY\x01\x00", (text.len() as u16).to_le_bytes().as_slice(), text.as_bytes(), &[0; 8]].concat()
}

/// The header of a picture of 16,384 by 16,384 pixels, and little more.
fn large_jpeg() -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    image::RgbImage::new(8, 8).write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    let mut bytes = bytes.into_inner();
    // Start of frame: length, bits of a number, height, width.
    let frame = bytes.windows(2).position(|mark| mark == [0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0x40, 0, 0x40, 0]);
    bytes
}

#[test]
fn what_a_header_claims_is_not_allocated() {
    let idx = |kind: u8, dims: [u32; 2]| {
        [&[0, 0, kind, 2], dims.map(u32::to_be_bytes).concat().as_slice(), &[0; 8]].concat()
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.npz");
    write_npz(&file, [("x", &Tensor::zeros([1, 1], DType::F64))]).unwrap();
    let mut npz = std::fs::read(&file).unwrap();
    let shape = npz.windows(20).position(|bytes| bytes == b"(1, 1), }           ").unwrap();
    npz.splice(shape..shape + 20, *b"(99999999999, 10), }");
    let little = |name: &str, fails: &dyn Fn() -> bool| {
        let bytes = allocated(&|| assert!(fails(), "{name}"));
        assert!(bytes < 1 << 20, "{name}: {bytes} bytes");
    };
    little("idx", &|| idx_from(&idx(8, [u32::MAX, 9])[..], "f", ReadAs::Stored).is_err());
    little("idx of f64", &|| idx_from(&idx(0x0e, [1 << 30, 9])[..], "f", ReadAs::Stored).is_err());
    little("npy", &|| npy_from(&npy_file("(1000000000000000000,)")[..], "f", ReadAs::Stored).is_err());
    little("npy of 8 GB", &|| npy_from(&npy_file("(1000000000,)")[..], "f", ReadAs::Stored).is_err());
    little("npz", &|| npz_from(&npz, "f", [("x", ReadAs::Stored)]).is_err());
    little("jpeg", &|| image_from(&large_jpeg(), "f", [8, 8], Channels::Rgb).is_err());
    // A row that never ends: its bytes and the places of its cells, doubled until there is no room.
    for byte in [b'1', b',', b'"', b'\n'] {
        for begin in ["a\n", "a\n\"", ""] {
            let endless = || begin.as_bytes().chain(std::io::repeat(byte));
            let bytes = allocated(&|| assert!(csv_numbers_from(endless(), "f", &["a"]).is_err()));
            assert!(bytes < 64 << 20, "{begin:?}, {byte}: {bytes} bytes");
        }
    }
}
