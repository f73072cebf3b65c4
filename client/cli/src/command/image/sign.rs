//! Signing an image, with a key from a file or with one that never leaves KMS. ES384 alone: what Nitro takes.

use std::path::PathBuf;

use ring::rand::SystemRandom;
use strongroom_attestation::Pcr;
use strongroom_eif::{Certificate, EifError, SIGNATURE_BYTES, SignatureSection};
use strongroom_kms::KeyArn;

use crate::error::{CliError, Result};
use crate::kms::Reach;
use crate::limits::MAX_SMALL_FILE_BYTES;
use crate::{files, secret};

/// Who signs.
#[derive(clap::Args)]
pub(crate) struct SignerArgs {
    /// Certificate (PEM) of the signing key; its digest becomes PCR8
    #[arg(long, value_name = "FILE", requires = "signer")]
    sign_certificate: Option<PathBuf>,
    /// Sign with this P-384 key (PKCS#8 PEM)
    #[arg(long, value_name = "FILE", requires = "sign_certificate")]
    sign_key: Option<PathBuf>,
    /// Sign with this asymmetric KMS key (ECC_NIST_P384)
    #[arg(long, value_name = "ARN", requires = "sign_certificate")]
    sign_kms_key: Option<KeyArn>,
    #[command(flatten)]
    reach: Reach,
}

/// A certificate and the key behind it.
pub(super) struct Signer<'a> {
    certificate: Certificate,
    key: Key<'a>,
}

enum Key<'a> {
    File(&'a PathBuf),
    Kms(&'a KeyArn, &'a Reach),
}

impl SignerArgs {
    pub(super) fn signer(&self) -> Result<Option<Signer<'_>>> {
        let key = match (&self.sign_key, &self.sign_kms_key) {
            (Some(path), _) => Key::File(path),
            (None, Some(arn)) => Key::Kms(arn, &self.reach),
            (None, None) => return Ok(None),
        };
        let path = self.sign_certificate.as_ref();
        let path = path.ok_or_else(|| CliError::usage("a signed image needs --sign-certificate"))?;
        let certificate = Certificate::from_pem(files::read(path, MAX_SMALL_FILE_BYTES)?.to_vec())?;
        Ok(Some(Signer { certificate, key }))
    }
}

impl Signer<'_> {
    pub(super) async fn sign(self, pcr0: Pcr) -> Result<SignatureSection> {
        let message = SignatureSection::to_be_signed(&pcr0)?;
        let signature = match self.key {
            Key::File(path) => {
                let key = secret::signing_key(path)?;
                key.sign(&message, &SystemRandom::new()).map_err(|_| CliError::Random)?
            }
            Key::Kms(arn, reach) => reach.connect(arn.region())?.sign_es384(arn, &message).await?.to_vec(),
        };
        let signature: [u8; SIGNATURE_BYTES] =
            signature.try_into().map_err(|_| CliError::usage("the signing key is not of P-384"))?;
        SignatureSection::new(self.certificate, pcr0, signature).map_err(unsigned)
    }
}

/// Says which of the two things that the caller gave does not fit the other.
fn unsigned(error: EifError) -> CliError {
    match error {
        EifError::NotSigned => CliError::usage("--sign-certificate is not of the signing key"),
        EifError::CertificateKey => CliError::usage("--sign-certificate is not of a P-384 key"),
        other => other.into(),
    }
}
