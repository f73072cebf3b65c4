//! `audit show`: records in words, one line each. Whose log it is, `audit verify` judges.

use std::path::PathBuf;

use strongroom_attestation::UnixMillis;
use strongroom_attestation::audit::KeyTag;
use strongroom_seal::secret::ApiKeyDigest;

use super::log::LogArgs;
use crate::audit::{Row, rows};
use crate::error::Result;
use crate::words::parse_time;
use crate::{output, secret};

/// Arguments of `audit show`.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    log: LogArgs,
    /// The owner's audit key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Records of this boot alone
    #[arg(long, value_name = "HEX")]
    boot: Option<String>,
    /// Records from this time on: YYYY-MM-DD, YYYY-MM-DDThh:mm:ssZ, or milliseconds since 1970
    #[arg(long, value_name = "T", value_parser = parse_time)]
    since: Option<UnixMillis>,
    /// Records of this API key alone, by its SHA-256
    #[arg(long, value_name = "HEX", value_parser = tag)]
    key_sha256: Option<String>,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let key = secret::audit_key(&args.key)?;
    let mut printed = Ok(());
    let read = rows(&args.log.open()?, &key, &mut |row| {
        if printed.is_ok() && args.wants(&row) {
            printed = if args.json { output::json(&row) } else { output::line(&row.words()) };
        }
    });
    read.map_err(|error| args.log.failed(error))?;
    printed
}

impl Args {
    fn wants(&self, row: &Row) -> bool {
        self.boot.as_ref().is_none_or(|boot| row.is_of(boot))
            && self.since.is_none_or(|since| row.at.is_none_or(|at| at >= since))
            && self.key_sha256.as_ref().is_none_or(|tag| row.key.as_ref() == Some(tag))
    }
}

/// What names an API key in the log.
fn tag(text: &str) -> std::result::Result<String, String> {
    let digest: Option<[u8; 32]> = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    let digest = digest.ok_or("a SHA-256 is 64 hexadecimal digits, as `strongroom api-key` prints it")?;
    Ok(KeyTag::of(&ApiKeyDigest::new(digest)).to_string())
}
