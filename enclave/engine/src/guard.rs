//! Keeps a panic of tract from ending the process.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// tract panicked. What it said is dropped: it may hold values.
pub(crate) struct Panicked;

/// Runs `work` and turns a panic into an error.
///
/// Nothing that `work` may have left half-changed is used afterwards: plans are immutable, and the
/// state of a run dies with it.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        // A payload may panic again when it is dropped, outside any guard.
        std::mem::forget(payload);
        Panicked
    })
}
