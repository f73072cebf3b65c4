//! Where a cell stands in a list of keys, found by hashing: what the encoders of labels and categories have in common.

use std::collections::HashMap;
use std::hash::Hash;

use tract_onnx::tract_hir::internal::*;

use super::attributes::List;

/// The keys, each with its place in the list.
#[derive(Clone, Debug)]
pub(super) enum Places {
    Ints(HashMap<i64, usize>),
    /// By bits: zeros of both signs are one key, and so is all that is not a number.
    Floats(HashMap<u64, usize>),
    Texts(HashMap<String, usize>),
}

impl Places {
    /// Refuses lists with a key that stands twice: engines differ in which of the places they take.
    pub(super) fn of(keys: &List) -> TractResult<Self> {
        Ok(match keys {
            List::Ints(keys) => Self::Ints(hash(keys.iter().copied())?),
            List::Floats(keys) => Self::Floats(hash(keys.iter().map(|key| bits(f64::from(*key))))?),
            List::Doubles(keys) => Self::Floats(hash(keys.iter().map(|key| bits(*key)))?),
            List::Texts(keys) => Self::Texts(hash(keys.iter().cloned())?),
        })
    }

    /// The place of each cell; numbers are cut to whole ones where the keys are.
    pub(super) fn find(&self, cells: &Tensor) -> TractResult<Vec<Option<usize>>> {
        Ok(match self {
            Self::Ints(places) => {
                let cells = cells.cast_to::<i64>()?;
                let cells = cells.try_as_plain_ram()?.as_slice::<i64>()?;
                cells.iter().map(|cell| places.get(cell).copied()).collect()
            }
            Self::Floats(places) => {
                let cells = cells.cast_to::<f64>()?;
                let cells = cells.try_as_plain_ram()?.as_slice::<f64>()?;
                cells.iter().map(|cell| places.get(&bits(*cell)).copied()).collect()
            }
            Self::Texts(places) => {
                let cells = cells.to_plain_array_view::<String>()?;
                cells.iter().map(|cell| places.get(cell).copied()).collect()
            }
        })
    }
}

fn hash<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> TractResult<HashMap<K, usize>> {
    let mut places = HashMap::new();
    for (place, key) in keys.enumerate() {
        ensure!(places.insert(key, place).is_none(), "a list of keys has one of them twice");
    }
    Ok(places)
}

fn bits(number: f64) -> u64 {
    match number {
        0.0 => 0.0_f64.to_bits(),
        number if number.is_nan() => f64::NAN.to_bits(),
        number => number.to_bits(),
    }
}
