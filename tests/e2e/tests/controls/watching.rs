//! Detectors: each is tripped by an attack, and not by an honest replay.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use strongroom_attestation::release::Coarseness;
use strongroom_e2e::{Stage, random};
use strongroom_seal::message::{Ask, Refusal, Request, RequestId};
use strongroom_sim::world::{Binaries, bundled_folder};

use super::{Caller, FRAUD, Got, key_entry, payments, request, stage};

/// The bundled model, watched so; keys 1 to `keys` with the role `client`.
fn watched(watch: &str, keys: u8) -> String {
    let mut policy = format!("{FRAUD}[model.fraud.watch]\nprofile = \"PROFILE\"\n{watch}\n[role.client]\n");
    for number in 1..=keys {
        policy += &key_entry(number, "");
    }
    policy
}

/// Numbers between 0 and 1 that look random, the same at every run.
struct Draws(u64);

impl Draws {
    fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// About normal: twelve uniform ones less six.
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.uniform()).sum::<f32>() - 6.0
    }
}

/// Standard deviations of the features.
fn deviations() -> Vec<f32> {
    let rows = payments(2000);
    (0..30)
        .map(|feature| {
            let mean = rows.iter().map(|row| row[feature]).sum::<f32>() / 2000.0;
            (rows.iter().map(|row| (row[feature] - mean).powi(2)).sum::<f32>() / 2000.0).sqrt()
        })
        .collect()
}

/// Copies of a row with noise of this many standard deviations.
fn jittered(row: &[f32], copies: usize, size: f32) -> Vec<Vec<f32>> {
    let (mut draws, deviations) = (Draws(7), deviations());
    let copy =
        |_| row.iter().zip(&deviations).map(|(value, scale)| value + size * scale * draws.normal()).collect();
    (0..copies).map(copy).collect()
}

/// Rows that no honest client sends: uniform over thirty deviations.
fn noise(count: usize) -> Vec<Vec<f32>> {
    let (mut draws, deviations) = (Draws(11), deviations());
    (0..count).map(|_| deviations.iter().map(|scale| 30.0 * scale * draws.uniform()).collect()).collect()
}

fn coarseness(got: &Got) -> Coarseness {
    got.receipt.treatment.unwrap().coarseness()
}

/// Asks row by row until the answer is another than an ordinary one; how many were asked.
async fn asked_until(caller: &Caller, rows: &[Vec<f32>], tripped: impl Fn(&Got) -> bool) -> Option<usize> {
    for (asked, row) in rows.iter().enumerate() {
        if tripped(&caller.infer("fraud", std::slice::from_ref(row)).await) {
            return Some(asked + 1);
        }
    }
    None
}

async fn honest_replay(stage: &Stage, number: u8, rows: &[Vec<f32>]) {
    let caller = Caller::new(stage, number).await;
    let mut refused = 0;
    for row in rows {
        let got = caller.infer("fraud", std::slice::from_ref(row)).await;
        match &got.outcome {
            Ok(_) => assert_eq!(coarseness(&got), Coarseness::Exact),
            Err(Refusal::OutOfDistribution { rows }) => {
                assert_eq!(rows, &[0]);
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused * 100 <= rows.len(), "{refused} of {} honest rows were refused", rows.len());
}

#[tokio::test]
async fn an_honest_replay_is_answered_as_ever() {
    let stage = stage(watched("unlike = \"refused\"\nreacts = true", 2)).await;
    honest_replay(&stage, 1, &payments(600)).await;
    let caller = Caller::new(&stage, 2).await;
    let batch = caller.infer("fraud", &payments(600)[100..400]).await;
    if batch.outcome.is_ok() {
        assert_eq!(coarseness(&batch), Coarseness::Exact);
    }
}

#[tokio::test]
async fn rows_unlike_the_data_are_refused_by_position_and_end_in_a_suspension() {
    let stage = stage(watched("unlike = \"refused\"\nreacts = true\nsuspension_seconds = 2", 3)).await;
    let rows = noise(60);
    let caller = Caller::new(&stage, 1).await;
    let mut mixed = payments(3);
    mixed[1] = rows[0].clone();
    let got = caller.infer("fraud", &mixed).await;
    assert_eq!(got.refusal(), &Refusal::OutOfDistribution { rows: vec![1] });
    assert_eq!(got.refusal().to_string(), "out of distribution: row 1");
    let suspended = |got: &Got| matches!(got.outcome, Err(Refusal::Suspended { .. }));
    let asked = asked_until(&caller, &rows, suspended).await.expect("suspended");
    assert!(asked <= 30, "{asked}");
    // Whatever it asks now; and nobody else.
    let honest = payments(1);
    let refused = caller.infer("fraud", &honest).await;
    assert!(matches!(refused.refusal(), Refusal::Suspended { retry_after_ms } if *retry_after_ms <= 2000));
    let other = Caller::new(&stage, 2).await.infer("fraud", &honest).await;
    assert_eq!(other.bytes, refused.bytes, "refusals have the size of answers");
    assert!(other.outcome.is_ok());
    // It ends by itself.
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    assert!(caller.infer("fraud", &honest).await.outcome.is_ok());
}

#[tokio::test]
async fn one_large_batch_is_treated_as_its_rows_would_have_been() {
    let stage = stage(watched("unlike = \"answered\"\nreacts = true", 1)).await;
    let got = Caller::new(&stage, 1).await.infer("fraud", &noise(60)).await;
    assert!(matches!(got.outcome, Err(Refusal::Suspended { .. })));
}

#[tokio::test]
async fn jittered_copies_bring_labels_alone_and_then_a_suspension() {
    let stage = stage(watched("unlike = \"answered\"\nreacts = true", 2)).await;
    let caller = Caller::new(&stage, 1).await;
    let rows = jittered(&payments(1)[0], 400, 0.02);
    let exact = caller.infer("fraud", &rows[..1]).await;
    let label_only =
        |got: &Got| got.receipt.treatment.is_some_and(|t| t.coarseness() == Coarseness::LabelOnly);
    let asked = asked_until(&caller, &rows, label_only).await.expect("labels alone");
    assert!(asked <= 60, "{asked}");
    let told = caller.infer("fraud", &rows[..1]).await;
    assert_eq!(told.labels(), exact.labels(), "the label stays");
    assert!(told.probabilities().iter().flatten().all(|p| *p == 0.0 || *p == 1.0));
    let suspended = |got: &Got| matches!(got.outcome, Err(Refusal::Suspended { .. }));
    assert!(asked_until(&caller, &rows, suspended).await.is_some());
    let other = Caller::new(&stage, 2).await.infer("fraud", &rows[..1]).await;
    assert_eq!(coarseness(&other), Coarseness::Exact, "another key is not concerned");
}

/// Between two payments of different labels lies the boundary: a search along the line finds it.
#[tokio::test]
async fn rows_at_the_boundary_bring_labels_alone() {
    let stage = stage(watched("unlike = \"answered\"\nreacts = true", 2)).await;
    let rows = payments(2000);
    let all = Caller::new(&stage, 2).await.infer("fraud", &rows[..1000]).await;
    let labels = all.labels();
    let of = |label: i64| rows.iter().zip(&labels).filter(move |(_, own)| **own == label).map(|(row, _)| row);
    let caller = Caller::new(&stage, 1).await;
    let label_only =
        |got: &Got| got.receipt.treatment.is_some_and(|t| t.coarseness() >= Coarseness::LabelOnly);
    let (mut asked, mut tripped) = (0, false);
    for (honest, fraud) in of(0).zip(of(1)).take(30) {
        let (mut low, mut high) = (0.0_f32, 1.0_f32);
        for _ in 0..8 {
            let middle = (low + high) / 2.0;
            let row: Vec<f32> = honest.iter().zip(fraud).map(|(a, b)| a + middle * (b - a)).collect();
            let got = caller.infer("fraud", &[row]).await;
            asked += 1;
            tripped |= got.outcome.is_err() || label_only(&got);
            if tripped {
                break;
            }
            if got.labels() == [0] { low = middle } else { high = middle }
        }
        if tripped {
            break;
        }
    }
    assert!(tripped && asked <= 60, "{asked}");
}

/// Requests that do not fit the model, one after the other, as somebody sends who tries what passes.
#[tokio::test]
async fn refused_requests_bring_rounded_scores_and_a_few_do_not() {
    let stage = stage(watched("reacts = true", 2)).await;
    let (clumsy, prober) = (Caller::new(&stage, 1).await, Caller::new(&stage, 2).await);
    let mut wrong = request("fraud", &payments(1));
    wrong.inputs[0].shape = vec![30, 1];
    for (caller, times) in [(&clumsy, 3), (&prober, 12)] {
        for _ in 0..times {
            let got =
                caller.ask(&Ask::Infer(Request { id: RequestId::new(random()), ..wrong.clone() })).await;
            assert!(matches!(got.refusal(), Refusal::Input(_)));
        }
    }
    let honest = payments(1);
    assert_eq!(coarseness(&clumsy.infer("fraud", &honest).await), Coarseness::Exact);
    assert_eq!(coarseness(&prober.infer("fraud", &honest).await), Coarseness::Rounded);
}

/// Forty keys that ask two rows each are one organisation to the detectors.
#[tokio::test]
async fn young_keys_of_one_organisation_are_seen_together() {
    let mut policy =
        watched("unlike = \"answered\"\nreacts = true", 0) + "[organisation.acme]\n[organisation.other]\n";
    for number in 1..=40 {
        policy += &key_entry(number, "organisation = \"acme\"");
    }
    policy += &key_entry(41, "organisation = \"other\"");
    let stage = stage(policy).await;
    let rows = noise(80);
    let mut suspended = None;
    for (at, pair) in rows.chunks(2).enumerate() {
        let number = u8::try_from(at + 1).unwrap();
        let got = Caller::new(&stage, number).await.infer("fraud", pair).await;
        if matches!(got.outcome, Err(Refusal::Suspended { .. })) {
            suspended = Some(number);
            break;
        }
    }
    let suspended = suspended.expect("the organisation is suspended");
    assert!(suspended > 1, "one key of two rows is no evidence");
    let fresh = Caller::new(&stage, 40).await.infer("fraud", &payments(1)).await;
    assert!(matches!(fresh.outcome, Err(Refusal::Suspended { .. })), "a key that never asked is as young");
    assert!(Caller::new(&stage, 41).await.infer("fraud", &payments(1)).await.outcome.is_ok());
}

#[tokio::test]
async fn without_reactions_nothing_happens_to_a_key() {
    let stage = stage(watched("unlike = \"answered\"", 1)).await;
    let caller = Caller::new(&stage, 1).await;
    let got = caller.infer("fraud", &noise(100)).await;
    assert_eq!(coarseness(&got), Coarseness::Exact);
    let rows = jittered(&payments(1)[0], 100, 0.02);
    assert_eq!(coarseness(&caller.infer("fraud", &rows).await), Coarseness::Exact);
}

/// Detectors go on over a release that changes something else.
#[tokio::test]
async fn a_new_release_does_not_forget() {
    let policy = watched("unlike = \"answered\"\nreacts = true", 1);
    let stage = stage(policy.clone()).await;
    let caller = Caller::new(&stage, 1).await;
    let got = caller.infer("fraud", &noise(60)).await;
    assert!(matches!(got.outcome, Err(Refusal::Suspended { .. })));
    let models = vec![strongroom_sim::world::bundled_model().unwrap()];
    stage.swap(2, &(policy + "rows_per_day = 9\n"), models).await.unwrap();
    let again = Caller::new(&stage, 1).await.infer("fraud", &payments(1)).await;
    assert!(matches!(again.outcome, Err(Refusal::Suspended { .. })));
}

#[tokio::test]
async fn misinformation_is_wrong_consistently_and_only_where_it_is_stated() {
    let plain = stage(watched("unlike = \"answered\"", 1)).await;
    let stage = stage(watched("unlike = \"misinformed\"", 2)).await;
    let (rows, honest) = (noise(50), payments(50));
    let right = Caller::new(&plain, 1).await;
    let told = Caller::new(&stage, 1).await;
    let (truth, lie) = (right.infer("fraud", &rows).await.labels(), told.infer("fraud", &rows).await);
    let wrong = truth.iter().zip(lie.labels()).filter(|(truth, lie)| *truth != lie).count();
    assert!(wrong >= 45, "{wrong} of 50");
    let again = Caller::new(&stage, 2).await.infer("fraud", &rows).await;
    assert_eq!(again.labels(), lie.labels(), "whoever asks, however often");
    assert_eq!(right.infer("fraud", &honest).await.labels(), told.infer("fraud", &honest).await.labels());
}

/// A share of inputs is answered otherwise, the same for every key, in label and scores alike.
#[tokio::test]
async fn flips_are_few_and_the_same_for_everybody() {
    let plain = stage(watched("unlike = \"answered\"", 1)).await;
    let stage = stage(watched("unlike = \"answered\"\nflips = 0.02", 2)).await;
    let rows = payments(2000);
    let truth = Caller::new(&plain, 1).await.infer("fraud", &rows).await.labels();
    let one = Caller::new(&stage, 1).await.infer("fraud", &rows).await;
    let flipped = truth.iter().zip(one.labels()).filter(|(truth, told)| *truth != told).count();
    assert!((10..=80).contains(&flipped), "{flipped} of 2000, 40 expected");
    let winners: Vec<i64> = one.probabilities().iter().map(|row| i64::from(row[1] > row[0])).collect();
    assert_eq!(winners, one.labels());
    assert_eq!(Caller::new(&stage, 2).await.infer("fraud", &rows).await.labels(), one.labels());
}

/// The command, from the test set with its true labels; and what it refuses.
#[tokio::test]
async fn a_profile_says_what_weakens_it_and_refuses_other_data() {
    let (binaries, folder) = (Binaries::beside_this_one().unwrap(), bundled_folder().unwrap());
    let work = tempfile::tempdir().unwrap();
    let out = work.path().join("fraud.profile");
    let profile = async |data: &Path, labels: &Path, out: &Path| {
        let file = |option: &str, path: &Path| format!("{option}={}", path.display());
        let args = vec![
            "profile".to_owned(),
            file("--model", &folder.join("fraud.onnx")),
            file("--data", data),
            file("--labels", labels),
            file("--out", out),
            "--json".to_owned(),
        ];
        binaries.strongroom(args, &[]).await.unwrap()
    };
    let (data, labels) = (folder.join("test.csv"), folder.join("labels.csv"));
    let made = profile(&data, &labels, &out).await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert!(
        made.stderr.contains("class 1 has") && made.stderr.contains("calibration rows"),
        "{}",
        made.stderr
    );
    let told: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!((&told["rows"], &told["features"]), (&2000.into(), &30.into()));
    assert_eq!(told["classes"].as_array().unwrap().len(), 2);
    let mode = std::fs::metadata(&out).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "as secret as the data");
    assert_ne!(profile(&data, &labels, &out).await.code, 0, "a profile is not replaced");

    let narrow = work.path().join("narrow.csv");
    std::fs::write(&narrow, "1,2\n".repeat(200)).unwrap();
    let refused = profile(&narrow, &labels, &work.path().join("a")).await;
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("rows of 2 numbers for a model of 30 features"), "{}", refused.stderr);
    let few = work.path().join("few.csv");
    std::fs::write(&few, "0\n1\n").unwrap();
    assert_eq!(profile(&data, &few, &work.path().join("b")).await.code, 2, "fewer labels than rows");
    assert!(!work.path().join("a").exists() && !work.path().join("b").exists());
}
