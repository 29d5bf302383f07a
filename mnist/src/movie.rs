//! The six panels as a movie.

use crate::data::Dataset;
use crate::event::Event;
use crate::figure::{Run, SIZE, last_step, panels, raster};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
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

/// Why there is no movie.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MovieError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Gif(#[from] gif::EncodingError),
    #[error("ffmpeg failed: {0}")]
    Ffmpeg(String),
}

/// Finds out before a long training whether the file can be written.
pub(crate) fn can_write(file: &Path) -> io::Result<()> {
    std::fs::File::options().append(true).create(true).open(file).map(drop)
}

/// Writes a run as a GIF file, and, where ffmpeg is at hand, beside it as MP4. Returns whether the latter is there.
pub(crate) fn write(events: &[Arc<Event>], data: &Dataset, file: &Path) -> Result<bool, MovieError> {
    let last = last_step(events);
    let frames = FRAMES.min(last + 1);
    let [width, height] = [SIZE.0, SIZE.1].map(|n| (n as f64 * ZOOM).round() as u16);
    let mut out = io::BufWriter::new(std::fs::File::create(file)?);
    let mut movie = gif::Encoder::new(&mut out, width, height, &palette())?;
    movie.set_repeat(gif::Repeat::Infinite)?;
    let mut before: Vec<u8> = vec![];
    for i in 0..frames {
        let run = Run::until(events, if frames > 1 { last * i / (frames - 1) } else { last });
        let rgb = raster(&panels(&run, Some(data)), SIZE, ZOOM);
        let pixels: Vec<u8> = rgb.chunks_exact(3).map(|rgb| nearest([rgb[0], rgb[1], rgb[2]])).collect();
        // What stays as it was takes hardly any room.
        let mut changed = pixels.clone();
        for (now, &before) in changed.iter_mut().zip(&before) {
            if *now == before {
                *now = CLEAR;
            }
        }
        let mut frame = gif::Frame::from_indexed_pixels(width, height, changed, Some(CLEAR));
        frame.dispose = gif::DisposalMethod::Keep;
        // The last one stays for a while.
        frame.delay = if i + 1 == frames { 300 } else { 100 / RATE };
        movie.write_frame(&frame)?;
        before = pixels;
    }
    drop(movie);
    out.flush()?;
    drop(out);
    mp4(file)
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

/// Has ffmpeg make an MP4 of a GIF. `false` if there is no ffmpeg.
fn mp4(gif: &Path) -> Result<bool, MovieError> {
    let mut command = Command::new("ffmpeg");
    command.args(["-y", "-loglevel", "error", "-i"]).arg(gif).args([
        "-pix_fmt",
        "yuv420p",
        "-movflags",
        "+faststart",
    ]);
    match command.arg(gif.with_extension("mp4")).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(true),
        Ok(output) => Err(MovieError::Ffmpeg(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
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
