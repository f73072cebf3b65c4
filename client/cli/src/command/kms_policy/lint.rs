//! `kms-policy lint`: judges a key policy, from a file or with its key from KMS.

use std::path::PathBuf;

use strongroom_attestation::Pcr;
use strongroom_kms::{Grant, KeyArn, KeyDescription, KeyOrigin};
use strongroom_lint::key::Told;
use strongroom_lint::{Demands, GrantFacts, KeyFacts, Origin, Register, Severity, lint};
use zeroize::Zeroizing;

use crate::error::{CliError, Result};
use crate::kms::Reach;
use crate::limits::MAX_SMALL_FILE_BYTES;
use crate::{files, image, output, owner};

/// Arguments of `kms-policy lint`.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["file", "key"])))]
// What reaches KMS says nothing about a file; that it would be ignored must not pass unnoticed.
#[command(group(
    clap::ArgGroup::new("online")
        .multiple(true)
        .args(["kms_connect", "kms_roots", "credentials"])
        .conflicts_with("file")
))]
pub(super) struct Args {
    /// The policy; `-` reads stdin
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// ARN of a KMS key: judge its policy, its grants and the key itself, as KMS tells them
    #[arg(long, value_name = "ARN")]
    key: Option<KeyArn>,
    /// Demand that exactly this charter is pinned
    #[arg(long, value_name = "FILE")]
    charter: Option<PathBuf>,
    /// Demand that exactly these images are pinned. The policy's FILE stands before them
    #[arg(long, value_name = "FILE", num_args = 1..)]
    image: Vec<PathBuf>,
    /// The same, by PCR0
    #[arg(long, value_name = "HEX", num_args = 1..)]
    pcr0: Vec<Pcr>,
    #[command(flatten)]
    reach: Reach,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args) -> Result<()> {
    let demands = demands(args)?;
    let (policy, key) = match (&args.file, &args.key) {
        (Some(file), _) => (files::read(file, MAX_SMALL_FILE_BYTES)?, KeyFacts::default()),
        (None, Some(key)) => ask(&args.reach, key).await?,
        // clap demands one of the two.
        (None, None) => return Err(CliError::usage("give a FILE or --key")),
    };
    let report = lint(&policy, &key, &demands);
    output::result(args.json, &report, &report.to_string())?;
    match report.worst() {
        Some(severity @ (Severity::Error | Severity::Warning)) => Err(CliError::KeyPolicy(severity)),
        Some(Severity::Notice) | None => Ok(()),
    }
}

/// What must be pinned; nothing in particular where nothing is given.
fn demands(args: &Args) -> Result<Demands> {
    let register = |pcr: Pcr| Register::new(*pcr.as_bytes());
    let measured = args.image.iter().map(|path| image::read(path).map(|image| image.pcr0));
    let mut images: Vec<Pcr> = measured.collect::<Result<_>>()?;
    images.extend(&args.pcr0);
    let images = (!images.is_empty()).then(|| images.into_iter().map(register).collect());
    let Some(path) = &args.charter else { return Ok(Demands { images, charters: None }) };
    let charter = owner::charter(path)?;
    if let Some(key) = &args.key {
        owner::check_kms_key(&charter, key)?;
    }
    Ok(Demands { images, charters: Some([register(charter.pcr16())].into()) })
}

/// A key's policy, and what KMS says of the key.
async fn ask(reach: &Reach, key: &KeyArn) -> Result<(Zeroizing<Vec<u8>>, KeyFacts)> {
    let kms = reach.connect(key.region())?;
    let policy = kms.get_key_policy(key).await?;
    let description = kms.describe_key(key).await?;
    let grants = kms.list_grants(key).await?;
    let policy = Zeroizing::new(policy.as_str().as_bytes().to_vec());
    Ok((policy, KeyFacts { told: Some(told(&description, grants)) }))
}

fn told(description: &KeyDescription, grants: Vec<Grant>) -> Told {
    let origin = match description.origin {
        KeyOrigin::Kms => Origin::Kms,
        KeyOrigin::Imported => Origin::Imported,
        KeyOrigin::CustomKeyStore => Origin::CustomKeyStore,
        KeyOrigin::Unknown => Origin::Unknown,
    };
    let grants = grants.into_iter().map(|Grant { id, operations }| GrantFacts { id, operations });
    Told {
        account: description.arn.account().to_owned(),
        origin,
        is_multi_region: description.multi_region,
        is_symmetric_encryption: description.is_symmetric_encryption,
        grants: grants.collect(),
    }
}
