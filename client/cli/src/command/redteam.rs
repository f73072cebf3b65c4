//! `redteam`: attacks on a model before it is sealed, by the toolkit in `tests/redteam`.
//!
//! The attacks are Python, because the libraries that have them are. This command finds the toolkit and the Python
//! that `scripts/setup-dev --redteam` made, lets it run, and turns how it ended into an exit code. The toolkit asks
//! through this very binary, which it starts from this one's folder.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::error::{CliError, Result};

/// Where the toolkit stands in the repository.
const TOOLKIT: &str = "tests/redteam";

/// Where `scripts/setup-dev --redteam` puts Python, in the cache folder.
const PYTHON: &str = "redteam-venv/bin/python";

/// How to get what is missing.
const SETUP: &str = "run scripts/setup-dev --redteam";

/// How the toolkit says that it could not use its arguments, and that a limit of the gate was not kept.
const USAGE: i32 = 2;
const GATE: i32 = 3;

/// Arguments of `redteam`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// ONNX classifier to attack; absent: the models that come with the toolkit
    #[arg(long, requires_all = ["data", "labels"])]
    model: Option<PathBuf>,
    /// Its data, CSV or NPY, one row each
    #[arg(long, value_name = "FILE", requires = "model")]
    data: Option<PathBuf>,
    /// True classes of the data, numbers from 0
    #[arg(long, value_name = "FILE", requires = "model")]
    labels: Option<PathBuf>,
    /// Rows that the model was not trained on; --data is then what it was trained on
    #[arg(long, value_name = "FILE", requires_all = ["model", "held_out_labels"])]
    held_out: Option<PathBuf>,
    /// True classes of the held-out rows
    #[arg(long, value_name = "FILE", requires = "held_out")]
    held_out_labels: Option<PathBuf>,
    /// The policy to test; absent: every defence, with its defaults
    #[arg(long, value_name = "FILE", requires = "model")]
    policy: Option<PathBuf>,
    /// The role of that policy that attackers have; the only one that infers when absent
    #[arg(long, requires = "policy")]
    role: Option<String>,
    /// Attacks to mount, comma-separated; all when absent
    #[arg(long, value_name = "LIST")]
    attacks: Option<String>,
    /// Questions that each attack may ask
    #[arg(long, default_value_t = 500)]
    budget: u32,
    /// What all random choices start from
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Limits that the results have to keep, TOML
    #[arg(long, value_name = "FILE")]
    gate: Option<PathBuf>,
    /// Fewer repetitions, and less time for each attack
    #[arg(long)]
    short: bool,
    /// Folder for report.md, report.json and plots
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Folder of the toolkit; that of the repository around this binary or this folder when absent
    #[arg(long, value_name = "DIR")]
    toolkit: Option<PathBuf>,
    /// Python with the toolkit's packages; that of `scripts/setup-dev --redteam` when absent
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
}

pub(crate) async fn run(args: &Args) -> Result<()> {
    let toolkit = toolkit(args)?;
    let mut command = Command::new(python(args)?);
    command.args(["-m", "redteam"]).args(arguments(args));
    command.env("PYTHONPATH", toolkit.parent().unwrap_or(Path::new("/")));
    if std::env::var_os("STRONGROOM_BIN").is_none() {
        command.env("STRONGROOM_BIN", binaries()?);
    }
    let ended = command.status().await.map_err(CliError::file(Path::new("python")))?;
    match ended.code() {
        Some(0) => Ok(()),
        Some(USAGE) => Err(CliError::usage("the red team cannot run with these arguments")),
        Some(GATE) => Err(CliError::RedTeamGate),
        _ => Err(CliError::RedTeam),
    }
}

/// What the toolkit is told, in its own words.
fn arguments(args: &Args) -> Vec<OsString> {
    let files = [
        ("--model", &args.model),
        ("--data", &args.data),
        ("--labels", &args.labels),
        ("--held-out", &args.held_out),
        ("--held-out-labels", &args.held_out_labels),
        ("--policy", &args.policy),
        ("--gate", &args.gate),
    ];
    let files = files.into_iter().filter_map(|(flag, path)| Some((flag, path.as_ref()?.into())));
    let words = [("--role", &args.role), ("--attacks", &args.attacks)];
    let words = words.into_iter().filter_map(|(flag, word)| Some((flag, word.as_ref()?.into())));
    let numbers = [("--budget", args.budget), ("--seed", args.seed)];
    let numbers = numbers.into_iter().map(|(flag, number)| (flag, number.to_string().into()));
    let out = [("--out", args.out.clone().into())];
    let pairs = files.chain(words).chain(numbers).chain(out);
    let mut all: Vec<OsString> = pairs.flat_map(|(flag, value)| [flag.into(), value]).collect();
    all.extend(args.short.then(|| "--short".into()));
    all
}

fn toolkit(args: &Args) -> Result<PathBuf> {
    let named = args.toolkit.clone();
    let found = named.or_else(nearest_toolkit).and_then(|folder| folder.canonicalize().ok());
    found.filter(|folder| is_toolkit(folder)).ok_or_else(|| {
        CliError::usage(format!(
            "no red-team toolkit: give --toolkit, the {TOOLKIT} of Strongroom's repository"
        ))
    })
}

fn is_toolkit(folder: &Path) -> bool {
    folder.ends_with("redteam") && folder.join("__main__.py").is_file()
}

/// That of the repository that this binary was built in, or that the caller stands in.
fn nearest_toolkit() -> Option<PathBuf> {
    let places = [std::env::current_exe().ok(), std::env::current_dir().ok()];
    let above = places.iter().flatten().flat_map(|place| place.ancestors());
    above.map(|folder| folder.join(TOOLKIT)).find(|folder| is_toolkit(folder))
}

fn python(args: &Args) -> Result<PathBuf> {
    let found = args.python.clone().or_else(|| Some(cache()?.join(PYTHON)));
    found.filter(|python| python.is_file()).ok_or_else(|| {
        CliError::usage(format!("there is no Python with the red team's packages: {SETUP}, or give --python"))
    })
}

/// As the scripts have it.
fn cache() -> Option<PathBuf> {
    let named = std::env::var_os("STRONGROOM_CACHE").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/strongroom")))
}

fn binaries() -> Result<PathBuf> {
    let own = std::env::current_exe().map_err(CliError::file(Path::new("strongroom")))?;
    Ok(own.parent().unwrap_or(&own).to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parse(words: &[&str]) -> Args {
        Cli::parse_from([&["redteam"], words].concat()).args
    }

    #[test]
    fn the_toolkit_is_told_what_was_given_and_no_more() {
        let told = arguments(&parse(&["--out=o", "--seed=7", "--attacks=noise,jitter", "--short"]));
        let expected =
            ["--attacks", "noise,jitter", "--budget", "500", "--seed", "7", "--out", "o", "--short"];
        assert_eq!(told, expected.map(OsString::from));
    }

    #[test]
    fn a_missing_toolkit_or_python_is_usage_and_says_what_to_run() {
        let folder = tempfile::tempdir().unwrap();
        let here = format!("--toolkit={}", folder.path().display());
        assert!(matches!(toolkit(&parse(&["--out=o", &here])), Err(CliError::Usage(_))));
        let none = parse(&["--out=o", "--python=/nowhere/python"]);
        let Err(CliError::Usage(why)) = python(&none) else { panic!("found") };
        assert!(why.contains("scripts/setup-dev --redteam"), "{why}");
    }

    #[test]
    fn the_toolkit_is_found_from_the_repository() {
        assert!(is_toolkit(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(TOOLKIT)));
        assert!(nearest_toolkit().is_some());
    }
}
