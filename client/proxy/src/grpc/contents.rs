//! Typed lists of elements, to and from little-endian bytes. FP16 and BF16 have no list and travel raw.

use strongroom_seal::tensor::{DType, push_string, strings};

use super::generated::InferTensorContents;

/// Why a list cannot be taken. Names no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ContentsError {
    /// Elements stand in the list of another datatype as well, or only there.
    #[error("holds elements in a list that is not the one of its datatype")]
    List,
    /// FP16 or BF16.
    #[error("has a datatype that has no list: send it in raw_input_contents")]
    NoList,
    /// An element that its datatype cannot hold.
    #[error("element {0} does not fit the datatype")]
    Range(usize),
}

/// The bytes of the elements of one datatype.
pub(super) fn read(dtype: DType, contents: &InferTensorContents) -> Result<Vec<u8>, ContentsError> {
    let lengths = lengths(contents);
    let own = list(dtype).ok_or(ContentsError::NoList)?;
    if lengths.iter().enumerate().any(|(list, length)| list != own && *length > 0) {
        return Err(ContentsError::List);
    }
    let c = contents;
    Ok(match dtype {
        DType::Bool => c.bool_contents.iter().map(|value| u8::from(*value)).collect(),
        DType::Int8 => narrow(&c.int_contents, |value| i8::try_from(value).map(i8::to_le_bytes).ok())?,
        DType::Int16 => narrow(&c.int_contents, |value| i16::try_from(value).map(i16::to_le_bytes).ok())?,
        DType::Int32 => c.int_contents.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DType::Int64 => c.int64_contents.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DType::Uint8 => narrow(&c.uint_contents, |value| u8::try_from(value).map(u8::to_le_bytes).ok())?,
        DType::Uint16 => narrow(&c.uint_contents, |value| u16::try_from(value).map(u16::to_le_bytes).ok())?,
        DType::Uint32 => c.uint_contents.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DType::Uint64 => c.uint64_contents.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DType::Fp32 => c.fp32_contents.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DType::Fp64 => c.fp64_contents.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DType::Bytes => texts(&c.bytes_contents)?,
        DType::Fp16 | DType::Bf16 => return Err(ContentsError::NoList),
    })
}

/// The elements of a tensor's bytes; none for a datatype without a list.
pub(super) fn write(dtype: DType, data: &[u8]) -> Option<InferTensorContents> {
    let mut c = InferTensorContents::default();
    match dtype {
        DType::Bool => c.bool_contents = data.iter().map(|byte| *byte != 0).collect(),
        DType::Int8 => c.int_contents = numbers(data, i8::from_le_bytes).map(i32::from).collect(),
        DType::Int16 => c.int_contents = numbers(data, i16::from_le_bytes).map(i32::from).collect(),
        DType::Int32 => c.int_contents = numbers(data, i32::from_le_bytes).collect(),
        DType::Int64 => c.int64_contents = numbers(data, i64::from_le_bytes).collect(),
        DType::Uint8 => c.uint_contents = data.iter().copied().map(u32::from).collect(),
        DType::Uint16 => c.uint_contents = numbers(data, u16::from_le_bytes).map(u32::from).collect(),
        DType::Uint32 => c.uint_contents = numbers(data, u32::from_le_bytes).collect(),
        DType::Uint64 => c.uint64_contents = numbers(data, u64::from_le_bytes).collect(),
        DType::Fp32 => c.fp32_contents = numbers(data, f32::from_le_bytes).collect(),
        DType::Fp64 => c.fp64_contents = numbers(data, f64::from_le_bytes).collect(),
        DType::Bytes => {
            c.bytes_contents = strings(data).map(|text| text.unwrap_or_default().to_vec()).collect();
        }
        DType::Fp16 | DType::Bf16 => return None,
    }
    Some(c)
}

/// Whether tensors of this datatype can travel in a list.
pub(super) const fn has_list(dtype: DType) -> bool {
    list(dtype).is_some()
}

/// Which of the lists holds this datatype, in the order of [`lengths`].
const fn list(dtype: DType) -> Option<usize> {
    Some(match dtype {
        DType::Bool => 0,
        DType::Int8 | DType::Int16 | DType::Int32 => 1,
        DType::Int64 => 2,
        DType::Uint8 | DType::Uint16 | DType::Uint32 => 3,
        DType::Uint64 => 4,
        DType::Fp32 => 5,
        DType::Fp64 => 6,
        DType::Bytes => 7,
        DType::Fp16 | DType::Bf16 => return None,
    })
}

fn lengths(contents: &InferTensorContents) -> [usize; 8] {
    [
        contents.bool_contents.len(),
        contents.int_contents.len(),
        contents.int64_contents.len(),
        contents.uint_contents.len(),
        contents.uint64_contents.len(),
        contents.fp32_contents.len(),
        contents.fp64_contents.len(),
        contents.bytes_contents.len(),
    ]
}

fn narrow<T: Copy, const N: usize>(
    wide: &[T],
    fit: impl Fn(T) -> Option<[u8; N]>,
) -> Result<Vec<u8>, ContentsError> {
    let mut data = Vec::with_capacity(wide.len() * N);
    for (index, value) in wide.iter().enumerate() {
        data.extend(fit(*value).ok_or(ContentsError::Range(index))?);
    }
    Ok(data)
}

fn texts(texts: &[Vec<u8>]) -> Result<Vec<u8>, ContentsError> {
    let mut data = Vec::with_capacity(texts.iter().map(|text| 4 + text.len()).sum());
    for (index, text) in texts.iter().enumerate() {
        push_string(&mut data, text).map_err(|_| ContentsError::Range(index))?;
    }
    Ok(data)
}

fn numbers<T, const N: usize>(data: &[u8], read: fn([u8; N]) -> T) -> impl Iterator<Item = T> {
    data.as_chunks::<N>().0.iter().map(move |chunk| read(*chunk))
}
