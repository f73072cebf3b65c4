//! `api-key`: a client's key. The file goes to the client, the digest into a release.

use std::path::PathBuf;

use ring::rand::SystemRandom;
use serde::Serialize;
use strongroom_client::api_key;
use strongroom_seal::secret::ApiKey;
use zeroize::Zeroizing;

use crate::error::{CliError, Result};
use crate::{files, output};

/// Arguments of `api-key`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the key goes: a new file of one line, mode 0600
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Made {
    sha256: String,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let key = ApiKey::generate(&SystemRandom::new()).map_err(|_| CliError::Random)?;
    let line = Zeroizing::new(api_key::write(&key).to_string() + "\n");
    files::write_private(&args.out, line.as_bytes())?;
    let made = Made { sha256: hex::encode(key.digest().as_bytes()) };
    output::result(args.json, &made, &made.sha256)
}
