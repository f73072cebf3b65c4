//! A pretended Nitro PKI and a TLS authority: made anew for every state directory, trusted by nobody else.
//!
//! Root, regional, zonal, instance and leaf certificates have the shape of AWS's: P-384, path lengths
//! none, 2, 1 and 0, a leaf of three hours. Their names say that they are simulated.

mod issue;
mod plan;
mod store;
mod tls;

use std::path::Path;

use rcgen::KeyPair;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use strongroom_attestation::UnixMillis;

pub use plan::{Basic, CertificatePlan, ChainPlan, Curve, DIGITAL_SIGNATURE, KEY_CERT_SIGN};
pub use tls::{ServerIdentity, TlsCa};

/// Why pretended certificates could not be made, kept or read back.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A certificate or key could not be made or read.
    #[error("cannot make or read a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A key is not one that this PKI makes.
    #[error("a stored key is not usable")]
    Key,
    /// A file could not be written or read.
    #[error("cannot keep or read a file of the simulated PKI: {0}")]
    File(#[from] std::io::Error),
}

/// The authorities above every pretended enclave. Only the instance's key outlives their making.
pub struct NitroPki {
    root: Vec<u8>,
    regional: Vec<u8>,
    zonal: Vec<u8>,
    instance: Vec<u8>,
    instance_key: KeyPair,
}

impl NitroPki {
    /// Makes authorities of AWS's shape that are valid from now on.
    ///
    /// # Errors
    /// [`PkiError::Certificate`] when a key or certificate cannot be made.
    pub fn generate(now: UnixMillis) -> Result<Self, PkiError> {
        Self::from_plan(&ChainPlan::nitro(now))
    }

    /// Makes authorities of any shape, for tests of what a verifier refuses.
    ///
    /// # Errors
    /// As [`NitroPki::generate`].
    pub fn from_plan(plan: &ChainPlan) -> Result<Self, PkiError> {
        let root = issue::self_signed(&plan.root)?;
        let regional = issue::signed_by(&plan.regional, plan::ROOT, &root.key)?;
        let zonal = issue::signed_by(&plan.zonal, plan::REGIONAL, &regional.key)?;
        let instance = issue::signed_by(&plan.instance, plan::ZONAL, &zonal.key)?;
        Ok(Self {
            root: root.certificate,
            regional: regional.certificate,
            zonal: zonal.certificate,
            instance: instance.certificate,
            instance_key: instance.key,
        })
    }

    /// The root in DER: what a verifier of the simulation pins.
    #[must_use]
    pub fn root_der(&self) -> &[u8] {
        &self.root
    }

    /// The authorities in DER as a document lists them, the root first.
    #[must_use]
    pub fn cabundle(&self) -> Vec<Vec<u8>> {
        [&self.root, &self.regional, &self.zonal, &self.instance].map(Clone::clone).to_vec()
    }

    /// Issues the leaf of one boot, valid for three hours.
    ///
    /// # Errors
    /// [`PkiError::Certificate`] when it cannot be made.
    pub fn issue_leaf(&self, now: UnixMillis) -> Result<Leaf, PkiError> {
        self.issue_leaf_from(&CertificatePlan::leaf(now))
    }

    /// Issues a leaf of any shape.
    ///
    /// # Errors
    /// As [`NitroPki::issue_leaf`].
    pub fn issue_leaf_from(&self, plan: &CertificatePlan) -> Result<Leaf, PkiError> {
        let issued = issue::signed_by(plan, plan::INSTANCE, &self.instance_key)?;
        Ok(Leaf {
            certificate: issued.certificate,
            key_pkcs8: issued.key.serialize_der(),
            not_after: plan.not_after,
        })
    }

    /// Writes the authorities into `directory`, readable by their owner alone.
    ///
    /// # Errors
    /// [`PkiError::File`].
    pub fn save(&self, directory: &Path) -> Result<(), PkiError> {
        store::write(directory, "root.der", &self.root)?;
        store::write(directory, "regional.der", &self.regional)?;
        store::write(directory, "zonal.der", &self.zonal)?;
        store::write(directory, "instance.der", &self.instance)?;
        store::write(directory, "instance.pkcs8", self.instance_key.serialized_der())
    }

    /// Reads what [`NitroPki::save`] wrote.
    ///
    /// # Errors
    /// [`PkiError::File`] or [`PkiError::Certificate`].
    pub fn load(directory: &Path) -> Result<Self, PkiError> {
        Ok(Self {
            root: store::read(directory, "root.der")?,
            regional: store::read(directory, "regional.der")?,
            zonal: store::read(directory, "zonal.der")?,
            instance: store::read(directory, "instance.der")?,
            instance_key: issue::read_key(&store::read(directory, "instance.pkcs8")?, Curve::P384)?,
        })
    }
}

/// The certificate and key with which a pretended NSM signs.
pub struct Leaf {
    certificate: Vec<u8>,
    key_pkcs8: Vec<u8>,
    not_after: UnixMillis,
}

impl Leaf {
    /// The certificate in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// When it ends.
    #[must_use]
    pub const fn not_after(&self) -> UnixMillis {
        self.not_after
    }

    /// Signs as COSE wants it: ES384, r ‖ s.
    ///
    /// # Errors
    /// [`PkiError::Key`] when the leaf's key is not on P-384.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &self.key_pkcs8, &random)
            .map_err(|_| PkiError::Key)?;
        let signature = key.sign(&random, message).map_err(|_| PkiError::Key)?;
        Ok(signature.as_ref().to_vec())
    }
}
