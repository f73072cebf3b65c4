//! A pretended Nitro Secure Module: the device's operations, limits and errors, in this process.
//!
//! Its documents pass through the real verifier, under a root of their own. It measures the bytes of the
//! executable it is given, so that a changed enclave has other measurements.

mod cbor;
mod draft;
mod measure;
mod registers;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use ring::rand::{SecureRandom, SystemRandom};
use strongroom_attestation::{DocumentRequest, Nsm, NsmError, Pcr, PcrIndex, PcrState, UnixMillis};

use crate::pki::{Leaf, NitroPki, PkiError};
use registers::Registers;

pub use cbor::Cbor;
pub use draft::{Draft, SignError, Statement};
pub use measure::measure;

/// Bytes of an extend that fit into one request to the device.
const MAX_EXTEND_BYTES: usize = 4 * 1024 - 64;

/// A leaf is replaced when it has less than this left, as a long-lived enclave's is.
const LEAF_MARGIN: Duration = Duration::from_secs(60 * 60);

/// Where the module takes its time from.
pub type Clock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// The clock of this machine.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let elapsed = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        UnixMillis::new(0).plus(elapsed)
    })
}

/// The clock of this machine, ahead by the milliseconds that a file holds at that moment, or behind; by none where it holds no
/// number.
#[must_use]
pub fn shifted_clock(file: PathBuf) -> Clock {
    let system = system_clock();
    Arc::new(move || {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let ahead: i64 = text.trim().parse().unwrap_or(0);
        UnixMillis::new(system().as_millis().saturating_add_signed(ahead))
    })
}

/// Who the pretended enclave is.
#[derive(Clone, Copy, Debug)]
pub struct SimIdentity<'a> {
    /// The bytes of the enclave's executable: PCR0 to PCR2.
    pub executable: &'a [u8],
    /// ARN of the parent's IAM role: PCR3.
    pub role: &'a str,
    /// Id of the parent instance: PCR4, and part of the module's id.
    pub instance: &'a str,
    /// Debug mode: PCR0 to PCR2 are zero.
    pub debug: bool,
}

/// A pretended module. One request at a time, as the device.
pub struct SimNsm {
    pki: Arc<NitroPki>,
    module_id: String,
    delay: Duration,
    clock: Clock,
    state: Mutex<State>,
}

struct State {
    registers: Registers,
    leaf: Leaf,
}

impl SimNsm {
    /// Boots a module: measures the executable, locks PCR0 to PCR15 and gets a leaf.
    ///
    /// `delay` is what a document takes; a real one takes about 0.1 s.
    ///
    /// # Errors
    /// [`PkiError`] when the leaf cannot be issued.
    pub fn new(
        pki: Arc<NitroPki>,
        identity: SimIdentity<'_>,
        delay: Duration,
        clock: Clock,
    ) -> Result<Self, PkiError> {
        let mut boot = [0; 8];
        SystemRandom::new().fill(&mut boot).map_err(|_| PkiError::Key)?;
        let leaf = pki.issue_leaf(clock())?;
        Ok(Self {
            module_id: format!("{}-enc{}", identity.instance, hex::encode(boot)),
            state: Mutex::new(State { registers: Registers::at_boot(&identity), leaf }),
            pki,
            delay,
            clock,
        })
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, NsmError> {
        self.state.lock().map_err(|_| NsmError::Internal)
    }
}

impl Nsm for SimNsm {
    fn describe_pcr(&self, index: PcrIndex) -> Result<PcrState, NsmError> {
        Ok(self.state()?.registers.describe(index))
    }

    fn extend(&self, index: PcrIndex, data: &[u8]) -> Result<Pcr, NsmError> {
        if data.len() > MAX_EXTEND_BYTES {
            return Err(NsmError::InputTooLarge);
        }
        self.state()?.registers.extend(index, data)
    }

    fn lock(&self, index: PcrIndex) -> Result<(), NsmError> {
        self.state()?.registers.lock(index)
    }

    fn attest(&self, request: &DocumentRequest) -> Result<Vec<u8>, NsmError> {
        let mut state = self.state()?;
        // The lock is held meanwhile: the device makes one document after another, too.
        std::thread::sleep(self.delay);
        let now = (self.clock)();
        if now.plus(LEAF_MARGIN) > state.leaf.not_after() {
            state.leaf = self.pki.issue_leaf(now).map_err(|_| NsmError::Internal)?;
        }
        let statement = Statement {
            module_id: &self.module_id,
            timestamp: now,
            pcrs: state.registers.locked(),
            certificate: state.leaf.certificate(),
            cabundle: self.pki.cabundle(),
            request,
        };
        Draft::genuine(&statement).sign(&state.leaf).map_err(|_| NsmError::Internal)
    }

    fn random(&self, out: &mut [u8]) -> Result<(), NsmError> {
        SystemRandom::new().fill(out).map_err(|_| NsmError::Internal)
    }
}
