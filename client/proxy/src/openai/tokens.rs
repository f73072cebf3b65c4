//! The inputs of a model for rows of token ids, in as many inferences as it takes.

use strongroom_seal::tensor::{DType, Tensor};

use super::plan::Takes;
use crate::failure::Failure;

/// Rows that go into one inference together, padded to one length.
pub(super) struct Batch {
    pub(super) inputs: Vec<Tensor<'static>>,
    /// Tokens of each row, without padding.
    pub(super) lengths: Vec<usize>,
    /// Tokens of each row, with padding.
    pub(super) padded: usize,
}

/// Fills batches in the order of the rows.
///
/// Without a mask the model cannot tell padding from tokens, so that only rows of one length share a batch.
pub(super) fn batches(rows: &[Vec<i64>], takes: &Takes, most: usize) -> Result<Vec<Batch>, Failure> {
    let Takes::Tokens { mask, tokens: (least, fixed), .. } = takes else { return Err(texts_wanted()) };
    for (index, row) in rows.iter().enumerate() {
        if fixed.is_some_and(|fixed| row.len() > fixed) {
            return Err(Failure::request(format!("input[{index}]: has more tokens than the model takes")));
        }
        if mask.is_none() && row.len() < *least {
            return Err(Failure::request(format!("input[{index}]: has fewer tokens than the model takes")));
        }
    }
    let together = |first: &Vec<i64>, next: &Vec<i64>| mask.is_some() || first.len() == next.len();
    let groups = rows.chunk_by(together).flat_map(|group| group.chunks(most));
    Ok(groups.map(|group| batch(group, takes, *least)).collect())
}

fn texts_wanted() -> Failure {
    Failure::request("input: the model takes texts, not token ids")
}

fn batch(rows: &[Vec<i64>], takes: &Takes, least: usize) -> Batch {
    let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
    let padded = lengths.iter().copied().max().unwrap_or_default().max(least);
    let mut inputs = Vec::new();
    if let Takes::Tokens { ids, mask, types, .. } = takes {
        inputs.push(tensor(ids, rows, padded, |id| id));
        inputs.extend(mask.as_ref().map(|mask| tensor(mask, rows, padded, |_| 1)));
        inputs.extend(types.as_ref().map(|types| tensor(types, rows, padded, |_| 0)));
    }
    Batch { inputs, lengths, padded }
}

/// One number a token, and zeros behind them.
fn tensor(
    (name, dtype): &(String, DType),
    rows: &[Vec<i64>],
    padded: usize,
    number: impl Fn(i64) -> i64,
) -> Tensor<'static> {
    let width = dtype.element_bytes().unwrap_or_default();
    let mut data = Vec::with_capacity(rows.len() * padded * width);
    for row in rows {
        let ids = row.iter().map(|id| number(*id)).chain(std::iter::repeat(0)).take(padded);
        // Ids are below 2^31, so the first four of the little-endian bytes are those of an INT32.
        ids.for_each(|id| data.extend(id.to_le_bytes().iter().take(width)));
    }
    let shape = vec![rows.len() as u64, padded as u64];
    Tensor { name: name.clone().into(), dtype: *dtype, shape, data: data.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(mask: bool, tokens: (usize, Option<usize>)) -> Takes {
        let of = |name: &str, dtype| (name.to_owned(), dtype);
        Takes::Tokens {
            ids: of("input_ids", DType::Int64),
            mask: mask.then(|| of("attention_mask", DType::Int32)),
            types: None,
            tokens,
        }
    }

    fn numbers(tensor: &Tensor<'_>) -> Vec<u8> {
        let width = tensor.dtype.element_bytes().unwrap();
        tensor.data.chunks(width).map(|bytes| bytes[0]).collect()
    }

    #[test]
    fn rows_are_padded_to_the_longest_and_masked() {
        let rows = [vec![5, 6, 7], vec![8], vec![9]];
        let batches = batches(&rows, &takes(true, (1, None)), 2).ok().unwrap();
        let [first, second] = batches.as_slice() else { panic!("two batches") };
        assert_eq!((numbers(&first.inputs[0]), first.padded), (vec![5, 6, 7, 8, 0, 0], 3));
        assert_eq!(numbers(&first.inputs[1]), [1, 1, 1, 1, 0, 0]);
        assert_eq!((&first.lengths, &second.lengths), (&vec![3, 1], &vec![1]));
        assert!(first.inputs.iter().all(|input| input.check().is_ok()));
    }

    #[test]
    fn without_a_mask_nothing_is_padded() {
        let rows = [vec![1, 2], vec![3, 4], vec![5]];
        let lengths =
            |batches: Vec<Batch>| batches.into_iter().map(|batch| batch.lengths).collect::<Vec<_>>();
        let free = batches(&rows, &takes(false, (1, None)), 8).ok().unwrap();
        assert_eq!(lengths(free), [vec![2, 2], vec![1]]);
        assert!(batches(&rows, &takes(false, (2, Some(2))), 8).is_err(), "the last row is too short");
        assert!(batches(&rows, &takes(true, (1, Some(1))), 8).is_err(), "the first row is too long");
        let fixed = batches(&rows, &takes(true, (4, Some(4))), 8).ok().unwrap();
        assert_eq!(fixed[0].padded, 4);
        assert!(batches(&rows, &Takes::Texts { name: "x".into(), rank: 1 }, 8).is_err());
    }
}
