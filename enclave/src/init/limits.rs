//! Every bound of the first process, and step 7: what it may use, and that it is never written down.

use std::time::Duration;

use rustix::io;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Descriptors: every connection that the service accepts, and room beside them.
const OPEN_FILES: u64 = 16 * 1024;

/// Time for the host to send the heartbeat back.
pub(super) const HEARTBEAT_TIME: Duration = Duration::from_secs(10);

/// Time for the serial line to carry the last words away.
pub(super) const LAST_WORDS: Duration = Duration::from_millis(200);

const BOUNDS: [(Resource, u64); 2] = [(Resource::Core, 0), (Resource::Nofile, OPEN_FILES)];

pub(super) fn set() -> io::Result<()> {
    for (resource, bound) in BOUNDS {
        setrlimit(resource, Rlimit { current: Some(bound), maximum: Some(bound) })?;
    }
    // Also keeps any other process, if there were one, from looking into this one's memory.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}
