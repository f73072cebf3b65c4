//! Pinned trust roots. A root says which it is, so that no simulated one can pass for AWS's.

use ring::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;

use crate::chain::certificate::Facts;
use crate::chain::known::KnownPaths;
use crate::chain::validity::Validity;
use crate::error::RootError;
use crate::time::UnixMillis;

/// AWS Nitro Enclaves Root G1, as published at
/// <https://aws-nitro-enclaves.amazonaws.com/AWS_NitroEnclaves_Root-G1.zip>.
const AWS_NITRO_ROOT_G1: &[u8] = include_bytes!("aws_nitro_root_g1.der");

/// Its dates: 2019-10-28 13:28:05 to 2049-10-28 14:28:05 UTC.
const AWS_NITRO_ROOT_G1_VALIDITY: Validity = Validity {
    not_before: UnixMillis::new(1_572_269_285_000),
    not_after: UnixMillis::new(2_519_044_085_000),
};

/// Which root a judgement rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RootKind {
    /// The root of AWS: measurements were made by Nitro hardware.
    AwsNitroG1,
    /// Any other root: measurements are pretended.
    Simulated,
}

/// The one certificate that paths must lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustRoot {
    certificate: CertificateDer<'static>,
    validity: Validity,
    kind: RootKind,
    known: KnownPaths,
}

impl TrustRoot {
    /// The root of AWS Nitro Enclaves, embedded here.
    #[must_use]
    pub fn aws_nitro_g1() -> Self {
        Self {
            certificate: CertificateDer::from_slice(AWS_NITRO_ROOT_G1),
            validity: AWS_NITRO_ROOT_G1_VALIDITY,
            kind: RootKind::AwsNitroG1,
            known: KnownPaths::default(),
        }
    }

    /// Pins the given certificate. Its kind follows from its bytes and cannot be claimed.
    ///
    /// # Errors
    /// [`RootError::Malformed`] when it cannot be read, [`RootError::Usage`] when it is not a certificate
    /// authority with keyCertSign.
    pub fn from_der(der: &[u8]) -> Result<Self, RootError> {
        let facts = Facts::read(der).ok_or(RootError::Malformed)?;
        if !facts.may_sign_certificates() {
            return Err(RootError::Usage);
        }
        let kind = if der == AWS_NITRO_ROOT_G1 { RootKind::AwsNitroG1 } else { RootKind::Simulated };
        let (certificate, known) = (CertificateDer::from(der.to_vec()), KnownPaths::default());
        Ok(Self { certificate, validity: facts.validity, kind, known })
    }

    /// Which root this is.
    #[must_use]
    pub const fn kind(&self) -> RootKind {
        self.kind
    }

    /// The certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.certificate
    }

    /// SHA-256 of the certificate in DER.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, &self.certificate).as_ref());
        fingerprint
    }

    pub(crate) const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The paths to it that were verified.
    pub(crate) const fn known(&self) -> &KnownPaths {
        &self.known
    }

    pub(crate) const fn validity(&self) -> &Validity {
        &self.validity
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_embedded_root_is_the_published_one() {
        let root = TrustRoot::aws_nitro_g1();
        assert_eq!(
            hex::encode(root.fingerprint()),
            "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"
        );
        assert_eq!(root.kind(), RootKind::AwsNitroG1);
    }

    #[test]
    fn the_kind_follows_from_the_bytes() {
        let root = TrustRoot::aws_nitro_g1();
        assert_eq!(TrustRoot::from_der(root.der()), Ok(root.clone()));
        assert_eq!(TrustRoot::from_der(b"no certificate"), Err(RootError::Malformed));
        let mut changed = root.der().to_vec();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(TrustRoot::from_der(&changed).unwrap().kind(), RootKind::Simulated);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(TrustRoot::from_der(&bytes), Err(RootError::Malformed));
        }

        #[test]
        fn a_changed_certificate_never_passes_for_the_root_of_aws(
            index in any::<prop::sample::Index>(),
            change in 1..=u8::MAX,
        ) {
            let mut der = AWS_NITRO_ROOT_G1.to_vec();
            let index = index.index(der.len());
            der[index] ^= change;
            let root = TrustRoot::from_der(&der);
            prop_assert!(root.is_err() || root.is_ok_and(|root| root.kind() == RootKind::Simulated));
        }
    }
}
