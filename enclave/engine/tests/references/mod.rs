//! Reads references: `tests/models/NAME`, with a manifest beside them, and `NAME.npz` of this folder.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail with the test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use npyz::npz::array_name_from_file_name;
use npyz::{NpyFile, Order, TypeChar};
use strongroom_engine::{DeriveOptions, Tolerance};
use strongroom_seal::model::DimRange;
use strongroom_seal::tensor::{DType, Tensor, push_string};
use zip::ZipArchive;
use zip::read::ZipFile;

/// A model and what it must answer.
pub struct Reference {
    pub model: PathBuf,
    pub options: DeriveOptions,
    pub tolerance: Tolerance,
    pub inputs: Vec<Tensor<'static>>,
    pub outputs: Vec<Tensor<'static>>,
}

/// Reads the reference of this name.
pub fn read(name: &str) -> Reference {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/models");
    let manifest = fs::read(here.join(name).join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let folder = if manifest["here"] == true { here.clone() } else { fetched() };
    let range = |range: &serde_json::Value| DimRange {
        min: range["min"].as_u64().unwrap(),
        max: range["max"].as_u64().unwrap(),
    };
    let symbols = manifest["symbols"].as_object().unwrap().iter();
    let symbols: BTreeMap<_, _> = symbols.map(|(symbol, stated)| (symbol.clone(), range(stated))).collect();
    let tolerance = |key: &str| manifest["tolerance"][key].as_f64().unwrap();
    Reference {
        model: folder.join(manifest["file"].as_str().unwrap()),
        options: DeriveOptions { symbols, ..DeriveOptions::default() },
        tolerance: Tolerance { absolute: tolerance("absolute"), relative: tolerance("relative") },
        inputs: arrays(&here.join(name).join("inputs.npz")),
        outputs: arrays(&here.join(name).join("outputs.npz")),
    }
}

/// A small model and what it must answer.
#[derive(Default)]
pub struct Case {
    pub name: String,
    pub model: Vec<u8>,
    pub inputs: Vec<Tensor<'static>>,
    pub outputs: Vec<Tensor<'static>>,
}

/// Reads the cases of `NAME.npz`, of this folder or of the one that the environment names.
pub fn cases(name: &str) -> Vec<Case> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/references");
    let folder = std::env::var_os("STRONGROOM_REFERENCES").map_or(here, PathBuf::from);
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for mut tensor in arrays(&folder.join(format!("{name}.npz"))) {
        let path = tensor.name.clone().into_owned();
        let (name, rest) = path.split_once('/').unwrap();
        let case = cases.entry(name.to_owned()).or_default();
        name.clone_into(&mut case.name);
        let (kind, own) = rest.split_once('/').unwrap_or((rest, ""));
        tensor.name = own.to_owned().into();
        match kind {
            "model" => case.model = tensor.data.into_owned(),
            "in" => case.inputs.push(tensor),
            "out" => case.outputs.push(tensor),
            _ => panic!("{path} is of no kind"),
        }
    }
    cases.into_values().collect()
}

/// Where `scripts/fetch-models` keeps what it gets.
fn fetched() -> PathBuf {
    let cache = std::env::var_os("STRONGROOM_CACHE").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/strongroom");
    cache.unwrap_or_else(home).join("models")
}

/// Reads the arrays of an `.npz`, as tensors of their names.
pub fn arrays(path: &Path) -> Vec<Tensor<'static>> {
    let arrays = unpack(fs::File::open(path).unwrap());
    match arrays.as_slice() {
        [packed] if packed.name == "packed" => unpack(Cursor::new(&packed.data)),
        _ => arrays,
    }
}

fn unpack(npz: impl Read + Seek) -> Vec<Tensor<'static>> {
    let mut archive = ZipArchive::new(npz).unwrap();
    (0..archive.len()).map(|position| array(archive.by_index(position).unwrap())).collect()
}

fn array(entry: ZipFile<'_>) -> Tensor<'static> {
    let name = array_name_from_file_name(entry.name()).unwrap().to_owned();
    let file = NpyFile::new(entry).unwrap();
    assert_eq!(file.order(), Order::C);
    let shape = file.shape().to_vec();
    let npyz::DType::Plain(plain) = file.dtype() else { panic!("{name} is a record") };
    let (dtype, data) = match (plain.type_char(), plain.size_field()) {
        (TypeChar::Float, 4) => (DType::Fp32, bytes(file.into_vec::<f32>().unwrap(), f32::to_le_bytes)),
        (TypeChar::Float, 8) => (DType::Fp64, bytes(file.into_vec::<f64>().unwrap(), f64::to_le_bytes)),
        // This reader knows no halves: they are kept as their two bytes.
        (TypeChar::RawData, 2) => (DType::Fp16, file.into_vec::<Vec<u8>>().unwrap().concat()),
        (TypeChar::ByteStr, _) => (DType::Bytes, texts(&file.into_vec::<Vec<u8>>().unwrap())),
        (TypeChar::Bool, 1) => (DType::Bool, bytes(file.into_vec().unwrap(), |flag: bool| [u8::from(flag)])),
        (TypeChar::Uint, 1) => (DType::Uint8, file.into_vec::<u8>().unwrap()),
        (TypeChar::Uint, 2) => (DType::Uint16, bytes(file.into_vec::<u16>().unwrap(), u16::to_le_bytes)),
        (TypeChar::Uint, 4) => (DType::Uint32, bytes(file.into_vec::<u32>().unwrap(), u32::to_le_bytes)),
        (TypeChar::Uint, 8) => (DType::Uint64, bytes(file.into_vec::<u64>().unwrap(), u64::to_le_bytes)),
        (TypeChar::Int, 1) => (DType::Int8, bytes(file.into_vec::<i8>().unwrap(), i8::to_le_bytes)),
        (TypeChar::Int, 2) => (DType::Int16, bytes(file.into_vec::<i16>().unwrap(), i16::to_le_bytes)),
        (TypeChar::Int, 4) => (DType::Int32, bytes(file.into_vec::<i32>().unwrap(), i32::to_le_bytes)),
        (TypeChar::Int, 8) => (DType::Int64, bytes(file.into_vec::<i64>().unwrap(), i64::to_le_bytes)),
        (kind, size) => panic!("{name} has elements of kind {kind:?}, size {size}"),
    };
    Tensor { name: name.into(), dtype, shape, data: data.into() }
}

fn bytes<T, const N: usize>(values: Vec<T>, one: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.into_iter().flat_map(one).collect()
}

fn texts(texts: &[Vec<u8>]) -> Vec<u8> {
    let mut data = Vec::new();
    texts.iter().for_each(|text| push_string(&mut data, text).unwrap());
    data
}
