//! The pixels of one picture.

use crate::data::DataError;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use nn::Tensor;
use std::io::Cursor;
use std::path::Path;

/// A picture is no larger: in bytes when it is decoded, and in pixels a side.
const LARGEST: u64 = 64 << 20;
const LONGEST: u32 = 1 << 14;

/// No picture has fewer bytes than a part of those that it is decoded to. A header that tells of more would have a moment's work of
/// nothing. Deflate makes 1,032 bytes of one at most, and a bit that is a place in a palette becomes four bytes.
const DENSEST_PNG: u64 = 1032 * 32;
/// A block of 8 by 8 has a bit at least, and the two of colours stand for 32 by 32 pixels at most.
const DENSEST_JPEG: u64 = 2048;

/// The numbers of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// One: 0.299 r + 0.587 g + 0.114 b of a coloured picture (ITU-R BT.601, as PIL and torchvision).
    Grey,
    /// Three: red, green, blue.
    Rgb,
}

impl Channels {
    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Channels::Grey => 1,
            Channels::Rgb => 3,
        }
    }
}

/// What becomes of pictures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// Height and width.
    pub(super) size: [usize; 2],
    pub(super) channels: Channels,
    /// Pictures of another size are refused, and not resized.
    pub(super) exact: bool,
}

/// A PNG or JPEG picture as `f32` from 0 to 1, `[height, width, channels]`. Another size is resized to this one, bilinearly, with a
/// triangle as wide as two pixels of the smaller picture; transparency is dropped. `file` is what messages call it.
///
/// ```
/// use train::Channels;
/// # use std::io::Cursor;
///
/// # let mut png = Cursor::new(vec![]);
/// # image::GrayImage::from_raw(2, 1, vec![51, 255]).unwrap().write_to(&mut png, image::ImageFormat::Png)?;
/// # let png = png.into_inner();
/// let x = train::image_from(&png, "two.png", [1, 2], Channels::Grey)?;
/// assert_eq!(x, nn::Tensor::from([[[0.2_f32], [1.0]]]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If it is no such picture, is damaged or cut short, or larger than 64 MB decoded or 16,384 pixels a side. (To decode a progressive JPEG
/// takes three times the memory that its pixels have, 8 bits each.)
pub fn image_from(
    bytes: &[u8],
    file: impl AsRef<Path>,
    size: [usize; 2],
    channels: Channels,
) -> Result<Tensor, DataError> {
    let failed = |reason| DataError::Content { file: file.as_ref().to_owned(), array: None, reason };
    let mut pixels = vec![];
    decode(bytes, Form { size, channels, exact: false }, &mut pixels).map_err(failed)?;
    let [height, width] = size;
    Tensor::from_vec(pixels, [height, width, channels.count()]).map_err(|error| failed(error.to_string()))
}

/// Appends the pixels of a picture.
pub(super) fn decode(bytes: &[u8], form: Form, out: &mut Vec<f32>) -> Result<(), String> {
    let format = image::guess_format(bytes)
        .ok()
        .filter(|format| matches!(format, ImageFormat::Png | ImageFormat::Jpeg));
    let format = format.ok_or("it is neither PNG nor JPEG; convert it, or take it away")?;
    if format == ImageFormat::Jpeg && !is_whole_jpeg(bytes) {
        return Err("it is cut short; get it anew, or take it away".to_owned());
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(LARGEST);
    limits.max_image_width = Some(LONGEST);
    limits.max_image_height = Some(LONGEST);
    reader.limits(limits.clone());
    let failed = |error| match error {
        image::ImageError::Limits(_) => {
            format!("it is larger than {LARGEST} bytes decoded, or {LONGEST} pixels a side; make it smaller")
        }
        error => format!("it cannot be decoded ({error}); get it anew, or take it away"),
    };
    let mut decoder = reader.into_decoder().map_err(failed)?;
    limits.reserve(decoder.total_bytes()).map_err(failed)?;
    let densest = if format == ImageFormat::Png { DENSEST_PNG } else { DENSEST_JPEG };
    if decoder.total_bytes() > densest * bytes.len() as u64 {
        return Err(
            "it has fewer bytes than so many pixels can have; get it anew, or take it away".to_owned()
        );
    }
    decoder.set_limits(limits).map_err(failed)?;
    let picture = DynamicImage::from_decoder(decoder).map_err(failed)?;
    let ([height, width], found) = (form.size, [picture.height() as usize, picture.width() as usize]);
    let picture = match found == form.size {
        true => picture,
        false if form.exact => {
            return Err(format!(
                "it has {} by {} pixels, and not {height} by {width}; resize it",
                found[0], found[1]
            ));
        }
        false => {
            let side = |pixels: usize| {
                u32::try_from(pixels).map_err(|_| format!("{pixels} pixels are no picture's side"))
            };
            picture.resize_exact(side(width)?, side(height)?, FilterType::Triangle)
        }
    };
    match &picture {
        DynamicImage::ImageLuma8(picture) => append(picture.as_raw(), 1, 255.0, form.channels, out),
        DynamicImage::ImageLumaA8(picture) => append(picture.as_raw(), 2, 255.0, form.channels, out),
        DynamicImage::ImageRgb8(picture) => append(picture.as_raw(), 3, 255.0, form.channels, out),
        DynamicImage::ImageRgba8(picture) => append(picture.as_raw(), 4, 255.0, form.channels, out),
        DynamicImage::ImageLuma16(picture) => append(picture.as_raw(), 1, 65_535.0, form.channels, out),
        DynamicImage::ImageLumaA16(picture) => append(picture.as_raw(), 2, 65_535.0, form.channels, out),
        DynamicImage::ImageRgb16(picture) => append(picture.as_raw(), 3, 65_535.0, form.channels, out),
        DynamicImage::ImageRgba16(picture) => append(picture.as_raw(), 4, 65_535.0, form.channels, out),
        // No PNG or JPEG is any other.
        other => append(other.to_rgb8().as_raw(), 3, 255.0, form.channels, out),
    }
    Ok(())
}

/// Appends pixels of so many numbers, the last of two and of four their transparency, divided by the largest number there is.
fn append<T: Copy + Into<f32>>(
    raw: &[T],
    width: usize,
    largest: f32,
    channels: Channels,
    out: &mut Vec<f32>,
) {
    for pixel in raw.chunks_exact(width) {
        let number = |channel: usize| pixel[channel].into() / largest;
        let [r, g, b] = if width < 3 { [number(0); 3] } else { [number(0), number(1), number(2)] };
        match channels {
            Channels::Rgb => out.extend([r, g, b]),
            Channels::Grey if width < 3 => out.push(r),
            Channels::Grey => out.push(0.299 * r + 0.587 * g + 0.114 * b),
        }
    }
}

/// Whether the end of a JPEG picture is there: its decoder makes up for what is missing. A picture is segments with their lengths up to
/// the first scan, and somewhere behind that is the mark of the end.
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    loop {
        match rest {
            // Marks may be filled up.
            [0xff, 0xff, ..] => rest = &rest[1..],
            [0xff, 0xda, ..] => return rest.windows(2).any(|mark| mark == [0xff, 0xd9]),
            [0xff, _, high, low, ..] => {
                let len = 2 + usize::from(u16::from_be_bytes([*high, *low]));
                rest = rest.get(len..).unwrap_or_default();
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, ImageBuffer, Luma, Rgb, RgbImage, RgbaImage};

    fn encode(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(vec![]);
        picture.into().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn noise(width: u32, height: u32) -> RgbImage {
        let mut rng = nn::Rng::new(3);
        ImageBuffer::from_fn(width, height, |_, _| Rgb([(); 3].map(|()| rng.bits() as u8)))
    }

    fn said(bytes: &[u8]) -> String {
        image_from(bytes, "p.png", [2, 2], Channels::Rgb).unwrap_err().to_string()
    }

    #[test]
    fn pixels_are_those_of_the_file() {
        let picture = noise(3, 2);
        let png = encode(picture.clone(), ImageFormat::Png);
        let x = image_from(&png, "p", [2, 3], Channels::Rgb).unwrap();
        let expected: Vec<f32> = picture.as_raw().iter().map(|&x| f32::from(x) / 255.0).collect();
        assert_eq!(x, Tensor::from_vec(expected, [2, 3, 3]).unwrap());
        let grey = image_from(&png, "p", [2, 3], Channels::Grey).unwrap();
        let weights = Tensor::from([0.299_f32, 0.587, 0.114]);
        assert!(
            (x * weights)
                .sum(2)
                .to_vec::<f32>()
                .iter()
                .zip(grey.to_vec::<f32>())
                .all(|(a, b)| (a - b).abs() < 1e-6)
        );
        // Two bytes a pixel.
        let deep: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_raw(2, 1, vec![1, 65_535]).unwrap();
        let deep = image_from(&encode(deep, ImageFormat::Png), "p", [1, 2], Channels::Grey).unwrap();
        assert_eq!(deep.to_vec::<f32>(), [1.0 / 65_535.0, 1.0]);
        // What is transparent has its colours.
        let glass = RgbaImage::from_raw(1, 1, vec![10, 20, 30, 0]).unwrap();
        let glass = image_from(&encode(glass, ImageFormat::Png), "p", [1, 1], Channels::Rgb).unwrap();
        assert_eq!(glass.to_vec::<f32>(), [10.0, 20.0, 30.0].map(|x: f32| x / 255.0));
        // A grey picture is its own grey, and in three channels the same thrice.
        let level = encode(GrayImage::from_raw(1, 1, vec![77]).unwrap(), ImageFormat::Png);
        let [one, three] = [Channels::Grey, Channels::Rgb]
            .map(|channels| image_from(&level, "p", [1, 1], channels).unwrap().to_vec::<f32>());
        assert_eq!((one, three), (vec![77.0 / 255.0], vec![77.0 / 255.0; 3]));
    }

    #[test]
    fn a_jpeg_is_nearly_what_was_compressed() {
        let smooth = GrayImage::from_fn(16, 16, |x, y| Luma([(8 * x + 4 * y) as u8]));
        let x =
            image_from(&encode(smooth.clone(), ImageFormat::Jpeg), "p", [16, 16], Channels::Grey).unwrap();
        let apart = |(a, b): (&f32, &u8)| (a - f32::from(*b) / 255.0).abs();
        let largest = x.to_vec::<f32>().iter().zip(smooth.as_raw()).map(apart).fold(0.0, f32::max);
        assert!(largest < 0.05, "{largest}");
    }

    #[test]
    fn other_sizes_are_resized_without_changing_what_is_even() {
        let even = encode(RgbImage::from_pixel(7, 5, Rgb([10, 200, 30])), ImageFormat::Png);
        for size in [[3, 2], [20, 11], [1, 1]] {
            let x = image_from(&even, "p", size, Channels::Rgb).unwrap();
            assert_eq!(*x.shape(), [size[0], size[1], 3]);
            assert!(
                x.to_vec::<f32>().chunks(3).all(|pixel| pixel == [10.0 / 255.0, 200.0 / 255.0, 30.0 / 255.0])
            );
        }
        // Halves of halves: the middle of a step is its mean.
        let step =
            encode(GrayImage::from_fn(8, 8, |x, _| Luma([if x < 4 { 0 } else { 200 }])), ImageFormat::Png);
        let x = image_from(&step, "p", [1, 1], Channels::Grey).unwrap().item();
        assert!((x - 100.0 / 255.0).abs() < 0.01, "{x}");
    }

    #[test]
    fn what_is_wrong_with_a_picture_is_said() {
        let (png, jpeg) = (encode(noise(8, 8), ImageFormat::Png), encode(noise(64, 64), ImageFormat::Jpeg));
        for bytes in [b"".as_slice(), b"hello", b"GIF89a", b"BM\x00\x00\x00\x00\x00\x00\x00\x00"] {
            assert_eq!(said(bytes), "p.png: it is neither PNG nor JPEG; convert it, or take it away");
        }
        for (whole, ends) in [(&png, [9, 40, 100, png.len() - 14]), (&jpeg, [3, 20, 700, jpeg.len() - 2])] {
            image_from(whole, "p", [2, 2], Channels::Rgb).unwrap();
            for end in ends {
                let said = said(&whole[..end]);
                assert!(said.contains("get it anew, or take it away"), "{end}: {said}");
            }
        }
        let mut damaged = png.clone();
        damaged[60] ^= 1;
        assert!(said(&damaged).contains("it cannot be decoded"), "{}", said(&damaged));
        let long = encode(GrayImage::new(LONGEST + 1, 1), ImageFormat::Png);
        assert!(
            said(&long).contains("larger than 67108864 bytes decoded, or 16384 pixels a side"),
            "{}",
            said(&long)
        );
        // 16,384 by 16,384 pixels in some 50 bytes, as the header says.
        let mut header =
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR\x00\x00\x40\x00\x00\x00\x40\x00\x08\x02\x00\x00\x00"
                .to_vec();
        header.extend(crc32fast::hash(&header[12..]).to_be_bytes());
        header.extend(b"\x00\x00\x00\x00IDAT\x35\xaf\x06\x1e");
        assert!(said(&header).contains("larger than"), "{}", said(&header));
    }

    /// Its decoder makes up for what is missing, which takes seconds for as many pixels as may be.
    #[test]
    fn a_header_that_tells_of_more_pixels_than_there_can_be_is_refused_at_once() {
        let mut jpeg = encode(noise(64, 64), ImageFormat::Jpeg);
        let frame = jpeg.windows(2).position(|mark| mark == [0xff, 0xc0]).unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0x10, 0, 0x10, 0]);
        assert!(said(&jpeg).contains("fewer bytes than so many pixels can have"), "{}", said(&jpeg));
        // What is all of one colour has nearly as few as there can be.
        for format in [ImageFormat::Png, ImageFormat::Jpeg] {
            let even = encode(GrayImage::new(4096, 4096), format);
            image_from(&even, "p", [2, 2], Channels::Grey).unwrap();
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]
        #[test]
        fn no_bytes_make_it_panic(
            jpeg in proptest::bool::ANY,
            changes in proptest::collection::vec((0_usize..1000, proptest::num::u8::ANY), 0..5),
        ) {
            let format = if jpeg { ImageFormat::Jpeg } else { ImageFormat::Png };
            let mut bytes = encode(noise(9, 9), format);
            for (place, byte) in changes {
                let place = place % bytes.len();
                bytes[place] = byte;
            }
            let _ = image_from(&bytes, "p", [3, 3], Channels::Grey);
        }
    }
}
