//! The held-out test set through the sealed path, against the plain model's stored answers.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use serde_json::{Value, json};

use crate::command::say;
use crate::world::{Binaries, WorldError, bundled_folder};

/// Rows of one request.
const ROWS_PER_REQUEST: usize = 500;

/// Largest difference of a probability that counts as equal: both sides compute in 32-bit floats.
const TOLERANCE: f64 = 1e-5;

/// Arguments of `score`.
#[derive(clap::Args)]
pub struct ScoreArguments {
    /// URL of the host.
    #[arg(long)]
    url: String,
    /// What the client demands.
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// The API key, as @FILE.
    #[arg(long, value_name = "@FILE")]
    api_key: String,
    /// Folder with test.csv, labels.csv and expected.csv [default: the bundled one].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// A prediction: the label and the probability of fraud.
type Prediction = (i64, f64);

/// Sends every row, compares and prints one line a figure. Exits 1 when an answer differs.
///
/// # Errors
/// See [`WorldError`].
pub async fn run(arguments: &ScoreArguments) -> Result<ExitCode, WorldError> {
    let folder = match &arguments.data {
        Some(folder) => folder.clone(),
        None => bundled_folder()?,
    };
    let rows = table(&folder.join("test.csv"))?;
    let labels = table(&folder.join("labels.csv"))?;
    let plain: Vec<Prediction> =
        table(&folder.join("expected.csv"))?.iter().filter_map(|row| plain(row)).collect();
    let start = Instant::now();
    let mut sealed = Vec::with_capacity(rows.len());
    for batch in rows.chunks(ROWS_PER_REQUEST) {
        sealed.extend(infer(arguments, batch).await?);
    }
    let truth: Vec<i64> = labels.iter().filter_map(|row| row.first()).map(|label| *label as i64).collect();
    let right = sealed.iter().zip(&truth).filter(|((label, _), truth)| label == *truth).count();
    let same = |(a, b): (&Prediction, &Prediction)| a.0 == b.0 && (a.1 - b.1).abs() <= TOLERANCE;
    let equal = sealed.iter().zip(&plain).filter(|pair| same(*pair)).count();
    let percent = 100.0 * right as f64 / rows.len().max(1) as f64;
    say(&format!("{} held-out rows through the sealed path in {:.2?}", rows.len(), start.elapsed()));
    say(&format!("accuracy {percent:.2} % ({right} of {} labels right)", rows.len()));
    say(&format!("{equal} of {} answers equal the plain model's (tolerance {TOLERANCE:e})", plain.len()));
    let all =
        equal == rows.len() && plain.len() == rows.len() && truth.len() == rows.len() && !rows.is_empty();
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One request through the shipped command.
async fn infer(arguments: &ScoreArguments, rows: &[Vec<f64>]) -> Result<Vec<Prediction>, WorldError> {
    let width = rows.first().map_or(0, Vec::len);
    let data: Vec<f64> = rows.iter().flatten().copied().collect();
    let request = json!({
        "inputs": [{ "name": "X", "datatype": "FP32", "shape": [rows.len(), width], "data": data }]
    });
    let sockets = crate::world::Sockets::fresh()?;
    let input = sockets.path().join("request.json");
    std::fs::write(&input, request.to_string()).map_err(WorldError::io("request"))?;
    let args = [
        "infer".to_owned(),
        format!("--url={}", arguments.url),
        format!("--trust={}", arguments.trust.display()),
        format!("--api-key={}", arguments.api_key),
        "--model=fraud".to_owned(),
        format!("--input={}", input.display()),
    ];
    let output = Binaries::beside_this_one()?.strongroom(args, &[]).await?;
    if output.code != 0 {
        let command = "strongroom infer".to_owned();
        return Err(WorldError::Command { command, code: output.code, stderr: output.stderr });
    }
    predictions(&output.stdout).ok_or_else(|| WorldError::NotReady("not an inference response".into()))
}

fn predictions(response: &str) -> Option<Vec<Prediction>> {
    let response: Value = serde_json::from_str(response).ok()?;
    let outputs = response.get("outputs")?.as_array()?;
    let data = |name: &str| {
        let named = outputs.iter().find(|output| output.get("name").and_then(Value::as_str) == Some(name));
        named?.get("data")?.as_array()
    };
    let labels = data("label")?.iter().map(Value::as_i64);
    let fraud = data("probabilities")?.chunks(2).map(|pair| pair.get(1).and_then(Value::as_f64));
    labels.zip(fraud).map(|(label, fraud)| Some((label?, fraud?))).collect()
}

fn plain(row: &[f64]) -> Option<Prediction> {
    Some((*row.first()? as i64, *row.get(2)?))
}

/// The numbers of a CSV file with one header line.
fn table(path: &Path) -> Result<Vec<Vec<f64>>, WorldError> {
    let text = std::fs::read_to_string(path).map_err(WorldError::io(path.display().to_string()))?;
    let number = |cell: &str| cell.trim().parse::<f64>();
    let rows = text.lines().skip(1).map(|line| line.split(',').map(number).collect::<Result<Vec<_>, _>>());
    rows.collect::<Result<_, _>>()
        .map_err(|_| WorldError::NotReady(format!("{}: not numbers", path.display())))
}
