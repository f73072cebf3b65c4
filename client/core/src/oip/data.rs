//! The `data` of a JSON tensor, read straight into bytes.
//!
//! One flat row-major list, or lists nested as the shape says; both have their elements in the same order. No value is
//! built for a number, and no more room is taken than the text can fill.

use strongroom_seal::tensor::DType;

use super::json::{Json, Reader};
use super::{Fault, OipError, element};

/// Reads a list of `elements` elements, the product of `shape`, whose rank was checked: lists are followed as deep as that
/// and no deeper, whatever the text holds. `at` is the path of the field.
pub(super) fn read(
    reader: Reader<'_>,
    at: &str,
    dtype: DType,
    (shape, elements): (&[u64], usize),
) -> Result<Vec<u8>, OipError> {
    // An element and its comma take two bytes or more.
    let room = elements.min(reader.rest().len() / 2 + 1) * dtype.element_bytes().unwrap_or_default();
    let nested = is_nested(reader.clone());
    let mut walk = Walk { reader, at, dtype, index: 0, data: Vec::with_capacity(room) };
    match shape.split_first() {
        Some((outer, inner)) if nested => walk.list(*outer, inner, Fault::Nested)?,
        _ => walk.list(elements as u64, &[], Fault::Count)?,
    }
    Ok(walk.data)
}

fn is_nested(mut reader: Reader<'_>) -> bool {
    reader.skip(b'[').is_some() && reader.peek() == Some(b'[')
}

struct Walk<'a, 'at> {
    reader: Reader<'a>,
    at: &'at str,
    dtype: DType,
    index: usize,
    data: Vec<u8>,
}

impl Walk<'_, '_> {
    /// A list of `length` lists of the `inner` shape, or of elements where there is none.
    fn list(&mut self, length: u64, inner: &[u64], misfit: Fault) -> Result<(), OipError> {
        self.reader.skip(b'[').ok_or_else(|| misfit.at(self.at))?;
        let mut seen = 0;
        if self.reader.skip(b']').is_none() {
            loop {
                if seen == length {
                    return Err(misfit.at(self.at));
                }
                match inner.split_first() {
                    Some((outer, inner)) => self.list(*outer, inner, misfit)?,
                    None => self.element()?,
                }
                seen += 1;
                if self.reader.skip(b',').is_none() {
                    self.reader.skip(b']').ok_or_else(|| self.reader.syntax())?;
                    break;
                }
            }
        }
        if seen == length { Ok(()) } else { Err(misfit.at(self.at)) }
    }

    fn element(&mut self) -> Result<(), OipError> {
        let value = match self.reader.peek() {
            Some(b'[') => return Err(Fault::Nested.at(self.at)),
            // No datatype has objects, so any value of another kind is refused for the same reason.
            Some(b'{') => Json::Null,
            _ => self.reader.scalar().ok_or_else(|| self.reader.syntax())?,
        };
        let pushed = element::push(&mut self.data, self.dtype, self.index, &value);
        self.index += 1;
        pushed.map_err(|fault| fault.at(self.at))
    }
}
