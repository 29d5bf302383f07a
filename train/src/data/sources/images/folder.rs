//! Pictures in a folder for each class.

use super::decode::{Channels, Form, decode};
use crate::data::sources::file;
use crate::data::{DataError, Dataset};
use nn::Tensor;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The file of a picture is no larger.
const LARGEST: u64 = 64 << 20;

/// PNG and JPEG pictures that lie in a folder for each class (torchvision's `ImageFolder`): `cats/1.png`, `dogs/1.jpg`. The classes are the
/// folders' names in the order of their bytes, the elements class by class in the order of the files' names. A picture is decoded when
/// it is asked for, so only a batch is in memory.
///
/// An element is the picture, `f32` from 0 to 1, and its class, `i64`: batches are `[n, height, width, channels]` and `[n]`.
///
/// ```
/// use train::{Channels, Dataset, ImageFolder};
///
/// # let folder = tempfile::tempdir()?.keep();
/// # for (class, level) in [("dark", 0), ("light", 255)] {
/// #     std::fs::create_dir(folder.join(class))?;
/// #     image::GrayImage::from_pixel(9, 9, image::Luma([level])).save(folder.join(class).join("1.png"))?;
/// # }
/// let data = ImageFolder::open(&folder, [32, 32], Channels::Rgb)?;
/// assert_eq!((data.len(), data.classes()), (2, ["dark", "light"].map(str::to_owned).as_slice()));
/// let batch = data.batch(&[1, 0])?;
/// assert_eq!(*batch[0].shape(), [2, 32, 32, 3]);
/// assert_eq!(batch[1], nn::Tensor::from([1_i64, 0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageFolder {
    folder: PathBuf,
    classes: Vec<String>,
    /// The class of each element, and its file's name.
    files: Vec<(usize, OsString)>,
    form: Form,
}

impl ImageFolder {
    /// The pictures in this folder, all of them as `[height, width]` pixels: [resized](crate::image_from) where they are not. What begins
    /// with a dot is left out.
    ///
    /// # Errors
    /// If a folder cannot be read, a class has no pictures or no UTF-8 name, or there is anything else but pictures, by the ends of their
    /// names.
    ///
    /// # Panics
    /// If the height or the width is 0.
    #[track_caller]
    pub fn open(
        folder: impl AsRef<Path>,
        size: [usize; 2],
        channels: Channels,
    ) -> Result<ImageFolder, DataError> {
        assert!(size.iter().all(|&pixels| pixels > 0), "image folder: {size:?} is no size of pictures");
        let folder = folder.as_ref();
        let (mut classes, mut files) = (vec![], vec![]);
        for name in names(folder)? {
            let path = folder.join(&name);
            if !is_folder(&path)? {
                return Err(refused(&path, "it lies beside the folders of the classes; move it into one"));
            }
            let before = files.len();
            for name in names(&path)? {
                check_picture(&path.join(&name))?;
                files.push((classes.len(), name));
            }
            if files.len() == before {
                return Err(refused(&path, "it has no pictures, so the class has no elements; take it away"));
            }
            let name = name.into_string();
            classes.push(name.map_err(|_| refused(&path, "its name is no UTF-8 text; rename it"))?);
        }
        if classes.is_empty() {
            return Err(refused(folder, "it has no folders; make one for each class"));
        }
        let form = Form { size, channels, exact: false };
        Ok(ImageFolder { folder: folder.to_owned(), classes, files, form })
    }

    /// Refuses pictures of another size, and does not resize them.
    #[must_use]
    pub fn exact(self) -> ImageFolder {
        ImageFolder { form: Form { exact: true, ..self.form }, ..self }
    }

    /// The names of the classes: class `i` is the one of `classes()[i]`.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The class of each element, `i64 [n]`: for [`split_stratified`](crate::split_stratified).
    pub fn labels(&self) -> Tensor {
        let classes: Vec<i64> = self.files.iter().map(|(class, _)| *class as i64).collect();
        Tensor::from(classes.as_slice())
    }

    /// The file of an element.
    ///
    /// # Panics
    /// If there is no such element.
    pub fn file(&self, element: usize) -> PathBuf {
        let (class, name) = &self.files[element];
        self.folder.join(&self.classes[*class]).join(name)
    }
}

impl Dataset for ImageFolder {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn batch(&self, indices: &[usize]) -> Result<Vec<Tensor>, DataError> {
        let ([height, width], channels) = (self.form.size, self.form.channels.count());
        let mut pixels = Vec::with_capacity(indices.len() * height * width * channels);
        for &i in indices {
            let path = self.file(i);
            decode(&content(&path)?, self.form, &mut pixels).map_err(|reason| refused(&path, reason))?;
        }
        let pixels = Tensor::from_vec(pixels, [indices.len(), height, width, channels]);
        let pixels = pixels.map_err(|error| refused(&self.folder, error.to_string()))?;
        let classes: Vec<i64> = indices.iter().map(|&i| self.files[i].0 as i64).collect();
        Ok(vec![pixels, Tensor::from(classes.as_slice())])
    }
}

/// The bytes of a picture's file.
fn content(path: &Path) -> Result<Vec<u8>, DataError> {
    let (file, len) = file::open(path)?;
    if len > LARGEST {
        return Err(refused(
            path,
            format!("it has {len} bytes, and a picture {LARGEST} at most; make it smaller"),
        ));
    }
    let mut bytes = Vec::with_capacity(len as usize);
    // It may grow meanwhile.
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| io_error(path, error))?;
    Ok(bytes)
}

/// What is in a folder but for what is hidden, in the order of the names' bytes.
fn names(folder: &Path) -> Result<Vec<OsString>, DataError> {
    let failed = |error| io_error(folder, error);
    let entries = fs::read_dir(folder).map_err(failed)?;
    let names: Result<Vec<OsString>, _> = entries.map(|entry| Ok(entry?.file_name())).collect();
    let mut names = names.map_err(failed)?;
    names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
    names.sort_by(|a, b| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
    Ok(names)
}

fn is_folder(path: &Path) -> Result<bool, DataError> {
    Ok(fs::metadata(path).map_err(|error| io_error(path, error))?.is_dir())
}

/// Refuses what is no picture by its name, and what has a picture's name but is no file.
fn check_picture(path: &Path) -> Result<(), DataError> {
    let end = path.extension().map(OsStr::to_ascii_lowercase);
    let is_picture = end.is_some_and(|end| ["png", "jpg", "jpeg"].iter().any(|known| end == *known));
    let about = fs::metadata(path).map_err(|error| io_error(path, error))?;
    match (about.is_file(), is_picture) {
        (true, true) => Ok(()),
        (true, false) => Err(refused(
            path,
            "its name is that of no PNG or JPEG picture; take it away, or hide it with a dot",
        )),
        (false, _) if about.is_dir() => {
            Err(refused(path, "it is a folder within a class; move its pictures up"))
        }
        (false, _) => Err(refused(path, "it is no regular file; take it away")),
    }
}

fn refused(path: &Path, reason: impl Into<String>) -> DataError {
    DataError::Content { file: path.to_owned(), array: None, reason: reason.into() }
}

fn io_error(path: &Path, error: io::Error) -> DataError {
    DataError::Io { file: path.to_owned(), error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, Luma};
    use tempfile::{TempDir, tempdir};

    /// Files of these names; a picture's brightness is its place in the list.
    fn folder(files: &[&str]) -> TempDir {
        let folder = tempdir().unwrap();
        for (i, name) in files.iter().enumerate() {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match name.to_lowercase().ends_with("g") {
                true => GrayImage::from_pixel(4, 3, Luma([i as u8])).save(&path).unwrap(),
                false => fs::write(&path, "no picture").unwrap(),
            }
        }
        folder
    }

    fn open(folder: &TempDir) -> Result<ImageFolder, String> {
        let opened = ImageFolder::open(folder.path(), [3, 4], Channels::Grey);
        opened.map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn classes_and_elements_are_in_the_order_of_their_names() {
        let folder =
            folder(&["b/2.png", "b/10.PNG", "a c/x.png", ".hidden/x.txt", "b/.note", "B/y.png", ".DS_Store"]);
        let data = open(&folder).unwrap();
        assert_eq!(data.classes(), ["B", "a c", "b"]);
        let batch = data.batch(&[0, 1, 2, 3]).unwrap();
        let levels: Vec<f32> = batch[0].narrow(1, 0, 1).narrow(2, 0, 1).to_vec::<f32>();
        assert_eq!(levels.iter().map(|x| (x * 255.0).round() as u8).collect::<Vec<_>>(), [5, 2, 1, 0]);
        assert_eq!((batch[1].clone(), data.labels()), (Tensor::from([0_i64, 1, 2, 2]), batch[1].clone()));
        assert_eq!(data.file(2), folder.path().join("b").join("10.PNG"));
        // An element is the same in any batch.
        let some = data.batch(&[3, 1, 3]).unwrap();
        assert_eq!(some[0], batch[0].index_select(0, &Tensor::from([3_i64, 1, 3])));
        assert_eq!(*data.batch(&[]).unwrap()[0].shape(), [0, 3, 4, 1]);
    }

    #[test]
    fn what_is_no_picture_is_refused_by_name() {
        assert_eq!(
            open(&folder(&["a/1.png", "notes.txt"])).unwrap_err(),
            "notes.txt: it lies beside the folders of the classes; move it into one"
        );
        assert!(
            open(&folder(&["a/1.png", "a/notes.txt"]))
                .unwrap_err()
                .starts_with("a/notes.txt: its name is that of no PNG")
        );
        assert!(
            open(&folder(&["a/1.png", "a/b/1.png"]))
                .unwrap_err()
                .starts_with("a/b: it is a folder within a class")
        );
        assert!(open(&folder(&["a/1.png", "b/.x"])).unwrap_err().starts_with("b: it has no pictures"));
        assert!(open(&folder(&[])).unwrap_err().ends_with("it has no folders; make one for each class"));
        let data = ImageFolder::open(folder(&[]).path().join("none"), [3, 4], Channels::Grey);
        assert!(data.unwrap_err().to_string().contains("none: "));
    }

    #[test]
    fn a_file_that_is_damaged_is_named_when_its_turn_comes() {
        let folder = folder(&["a/1.png", "a/2.png", "a/3.png"]);
        fs::write(folder.path().join("a/2.png"), "no picture").unwrap();
        let data = open(&folder).unwrap();
        assert!(data.batch(&[0, 2]).is_ok());
        let said = data.batch(&[0, 1]).unwrap_err().to_string();
        assert!(said.ends_with("2.png: it is neither PNG nor JPEG; convert it, or take it away"), "{said}");
        fs::remove_file(folder.path().join("a/3.png")).unwrap();
        assert!(data.batch(&[2]).unwrap_err().to_string().contains("3.png: "));
        fs::File::create(folder.path().join("a/3.png")).unwrap().set_len(LARGEST + 1).unwrap();
        assert!(data.batch(&[2]).unwrap_err().to_string().contains("3.png: it has 67108865 bytes"));
        let other = ImageFolder::open(folder.path(), [4, 4], Channels::Grey).unwrap();
        assert_eq!(*other.batch(&[0]).unwrap()[0].shape(), [1, 4, 4, 1]);
        let said = other.exact().batch(&[0]).unwrap_err().to_string();
        assert!(said.ends_with("1.png: it has 3 by 4 pixels, and not 4 by 4; resize it"), "{said}");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = folder(&["a/1.png"]);
        let pipe = folder.path().join("a/2.png");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(open(&folder).unwrap_err(), "a/2.png: it is no regular file; take it away");
    }

    #[test]
    #[should_panic(expected = "[0, 4] is no size of pictures")]
    fn no_pixels_are_the_callers_mistake() {
        let _ = ImageFolder::open(".", [0, 4], Channels::Grey);
    }
}
