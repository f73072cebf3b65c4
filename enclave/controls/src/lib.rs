//! The controls of an enclave: who may ask, how much, what may come in, what goes out, and which model answers.
//!
//! Everything here is a function of a release's controls, a request and the given time. Nothing in here opens
//! a socket, reads a clock, runs a model or logs. What the enclave does with these answers is the enclave's
//! business; that it asks at all is kept by the types of its crate.

pub mod access;
mod counter;
mod floats;
mod gcra;
pub mod ledger;
pub mod limits;
pub mod measure;
pub mod noise;
pub mod outputs;
pub mod route;
pub mod transform;

pub use access::{Caller, Grants};
pub use counter::{Charge, Exceeded, Which};
pub use ledger::Ledger;
