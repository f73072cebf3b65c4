//! Whether and how a model embeds, found out of its interface.
//!
//! Token ids go into the input `input_ids`, or into the only integer one; `attention_mask` and `token_type_ids` are filled
//! where the model has them. Texts go into a model whose only input is BYTES. The vectors come from `sentence_embedding` of
//! rank 2, or `last_hidden_state` of rank 3; failing both from the only FP32 output of rank 2, or the only one of rank 3.

use strongroom_seal::model::{Dim, Interface, TensorSpec};
use strongroom_seal::tensor::DType;

use crate::failure::Failure;

/// What a model takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Token ids of rank 2.
    Tokens {
        /// Name and type of the input for the ids.
        ids: (String, DType),
        /// Those of the input that tells tokens from padding.
        mask: Option<(String, DType)>,
        /// Those of the input that tells segments apart, of which there is one.
        types: Option<(String, DType)>,
        /// Fewest tokens of a row, and most where the model says so.
        tokens: (usize, Option<usize>),
    },
    /// Texts, and the rank of the input for them, which is 1 or 2.
    Texts { name: String, rank: usize },
}

/// What a model gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gives {
    /// A vector a row.
    Vectors,
    /// A vector a token, of which one is made.
    Tokens,
}

/// How a model embeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) takes: Takes,
    pub(super) output: String,
    pub(super) gives: Gives,
    /// Length of the vectors, where the model says so.
    pub(super) width: Option<u64>,
    pub(super) rows: Rows,
}

/// How many rows one inference may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rows {
    /// One, unless the model takes fixed batches.
    pub(super) least: usize,
    pub(super) most: usize,
}

impl Plan {
    /// Reads an interface.
    pub(super) fn new(interface: &Interface) -> Result<Self, Failure> {
        let plan = takes(interface).zip(gives(interface));
        let ((takes, rows), (output, gives)) =
            plan.ok_or_else(|| Failure::request("model: makes no embeddings"))?;
        if matches!(takes, Takes::Texts { .. }) && gives == Gives::Tokens {
            return Err(Failure::request(
                "model: gives a vector for each token of a text, and no mask to pool them by",
            ));
        }
        let width = match output.shape.last() {
            Some(Dim::Fixed(width)) => Some(*width),
            _ => None,
        };
        Ok(Self { takes, output: output.name.clone(), gives, width, rows })
    }
}

fn takes(interface: &Interface) -> Option<(Takes, Rows)> {
    let inputs = &interface.inputs;
    if let [only] = inputs.as_slice()
        && only.dtype == DType::Bytes
    {
        let fits = only.shape.len() == 1 || (only.shape.len() == 2 && only.row_width() == Some(1));
        let takes = Takes::Texts { name: only.name.clone(), rank: only.shape.len() };
        return fits.then(|| (takes, rows(interface, only.shape.first())));
    }
    let named = |name: &str| inputs.iter().find(|input| input.name == name);
    let ids = named("input_ids").or(if let [only] = inputs.as_slice() { Some(only) } else { None })?;
    let (mask, types) = (named("attention_mask"), named("token_type_ids"));
    let used = 1 + usize::from(mask.is_some()) + usize::from(types.is_some());
    let fits =
        |input: &TensorSpec| matches!(input.dtype, DType::Int64 | DType::Int32) && input.shape.len() == 2;
    if used != inputs.len() || !inputs.iter().all(fits) {
        return None;
    }
    let [batch, length] = ids.shape.as_slice() else { return None };
    let tokens = match length {
        Dim::Fixed(fixed) => {
            let fixed = usize::try_from(*fixed).ok()?;
            (fixed, Some(fixed))
        }
        Dim::Symbol(symbol) => {
            let range = interface.symbols.get(symbol);
            let least = range.map_or(1, |range| range.min);
            (usize::try_from(least).ok()?, range.and_then(|range| usize::try_from(range.max).ok()))
        }
    };
    let spec = |input: &TensorSpec| (input.name.clone(), input.dtype);
    let takes = Takes::Tokens { ids: spec(ids), mask: mask.map(spec), types: types.map(spec), tokens };
    Some((takes, rows(interface, Some(batch))))
}

/// The rows that this dimension lets one inference have.
fn rows(interface: &Interface, batch: Option<&Dim>) -> Rows {
    let (least, most) = match batch {
        Some(Dim::Fixed(fixed)) => (*fixed, *fixed),
        Some(Dim::Symbol(symbol)) => {
            interface.symbols.get(symbol).map_or((1, 1), |range| (range.min, range.max))
        }
        None => (1, 1),
    };
    let [least, most] = [least, most].map(|rows| usize::try_from(rows).unwrap_or(usize::MAX).max(1));
    Rows { least, most }
}

fn gives(interface: &Interface) -> Option<(&TensorSpec, Gives)> {
    let of = |rank: usize| {
        let fits = move |output: &&TensorSpec| output.dtype == DType::Fp32 && output.shape.len() == rank;
        interface.outputs.iter().filter(fits)
    };
    let named = |name: &str, rank| of(rank).find(|output| output.name == name);
    let only = |rank| {
        let mut all = of(rank);
        all.next().filter(|_| all.next().is_none())
    };
    let vectors = |output| (output, Gives::Vectors);
    let tokens = |output| (output, Gives::Tokens);
    let by_name = named("sentence_embedding", 2).map(vectors);
    let by_name = by_name.or_else(|| named("last_hidden_state", 3).map(tokens));
    by_name.or_else(|| only(2).map(vectors)).or_else(|| only(3).map(tokens))
}

#[cfg(test)]
mod tests {
    use strongroom_seal::model::DimRange;

    use super::*;

    fn spec(name: &str, dtype: DType, shape: &[&str]) -> TensorSpec {
        let dim = |text: &&str| text.parse().map_or_else(|_| Dim::Symbol((*text).to_owned()), Dim::Fixed);
        TensorSpec { name: name.into(), dtype, shape: shape.iter().map(dim).collect() }
    }

    fn plan(inputs: Vec<TensorSpec>, outputs: Vec<TensorSpec>) -> Option<Plan> {
        let symbols =
            [("b".to_owned(), DimRange { min: 1, max: 8 }), ("s".to_owned(), DimRange { min: 2, max: 128 })];
        Plan::new(&Interface { inputs, outputs, symbols: symbols.into() }).ok()
    }

    #[test]
    fn a_sentence_model_is_found_by_its_names() {
        let inputs = ["attention_mask", "input_ids", "token_type_ids"];
        let inputs = inputs.map(|name| spec(name, DType::Int64, &["b", "s"])).to_vec();
        let vectors = vec![spec("sentence_embedding", DType::Fp32, &["b", "384"])];
        let found = plan(inputs.clone(), vectors).unwrap();
        let rows = Rows { least: 1, most: 8 };
        assert_eq!((found.gives, found.width, found.rows), (Gives::Vectors, Some(384), rows));
        assert!(
            matches!(&found.takes, Takes::Tokens { ids, mask: Some(_), types: Some(_), tokens: (2, Some(128)) }
            if ids.0 == "input_ids")
        );
        let hidden = vec![spec("last_hidden_state", DType::Fp32, &["b", "s", "384"])];
        assert_eq!(plan(inputs.clone(), hidden.clone()).unwrap().gives, Gives::Tokens);
        let pooled = [hidden, vec![spec("pooler_output", DType::Fp32, &["b", "384"])]].concat();
        assert_eq!(plan(inputs.clone(), pooled).unwrap().output, "last_hidden_state", "names come first");
        let mut more = inputs;
        more.push(spec("position_ids", DType::Int64, &["b", "s"]));
        assert!(plan(more, vec![spec("y", DType::Fp32, &["b", "3"])]).is_none());
    }

    #[test]
    fn one_input_needs_no_name() {
        let vector = || vec![spec("y", DType::Fp32, &["b", "3"])];
        let found = plan(vec![spec("x", DType::Int32, &["1", "16"])], vector()).unwrap();
        assert!(matches!(found.takes, Takes::Tokens { tokens: (16, Some(16)), mask: None, .. }));
        assert_eq!(found.rows, Rows { least: 1, most: 1 });
        let found = plan(vec![spec("x", DType::Int32, &["4", "16"])], vector()).unwrap();
        assert_eq!(found.rows, Rows { least: 4, most: 4 });
        let found = plan(vec![spec("x", DType::Bytes, &["b", "1"])], vector()).unwrap();
        assert_eq!(found.takes, Takes::Texts { name: "x".into(), rank: 2 });
        assert!(plan(vec![spec("x", DType::Fp32, &["b", "30"])], vector()).is_none());
        assert!(plan(vec![spec("x", DType::Int64, &["b", "s"])], vec![]).is_none());
        let hidden = vec![spec("y", DType::Fp32, &["b", "s", "3"])];
        assert!(plan(vec![spec("x", DType::Bytes, &["b"])], hidden).is_none());
    }
}
