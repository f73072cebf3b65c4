//! `keygen`: an owner's signing key, or the key that an audit log is sealed to.

use std::path::{Path, PathBuf};

use ring::rand::SystemRandom;
use serde::Serialize;
use strongroom_attestation::audit::AuditPrivateKey;
use strongroom_seal::key::{Algorithm, SigningKey};

use crate::error::{CliError, Result};
use crate::{files, output, secret};

/// The files' names where only a folder is given.
const SIGNING_FILE: &str = "owner.pem";
const AUDIT_FILE: &str = "audit.key";

/// What the public half of an audit key is called beside the private one.
const PUBLIC_EXTENSION: &str = "pub";

/// Arguments of `keygen`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the private key goes, mode 0600: a new file, or a folder for owner.pem or audit.key
    #[arg(long, value_name = "FILE|DIR")]
    out: PathBuf,
    /// Make the key that an audit log is sealed to, with its public half beside it in a file that ends in .pub
    #[arg(long)]
    audit: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Made {
    public_key: String,
    key_id: String,
}

#[derive(Serialize)]
struct AuditMade {
    public_key_file: String,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let name = if args.audit { AUDIT_FILE } else { SIGNING_FILE };
    let path = if args.out.is_dir() { args.out.join(name) } else { args.out.clone() };
    if args.audit { audit(&path, args.json) } else { signing(&path, args.json) }
}

fn signing(path: &Path, json: bool) -> Result<()> {
    let generated = SigningKey::generate(Algorithm::Es384, &SystemRandom::new());
    let (key, pkcs8) = generated.map_err(|_| CliError::Random)?;
    files::write_private(path, secret::private_pem(&pkcs8).as_bytes())?;
    let public_key = hex::encode(key.public().as_bytes());
    let made = Made { key_id: key.public().id().to_string(), public_key };
    output::result(json, &made, &made.public_key)
}

fn audit(path: &Path, json: bool) -> Result<()> {
    let public = path.with_extension(PUBLIC_EXTENSION);
    if public == *path || public.exists() {
        return Err(CliError::Exists(public));
    }
    let key = AuditPrivateKey::generate(&SystemRandom::new()).map_err(|_| CliError::Random)?;
    files::write_private(path, secret::audit_key_line(&key).as_bytes())?;
    // The public half is that of the file as it will be read.
    let key = secret::audit_key(path)?;
    files::write(&public, (hex::encode(key.public().as_bytes()) + "\n").as_bytes())?;
    let made = AuditMade { public_key_file: public.display().to_string() };
    output::result(json, &made, &made.public_key_file)
}
