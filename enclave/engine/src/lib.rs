//! Loads, checks and runs ONNX models. The only place of tract.
//!
//! A model comes from memory, in one buffer that is wiped as soon as it is decoded, and is held to
//! the interface its owner signed. A run takes only inputs that [`Model::admit`] has let through,
//! and a panic inside tract costs that one run.
//!
//! This crate must never open a file, follow a reference out of the model, or put a value of a
//! weight, an input or an output into an error or a log line.
//!
//! # Security
//! A caught panic still reaches the process's panic hook, and tract puts values into panic
//! messages. Whoever runs models in the enclave sets a hook that prints neither message nor payload.

mod alone;
mod answer;
mod ceiling;
mod cells;
mod compile;
mod convert;
mod declared;
mod demand;
mod derive;
mod error;
mod faster;
mod guard;
pub mod limits;
mod model;
mod onnx;
mod ops;
mod plans;
mod rewrite;
mod samples;
mod sound;
mod split;
mod trial;

pub use derive::{DeriveOptions, derive};
pub use error::{Detail, LoadError, Mismatch, RunError};
pub use guard::{Panicked, guarded};
pub use model::{Model, ValidInputs};
pub use onnx::OPERATORS_VERSION;
pub use samples::{OutputReport, Report, Tolerance, check_samples};
