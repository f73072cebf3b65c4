//! What only the enclave can see: whether a model is being copied, asked about what it was not made for, or drifting.
//!
//! Everything here is a function of a profile of the model's training data, the rows of a request, what the model
//! answered, and the given time. Nothing in here opens a socket, reads a clock, runs a model or logs.

pub mod drift;
pub mod laplace;
pub mod level;
pub mod limits;
pub mod profile;
pub mod rows;
pub mod telemetry;

pub use level::{Asker, Level};
pub use profile::Profile;
pub use rows::Rows;
