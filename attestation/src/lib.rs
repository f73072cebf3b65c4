//! Judges AWS Nitro attestation documents: bytes, a trust root, a time and expectations go in; an
//! [`Attested`] comes out only if every check passed.
//!
//! This crate never opens a socket, never reads a clock or an environment and never touches the NSM
//! device: all of these are arguments. The simulated NSM passes through this same code with a root of its
//! own, so nothing in here may know that a simulation exists beyond naming the root it was given.

pub mod audit;
mod chain;
pub mod channel;
pub mod charter;
pub mod claims;
pub mod document;
pub mod error;
pub mod evidence;
pub mod limits;
pub mod nsm;
pub mod pcr;
pub mod published;
pub mod receipt;
pub mod release;
pub mod report;
pub mod root;
pub mod time;
pub mod verify;

pub use document::{Document, Statement};
pub use error::{ChainError, DemandError, FailureClass, FormatError, RootError, VerifyError};
pub use nsm::{DocumentRequest, Nsm, NsmError, PcrState};
pub use pcr::{ImagePcrs, Pcr, PcrIndex};
pub use root::{RootKind, TrustRoot};
pub use time::UnixMillis;
pub use verify::{
    Attested, CheckLine, DebugImages, Demand, Expectations, Freshness, PcrDemand, PcrSet, Status, Transcript,
    verify,
};
