//! What certificates shall say. The plans of AWS's shape are the defaults; tests change one thing.

use std::time::Duration;

use strongroom_attestation::UnixMillis;

/// Bits of the first byte of KeyUsage (RFC 5280 section 4.2.1.3).
pub const DIGITAL_SIGNATURE: u8 = 0x80;
/// See [`DIGITAL_SIGNATURE`].
pub const KEY_CERT_SIGN: u8 = 0x04;

const NON_REPUDIATION: u8 = 0x40;
const CRL_SIGN: u8 = 0x02;

pub(super) const ROOT: &str = "simulated.nitro-enclaves";
pub(super) const REGIONAL: &str = "region.simulated.nitro-enclaves";
pub(super) const ZONAL: &str = "zone.region.simulated.nitro-enclaves";
pub(super) const INSTANCE: &str = "instance.region.simulated.nitro-enclaves";
const LEAF: &str = "enclave.instance.region.simulated";

/// Lifetime of an AWS leaf: three hours from three seconds before it is issued.
const LEAF_LIFETIME: Duration = Duration::from_secs(3 * 60 * 60);
const LEAF_BACKDATED: Duration = Duration::from_secs(3);

/// Lifetime of the authorities. AWS renews all but the root within days; a state directory lives longer.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
const AUTHORITY_BACKDATED: Duration = Duration::from_secs(24 * 60 * 60);

/// The basicConstraints extension, always critical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Basic {
    /// cA.
    pub ca: bool,
    /// pathLenConstraint.
    pub path_length: Option<u8>,
}

/// The curve of a certificate's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384, the curve of the Nitro PKI.
    P384,
}

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatePlan {
    /// Common name of the subject.
    pub common_name: String,
    /// First second of validity.
    pub not_before: UnixMillis,
    /// Last second of validity.
    pub not_after: UnixMillis,
    /// basicConstraints, or none.
    pub basic: Option<Basic>,
    /// First byte of keyUsage, or none. Critical in authorities.
    pub key_usage: Option<u8>,
    /// Curve of the subject's key.
    pub curve: Curve,
}

/// The authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainPlan {
    /// Self-signed; no path length.
    pub root: CertificatePlan,
    /// Path length 2.
    pub regional: CertificatePlan,
    /// Path length 1.
    pub zonal: CertificatePlan,
    /// Path length 0.
    pub instance: CertificatePlan,
}

impl ChainPlan {
    /// The shape of AWS's authorities.
    #[must_use]
    pub fn nitro(now: UnixMillis) -> Self {
        let signs_more = KEY_CERT_SIGN | CRL_SIGN | DIGITAL_SIGNATURE;
        Self {
            root: CertificatePlan::authority(now, ROOT, None, signs_more),
            regional: CertificatePlan::authority(now, REGIONAL, Some(2), signs_more),
            zonal: CertificatePlan::authority(now, ZONAL, Some(1), signs_more),
            instance: CertificatePlan::authority(now, INSTANCE, Some(0), KEY_CERT_SIGN),
        }
    }
}

impl CertificatePlan {
    /// The shape of AWS's leaf.
    #[must_use]
    pub fn leaf(now: UnixMillis) -> Self {
        Self {
            common_name: LEAF.to_owned(),
            not_before: now.minus(LEAF_BACKDATED),
            not_after: now.plus(LEAF_LIFETIME),
            basic: Some(Basic { ca: false, path_length: None }),
            key_usage: Some(DIGITAL_SIGNATURE | NON_REPUDIATION),
            curve: Curve::P384,
        }
    }

    fn authority(now: UnixMillis, name: &str, path_length: Option<u8>, key_usage: u8) -> Self {
        Self {
            common_name: name.to_owned(),
            not_before: now.minus(AUTHORITY_BACKDATED),
            not_after: now.plus(AUTHORITY_LIFETIME),
            basic: Some(Basic { ca: true, path_length }),
            key_usage: Some(key_usage),
            curve: Curve::P384,
        }
    }
}
