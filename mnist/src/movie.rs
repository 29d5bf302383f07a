//! The six panels as a movie.

mod ffmpeg;

use crate::data::Dataset;
use crate::event::Event;
use crate::figure::{Run, SIZE, last_step, panels, raster};
use ffmpeg::Ffmpeg;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Frames at most, so that a movie of any run is of a size to send around.
const FRAMES: u64 = 80;
/// Frames are this part of the figure.
const ZOOM: f64 = 0.55;
/// Colours in the palette that are not grey.
const CUBE: u8 = 216;
/// The lightest shade of grey; black is shade 0.
const SHADES: u8 = 38;
/// The pixel that lets the frame before show through.
const CLEAR: u8 = CUBE + SHADES + 1;
/// Frames a second.
const RATE: u16 = 10;
/// Frames that the last one stays for.
const STAYS: u16 = 30;

/// Why there is no movie.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MovieError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Gif(#[from] gif::EncodingError),
    #[error("a movie is a .gif file, or an .mp4 one where ffmpeg is installed")]
    Unknown,
    #[error("an .mp4 file is made by ffmpeg, which is not installed; name a .gif file, or install it")]
    NoFfmpeg,
    #[error("ffmpeg failed: {0}")]
    Ffmpeg(String),
}

/// Finds out before a long training whether the movie can be made.
pub(crate) fn can_write(file: &Path) -> Result<(), MovieError> {
    if is(file, "mp4") {
        ffmpeg::installed()?;
    } else if !is(file, "gif") {
        return Err(MovieError::Unknown);
    }
    Ok(File::options().append(true).create(true).open(file).map(drop)?)
}

fn is(file: &Path, extension: &str) -> bool {
    file.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// Writes a run as a GIF file and, where ffmpeg is at hand, beside it as MP4; or as MP4 alone if `file` is one. Returns
/// what was written; an MP4 that nobody asked for may fail, which is said.
pub(crate) fn write(events: &[Arc<Event>], data: &Dataset, file: &Path) -> Result<Vec<PathBuf>, MovieError> {
    let last = last_step(events);
    let count = FRAMES.min(last + 1);
    let size = [SIZE.0, SIZE.1].map(|n| (n as f64 * ZOOM).round() as u16);
    let film = file.with_extension("mp4");
    let alone = is(file, "mp4");
    let mut gif = if alone { None } else { Some(Gif::create(file, size)?) };
    let mut mp4 = match Ffmpeg::start(if alone { file } else { &film }, size, RATE) {
        Err(MovieError::NoFfmpeg) if !alone => None,
        started => Some(started?),
    };
    for i in 0..count {
        let run = Run::until(events, if count > 1 { last * i / (count - 1) } else { last });
        let rgb = raster(&panels(&run, Some(data)), SIZE, ZOOM);
        let times = if i + 1 == count { STAYS } else { 1 };
        if let Some(gif) = &mut gif {
            gif.frame(&rgb, times)?;
        }
        if let Some(mp4) = &mut mp4 {
            (0..times).for_each(|_| mp4.frame(&rgb));
        }
    }
    let mut written = vec![];
    if let Some(gif) = gif {
        gif.end()?;
        written.push(file.to_owned());
    }
    match mp4.map(Ffmpeg::end) {
        Some(Ok(())) => written.push(if alone { file.to_owned() } else { film }),
        Some(Err(error)) if alone => return Err(error),
        Some(Err(error)) => eprintln!("warning: there is no {}: {error}", film.display()),
        None => {}
    }
    Ok(written)
}

/// A GIF file in the making.
struct Gif {
    size: [u16; 2],
    encoder: gif::Encoder<BufWriter<File>>,
    before: Vec<u8>,
}

impl Gif {
    fn create(file: &Path, size: [u16; 2]) -> Result<Gif, MovieError> {
        let mut encoder =
            gif::Encoder::new(BufWriter::new(File::create(file)?), size[0], size[1], &palette())?;
        encoder.set_repeat(gif::Repeat::Infinite)?;
        Ok(Gif { size, encoder, before: vec![] })
    }

    /// Adds a frame that stays for so many times the usual.
    fn frame(&mut self, rgb: &[u8], times: u16) -> Result<(), MovieError> {
        let pixels: Vec<u8> = rgb.chunks_exact(3).map(|rgb| nearest([rgb[0], rgb[1], rgb[2]])).collect();
        // What stays as it was takes hardly any room.
        let mut changed = pixels.clone();
        for (now, &before) in changed.iter_mut().zip(&self.before) {
            if *now == before {
                *now = CLEAR;
            }
        }
        let mut frame = gif::Frame::from_indexed_pixels(self.size[0], self.size[1], changed, Some(CLEAR));
        frame.dispose = gif::DisposalMethod::Keep;
        frame.delay = 100 / RATE * times;
        self.encoder.write_frame(&frame)?;
        self.before = pixels;
        Ok(())
    }

    fn end(self) -> Result<(), MovieError> {
        Ok(self.encoder.into_inner()?.flush()?)
    }
}

/// A cube of 6 × 6 × 6 colours, shades of grey, and a place for the one that is no colour.
fn palette() -> Vec<u8> {
    let cube = (0..CUBE).flat_map(|i| [i / 36, i / 6 % 6, i % 6].map(|level| level * 51));
    let greys = (0..=SHADES).flat_map(|i| [(u32::from(i) * 255 / u32::from(SHADES)) as u8; 3]);
    cube.chain(greys).chain([0; 3]).collect()
}

/// The place of a colour in the palette.
fn nearest(rgb: [u8; 3]) -> u8 {
    let [low, high] = [rgb.iter().min(), rgb.iter().max()].map(|x| x.copied().unwrap_or(0));
    if high - low < 12 {
        return CUBE + ((u32::from(rgb[1]) * u32::from(SHADES) + 127) / 255) as u8;
    }
    let [red, green, blue] = rgb.map(|channel| channel.saturating_add(25) / 51);
    red * 36 + green * 6 + blue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_out_much_as_they_went_in() {
        let palette = palette();
        assert_eq!(palette.len(), 256 * 3);
        for rgb in [[0; 3], [255; 3], [115, 122, 132], [63, 127, 193], [208, 86, 27], [255, 157, 148]] {
            let at = usize::from(nearest(rgb));
            assert!(at < usize::from(CLEAR));
            for (found, expected) in palette[3 * at..][..3].iter().zip(rgb) {
                assert!(found.abs_diff(expected) <= 26, "{rgb:?} became {:?}", &palette[3 * at..][..3]);
            }
        }
    }
}
