//! Tables of numbers: CSV with or without a line of names, or a two-dimensional NumPy array of floats.

use std::path::Path;

use npyz::{NpyFile, Order, TypeChar};

use crate::error::{CliError, Result};
use crate::files;
use crate::secret::shown;

/// Rows of numbers, all of one width. No `Debug`: it may be anyone's data.
#[derive(Clone, PartialEq)]
pub(crate) struct Matrix {
    /// Names of the columns, where the file has them.
    pub(crate) names: Option<Vec<String>>,
    /// Numbers in a row, at least one.
    pub(crate) width: usize,
    /// Row after row.
    pub(crate) values: Vec<f32>,
}

impl Matrix {
    /// How many rows.
    pub(crate) fn rows(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }
}

/// Reads a table of at most `max_bytes`: a NumPy array where the name ends in `.npy`, else CSV.
pub(crate) fn read(path: &Path, max_bytes: u64) -> Result<Matrix> {
    let bytes = files::read(path, max_bytes)?;
    let wrong = |reason: String| CliError::usage(format!("{}: {reason}", shown(path)));
    let numpy = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"));
    let matrix =
        if numpy { npy(&bytes) } else { std::str::from_utf8(&bytes).map_err(|_| text()).and_then(csv) };
    matrix.map_err(wrong)
}

/// Reads a file of one column of labels, with or without the column's name in its first line: the name is told
/// from a label by the number of rows the labels are for.
pub(crate) fn labels(path: &Path, rows: usize, max_bytes: u64) -> Result<Vec<String>> {
    let text = files::read_text(path, max_bytes)?;
    let mut labels: Vec<String> = lines(&text).map(unquoted).map(str::to_owned).collect();
    if labels.len() == rows + 1 {
        labels.remove(0);
    }
    if labels.len() != rows {
        let what = format!("{}: {} labels for {rows} rows", shown(path), labels.len());
        return Err(CliError::Usage(what));
    }
    Ok(labels)
}

fn csv(text: &str) -> std::result::Result<Matrix, String> {
    let mut rows = lines(text).peekable();
    let first = rows.peek().ok_or("an empty table")?;
    let width = first.split(',').count();
    let named = first.split(',').any(|field| number(field).is_none());
    let names = if named { rows.next() } else { None };
    let names = names.map(|line| line.split(',').map(|name| unquoted(name).to_owned()).collect());
    let mut values = Vec::new();
    for (at, row) in rows.enumerate() {
        let before = values.len();
        for field in row.split(',') {
            values.push(number(field).ok_or_else(|| format!("row {}: a field that is no number", at + 1))?);
        }
        if values.len() - before != width {
            return Err(format!("row {} has another number of fields than the first line", at + 1));
        }
    }
    filled(Matrix { names, width, values })
}

fn npy(bytes: &[u8]) -> std::result::Result<Matrix, String> {
    let takes = || "not a two-dimensional array of FP32 or FP64 in C order".to_owned();
    let array = NpyFile::new(bytes).map_err(|_| takes())?;
    let (npyz::DType::Plain(kind), [rows, width]) = (array.dtype(), array.shape()) else {
        return Err(takes());
    };
    let (rows, width) = (*rows, usize::try_from(*width).map_err(|_| takes())?);
    let element = kind.num_bytes().unwrap_or_default();
    let claimed = (width as u64).checked_mul(rows).and_then(|count| count.checked_mul(element as u64));
    // What the header promises has to be there before any room is made for it.
    if array.order() != Order::C || width == 0 || claimed.is_none_or(|claimed| claimed > bytes.len() as u64) {
        return Err(takes());
    }
    let values = match (kind.type_char(), element) {
        (TypeChar::Float, 4) => array.into_vec::<f32>().map_err(|_| takes())?,
        (TypeChar::Float, 8) => {
            array.into_vec::<f64>().map_err(|_| takes())?.into_iter().map(narrow).collect()
        }
        _ => return Err(takes()),
    };
    filled(Matrix { names: None, width, values })
}

fn filled(matrix: Matrix) -> std::result::Result<Matrix, String> {
    match matrix.values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(format!("row {}: a number that is not finite", at / matrix.width.max(1) + 1)),
        None if matrix.values.is_empty() => Err("an empty table".to_owned()),
        None => Ok(matrix),
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.trim_start_matches('\u{feff}').lines().map(str::trim).filter(|line| !line.is_empty())
}

fn number(field: &str) -> Option<f32> {
    unquoted(field).parse().ok()
}

fn unquoted(field: &str) -> &str {
    let field = field.trim();
    field.strip_prefix('"').and_then(|inside| inside.strip_suffix('"')).unwrap_or(field)
}

fn text() -> String {
    "neither text nor a NumPy array".to_owned()
}

#[expect(clippy::cast_possible_truncation, reason = "models and profiles need no more than an f32 holds")]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use npyz::WriterBuilder as _;

    use super::*;

    #[test]
    fn a_first_line_of_names_is_told_from_a_row() {
        let named = csv("a,\"b\"\r\n1,2\n\n3,-4.5e0\n").map_err(drop).unwrap();
        assert_eq!((named.names.as_ref().unwrap()[1].as_str(), named.width, named.rows()), ("b", 2, 2));
        assert_eq!(named.values, [1.0, 2.0, 3.0, -4.5]);
        let bare = csv("1,2\n3,4").map_err(drop).unwrap();
        assert_eq!((bare.names.is_none(), bare.rows(), bare.values.len()), (true, 2, 2 * bare.width));
    }

    #[test]
    fn a_torn_table_is_refused_with_its_row() {
        for (wrong, row) in
            [("a,b\n1,2\n3", "row 2"), ("1,2\n3,x", "row 2"), ("a\nnan", "row 1"), ("a", "empty")]
        {
            let reason = csv(wrong).err().unwrap();
            assert!(reason.contains(row), "{wrong:?}: {reason}");
        }
        assert!(csv("").is_err());
    }

    #[test]
    fn arrays_of_two_dimensions_read_back() {
        let mut bytes = Vec::new();
        let writer = npyz::WriteOptions::new().default_dtype().shape(&[2, 3]).writer(&mut bytes);
        let mut writer = writer.begin_nd().unwrap();
        writer.extend([1.0_f64, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        writer.finish().unwrap();
        let read = npy(&bytes).map_err(drop).unwrap();
        assert_eq!((read.width, read.rows(), read.values[5]), (3, 2, 6.0));
        assert!(npy(&bytes[..bytes.len() - 1]).is_err(), "torn");
        assert!(npy(b"no array").is_err());
    }

    #[test]
    fn labels_are_as_many_as_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        std::fs::write(&path, "is_fraud\n0\n1\n").unwrap();
        assert_eq!(labels(&path, 2, 100).unwrap(), ["0", "1"]);
        assert_eq!(labels(&path, 3, 100).unwrap(), ["is_fraud", "0", "1"]);
        assert!(labels(&path, 5, 100).is_err());
    }
}
