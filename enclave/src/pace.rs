//! How long runs of a model take, by the size of the request.
//!
//! What is known to be quick runs where it was read; everything else waits for a turn on a core. The name that
//! was asked for and the padded size decide, and nothing of what a request says.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Sizes by powers of two, up to the largest request.
const CLASSES: usize = 28;
/// Weight of what is known against one more run.
const MEMORY: u64 = 7;

/// Moving averages in microseconds; 0 where nothing ran yet.
#[derive(Default)]
pub(crate) struct Pace([AtomicU32; CLASSES]);

impl Pace {
    /// What a run of a request of this size is likely to take; `None` before the first.
    pub(crate) fn of(&self, request_bytes: usize) -> Option<Duration> {
        let micros = self.class(request_bytes)?.load(Ordering::Relaxed);
        (micros > 0).then(|| Duration::from_micros(micros.into()))
    }

    /// Takes note of a run.
    pub(crate) fn note(&self, request_bytes: usize, took: Duration) {
        let Some(class) = self.class(request_bytes) else { return };
        let took = u32::try_from(took.as_micros()).unwrap_or(u32::MAX).max(1);
        let known = class.load(Ordering::Relaxed);
        let average = if known == 0 { took } else { weighed(known, took) };
        // Of two runs that end together one may be forgotten.
        class.store(average.max(1), Ordering::Relaxed);
    }

    fn class(&self, request_bytes: usize) -> Option<&AtomicU32> {
        let class = usize::try_from(request_bytes.max(1).ilog2()).ok()?;
        self.0.get(class.min(CLASSES - 1))
    }
}

fn weighed(known: u32, took: u32) -> u32 {
    let sum = u64::from(known) * MEMORY + u64::from(took);
    u32::try_from(sum / (MEMORY + 1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_size_has_its_own_average_which_follows_slowly() {
        let pace = Pace::default();
        assert_eq!(pace.of(1000), None);
        pace.note(1000, Duration::from_micros(80));
        assert_eq!((pace.of(600), pace.of(3000)), (Some(Duration::from_micros(80)), None));
        pace.note(1000, Duration::from_micros(880));
        assert_eq!(pace.of(1000), Some(Duration::from_micros(180)));
        for _ in 0..100 {
            pace.note(1000, Duration::from_micros(80));
        }
        assert!(pace.of(1000).unwrap() < Duration::from_micros(90));
        pace.note(usize::MAX, Duration::MAX);
        assert!(pace.of(1 << 40).is_some());
    }
}
