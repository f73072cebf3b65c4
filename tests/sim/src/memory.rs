//! What can be read of a process by whoever owns its machine, and what is in it.
//!
//! Lives here and not with the tests that look, because it walks through gigabytes: tests are not optimised, and this is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "helpers of tests fail with the test"
)]

mod schedules;
mod search;

pub use schedules::keys_in;
pub use search::{Needle, Needles, files_below, is_telling, memory_of, open_files_of};
