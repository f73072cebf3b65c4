//! What an enclave runs on. Real or simulated is decided by whoever fills this in.

use std::fmt;
use std::sync::Arc;

use strongroom_attestation::Nsm;
use strongroom_kms::TlsRoots;
use strongroom_link::Endpoint;

/// The outside of an enclave.
pub struct Platform {
    /// The security module that measures, attests and gives random bytes.
    pub nsm: Arc<dyn Nsm>,
    /// Where the enclave listens for its host.
    pub service: Endpoint,
    /// Who may connect there.
    pub parent: strongroom_link::PeerRule,
    /// Where the host answers the enclave's own questions.
    pub host: Endpoint,
    /// Where the host carries bytes to KMS.
    pub kms_tunnel: Endpoint,
    /// Certificate authorities that may vouch for KMS.
    pub kms_roots: TlsRoots,
    /// What drives the monotonic clock, which carries the NSM's time on. Stated, and nothing depends on it.
    pub clock_source: ClockSource,
}

/// A driver of the monotonic clock, as Linux names them. The hypervisor stands behind each, the host behind none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSource {
    /// The processor's time stamp counter.
    Tsc,
    /// The hypervisor's page of the time stamp counter's scale.
    KvmClock,
    /// A timer of the chipset.
    Hpet,
    /// Any other.
    Other,
}

impl ClockSource {
    /// The source of this name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let known = [Self::Tsc, Self::KvmClock, Self::Hpet];
        known.into_iter().find(|source| source.to_string() == name).unwrap_or(Self::Other)
    }
}

impl fmt::Display for ClockSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tsc => "tsc",
            Self::KvmClock => "kvm-clock",
            Self::Hpet => "hpet",
            Self::Other => "other",
        })
    }
}
