//! The six panels as a movie.

use crate::data::Dataset;
use crate::event::Event;
use crate::figure::{Run, SIZE, last_step, panels, raster};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// Frames at most, so that a movie of any run is of a size to send around.
const FRAMES: u64 = 100;
/// Frames are this part of the figure.
const ZOOM: f64 = 0.6;
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
    let mut movie = gif::Encoder::new(&mut out, width, height, &[])?;
    movie.set_repeat(gif::Repeat::Infinite)?;
    for i in 0..frames {
        let run = Run::until(events, if frames > 1 { last * i / (frames - 1) } else { last });
        let rgb = raster(&panels(&run, Some(data)), SIZE, ZOOM);
        let mut frame = gif::Frame::from_rgb_speed(width, height, &rgb, 20);
        // The last one stays for a while.
        frame.delay = if i + 1 == frames { 300 } else { 100 / RATE };
        movie.write_frame(&frame)?;
    }
    drop(movie);
    out.flush()?;
    drop(out);
    mp4(file)
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
