//! `infer`: one verified, sealed inference, or one a line. stdout carries the responses alone.

mod lines;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use strongroom_attestation::receipt::Receipt;
use strongroom_client::oip::{self, InferBody, ResponseBody};
use strongroom_client::{InferAnswer, InferRequest, limits};
use strongroom_proto::name::Name;

use crate::asking::{AskArgs, Asking};
use crate::error::{CliError, Result};
use crate::keep::{KeepArgs, Keeper};
use crate::settings::Settings;
use crate::{files, output};

/// Arguments of `infer`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    ask: AskArgs,
    /// Which model, or a route that leads to one of several
    #[arg(long)]
    model: Name,
    /// Which version of it; the only one of the release when absent
    #[arg(long = "model-version", value_name = "VERSION")]
    version: Option<Name>,
    /// Infer request of the Open Inference Protocol v2 in JSON; - is stdin
    #[arg(long, value_name = "FILE|-", required_unless_present = "lines")]
    input: Option<PathBuf>,
    /// Read one request a line from stdin and answer each with a line, in order and in one session
    #[arg(long, conflicts_with_all = ["input", "receipt", "evidence"])]
    lines: bool,
    /// With --lines: add to each answer how the enclave says that it treated the outputs
    #[arg(long, requires = "lines")]
    receipts: bool,
    /// What is declared of the request where a route chooses by it, an amount of money say
    #[arg(long, value_name = "NAME=NUMBER", num_args = 1.., value_parser = risk)]
    risk: Vec<(Name, f64)>,
    #[command(flatten)]
    keep: KeepArgs,
}

/// What every request of one run shares.
struct Wanted {
    model: Name,
    version: Option<Name>,
    risk: BTreeMap<Name, f64>,
}

/// A response, and what its receipt says.
struct Responded {
    text: String,
    receipt: Receipt,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let keeper = Keeper::new(args.keep.or_settings(&Settings::load()?));
    let asking = args.ask.connect(Some(keeper.keep()))?;
    let wanted = Wanted { model: args.model, version: args.version, risk: args.risk.into_iter().collect() };
    let answered = match args.input {
        Some(input) => wanted.answer(&asking, &input).await,
        None => lines::answer_each(&asking, &wanted, args.receipts).await,
    };
    keeper.finish_after(answered)
}

impl Wanted {
    /// Asks for the body in a file and prints the response.
    async fn answer(&self, asking: &Asking, input: &Path) -> Result<()> {
        let json = files::read(input, limits::MAX_JSON_BYTES as u64)?;
        let body = oip::read_request(&json).map_err(CliError::Request)?;
        output::line(&self.ask(asking, body).await?.text)
    }

    /// Asks for one body.
    async fn ask(&self, asking: &Asking, body: InferBody) -> Result<Responded> {
        let request = InferRequest {
            model: self.model.clone(),
            version: self.version.clone(),
            inputs: body.inputs,
            outputs: body.outputs,
            risk: self.risk.clone(),
        };
        let InferAnswer { model, version, outputs, receipt, .. } =
            asking.done(asking.client.infer(request).await)?;
        let response = ResponseBody { id: body.id, model, version, outputs };
        let text = oip::write_response(&response).map_err(CliError::Unprintable)?;
        Ok(Responded { text, receipt })
    }
}

fn risk(text: &str) -> std::result::Result<(Name, f64), String> {
    let (name, number) = text.split_once('=').ok_or("a risk field is NAME=NUMBER")?;
    let name = name.parse().map_err(|_| "the name of a risk field is 1 to 64 of a-z 0-9 . _ -")?;
    let number = number.parse::<f64>().ok().filter(|number| number.is_finite());
    Ok((name, number.ok_or("a risk is a finite number")?))
}
