//! The enclave's log. Its reader is the adversary, so it is a closed set of events, each declared
//! public; there is no free text.

use std::fmt;

use strongroom_proto::name::PackageId;
use strongroom_seal::digest::CharterDigest;

use crate::ClockSource;
use crate::takeover::TakeoverError;

/// What the host may know of what happens inside.
pub(crate) enum Event<'a> {
    /// PCR16 holds the charter and is locked.
    Measured(CharterDigest),
    /// Whose time this enclave goes by.
    Clock(ClockSource),
    /// A model is loaded.
    Loaded(&'a PackageId),
    /// A release is served from now on.
    Serving(u64),
    /// A release was not taken over.
    Refused(&'a TakeoverError),
    /// A panic was contained.
    Panicked,
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measured(charter) => write!(f, "measured charter {charter}"),
            Self::Clock(source) => write!(f, "time is that of the NSM, carried on by {source}"),
            Self::Loaded(model) => write!(f, "loaded {model}"),
            Self::Serving(epoch) => write!(f, "serving release epoch {epoch}"),
            Self::Refused(error) => write!(f, "release refused: {error}"),
            Self::Panicked => f.write_str("a panic was contained"),
        }
    }
}
