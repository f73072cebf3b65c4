//! How much: rates, quotas and budgets of key, organisation, model and enclave.

use strongroom_seal::message::{Limited, Refusal};

use super::{Caller, FRAUD, key_entry, payments, stage};

fn limit(refusal: &Refusal) -> (Limited, Option<u64>) {
    match refusal {
        Refusal::Limit { what, retry_after_ms } => (*what, *retry_after_ms),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_keys_rate_counts_rows_and_says_when_to_retry() {
    let policy = FRAUD.to_owned()
        + "[role.slow]\nrate = { rows = 1, seconds = 60, burst = 5 }\n[role.free]\n"
        + &key_entry(1, "role = \"slow\"")
        + &key_entry(2, "role = \"free\"");
    let stage = stage(policy).await;
    let (slow, free) = (Caller::new(&stage, 1).await, Caller::new(&stage, 2).await);
    let first = slow.infer("fraud", &payments(4)).await;
    assert!(first.outcome.is_ok(), "{:?}", first.outcome.err());
    let refused = slow.infer("fraud", &payments(2)).await;
    let (what, retry) = limit(refused.refusal());
    assert_eq!(what, Limited::KeyRate);
    assert!((1..=60_000).contains(&retry.unwrap()), "{retry:?}");
    assert!(slow.infer("fraud", &payments(1)).await.outcome.is_ok(), "what is left still passes");
    assert_eq!(limit(slow.infer("fraud", &payments(6)).await.refusal()), (Limited::Burst, None));
    assert_eq!(refused.bytes, slow.infer("fraud", &payments(2)).await.bytes, "refusals look like answers");
    for _ in 0..4 {
        assert!(free.infer("fraud", &payments(6)).await.outcome.is_ok(), "no rate, no refusal");
    }
}

#[tokio::test]
async fn the_keys_of_an_organisation_share_its_allowance() {
    let policy = FRAUD.to_owned()
        + "[organisation.acme]\nrows_per_day = 6\n"
        + &key_entry(1, "organisation = \"acme\"")
        + &key_entry(2, "organisation = \"acme\"")
        + &key_entry(3, "");
    let stage = stage(policy).await;
    let callers = [Caller::new(&stage, 1).await, Caller::new(&stage, 2).await, Caller::new(&stage, 3).await];
    assert!(callers[0].infer("fraud", &payments(4)).await.outcome.is_ok());
    let refused = callers[1].infer("fraud", &payments(3)).await;
    let (what, retry) = limit(refused.refusal());
    assert_eq!(what, Limited::DailyRows);
    assert!(retry.unwrap() <= 24 * 3600 * 1000);
    assert!(callers[1].infer("fraud", &payments(2)).await.outcome.is_ok());
    assert!(callers[2].infer("fraud", &payments(8)).await.outcome.is_ok(), "of another organisation");
}

#[tokio::test]
async fn a_model_and_the_whole_enclave_have_rates_of_their_own() {
    for policy in [
        format!("{FRAUD}rate = {{ rows = 1, seconds = 60, burst = 4 }}\n"),
        format!("rate = {{ rows = 1, seconds = 60, burst = 4 }}\n{FRAUD}"),
    ] {
        let stage = stage(policy + &key_entry(1, "") + &key_entry(2, "")).await;
        let (one, two) = (Caller::new(&stage, 1).await, Caller::new(&stage, 2).await);
        assert!(one.infer("fraud", &payments(4)).await.outcome.is_ok());
        let (what, retry) = limit(two.infer("fraud", &payments(1)).await.refusal());
        assert_eq!((what, retry.unwrap() % 1000), (Limited::ServiceRate, 0), "in whole seconds alone");
    }
}

#[tokio::test]
async fn a_quota_of_rows_ends_and_receipts_say_what_is_left() {
    let policy = FRAUD.to_owned() + "[role.trial]\nrows = 10\n" + &key_entry(1, "role = \"trial\"");
    let stage = stage(policy).await;
    let caller = Caller::new(&stage, 1).await;
    let got = caller.infer("fraud", &payments(7)).await;
    assert_eq!((got.outcome.is_ok(), got.receipt.budget.rows), (true, Some(3)));
    let refused = caller.infer("fraud", &payments(4)).await;
    assert_eq!(limit(refused.refusal()), (Limited::Rows, None));
    assert_eq!(refused.receipt.budget.rows, Some(3), "a refusal costs nothing");
    assert!(caller.infer("fraud", &payments(3)).await.outcome.is_ok());
    let again = Caller::new(&stage, 1).await;
    assert_eq!(
        limit(again.infer("fraud", &payments(1)).await.refusal()).0,
        Limited::Rows,
        "in a new session, too"
    );
}

/// The same budget of bits lasts longer for coarser answers.
#[tokio::test]
async fn a_budget_of_bits_counts_what_the_treatment_lets_out() {
    let role = |name: &str, treatment: &str| {
        format!("[role.{name}]\nmodels = {{ fraud = \"{treatment}\" }}\nbits = 1000\n")
    };
    let policy = FRAUD.to_owned()
        + "[treatment.coarse]\ndecimals = 2\n"
        + &role("fine", "exact")
        + &role("rounded", "coarse")
        + &role("label", "label_only")
        + &key_entry(1, "role = \"fine\"")
        + &key_entry(2, "role = \"rounded\"")
        + &key_entry(3, "role = \"label\"");
    let stage = stage(policy).await;
    let mut rows = Vec::new();
    for number in 1..=3 {
        let caller = Caller::new(&stage, number).await;
        let mut answered = 0;
        while caller.infer("fraud", &payments(5)).await.outcome.is_ok() {
            answered += 5;
            assert!(answered <= 1000);
        }
        let last = caller.infer("fraud", &payments(5)).await;
        assert_eq!(limit(last.refusal()), (Limited::Bits, None));
        rows.push(answered);
    }
    // A row is a label of one bit beside two scores of 32 or 7 bits, or one bit more.
    assert_eq!(rows, [15, 65, 500]);
}
