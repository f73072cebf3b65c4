//! The vectors of an answer.
//!
//! Where a model gives one vector a token, the row's is their mean over the tokens that are not padding, scaled to length one,
//! as sentence-transformers do. A model that gives one vector a row has decided itself, and nothing is changed.

use strongroom_seal::tensor::{DType, Tensor};

use super::plan::Gives;
use crate::failure::{Failure, Fault};

/// Takes one vector a row out of an output, whose shape must be that of the rows.
pub(super) fn vectors(
    output: &Tensor<'_>,
    gives: Gives,
    lengths: &[usize],
    padded: usize,
) -> Result<Vec<Vec<f32>>, Failure> {
    let sizes: Vec<usize> = output.shape.iter().filter_map(|size| usize::try_from(*size).ok()).collect();
    let width = match (gives, sizes.as_slice()) {
        (Gives::Vectors, [rows, width]) if *rows == lengths.len() => *width,
        (Gives::Tokens, [rows, tokens, width]) if *rows == lengths.len() && *tokens == padded => *width,
        _ => return Err(unfit()),
    };
    if output.dtype != DType::Fp32 || output.check().is_err() || width == 0 {
        return Err(unfit());
    }
    let numbers = |bytes: &[u8]| -> Vec<f32> {
        bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    };
    let per_row = if gives == Gives::Tokens { padded * width } else { width };
    let rows = output.data.chunks(per_row * 4).zip(lengths);
    let vectors: Vec<Vec<f32>> = match gives {
        Gives::Vectors => rows.map(|(row, _)| numbers(row)).collect(),
        Gives::Tokens => rows.map(|(row, length)| mean(&numbers(row), width, *length)).collect(),
    };
    if vectors.iter().flatten().all(|number| number.is_finite()) { Ok(vectors) } else { Err(unfit()) }
}

fn unfit() -> Failure {
    Failure::new(Fault::Answer, "the model gave no vectors for these rows")
}

/// Sums in FP64, so that the order of tokens hardly counts.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "means of FP32 become FP32 again"
)]
fn mean(tokens: &[f32], width: usize, length: usize) -> Vec<f32> {
    let mut sums = vec![0_f64; width];
    for token in tokens.chunks(width).take(length) {
        sums.iter_mut().zip(token).for_each(|(sum, number)| *sum += f64::from(*number));
    }
    sums.iter_mut().for_each(|sum| *sum /= length.max(1) as f64);
    let norm = sums.iter().map(|mean| mean * mean).sum::<f64>().sqrt();
    // A vector of zeros has no direction and stays as it is.
    let scale = if norm > 0.0 { 1.0 / norm } else { 1.0 };
    sums.iter().map(|mean| (mean * scale) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(shape: &[u64], numbers: &[f32]) -> Tensor<'static> {
        let data: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Tensor { name: "y".into(), dtype: DType::Fp32, shape: shape.to_vec(), data: data.into() }
    }

    #[test]
    fn tokens_are_averaged_without_padding_and_scaled() {
        let hidden = output(&[2, 2, 2], &[3.0, 0.0, 3.0, 8.0, 0.0, 5.0, 99.0, 99.0]);
        let vectors = vectors(&hidden, Gives::Tokens, &[2, 1], 2).unwrap();
        assert_eq!(vectors, [vec![0.6, 0.8], vec![0.0, 1.0]]);
    }

    #[test]
    fn the_models_own_vectors_are_left_alone() {
        let own = output(&[2, 2], &[3.0, 4.0, 0.0, 0.0]);
        assert_eq!(vectors(&own, Gives::Vectors, &[1, 1], 1).unwrap(), [vec![3.0, 4.0], vec![0.0, 0.0]]);
    }

    #[test]
    fn what_is_no_vector_a_row_is_refused() {
        for (shape, numbers) in
            [(&[1, 2][..], &[1.0, 2.0][..]), (&[2, 0], &[]), (&[2], &[1.0, 2.0]), (&[2, 1], &[1.0, f32::NAN])]
        {
            assert!(vectors(&output(shape, numbers), Gives::Vectors, &[1, 1], 1).is_err(), "{shape:?}");
        }
    }
}
