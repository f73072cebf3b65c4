//! The binary tensor extension: bytes behind the JSON, and which outputs a caller wants there.

use std::collections::BTreeMap;

use super::{Fault, OipError};

/// Bytes behind the JSON of which inputs take theirs, in order.
pub(super) struct Tail<'a>(Option<&'a [u8]>);

/// Which outputs a caller wants behind the JSON of the response; none unless it says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `binary_data_output` of the request.
    all: bool,
    /// `binary_data` of single outputs, which counts for more.
    each: BTreeMap<String, bool>,
}

impl<'a> Tail<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(Some(bytes))
    }

    /// What is JSON alone has none, not even of no bytes.
    pub(super) fn none() -> Self {
        Self(None)
    }

    pub(super) fn take(&mut self, bytes: usize) -> Result<&'a [u8], Fault> {
        let (taken, left) = self.0.and_then(|all| all.split_at_checked(bytes)).ok_or(Fault::Short)?;
        self.0 = Some(left);
        Ok(taken)
    }

    /// Nothing may be left that would be ignored in silence.
    pub(super) fn finish(self) -> Result<(), OipError> {
        if self.0.is_none_or(<[u8]>::is_empty) { Ok(()) } else { Err(Fault::Surplus.at("body")) }
    }
}

impl Wanted {
    pub(super) fn new(all: Option<bool>, each: BTreeMap<String, bool>) -> Self {
        Self { all: all.unwrap_or_default(), each }
    }

    /// Whether this output is wanted behind the JSON.
    #[must_use]
    pub fn binary(&self, output: &str) -> bool {
        self.each.get(output).copied().unwrap_or(self.all)
    }

    pub(super) fn any(&self) -> bool {
        self.all || self.each.values().any(|binary| *binary)
    }
}
