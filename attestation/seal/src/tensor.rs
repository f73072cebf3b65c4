//! Tensors as they travel inside sealed records: a name, a type, a shape and little-endian bytes.
//!
//! The bytes are those of the Open Inference Protocol's binary extension: row-major, and for BYTES
//! each element as a u32 little-endian length and its bytes.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::{MAX_RANK, MAX_STRING_BYTES, MAX_TENSOR_NAME_BYTES};

/// Element type, named as in the Open Inference Protocol v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are those of the Open Inference Protocol")]
pub enum DType {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Fp16,
    Bf16,
    Fp32,
    Fp64,
    Bytes,
}

impl DType {
    /// Every type.
    pub const ALL: [Self; 14] = [
        Self::Bool,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Fp16,
        Self::Bf16,
        Self::Fp32,
        Self::Fp64,
        Self::Bytes,
    ];

    /// The name in the Open Inference Protocol.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Fp16 => "FP16",
            Self::Bf16 => "BF16",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }

    /// The type of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Whether its values have fractions.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Fp16 | Self::Bf16 | Self::Fp32 | Self::Fp64)
    }

    /// Bytes of one element; `None` for BYTES, whose elements vary.
    #[must_use]
    pub const fn element_bytes(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => Some(1),
            Self::Uint16 | Self::Int16 | Self::Fp16 | Self::Bf16 => Some(2),
            Self::Uint32 | Self::Int32 | Self::Fp32 => Some(4),
            Self::Uint64 | Self::Int64 | Self::Fp64 => Some(8),
            Self::Bytes => None,
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A tensor whose bytes may borrow from the record they arrived in. No `Debug`: it is plaintext.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tensor<'a> {
    /// Name of the model's input or output.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Element type.
    pub dtype: DType,
    /// Dimensions, outermost first.
    pub shape: Vec<u64>,
    /// The elements, see the module's first lines.
    #[serde(borrow, with = "serde_bytes")]
    pub data: Cow<'a, [u8]>,
}

/// Why a tensor contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// Empty or too long name.
    #[error("tensor name is empty or too long")]
    Name,
    /// More dimensions than [`MAX_RANK`].
    #[error("tensor has more than {MAX_RANK} dimensions")]
    Rank,
    /// The shape's element count overflows.
    #[error("tensor shape is too large")]
    Shape,
    /// The number of bytes is not what type and shape ask for.
    #[error("tensor has another number of bytes than its type and shape ask for")]
    Length,
    /// A BOOL byte other than 0 and 1.
    #[error("tensor holds a BOOL that is neither 0 nor 1")]
    Bool,
    /// A BYTES element longer than [`MAX_STRING_BYTES`].
    #[error("tensor holds a BYTES element that is too long")]
    StringLength,
}

impl Tensor<'_> {
    /// Number of elements.
    ///
    /// # Errors
    /// [`TensorError::Shape`] when it overflows, or would if no dimension were zero: whoever goes along some of the
    /// dimensions multiplies those alone.
    pub fn elements(&self) -> Result<usize, TensorError> {
        let product = self.shape.iter().try_fold(1_u64, |product, dim| product.checked_mul((*dim).max(1)));
        let count = product.and_then(|count| usize::try_from(count).ok()).ok_or(TensorError::Shape)?;
        Ok(if self.shape.contains(&0) { 0 } else { count })
    }

    /// Checks that name, type, shape and bytes agree.
    ///
    /// # Errors
    /// The first disagreement.
    pub fn check(&self) -> Result<(), TensorError> {
        if self.name.is_empty() || self.name.len() > MAX_TENSOR_NAME_BYTES {
            return Err(TensorError::Name);
        }
        if self.shape.len() > MAX_RANK {
            return Err(TensorError::Rank);
        }
        let elements = self.elements()?;
        match self.dtype.element_bytes() {
            Some(width) if Some(self.data.len()) != elements.checked_mul(width) => Err(TensorError::Length),
            Some(_) if self.dtype == DType::Bool && self.data.iter().any(|byte| *byte > 1) => {
                Err(TensorError::Bool)
            }
            Some(_) => Ok(()),
            None => self.check_strings(elements),
        }
    }

    fn check_strings(&self, elements: usize) -> Result<(), TensorError> {
        let mut count = 0_usize;
        for string in strings(&self.data) {
            if string?.len() > MAX_STRING_BYTES {
                return Err(TensorError::StringLength);
            }
            count += 1;
        }
        if count == elements { Ok(()) } else { Err(TensorError::Length) }
    }

    /// The tensor with bytes of its own.
    #[must_use]
    pub fn into_owned(self) -> Tensor<'static> {
        Tensor {
            name: Cow::Owned(self.name.into_owned()),
            dtype: self.dtype,
            shape: self.shape,
            data: Cow::Owned(self.data.into_owned()),
        }
    }
}

/// The elements of a BYTES tensor's data. A torn element yields [`TensorError::Length`] and ends the walk.
pub fn strings(data: &[u8]) -> impl Iterator<Item = Result<&[u8], TensorError>> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let bytes = rest.filter(|bytes| !bytes.is_empty())?;
        let split = split_string(bytes);
        rest = split.map(|(_, after)| after);
        Some(split.map(|(string, _)| string).ok_or(TensorError::Length))
    })
}

fn split_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

/// Appends one element to the data of a BYTES tensor.
///
/// # Errors
/// [`TensorError::StringLength`] when the element is longer than [`MAX_STRING_BYTES`].
pub fn push_string(data: &mut Vec<u8>, string: &[u8]) -> Result<(), TensorError> {
    if string.len() > MAX_STRING_BYTES {
        return Err(TensorError::StringLength);
    }
    let length = u32::try_from(string.len()).map_err(|_| TensorError::StringLength)?;
    data.extend(length.to_le_bytes());
    data.extend(string);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tensor(dtype: DType, shape: &[u64], data: &[u8]) -> Tensor<'static> {
        Tensor { name: "x".into(), dtype, shape: shape.to_vec(), data: data.to_vec().into() }
    }

    #[test]
    fn type_shape_and_bytes_must_agree() {
        assert_eq!(tensor(DType::Fp32, &[2, 1], &[0; 8]).check(), Ok(()));
        assert_eq!(tensor(DType::Fp32, &[2, 1], &[0; 7]).check(), Err(TensorError::Length));
        assert_eq!(tensor(DType::Fp32, &[0], &[]).check(), Ok(()));
        assert_eq!(tensor(DType::Fp64, &[u64::MAX, 2], &[]).check(), Err(TensorError::Shape));
        for empty in [[0, u64::MAX, 2], [u64::MAX, 0, 2], [u64::MAX, 2, 0]] {
            assert_eq!(tensor(DType::Fp64, &empty, &[]).check(), Err(TensorError::Shape));
        }
        assert_eq!(tensor(DType::Fp64, &[1 << 40, 0, 1 << 20], &[]).check(), Ok(()));
        assert_eq!(tensor(DType::Fp64, &[1 << 61], &[]).check(), Err(TensorError::Length));
        assert_eq!(tensor(DType::Int8, &[1; 9], &[0]).check(), Err(TensorError::Rank));
        assert_eq!(tensor(DType::Bool, &[2], &[1, 2]).check(), Err(TensorError::Bool));
        assert_eq!(
            Tensor { name: "".into(), ..tensor(DType::Int8, &[], &[0]) }.check(),
            Err(TensorError::Name)
        );
    }

    #[test]
    fn strings_are_counted_and_bounded() {
        let mut data = Vec::new();
        push_string(&mut data, b"ab").unwrap();
        push_string(&mut data, b"").unwrap();
        assert_eq!(tensor(DType::Bytes, &[2], &data).check(), Ok(()));
        assert_eq!(tensor(DType::Bytes, &[3], &data).check(), Err(TensorError::Length));
        assert_eq!(tensor(DType::Bytes, &[2], &data[..5]).check(), Err(TensorError::Length));
        assert_eq!(tensor(DType::Bytes, &[1], &[255, 255, 255, 255]).check(), Err(TensorError::Length));
        let long = vec![0; MAX_STRING_BYTES + 1];
        assert_eq!(push_string(&mut data, &long), Err(TensorError::StringLength));
    }

    proptest! {
        #[test]
        fn names_of_types_read_back(index in 0..DType::ALL.len()) {
            let dtype = DType::ALL[index];
            prop_assert_eq!(DType::from_name(dtype.name()), Some(dtype));
        }

        #[test]
        fn any_bytes_are_walked_without_panic(data in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = tensor(DType::Bytes, &[3], &data).check();
        }
    }
}
