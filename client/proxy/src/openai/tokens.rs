//! The inputs of a model for rows of token ids, in as many inferences as it takes.

use strongroom_seal::tensor::{DType, Tensor};

use super::plan::{Rows, Takes};
use crate::failure::Failure;
use crate::limits::MAX_BATCH_TOKENS;

/// Rows that go into one inference together, padded to one length.
pub(super) struct Batch {
    pub(super) inputs: Vec<Tensor<'static>>,
    /// Rows that were asked for. Behind them the last is repeated until there are as many as the model takes.
    pub(super) asked: usize,
    /// Tokens of each row, without padding.
    pub(super) lengths: Vec<usize>,
    /// Tokens of each row, with padding.
    pub(super) padded: usize,
}

/// Batches, each made when it is asked for: together they may be much more than the rows, because all of a batch are as long as
/// the longest.
pub(super) type Batches<'a> = Box<dyn Iterator<Item = Result<Batch, Failure>> + Send + 'a>;

/// Fills batches in the order of the rows.
///
/// Without a mask the model cannot tell padding from tokens, so that only rows of one length share a batch.
pub(super) fn batches<'a>(
    rows: &'a [Vec<i64>],
    takes: &'a Takes,
    Rows { least: least_rows, most }: Rows,
) -> Result<Batches<'a>, Failure> {
    let Takes::Tokens { mask, tokens: (least, longest), .. } = takes else { return Err(texts_wanted()) };
    for (index, row) in rows.iter().enumerate() {
        if longest.is_some_and(|longest| row.len() > longest) {
            return Err(Failure::request(format!("input[{index}]: has more tokens than the model takes")));
        }
        if mask.is_none() && row.len() < *least {
            return Err(Failure::request(format!("input[{index}]: has fewer tokens than the model takes")));
        }
        if least_rows > 1 && row.len().max(*least).saturating_mul(least_rows) > MAX_BATCH_TOKENS {
            return Err(Failure::request(format!(
                "input[{index}]: is too long to fill the model's batch with"
            )));
        }
    }
    let groups = groups(rows, most, mask.is_some());
    Ok(Box::new(groups.map(move |group| {
        let filled: Vec<&[i64]> = filled(group, least_rows).map(Vec::as_slice).collect();
        Ok(batch(&filled, group.len(), takes, *least))
    })))
}

/// The rows of a batch, and its last one again until there are as many as the model takes.
pub(super) fn filled<T>(rows: &[T], least: usize) -> impl Iterator<Item = &T> {
    rows.iter().chain(rows.last().into_iter().cycle().take(least.saturating_sub(rows.len())))
}

/// Rows that go together: at most so many, of one length unless they may be padded, and within a bound when they are.
fn groups(mut rest: &[Vec<i64>], most: usize, padded: bool) -> impl Iterator<Item = &[Vec<i64>]> + Send {
    std::iter::from_fn(move || {
        let (first, mut longest) = (rest.first()?.len(), 0);
        let fits = |(at, row): &(usize, &Vec<i64>)| {
            longest = longest.max(row.len());
            let tokens = longest.saturating_mul(at + 1);
            *at == 0 || (*at < most && (padded || row.len() == first) && tokens <= MAX_BATCH_TOKENS)
        };
        let count = rest.iter().enumerate().take_while(fits).count();
        let (group, left) = rest.split_at_checked(count)?;
        rest = left;
        Some(group)
    })
}

fn texts_wanted() -> Failure {
    Failure::request("input: the model takes texts, not token ids")
}

fn batch(rows: &[&[i64]], asked: usize, takes: &Takes, least: usize) -> Batch {
    let lengths: Vec<usize> = rows.iter().map(|row| row.len()).collect();
    let padded = lengths.iter().copied().max().unwrap_or_default().max(least);
    let mut inputs = Vec::new();
    if let Takes::Tokens { ids, mask, types, .. } = takes {
        inputs.push(tensor(ids, rows, padded, |id| id));
        inputs.extend(mask.as_ref().map(|mask| tensor(mask, rows, padded, |_| 1)));
        inputs.extend(types.as_ref().map(|types| tensor(types, rows, padded, |_| 0)));
    }
    Batch { inputs, asked, lengths, padded }
}

/// One number a token, and zeros behind them.
fn tensor(
    (name, dtype): &(String, DType),
    rows: &[&[i64]],
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

    fn all(batches: Result<Batches<'_>, Failure>) -> Vec<Batch> {
        batches.ok().unwrap().map(|batch| batch.ok().unwrap()).collect()
    }

    const fn up_to(most: usize) -> Rows {
        Rows { least: 1, most }
    }

    #[test]
    fn a_fixed_batch_is_filled_with_its_last_row() {
        let rows = [vec![5, 6], vec![7], vec![8, 9]];
        let takes = takes(true, (1, None));
        let batches = all(batches(&rows, &takes, Rows { least: 2, most: 2 }));
        assert_eq!(batches.iter().map(|batch| batch.asked).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(numbers(&batches[0].inputs[0]), [5, 6, 7, 0]);
        assert_eq!(numbers(&batches[1].inputs[0]), [8, 9, 8, 9]);
        assert_eq!((&batches[1].inputs[0].shape, &batches[1].lengths), (&vec![2, 2], &vec![2, 2]));
        let endless = Rows { least: MAX_BATCH_TOKENS, most: MAX_BATCH_TOKENS };
        assert!(super::batches(&rows, &takes, endless).is_err(), "what fills the batch has a bound");
    }

    fn lengths(batches: Vec<Batch>) -> Vec<Vec<usize>> {
        batches.into_iter().map(|batch| batch.lengths).collect()
    }

    /// One long row among short ones would make each of them as long.
    #[test]
    fn a_batch_has_a_bound_however_it_is_padded() {
        let long = vec![1; MAX_BATCH_TOKENS / 2];
        let rows = [vec![1], long, vec![1], vec![1], vec![1]];
        let takes = takes(true, (1, None));
        let batches = lengths(all(batches(&rows, &takes, up_to(2048))));
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [2, 3]);
    }

    fn numbers(tensor: &Tensor<'_>) -> Vec<u8> {
        let width = tensor.dtype.element_bytes().unwrap();
        tensor.data.chunks(width).map(|bytes| bytes[0]).collect()
    }

    #[test]
    fn rows_are_padded_to_the_longest_and_masked() {
        let rows = [vec![5, 6, 7], vec![8], vec![9]];
        let takes = takes(true, (1, None));
        let batches = all(batches(&rows, &takes, up_to(2)));
        let [first, second] = batches.as_slice() else { panic!("two batches") };
        assert_eq!((numbers(&first.inputs[0]), first.padded), (vec![5, 6, 7, 8, 0, 0], 3));
        assert_eq!(numbers(&first.inputs[1]), [1, 1, 1, 1, 0, 0]);
        assert_eq!((&first.lengths, &second.lengths), (&vec![3, 1], &vec![1]));
        assert!(first.inputs.iter().all(|input| input.check().is_ok()));
    }

    #[test]
    fn without_a_mask_nothing_is_padded() {
        let rows = [vec![1, 2], vec![3, 4], vec![5]];
        let free = takes(false, (1, None));
        assert_eq!(lengths(all(batches(&rows, &free, up_to(8)))), [vec![2, 2], vec![1]]);
        assert_eq!(lengths(all(batches(&rows, &free, up_to(1)))), [vec![2], vec![2], vec![1]]);
        assert!(batches(&rows, &takes(false, (2, Some(2))), up_to(8)).is_err(), "the last row is too short");
        assert!(batches(&rows, &takes(true, (1, Some(1))), up_to(8)).is_err(), "the first row is too long");
        assert_eq!(all(batches(&rows, &takes(true, (4, Some(4))), up_to(8)))[0].padded, 4);
        assert!(batches(&rows, &Takes::Texts { name: "x".into(), rank: 1 }, up_to(8)).is_err());
    }
}
