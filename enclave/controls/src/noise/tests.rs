use std::collections::BTreeMap;

use ring::digest::{SHA256, digest};
use strongroom_seal::model::{TensorSpec, ValueRule};
use strongroom_seal::secret::DataKey;
use strongroom_seal::tensor::DType;

use super::*;

const FEATURES: usize = 30;

fn interface() -> Interface {
    let shape = vec![Dim::Symbol("batch".into()), Dim::Fixed(FEATURES as u64)];
    let spec = TensorSpec { name: "x".into(), dtype: DType::Fp32, shape };
    Interface { inputs: vec![spec.clone()], outputs: vec![spec], symbols: BTreeMap::new() }
}

fn schema(lengthscale: f64) -> Schema {
    let rule = ValueRule { lengthscale: vec![lengthscale], ..ValueRule::default() };
    Schema { inputs: BTreeMap::from([("x".into(), rule)]), max_bytes: None }
}

fn field(model: u8) -> Field {
    let key = DataKey::take(&mut [model; 32]).field_key().unwrap();
    Field::new(key, &interface(), &schema(2.0)).unwrap()
}

fn rows(values: &[Vec<f32>]) -> Vec<Tensor<'static>> {
    let data: Vec<u8> = values.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    let shape = vec![values.len() as u64, FEATURES as u64];
    vec![Tensor { name: "x".into(), dtype: DType::Fp32, shape, data: data.into() }]
}

fn noise(field: &Field, key: u8, values: &[Vec<f32>]) -> Vec<f64> {
    let treatment = Treatment { noise: Some(0.1), ..Treatment::EXACT };
    let caller = ApiKeyDigest::new([key; 32]);
    let mut outputs = vec![0.0; values.len() * 2];
    assert!(field.keyed(&caller, &rows(values), &treatment).unwrap().add(2, &mut outputs));
    outputs
}

fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut stream = Stream::new(&[u8::try_from(seed % 251).unwrap(); 32]).unwrap();
    (0..seed / 251).for_each(|_| assert!(stream.uniform() < 1.0));
    (0..count).map(|_| narrow(stream.normal())).collect()
}

fn points(count: usize) -> Vec<Vec<f32>> {
    numbers(9, count * FEATURES).chunks(FEATURES).map(<[f32]>::to_vec).collect()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

#[test]
fn noise_is_the_keys_own_and_always_the_same() {
    let (field, points) = (field(1), points(400));
    let own = noise(&field, 1, &points);
    assert_eq!(own, noise(&self::field(1), 1, &points), "in another boot, too");
    let deviation = (own.iter().map(|value| value * value).sum::<f64>() / own.len() as f64).sqrt();
    assert!((deviation - 0.1).abs() < 0.02, "{deviation}");
    assert!(correlation(&own, &noise(&field, 2, &points)).abs() < 0.2, "another key");
    assert!(correlation(&own, &noise(&self::field(2), 1, &points)).abs() < 0.2, "another model");
}

#[test]
fn noise_between_classes_sums_to_nothing_and_keeps_its_deviation() {
    let (field, points, caller) = (field(1), points(400), ApiKeyDigest::new([1; 32]));
    let treatment = Treatment { noise: Some(0.1), ..Treatment::EXACT };
    let mut outputs = vec![0.0; points.len() * 2];
    let rows = rows(&points);
    let keyed = field.keyed(&caller, &rows, &treatment).unwrap();
    assert!(keyed.add_between(2, 2, &mut outputs));
    assert!(outputs.chunks_exact(2).all(|row| (row[0] + row[1]).abs() < 1e-12));
    let deviation = (outputs.iter().map(|value| value * value).sum::<f64>() / outputs.len() as f64).sqrt();
    assert!((deviation - 0.1).abs() < 0.02, "{deviation}");
    assert!(!keyed.add_between(1, 1, &mut vec![0.0; points.len()]), "one class has nothing to differ from");
}

#[test]
fn one_row_gets_the_same_noise_in_any_batch() {
    let (field, points) = (field(1), points(5));
    let all = noise(&field, 1, &points);
    for (at, point) in points.iter().enumerate() {
        assert_eq!(noise(&field, 1, std::slice::from_ref(point)), all[2 * at..2 * at + 2]);
    }
}

/// Fifty jittered copies of each input, averaged: the field stays, noise from a hash of the input goes.
#[test]
fn averaging_jittered_copies_leaves_the_field_and_removes_hashed_noise() {
    let field = field(1);
    let (mut kept, mut hashed, mut own) = (Vec::new(), Vec::new(), Vec::new());
    for point in points(40) {
        let copies: Vec<Vec<f32>> = (0..50_u64)
            .map(|copy| {
                let jitter = numbers(1000 + copy, FEATURES);
                point.iter().zip(jitter).map(|(value, jitter)| value + 0.02 * jitter).collect()
            })
            .collect();
        let mean = |values: &[f64]| values.iter().step_by(2).sum::<f64>() / 50.0;
        kept.push(mean(&noise(&field, 1, &copies)));
        own.push(noise(&field, 1, std::slice::from_ref(&point))[0]);
        let of_hash = |row: &Vec<f32>| {
            let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
            let seed: [u8; 32] = digest(&SHA256, &bytes).as_ref().try_into().unwrap();
            0.1 * Stream::new(&seed).unwrap().normal()
        };
        hashed.push(copies.iter().map(of_hash).sum::<f64>() / 50.0);
    }
    let size = |values: &[f64]| (values.iter().map(|value| value * value).sum::<f64>() / 40.0).sqrt();
    assert!(size(&kept) / size(&own) > 0.95 && correlation(&kept, &own) > 0.99);
    assert!(size(&hashed) < 0.3 * 0.1, "{}", size(&hashed));
}

#[test]
fn the_waves_of_a_request_are_counted_by_its_rows() {
    let rows = 1000;
    let input = Tensor {
        name: "x".into(),
        dtype: DType::Fp32,
        shape: vec![rows as u64, FEATURES as u64],
        data: vec![0; rows * FEATURES * 4].into(),
    };
    let field = field(1);
    assert_eq!(field.held(std::slice::from_ref(&input)), (rows * (NOISE_TERMS * 4 + FEATURES * 8)) as u64);
    assert_eq!(field.cosines(&[input]).unwrap().capacity(), rows * NOISE_TERMS);
    assert_eq!(field.held(&[]), 0);
}

/// A client writes shapes as it likes, and nobody has compared them with the bytes yet.
#[test]
fn shapes_without_bytes_count_nothing() {
    let lies = |name: &'static str| Tensor {
        name: name.into(),
        dtype: DType::Fp32,
        shape: vec![1 << 63],
        data: Vec::new().into(),
    };
    let mut field = field(1);
    field.inputs.push(("y".to_owned(), 1));
    assert_eq!(field.held(&[lies("x"), lies("y")]), 0);
}

#[test]
fn values_that_are_no_numbers_or_far_away_get_finite_noise() {
    let field = field(1);
    for odd in [f32::NAN, f32::INFINITY, f32::MAX, f32::MIN] {
        let noise = noise(&field, 1, &[vec![odd; FEATURES]]);
        assert!(noise.iter().all(|value| value.is_finite()), "{odd}");
    }
}

#[test]
fn a_model_without_lengthscale_or_with_open_shape_gets_no_field() {
    let key = || DataKey::take(&mut [1; 32]).field_key().unwrap();
    assert_eq!(Field::new(key(), &interface(), &Schema::default()).err(), Some(NoField::NoLengthscale));
    let mut open = interface();
    open.inputs[0].shape[1] = Dim::Symbol("length".into());
    assert_eq!(Field::new(key(), &open, &schema(1.0)).err(), Some(NoField::Features));
    let mut large = interface();
    large.inputs[0].shape[1] = Dim::Fixed(MAX_NOISE_FEATURES as u64 + 1);
    assert_eq!(Field::new(key(), &large, &schema(1.0)).err(), Some(NoField::Features));
}

#[test]
fn the_key_whose_noise_is_in_a_copy_leaves_the_largest_trace() {
    let (field, points) = (field(1), points(600));
    let treatment = Treatment { noise: Some(0.1), ..Treatment::EXACT };
    let (inputs, thief) = (rows(&points), ApiKeyDigest::new([7; 32]));
    let mut residuals: Vec<f64> = numbers(5, 1200).into_iter().map(|error| 0.3 * f64::from(error)).collect();
    assert!(field.keyed(&thief, &inputs, &treatment).unwrap().add_between(2, 2, &mut residuals));
    let mut trace = Trace::new(&field, 2).unwrap();
    assert!(trace.add(&inputs, &residuals));
    let traced = trace.weights();
    let others: Vec<f64> = (10..210).map(|key| traced.of(&ApiKeyDigest::new([key; 32])).unwrap()).collect();
    let deviation = (others.iter().map(|other| other * other).sum::<f64>() / 200.0).sqrt();
    let own = traced.of(&thief).unwrap();
    assert!(own > 5.0 * deviation, "{own} {deviation}");
    assert!(others.iter().all(|other| *other < 0.8 * own));
    assert!(!trace.add(&inputs, &residuals[1..]), "not one residual a class and row");
    assert!(Trace::new(&field, 1).is_none());
}
