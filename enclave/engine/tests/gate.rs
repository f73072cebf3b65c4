//! Files and inputs made to break the engine: each is refused, or answered as ONNX says, within seconds and within memory.
//! A panic of tract's that is contained counts as a refusal only where the case names the operator at which it comes.
//!
//! Each case runs in a process of its own: this test's executable, started again with little memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "helpers of tests fail with the test, and measurements are shown"
)]

mod graphs;
mod killers;

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use killers::{Case, End, cases};
use strongroom_engine::{DeriveOptions, LoadError, Model, RunError, derive};
use strongroom_seal::model::AnswerBound;

/// Longest that a case may take.
const MAX_TIME: Duration = Duration::from_secs(5);

/// Most memory that the process of a case may take, in KiB.
const MAX_MEMORY_KIB: u64 = 256 << 10;

/// How many cases docs/promises.md names.
const CASES: usize = 125;

/// Address space of a case's process, in KiB: what asks for more gets none, and aborts.
const ADDRESSES_KIB: u64 = 4 << 20;

/// The started-again half: loads and runs one case, and prints how that ended.
#[test]
#[ignore = "started by the other test of this file"]
fn one_case() {
    let Ok(name) = std::env::var("STRONGROOM_CASE") else { return };
    std::panic::set_hook(Box::new(|_| {}));
    let case = cases().into_iter().find(|case| case.name == name).unwrap();
    let start = Instant::now();
    let end = end(&case);
    println!("took_ms={} peak_kib={} end={end}", start.elapsed().as_millis(), peak_kib());
}

fn end(case: &Case) -> String {
    let answer = Some(AnswerBound { names_bytes: 200, bytes_per_request_kib: 1 << 20, max_bytes: 1 << 20 });
    let reveal = |error: LoadError| match &error {
        LoadError::Compile(detail) => format!("load: {error}: {}", detail.reveal().replace('\n', " ")),
        other => format!("load: {other}"),
    };
    let ranges: Vec<_> = case.range.iter().map(|(min, max)| ("n", *min, *max)).collect();
    let options = DeriveOptions { answer, ..graphs::options(&ranges) };
    let derived = derive(graphs::file(&case.model), &options);
    let loaded = derived.and_then(|(interface, _)| Model::load(graphs::file(&case.model), &interface));
    let model = match loaded {
        Ok(model) => model,
        Err(error) => return reveal(error),
    };
    match model.admit(&case.inputs, &[]).and_then(|valid| model.run(valid)) {
        Ok(answers) => {
            format!("answer: {:?} {:?}", answers[0].shape, &answers[0].data[..answers[0].data.len().min(16)])
        }
        Err(error) => format!("run: {error}"),
    }
}

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Runs a case in a process of its own, and says what is wrong with how it ended.
fn judge(case: &Case) -> Result<(), String> {
    let start = Instant::now();
    let mut child = Command::new("sh")
        .args([
            "-c",
            &format!("ulimit -v {ADDRESSES_KIB}; exec \"$0\" --ignored --exact one_case --nocapture"),
        ])
        .arg(std::env::current_exe().unwrap())
        .env("STRONGROOM_CASE", case.name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > 4 * MAX_TIME {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let Some((_, report)) = text.split_once("took_ms=") else {
        return Err(format!("it never ended well: {}", output.status));
    };
    let number = |key: &str| -> u64 {
        report.split(key).nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap()
    };
    let took = Duration::from_millis(report.split_whitespace().next().unwrap().parse().unwrap());
    let end = report.split_once("end=").unwrap().1.lines().next().unwrap();
    eprintln!("{}: {took:?}, {} MiB, {end}", case.name, number("peak_kib=") >> 10);
    if took > case.within.unwrap_or(MAX_TIME) {
        return Err(format!("it took {took:?}: {end}"));
    }
    if number("peak_kib=") > MAX_MEMORY_KIB {
        return Err(format!("it took {} KiB: {end}", number("peak_kib=")));
    }
    let right = match case.end {
        End::Load(part) => !panicked(end) && end.starts_with("load: ") && end.contains(part),
        End::Broke(operator) => {
            let broke = LoadError::Broke { operator: operator.to_owned() };
            end.strip_prefix("load: ") == Some(broke.to_string().as_str())
        }
        End::Run(part) => !panicked(end) && end.starts_with("run: ") && end.contains(part),
        End::Answer(answer) => end.strip_prefix("answer: ") == Some(answer),
    };
    if right { Ok(()) } else { Err(format!("it ended otherwise: {end}")) }
}

/// Whether this is said of a panic of tract's that was contained, and not of a refusal.
fn panicked(end: &str) -> bool {
    let broke = LoadError::Broke { operator: String::new() }.to_string();
    let at_some_operator = broke.trim_end_matches('\'');
    let whole = [LoadError::Panicked.to_string(), RunError::Panicked.to_string()];
    end.contains(at_some_operator) || whole.iter().any(|said| end.contains(said))
}

#[test]
fn killers_are_refused_or_answered() {
    assert_eq!(cases().len(), CASES, "docs/promises.md says how many there are");
    let complaints: Vec<String> =
        cases().iter().filter_map(|case| Some(format!("{}: {}", case.name, judge(case).err()?))).collect();
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
