//! What an enclave runs on. Real or simulated is decided by whoever fills this in.

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
}
