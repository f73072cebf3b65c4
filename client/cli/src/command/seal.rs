//! `seal`: from an ONNX file to a package that only the owner's attested enclaves can open.
//!
//! The model is derived, and run on samples where given, before anything is encrypted: what an enclave would
//! refuse or compute wrongly is refused here, in the owner's sight.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;

use ring::rand::SystemRandom;
use serde::Serialize;
use strongroom_engine::{DeriveOptions, Model, Tolerance, check_samples, derive};
use strongroom_proto::name::{Name, PackageId};
use strongroom_seal::limits::DEFAULT_CHUNK_BYTES;
use strongroom_seal::model::{AnswerBound, Claim, DimRange, Interface};
use strongroom_seal::package::{ModelManifest, SignedManifest, measure};
use strongroom_seal::secret::DataKey;

use crate::error::{CliError, Result};
use crate::kms::KmsArgs;
use crate::limits::{MAX_MODEL_BYTES, MAX_SMALL_FILE_BYTES, OUTPUT_OVERHEAD_BYTES};
use crate::secret::{TracingKey, shown};
use crate::{files, model_signature, output, owner, progress, provenance, samples, schema, secret};

/// Arguments of `seal`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The ONNX file, all data inside
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Name that clients ask for
    #[arg(long)]
    name: Name,
    /// Version of the model
    #[arg(long)]
    version: Name,
    /// The deployment's charter
    #[arg(long, value_name = "FILE")]
    charter: PathBuf,
    /// The owner's signing key (PKCS#8 PEM), one of the charter's
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where the package goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Range of a symbolic dimension; an unnamed one is called INPUT.AXIS
    #[arg(long = "dim", value_name = "SYMBOL=MIN..MAX", value_parser = dimension)]
    dims: Vec<(String, DimRange)>,
    /// Bytes of the outputs of one answer together, where the shapes do not tell
    #[arg(long, value_name = "N")]
    answer_bytes: Option<u64>,
    /// An operator that the model may hold beside those that every model may: `Name`, or `domain::Name`
    #[arg(long = "allow-operator", value_name = "NAME")]
    operators: Vec<String>,
    /// What values the inputs may hold, in TOML; without it any finite ones
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Arrays named after inputs and outputs; the model must compute the given outputs
    #[arg(long, value_name = "FILE.npz")]
    check: Option<PathBuf>,
    /// What is stated of how the model was made, in TOML
    #[arg(long, value_name = "FILE")]
    provenance: Option<PathBuf>,
    /// An OpenSSF Model Signing bundle over the model, made with a key
    #[arg(long, value_name = "FILE", requires = "model_signature_key")]
    model_signature: Option<PathBuf>,
    /// The P-256 public key that it must be of, in PEM
    #[arg(long, value_name = "FILE", requires = "model_signature")]
    model_signature_key: Option<PathBuf>,
    /// Where the key goes by which copies of the model are told: a secret of the owner, which nobody can make again
    #[arg(long, value_name = "FILE")]
    tracing_key: Option<PathBuf>,
    /// Plaintext bytes in one chunk
    #[arg(long, value_name = "N", default_value_t = DEFAULT_CHUNK_BYTES)]
    chunk_bytes: u32,
    #[command(flatten)]
    kms: KmsArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Sealed<'a> {
    model: String,
    digest: String,
    interface: &'a Interface,
}

pub(crate) async fn run(args: &Args) -> Result<()> {
    let charter = owner::charter(&args.charter)?;
    owner::check_kms_key(&charter, &args.kms.kms_key)?;
    let key = secret::signing_key(&args.key)?;
    if !charter.charter().keys.contains(key.public()) {
        return Err(CliError::usage("the charter does not name this signing key"));
    }
    let onnx = files::read(&args.model, MAX_MODEL_BYTES)?;
    let hashing = progress::bytes("hashing", onnx.len() as u64);
    let content = measure(&mut hashing.reader(onnx.as_slice()), args.chunk_bytes);
    let content = content.map_err(CliError::package(&args.model))?;
    drop(hashing);
    let symbols: BTreeMap<String, DimRange> = args.dims.iter().cloned().collect();
    let compiling = progress::busy("compiling the model");
    let (interface, derived) = derive(
        onnx,
        &DeriveOptions { symbols, answer: args.answer_bytes.map(answer_bound), operators: args.operators() },
    )?;
    drop(compiling);
    let answer = AnswerBound { names_bytes: derived.names_bytes.max(names_bytes(&interface)), ..derived };
    let schema =
        args.schema.as_deref().map(|path| schema::read(path, &interface)).transpose()?.unwrap_or_default();
    args.check(&interface)?;
    let model = PackageId { name: args.name.clone(), version: args.version.clone() };
    let deployment = charter.charter().deployment.clone();
    let manifest = ModelManifest {
        deployment,
        model: model.clone(),
        interface: interface.clone(),
        schema,
        answer,
        provenance: args.claims(&content.sha256)?,
        content,
        operators: args.operators(),
    };
    let signed =
        SignedManifest::sign(manifest, &key, &SystemRandom::new()).map_err(CliError::package(&args.out))?;
    args.encrypt(&signed).await?;
    let digest = hex::encode(signed.digest());
    let sealed = Sealed { model: model.to_string(), digest, interface: &interface };
    output::result(args.json, &sealed, &sealed.digest)
}

impl Args {
    fn operators(&self) -> Vec<String> {
        self.operators.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }

    fn check(&self, interface: &Interface) -> Result<()> {
        let Some(path) = &self.check else { return Ok(()) };
        let samples = samples::read(path, interface)?;
        let onnx = files::read(&self.model, MAX_MODEL_BYTES)?;
        let checking = progress::busy("computing the samples");
        let model = Model::load_with(onnx, interface, &self.operators())?;
        let report = check_samples(&model, &samples.inputs, &samples.expected, Tolerance::default())?;
        drop(checking);
        if let Some(held) = model.most_held() {
            let mib = held.div_ceil(1 << 20);
            output::note(&format!("a run of the largest request holds {mib} MiB, the weights aside"));
        }
        for output in report.outputs {
            let (name, elements, largest) = (output.name, output.elements, output.largest_difference);
            output::note(&format!("checked {name}: {elements} elements, largest difference {largest:e}"));
        }
        Ok(())
    }

    /// What is stated of the model whose file has this digest.
    fn claims(&self, sha256: &[u8; 32]) -> Result<Vec<Claim>> {
        let mut claims = self.provenance.as_deref().map(provenance::read).transpose()?.unwrap_or_default();
        if let (Some(bundle), Some(key)) = (&self.model_signature, &self.model_signature_key) {
            let (bytes, pem) =
                (files::read(bundle, MAX_SMALL_FILE_BYTES)?, files::read(key, MAX_SMALL_FILE_BYTES)?);
            let wrong = |error| CliError::usage(format!("{}: {error}", shown(bundle)));
            model_signature::check(&bytes, &pem, sha256).map_err(wrong)?;
            let claim = Claim::ModelSignature { bundle: provenance::of(&bytes), key: provenance::of(&pem) };
            claims.push(claim);
        }
        Ok(claims)
    }

    /// Reads the file a second time, chunk by chunk; a file that changed meanwhile is refused.
    async fn encrypt(&self, signed: &SignedManifest<ModelManifest>) -> Result<()> {
        let (key, wrapped) = self.kms.data_key(signed).await?;
        let content = File::open(&self.model).map_err(CliError::file(&self.model))?;
        let length = content.metadata().map_err(CliError::file(&self.model))?.len();
        let encrypting = progress::bytes("encrypting", length);
        let mut content = encrypting.reader(content);
        let mut package = files::Staged::create(&self.out)?;
        signed.seal(&key, wrapped, &mut content, &mut package).map_err(CliError::package(&self.out))?;
        drop(encrypting);
        // Before the package shows under its name: nobody can have this key later.
        self.keep_tracing_key(&key)?;
        package.finish()
    }
}

impl Args {
    /// KMS gives the data key away once; after that only enclaves get it.
    fn keep_tracing_key(&self, key: &DataKey) -> Result<()> {
        let Some(path) = &self.tracing_key else { return Ok(()) };
        let tracing = TracingKey::of(key).map_err(|_| CliError::usage("no tracing key could be derived"))?;
        files::write_private(path, tracing.text().as_bytes())
    }
}

/// A bound that holds for requests of any size.
const fn answer_bound(bytes: u64) -> AnswerBound {
    AnswerBound { names_bytes: 0, bytes_per_request_kib: bytes, max_bytes: bytes }
}

fn names_bytes(interface: &Interface) -> u64 {
    interface.outputs.iter().map(|output| output.name.len() as u64 + OUTPUT_OVERHEAD_BYTES).sum()
}

fn dimension(text: &str) -> std::result::Result<(String, DimRange), String> {
    let form = || "a range is SYMBOL=MIN..MAX".to_owned();
    let (symbol, range) = text.rsplit_once('=').ok_or_else(form)?;
    let (min, max) = range.split_once("..").ok_or_else(form)?;
    let (min, max) = (min.parse().map_err(|_| form())?, max.parse().map_err(|_| form())?);
    if symbol.is_empty() || min > max {
        return Err(form());
    }
    Ok((symbol.to_owned(), DimRange { min, max }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_strictly() {
        assert_eq!(dimension("batch=1..64"), Ok(("batch".to_owned(), DimRange { min: 1, max: 64 })));
        assert_eq!(dimension("x.0=2..2"), Ok(("x.0".to_owned(), DimRange { min: 2, max: 2 })));
        for wrong in ["batch", "batch=1", "=1..2", "batch=2..1", "batch=1..=2", "batch=a..b"] {
            assert!(dimension(wrong).is_err(), "{wrong}");
        }
    }
}
