//! TLS for the edge, from PEM files.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error, ServerConfig};

use crate::error::HostError;

/// Protocols offered, the preferred one first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Reads a certificate chain, leaf first, and its key.
pub(crate) fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor, HostError> {
    let chain = CertificateDer::pem_file_iter(cert).and_then(|items| items.collect::<Result<Vec<_>, _>>());
    let chain = chain.map_err(|error| unusable(cert, unread(&error)))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, unread(&error)))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| match error {
            Error::NoCertificatesPresented => unusable(cert, "no certificate in PEM"),
            Error::InvalidCertificate(_) => unusable(cert, "its first certificate cannot be read"),
            Error::InconsistentKeys(_) => unusable(key, "not the key of the first certificate"),
            _ => unusable(key, "not a private key that TLS can use"),
        })?;
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn unusable(path: &Path, reason: impl Into<String>) -> HostError {
    HostError::Tls { path: path.to_owned(), reason: reason.into() }
}

/// Why a file of PEM cannot be read. Says nothing of its lines, which may be those of a key.
fn unread(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.kind().to_string(),
        pem::Error::NoItemsFound => "no private key in PEM".to_owned(),
        _ => "damaged PEM".to_owned(),
    }
}
