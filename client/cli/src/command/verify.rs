//! `verify`: a transcript, one line a check, of an enclave or of a stored document.

mod document;

use std::path::PathBuf;

use serde::Serialize;
use strongroom_attestation::{CheckLine, Pcr, PcrIndex};
use strongroom_client::{Client, Options, TrustFile};
use strongroom_seal::secret::{ApiKey, SECRET_BYTES};

use crate::error::Result;
use crate::output;
use crate::settings::Settings;
use crate::state::Memory;
use crate::trust::TrustArgs;

/// Arguments of `verify`.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("demand").multiple(true)))]
pub(crate) struct Args {
    /// The host of an enclave, http://HOST:PORT or https://HOST:PORT; else STRONGROOM_URL, else `url` of the config
    /// file
    #[arg(long)]
    url: Option<String>,
    #[command(flatten)]
    trust: TrustArgs,
    /// A stored attestation document, judged against the AWS root. Of the options above, --measurements alone goes
    /// with it
    #[arg(long, value_name = "FILE", requires_all = ["at_ms", "demand"], conflicts_with_all = ["url", "trust"])]
    document: Option<PathBuf>,
    /// The charter whose keys may have signed the measurements, and which PCR16 must hold
    #[arg(long, value_name = "FILE", requires_all = ["document", "measurements"], group = "demand")]
    charter: Option<PathBuf>,
    /// The time to judge it at, in milliseconds since 1970
    #[arg(long, value_name = "T", requires = "document")]
    at_ms: Option<u64>,
    /// A demanded register, one or more
    #[arg(long, value_name = "N=HEX", requires = "document", group = "demand", value_parser = register)]
    pcr: Vec<(PcrIndex, Pcr)>,
    /// The demanded nonce; without it the check is skipped
    #[arg(long, value_name = "HEX", requires = "document", value_parser = Hex::parse)]
    nonce: Option<Hex>,
    /// The demanded user data; without it the check is skipped
    #[arg(long, value_name = "HEX", requires = "document", value_parser = Hex::parse)]
    user_data: Option<Hex>,
    /// Greatest age of the document at the given time
    #[arg(long, value_name = "N", requires = "document", default_value_t = 300)]
    max_age_seconds: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Bytes given in hexadecimal.
#[derive(Clone)]
struct Hex(Vec<u8>);

impl Hex {
    fn parse(text: &str) -> std::result::Result<Self, String> {
        hex::decode(text).map(Self).map_err(|_| "not hexadecimal".to_owned())
    }
}

pub(crate) async fn run(args: &Args) -> Result<()> {
    match &args.document {
        Some(path) => document::run(path, args),
        None => {
            let url = Settings::load()?.url(args.url.as_deref())?;
            enclave(&url, args.trust.load()?, args.json).await
        }
    }
}

async fn enclave(url: &str, trust: TrustFile, json: bool) -> Result<()> {
    let memory = Memory::load(&trust);
    let options = Options { known_epochs: memory.known(), ..Options::default() };
    // No session is opened, so no key is ever shown to anyone.
    let client = Client::connect(url, trust, ApiKey::take(&mut [0; SECRET_BYTES]), options)?;
    let judged = client.verify().await?;
    memory.keep(&client.epochs());
    print(json, judged.transcript.lines(), judged.verified.as_ref().err().map(ToString::to_string))?;
    judged.verified?;
    Ok(())
}

#[derive(Serialize)]
struct Report<'a> {
    verdict: &'static str,
    checks: &'a [CheckLine],
}

/// Prints the checks and the verdict, with the reason of a refusal where there is one.
fn print(json: bool, checks: &[CheckLine], refusal: Option<String>) -> Result<()> {
    let verdict = if refusal.is_none() { "verified" } else { "refused" };
    let mut human: String = checks.iter().map(|line| format!("{line}\n")).collect();
    human += "verdict: ";
    human += verdict;
    if let Some(reason) = refusal {
        human += &format!(", {reason}");
    }
    output::result(json, &Report { verdict, checks }, &human)
}

fn register(text: &str) -> std::result::Result<(PcrIndex, Pcr), String> {
    let (index, value) = text.split_once('=').ok_or("a register is N=HEX")?;
    let index: u8 = index.parse().map_err(|_| "a PCR index is 0 to 31")?;
    let index = PcrIndex::try_from(index).map_err(|error| error.to_string())?;
    Ok((index, value.parse::<Pcr>().map_err(|error| error.to_string())?))
}
