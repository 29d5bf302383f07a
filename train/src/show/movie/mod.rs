//! The panels as a movie.

mod ffmpeg;

use super::figure::colours::{MUTED, PAPER, TEST, TRAIN};
use super::figure::{Run, panels, raster, size};
use super::shape::Colour;
use super::view::Views;
use crate::print::print_error;
use crate::watch::Event;
use ffmpeg::Ffmpeg;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Frames at most, so that a movie of any run is of a size to send around.
const FRAMES: u64 = 80;
/// Frames are this part of the figure.
const ZOOM: f64 = 0.55;
/// The figure's colours fade into each other in pairs: a palette of these comes closer than one of all colours.
const FADES: [[Colour; 2]; 3] = [[PAPER, [0; 3]], [PAPER, TRAIN], [PAPER, TEST]];
/// The pixel that lets the frame before show through.
const CLEAR: u8 = 255;
/// Frames a second.
const RATE: u16 = 10;
/// Frames that the last one stays for.
const STAYS: u16 = 30;

/// Why there is no movie.
#[derive(Debug, thiserror::Error)]
pub enum MovieError {
    /// A file cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The GIF cannot be written.
    #[error(transparent)]
    Gif(#[from] gif::EncodingError),
    /// The file's name ends with neither.
    #[error("a movie is a .gif file, or an .mp4 one where ffmpeg is installed")]
    Unknown,
    /// An MP4 is asked for, and there is no ffmpeg.
    #[error("an .mp4 file is made by ffmpeg, which is not installed; name a .gif file, or install it")]
    NoFfmpeg,
    /// ffmpeg says that something is wrong.
    #[error("ffmpeg failed: {0}")]
    Ffmpeg(String),
}

/// Finds out before a long training whether the movie can be made.
///
/// # Errors
/// If it cannot.
pub fn can_write_movie(file: &Path) -> Result<(), MovieError> {
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
///
/// # Errors
/// If a file cannot be written.
pub fn write_movie(events: &[Arc<Event>], views: &Views, file: &Path) -> Result<Vec<PathBuf>, MovieError> {
    let last = last_step(events);
    let count = FRAMES.min(last.saturating_add(1));
    let whole = size(&Run::until(events, last));
    let size = [whole.0, whole.1].map(|n| (n as f64 * ZOOM).round() as u16);
    let film = file.with_extension("mp4");
    let alone = is(file, "mp4");
    let mut gif = if alone { None } else { Some(Gif::create(file, size, views)?) };
    let mut mp4 = match Ffmpeg::start(if alone { file } else { &film }, size, RATE) {
        Err(MovieError::NoFfmpeg) if !alone => None,
        started => Some(started?),
    };
    for i in 0..count {
        let run = Run::until(
            events,
            if count > 1 { (u128::from(last) * u128::from(i) / u128::from(count - 1)) as u64 } else { last },
        );
        let rgb = raster(&panels(&run, views), whole, ZOOM);
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
        Some(Err(error)) => print_error(&format!("warning: there is no {}: {error}", film.display())),
        None => {}
    }
    Ok(written)
}

/// The last step that was recorded.
fn last_step(events: &[Arc<Event>]) -> u64 {
    let step = |event: &Arc<Event>| match &**event {
        Event::Step(record) => Some(record.step),
        _ => None,
    };
    events.iter().filter_map(step).max().unwrap_or(0)
}

/// A GIF file in the making.
struct Gif {
    size: [u16; 2],
    encoder: gif::Encoder<BufWriter<File>>,
    before: Vec<u8>,
    palette: Palette,
}

impl Gif {
    fn create(file: &Path, size: [u16; 2], views: &Views) -> Result<Gif, MovieError> {
        let (palette, out) = (Palette::new(views), BufWriter::new(File::create(file)?));
        let mut encoder = gif::Encoder::new(out, size[0], size[1], palette.colours.as_flattened())?;
        encoder.set_repeat(gif::Repeat::Infinite)?;
        Ok(Gif { size, encoder, before: vec![], palette })
    }

    /// Adds a frame that stays for so many times the usual.
    fn frame(&mut self, rgb: &[u8], times: u16) -> Result<(), MovieError> {
        let colours = rgb.as_chunks().0;
        let pixels: Vec<u8> = colours.iter().map(|&rgb| self.palette.nearest(rgb)).collect();
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

/// Colours by number.
struct Palette {
    colours: Vec<Colour>,
    /// Those that were looked for.
    found: HashMap<Colour, u8>,
}

impl Palette {
    fn new(views: &Views) -> Palette {
        let fades: Vec<[Colour; 2]> =
            FADES.iter().chain(views.iter().flat_map(|view| view.fades())).copied().collect();
        // Of each as many shades as there is room for, and what else plain text and lines are drawn in.
        let shades = (255 - 2) / fades.len();
        let mut colours = vec![MUTED, super::figure::colours::GRID];
        for [from, to] in fades {
            let mix = |part: usize, i: usize| {
                (usize::from(from[i]) * (shades - 1 - part) + usize::from(to[i]) * part) / (shades - 1)
            };
            colours.extend((0..shades).map(|part| [0, 1, 2].map(|i| mix(part, i) as u8)));
        }
        colours.resize(256, [0; 3]); // the one that is no colour
        Palette { colours, found: HashMap::new() }
    }

    /// The number of the colour that is nearest to this one.
    fn nearest(&mut self, rgb: Colour) -> u8 {
        let far = |colour: &Colour| -> u32 {
            colour.iter().zip(rgb).map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
        };
        *self.found.entry(rgb).or_insert_with(|| {
            let numbers = 0..CLEAR;
            numbers.min_by_key(|&number| far(&self.colours[usize::from(number)])).expect("there are 255")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_out_much_as_they_went_in() {
        let mut palette = Palette::new(&vec![]);
        assert_eq!(palette.colours.len(), 256);
        // Text, and bands over each other: light blue is not to become cyan.
        let bands = [[220, 232, 243], [183, 205, 229], [141, 177, 218], [102, 152, 205]];
        let others = [[0; 3], [255; 3], [115, 122, 132], [220, 223, 227], TRAIN, TEST];
        for rgb in others.into_iter().chain(bands) {
            let at = palette.nearest(rgb);
            assert!(at < CLEAR);
            let found = palette.colours[usize::from(at)];
            assert!(found.iter().zip(rgb).all(|(a, b)| a.abs_diff(b) <= 10), "{rgb:?} became {found:?}");
        }
    }
}
