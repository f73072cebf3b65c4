//! Samples for `seal --check`: NumPy arrays named after the model's inputs and outputs.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use npyz::npz::array_name_from_file_name;
use npyz::{NpyFile, Order, TypeChar};
use strongroom_seal::model::Interface;
use strongroom_seal::tensor::{DType, Tensor, push_string};
use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::{CliError, Result};
use crate::limits::MAX_SAMPLE_BYTES;
use crate::secret::shown;

/// Inputs, and the outputs that the model must give for them.
pub(crate) struct Samples {
    pub(crate) inputs: Vec<Tensor<'static>>,
    pub(crate) expected: Vec<Tensor<'static>>,
}

/// Reads the arrays of a file.
pub(crate) fn read(path: &Path, interface: &Interface) -> Result<Samples> {
    let file = File::open(path).map_err(CliError::file(path))?;
    let unreadable = |error| {
        CliError::file(path)(match error {
            ZipError::Io(error) => error,
            _ => ErrorKind::InvalidData.into(),
        })
    };
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(unreadable)?;
    let mut samples = Samples { inputs: Vec::new(), expected: Vec::new() };
    for position in 0..archive.len() {
        let entry = archive.by_index(position).map_err(unreadable)?;
        let Some(name) = array_name_from_file_name(entry.name()).map(str::to_owned) else { continue };
        if samples.inputs.iter().chain(&samples.expected).any(|tensor| tensor.name == name) {
            return Err(CliError::Usage(format!("{}: array '{name}' stands in it twice", shown(path))));
        }
        let array = NpyFile::new(entry).map_err(CliError::file(path))?;
        let tensor = tensor(&name, array).ok_or_else(|| {
            let takes = "booleans, integers, FP32, FP64 or text, in C order and within the bound";
            CliError::usage(format!("{}: array '{name}' does not hold {takes}", shown(path)))
        })?;
        if interface.inputs.iter().any(|input| input.name == name) {
            samples.inputs.push(tensor);
        } else if interface.outputs.iter().any(|output| output.name == name) {
            samples.expected.push(tensor);
        } else {
            let unknown = format!("{}: the model has no tensor '{name}'", shown(path));
            return Err(CliError::Usage(unknown));
        }
    }
    Ok(samples)
}

fn tensor<R: Read>(name: &str, array: NpyFile<R>) -> Option<Tensor<'static>> {
    let npyz::DType::Plain(kind) = array.dtype() else { return None };
    let shape = array.shape().to_vec();
    let bytes = array.len().checked_mul(kind.num_bytes()? as u64)?;
    if bytes > MAX_SAMPLE_BYTES || (array.order() != Order::C && shape.len() > 1) {
        return None;
    }
    let (dtype, data) = match (kind.type_char(), kind.num_bytes()?) {
        (TypeChar::Bool, _) => {
            (DType::Bool, array.into_vec::<bool>().ok()?.into_iter().map(u8::from).collect())
        }
        (TypeChar::Int, 1) => (DType::Int8, bytes_of(array.into_vec().ok()?, i8::to_le_bytes)),
        (TypeChar::Int, 2) => (DType::Int16, bytes_of(array.into_vec().ok()?, i16::to_le_bytes)),
        (TypeChar::Int, 4) => (DType::Int32, bytes_of(array.into_vec().ok()?, i32::to_le_bytes)),
        (TypeChar::Int, 8) => (DType::Int64, bytes_of(array.into_vec().ok()?, i64::to_le_bytes)),
        (TypeChar::Uint, 1) => (DType::Uint8, bytes_of(array.into_vec().ok()?, u8::to_le_bytes)),
        (TypeChar::Uint, 2) => (DType::Uint16, bytes_of(array.into_vec().ok()?, u16::to_le_bytes)),
        (TypeChar::Uint, 4) => (DType::Uint32, bytes_of(array.into_vec().ok()?, u32::to_le_bytes)),
        (TypeChar::Uint, 8) => (DType::Uint64, bytes_of(array.into_vec().ok()?, u64::to_le_bytes)),
        (TypeChar::Float, 4) => (DType::Fp32, bytes_of(array.into_vec().ok()?, f32::to_le_bytes)),
        (TypeChar::Float, 8) => (DType::Fp64, bytes_of(array.into_vec().ok()?, f64::to_le_bytes)),
        (TypeChar::UnicodeStr, _) => {
            let texts: Vec<String> = array.into_vec().ok()?;
            let mut data = Vec::new();
            texts.iter().try_for_each(|text| push_string(&mut data, text.as_bytes())).ok()?;
            (DType::Bytes, data)
        }
        _ => return None,
    };
    Some(Tensor { name: name.to_owned().into(), dtype, shape, data: data.into() })
}

fn bytes_of<T, const N: usize>(values: Vec<T>, write: fn(T) -> [u8; N]) -> Vec<u8> {
    values.into_iter().flat_map(write).collect()
}
