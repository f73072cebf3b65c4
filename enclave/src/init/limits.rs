//! Step 7: what the process may use, and that it is never written down.

use rustix::io;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Descriptors: every connection that the service accepts, and room beside them.
const OPEN_FILES: u64 = 16 * 1024;

const BOUNDS: [(Resource, u64); 2] = [(Resource::Core, 0), (Resource::Nofile, OPEN_FILES)];

pub(super) fn set() -> io::Result<()> {
    for (resource, bound) in BOUNDS {
        setrlimit(resource, Rlimit { current: Some(bound), maximum: Some(bound) })?;
    }
    // Also keeps any other process, if there were one, from looking into this one's memory.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}
