//! `keygen`: an owner's signing key.

use std::path::PathBuf;

use ring::rand::SystemRandom;
use serde::Serialize;
use strongroom_seal::key::{Algorithm, SigningKey};

use crate::error::{CliError, Result};
use crate::{files, output, secret};

/// The file's name where only a folder is given.
const FILE_NAME: &str = "owner.pem";

/// Arguments of `keygen`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the private key goes (PKCS#8 PEM, mode 0600): a new file, or a folder for owner.pem
    #[arg(long, value_name = "FILE|DIR")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Made {
    public_key: String,
    key_id: String,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let path = if args.out.is_dir() { args.out.join(FILE_NAME) } else { args.out.clone() };
    let generated = SigningKey::generate(Algorithm::Es384, &SystemRandom::new());
    let (key, pkcs8) = generated.map_err(|_| CliError::Random)?;
    files::write_private(&path, secret::private_pem(&pkcs8).as_bytes())?;
    let public_key = hex::encode(key.public().as_bytes());
    let made = Made { key_id: key.public().id().to_string(), public_key };
    output::result(args.json, &made, &made.public_key)
}
