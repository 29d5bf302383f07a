//! Downloading a file from one of several mirrors; what has arrived (`part`), and how it is asked for (`http`).

pub(super) mod http;
mod part;

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use ureq::http::{Response, StatusCode, header};

use crate::digits::data::files::DataFile;
use crate::digits::data::idx::{Decoded, decode};
use crate::digits::data::{DownloadError, Notice};
use http::{Proxies, Timeouts};
use part::Part;

/// Where MNIST can be had, each followed by the name of a file.
pub const MIRRORS: [&str; 2] =
    ["http://storage.googleapis.com/cvdf-datasets/mnist/", "http://ossci-datasets.s3.amazonaws.com/mnist/"];

/// The largest file of MNIST has 47 MB, 10 MB compressed. A server that sends more than this sends something else.
const MAX_BYTES: u64 = 64 << 20;
/// All mirrors are tried once more as long as a round over them brings at least so many bytes.
const WORTH_ANOTHER_ROUND: u64 = 64 << 10;

/// Fetches files from mirrors.
#[derive(Debug)]
pub(super) struct Downloader<'a> {
    /// Asked in this order. One that had a file is asked first for the next: it answers.
    pub(super) mirrors: Vec<String>,
    pub(super) proxies: &'a Proxies,
    pub(super) timeouts: Timeouts,
    pub(super) progress_bar: bool,
}

/// A file that was fetched, and the mirror that it came from.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) decoded: Decoded,
    pub(super) mirror: String,
    /// Whether it is in the cache folder now.
    pub(super) kept: bool,
}

impl Downloader<'_> {
    /// Fetches one file from the first mirror that has it, and keeps it in the folder `cache`, if there is one.
    ///
    /// What an attempt leaves behind is in `<name>.gz.part` there; the next attempt (of this run or of another)
    /// goes on from it. The file gets its real name only when its SHA-256 is right.
    pub(super) fn fetch(
        &mut self,
        file: &DataFile,
        cache: Option<&Path>,
        report: &mut dyn FnMut(Notice),
    ) -> Result<Fetched, DownloadError> {
        let name = format!("{}.gz", file.name);
        let mut part = Part::open(cache.map(|folder| folder.join(format!("{name}.part"))), MAX_BYTES);
        let mut failed = None;
        loop {
            let before = part.len();
            for i in 0..self.mirrors.len() {
                if let Some(error) = failed.take() {
                    report(Notice::Retrying(error));
                }
                match self.attempt(&format!("{}{name}", self.mirrors[i]), file, &mut part, report) {
                    Ok(decoded) => {
                        let saved = cache.map(|folder| part.finish(&folder.join(&name)));
                        let kept = matches!(saved, Some(Ok(())));
                        if let Some(Err(error)) = saved {
                            let reason = format!("{name} cannot be written to the cache folder ({error})");
                            report(Notice::NoCache { reason });
                        }
                        self.mirrors[..=i].rotate_right(1);
                        return Ok(Fetched { decoded, mirror: self.mirrors[0].clone(), kept });
                    }
                    Err(error) => failed = Some(error),
                }
            }
            if part.len() < before.saturating_add(WORTH_ANOTHER_ROUND) {
                if part.len() == 0 {
                    part.discard();
                }
                return Err(failed.unwrap_or(DownloadError::NoMirror));
            }
        }
    }

    /// Completes `part` from one mirror and checks it.
    fn attempt(
        &self,
        url: &str,
        file: &DataFile,
        part: &mut Part,
        report: &mut dyn FnMut(Notice),
    ) -> Result<Decoded, DownloadError> {
        let resumed = part.len() > 0;
        self.transfer(url, part, report)?;
        let reason = match decode(file.kind, Path::new(file.name), part.bytes()) {
            Ok(decoded) if decoded.sha256 == file.sha256 => return Ok(decoded),
            Ok(decoded) => format!("its SHA-256 is {}, not {}", decoded.sha256, file.sha256),
            Err(error) => error.to_string(),
        };
        part.clear();
        if resumed {
            // Perhaps only the old bytes were wrong: mirrors may compress differently.
            return self.attempt(url, file, part, report);
        }
        Err(DownloadError::WrongContent { url: url.into(), reason })
    }

    /// Appends to `part` what is missing, or starts over where the server cannot go on from there.
    fn transfer(
        &self,
        url: &str,
        part: &mut Part,
        report: &mut dyn FnMut(Notice),
    ) -> Result<(), DownloadError> {
        let response = http::get(url, part.len(), self.proxies, &self.timeouts)?;
        match response.status() {
            StatusCode::OK => part.clear(),
            StatusCode::PARTIAL_CONTENT if range_start(&response) == Some(part.len()) => (),
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if part.len() > 0 => {
                part.clear();
                return self.transfer(url, part, report);
            }
            status => return Err(DownloadError::Status { url: url.into(), status: status.as_u16() }),
        }
        let total = response.body().content_length().map(|length| length.saturating_add(part.len()));
        report(Notice::Downloading { url: url.into(), done: part.len(), total });
        let mut progress = Progress::start(url, part.len(), total, self.progress_bar);
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 1 << 16];
        let broken = |done, reason| DownloadError::Interrupted { url: url.into(), done, reason };
        let Timeouts { pace, least, .. } = self.timeouts;
        let (mut begun, mut came) = (Instant::now(), 0);
        loop {
            let count = body.read(&mut buffer).map_err(|error| broken(part.len(), error.to_string()))?;
            if count == 0 {
                return Ok(());
            }
            part.append(&buffer[..count]);
            came += count as u64;
            if came >= least {
                (begun, came) = (Instant::now(), 0);
            } else if begun.elapsed() >= pace {
                return Err(broken(
                    part.len(),
                    format!("{came} bytes came in {} s, which is too slow", pace.as_secs_f32()),
                ));
            }
            if part.len() > MAX_BYTES {
                part.clear();
                let reason = format!("it has more than {MAX_BYTES} bytes");
                return Err(DownloadError::WrongContent { url: url.into(), reason });
            }
            progress.advance(part.len(), report);
        }
    }
}

/// The first byte of a partial answer: 100 in `Content-Range: bytes 100-199/200`.
fn range_start<B>(response: &Response<B>) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.trim().strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}

/// A progress bar on a terminal, otherwise a notice every few seconds.
struct Progress {
    bar: ProgressBar,
    url: String,
    total: Option<u64>,
    told: Instant,
}

impl Progress {
    const INTERVAL: Duration = Duration::from_secs(5);

    fn start(url: &str, done: u64, total: Option<u64>, visible: bool) -> Self {
        let bar = match total {
            _ if !visible => ProgressBar::hidden(),
            Some(total) => ProgressBar::new(total).with_style(bar_style()),
            None => ProgressBar::new_spinner(),
        };
        Self { bar: bar.with_position(done), url: url.into(), total, told: Instant::now() }
    }

    fn advance(&mut self, done: u64, report: &mut dyn FnMut(Notice)) {
        self.bar.set_position(done);
        if self.bar.is_hidden() && self.told.elapsed() >= Self::INTERVAL {
            self.told = Instant::now();
            report(Notice::Progress { url: self.url.clone(), done, total: self.total });
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn bar_style() -> ProgressStyle {
    ProgressStyle::with_template(
        "{wide_bar} {decimal_bytes}/{decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar())
}
