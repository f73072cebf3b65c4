//! Both sides together: every part is a process of its own, started from the shipped binaries, over the
//! simulated vsock, NSM and KMS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests: clippy exempts functions marked as tests, but not their helpers"
)]

mod architecture;
mod attacks;
mod binaries;
mod client_refuses;
mod controls;
mod image;
mod kms_policy;
mod load;
mod logging;
mod memory;
mod messages;
mod nitro;
mod no_key;
mod overload;
mod panics;
mod proxy;
mod real_models;
mod release;
mod sealing;
mod secrecy;
mod serving;
mod sessions;
mod simulation;
mod sizes;
mod store_s3;
mod tampering;
mod timing;
mod upgrade;
