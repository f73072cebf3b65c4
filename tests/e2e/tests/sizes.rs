//! What the size of an answer tells the host: which size class was asked, and nothing of what came of it.
//!
//! Every outcome that a caller can bring about is brought about many times in two size classes, and the length of the
//! HTTP body, which is that of the frame between host and enclave, is the same for all of them.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_e2e::{Stage, StageOptions, random};
use strongroom_seal::message::{Ask, Limited, Refusal, RequestId};
use strongroom_sim::world::{ModelSource, READY, bundled_model};

use crate::controls::{Caller, FRAUD, Got, key, key_entry, payments, request};

/// Requests of each kind in each size class.
const TIMES: usize = 5;

/// Requests of rows unlike the data after which a key is suspended.
const MAX_UNLIKE: u16 = 100;

/// Rows of a request of either size class: both within one power of two, whatever is added to it.
const ROWS: [usize; 2] = [2, 20];

/// What a refusal is, without what it says of this request.
fn kind(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Key => "key",
        Refusal::Model => "model",
        Refusal::Malformed => "malformed",
        Refusal::Input(_) => "input",
        Refusal::AnswerSize => "answer size",
        Refusal::Failed => "failed",
        Refusal::InFlight => "in flight",
        Refusal::Operation => "operation",
        Refusal::Limit { what: Limited::KeyRate, .. } => "rate of the key",
        Refusal::Limit { what: Limited::OrganisationRate, .. } => "rate of the organisation",
        Refusal::Limit { what: Limited::ServiceRate, .. } => "rate of the service",
        Refusal::Limit { what: Limited::DailyRows, .. } => "rows of the day",
        Refusal::Limit { what: Limited::Rows, .. } => "rows",
        Refusal::Limit { what: Limited::Bits, .. } => "bits",
        Refusal::Limit { what: Limited::DailyBits, .. } => "bits of the day",
        Refusal::Limit { what: Limited::Burst, .. } => "burst",
        Refusal::Frozen { .. } => "frozen",
        Refusal::OutOfDistribution { .. } => "out of distribution",
        Refusal::Suspended { .. } => "suspended",
    }
}

/// The keys of the policy, each with what it is there for.
const FREE: u8 = 1;
const SPENT: &[(u8, &str, &str)] = &[
    (2, "rate = { rows = 1, seconds = 86400, burst = 20 }", "rate of the key"),
    (3, "rate = { rows = 1, seconds = 86400, burst = 1 }", "burst"),
    (4, "rows = 1", "rows"),
    (5, "rows_per_day = 1", "rows of the day"),
    (6, "bits = 1", "bits"),
    (7, "bits_per_day = 1", "bits of the day"),
];
const FROZEN: u8 = 10;
const FROZEN_WITH_ALL: u8 = 11;
const EXPIRED: u8 = 12;
const OPERATOR: u8 = 13;
const OTHER_MODEL: u8 = 14;
const ORGANISED: u8 = 15;
const SUSPECT: u8 = 16;
const COARSE: u8 = 17;
const UNLISTED: u8 = 99;

fn policy() -> String {
    let roles = SPENT.iter().map(|(number, limit, _)| format!("[role.spent-{number}]\n{limit}\n"));
    let keys = SPENT.iter().map(|(number, ..)| key_entry(*number, &format!("role = \"spent-{number}\"")));
    let tables = "[model.cold]\nlabel = [\"label\"]\nprobabilities = [\"probabilities\"]\nfrozen_until = 2099-01-01T00:00:00Z\n\
                  [model.slow]\nrate = { rows = 1, seconds = 86400, burst = 20 }\n\
                  [model.watched.watch]\nprofile = \"PROFILE\"\nunlike = \"refused\"\nreacts = true\n\
                  [role.client]\n[role.operator]\noperations = [\"status\"]\n\
                  [role.narrow]\nmodels = { cold = \"label_only\" }\n\
                  [role.coarse]\nmodels = { fraud = \"label_only\" }\n\
                  [organisation.ice]\nfrozen_until = 2099-01-01T00:00:00Z\n\
                  [organisation.tight]\nrate = { rows = 1, seconds = 86400, burst = 20 }\n";
    let watched = "[model.watched]\nlabel = [\"label\"]\nprobabilities = [\"probabilities\"]\n";
    let listed = key_entry(FREE, "")
        + &key_entry(FROZEN, "frozen_until = 2099-01-01T00:00:00Z")
        + &key_entry(FROZEN_WITH_ALL, "organisation = \"ice\"")
        + &key_entry(EXPIRED, "not_after = 2020-01-01T00:00:00Z")
        + &key_entry(OPERATOR, "role = \"operator\"")
        + &key_entry(OTHER_MODEL, "role = \"narrow\"")
        + &key_entry(ORGANISED, "organisation = \"tight\"")
        + &key_entry(SUSPECT, "")
        + &key_entry(COARSE, "role = \"coarse\"");
    let audit = "audit_key = \"AUDIT\"\n".to_owned();
    audit + FRAUD + watched + tables + &roles.collect::<String>() + &keys.collect::<String>() + &listed
}

/// Sizes that the host saw, by what came of it.
#[derive(Default)]
struct Seen(BTreeMap<&'static str, BTreeSet<usize>>);

impl Seen {
    #[track_caller]
    fn note(&mut self, expected: &'static str, got: &Got) {
        let came = got.outcome.as_ref().map_or_else(kind, |_| expected);
        assert_eq!(came, expected);
        self.0.entry(expected).or_default().insert(got.bytes);
    }

    fn sizes(&self) -> BTreeSet<usize> {
        self.0.values().flatten().copied().collect()
    }
}

/// The bundled model under every name of the policy: one bound for all of them.
async fn serving() -> Stage {
    let model =
        |name: &str| ModelSource { id: format!("{name}@1").parse().unwrap(), ..bundled_model().unwrap() };
    let models = ["fraud", "cold", "slow", "watched"].map(model).to_vec();
    let options = StageOptions { models: Some(models), policy: Some(policy()), ..StageOptions::default() };
    let stage = Stage::set(options).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    stage
}

/// What is answered, and what is refused for what it asks.
async fn by_content(caller: &Caller, rows: usize, seen: &mut Seen) {
    let rows = payments(2000).chunks(rows).map(<[Vec<f32>]>::to_vec).collect::<Vec<_>>();
    let ask = async |name: &str, rows: &[Vec<f32>]| caller.infer(name, rows).await;
    for rows in rows.iter().take(TIMES) {
        let got = ask("fraud", rows).await;
        assert!(got.outcome.is_ok());
        seen.note("answered", &got);
        seen.note("model", &ask("other", rows).await);
        seen.note("frozen", &ask("cold", rows).await);
        let mut odd = rows.clone();
        odd[0][7] = f32::NAN;
        seen.note("input", &ask("fraud", &odd).await);
        let mut narrow = request("fraud", rows);
        narrow.inputs[0].shape = vec![30, rows.len() as u64];
        seen.note("input", &caller.ask(&Ask::Infer(narrow)).await);
        let mut older = request("fraud", rows);
        older.version = Some("7".parse().unwrap());
        seen.note("model", &caller.ask(&Ask::Infer(older)).await);
        let twice = RequestId::new(random());
        for _ in 0..2 {
            let repeated = strongroom_seal::message::Request { id: twice, ..request("fraud", rows) };
            seen.note("answered again", &caller.ask(&Ask::Infer(repeated)).await);
        }
    }
}

#[tokio::test]
async fn of_one_size_class_every_outcome_has_one_size() {
    let stage = serving().await;
    let mut all = Vec::new();
    for rows in ROWS {
        let mut seen = Seen::default();
        by_content(&Caller::new(&stage, FREE).await, rows, &mut seen).await;
        by_caller(&stage, rows, &mut seen).await;
        by_use(&stage, rows, &mut seen).await;
        println!("{rows} rows: {:?}", seen.0);
        assert_eq!(seen.sizes().len(), 1, "{rows} rows: {:?}", seen.0);
        all.push(seen);
    }
    let kinds: BTreeSet<_> = all.iter().flat_map(|seen| seen.0.keys().copied()).collect();
    assert!(kinds.len() >= 18, "only {kinds:?}");
    assert_ne!(all[0].sizes(), all[1].sizes(), "two size classes are not told apart by this search");
}

/// What is refused for who asks.
async fn by_caller(stage: &Stage, rows: usize, seen: &mut Seen) {
    let rows = payments(rows);
    for (number, expected) in [
        (FROZEN, "frozen"),
        (FROZEN_WITH_ALL, "frozen"),
        (EXPIRED, "key"),
        (UNLISTED, "key"),
        (OPERATOR, "operation"),
        (OTHER_MODEL, "model"),
        (COARSE, "answered with labels alone"),
    ] {
        let caller = Caller::new(stage, number).await;
        for _ in 0..TIMES {
            seen.note(expected, &caller.infer("fraud", &rows).await);
        }
    }
}

/// What is refused for how much was asked, and for what was asked before.
async fn by_use(stage: &Stage, rows: usize, seen: &mut Seen) {
    let rows = payments(rows);
    for (number, _, expected) in SPENT {
        let caller = Caller::new(stage, *number).await;
        if *expected == "rate of the key" {
            // What its burst lets pass; the second time nothing is left.
            caller.infer("fraud", &payments(20)).await;
        }
        for _ in 0..TIMES {
            seen.note(expected, &caller.infer("fraud", &rows).await);
        }
    }
    let tight = Caller::new(stage, ORGANISED).await;
    let free = Caller::new(stage, FREE).await;
    tight.infer("fraud", &payments(20)).await;
    free.infer("slow", &payments(20)).await;
    for _ in 0..TIMES {
        seen.note("rate of the organisation", &tight.infer("fraud", &rows).await);
        seen.note("rate of the service", &free.infer("slow", &rows).await);
    }
    suspended(stage, &rows, seen).await;
}

/// Rows unlike the data, until the key is suspended and for some more.
async fn suspended(stage: &Stage, rows: &[Vec<f32>], seen: &mut Seen) {
    let suspect = Caller::new(stage, SUSPECT).await;
    let mut left = TIMES;
    for times in 1..=MAX_UNLIKE {
        let apart = f32::from(times) * 1000.0;
        let far: Vec<Vec<f32>> =
            rows.iter().map(|row| row.iter().map(|value| -3.0 * value - apart).collect()).collect();
        let got = suspect.infer("watched", &far).await;
        if matches!(got.outcome, Err(Refusal::OutOfDistribution { .. })) {
            seen.note("out of distribution", &got);
            continue;
        }
        seen.note("suspended", &got);
        left -= 1;
        if left == 0 {
            return;
        }
    }
    panic!("the key was not suspended");
}

/// A session that opens with a request, and one without, whoever opens it. What asks no model has the size of its own class.
#[tokio::test]
async fn openings_and_questions_about_the_enclave_have_one_size_too() {
    let stage = serving().await;
    let open = async |number: u8, asked: &[u8]| {
        let client = stage.client().unwrap().with_key(key(number));
        let opened = client.open(client.verify().await.unwrap(), asked).unwrap();
        let reply = client.send(&opened.message).await;
        assert_eq!(reply.status, 200);
        reply.body.len()
    };
    let infer = Ask::Infer(request("fraud", &payments(2))).encode().unwrap();
    let (status, audit) = (Ask::Status.encode().unwrap(), Ask::Audit.encode().unwrap());
    let asked: [&[u8]; 5] = [&[], &infer, &status, &audit, b"not a question"];
    let mut sizes = BTreeSet::new();
    for asked in asked {
        for number in [FREE, FROZEN, OPERATOR, EXPIRED, UNLISTED, 4] {
            sizes.insert(open(number, asked).await);
        }
    }
    assert_eq!(sizes.len(), 1, "{sizes:?}");
}
