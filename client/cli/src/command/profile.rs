//! `profile`: what a model's training data looks like, for the detectors of an enclave.
//!
//! The result is as secret as the data. It stays with the owner until a release seals it into its private part.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use strongroom_monitor::fit::{Training, Warning, fit};
use strongroom_monitor::profile::{Decision, Profile, Space};
use strongroom_monitor::{Rows, rows::Place};

use crate::error::{CliError, Result};
use crate::limits::MAX_TABLE_BYTES;
use crate::rows::Matrix;
use crate::run_model::{Answered, LocalModel};
use crate::{classes, files, output, rows};

/// Arguments of `profile`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The ONNX file, as it will be sealed
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Rows that the model was trained on, or better, rows like them: CSV, or a NumPy array (.npy)
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// The true label of each row, one a line
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The output of scores along its last dimension; where there is one such output, it is found
    #[arg(long, value_name = "OUTPUT")]
    scores: Option<String>,
    /// The output of the winning label; where there is one such output, it is found
    #[arg(long, value_name = "OUTPUT")]
    label: Option<String>,
    /// Watch the values of this output, an embedding say, instead of the input
    #[arg(long, value_name = "OUTPUT", conflicts_with_all = ["scores", "label", "labels"])]
    values: Option<String>,
    /// Where the profile goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Made {
    rows: u64,
    features: usize,
    classes: Vec<ClassLine>,
    median_neighbour: f32,
    near_duplicate_below: f32,
    bytes: usize,
}

#[derive(Serialize)]
struct ClassLine {
    share: f32,
    calibration_rows: usize,
    out_of_distribution_above: Option<f32>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let matrix = rows::read(&args.data, MAX_TABLE_BYTES)?;
    let model = LocalModel::load(&args.model, BTreeMap::new())?;
    let answered = model.run(&matrix)?;
    let training = match &args.values {
        Some(output) => of_values(output, &matrix, &answered)?,
        None => args.of_input(&model, &matrix, &answered)?,
    };
    let (profile, warnings) = fit(training).map_err(|error| CliError::usage(error.to_string()))?;
    warnings.iter().for_each(|warning| output::warn(&words(*warning)));
    let bytes = profile.encode().map_err(|error| CliError::usage(error.to_string()))?;
    files::write_private(&args.out, &bytes)?;
    let made = Made::new(&profile, bytes.len());
    output::result(args.json, &made, &made.to_string())
}

impl Args {
    /// The features of the model's input, and the classes that it decides between.
    fn of_input(&self, model: &LocalModel, matrix: &Matrix, answered: &[Answered]) -> Result<Training> {
        let outputs = classes::find(model.interface(), self.scores.as_deref(), self.label.as_deref())?;
        let space = Space::Input(model.input().name.clone());
        let Some(outputs) = outputs else {
            output::warn("the model has no scores: all rows count as one class, and margins are not watched");
            let rows = Rows::new(matrix.width, matrix.values.clone(), vec![0; matrix.rows()], Vec::new());
            return Ok(Training {
                rows: rows.ok_or_else(unfit)?,
                space,
                decision: None,
                classes: 1,
                labels: None,
            });
        };
        let decision = Decision { scores: outputs.scores.clone(), label: None };
        let place = Place {
            space: &space,
            features: matrix.width,
            decision: Some(&decision),
            classes: outputs.classes,
        };
        let rows = together(place, matrix, answered)?;
        let known = outputs.labels(answered, &rows)?;
        let labels = self.labels.as_ref().map(|path| {
            let stated = rows::labels(path, matrix.rows(), MAX_TABLE_BYTES)?;
            classes::positions(&stated, known.as_ref(), outputs.classes)
        });
        let decision = Some(Decision { label: known, ..decision });
        Ok(Training { rows, space, decision, classes: outputs.classes, labels: labels.transpose()? })
    }
}

/// The values of an output, all of one class.
fn of_values(output: &str, matrix: &Matrix, answered: &[Answered]) -> Result<Training> {
    let space = Space::Output(output.to_owned());
    let tensor = answered.first().and_then(|one| one.outputs.iter().find(|tensor| tensor.name == output));
    let tensor = tensor.ok_or_else(|| CliError::usage("the model has no output of this name"))?;
    let features = tensor.shape.iter().skip(1).product::<u64>();
    let features = usize::try_from(features).map_err(|_| unfit())?;
    let rows = together(Place { space: &space, features, decision: None, classes: 1 }, matrix, answered)?;
    Ok(Training { rows, space, decision: None, classes: 1, labels: None })
}

/// The rows of all batches, without those that only filled the last one up.
fn together(place: Place<'_>, matrix: &Matrix, answered: &[Answered]) -> Result<Rows> {
    let batches = answered.iter().map(|one| Rows::locate(place, &one.inputs, &one.outputs));
    let batches: Vec<Rows> = batches.collect::<Option<_>>().ok_or_else(unfit)?;
    let rows = || batches.iter().flat_map(Rows::iter).take(matrix.rows());
    let features = rows().flat_map(|row| row.features.iter().copied()).collect();
    let margins = rows().filter_map(|row| row.margin).collect();
    Rows::new(place.features, features, rows().map(|row| row.class).collect(), margins).ok_or_else(unfit)
}

fn unfit() -> CliError {
    CliError::usage(
        "the model's outputs are not rows as the data's: one a row, scores along the last dimension",
    )
}

fn words(warning: Warning) -> String {
    match warning {
        Warning::FewRows { class, rows } => {
            format!("class {class} has {rows} calibration rows; with 1000 its detectors are sharper")
        }
        Warning::NoThreshold { class } => {
            format!("class {class}: too few rows to say which are out of distribution; none is refused")
        }
        Warning::ByHeart => {
            "the model errs on next to none of the rows: margins are not watched. Rows that it was not \
                             trained on are better"
                .to_owned()
        }
        Warning::Repeats => "the data repeats so often that near-duplicates are not watched".to_owned(),
    }
}

impl Made {
    fn new(profile: &Profile, bytes: usize) -> Self {
        let class = |class: &strongroom_monitor::profile::Class| ClassLine {
            share: class.share,
            calibration_rows: class.distances.len(),
            out_of_distribution_above: class.threshold,
        };
        Self {
            rows: profile.rows,
            features: profile.features,
            classes: profile.classes.iter().map(class).collect(),
            median_neighbour: profile.neighbour,
            near_duplicate_below: profile.near,
            bytes,
        }
    }
}

impl std::fmt::Display for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} rows of {} features, {} classes, {} bytes",
            self.rows,
            self.features,
            self.classes.len(),
            self.bytes
        )
    }
}
