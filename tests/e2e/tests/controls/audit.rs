//! Receipts and the audit log: what holds, and what shows when the host tampers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use strongroom_e2e::Stage;
use strongroom_link::Mux;
use strongroom_proto::Code;
use strongroom_proto::frame::Kind;
use strongroom_seal::message::Ask;
use strongroom_sim::world::{
    HostOptions, HostProcess, Output, READY, bundled_folder, bundled_model, wait_for,
};

use super::{Caller, FRAUD, key_entry, key_file, payments, sha256, stage};

/// Longer than an enclave takes to hand its records over.
const HANDED_OVER: Duration = Duration::from_secs(4);

fn policy() -> String {
    "audit_key = \"AUDIT\"\n".to_owned()
        + FRAUD
        + "[role.auditor]\noperations = [\"audit\", \"status\"]\n"
        + &key_entry(1, "")
        + &key_entry(2, "role = \"auditor\"")
}

/// A command that goes to no enclave, with the simulation's trust file.
async fn offline(stage: &Stage, arguments: &[&str], trust: bool) -> Output {
    let mut all: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    if trust {
        all.push(format!("--trust={}", stage.ground.layout.trust().display()));
    }
    let state = stage.ground.layout.owner("client-state").display().to_string();
    stage.binaries.strongroom(all, &[("XDG_STATE_HOME", state.as_str())]).await.unwrap()
}

/// `audit boots`.
pub(super) async fn boots(stage: &Stage, log: &Path, trail: &Path) -> Output {
    let (log, trail) = (format!("--log={}", log.display()), format!("--cloudtrail={}", trail.display()));
    offline(stage, &["audit", "boots", &log, &trail], true).await
}

async fn verify(stage: &Stage, log: &Path, more: &[String]) -> Output {
    let log = format!("--log={}", log.display());
    let mut arguments = vec!["audit", "verify", log.as_str()];
    arguments.extend(more.iter().map(String::as_str));
    offline(stage, &arguments, true).await
}

/// A copy of the host's log that a test may damage.
fn copy(stage: &Stage, name: &str, change: &str) -> PathBuf {
    let (from, to) = (stage.ground.layout.kept().join("audit.db"), stage.ground.layout.owner(name));
    let original = rusqlite::Connection::open(from).unwrap();
    original.execute("VACUUM INTO ?1", [to.display().to_string()]).unwrap();
    let copy = rusqlite::Connection::open(&to).unwrap();
    copy.pragma_update(None, "user_version", 1).unwrap();
    copy.execute_batch(change).unwrap();
    to
}

/// `infer` with the shipped command, which keeps receipts and evidence in a folder.
async fn infer_keeping(stage: &Stage, folder: &Path) -> Output {
    let arguments = [
        format!("--api-key=@{}", key_file(stage, 1).display()),
        "--model=fraud".to_owned(),
        format!("--input={}", bundled_folder().unwrap().join("request.json").display()),
        format!("--keep-receipts={}", folder.display()),
    ];
    stage.command("infer", &arguments).await.unwrap()
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    files.sort();
    files
}

#[tokio::test]
async fn receipts_verify_offline_and_say_how_the_answer_was_treated() {
    let stage = stage(policy()).await;
    let folder = stage.ground.layout.owner("receipts");
    std::fs::create_dir(&folder).unwrap();
    assert_eq!(infer_keeping(&stage, &folder).await.code, 0);
    let (receipt, evidence) = (files(&folder, "receipt").remove(0), files(&folder, "evidence").remove(0));
    let evidence_arg = format!("--evidence={}", evidence.display());
    let receipt_arg = receipt.display().to_string();
    let good = offline(&stage, &["receipt", "verify", &receipt_arg, &evidence_arg], true).await;
    assert_eq!(good.code, 0, "{}{}", good.stdout, good.stderr);
    assert!(good.stdout.contains("PASS receipt-signature"), "{}", good.stdout);
    let mut damaged = std::fs::read(&receipt).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let path = stage.ground.layout.owner("damaged.receipt");
    std::fs::write(&path, damaged).unwrap();
    let path = path.display().to_string();
    let refused = offline(&stage, &["receipt", "verify", &path, &evidence_arg], true).await;
    assert_ne!(refused.code, 0);
    let untrusted = offline(&stage, &["receipt", "verify", &receipt_arg, &evidence_arg], false).await;
    assert_eq!(untrusted.code, 10, "AWS vouches for no simulation: {}", untrusted.stdout);
}

/// Every sealed answer makes one record, accepted or refused, and none says what was in it.
#[tokio::test]
async fn each_answer_is_recorded_once_and_the_owner_reads_it() {
    let stage = stage(policy()).await;
    let (caller, stranger) = (Caller::new(&stage, 1).await, Caller::new(&stage, 77).await);
    assert!(caller.infer("fraud", &payments(3)).await.outcome.is_ok());
    assert!(caller.infer("other", &payments(1)).await.outcome.is_err());
    assert!(stranger.infer("fraud", &payments(1)).await.outcome.is_err());
    tokio::time::sleep(HANDED_OVER).await;
    let (private, _) = stage.owner.audit_key().await.unwrap();
    let (log, key) = (copy(&stage, "copy.db", ""), format!("--key={}", private.display()));
    let shown =
        offline(&stage, &["audit", "show", "--json", &format!("--log={}", log.display()), &key], false).await;
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    // The release, two openings, two answers and one refusal of a key.
    assert_eq!(shown.stdout.lines().count(), 6, "{}", shown.stdout);
    assert!(shown.stdout.contains(&sha256(1)[..16]), "{}", shown.stdout);
    let by_key = format!("--key-sha256={}", sha256(1));
    let log_arg = format!("--log={}", log.display());
    let own = offline(&stage, &["audit", "show", "--json", &log_arg, &key, &by_key], false).await;
    assert_eq!(own.stdout.lines().count(), 3, "{}", own.stdout);
    let sealed: Vec<u8> = rusqlite::Connection::open(&log)
        .unwrap()
        .query_row("SELECT group_concat(hex(sealed), '') FROM record", [], |row| row.get::<_, String>(0))
        .map(|text| hex::decode(text).unwrap())
        .unwrap();
    assert!(!sealed.windows(5).any(|window| window == b"fraud"), "the host reads nothing");
    let verdict = verify(&stage, &log, &[key]).await;
    assert_eq!(verdict.code, 0, "{}{}", verdict.stdout, verdict.stderr);
    let out = stage.ground.layout.owner("export.jsonl");
    let exported = offline(
        &stage,
        &[
            "audit",
            "export",
            &format!("--log={}", log.display()),
            &format!("--key={}", private.display()),
            &format!("--out={}", out.display()),
        ],
        false,
    )
    .await;
    assert_eq!((exported.code, std::fs::read_to_string(out).unwrap().lines().count()), (0, 6));
}

#[tokio::test]
async fn a_log_that_was_tampered_with_is_refused() {
    let stage = stage(policy()).await;
    let caller = Caller::new(&stage, 1).await;
    for _ in 0..5 {
        assert!(caller.infer("fraud", &payments(1)).await.outcome.is_ok());
    }
    tokio::time::sleep(HANDED_OVER).await;
    let intact = copy(&stage, "intact.db", "");
    assert_eq!(verify(&stage, &intact, &[]).await.code, 0, "without any key");
    for (name, change, found) in [
        ("deleted", "DELETE FROM record WHERE number = 2", "gap"),
        ("changed", "UPDATE record SET sealed = randomblob(512) WHERE number = 3", "checkpoint"),
        (
            "reordered",
            "UPDATE record SET number = 1000 WHERE number = 2; UPDATE record SET number = 2 WHERE number = 3;
             UPDATE record SET number = 3 WHERE number = 1000",
            "checkpoint",
        ),
        ("opening", "UPDATE log SET opening = randomblob(100)", "opening"),
    ] {
        let damaged = copy(&stage, &format!("{name}.db"), change);
        let verdict = verify(&stage, &damaged, &[]).await;
        assert_ne!(verdict.code, 0, "{name}: {}", verdict.stdout);
        assert!(verdict.stdout.contains(found), "{name}: {}", verdict.stdout);
    }
}

/// A cut end and a boot that is left out are invisible in the log alone. A receipt, a signed head and the calls
/// of KMS show them.
#[tokio::test]
async fn cut_tails_and_missing_boots_show_against_receipts_heads_and_kms() {
    let mut stage = stage(policy()).await;
    let folder = stage.ground.layout.owner("receipts");
    std::fs::create_dir(&folder).unwrap();
    assert_eq!(infer_keeping(&stage, &folder).await.code, 0);
    let head = stage.ground.layout.owner("head.cose");
    let asked = offline(
        &stage,
        &[
            "audit",
            "head",
            &format!("--url={}", stage.host.url()),
            &format!("--api-key=@{}", key_file(&stage, 2).display()),
            &format!("--out={}", head.display()),
        ],
        true,
    )
    .await;
    assert_eq!(asked.code, 0, "{}", asked.stderr);
    tokio::time::sleep(HANDED_OVER).await;
    let (private, _) = stage.owner.audit_key().await.unwrap();
    let key = format!("--key={}", private.display());
    let receipts: Vec<String> =
        files(&folder, "receipt").iter().map(|path| format!("--receipt={}", path.display())).collect();
    let head = format!("--head={}", head.display());
    let with_receipts: Vec<String> = [vec![key.clone()], receipts].concat();
    let intact = copy(&stage, "intact.db", "");
    assert_eq!(verify(&stage, &intact, &with_receipts).await.code, 0);
    assert_eq!(verify(&stage, &intact, std::slice::from_ref(&head)).await.code, 0);
    let cut = "DELETE FROM record WHERE number >= 1; DELETE FROM checkpoint WHERE records > 1";
    let cut = copy(&stage, "cut.db", cut);
    let blind = verify(&stage, &cut, &[]).await;
    assert_eq!(blind.code, 0, "nothing in the log shows it: {}", blind.stdout);
    for held in [&with_receipts, &vec![head.clone()]] {
        let shown = verify(&stage, &cut, held).await;
        assert_eq!(shown.code, 14, "{}{}", shown.stdout, shown.stderr);
    }
    stage.restart_enclave().await.unwrap();
    assert!(Caller::new(&stage, 1).await.infer("fraud", &payments(1)).await.outcome.is_ok());
    tokio::time::sleep(HANDED_OVER).await;
    let trail = stage.ground.layout.owner("cloudtrail.json");
    std::fs::write(&trail, stage.ground.kms.cloudtrail()).unwrap();
    let both = copy(&stage, "both.db", "");
    let counted = boots(&stage, &both, &trail).await;
    assert_eq!(counted.code, 0, "{}{}", counted.stdout, counted.stderr);
    let last = "(SELECT boot FROM log ORDER BY boot LIMIT 1)";
    let hidden = copy(
        &stage,
        "hidden.db",
        &format!(
            "CREATE TEMP TABLE gone AS SELECT {last} AS boot;
             DELETE FROM record WHERE boot IN (SELECT boot FROM gone);
             DELETE FROM checkpoint WHERE boot IN (SELECT boot FROM gone);
             DELETE FROM log WHERE boot IN (SELECT boot FROM gone)"
        ),
    );
    let missing = boots(&stage, &hidden, &trail).await;
    assert_eq!(missing.code, 14, "{}{}", missing.stdout, missing.stderr);
}

/// An owner who names no audit key has no log.
#[tokio::test]
async fn without_an_audit_key_nothing_is_recorded() {
    let stage = stage(FRAUD.to_owned() + &key_entry(1, "")).await;
    let caller = Caller::new(&stage, 1).await;
    let got = caller.infer("fraud", &payments(1)).await;
    assert_eq!((got.outcome.is_ok(), got.receipt.audit), (true, None));
    tokio::time::sleep(HANDED_OVER).await;
    assert!(
        !stage.ground.layout.kept().join("audit.db").exists() || {
            let log = rusqlite::Connection::open(stage.ground.layout.kept().join("audit.db")).unwrap();
            log.query_row("SELECT count(*) FROM record", [], |row| row.get::<_, i64>(0)).unwrap() == 0
        }
    );
}

#[tokio::test]
async fn operators_ask_for_status_and_nothing_else() {
    let stage = stage(policy()).await;
    let arguments = [format!("--api-key=@{}", key_file(&stage, 2).display()), "--json".to_owned()];
    let status = stage.command("status", &arguments).await.unwrap();
    assert_eq!(status.code, 0, "{}", status.stderr);
    let told: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(told["epoch"], 1, "{}", status.stdout);
    let refused = Caller::new(&stage, 2).await.infer("fraud", &payments(1)).await;
    assert!(refused.outcome.is_err());
    let auditor = Caller::new(&stage, 2).await.ask(&Ask::Audit).await;
    assert!(auditor.outcome.is_ok());
    let arguments = [format!("--api-key=@{}", key_file(&stage, 1).display())];
    assert_eq!(stage.command("status", &arguments).await.unwrap().code, 30, "not for a client");
}

/// A host that keeps no records gets answers while the enclave has room for records, and none beyond.
#[tokio::test]
async fn answers_stop_when_the_host_keeps_no_records_and_go_on_when_it_does() {
    const ROOM: usize = 16_384;
    let mut stage = stage(policy()).await;
    let auditor = Caller::new(&stage, 2).await;
    tokio::time::sleep(HANDED_OVER).await;
    stage.host.stop().await;
    let stream = stage.sockets.endpoint("enclave").connect(HANDED_OVER).await.unwrap();
    let enclave = Mux::new(stream);
    let ask = Ask::Status.encode().unwrap();
    let mut answered = 0;
    let refused = loop {
        // A few at once, as the window of a session allows.
        let messages = (0..32).map(|_| auditor.session.seal(&ask).unwrap().0);
        let calls = messages.map(|message| {
            let enclave = enclave.clone();
            tokio::spawn(async move { enclave.call(Kind::Message, message.into(), HANDED_OVER).await })
        });
        let mut codes = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            codes.push(call.await.unwrap().unwrap().into_coded().unwrap().0);
        }
        answered += codes.iter().filter(|code| **code == Code::Ok).count();
        assert!(answered <= ROOM + 64, "an answer without room for its record");
        if let Some(code) = codes.into_iter().find(|code| *code != Code::Ok) {
            break code;
        }
    };
    assert_eq!(refused, Code::Busy);
    assert!(answered > ROOM - 64, "{answered}");
    drop(enclave);
    stage.host = HostProcess::start(&stage.binaries, &stage.ground, &stage.sockets, &HostOptions::default())
        .await
        .unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    let answers = async || stage.client().unwrap().with_key(super::key(2)).session().await.is_some();
    assert!(wait_for(READY, answers).await, "records are handed over and answers go on");
}

/// A release with another audit key begins another log. Both are whole, each opens with its own key, and the second
/// names the first.
#[tokio::test]
async fn another_audit_key_begins_another_log_and_no_record_is_lost() {
    let stage = stage(policy()).await;
    assert!(Caller::new(&stage, 1).await.infer("fraud", &payments(1)).await.outcome.is_ok());
    let (first, _) = stage.owner.audit_key().await.unwrap();
    let second = stage.ground.layout.owner("second.key");
    let keygen = format!("--out={}", second.display());
    assert_eq!(offline(&stage, &["keygen", "--audit", &keygen], false).await.code, 0);
    let public = stage.ground.layout.owner("second.pub").display().to_string();
    let model = vec![bundled_model().unwrap()];
    stage.swap(2, &policy().replace("AUDIT", &public), model).await.unwrap();
    let after = Caller::new(&stage, 1).await.infer("fraud", &payments(1)).await;
    assert!(after.outcome.is_ok() && after.receipt.audit.is_some());
    tokio::time::sleep(HANDED_OVER).await;
    let log = copy(&stage, "copy.db", "");
    let verdict = verify(&stage, &log, &[]).await;
    assert_eq!(verdict.code, 0, "{}{}", verdict.stdout, verdict.stderr);
    assert!(verdict.stdout.contains("2 logs"), "{}", verdict.stdout);
    let counted = rusqlite::Connection::open(&log).unwrap();
    let records = |segment: i64| {
        let sql = "SELECT count(*) FROM record WHERE segment = ?1";
        counted.query_row(sql, [segment], |row| row.get::<_, i64>(0)).unwrap()
    };
    // Of each the release, an opening and an answer.
    assert_eq!((records(0), records(1)), (3, 3));
    for (key, segment) in [(&first, "\"segment\":0"), (&second, "\"segment\":1")] {
        let arguments = [format!("--log={}", log.display()), format!("--key={}", key.display())];
        let shown = offline(&stage, &["audit", "show", "--json", &arguments[0], &arguments[1]], false).await;
        let read: Vec<_> = shown.stdout.lines().filter(|line| !line.contains("\"unreadable\"")).collect();
        assert!(read.len() == 3 && read.iter().all(|line| line.contains(segment)), "{}", shown.stdout);
    }
}
