use proptest::prelude::*;
use strongroom_attestation::release::Clamp;
use strongroom_seal::tensor::DType;

use super::*;

fn tensor(name: &str, shape: &[u64], values: &[f32]) -> Tensor<'static> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor { name: name.to_owned().into(), dtype: DType::Fp32, shape: shape.to_vec(), data: data.into() }
}

fn labels(values: &[i64]) -> Tensor<'static> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor { name: "label".into(), dtype: DType::Int64, shape: vec![values.len() as u64], data: data.into() }
}

fn controls(kind: OutputKind) -> ModelControls {
    let outputs = [("scores".to_owned(), kind), ("label".to_owned(), OutputKind::Label)].into();
    ModelControls { outputs, ..ModelControls::default() }
}

fn released(kind: OutputKind, treatment: &Treatment, row: &[f32]) -> Vec<f32> {
    let scores = tensor("scores", &[1, row.len() as u64], row);
    let treated = treat(vec![scores], &controls(kind), treatment, None).unwrap();
    treated[0].data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn rounded(decimals: u8) -> Treatment {
    Treatment { decimals: Some(decimals), ..Treatment::EXACT }
}

#[test]
fn exact_outputs_leave_as_they_are() {
    let row = [0.1, 0.2, 0.7];
    assert_eq!(released(OutputKind::Probabilities, &Treatment::EXACT, &row), row);
}

#[test]
fn rounding_ties_go_towards_the_winner() {
    use OutputKind::{Logits, Probabilities};
    assert_eq!(released(Probabilities, &rounded(2), &[0.1234, 0.8766]), [0.12, 0.88]);
    assert_eq!(released(Probabilities, &rounded(1), &[0.4996, 0.5004]), [0.4, 0.5]);
    assert_eq!(released(Probabilities, &rounded(1), &[0.5004, 0.4996]), [0.5, 0.4]);
    assert_eq!(
        released(Probabilities, &rounded(0), &[0.4, 0.35, 0.25]),
        [1.0, 0.0, 0.0],
        "below 0 there is nothing"
    );
    assert_eq!(released(Logits, &rounded(0), &[-3.4, -3.1]), [-4.0, -3.0]);
}

#[test]
fn logits_are_clamped_and_cooled_and_the_winner_stays() {
    let clamped = Treatment { clamp: Some(Clamp { min: -1.0, max: 1.0 }), ..Treatment::EXACT };
    let row = released(OutputKind::Logits, &clamped, &[5.0, 7.0, -9.0]);
    assert!(row[1] > row[0] && row[1] == 1.0 && (row[0] - 1.0).abs() < 1e-5 && row[2] == -1.0, "{row:?}");
    let cooled = Treatment { temperature: Some(2.0), ..Treatment::EXACT };
    assert_eq!(released(OutputKind::Logits, &cooled, &[1.0, 4.0]), [0.5, 2.0]);
    let flat = released(OutputKind::Probabilities, &cooled, &[0.1, 0.9]);
    assert!((flat[1] - 0.75).abs() < 1e-6 && (flat[0] + flat[1] - 1.0).abs() < 1e-6, "{flat:?}");
}

#[test]
fn top_k_and_the_label_alone() {
    let top = Treatment { detail: Detail::TopK(2), ..Treatment::EXACT };
    assert_eq!(released(OutputKind::Probabilities, &top, &[0.2, 0.5, 0.1, 0.2]), [0.2, 0.5, 0.0, 0.0]);
    let clamp = Some(Clamp { min: -8.0, max: 8.0 });
    assert_eq!(released(OutputKind::Logits, &Treatment { clamp, ..top }, &[1.0, 5.0, 3.0]), [-8.0, 5.0, 3.0]);
    assert_eq!(released(OutputKind::Logits, &Treatment::LABEL_ONLY, &[1.0, 5.0, 3.0]), [0.0, 1.0, 0.0]);
    assert_eq!(released(OutputKind::Probabilities, &Treatment::LABEL_ONLY, &[0.5, 0.5]), [1.0, 0.0]);
}

#[test]
fn labels_leave_and_values_are_withheld_where_only_the_label_does() {
    let outputs = || vec![labels(&[1]), tensor("hidden", &[1, 2], &[0.123, 0.456])];
    let all = controls(OutputKind::Probabilities);
    let treated = treat(outputs(), &all, &Treatment::LABEL_ONLY, None).unwrap();
    assert!(treated == [labels(&[1])]);
    let treated = treat(outputs(), &all, &rounded(1), None).unwrap();
    assert!(treated == [labels(&[1]), tensor("hidden", &[1, 2], &[0.1, 0.5])]);
}

#[test]
fn what_cannot_be_treated_is_not_released() {
    let noisy = Treatment { noise: Some(0.1), ..Treatment::EXACT };
    let scores = || vec![tensor("scores", &[1, 2], &[0.1, 0.9])];
    assert!(treat(scores(), &controls(OutputKind::Logits), &noisy, None).is_none(), "no field");
    let mut whole = labels(&[1]);
    whole.name = "scores".into();
    assert!(treat(vec![whole], &controls(OutputKind::Logits), &rounded(1), None).is_none(), "no numbers");
}

#[test]
fn ensembles_disagree_row_by_row_and_may_vote() {
    let answer = |given: &[i64], scores: &[f32]| {
        vec![labels(given), tensor("scores", &[given.len() as u64, 2], scores)]
    };
    let answers = [
        answer(&[0, 1, 1], &[0.9, 0.1, 0.2, 0.8, 0.3, 0.7]),
        answer(&[0, 0, 1], &[0.8, 0.2, 0.6, 0.4, 0.4, 0.6]),
        answer(&[0, 0, 1], &[0.7, 0.3, 0.7, 0.3, 0.1, 0.9]),
    ];
    let all = controls(OutputKind::Probabilities);
    let all = [&all, &all, &all];
    assert!((disagreement(&answers, &all).unwrap() - 1.0 / 3.0).abs() < 1e-9);
    let voted = majority(&answers, &all).unwrap();
    assert!(voted == answer(&[0, 0, 1], &[0.9, 0.1, 0.6, 0.4, 0.3, 0.7]));
    let two = [answers[0].clone(), answers[1].clone()];
    assert!(majority(&two, &all).unwrap() == answers[0], "of a tie the first decides");
    let unnamed = ModelControls::default();
    assert_eq!(disagreement(&answers, &[&unnamed, &unnamed, &unnamed]), None);
    let short = [answers[0].clone(), answer(&[1], &[0.5, 0.5])];
    assert_eq!(disagreement(&short, &all), None);
}

#[test]
fn a_row_without_a_winner_or_without_numbers_is_not_released() {
    let one = tensor("scores", &[3, 1], &[0.1, 0.9, 0.5]);
    assert!(treat(vec![one], &controls(OutputKind::Probabilities), &Treatment::LABEL_ONLY, None).is_none());
    let odd = tensor("scores", &[1, 2], &[f32::NAN, 0.5]);
    assert!(treat(vec![odd], &controls(OutputKind::Logits), &rounded(1), None).is_none());
}

fn treatment() -> impl Strategy<Value = Treatment> {
    let detail = prop_oneof![Just(Detail::Full), (1..6_u32).prop_map(Detail::TopK), Just(Detail::LabelOnly)];
    let clamp = (-20.0..20.0_f64, 0.1..20.0_f64).prop_map(|(min, width)| Clamp { min, max: min + width });
    let temperature = proptest::option::of(0.05..20.0_f64);
    (detail, proptest::option::of(clamp), temperature, proptest::option::of(0..7_u8)).prop_map(
        |(detail, clamp, temperature, decimals)| Treatment {
            detail,
            clamp,
            temperature,
            noise: None,
            decimals,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6000))]

    /// Whatever is done to a row, with any noise, in any type: the label does not change.
    #[test]
    fn the_winner_stays_the_winner(
        treatment in treatment(),
        row in proptest::collection::vec(-30.0..30.0_f64, 2..9),
        noise in proptest::collection::vec(-3.0..3.0_f64, 9),
        probabilities in any::<bool>(),
        dtype in prop_oneof![Just(DType::Fp64), Just(DType::Fp32), Just(DType::Fp16), Just(DType::Bf16)],
        noisy in any::<bool>(),
    ) {
        let (kind, row): (_, Vec<f64>) = if probabilities {
            let sum: f64 = row.iter().map(|score| score.exp()).sum();
            (OutputKind::Probabilities, row.iter().map(|score| score.exp() / sum).collect())
        } else {
            (OutputKind::Logits, row)
        };
        let row: Vec<f64> = row.into_iter().map(|score| floats::narrow(dtype, score)).collect();
        let before = scores::winner(&row);
        let rules = Scores::new(kind, &treatment, dtype);
        let mut after = row.clone();
        rules.scale(&mut after);
        if noisy {
            after.iter_mut().zip(noise).for_each(|(score, noise)| *score += noise);
        }
        prop_assert!(rules.release(&mut after, before).is_some());
        let after: Vec<f64> = after.into_iter().map(|score| floats::narrow(dtype, score)).collect();
        for (class, score) in after.iter().enumerate() {
            prop_assert!(class == before || *score < after[before], "{row:?} became {after:?}");
        }
        prop_assert!(kind == OutputKind::Logits || after.iter().all(|p| (0.0..=1.0).contains(p)));
    }

    #[test]
    fn rounded_probabilities_have_their_decimals(row in proptest::collection::vec(0.0..1.0_f32, 2..9), decimals in 0..5_u8) {
        let unit = 10_f32.powi(decimals.into());
        for score in released(OutputKind::Probabilities, &rounded(decimals), &row) {
            prop_assert!(((score * unit) - (score * unit).round()).abs() < 1e-3 && score >= 0.0);
        }
    }
}
