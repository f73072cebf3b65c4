//! Reads `tests/models/NAME`: manifest, inputs and reference answers.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail with the test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use npyz::npz::NpzArchive;
use npyz::{Order, TypeChar};
use strongroom_engine::{DeriveOptions, Tolerance};
use strongroom_seal::model::DimRange;
use strongroom_seal::tensor::{DType, Tensor};

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
        options: DeriveOptions { symbols, answer: None },
        tolerance: Tolerance { absolute: tolerance("absolute"), relative: tolerance("relative") },
        inputs: arrays(&here.join(name).join("inputs.npz")),
        outputs: arrays(&here.join(name).join("outputs.npz")),
    }
}

/// Where `scripts/fetch-models` keeps what it gets.
fn fetched() -> PathBuf {
    let cache = std::env::var_os("STRONGROOM_CACHE").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/strongroom");
    cache.unwrap_or_else(home).join("models")
}

fn arrays(path: &Path) -> Vec<Tensor<'static>> {
    let mut archive = NpzArchive::open(path).unwrap();
    let names: Vec<String> = archive.array_names().map(ToOwned::to_owned).collect();
    names.into_iter().map(|name| array(&mut archive, &name)).collect()
}

fn array(archive: &mut NpzArchive<std::io::BufReader<fs::File>>, name: &str) -> Tensor<'static> {
    let file = archive.by_name(name).unwrap().unwrap();
    assert_eq!(file.order(), Order::C);
    let shape = file.shape().to_vec();
    let npyz::DType::Plain(plain) = file.dtype() else { panic!("{name} is a record") };
    let (dtype, data) = match (plain.type_char(), plain.size_field()) {
        (TypeChar::Float, 4) => (DType::Fp32, bytes(file.into_vec::<f32>().unwrap(), f32::to_le_bytes)),
        (TypeChar::Int, 4) => (DType::Int32, bytes(file.into_vec::<i32>().unwrap(), i32::to_le_bytes)),
        (TypeChar::Int, 8) => (DType::Int64, bytes(file.into_vec::<i64>().unwrap(), i64::to_le_bytes)),
        (kind, size) => panic!("{name} has elements of kind {kind:?}, size {size}"),
    };
    Tensor { name: name.to_owned().into(), dtype, shape, data: data.into() }
}

fn bytes<T, const N: usize>(values: Vec<T>, one: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.into_iter().flat_map(one).collect()
}
