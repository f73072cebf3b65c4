//! From a document's signature to the pinned root: steps 18 to 23 of [`mod@crate::verify`].
//!
//! Each step consumes the last, so that a signature cannot be judged under a leaf whose path or usage
//! was not. The root that a document carries is never trusted: only the [`TrustRoot`] that is given.

pub(crate) mod certificate;
mod der;
pub(crate) mod known;
pub(crate) mod validity;

use ring::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage, VerifiedPath, anchor_from_trusted_cert};

use crate::document::Document;
use crate::error::{ChainError, VerifyError};
use crate::root::TrustRoot;
use crate::time::UnixMillis;
use certificate::Facts;

/// The beginning of a SubjectPublicKeyInfo for an uncompressed P-384 point (RFC 5480 section 2).
const P384_SPKI_PREFIX: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

/// A document whose certificates lead to the root and are valid.
pub(crate) struct PathChecked(Document);

/// A document whose certificates may also be used as they were.
pub(crate) struct UsageChecked(Document);

/// A document that its leaf signed: its fields are true if the root is honest.
pub(crate) struct Signed(Document);

impl PathChecked {
    /// Steps 18 to 20: path, validity, path length. Of a path that passed them before under this root, the time alone.
    pub(crate) fn check(document: Document, root: &TrustRoot, now: UnixMillis) -> Result<Self, ChainError> {
        // Step 19 for the root: webpki takes a trust anchor without its dates.
        if !root.validity().contains(now) {
            return Err(ChainError::NotValidAtTime);
        }
        if !root.known().holds(&document, now) {
            verify_path(&document, root, now)?;
            root.known().remember(&document);
        }
        Ok(Self(document))
    }

    /// Steps 21 and 22: webpki ignores key usage.
    pub(crate) fn check_usage(self) -> Result<UsageChecked, ChainError> {
        // Step 21: the leaf signs documents and is no authority.
        let leaf = Facts::read(self.0.certificate()).ok_or(ChainError::Malformed)?;
        if !leaf.may_sign_documents() {
            return Err(ChainError::LeafUsage);
        }
        // Step 22: every issuer below the pinned root is an authority that signs certificates.
        for issuer in self.0.cabundle().iter().skip(1) {
            let issuer = Facts::read(issuer).ok_or(ChainError::Malformed)?;
            if !issuer.may_sign_certificates() {
                return Err(ChainError::IssuerUsage);
            }
        }
        Ok(UsageChecked(self.0))
    }
}

impl UsageChecked {
    /// Step 23: the leaf's signature over the bytes as received.
    pub(crate) fn check_signature(self) -> Result<Signed, VerifyError> {
        let certificate = CertificateDer::from(self.0.certificate());
        let leaf = EndEntityCert::try_from(&certificate).map_err(|_| ChainError::Malformed)?;
        let spki = leaf.subject_public_key_info();
        let point = spki.strip_prefix(P384_SPKI_PREFIX).ok_or(ChainError::LeafKey)?;
        UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)
            .verify(self.0.signed_bytes(), self.0.signature())
            .map_err(|_| VerifyError::Signature)?;
        Ok(Signed(self.0))
    }
}

impl Signed {
    pub(crate) const fn document(&self) -> &Document {
        &self.0
    }

    pub(crate) fn into_document(self) -> Document {
        self.0
    }
}

fn verify_path(document: &Document, root: &TrustRoot, now: UnixMillis) -> Result<(), ChainError> {
    let anchors = [anchor_from_trusted_cert(root.certificate()).map_err(|_| ChainError::Malformed)?];
    let leaf = CertificateDer::from(document.certificate());
    let leaf = EndEntityCert::try_from(&leaf).map_err(|_| ChainError::Malformed)?;
    // The bundle lists the root first. It is left out here: who sends a root cannot be trusted for it.
    let issuers: Vec<_> =
        document.cabundle().iter().skip(1).map(|der| CertificateDer::from(der.as_slice())).collect();
    let path = leaf
        .verify_for_usage(
            &[webpki::ring::ECDSA_P384_SHA384],
            &anchors,
            &issuers,
            UnixTime::since_unix_epoch(now.since_epoch()),
            // Nitro certificates name no extended usage; one that names only others is refused.
            KeyUsage::client_auth(),
            None,
            None,
        )
        .map_err(|error| reason(&error))?;
    if is_the_bundle(&path, &issuers) { Ok(()) } else { Err(ChainError::NotThePath) }
}

/// Step 18, the rest: the bundle is this path from root to leaf. A certificate beside it would be
/// checked by nobody.
fn is_the_bundle(path: &VerifiedPath<'_>, issuers: &[CertificateDer<'_>]) -> bool {
    path.intermediate_certificates().rev().map(|issuer| issuer.der()).eq(issuers.iter().cloned())
}

/// Names the step that webpki's error belongs to.
const fn reason(error: &Error) -> ChainError {
    match error {
        // Step 18.
        Error::UnknownIssuer | Error::InvalidSignatureForPublicKey => ChainError::NotUnderRoot,
        // Step 19.
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } | Error::InvalidCertValidity => {
            ChainError::NotValidAtTime
        }
        // Step 20.
        Error::PathLenConstraintViolated => ChainError::PathLength,
        // Steps 21 and 22, as far as webpki looks.
        Error::CaUsedAsEndEntity => ChainError::LeafUsage,
        Error::EndEntityUsedAsCa => ChainError::IssuerUsage,
        _ => ChainError::Malformed,
    }
}
