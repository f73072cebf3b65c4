//! What a check found.

use std::fmt;

use serde::Serialize;

use crate::services::printable;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Pass,
    /// It works, and should be looked at.
    Warn,
    /// The host or its enclave will not work.
    Fail,
    /// Nothing to check.
    Skip,
}

/// What a check found, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How it ended.
    pub status: Status,
    /// What there is, in one printable line.
    pub found: String,
    /// What to do, unless there is nothing to do.
    pub remedy: Option<String>,
}

impl Finding {
    pub(super) fn pass(found: impl fmt::Display) -> Self {
        Self::new(Status::Pass, found, None)
    }

    pub(super) fn skip(found: impl fmt::Display) -> Self {
        Self::new(Status::Skip, found, None)
    }

    pub(super) fn warn(found: impl fmt::Display, remedy: impl Into<String>) -> Self {
        Self::new(Status::Warn, found, Some(remedy.into()))
    }

    pub(super) fn fail(found: impl fmt::Display, remedy: impl Into<String>) -> Self {
        Self::new(Status::Fail, found, Some(remedy.into()))
    }

    fn new(status: Status, found: impl fmt::Display, remedy: Option<String>) -> Self {
        Self { status, found: printable(found.to_string().as_bytes()), remedy }
    }
}
