//! Frames on their way to ffmpeg, which makes an MP4 of them.

use super::MovieError;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A film in the making.
pub(super) struct Ffmpeg(Child);

/// Whether there is an ffmpeg on the path.
pub(super) fn installed() -> Result<(), MovieError> {
    let mut asked = Command::new("ffmpeg");
    asked.arg("-version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().map(drop).map_err(absent)
}

fn absent(error: io::Error) -> MovieError {
    if error.kind() == io::ErrorKind::NotFound { MovieError::NoFfmpeg } else { error.into() }
}

impl Ffmpeg {
    /// Begins a film of frames of this width and height, so many a second.
    pub(super) fn start(file: &Path, [width, height]: [u16; 2], rate: u16) -> Result<Ffmpeg, MovieError> {
        let size = format!("{width}x{height}");
        let rate = rate.to_string();
        let mut command = Command::new("ffmpeg");
        command.args([
            "-y",
            "-loglevel",
            "error",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-video_size",
            &size,
        ]);
        command.args(["-framerate", &rate, "-i", "-"]);
        // What every player can play: colours at half the size, which must be even, and the index in front.
        command.args([
            "-vf",
            "pad=ceil(iw/2)*2:ceil(ih/2)*2",
            "-pix_fmt",
            "yuv420p",
            "-movflags",
            "+faststart",
        ]);
        // A name that begins with a dash is a file too.
        command
            .arg(Path::new(".").join(file))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command.spawn().map(Ffmpeg).map_err(absent)
    }

    /// Adds a frame. If ffmpeg has ended already, the end tells why.
    pub(super) fn frame(&mut self, rgb: &[u8]) {
        if let Some(input) = &mut self.0.stdin
            && input.write_all(rgb).is_err()
        {
            self.0.stdin = None;
        }
    }

    /// Waits for the film to be complete.
    pub(super) fn end(mut self) -> Result<(), MovieError> {
        drop(self.0.stdin.take());
        let mut said = String::new();
        if let Some(mut errors) = self.0.stderr.take() {
            errors.read_to_string(&mut said)?;
        }
        if self.0.wait()?.success() { Ok(()) } else { Err(MovieError::Ffmpeg(said.trim().to_owned())) }
    }
}
