//! `watermark verify`: whether a suspect model was copied from the owner's.
//!
//! The owner's own model runs here, on the owner's machine; the suspect is a file, or is asked over HTTP. Nothing
//! is sent to the suspect but the rows of the given files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use strongroom_attestation::release::MAX_PROFILE_BYTES;
use strongroom_controls::noise::{Field, Trace};
use strongroom_monitor::{Flips, Profile, Rows};
use strongroom_seal::secret::ApiKeyDigest;

use crate::error::{CliError, Result};
use crate::limits::{LEAST_DECOYS, MAX_DECOYS, MAX_TABLE_BYTES};
use crate::policy::{self, Policy};
use crate::rows::Matrix;
use crate::run_model::{Answered, LocalModel};
use crate::secret::{TracingKey, shown};
use crate::watermark::suspect::Suspect;
use crate::watermark::{Answers, Reader, Report, dawn, field, read, triggers};
use crate::{files, output, rows, schema};

/// Arguments of `watermark`.
#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// Test whether a suspect repeats what only the owner's answers held; prints p-values
    ///
    /// Flips and noise are seen only on rows that a thief asked, or on rows in the same cells: give such rows as
    /// --queries. A thief who asked others, or labels alone, is not seen by every test.
    Verify(Box<Verify>),
}

/// Arguments of `watermark verify`.
#[derive(clap::Args)]
pub(crate) struct Verify {
    /// The suspect: an ONNX file, or the URL of a model that speaks the Open Inference Protocol v2
    #[arg(long, value_name = "URL|FILE")]
    suspect: String,
    /// The owner's own model, as it was sealed
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The tracing key that `seal` left
    #[arg(long, value_name = "FILE")]
    tracing_key: PathBuf,
    /// The model's profile
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// Rows that a thief is thought to have asked: CSV, or NumPy
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
    /// Share of flips that the release stated; 0 for none
    #[arg(long, value_name = "SHARE", default_value_t = 0.005)]
    share: f64,
    /// The schema that the model was sealed with: its lengthscale makes the noise
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// A policy, whose API keys are tried
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// API keys to try, by their SHA-256
    #[arg(long, value_name = "HEX", value_parser = policy::digest, num_args = 1..)]
    key_sha256: Vec<ApiKeyDigest>,
    /// Keys that never were, to measure the others against
    #[arg(long, value_name = "N", default_value_t = LEAST_DECOYS, value_parser = clap::value_parser!(u64).range(LEAST_DECOYS..=MAX_DECOYS))]
    decoys: u64,
    /// Rows of the owner's trigger set: CSV, or NumPy
    #[arg(long, value_name = "FILE", requires = "trigger_labels")]
    triggers: Option<PathBuf>,
    /// Their labels, one a line, as the model writes them
    #[arg(long, value_name = "FILE", requires = "triggers")]
    trigger_labels: Option<PathBuf>,
    /// Rate at which a model that nobody copied gives those labels; absent: one in as many as there are classes
    #[arg(long, value_name = "SHARE")]
    chance: Option<f64>,
    /// Name of the suspect's input, where it is another
    #[arg(long, value_name = "NAME")]
    suspect_input: Option<String>,
    /// Name of the suspect's output of scores, where it is another and not its only one
    #[arg(long, value_name = "NAME")]
    suspect_scores: Option<String>,
    /// Name of the suspect's output of labels, where it is another and not its only one
    #[arg(long, value_name = "NAME")]
    suspect_label: Option<String>,
    /// Exit with 17 unless a test reaches this p-value
    #[arg(long, value_name = "P")]
    gate: Option<f64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What the tests share.
struct Case {
    own: LocalModel,
    profile: Profile,
    reader: Reader,
    suspect: Suspect,
    suspect_reader: Reader,
}

/// The owner's and the suspect's answers to the same rows.
struct Compared {
    batches: Vec<Answered>,
    own: Answers,
    suspect: Answers,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let Args::Verify(args) = args;
    let keys = TracingKey::read(&args.tracing_key)?;
    let case = args.case()?;
    let queries = rows::read(&args.queries, MAX_TABLE_BYTES)?;
    let answered = case.ask(&queries).await?;
    let mut report = Report::default();
    args.dawn(&case, &keys, &answered, &mut report)?;
    args.field(&case, keys, &answered, &mut report)?;
    args.triggers(&case, &mut report).await?;
    output::result(args.json, &report, report.to_string().trim_end())?;
    match args.gate {
        Some(gate) if report.least() > gate.ln() => Err(CliError::Gate),
        _ => Ok(()),
    }
}

impl Verify {
    fn case(&self) -> Result<Case> {
        let between = |share: f64| share > 0.0 && share < 1.0;
        let mut given = [self.chance, self.gate].into_iter().flatten();
        if !(0.0..=1.0).contains(&self.share) || !given.all(between) {
            return Err(CliError::usage("--share is from 0 to 1, --chance and --gate are between"));
        }
        let own = LocalModel::load(&self.model, BTreeMap::new())?;
        let bytes = files::read(&self.profile, MAX_PROFILE_BYTES as u64)?;
        let wrong = |what: String| CliError::usage(format!("{}: {what}", shown(&self.profile)));
        let profile = Profile::decode(&bytes).map_err(|error| wrong(error.to_string()))?;
        let reader = Reader::new(&profile, own.interface()).ok_or_else(|| {
            wrong("the profile names no scores, so that there is no class to tell".to_owned())
        })?;
        let mut input = own.input().clone();
        input.name = self.suspect_input.clone().unwrap_or(input.name);
        let suspect = Suspect::new(&self.suspect, input)?;
        let suspect_reader = reader.renamed(self.suspect_scores.as_deref(), self.suspect_label.as_deref());
        Ok(Case { own, profile, reader, suspect, suspect_reader })
    }

    fn dawn(&self, case: &Case, keys: &TracingKey, answered: &Compared, report: &mut Report) -> Result<()> {
        if self.share == 0.0 {
            report.not_tested.push("flips: --share is 0".to_owned());
            return Ok(());
        }
        let flips = Flips::new(&keys.watermark, self.share, &case.profile);
        let flips = flips.map_err(|_| CliError::usage("no key could be derived"))?;
        let mut counter = dawn::Counter::new(&flips);
        let mut suspect = answered.suspect.classes.as_slice();
        for batch in &answered.batches {
            let seen = Rows::find(&case.profile, &batch.inputs, &batch.outputs);
            let seen = seen.ok_or_else(|| CliError::usage("the profile is not of this model"))?;
            // A batch that was filled up has more rows than are left.
            let (now, later) = suspect.split_at(seen.len().min(suspect.len()));
            counter.add(&seen, now);
            suspect = later;
        }
        report.dawn = Some(counter.judge());
        Ok(())
    }

    fn field(&self, case: &Case, keys: TracingKey, answered: &Compared, report: &mut Report) -> Result<()> {
        let digests = self.keys()?;
        let mut skip = |why: &str| report.not_tested.push(format!("noise: {why}"));
        let Some(path) = self.schema.as_deref().filter(|_| !digests.is_empty()) else {
            skip("it takes --schema, and keys by --policy or --key-sha256");
            return Ok(());
        };
        if answered.suspect.scores.is_empty() {
            skip("the suspect gives labels alone");
            return Ok(());
        }
        let failed = || CliError::usage("no key could be derived");
        let seed = keys.field.seed(b"decoys").map_err(|_| failed())?;
        let schema = schema::read(path, case.own.interface())?;
        let field = Field::new(keys.field, case.own.interface(), &schema);
        let field = field.map_err(|error| CliError::usage(error.to_string()))?;
        let classes = case.reader.classes();
        let decoys = usize::try_from(self.decoys).unwrap_or_default();
        let found = trace(&field, classes, answered)
            .and_then(|trace| field::judge(&trace.weights(), &digests, decoys, &seed));
        match found {
            Some(found) => report.field = Some(found),
            None => skip("the suspect gives the very scores of the model, or too few of them"),
        }
        Ok(())
    }

    fn keys(&self) -> Result<Vec<ApiKeyDigest>> {
        let mut keys = Policy::read(self.policy.as_deref())?.keys();
        keys.extend(&self.key_sha256);
        Ok(keys.into_iter().collect())
    }

    async fn triggers(&self, case: &Case, report: &mut Report) -> Result<()> {
        let (Some(path), Some(labels)) = (&self.triggers, &self.trigger_labels) else { return Ok(()) };
        let table = rows::read(path, MAX_TABLE_BYTES)?;
        let wanted = self.wanted(case, labels, table.rows())?;
        let answers = case.suspect.answers(&table, &case.suspect_reader).await?;
        let classes = u32::try_from(case.reader.classes()).unwrap_or(u32::MAX);
        let chance = self.chance.unwrap_or(1.0 / f64::from(classes.max(2)));
        report.triggers = Some(triggers::judge(&wanted, &answers.classes, chance));
        Ok(())
    }

    fn wanted(&self, case: &Case, path: &Path, rows: usize) -> Result<Vec<usize>> {
        let class = |label: &String| {
            let unknown = || CliError::usage(format!("the model has no label '{}'", label.escape_debug()));
            case.reader.class(label).ok_or_else(unknown)
        };
        rows::labels(path, rows, MAX_TABLE_BYTES)?.iter().map(class).collect()
    }
}

impl Case {
    async fn ask(&self, queries: &Matrix) -> Result<Compared> {
        let unread = || CliError::usage("the profile is not of this model");
        let batches = self.own.run(queries)?;
        let own = read(&batches, queries.rows(), &self.reader).ok_or_else(unread)?;
        let suspect = self.suspect.answers(queries, &self.suspect_reader).await?;
        Ok(Compared { batches, own, suspect })
    }
}

/// The suspect's scores less the model's, seen through the waves of its noise.
fn trace<'a>(field: &'a Field, classes: usize, answered: &Compared) -> Option<Trace<'a>> {
    let mut trace = Trace::new(field, classes)?;
    let pairs = answered.suspect.scores.iter().zip(&answered.own.scores);
    let mut residuals: Vec<f64> = pairs.map(|(suspect, own)| suspect - own).collect();
    field::tame(&mut residuals);
    let mut left = residuals.as_slice();
    for batch in &answered.batches {
        let rows = batch.inputs.first().and_then(|input| usize::try_from(*input.shape.first()?).ok())?;
        let mut now = left.get(..(rows * classes).min(left.len()))?.to_vec();
        left = left.get(now.len()..)?;
        now.resize(rows * classes, 0.0);
        if !trace.add(&batch.inputs, &now) {
            return None;
        }
    }
    Some(trace)
}
