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
    /// What became of the state that the host handed over.
    State(Restored),
    /// A panic was contained.
    Panicked,
}

/// What became of the state that the host handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restored {
    /// There was none.
    Absent,
    /// Counters go on where an earlier boot left off.
    Continued,
    /// It is not of this deployment, or another state key sealed it.
    Unreadable,
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measured(charter) => write!(f, "measured charter {charter}"),
            Self::Clock(source) => write!(f, "time is that of the NSM, carried on by {source}"),
            Self::Loaded(model) => write!(f, "loaded {model}"),
            Self::Serving(epoch) => write!(f, "serving release epoch {epoch}"),
            Self::Refused(error) => write!(f, "release refused: {error}"),
            Self::State(Restored::Absent) => f.write_str("no state of an earlier boot: counters begin anew"),
            Self::State(Restored::Continued) => f.write_str("counters go on where an earlier boot left off"),
            Self::State(Restored::Unreadable) => {
                f.write_str("the state of an earlier boot cannot be read: counters begin anew")
            }
            Self::Panicked => f.write_str("a panic was contained"),
        }
    }
}
