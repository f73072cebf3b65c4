//! A TLS authority for the pretended KMS. The pretended enclave image pins its certificate.

use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use strongroom_attestation::UnixMillis;

use super::issue::{algorithm, named, read_key, set_validity};
use super::plan::Curve;
use super::{PkiError, store};

const NAME: &str = "simulated TLS authority";
const LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
const BACKDATED: Duration = Duration::from_secs(24 * 60 * 60);
const CERTIFICATE_FILE: &str = "tls-ca.der";
const KEY_FILE: &str = "tls-ca.pkcs8";

/// A certificate authority for TLS servers.
pub struct TlsCa {
    certificate: Vec<u8>,
    key: KeyPair,
}

/// What a TLS server needs.
pub struct ServerIdentity {
    /// Its certificate in DER.
    pub certificate_der: Vec<u8>,
    /// Its key, PKCS#8 in DER.
    pub key_pkcs8: Vec<u8>,
}

impl TlsCa {
    /// Makes an authority that is valid from now on.
    ///
    /// # Errors
    /// [`PkiError::Certificate`].
    pub fn generate(now: UnixMillis) -> Result<Self, PkiError> {
        let key = KeyPair::generate_for(algorithm(Curve::P256))?;
        let mut params = CertificateParams::default();
        params.distinguished_name = named(NAME);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        set_validity(&mut params, now.minus(BACKDATED), now.plus(LIFETIME));
        Ok(Self { certificate: params.self_signed(&key)?.der().to_vec(), key })
    }

    /// The authority's certificate in DER.
    #[must_use]
    pub fn root_der(&self) -> &[u8] {
        &self.certificate
    }

    /// Issues a server certificate for one DNS name.
    ///
    /// # Errors
    /// [`PkiError::Certificate`], also when `dns_name` is none.
    pub fn issue_server(&self, dns_name: &str, now: UnixMillis) -> Result<ServerIdentity, PkiError> {
        let key = KeyPair::generate_for(algorithm(Curve::P256))?;
        let mut params = CertificateParams::new([dns_name.to_owned()])?;
        params.distinguished_name = named(dns_name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        set_validity(&mut params, now.minus(BACKDATED), now.plus(LIFETIME));
        let mut issuer = CertificateParams::default();
        issuer.distinguished_name = named(NAME);
        let certificate = params.signed_by(&key, &Issuer::new(issuer, &self.key))?;
        Ok(ServerIdentity { certificate_der: certificate.der().to_vec(), key_pkcs8: key.serialize_der() })
    }

    /// Writes the authority into `directory`, readable by its owner alone.
    ///
    /// # Errors
    /// [`PkiError::File`].
    pub fn save(&self, directory: &Path) -> Result<(), PkiError> {
        store::write(directory, CERTIFICATE_FILE, &self.certificate)?;
        store::write(directory, KEY_FILE, self.key.serialized_der())
    }

    /// Reads what [`TlsCa::save`] wrote.
    ///
    /// # Errors
    /// [`PkiError::File`] or [`PkiError::Certificate`].
    pub fn load(directory: &Path) -> Result<Self, PkiError> {
        let key = read_key(&store::read(directory, KEY_FILE)?, Curve::P256)?;
        Ok(Self { certificate: store::read(directory, CERTIFICATE_FILE)?, key })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
    use tokio_rustls::rustls::client::WebPkiServerVerifier;
    use tokio_rustls::rustls::client::danger::ServerCertVerifier;
    use tokio_rustls::rustls::{RootCertStore, crypto::aws_lc_rs};

    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);
    const HOST: &str = "kms.eu-central-1.amazonaws.com";

    fn accepts(authority: &TlsCa, server: &ServerIdentity, host: &str) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority.root_der().to_vec())).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let certificate = CertificateDer::from(server.certificate_der.clone());
        let host = ServerName::try_from(host.to_owned()).unwrap();
        let now = UnixTime::since_unix_epoch(NOW.since_epoch());
        verifier.verify_server_cert(&certificate, &[], &host, &[], now).is_ok()
    }

    #[test]
    fn rustls_accepts_the_server_of_a_stored_authority_and_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let authority = TlsCa::generate(NOW).unwrap();
        authority.save(directory.path()).unwrap();
        let server = TlsCa::load(directory.path()).unwrap().issue_server(HOST, NOW).unwrap();
        assert!(accepts(&authority, &server, HOST));
        assert!(!accepts(&authority, &server, "example.com"));
        assert!(!accepts(&TlsCa::generate(NOW).unwrap(), &server, HOST));
    }
}
