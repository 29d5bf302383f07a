//! Regular files, opened.

use crate::data::DataError;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// A regular file and its length. A pipe may have to be waited for, and a device may never end: they are refused before they are opened.
pub(super) fn open(path: &Path) -> Result<(File, u64), DataError> {
    let failed = |error| DataError::Io { file: path.to_owned(), error };
    let about = fs::metadata(path).map_err(failed)?;
    if !about.is_file() {
        return Err(failed(io::Error::other("it is no regular file")));
    }
    Ok((File::open(path).map_err(failed)?, about.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::tempdir;

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join("file"), "four").unwrap();
        assert_eq!(open(&folder.path().join("file")).unwrap().1, 4);
        let error = open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("it is no regular file"), "{error}");
        assert!(open(&folder.path().join("none")).unwrap_err().to_string().contains("none"));
    }

    /// Opening the first would wait for a writer, reading the second would never end.
    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for endless in [pipe.as_path(), Path::new("/dev/zero")] {
            let error = open(endless).unwrap_err().to_string();
            assert_eq!(error, format!("{}: it is no regular file", endless.display()));
        }
    }
}
