use proptest::prelude::*;
use serde_bytes::ByteBuf;
use strongroom_seal::secret::DataKey;

use super::*;
use crate::limits::BINS;
use crate::profile::{Class, Space};

const FEATURES: usize = 6;

fn key(byte: u8) -> WatermarkKey {
    DataKey::take(&mut [byte; 32]).watermark_key().unwrap()
}

fn profile(classes: usize, labels: Option<Vec<Vec<u8>>>) -> Profile {
    let share = 1.0 / classes as f32;
    let class =
        Class { share, mean: vec![0.0; FEATURES], distances: vec![1.0], margins: vec![0.5], threshold: None };
    let label = labels.map(|values| Labels {
        output: "label".into(),
        values: values.into_iter().map(ByteBuf::from).collect(),
    });
    let profile = Profile {
        rows: 1000,
        space: Space::Input("x".into()),
        features: FEATURES,
        decision: Some(Decision { scores: "p".into(), label }),
        classes: vec![class; classes],
        centre: vec![0.0; FEATURES],
        scale: vec![1.0; FEATURES],
        whitening: vec![0.0; FEATURES * (FEATURES + 1) / 2],
        bounds: vec![(-9.0, 9.0); FEATURES],
        edges: vec![vec![0.0; BINS - 1]; FEATURES],
        shares: vec![vec![0.1; BINS]; FEATURES],
        neighbour: 1.0,
        near: 0.0,
    };
    profile.check().unwrap();
    profile
}

/// Numbers that look random, from −8 to 8.
fn spread(seed: u64, count: usize) -> Vec<f32> {
    let key = Key::new(HMAC_SHA256, &seed.to_le_bytes());
    (0..count as u64).map(|at| 16.0 * part(words(&key, &at.to_le_bytes())[0]) - 8.0).collect()
}

fn floats(name: &'static str, shape: &[u64], values: &[f32]) -> Tensor<'static> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Tensor { name: name.into(), dtype: DType::Fp32, shape: shape.to_vec(), data: data.into() }
}

fn read(tensor: &Tensor<'_>) -> Vec<f32> {
    tensor.data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Rows of three classes with their scores and INT64 labels 10, 20, 30.
fn case(seed: u64, rows: usize) -> (Profile, Rows, Vec<Tensor<'static>>) {
    let values = [10_i64, 20, 30].map(|label| label.to_le_bytes().to_vec()).to_vec();
    let profile = profile(3, Some(values));
    let scores: Vec<f32> =
        (0..rows).flat_map(|row| [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.25, 0.35, 0.4]][row % 3]).collect();
    let labels: Vec<u8> = (0..rows).flat_map(|row| [10_i64, 20, 30][row % 3].to_le_bytes()).collect();
    let label =
        Tensor { name: "label".into(), dtype: DType::Int64, shape: vec![rows as u64], data: labels.into() };
    let input = floats("x", &[rows as u64, FEATURES as u64], &spread(seed, rows * FEATURES));
    let outputs = vec![label, floats("p", &[rows as u64, 3], &scores)];
    let rows = Rows::find(&profile, &[input], &outputs).unwrap();
    (profile, rows, outputs)
}

#[test]
fn only_flipped_rows_change_and_their_label_follows_their_scores() {
    let (profile, rows, mut outputs) = case(1, 300);
    let before = outputs.clone();
    let flips = Flips::new(&key(1), 0.2, &profile).unwrap();
    let made = flips.apply(&rows, &mut outputs, &profile);
    let (old, new) = (read(&before[1]), read(&outputs[1]));
    let mut changed = 0;
    for (at, row) in rows.iter().enumerate() {
        let (old, new) = (&old[3 * at..3 * at + 3], &new[3 * at..3 * at + 3]);
        let label = i64::from_le_bytes(outputs[0].data[8 * at..8 * at + 8].try_into().unwrap());
        let winner = (0..3).max_by(|a, b| new[*a].total_cmp(&new[*b])).unwrap();
        assert_eq!(label, [10, 20, 30][winner]);
        match flips.target(row.features, row.class) {
            None => assert_eq!(old, new),
            Some(target) => {
                changed += 1;
                assert!(winner == target && target != row.class);
                assert_eq!((old[row.class], old[target]), (new[target], new[row.class]));
            }
        }
    }
    assert_eq!(made, changed);
    assert!((30..95).contains(&changed), "{changed}");
}

#[test]
fn a_jittered_copy_in_the_same_cell_gets_the_same_answer() {
    let profile = profile(2, None);
    let flips = Flips::new(&key(1), 0.5, &profile).unwrap();
    let (mut same, mut cells) = (0, 0);
    for row in spread(3, 400 * FEATURES).chunks(FEATURES) {
        let copy: Vec<f32> = row.iter().map(|value| value + 0.01).collect();
        if flips.cell(row) == flips.cell(&copy) {
            cells += 1;
            same += usize::from(flips.target(row, 0) == flips.target(&copy, 0));
        }
    }
    assert_eq!(same, cells);
    assert!(cells > 360, "{cells} of 400 stay");
}

#[test]
fn another_key_flips_other_rows() {
    let profile = profile(2, None);
    let [one, two] = [1, 2].map(|byte| Flips::new(&key(byte), 0.5, &profile).unwrap());
    let values = spread(4, 400 * FEATURES);
    let agree = values.chunks(FEATURES).filter(|row| one.target(row, 0) == two.target(row, 0)).count();
    assert!((140..260).contains(&agree), "{agree}");
}

#[test]
fn a_single_score_is_reflected_and_text_labels_are_rewritten() {
    let profile = profile(2, Some(vec![b"no".to_vec(), b"yes!".to_vec()]));
    let mut labels = Vec::new();
    push_string(&mut labels, b"yes!").unwrap();
    push_string(&mut labels, b"no").unwrap();
    let mut outputs = vec![
        Tensor { name: "label".into(), dtype: DType::Bytes, shape: vec![2], data: labels.into() },
        floats("p", &[2, 1], &[0.9, 0.25]),
    ];
    let input = floats("x", &[2, FEATURES as u64], &spread(5, 2 * FEATURES));
    let rows = Rows::find(&profile, &[input], &outputs).unwrap();
    let flips = Flips::new(&key(1), 1.0, &profile).unwrap();
    assert_eq!(flips.apply(&rows, &mut outputs, &profile), 2);
    assert!(read(&outputs[1]).iter().zip([0.1, 0.75]).all(|(is, want)| (is - want).abs() < 1e-6));
    let told: Vec<&[u8]> = strings(&outputs[0].data).map(Result::unwrap).collect();
    assert_eq!(told, [b"no".as_slice(), b"yes!"]);
}

#[test]
fn unlike_rows_alone_are_misinformed_and_flipped_ones_stay() {
    let (profile, rows, mut outputs) = case(6, 60);
    let before = read(&outputs[1]);
    let none = Flips::new(&key(1), 0.0, &profile).unwrap();
    assert_eq!(none.apply(&rows, &mut outputs, &profile), 0);
    assert_eq!(none.misinform(&rows, &[3, 5], &mut outputs, &profile), 2);
    let after = read(&outputs[1]);
    let changed: Vec<usize> =
        (0..60).filter(|at| before[3 * at..3 * at + 3] != after[3 * at..3 * at + 3]).collect();
    assert_eq!(changed, [3, 5]);
    let all = Flips::new(&key(1), 1.0, &profile).unwrap();
    assert_eq!(all.misinform(&rows, &[3, 5], &mut outputs, &profile), 0);
}

#[test]
fn outputs_that_are_not_there_are_left_alone() {
    let (profile, rows, outputs) = case(7, 9);
    let flips = Flips::new(&key(1), 1.0, &profile).unwrap();
    let mut others = vec![Tensor { name: "q".into(), ..outputs[1].clone() }];
    assert_eq!(flips.apply(&rows, &mut others, &profile), 0);
    assert_eq!(others[0].data, outputs[1].data);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Within five deviations of the binomial: a chance of about one in two million a case.
    #[test]
    fn the_share_of_flips_is_as_stated(seed in any::<u64>(), byte in any::<u8>(), share in 0.005..0.05_f64) {
        let profile = profile(4, None);
        let flips = Flips::new(&key(byte), share, &profile).unwrap();
        // Cells of six features over 16 deviations: nearly every row has one of its own.
        let rows = 4000;
        let values = spread(seed, rows * FEATURES);
        let flipped = values.chunks(FEATURES).filter(|row| flips.target(row, 1).is_some()).count() as f64;
        let (mean, deviation) = (share * rows as f64, (share * (1.0 - share) * rows as f64).sqrt());
        prop_assert!((flipped - mean).abs() < 5.5 * deviation + 1.0, "{} of {}", flipped, mean);
    }

    #[test]
    fn scores_stay_a_permutation_and_any_row_repeats(seed in any::<u64>(), share in 0.0..1.0_f64) {
        let (profile, rows, mut outputs) = case(seed, 30);
        let before = read(&outputs[1]);
        let flips = Flips::new(&key(1), share, &profile).unwrap();
        let mut again = outputs.clone();
        let made = flips.apply(&rows, &mut outputs, &profile);
        prop_assert_eq!(made, flips.apply(&rows, &mut again, &profile));
        prop_assert!(outputs == again);
        for (old, new) in before.chunks(3).zip(read(&outputs[1]).chunks(3)) {
            let sorted = |row: &[f32]| { let mut row = row.to_vec(); row.sort_by(f32::total_cmp); row };
            prop_assert_eq!(sorted(old), sorted(new));
        }
    }

    #[test]
    fn any_number_has_a_cell(value in any::<f32>()) {
        let profile = profile(2, None);
        let flips = Flips::new(&key(1), 0.5, &profile).unwrap();
        prop_assert_eq!(flips.cell(&[value; FEATURES]).len(), 4 * FEATURES);
    }
}
