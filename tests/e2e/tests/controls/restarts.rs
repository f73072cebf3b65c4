//! Counters over boots: they go on with an honest host, and with a dishonest one no more is let out than
//! allowance × boots.

use std::time::Duration;

use strongroom_e2e::Stage;
use strongroom_seal::message::Ask;

use super::{Caller, FRAUD, key_entry, payments, stage};

/// Longer than an enclave takes to hand its counters over.
const HANDED_OVER: Duration = Duration::from_secs(4);

const ALLOWANCE: u64 = 10;

fn policy() -> String {
    let role = format!("[role.trial]\nrows = {ALLOWANCE}\noperations = [\"infer\", \"audit\"]\n");
    "audit_key = \"AUDIT\"\n".to_owned() + FRAUD + &role + &key_entry(1, "role = \"trial\"")
}

/// Asks row by row until the quota ends.
async fn drain(stage: &Stage) -> u64 {
    let caller = Caller::new(stage, 1).await;
    let mut rows = 0;
    while caller.infer("fraud", &payments(1)).await.outcome.is_ok() {
        rows += 1;
        assert!(rows <= ALLOWANCE, "more than the allowance of a boot");
    }
    rows
}

#[tokio::test]
async fn an_honest_restart_goes_on_counting() {
    let mut stage = stage(policy()).await;
    let caller = Caller::new(&stage, 1).await;
    let got = caller.infer("fraud", &payments(7)).await;
    assert_eq!(got.receipt.budget.rows, Some(3));
    tokio::time::sleep(HANDED_OVER).await;
    stage.restart_enclave().await.unwrap();
    assert_eq!(drain(&stage).await, 3);
    let after = Caller::new(&stage, 1).await.ask(&Ask::Audit).await;
    assert_ne!(after.receipt.boot, got.receipt.boot);
    assert!(after.receipt.index < Some(10), "receipts are numbered anew");
}

/// A host that withholds the state, hands over an old one, or garbage: each boot lets its allowance out again
/// at most, and each boot shows in KMS.
#[tokio::test]
async fn a_dishonest_host_gets_allowance_times_boots_and_every_boot_shows() {
    let mut stage = stage(policy()).await;
    let kept = stage.ground.layout.kept();
    let state = kept.join("state.sealed");
    let mut total = drain(&stage).await;
    tokio::time::sleep(HANDED_OVER).await;
    let full = std::fs::read(&state).unwrap();
    let mut boots = 1;
    for handed in [None, Some(b"garbage".to_vec()), Some(full[..full.len() - 1].to_vec())] {
        match handed {
            None => std::fs::remove_file(&state).unwrap(),
            Some(bytes) => std::fs::write(&state, bytes).unwrap(),
        }
        stage.restart_enclave().await.unwrap();
        total += drain(&stage).await;
        boots += 1;
        assert!(total <= ALLOWANCE * boots);
        tokio::time::sleep(HANDED_OVER).await;
    }
    assert_eq!(total, ALLOWANCE * boots, "the bound is reached, and not passed");
    std::fs::write(&state, &full).unwrap();
    stage.restart_enclave().await.unwrap();
    assert_eq!(drain(&stage).await, 0, "what the first boot left says that nothing is left");
    boots += 1;
    let trail = stage.ground.layout.owner("cloudtrail.json");
    std::fs::write(&trail, stage.ground.kms.cloudtrail()).unwrap();
    tokio::time::sleep(HANDED_OVER).await;
    let counted = super::audit::boots(&stage, &kept.join("audit.db"), &trail).await;
    assert_eq!(counted.code, 0, "{}{}", counted.stdout, counted.stderr);
    let bound =
        format!("{boots} boots, replicas included: in total at most {boots} times the allowance of one boot");
    assert!(counted.stdout.contains(&bound), "{bound}: {}", counted.stdout);
}

/// Without an audit log, too, the host cannot tell by the hand-over of state whether a request was charged.
#[tokio::test]
async fn state_is_handed_over_after_any_answer_and_no_other_time() {
    let stage = stage(FRAUD.to_owned() + &key_entry(1, "")).await;
    let (accepted, stranger) = (Caller::new(&stage, 1).await, Caller::new(&stage, 77).await);
    let state = || std::fs::read(stage.ground.layout.kept().join("state.sealed")).unwrap();
    for (caller, is_answered) in [(&accepted, true), (&stranger, false)] {
        tokio::time::sleep(HANDED_OVER).await;
        let before = state();
        tokio::time::sleep(HANDED_OVER).await;
        assert!(state() == before, "nothing was asked");
        let got = caller.infer("fraud", &payments(1)).await;
        assert_eq!(got.outcome.is_ok(), is_answered);
        tokio::time::sleep(HANDED_OVER).await;
        let after = state();
        assert!(after != before && after.len() == before.len(), "answered or refused, it looks the same");
    }
}
