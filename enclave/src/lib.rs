//! The enclave: boots against a charter, loads what a release names, serves verified clients.
//!
//! Everything it is given from outside comes through a [`Platform`], chosen once by the binary's `main`.
//! Nothing in here knows whether the NSM, the transport or KMS are real. It must never read the
//! environment or the system clock, and never hand anything to the host that was not declared public.

mod access;
mod answer;
mod audit;
mod boot;
mod clock;
mod continuity;
mod dedup;
mod departure;
mod done;
mod event;
mod hello;
mod host;
mod infer;
mod keys;
pub mod limits;
mod load;
mod memory;
mod message;
mod offers;
mod pace;
mod panics;
mod pauses;
mod platform;
mod room;
mod run;
mod runners;
mod service;
mod serving;
mod sessions;
mod state;
mod takeover;
mod telemetry;
mod turns;
mod watch;

pub use audit::LogError;
pub use boot::BootError;
pub use load::LoadError;
pub use platform::{ClockSource, Platform};
pub use run::{RunError, run};
