//! Step 3: the file systems that the kernel offers. None of them is backed by a disk; an enclave has none.

use rustix::ffi::CStr;
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};

struct Mount {
    target: &'static str,
    kind: &'static str,
    flags: MountFlags,
    data: Option<&'static CStr>,
}

const HARMLESS: MountFlags = MountFlags::NOSUID.union(MountFlags::NOEXEC);

/// `/tmp` is small and the owner's alone: nothing is meant to be in it.
const MOUNTS: [Mount; 4] = [
    Mount { target: "/dev", kind: "devtmpfs", flags: HARMLESS, data: None },
    Mount { target: "/proc", kind: "proc", flags: HARMLESS.union(MountFlags::NODEV), data: None },
    Mount {
        target: "/sys",
        kind: "sysfs",
        flags: HARMLESS.union(MountFlags::NODEV).union(MountFlags::RDONLY),
        data: None,
    },
    Mount {
        target: "/tmp",
        kind: "tmpfs",
        flags: HARMLESS.union(MountFlags::NODEV),
        data: Some(c"size=1m,mode=0700"),
    },
];

/// Mounts them all.
///
/// # Errors
/// The first that fails. One that the kernel mounted by itself is as good.
pub(super) fn all() -> Result<(), (&'static str, Errno)> {
    MOUNTS.iter().try_for_each(|wanted| {
        match mount(wanted.kind, wanted.target, wanted.kind, wanted.flags, wanted.data) {
            Ok(()) | Err(Errno::BUSY) => Ok(()),
            Err(error) => Err((wanted.target, error)),
        }
    })
}
