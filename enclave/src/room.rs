//! The machine's memory: what a run or a load holds at its highest is asked for before it begins, and refused where there is not
//! as much. Nobody else refuses: a kernel that has no more ends the process, and here that is the enclave.
//!
//! How much is free is read from the kernel each time, so that models, messages and whatever else lives here are counted by what
//! they take. What was promised and may not be used yet is counted beside it, at worst twice, so that two never rely on the same
//! bytes. Messages and answers do not ask, and take their share before they fill it: all that they may have is kept
//! for them, up to a part of the machine, whether they have it or not.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, thread};

use strongroom_engine::limits::LITTLE_BYTES;

use crate::limits::{
    KEPT_BYTES, KEPT_SHARE, LOAD_FACTOR_PERCENT, MAX_ANSWER_KIB, MAX_BODY_KIB, MEDIUM_KIB, SMALL_KIB,
};
use crate::memory::Memory;

/// Why there is no room. A caller is told so in a sealed answer, for it depends on what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    /// It is free for nobody, whatever runs and loads give back.
    #[error("the model would take more memory for this input than the enclave has free")]
    Lacking,
    /// Others have been promised it, and did not give it back in time.
    #[error("the model would take more memory for this input than others leave at this moment")]
    Promised,
}

/// Tells how many bytes may be promised.
type Free = Box<dyn Fn() -> u64 + Send + Sync>;

/// Hands out the machine's memory.
pub(crate) struct Room {
    free: Free,
    /// Of message bodies.
    pub(crate) bodies: Memory,
    /// Of sealed answers.
    pub(crate) answers: Memory,
    promised: Mutex<u64>,
    given_back: Condvar,
}

/// Some of it, given back when dropped.
pub(crate) struct Taken {
    room: Arc<Room>,
    bytes: u64,
}

impl Room {
    /// The room of this machine. Where the kernel does not tell how much there is, as on a developer's machine without
    /// `/proc`, everything fits.
    pub(crate) fn of_machine() -> Arc<Self> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let bodies = Memory::new(MAX_BODY_KIB, SMALL_KIB, MEDIUM_KIB);
        let answers = Memory::new(MAX_ANSWER_KIB, SMALL_KIB, MEDIUM_KIB);
        let free = move || {
            let told = fs::read_to_string("/proc/meminfo").unwrap_or_default();
            free(&told, cores as u64).unwrap_or(u64::MAX)
        };
        Self::new(Box::new(free), bodies, answers)
    }

    fn new(free: Free, bodies: Memory, answers: Memory) -> Arc<Self> {
        Arc::new(Self { free, bodies, answers, promised: Mutex::new(0), given_back: Condvar::new() })
    }

    /// Takes so many bytes, waiting so long at most for others to give theirs back. Up to [`LITTLE_BYTES`] nobody is asked.
    ///
    /// # Errors
    /// See [`Full`].
    pub(crate) fn take(self: &Arc<Self>, bytes: u64, patience: Duration) -> Result<Taken, Full> {
        if bytes <= LITTLE_BYTES {
            return Ok(Taken { room: Arc::clone(self), bytes: 0 });
        }
        let give_up = Instant::now() + patience;
        let mut promised = self.promised.lock().unwrap_or_else(PoisonError::into_inner);
        while promised.saturating_add(bytes) > (self.free)() {
            if *promised == 0 {
                return Err(Full::Lacking);
            }
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Full::Promised);
            }
            let waited = self.given_back.wait_timeout(promised, left);
            promised = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *promised += bytes;
        Ok(Taken { room: Arc::clone(self), bytes })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut promised = self.room.promised.lock().unwrap_or_else(PoisonError::into_inner);
        *promised -= self.bytes;
        self.room.given_back.notify_all();
    }
}

/// Bytes that loading a model of so many bytes holds at its highest, about.
pub(crate) fn of_load(bytes: u64) -> u64 {
    bytes.saturating_mul(LOAD_FACTOR_PERCENT) / 100
}

/// Bytes of all messages and answers together.
const MESSAGES_BYTES: u64 = (MAX_BODY_KIB + MAX_ANSWER_KIB) as u64 * 1024;

/// Bytes that may be promised, of what the kernel tells in `/proc/meminfo`: what is available, without what is kept for messages
/// and answers, and for all else that is not asked about.
fn free(told: &str, cores: u64) -> Option<u64> {
    let bytes = |name: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok()?.checked_mul(1024)
    };
    let (total, available) = (bytes("MemTotal:")?, bytes("MemAvailable:")?);
    let kept = cores.saturating_mul(LITTLE_BYTES).saturating_add(KEPT_BYTES).min(total / KEPT_SHARE);
    let free = available.saturating_sub(kept).saturating_sub(MESSAGES_BYTES.min(total / KEPT_SHARE));
    // In coarse steps: whoever is refused by it could follow what others take.
    Some(free - free % LITTLE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const SOON: Duration = Duration::from_millis(5);

    fn room(free: u64) -> Arc<Room> {
        let memory = || Memory::new(3, 1, 1);
        Room::new(Box::new(move || free), memory(), memory())
    }

    #[test]
    fn what_never_fits_is_refused_and_little_is_not_asked_about() {
        let room = room(101 * MIB);
        assert_eq!(room.take(102 * MIB, SOON).err(), Some(Full::Lacking));
        assert!(room.take(100 * MIB, SOON).is_ok());
        let _little: Vec<_> = (0..10).map(|_| room.take(LITTLE_BYTES, SOON).unwrap()).collect();
        assert!(room.take(100 * MIB, SOON).is_ok());
    }

    #[test]
    fn two_do_not_rely_on_the_same_bytes_and_who_waits_gets_what_is_given_back() {
        let room = room(301 * MIB);
        let first = room.take(200 * MIB, SOON).unwrap();
        assert_eq!(room.take(200 * MIB, SOON).err(), Some(Full::Promised));
        let beside = room.take(100 * MIB, SOON).unwrap();
        thread::scope(|scope| {
            let waits = scope.spawn(|| room.take(200 * MIB, Duration::from_secs(60)));
            thread::sleep(SOON);
            drop(first);
            assert!(waits.join().unwrap().is_ok());
        });
        drop(beside);
        assert!(room.take(300 * MIB, SOON).is_ok());
    }

    #[test]
    fn a_part_is_kept_for_what_is_not_asked_about() {
        let told = |total: u64, available: u64| {
            format!("MemTotal:  {total} kB\nMemFree: 7 kB\nMemAvailable:\t{available} kB\n")
        };
        let gib = 1 << 20;
        let left = (5 << 30) - KEPT_BYTES;
        assert_eq!(free(&told(8 * gib, 6 * gib), 2), Some(left - 2 * LITTLE_BYTES), "a GiB for messages");
        assert_eq!(free(&told(8 * gib, 6 * gib - 1), 2), Some(left - 3 * LITTLE_BYTES));
        assert_eq!(
            free(&told(gib / 8, gib * 3 / 32), 2),
            Some((96 - 32 - 32) * MIB),
            "two parts of a small one"
        );
        assert_eq!(free(&told(gib, 1), 2), Some(0));
        for none in
            ["", "MemTotal: 1 kB", "MemTotal: 1 kB\nMemAvailable: x kB", "MemTotal: 1\nMemAvailable: 1"]
        {
            assert_eq!(free(none, 2), None);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_tells() {
        let room = Room::of_machine();
        assert!((room.free)() < u64::MAX);
        assert_eq!(room.take(u64::MAX - 1, SOON).err(), Some(Full::Lacking));
    }
}
