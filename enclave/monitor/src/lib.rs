//! What only the enclave can see: whether a model is being copied, asked about what it was not made for, or drifting.
//!
//! Everything here is a function of a profile of the model's training data, the rows of a request, what the model
//! answered, and the given time. Nothing in here opens a socket, reads a clock, runs a model or logs.

mod arrivals;
mod bets;
mod detectors;
mod distribution;
pub mod drift;
pub mod fit;
mod fits;
pub mod laplace;
pub mod level;
pub mod limits;
mod mix;
pub mod monitor;
pub mod profile;
mod recent;
mod ring;
pub mod rows;
pub mod telemetry;
pub mod watermark;

pub use level::{Asker, Level};
pub use monitor::{Monitor, Seen};
pub use profile::Profile;
pub use rows::Rows;
pub use watermark::Flips;
