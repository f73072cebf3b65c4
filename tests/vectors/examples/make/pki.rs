//! A pretended Nitro PKI and the documents that its leaf signs.

use coset::{Header, ProtectedHeader, SignatureContext, sig_structure_data};
use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, DnType, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use strongroom_attestation::{Pcr, UnixMillis};

use crate::cbor::Item;

/// When everything here happens.
pub(crate) const NOW: u64 = 1_800_000_000_000;
const DAY: u64 = 24 * 3600 * 1000;
const HOUR: u64 = 3600 * 1000;

/// What one certificate says.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// Authority, and path length.
    pub(crate) basic: (bool, Option<u8>),
    pub(crate) usage: u8,
}

const ROOT: Plan = authority("root.vectors", None);
const REGIONAL: Plan = authority("region.vectors", Some(2));
const ZONAL: Plan = authority("zone.vectors", Some(1));
const INSTANCE: Plan = authority("instance.vectors", Some(0));

const fn authority(name: &'static str, path: Option<u8>) -> Plan {
    Plan { name, from: NOW - 30 * DAY, to: NOW + 3650 * DAY, basic: (true, path), usage: 0x04 }
}

pub(crate) const LEAF: Plan =
    Plan { name: "leaf.vectors", from: NOW - 4000, to: NOW + 3 * HOUR, basic: (false, None), usage: 0x80 };

/// A certificate and its key.
pub(crate) struct Issued {
    pub(crate) der: Vec<u8>,
    key: KeyPair,
}

pub(crate) struct Pki {
    pub(crate) root: Issued,
    pub(crate) regional: Issued,
    pub(crate) zonal: Issued,
    pub(crate) instance: Issued,
    pub(crate) leaf: Issued,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let root = Issued { der: params(&ROOT).self_signed(&key).unwrap().der().to_vec(), key };
        let regional = issue(&REGIONAL, &ROOT, &root);
        let zonal = issue(&ZONAL, &REGIONAL, &regional);
        let instance = issue(&INSTANCE, &ZONAL, &zonal);
        let leaf = issue(&LEAF, &INSTANCE, &instance);
        Self { root, regional, zonal, instance, leaf }
    }

    pub(crate) fn other_leaf(&self, plan: &Plan) -> Issued {
        issue(plan, &INSTANCE, &self.instance)
    }

    pub(crate) fn bundle(&self) -> Item {
        let all = [&self.root, &self.regional, &self.zonal, &self.instance];
        Item::Array(all.map(|issued| Item::Bytes(issued.der.clone())).to_vec())
    }

    /// The payload of a document as the module writes it.
    pub(crate) fn payload(&self, pcrs: &[(u64, Pcr)], user_data: Item, nonce: Item) -> Item {
        let pcrs = pcrs.iter().map(|(index, pcr)| (Item::Uint(*index), Item::Bytes(pcr.as_bytes().to_vec())));
        Item::map(&[
            ("module_id", Item::text("i-0123456789abcdef0-enc0123456789abcdef")),
            ("digest", Item::text("SHA384")),
            ("timestamp", Item::Uint(NOW - 1000)),
            ("pcrs", Item::Map(pcrs.collect())),
            ("certificate", Item::Bytes(self.leaf.der.clone())),
            ("cabundle", self.bundle()),
            ("public_key", Item::null()),
            ("user_data", user_data),
            ("nonce", nonce),
        ])
    }

    /// Signs a payload with the leaf.
    pub(crate) fn sign(&self, payload: &[u8]) -> Vec<u8> {
        document(&self.leaf, &protected(), payload)
    }
}

/// `{1: -35}`.
pub(crate) fn protected() -> Vec<u8> {
    Item::Map(vec![(Item::Uint(1), Item::Negative(34))]).encode()
}

pub(crate) fn document(leaf: &Issued, protected: &[u8], payload: &[u8]) -> Vec<u8> {
    assemble(protected, Item::Map(vec![]), payload, &signature(leaf, protected, payload)).encode()
}

pub(crate) fn assemble(protected: &[u8], unprotected: Item, payload: &[u8], signature: &[u8]) -> Item {
    Item::Array(vec![
        Item::Bytes(protected.to_vec()),
        unprotected,
        Item::Bytes(payload.to_vec()),
        Item::Bytes(signature.to_vec()),
    ])
}

pub(crate) fn signature(leaf: &Issued, protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let protected = ProtectedHeader { original_data: Some(protected.to_vec()), header: Header::default() };
    let message = sig_structure_data(SignatureContext::CoseSign1, protected, None, b"", payload);
    let random = SystemRandom::new();
    let pkcs8 = leaf.key.serialize_der();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &pkcs8, &random).unwrap();
    key.sign(&random, &message).unwrap().as_ref().to_vec()
}

/// A certificate under a leaf, which is one too many.
pub(crate) fn issue_under(plan: &Plan, by: &Issued) -> Issued {
    issue(plan, &LEAF, by)
}

fn issue(plan: &Plan, issuer: &Plan, by: &Issued) -> Issued {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let mut issuer_params = CertificateParams::default();
    issuer_params.distinguished_name = named(issuer.name);
    let certificate = params(plan).signed_by(&key, &Issuer::new(issuer_params, &by.key)).unwrap();
    Issued { der: certificate.der().to_vec(), key }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::OrganizationName, "Strongroom TEST VECTORS");
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn params(plan: &Plan) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(plan.name);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + UnixMillis::new(plan.from).since_epoch();
    params.not_after = epoch + UnixMillis::new(plan.to).since_epoch();
    let (ca, path) = plan.basic;
    let contents = [
        if ca { vec![0x01, 0x01, 0xff] } else { vec![] },
        path.map_or(vec![], |path| vec![0x02, 0x01, path]),
    ]
    .concat();
    let basic = [vec![0x30, contents.len() as u8], contents].concat();
    let unused = plan.usage.trailing_zeros() as u8;
    let usage = vec![0x03, 0x02, unused, plan.usage];
    params.custom_extensions =
        vec![extension(&[2, 5, 29, 19], basic, true), extension(&[2, 5, 29, 15], usage, ca)];
    params
}

fn extension(id: &[u64], der: Vec<u8>, critical: bool) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(id, der);
    extension.set_criticality(critical);
    extension
}
