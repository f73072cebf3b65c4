//! Support for the end-to-end tests: a stage whose every part a test may replace, and a client that
//! speaks the wire protocol by hand, so that it can also misbehave.

pub mod leak;
pub mod onnx;
mod raw;
mod stage;

pub use raw::{Opened, RawClient, Reply, judged, now, outcome, random, request, row};
pub use stage::{Stage, StageOptions, honest};
