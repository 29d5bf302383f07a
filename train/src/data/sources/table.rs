//! Columns of CSV files.

use super::file;
use crate::data::DataError;
use csv::{ErrorKind, Reader, StringRecord};
use nn::Tensor;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

/// A row is no longer than so many bytes, line ends in quotes included: a file without them would fill the memory.
const LONGEST: usize = 1 << 20;

/// Columns of numbers of a CSV file with a line of names, as `f32`, `[rows, columns]`. Only these columns are kept in memory.
///
/// ```
/// let file = tempfile::tempdir()?.keep().join("houses.csv");
/// std::fs::write(&file, "rooms,area,town,price\n3,75.5,Ulm,210\n5,120,Jena,340\n")?;
/// let x = train::csv_numbers(&file, &["area", "rooms"])?;
/// assert_eq!(x, nn::Tensor::from([[75.5_f32, 3.0], [120.0, 5.0]]));
/// let (town, names) = train::csv_classes(&file, "town")?;
/// assert_eq!(train::csv_names(&file)?, ["rooms", "area", "town", "price"]);
/// assert_eq!((town, names), (nn::Tensor::from([1_i64, 0]), vec!["Jena".to_owned(), "Ulm".to_owned()]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be read, has no such column, or a cell is no number: with its line and column.
pub fn csv_numbers(path: impl AsRef<Path>, columns: &[&str]) -> Result<Tensor, DataError> {
    csv_numbers_from(file::open(path.as_ref())?.0, path, columns)
}

/// As [`csv_numbers`], of what is read from anywhere; `file` is what messages call it.
///
/// ```
/// let x = train::csv_numbers_from("a,b\n1,2\n3,4".as_bytes(), "a text", &["b"])?;
/// assert_eq!(x, nn::Tensor::from([[2.0_f32], [4.0]]));
/// # Ok::<(), train::DataError>(())
/// ```
///
/// # Errors
/// As [`csv_numbers`].
pub fn csv_numbers_from(
    input: impl Read,
    file: impl AsRef<Path>,
    columns: &[&str],
) -> Result<Tensor, DataError> {
    let file = file.as_ref();
    let (mut numbers, mut rows) = (vec![], 0);
    Table::open(file, input)?.for_each_row(columns, &mut |cells, line| {
        for (cell, column) in cells.iter().zip(columns) {
            let number: Option<f32> = cell.trim().parse().ok().filter(|x: &f32| x.is_finite());
            let what = || format!("{cell:?} is no number; leave the row out, or write one");
            numbers.push(number.ok_or_else(|| bad(file, line, Some(column), what()))?);
        }
        rows += 1;
        Ok(())
    })?;
    Tensor::from_vec(numbers, [rows, columns.len()]).map_err(|error| bad(file, 0, None, error.to_string()))
}

/// A column of names of a CSV file with a line of names: a class number for each row, `i64 [rows]`, and the names, in alphabetical order.
///
/// # Errors
/// If the file cannot be read, or has no such column.
pub fn csv_classes(path: impl AsRef<Path>, column: &str) -> Result<(Tensor, Vec<String>), DataError> {
    csv_classes_from(file::open(path.as_ref())?.0, path, column)
}

/// As [`csv_classes`], of what is read from anywhere; `file` is what messages call it.
///
/// ```
/// let (classes, names) = train::csv_classes_from("town\nUlm\nJena\nUlm".as_bytes(), "a text", "town")?;
/// assert_eq!((classes, names[0].as_str()), (nn::Tensor::from([1_i64, 0, 1]), "Jena"));
/// # Ok::<(), train::DataError>(())
/// ```
///
/// # Errors
/// As [`csv_classes`].
pub fn csv_classes_from(
    input: impl Read,
    file: impl AsRef<Path>,
    column: &str,
) -> Result<(Tensor, Vec<String>), DataError> {
    // Each name is kept once, with its place among those seen.
    let (mut known, mut classes): (BTreeMap<String, usize>, Vec<i64>) = Default::default();
    Table::open(file.as_ref(), input)?.for_each_row(&[column], &mut |cells, _| {
        for cell in cells {
            let seen = known.len();
            let place = match known.get(cell.trim()) {
                Some(place) => *place,
                None => *known.entry(cell.trim().to_owned()).or_insert(seen),
            };
            classes.push(place as i64);
        }
        Ok(())
    })?;
    let mut class_of = vec![0; known.len()];
    known.values().enumerate().for_each(|(class, place)| class_of[*place] = class as i64);
    classes.iter_mut().for_each(|class| *class = class_of[*class as usize]);
    Ok((Tensor::from(classes.as_slice()), known.into_keys().collect()))
}

/// The names of the columns of a CSV file: its first line.
///
/// # Errors
/// If the file cannot be read.
pub fn csv_names(path: impl AsRef<Path>) -> Result<Vec<String>, DataError> {
    let path = path.as_ref();
    Ok(Table::open(path, file::open(path)?.0)?.header.iter().map(|name| name.trim().to_owned()).collect())
}

/// What is done with the cells of a row, and its line in the file.
type EachRow<'a> = dyn FnMut(&[&str], u64) -> Result<(), DataError> + 'a;

/// A table, and its first line.
struct Table<'a, R> {
    file: &'a Path,
    reader: Reader<Bounded<R>>,
    header: StringRecord,
}

impl<R: Read> Table<'_, R> {
    fn open(file: &Path, input: R) -> Result<Table<'_, R>, DataError> {
        let mut reader = Reader::from_reader(Bounded { input, left: LONGEST });
        let header = reader.headers().map_err(|error| of_csv(file, 1, &StringRecord::new(), error))?.clone();
        Ok(Table { file, reader, header })
    }

    /// Calls `f` with the cells of these columns of every row.
    fn for_each_row(mut self, columns: &[&str], f: &mut EachRow<'_>) -> Result<(), DataError> {
        let places: Vec<usize> = columns.iter().map(|column| self.place(column)).collect::<Result<_, _>>()?;
        let mut row = StringRecord::new();
        loop {
            self.reader.get_mut().left = LONGEST;
            let line = self.reader.position().line();
            let is_row = self.reader.read_record(&mut row);
            if !is_row.map_err(|error| of_csv(self.file, line, &self.header, error))? {
                return Ok(());
            }
            let cells: Vec<&str> = places.iter().filter_map(|&place| row.get(place)).collect();
            f(&cells, row.position().map_or(0, csv::Position::line))?;
        }
    }

    fn place(&self, column: &str) -> Result<usize, DataError> {
        let is_it = |name: &str| name.trim() == column;
        let reason = match self.header.iter().filter(|name| is_it(name)).count() {
            1 => return Ok(self.header.iter().position(is_it).unwrap_or(0)),
            0 => {
                let names: Vec<&str> = self.header.iter().take(30).map(str::trim).collect();
                let more = if self.header.len() > names.len() { ", …" } else { "" };
                format!("there is no column {column:?}; there are {}{more}", names.join(", "))
            }
            n => format!("there are {n} columns {column:?}; give them names of their own"),
        };
        Err(bad(self.file, 1, None, reason))
    }
}

/// A file, of which no more is read than a row may have.
struct Bounded<R> {
    input: R,
    /// Bytes until the row has to end.
    left: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        // What is read ahead of the next row counts as this row's.
        self.left = self
            .left
            .checked_sub(count)
            .ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, "a row that never ends"))?;
        Ok(count)
    }
}

fn bad(file: &Path, line: u64, column: Option<&str>, reason: String) -> DataError {
    DataError::Cell { file: file.to_owned(), line, column: column.map(str::to_owned), reason }
}

/// `line` is where the row begins.
fn of_csv(file: &Path, line: u64, header: &StringRecord, error: csv::Error) -> DataError {
    let known = error.position().map_or(line, csv::Position::line);
    match error.into_kind() {
        ErrorKind::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            let reason = format!(
                "its row is longer than {LONGEST} bytes; is a quote not closed, or is it no CSV file?"
            );
            bad(file, line, None, reason)
        }
        ErrorKind::Io(error) => DataError::Io { file: file.to_owned(), error },
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            bad(file, known, None, format!("it has {len} cells, the first line has {expected_len}"))
        }
        ErrorKind::Utf8 { err, .. } => {
            let column = header.get(err.field()).map(str::trim);
            bad(file, known, column, "it is no UTF-8 text; convert the file first".to_owned())
        }
        other => bad(file, known, None, format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::tempdir;

    #[test]
    fn a_cell_that_is_wrong_is_named_by_line_and_column() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("table.csv");
        let said = |content: &[u8], columns: &[&str]| {
            fs::write(&file, content).unwrap();
            let said = csv_numbers(&file, columns).unwrap_err().to_string();
            said.replace(&file.display().to_string(), "table.csv")
        };
        assert_eq!(
            said(b"a,b\n1,2\n3,x\n", &["b"]),
            "table.csv, line 3, column \"b\": \"x\" is no number; leave the row out, or write one"
        );
        assert!(said(b"a,b\n1,\n", &["b"]).contains("line 2, column \"b\": \"\" is no number"));
        assert!(said(b"a,b\n1,NaN\n", &["b"]).contains("\"NaN\" is no number"));
        assert_eq!(said(b"a,b\n", &["c"]), "table.csv, line 1: there is no column \"c\"; there are a, b");
        assert!(said(b"a,a\n", &["a"]).contains("there are 2 columns"));
        assert_eq!(said(b"a,b\n1,2\n3\n", &["a"]), "table.csv, line 3: it has 1 cells, the first line has 2");
        assert!(said(b"a,b\n1,\xff\n", &["a"]).contains("line 2, column \"b\": it is no UTF-8 text"));
        assert!(
            csv_numbers(folder.path().join("none.csv"), &["a"]).unwrap_err().to_string().contains("none.csv")
        );
        assert!(csv_numbers(folder.path(), &["a"]).is_err());
    }

    #[test]
    fn quotes_spaces_and_line_ends_of_other_systems_are_read() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("table.csv");
        fs::write(&file, "name, x \r\n\"a, b\", 1.5 \r\n\"c\nd\",2e3").unwrap();
        assert_eq!(csv_numbers(&file, &["x"]).unwrap(), Tensor::from([[1.5_f32], [2000.0]]));
        assert_eq!(csv_classes(&file, "name").unwrap().1, ["a, b", "c\nd"]);
        fs::write(&file, "x\n").unwrap();
        assert_eq!(*csv_numbers(&file, &["x"]).unwrap().shape(), [0, 1]);
    }

    /// They would fill the memory.
    #[test]
    fn rows_without_an_end_are_refused_where_they_begin() {
        let said = |input: &mut dyn Read| csv_numbers_from(input, "t.csv", &["a"]).unwrap_err().to_string();
        let endless = "t.csv, line 3: its row is longer than 1048576 bytes; is a quote not closed";
        let begin = || b"a,b\n1,2\n".as_slice();
        for rest in [io::repeat(b'1'), io::repeat(b','), io::repeat(b'"')] {
            let said = said(&mut begin().chain(rest));
            assert!(said.starts_with(endless), "{said}");
        }
        // In quotes, line ends are part of the row.
        assert!(said(&mut begin().chain(b"\"".as_slice()).chain(io::repeat(b'\n'))).starts_with(endless));
        assert!(said(&mut io::repeat(b',')).starts_with("t.csv, line 1: its row is longer"));
        // Many rows of a legal length are no such row.
        let rows = 200_000;
        let x = csv_numbers_from(begin().chain("3.25,4\n".repeat(rows).as_bytes()), "t.csv", &["b"]).unwrap();
        assert_eq!((x.shape()[0], x.sum(..).item()), (1 + rows, 2.0 + 4.0 * rows as f64));
        let names: String = (0..1000).map(|i| format!("column{i},")).collect();
        let error = csv_numbers_from(names.as_bytes(), "t.csv", &["a"]).unwrap_err().to_string();
        assert!(error.ends_with("column29, …"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let text = [b"a,b\n".as_slice(), &bytes].concat();
            let _ = csv_numbers_from(text.as_slice(), "t.csv", &["a"]);
            let _ = csv_numbers_from(bytes.as_slice(), "t.csv", &["a"]);
            if let Ok((classes, names)) = csv_classes_from(text.as_slice(), "t.csv", "b") {
                proptest::prop_assert!(classes.to_vec::<i64>().iter().all(|&class| (class as usize) < names.len()));
                proptest::prop_assert!(names.is_sorted());
            }
        }
    }
}
