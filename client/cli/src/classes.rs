//! The classes of an owner's model: which output scores them, which names the winner, and what each is called.

use std::collections::BTreeMap;

use serde_bytes::ByteBuf;
use strongroom_monitor::Rows;
use strongroom_monitor::profile::Labels;
use strongroom_seal::model::{Interface, TensorSpec};
use strongroom_seal::tensor::{DType, Tensor, strings};

use crate::error::{CliError, Result};
use crate::run_model::Answered;

/// Outputs that decide.
pub(crate) struct Outputs {
    /// The one of scores.
    pub(crate) scores: String,
    /// The one of labels.
    label: Option<TensorSpec>,
    /// How many classes.
    pub(crate) classes: usize,
}

/// The outputs of these names, or those that can only be meant. `None` where a model has no scores.
pub(crate) fn find(
    interface: &Interface,
    scores: Option<&str>,
    label: Option<&str>,
) -> Result<Option<Outputs>> {
    let scores =
        the_one(interface, scores, "--scores", |spec| spec.dtype.is_float() && spec.row_width() > Some(1))?;
    let label =
        the_one(interface, label, "--label", |spec| !spec.dtype.is_float() && spec.row_width() == Some(1))?;
    let outputs =
        |scores: TensorSpec| Outputs { classes: scores.row_width().unwrap_or(0), scores: scores.name, label };
    Ok(scores.map(outputs))
}

fn the_one(
    interface: &Interface,
    named: Option<&str>,
    option: &str,
    can_be: impl Fn(&TensorSpec) -> bool,
) -> Result<Option<TensorSpec>> {
    let mut fitting = interface.outputs.iter().filter(|spec| can_be(spec));
    if let Some(name) = named {
        let found = fitting.find(|spec| spec.name == name).cloned();
        return found
            .map(Some)
            .ok_or_else(|| CliError::usage(format!("{option}: no such output of the model")));
    }
    match (fitting.next(), fitting.next()) {
        (Some(_), Some(_)) => {
            Err(CliError::usage(format!("several outputs can be meant: say which with {option}")))
        }
        (one, _) => Ok(one.cloned()),
    }
}

impl Outputs {
    /// What the model calls each class, learned from what it called the rows. A class that no row was in gets its
    /// position, where all others are called by theirs.
    pub(crate) fn labels(&self, answered: &[Answered], rows: &Rows) -> Result<Option<Labels>> {
        let Some(spec) = &self.label else { return Ok(None) };
        let tensors = answered.iter().filter_map(|one| one.outputs.iter().find(|t| t.name == spec.name));
        let mut called: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
        for (row, label) in rows.iter().zip(tensors.flat_map(elements)) {
            if called.entry(row.class).or_insert_with(|| label.clone()) != &label {
                return Err(CliError::usage(
                    "the model calls one class by two labels: another output has its scores",
                ));
            }
        }
        let by_position =
            called.iter().all(|(class, label)| position(spec.dtype, *class).as_ref() == Some(label));
        let value = |class: usize| {
            let fallback = || position(spec.dtype, class).filter(|_| by_position);
            called.get(&class).cloned().or_else(fallback).map(ByteBuf::from)
        };
        let values: Option<Vec<ByteBuf>> = (0..self.classes).map(value).collect();
        let values = values.ok_or_else(|| {
            CliError::usage("a class is in no row of the data, so what the model calls it is not known")
        })?;
        Ok(Some(Labels { output: spec.name.clone(), values }))
    }
}

/// The position of each stated label among the classes: by what the model calls them, else by number.
pub(crate) fn positions(stated: &[String], known: Option<&Labels>, classes: usize) -> Result<Vec<usize>> {
    let texts: Vec<Vec<String>> = known.map_or_else(
        || (0..classes).map(|class| vec![class.to_string()]).collect(),
        |labels| labels.values.iter().map(|value| texts(value)).collect(),
    );
    let of = |(at, label): (usize, &String)| {
        let found = texts.iter().position(|texts| texts.contains(label));
        found.ok_or_else(|| CliError::usage(format!("label number {} is none of the model's", at + 1)))
    };
    stated.iter().enumerate().map(of).collect()
}

/// What a label can be written as: text, or a little-endian integer.
fn texts(value: &[u8]) -> Vec<String> {
    let mut texts: Vec<String> = std::str::from_utf8(value).map(str::to_owned).into_iter().collect();
    let mut wide = [0; 8];
    if let Some(low) = wide.get_mut(..value.len()) {
        low.copy_from_slice(value);
        texts.push(i64::from_le_bytes(wide).to_string());
    }
    texts
}

fn elements(tensor: &Tensor<'_>) -> Vec<Vec<u8>> {
    match tensor.dtype.element_bytes() {
        Some(bytes) => tensor.data.chunks_exact(bytes).map(<[u8]>::to_vec).collect(),
        None => strings(&tensor.data).filter_map(|text| text.ok().map(<[u8]>::to_vec)).collect(),
    }
}

/// A class's position as an element of this type.
fn position(dtype: DType, class: usize) -> Option<Vec<u8>> {
    let bytes = dtype.element_bytes()?;
    (class as u64).to_le_bytes().get(..bytes).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_by_name_or_number() {
        let labels = |values: &[&[u8]]| Labels {
            output: "label".into(),
            values: values.iter().map(|value| ByteBuf::from(value.to_vec())).collect(),
        };
        let stated = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let words = labels(&[b"good", b"bad"]);
        assert_eq!(positions(&stated(&["bad", "good"]), Some(&words), 2).unwrap(), [1, 0]);
        let (one, seven) = (1_i64.to_le_bytes(), 7_i64.to_le_bytes());
        let numbers = labels(&[&one, &seven]);
        assert_eq!(positions(&stated(&["7", "1"]), Some(&numbers), 2).unwrap(), [1, 0]);
        assert_eq!(positions(&stated(&["1"]), None, 2).unwrap(), [1]);
        assert!(positions(&stated(&["2"]), None, 2).is_err());
        assert!(positions(&stated(&["0"]), Some(&numbers), 2).is_err());
    }
}
