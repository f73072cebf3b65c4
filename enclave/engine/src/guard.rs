//! Keeps a panic, of tract or of whoever else is guarded, from ending the process.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// It panicked. What it said is dropped: it may hold values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked;

/// Runs `work` and turns a panic into an error.
///
/// Nothing that `work` may have left half-changed may be used afterwards: plans are immutable, and the state of a run or a
/// message dies with it.
///
/// # Errors
/// [`Panicked`].
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        // Dropped under a guard too: a payload's own destructor may panic.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        Panicked
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    #[test]
    fn panics_end_here() {
        assert!(matches!(guarded(|| 1), Ok(1)));
        assert!(guarded(|| panic!("said")).is_err());
        assert!(guarded(|| std::panic::panic_any(Bomb)).is_err());
    }
}
