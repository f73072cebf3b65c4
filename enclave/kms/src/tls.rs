//! TLS towards KMS: version 1.3, pinned roots, time as an argument, nothing else.

use std::sync::Arc;

use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::aws_lc_rs::kx_group::{SECP256R1, SECP384R1, X25519, X25519MLKEM768};
use tokio_rustls::rustls::crypto::{SupportedKxGroup, aws_lc_rs};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::clock::Clock;
use crate::error::KmsError;

/// Key exchanges that are offered, the best first, with a key share. A recording of the tunnel is of no use to a quantum computer
/// where KMS takes the hybrid one, as AWS documents (AWS KMS Developer Guide, "Using hybrid post-quantum TLS with AWS KMS").
const GROUPS: [&dyn SupportedKxGroup; 4] = [X25519MLKEM768, X25519, SECP256R1, SECP384R1];

/// The certificate authorities that may vouch for KMS. There is no default: an enclave takes them from a
/// measured file of its image.
#[derive(Clone, Debug)]
pub struct TlsRoots(Arc<RootCertStore>);

impl TlsRoots {
    /// Pins the given certificates (DER).
    ///
    /// # Errors
    /// [`KmsError::Roots`] when the list is empty or one of them is not a certificate.
    pub fn from_der(roots: impl IntoIterator<Item = Vec<u8>>) -> Result<Self, KmsError> {
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(CertificateDer::from(root)).map_err(|_| KmsError::Roots)?;
        }
        if store.is_empty() { Err(KmsError::Roots) } else { Ok(Self(Arc::new(store))) }
    }

    /// Pins every certificate of a PEM file.
    ///
    /// # Errors
    /// [`KmsError::Roots`] when there is none, or one of them cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KmsError> {
        let roots: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(pem).map(|c| c.map(|c| c.as_ref().to_vec())).collect();
        Self::from_der(roots.map_err(|_| KmsError::Roots)?)
    }

    /// The client side of TLS under these roots. Sessions are not resumed: every request has a connection of
    /// its own, and no ticket outlives it.
    pub(crate) fn client_config(&self, clock: &Clock) -> Result<Arc<ClientConfig>, KmsError> {
        let mut provider = aws_lc_rs::default_provider();
        provider.kx_groups = GROUPS.to_vec();
        let mut config = ClientConfig::builder_with_details(Arc::new(provider), Arc::new(clock.clone()))
            .with_protocol_versions(&[&TLS13])
            .map_err(|_| KmsError::Roots)?
            .with_root_certificates(Arc::clone(&self.0))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }
}
