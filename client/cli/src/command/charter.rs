//! `charter`: what an owner fixes for a deployment before any enclave runs.

use std::path::PathBuf;

use ring::rand::SystemRandom;
use serde::Serialize;
use strongroom_attestation::charter::{Charter, SignedCharter};
use strongroom_kms::{KeyArn, Region};
use strongroom_proto::name::Name;
use strongroom_seal::key::VerifyingKey;

use crate::error::{CliError, Result};
use crate::{files, output, secret};

/// Arguments of `charter`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Name of the deployment; everything signed for it repeats this
    #[arg(long)]
    deployment: Name,
    /// The signing key (PKCS#8 PEM) that signs the charter
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// AWS region of the KMS keys; that of the first when absent
    #[arg(long)]
    region: Option<Region>,
    /// ARN of a KMS key that may wrap data keys; an alias is refused
    #[arg(long, value_name = "ARN", required = true, num_args = 1..)]
    kms_key: Vec<KeyArn>,
    /// Public key of a further owner, any one of whom may sign
    #[arg(long, value_name = "HEX", num_args = 1.., value_parser = owner_key)]
    owner_key: Vec<VerifyingKey>,
    /// Lowest epoch of a release that is ever accepted
    #[arg(long, value_name = "N", default_value_t = 1)]
    least_epoch: u64,
    /// Where the charter goes: a new file, because a charter is what a deployment is known by
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Made {
    digest: String,
    pcr16: String,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let key = secret::signing_key(&args.key)?;
    let region = args.region.or_else(|| args.kms_key.first().map(|key| key.region().clone()));
    let region = region.ok_or_else(|| CliError::usage("no KMS key"))?;
    let mut keys = vec![key.public().clone()];
    keys.extend(args.owner_key.into_iter().filter(|other| other != key.public()));
    let charter = Charter {
        deployment: args.deployment,
        keys,
        region: region.as_str().parse().map_err(|_| CliError::usage("the region is not a name"))?,
        kms_keys: args.kms_key.iter().map(|key| key.as_str().to_owned()).collect(),
        least_epoch: args.least_epoch,
    };
    let document =
        charter.sign(&key, &SystemRandom::new()).map_err(|error| CliError::usage(error.to_string()))?;
    let opened = SignedCharter::open(&document).map_err(|error| CliError::usage(error.to_string()))?;
    files::write_new(&args.out, &document)?;
    let made = Made { digest: opened.digest().to_string(), pcr16: opened.pcr16().to_string() };
    output::result(args.json, &made, &format!("digest {}\nPCR16  {}", made.digest, made.pcr16))
}

fn owner_key(text: &str) -> std::result::Result<VerifyingKey, String> {
    let point = hex::decode(text).map_err(|_| "a public key is hexadecimal".to_owned())?;
    VerifyingKey::new(&point).map_err(|error| error.to_string())
}
