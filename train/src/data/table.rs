//! Columns of CSV files.

use super::DataError;
use csv::{ErrorKind, Reader, StringRecord};
use nn::Tensor;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

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
    let path = path.as_ref();
    let (mut numbers, mut rows) = (vec![], 0);
    for_each_row(path, columns, &mut |cells, line| {
        for (cell, column) in cells.iter().zip(columns) {
            let number: Option<f32> = cell.trim().parse().ok().filter(|x: &f32| x.is_finite());
            let what = || format!("{cell:?} is no number; leave the row out, or write one");
            numbers.push(number.ok_or_else(|| bad(path, line, Some(column), what()))?);
        }
        rows += 1;
        Ok(())
    })?;
    Tensor::from_vec(numbers, [rows, columns.len()]).map_err(|error| bad(path, 0, None, error.to_string()))
}

/// A column of names of a CSV file with a line of names: a class number for each row, `i64 [rows]`, and the names, in alphabetical order.
///
/// # Errors
/// If the file cannot be read, or has no such column.
pub fn csv_classes(path: impl AsRef<Path>, column: &str) -> Result<(Tensor, Vec<String>), DataError> {
    let mut names = vec![];
    for_each_row(path.as_ref(), &[column], &mut |cells, _| {
        names.extend(cells.iter().map(|cell| cell.trim().to_owned()));
        Ok(())
    })?;
    let known: Vec<String> = names.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    let classes: Vec<i64> =
        names.iter().filter_map(|name| Some(known.binary_search(name).ok()? as i64)).collect();
    Ok((Tensor::from(classes.as_slice()), known))
}

/// The names of the columns of a CSV file: its first line.
///
/// # Errors
/// If the file cannot be read.
pub fn csv_names(path: impl AsRef<Path>) -> Result<Vec<String>, DataError> {
    Ok(open(path.as_ref())?.1.iter().map(|name| name.trim().to_owned()).collect())
}

/// A table and its first line.
fn open(path: &Path) -> Result<(Reader<BufReader<File>>, StringRecord), DataError> {
    let io = |error| DataError::Io { file: path.to_owned(), error };
    // A pipe may have to be waited for, and a device may never end.
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err(io(std::io::Error::other("it is no regular file")));
    }
    let mut reader = Reader::from_reader(BufReader::new(File::open(path).map_err(io)?));
    let header = reader.headers().map_err(|error| of_csv(path, error))?.clone();
    Ok((reader, header))
}

/// What is done with the cells of a row, and its line in the file.
type EachRow<'a> = dyn FnMut(&[&str], u64) -> Result<(), DataError> + 'a;

/// Calls `f` with the cells of these columns of every row.
fn for_each_row(path: &Path, columns: &[&str], f: &mut EachRow<'_>) -> Result<(), DataError> {
    let (mut reader, header) = open(path)?;
    let place = |column: &&str| {
        let is_it = |name: &str| name.trim() == *column;
        match header.iter().filter(|name| is_it(name)).count() {
            1 => Ok(header.iter().position(is_it).unwrap_or(0)),
            0 => {
                let names: Vec<&str> = header.iter().map(str::trim).collect();
                Err(bad(
                    path,
                    1,
                    None,
                    format!("there is no column {column:?}; there are {}", names.join(", ")),
                ))
            }
            n => Err(bad(
                path,
                1,
                None,
                format!("there are {n} columns {column:?}; give them names of their own"),
            )),
        }
    };
    let places: Vec<usize> = columns.iter().map(place).collect::<Result<_, _>>()?;
    let mut row = StringRecord::new();
    while reader.read_record(&mut row).map_err(|error| of_csv(path, error))? {
        let cells: Vec<&str> = places.iter().filter_map(|&place| row.get(place)).collect();
        f(&cells, row.position().map_or(0, csv::Position::line))?;
    }
    Ok(())
}

fn bad(path: &Path, line: u64, column: Option<&str>, reason: String) -> DataError {
    DataError::Cell { file: path.to_owned(), line, column: column.map(str::to_owned), reason }
}

fn of_csv(path: &Path, error: csv::Error) -> DataError {
    let line = error.position().map_or(0, csv::Position::line);
    match error.into_kind() {
        ErrorKind::Io(error) => DataError::Io { file: path.to_owned(), error },
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            bad(path, line, None, format!("it has {len} cells, the first line has {expected_len}"))
        }
        ErrorKind::Utf8 { .. } => {
            bad(path, line, None, "it is no UTF-8 text; convert the file first".to_owned())
        }
        other => bad(path, line, None, format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert!(said(b"a,b\n1,\xff\n", &["a"]).contains("line 2: it is no UTF-8 text"));
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
}
