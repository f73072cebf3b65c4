//! Step 4, the driver of the NSM, and what the kernel tells of its clock.

use std::fs::{self, File};
use std::io;

use rustix::io::Errno;
use rustix::system::finit_module;
use strongroom_enclave::ClockSource;

/// Where an image holds the driver when its kernel does not have it built in.
const DRIVER: &str = "/nsm.ko";
const CLOCK_SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

/// Loads the driver if the image holds one. The file is part of what is measured.
pub(super) fn load_driver() -> io::Result<()> {
    let driver = match File::open(DRIVER) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        driver => driver?,
    };
    match finit_module(&driver, c"", 0) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What drives the monotonic clock, in one of the words that are known here.
pub(super) fn clock_source() -> ClockSource {
    fs::read_to_string(CLOCK_SOURCE).map_or(ClockSource::Other, |name| ClockSource::named(name.trim()))
}
