//! What comes out: rounding, temperature, top-k, the label alone, and keyed smooth noise.

use strongroom_attestation::release::{Coarseness, Treatment};
use strongroom_e2e::{Stage, StageOptions};
use strongroom_sim::world::{ModelSource, READY, bundled_model};

use super::{Caller, FRAUD, key_entry, payments};

/// Roles by treatment: keys 1 exact, 2 rounded, 3 label alone, 4 top-1, 5 flattened, 6 and 7 noisy.
async fn treated() -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("schema.toml");
    std::fs::write(&schema, "[input.X]\nlengthscale = 300.0\n").unwrap();
    let model =
        ModelSource { arguments: vec![format!("--schema={}", schema.display())], ..bundled_model().unwrap() };
    let mut policy = FRAUD.to_owned()
        + "[treatment.coarse]\ndecimals = 1\n[treatment.top]\ntop_k = 1\n[treatment.flat]\ntemperature = 3.0\n"
        + "[treatment.noisy]\nnoise = 0.02\n";
    let roles =
        [(1, "exact"), (2, "coarse"), (3, "label_only"), (4, "top"), (5, "flat"), (6, "noisy"), (7, "noisy")];
    for (number, treatment) in roles {
        policy += &format!("[role.r{number}]\nmodels = {{ fraud = \"{treatment}\" }}\n");
        policy += &key_entry(number, &format!("role = \"r{number}\""));
    }
    let options = StageOptions { models: Some(vec![model]), policy: Some(policy), ..StageOptions::default() };
    let stage = Stage::set(options).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    stage
}

#[tokio::test]
async fn each_role_gets_its_treatment_and_no_label_changes() {
    let stage = treated().await;
    let rows = payments(200);
    let exact = Caller::new(&stage, 1).await.infer("fraud", &rows).await;
    assert_eq!(exact.receipt.treatment, Some(Treatment::EXACT));
    let winner = |row: &[f32; 2]| usize::from(row[1] > row[0]);
    let winners: Vec<usize> = exact.probabilities().iter().map(winner).collect();
    assert!(winners.contains(&0) && winners.contains(&1), "the rows hold both classes");
    for number in 2..=7 {
        let got = Caller::new(&stage, number).await.infer("fraud", &rows).await;
        assert_eq!(got.labels(), exact.labels(), "key {number}");
        let scores = got.probabilities();
        assert_eq!(scores.iter().map(winner).collect::<Vec<_>>(), winners, "key {number}");
        let differs = scores.iter().zip(exact.probabilities()).any(|(treated, exact)| *treated != exact);
        assert!(differs, "key {number} gets something else than the exact answer");
        let coarseness = got.receipt.treatment.unwrap().coarseness();
        let rounded = scores.iter().flatten().all(|p| (p * 10.0 - (p * 10.0).round()).abs() < 1e-4);
        match number {
            2 => assert!(rounded && coarseness == Coarseness::Rounded),
            3 => {
                assert!(scores.iter().flatten().all(|p| *p == 0.0 || *p == 1.0));
                assert_eq!(coarseness, Coarseness::LabelOnly);
            }
            4 => assert!(scores.iter().all(|row| row.contains(&0.0))),
            5 => {
                let sharper =
                    |exact: &[f32; 2], flat: &[f32; 2]| flat[winner(flat)] <= exact[winner(exact)] + 1e-6;
                assert!(exact.probabilities().iter().zip(&scores).all(|(exact, flat)| sharper(exact, flat)));
            }
            _ => assert_eq!(got.receipt.treatment.unwrap().noise, Some(0.02)),
        }
        assert_eq!(got.bytes, exact.bytes, "all of one size");
    }
}

#[tokio::test]
async fn noise_is_the_keys_own_and_lasts_over_boots() {
    let mut stage = treated().await;
    let rows = payments(100);
    let exact = Caller::new(&stage, 1).await.infer("fraud", &rows).await.probabilities();
    let noise = async |stage: &Stage, number: u8| -> Vec<f32> {
        let got = Caller::new(stage, number).await.infer("fraud", &rows).await.probabilities();
        got.iter().zip(&exact).map(|(noisy, exact)| noisy[1] - exact[1]).collect()
    };
    let (six, seven) = (noise(&stage, 6).await, noise(&stage, 7).await);
    assert_eq!(six, noise(&stage, 6).await, "asking again averages nothing away");
    assert_ne!(six, seven, "each key has noise of its own");
    assert!(six.iter().any(|noise| noise.abs() > 0.001));
    stage.restart_enclave().await.unwrap();
    assert_eq!(six, noise(&stage, 6).await, "in another boot, too");
}

/// The bundled model's scores, taken for logits, so that they are not put back into 0 … 1.
#[tokio::test]
async fn logits_are_cut_to_their_clamp_and_the_winner_stays() {
    let policy = FRAUD.replace("probabilities = ", "logits = ")
        + "[treatment.cut]\nclamp = { min = 0.3, max = 0.7 }\n[role.cut]\nmodels = { fraud = \"cut\" }\n"
        + &key_entry(1, "role = \"cut\"")
        + &key_entry(2, "");
    let stage = super::stage(policy).await;
    let rows = payments(50);
    let cut = Caller::new(&stage, 1).await.infer("fraud", &rows).await;
    let exact = Caller::new(&stage, 2).await.infer("fraud", &rows).await;
    assert!(cut.probabilities().iter().flatten().all(|score| (0.299..=0.701).contains(score)));
    assert!(exact.probabilities().iter().flatten().any(|score| !(0.3..=0.7).contains(score)));
    let winners = |scores: Vec<[f32; 2]>| scores.iter().map(|row| row[1] > row[0]).collect::<Vec<_>>();
    assert_eq!(
        (cut.labels(), winners(cut.probabilities())),
        (exact.labels(), winners(exact.probabilities()))
    );
}
