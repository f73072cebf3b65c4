//! Step 5: randomness that does not depend on the host alone.
//!
//! The NSM's bytes are mixed into the kernel's pool. They are not credited as entropy, which would need a call that
//! has no safe form; so the kernel is then asked whether it has enough of its own, and waited for.

use std::fs::OpenOptions;
use std::io::Write;

use rustix::rand::{GetRandomFlags, getrandom};
use strongroom_attestation::Nsm;
use zeroize::Zeroizing;

const POOL: &str = "/dev/random";
/// Bytes taken from the NSM: twice the state of the kernel's generator.
const SEED_BYTES: usize = 512;

pub(super) fn seed(nsm: &dyn Nsm) -> Result<(), String> {
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    nsm.random(seed.as_mut_slice()).map_err(|error| format!("random bytes: {error}"))?;
    let written = OpenOptions::new().write(true).open(POOL).and_then(|mut pool| pool.write_all(&*seed));
    written.map_err(|error| format!("{POOL}: {}", error.kind()))?;
    wait_until_ready()
}

/// Without flags the call blocks until the kernel's generator is seeded.
fn wait_until_ready() -> Result<(), String> {
    let mut probe = Zeroizing::new([0_u8; 32]);
    match getrandom(probe.as_mut_slice(), GetRandomFlags::empty()) {
        Ok(bytes) if bytes == probe.len() => Ok(()),
        Ok(_) => Err("the kernel gave fewer random bytes than asked for".to_owned()),
        Err(error) => Err(format!("the kernel's random bytes: {}", error.kind())),
    }
}
