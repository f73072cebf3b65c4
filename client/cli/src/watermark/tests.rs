//! A thief who learns a model by its answers, and one who never asked it.

use std::collections::BTreeMap;

use serde_bytes::ByteBuf;
use strongroom_attestation::release::Treatment;
use strongroom_controls::noise::{Field, Trace};
use strongroom_monitor::profile::{Class, Decision, Labels, Profile, Space};
use strongroom_monitor::{Flips, Rows, limits};
use strongroom_seal::model::{Dim, Interface, Schema, TensorSpec, ValueRule};
use strongroom_seal::secret::{ApiKeyDigest, DataKey};
use strongroom_seal::tensor::{DType, Tensor};

use super::*;

const FEATURES: usize = 8;
const QUERIES: usize = 4000;

/// Numbers that look normal, from a linear congruence (Knuth, MMIX) and the central limit.
struct Numbers(u64);

impl Numbers {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    fn rows(&mut self, count: usize) -> Vec<f32> {
        (0..count * FEATURES).map(|_| self.normal() as f32).collect()
    }
}

/// The owner's model: a logistic one, whose second class wins above its plane.
fn probability(row: &[f32]) -> f64 {
    let sum: f64 = row.iter().enumerate().map(|(at, x)| f64::from(*x) * [1.5, -1.0, 0.7, -0.4][at % 4]).sum();
    1.0 / (1.0 + (-sum).exp())
}

fn scores(values: &[f32]) -> Vec<f64> {
    values.chunks(FEATURES).flat_map(|row| [1.0 - probability(row), probability(row)]).collect()
}

fn profile() -> Profile {
    let class = Class {
        share: 0.5,
        mean: vec![0.0; FEATURES],
        distances: vec![1.0],
        margins: vec![0.5],
        threshold: None,
    };
    let values = [0_i64, 1].map(|label| ByteBuf::from(label.to_le_bytes())).to_vec();
    Profile {
        rows: 1000,
        space: Space::Input("x".into()),
        features: FEATURES,
        decision: Some(Decision { scores: "p".into(), label: Some(Labels { output: "l".into(), values }) }),
        classes: vec![class; 2],
        centre: vec![0.0; FEATURES],
        scale: vec![1.0; FEATURES],
        whitening: vec![0.0; FEATURES * (FEATURES + 1) / 2],
        bounds: vec![(-9.0, 9.0); FEATURES],
        edges: vec![vec![0.0; limits::BINS - 1]; FEATURES],
        shares: vec![vec![0.1; limits::BINS]; FEATURES],
        neighbour: 1.0,
        near: 0.0,
    }
}

fn tensor(name: &'static str, width: usize, values: &[f32]) -> Tensor<'static> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let shape = vec![(values.len() / width) as u64, width as u64];
    Tensor { name: name.into(), dtype: DType::Fp32, shape, data: data.into() }
}

fn rows(values: &[f32]) -> Rows {
    let outputs: Vec<f32> = scores(values).into_iter().map(|score| score as f32).collect();
    Rows::find(&profile(), &[tensor("x", FEATURES, values)], &[tensor("p", 2, &outputs)]).unwrap()
}

fn field() -> Field {
    let shape = vec![Dim::Symbol("batch".into()), Dim::Fixed(FEATURES as u64)];
    let spec = TensorSpec { name: "x".into(), dtype: DType::Fp32, shape };
    let interface = Interface { inputs: vec![spec.clone()], outputs: vec![spec], symbols: BTreeMap::new() };
    let rule = ValueRule { lengthscale: vec![2.0], ..ValueRule::default() };
    let schema = Schema { inputs: BTreeMap::from([("x".into(), rule)]), max_bytes: None };
    Field::new(DataKey::take(&mut [1; 32]).field_key().unwrap(), &interface, &schema).unwrap()
}

/// What a nearest-neighbour copy says: the answer to the closest row it asked, itself excepted.
fn neighbours(asked: &[f32], answers: &[f64], at: &[f32], own: bool) -> Vec<f64> {
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
    let nearest = |(place, row): (usize, &[f32])| {
        let candidates = asked.chunks(FEATURES).enumerate().filter(|(other, _)| own || *other != place);
        let best = candidates.min_by(|a, b| distance(a.1, row).total_cmp(&distance(b.1, row)));
        let best = best.unwrap().0;
        answers[2 * best..2 * best + 2].to_vec()
    };
    at.chunks(FEATURES).enumerate().flat_map(nearest).collect()
}

fn winners(scores: &[f64]) -> Vec<Option<usize>> {
    scores.chunks(2).map(|row| Some(usize::from(row[1] > row[0]))).collect()
}

#[test]
fn a_thief_who_learnt_flips_by_heart_is_told_and_an_innocent_is_not() {
    let key = DataKey::take(&mut [1; 32]).watermark_key().unwrap();
    let flips = Flips::new(&key, 0.005, &profile()).unwrap();
    let asked = Numbers(1).rows(QUERIES);
    let seen = rows(&asked);
    let mut stolen = winners(&scores(&asked));
    for (row, class) in seen.iter().zip(&mut stolen) {
        *class = Some(flips.target(row.features, row.class).unwrap_or(row.class));
    }
    // The copy errs now and then, as copies do.
    stolen.iter_mut().step_by(50).for_each(|class| *class = class.map(|class| 1 - class));
    let judge = |classes: &[Option<usize>]| {
        let mut counter = dawn::Counter::new(&flips);
        counter.add(&seen, classes);
        counter.judge()
    };
    let thief = judge(&stolen);
    assert!(thief.ln_p < -9.0 * std::f64::consts::LN_10, "{thief:?}");
    let mut numbers = Numbers(2);
    let honest: Vec<_> = winners(&scores(&asked))
        .into_iter()
        .map(|class| class.map(|class| if numbers.uniform() < 0.05 { 1 - class } else { class }))
        .collect();
    let innocent = judge(&honest);
    assert!(innocent.ln_p > 0.01_f64.ln(), "{innocent:?}");
}

#[test]
fn rows_of_one_cell_count_once() {
    let key = DataKey::take(&mut [1; 32]).watermark_key().unwrap();
    let flips = Flips::new(&key, 1.0, &profile()).unwrap();
    let one = Numbers(3).rows(1).repeat(50);
    let seen = rows(&one);
    let mut counter = dawn::Counter::new(&flips);
    counter.add(&seen, &vec![Some(0); 50]);
    assert_eq!(counter.judge().flipped, 1);
}

/// The thief's key among 200 innocents, from a copy that is a nearest-neighbour model of 1500 noisy answers.
#[test]
fn the_field_names_the_thiefs_key_among_two_hundred_and_no_key_for_an_innocent() {
    let field = field();
    let thief = ApiKeyDigest::new([7; 32]);
    let asked = Numbers(4).rows(1500);
    let inputs = [tensor("x", FEATURES, &asked)];
    let treatment = Treatment { noise: Some(0.1), ..Treatment::EXACT };
    let mut answers = scores(&asked);
    assert!(field.keyed(&thief, &inputs, &treatment).unwrap().add_between(2, 2, &mut answers));
    let mut digests: Vec<ApiKeyDigest> = (0..200).map(|key| ApiKeyDigest::new([key; 32])).collect();
    digests.sort_unstable();
    let judge = |suspect: &[f64]| {
        let residuals: Vec<f64> = suspect.iter().zip(scores(&asked)).map(|(s, own)| s - own).collect();
        let mut trace = Trace::new(&field, 2).unwrap();
        assert!(trace.add(&inputs, &residuals));
        field::judge(&trace.weights(), &digests, 200, &[9; 32]).unwrap()
    };
    let found = judge(&neighbours(&asked, &answers, &asked, true));
    assert_eq!(found.keys[0].sha256, hex::encode([7; 32]));
    assert!(
        found.keys[0].ln_p < 1e-9_f64.ln() && found.keys[0].z > found.largest_decoy,
        "{:?}",
        found.keys[0]
    );
    let clean = judge(&neighbours(&asked, &scores(&asked), &asked, false));
    assert!(clean.keys[0].ln_p > 0.01_f64.ln(), "{:?}", clean.keys[0]);
    assert!(clean.keys.is_sorted_by(|a, b| a.z >= b.z));
}

#[test]
fn triggers_are_counted_against_chance() {
    let wanted = vec![1; 20];
    let found = triggers::judge(&wanted, &vec![Some(1); 20], 0.5);
    assert!((found.ln_p - 20.0 * 0.5_f64.ln()).abs() < 1e-9);
    assert!(triggers::judge(&wanted, &vec![None; 20], 0.5).ln_p.abs() < 1e-12);
}
