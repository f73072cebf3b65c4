//! The audit log as the host may hand it to the owner, judged by the shipped `strongroom audit verify`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use strongroom_hostile::{Found, Scene};
use strongroom_proto::frame::Kind;
use strongroom_proto::relay::AuditBatch;
use strongroom_sim::world::{Output, bundled_folder, wait_for};

use super::counters::{KEY, policy, scene};

/// Answers of each boot; each is a record, and so is the release.
const ANSWERS: usize = 3;

/// The log of every boot so far, as lines that `audit verify` reads.
struct Log {
    scene: Scene,
    lines: Vec<Value>,
    receipts: Vec<PathBuf>,
}

impl Log {
    /// A log of one boot.
    async fn of_a_boot() -> Self {
        let scene = scene(policy("")).await;
        let receipts = answers(&scene, 0).await;
        Self { lines: lines(&scene), scene, receipts }
    }

    /// A log of two boots.
    async fn of_two_boots() -> Self {
        let Self { mut scene, mut receipts, .. } = Self::of_a_boot().await;
        // So that the next boot is told of this one's whole log.
        let told = scene.host.kept(Kind::State).len();
        wait_for(Duration::from_secs(10), async || scene.host.kept(Kind::State).len() > told).await;
        scene.restart().await.unwrap();
        scene.wait_until_serving().await.unwrap();
        receipts.extend(answers(&scene, records(&lines(&scene))).await);
        Self { lines: lines(&scene), scene, receipts }
    }

    /// How the changed log is judged.
    async fn judged(self, change: impl FnOnce(&mut Vec<Value>), held: &[String]) -> Found {
        let Self { scene, mut lines, .. } = self;
        assert_eq!(verify(&scene, &lines, held).await, Found::SUCCEEDED, "the whole log");
        change(&mut lines);
        let verdict = verify(&scene, &lines, held).await;
        scene.found(verdict)
    }
}

/// Asks with the shipped command, and waits until all records of it are with the host.
async fn answers(scene: &Scene, before: usize) -> Vec<PathBuf> {
    let folder = scene.file(&format!("receipts-{before}"));
    for _ in 0..ANSWERS {
        infer_keeping(scene, &folder).await;
    }
    // The release, and each answer.
    let whole = before + 1 + ANSWERS;
    let there = wait_for(Duration::from_secs(10), async || records(&lines(scene)) >= whole).await;
    assert!(there, "{} of {whole} records", records(&lines(scene)));
    kept_files(&folder, "receipt")
}

fn records(lines: &[Value]) -> usize {
    lines.iter().filter(|line| line["kind"] == "record").count()
}

fn lines(scene: &Scene) -> Vec<Value> {
    let mut lines = Vec::new();
    for batch in scene.host.kept(Kind::Audit) {
        let AuditBatch { boot, segment, opening, document, first, records, checkpoint } =
            AuditBatch::decode(&batch).unwrap();
        let (boot, code) = (hex::encode(boot), |bytes: &[u8]| STANDARD.encode(bytes));
        let log = json!({
            "kind": "log", "boot": boot, "segment": segment, "opening": code(&opening), "document": code(&document),
        });
        if !lines.contains(&log) {
            lines.push(log);
        }
        lines.extend((first..).zip(&records).map(|(number, sealed)| {
            json!({
                "kind": "record", "boot": boot, "segment": segment, "number": number, "sealed": code(sealed),
            })
        }));
        lines.push(json!({
            "kind": "checkpoint", "boot": boot, "segment": segment, "document": code(&checkpoint),
        }));
    }
    lines
}

async fn verify(scene: &Scene, lines: &[Value], held: &[String]) -> String {
    let path = scene.file("audit.jsonl");
    fs::write(&path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let mut arguments = vec![
        "audit".to_owned(),
        "verify".to_owned(),
        format!("--log={}", path.display()),
        format!("--trust={}", scene.ground.layout.trust().display()),
    ];
    arguments.extend_from_slice(held);
    first_failure(&scene.binaries.strongroom(arguments, &[]).await.unwrap())
}

/// The exit code of a command and the first check that failed.
pub(super) fn first_failure(output: &Output) -> String {
    let failed = output.stdout.lines().find_map(|line| line.trim_start().strip_prefix("FAIL "));
    let check = failed.and_then(|line| line.split([' ', ':']).next()).unwrap_or("no check");
    match output.code {
        0 => Found::SUCCEEDED.to_owned(),
        code => format!("exit {code}: {check}"),
    }
}

/// `infer` with the shipped command, which keeps receipts and evidence in a folder.
pub(super) async fn infer_keeping(scene: &Scene, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let key = scene.file("key");
    fs::write(&key, format!("sr_{}\n", URL_SAFE_NO_PAD.encode(*KEY))).unwrap();
    let arguments = [
        format!("--api-key=@{}", key.display()),
        "--model=fraud".to_owned(),
        format!("--input={}", bundled_folder().unwrap().join("request.json").display()),
        format!("--keep-receipts={}", folder.display()),
    ];
    let output = scene.command("infer", &arguments).await.unwrap();
    assert_eq!(output.code, 0, "{}", output.stderr);
}

pub(super) fn kept_files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

/// A record of the first boot.
fn record(lines: &mut [Value], number: u64) -> &mut Value {
    lines.iter_mut().find(|line| line["kind"] == "record" && line["number"] == number).unwrap()
}

/// The same field with its last byte changed.
fn flipped(field: &Value) -> Value {
    let mut bytes = STANDARD.decode(field.as_str().unwrap()).unwrap();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    STANDARD.encode(bytes).into()
}

fn is(line: &Value, kind: &str) -> bool {
    line["kind"] == kind
}

pub(super) async fn a_record_dropped() -> Found {
    Log::of_a_boot().await.judged(|lines| lines.retain(|line| line["number"] != 2), &[]).await
}

pub(super) async fn records_reordered() -> Found {
    let swap = |lines: &mut Vec<Value>| {
        let (two, three) = (record(lines, 2)["sealed"].clone(), record(lines, 3)["sealed"].clone());
        record(lines, 2)["sealed"] = three;
        record(lines, 3)["sealed"] = two;
    };
    Log::of_a_boot().await.judged(swap, &[]).await
}

pub(super) async fn a_record_changed() -> Found {
    let change = |lines: &mut Vec<Value>| {
        let record = record(lines, 2);
        record["sealed"] = flipped(&record["sealed"]);
    };
    Log::of_a_boot().await.judged(change, &[]).await
}

pub(super) async fn a_record_doubled() -> Found {
    let double = |lines: &mut Vec<Value>| {
        let three = record(lines, 3)["sealed"].clone();
        record(lines, 2)["sealed"] = three;
    };
    Log::of_a_boot().await.judged(double, &[]).await
}

pub(super) async fn a_log_forked() -> Found {
    let fork = |lines: &mut Vec<Value>| {
        let mut other = record(lines, 2).clone();
        other["sealed"] = flipped(&other["sealed"]);
        lines.push(other);
    };
    Log::of_a_boot().await.judged(fork, &[]).await
}

pub(super) async fn an_end_cut_off() -> Found {
    let cut = |lines: &mut Vec<Value>| lines.retain(|line| line["number"].as_u64() < Some(3));
    Log::of_a_boot().await.judged(cut, &[]).await
}

/// Nothing in the log shows it, but a receipt of the answer does.
pub(super) async fn an_end_cut_off_with_checkpoints() -> Found {
    let log = Log::of_a_boot().await;
    let (private, _) = log.scene.owner.audit_key().await.unwrap();
    let mut held: Vec<_> =
        log.receipts.iter().map(|receipt| format!("--receipt={}", receipt.display())).collect();
    held.push(format!("--key={}", private.display()));
    let cut = |lines: &mut Vec<Value>| {
        lines.retain(|line| !is(line, "checkpoint") && line["number"].as_u64() < Some(1));
    };
    log.judged(cut, &held).await
}

pub(super) async fn a_log_without_its_opening() -> Found {
    Log::of_a_boot().await.judged(|lines| lines.retain(|line| !is(line, "log")), &[]).await
}

pub(super) async fn an_empty_log() -> Found {
    Log::of_a_boot().await.judged(Vec::clear, &[]).await
}

/// The boot of the first line, or of the last.
fn boot(lines: &[Value], first: bool) -> Value {
    let line = if first { lines.first() } else { lines.last() };
    line.unwrap()["boot"].clone()
}

async fn without_a_boot(first: bool) -> Found {
    let log = Log::of_two_boots().await;
    let trail = log.scene.file("cloudtrail.json");
    fs::write(&trail, log.scene.ground.kms.cloudtrail()).unwrap();
    let held = [format!("--cloudtrail={}", trail.display())];
    let leave_out = |lines: &mut Vec<Value>| {
        let boot = boot(lines, first);
        lines.retain(|line| line["boot"] != boot);
    };
    log.judged(leave_out, &held).await
}

pub(super) async fn a_boot_left_out() -> Found {
    without_a_boot(true).await
}

pub(super) async fn the_last_boot_left_out() -> Found {
    without_a_boot(false).await
}

/// Puts what another boot has of this kind in the place of the last boot's.
async fn of_another_boot(kind: &'static str) -> Found {
    let put = |lines: &mut Vec<Value>| {
        let last = boot(lines, false);
        let mut foreign = lines.iter().find(|line| is(line, kind)).unwrap().clone();
        foreign["boot"] = last.clone();
        if kind == "log" {
            lines.retain(|line| !is(line, kind) || line["boot"] != last);
        }
        lines.push(foreign);
    };
    Log::of_two_boots().await.judged(put, &[]).await
}

pub(super) async fn an_opening_of_another_boot() -> Found {
    of_another_boot("log").await
}

pub(super) async fn a_checkpoint_of_another_boot() -> Found {
    of_another_boot("checkpoint").await
}

pub(super) async fn a_checkpoint_changed() -> Found {
    let change = |lines: &mut Vec<Value>| {
        let checkpoint = lines.iter_mut().find(|line| is(line, "checkpoint")).unwrap();
        checkpoint["document"] = flipped(&checkpoint["document"]);
    };
    Log::of_a_boot().await.judged(change, &[]).await
}
