//! Turns plans into certificates. Both extensions are written by hand, so that any fault can be planned.

use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, DnType, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, SignatureAlgorithm,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use strongroom_attestation::UnixMillis;

use super::PkiError;
use super::plan::{Basic, CertificatePlan, Curve};

const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];

/// Named in every certificate, so that nobody mistakes one for AWS's.
const ORGANIZATION: &str = "Strongroom SIMULATION";

/// A certificate in DER and its subject's key.
pub(super) struct Issued {
    pub(super) certificate: Vec<u8>,
    pub(super) key: KeyPair,
}

pub(super) fn self_signed(plan: &CertificatePlan) -> Result<Issued, PkiError> {
    let key = KeyPair::generate_for(algorithm(plan.curve))?;
    let certificate = params(plan).self_signed(&key)?;
    Ok(Issued { certificate: certificate.der().to_vec(), key })
}

pub(super) fn signed_by(
    plan: &CertificatePlan,
    issuer: &str,
    issuer_key: &KeyPair,
) -> Result<Issued, PkiError> {
    let key = KeyPair::generate_for(algorithm(plan.curve))?;
    let mut issuer_params = CertificateParams::default();
    issuer_params.distinguished_name = named(issuer);
    let certificate = params(plan).signed_by(&key, &Issuer::new(issuer_params, issuer_key))?;
    Ok(Issued { certificate: certificate.der().to_vec(), key })
}

pub(super) fn read_key(pkcs8: &[u8], curve: Curve) -> Result<KeyPair, PkiError> {
    let der = PrivatePkcs8KeyDer::from(pkcs8);
    Ok(KeyPair::from_pkcs8_der_and_sign_algo(&der, algorithm(curve))?)
}

pub(super) fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, ORGANIZATION);
    name.push(DnType::CommonName, common_name);
    name
}

/// rcgen's time of a time, through the one constructor that needs no further crate.
pub(super) fn set_validity(params: &mut CertificateParams, not_before: UnixMillis, not_after: UnixMillis) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + not_before.since_epoch();
    params.not_after = epoch + not_after.since_epoch();
}

pub(super) const fn algorithm(curve: Curve) -> &'static SignatureAlgorithm {
    match curve {
        Curve::P256 => &PKCS_ECDSA_P256_SHA256,
        Curve::P384 => &PKCS_ECDSA_P384_SHA384,
    }
}

fn params(plan: &CertificatePlan) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&plan.common_name);
    set_validity(&mut params, plan.not_before, plan.not_after);
    let is_authority = plan.basic.is_some_and(|basic| basic.ca);
    let basic = plan.basic.map(|basic| extension(BASIC_CONSTRAINTS, basic_constraints(basic), true));
    let usage = plan.key_usage.map(|bits| extension(KEY_USAGE, key_usage(bits), is_authority));
    params.custom_extensions = basic.into_iter().chain(usage).collect();
    params
}

fn extension(id: &[u64], der: Vec<u8>, critical: bool) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(id, der);
    extension.set_criticality(critical);
    extension
}

/// SEQUENCE { BOOLEAN TRUE if an authority, INTEGER if there is a path length }.
fn basic_constraints(basic: Basic) -> Vec<u8> {
    let ca = if basic.ca { vec![0x01, 0x01, 0xff] } else { Vec::new() };
    let path_length = basic.path_length.map_or(Vec::new(), |length| vec![0x02, 0x01, length]);
    let contents = [ca, path_length].concat();
    let length = if basic.ca { 3 } else { 0 } + if basic.path_length.is_some() { 3 } else { 0 };
    [vec![0x30, length], contents].concat()
}

/// BIT STRING with the unused bits counted.
fn key_usage(bits: u8) -> Vec<u8> {
    let unused_bits = u8::try_from(bits.trailing_zeros()).map_or(0, |zeros| zeros % 8);
    vec![0x03, 0x02, unused_bits, bits]
}
