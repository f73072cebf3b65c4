//! What happens to inputs before a model sees them: clip, quantize, smooth.
//!
//! Clients know it, because it stands in the public controls. It takes away room for inputs that are made to
//! look like others.

use std::collections::BTreeMap;

use strongroom_attestation::release::Transform;
use strongroom_seal::tensor::Tensor;

use crate::floats;

/// Transforms the inputs that are named. Inputs of types without fractions stay as they are.
pub fn apply(inputs: &mut [Tensor<'_>], transforms: &BTreeMap<String, Vec<Transform>>) {
    for input in inputs {
        let Some(steps) = transforms.get(input.name.as_ref()) else { continue };
        let Some(mut values) = floats::read(input) else { continue };
        for step in steps {
            apply_one(&mut values, &input.shape, step);
        }
        floats::write(input, &values);
    }
}

/// Bytes that transforming takes beside the inputs, about. Nobody need have looked at them yet.
#[must_use]
pub fn held(inputs: &[Tensor<'_>], transforms: &BTreeMap<String, Vec<Transform>>) -> u64 {
    let transformed = inputs.iter().filter(|input| transforms.contains_key(input.name.as_ref()));
    let bytes = |input: &Tensor<'_>| {
        let values = floats::most(input).saturating_mul(size_of::<f64>());
        // Smoothing has them twice.
        values.saturating_mul(2).saturating_add(input.data.len()) as u64
    };
    transformed.map(bytes).fold(0, u64::saturating_add)
}

fn apply_one(values: &mut Vec<f64>, shape: &[u64], step: &Transform) {
    match step {
        Transform::Clip { min, max } => values.iter_mut().for_each(|value| *value = value.clamp(*min, *max)),
        Transform::Quantize { step } => {
            values.iter_mut().for_each(|value| *value = (*value / step).round_ties_even() * step);
        }
        Transform::Smooth { window, axis } => {
            if let Some(smoothed) = smooth(values, shape, *window as usize, *axis as usize) {
                *values = smoothed;
            }
        }
    }
}

/// The median of each element's neighbours along one dimension; at the ends there are fewer of them, and of an
/// even number the lower one counts.
fn smooth(values: &[f64], shape: &[u64], window: usize, axis: usize) -> Option<Vec<f64>> {
    let length = usize::try_from(*shape.get(axis)?).ok()?;
    let inner: usize = shape.iter().skip(axis + 1).map(|dim| usize::try_from(*dim).unwrap_or(1)).product();
    let reach = window / 2;
    let mut around = Vec::with_capacity(window);
    let smoothed = values.iter().enumerate().map(|(at, value)| {
        let position = at / inner.max(1) % length.max(1);
        let first = position.saturating_sub(reach);
        let last = (position + reach).min(length.saturating_sub(1));
        around.clear();
        around.extend((first..=last).filter_map(|near| values.get(at + near * inner - position * inner)));
        around.sort_unstable_by(f64::total_cmp);
        around.get(around.len().saturating_sub(1) / 2).copied().unwrap_or(*value)
    });
    Some(smoothed.collect())
}

#[cfg(test)]
mod tests {
    use strongroom_seal::tensor::DType;

    use super::*;

    fn run(shape: &[u64], values: &[f32], step: Transform) -> Vec<f32> {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let tensor =
            Tensor { name: "x".into(), dtype: DType::Fp32, shape: shape.to_vec(), data: data.into() };
        let mut inputs = [tensor];
        apply(&mut inputs, &BTreeMap::from([("x".to_owned(), vec![step])]));
        inputs[0].data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    #[test]
    fn what_is_transformed_takes_its_numbers_twice_and_its_new_bytes() {
        let tensor = |name: &'static str| Tensor {
            name: name.into(),
            dtype: DType::Fp32,
            shape: vec![2, 2],
            data: vec![0; 16].into(),
        };
        let transforms = BTreeMap::from([("x".to_owned(), vec![Transform::Quantize { step: 0.5 }])]);
        assert_eq!(held(&[tensor("x"), tensor("y")], &transforms), 2 * 4 * 8 + 16);
        assert_eq!(held(&[tensor("y")], &transforms), 0);
        let lies = Tensor { shape: vec![1 << 40], ..tensor("x") };
        assert_eq!(held(&[lies], &transforms), 2 * 16 * 8 + 16, "no more elements than bytes");
    }

    #[test]
    fn values_are_clipped_and_quantized() {
        assert_eq!(run(&[3], &[-2.0, 0.5, 9.0], Transform::Clip { min: -1.0, max: 1.0 }), [-1.0, 0.5, 1.0]);
        assert_eq!(run(&[3], &[0.24, 0.26, -0.26], Transform::Quantize { step: 0.5 }), [0.0, 0.5, -0.5]);
    }

    #[test]
    fn an_outlier_among_neighbours_goes_along_its_dimension_alone() {
        let rows = [1.0, 9.0, 1.0, 2.0, 2.0, 2.0];
        assert_eq!(
            run(&[2, 3], &rows, Transform::Smooth { window: 3, axis: 1 }),
            [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]
        );
        assert_eq!(
            run(&[1, 5], &[1.0, 1.0, 9.0, 1.0, 1.0], Transform::Smooth { window: 3, axis: 1 }),
            [1.0; 5]
        );
        let columns = [1.0, 7.0, 9.0, 7.0, 1.0, 7.0];
        assert_eq!(
            run(&[3, 2], &columns, Transform::Smooth { window: 3, axis: 0 }),
            [1.0, 7.0, 1.0, 7.0, 1.0, 7.0]
        );
    }

    #[test]
    fn other_inputs_and_types_stay_as_they_are() {
        let whole =
            Tensor { name: "x".into(), dtype: DType::Int32, shape: vec![1], data: vec![9, 0, 0, 0].into() };
        let other =
            Tensor { name: "y".into(), dtype: DType::Fp32, shape: vec![1], data: vec![0, 0, 16, 65].into() };
        let mut inputs = [whole.clone(), other.clone()];
        let clip = vec![Transform::Clip { min: 0.0, max: 1.0 }];
        apply(&mut inputs, &BTreeMap::from([("x".to_owned(), clip)]));
        assert!(inputs == [whole, other]);
    }

    #[test]
    fn a_dimension_that_is_not_there_changes_nothing() {
        assert_eq!(run(&[2], &[1.0, 2.0], Transform::Smooth { window: 3, axis: 4 }), [1.0, 2.0]);
        assert!(run(&[0], &[], Transform::Smooth { window: 3, axis: 0 }).is_empty());
    }
}
