//! TLS for the edge, from PEM files.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::HostError;

/// Protocols offered, the preferred one first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Reads a certificate chain, leaf first, and its key.
pub(crate) fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor, HostError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(cert).map_err(|_| HostError::Tls)?.collect();
    let key = PrivateKeyDer::from_pem_file(key).map_err(|_| HostError::Tls)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| HostError::Tls)?
        .with_no_client_auth()
        .with_single_cert(chain.map_err(|_| HostError::Tls)?, key)
        .map_err(|_| HostError::Tls)?;
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    Ok(TlsAcceptor::from(Arc::new(config)))
}
