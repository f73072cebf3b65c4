//! For unit tests: attestation documents under a root of their own, so that they pass the real verifier.

use std::collections::BTreeMap;

use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P384_SHA384,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use serde::Serialize;
use serde_bytes::ByteBuf;
use strongroom_attestation::{ImagePcrs, Pcr, TrustRoot};
use strongroom_proto::cbor;

/// When every document was made.
pub(crate) const MADE_MS: u64 = 1_700_000_000_000;

/// A module, its certificate and the root above it.
pub(crate) struct Pretended {
    root: Vec<u8>,
    leaf: Vec<u8>,
    key: EcdsaKeyPair,
}

/// What a document states.
pub(crate) struct Stated {
    pub(crate) image: ImagePcrs,
    pub(crate) pcr16: Pcr,
    pub(crate) user_data: Vec<u8>,
    pub(crate) nonce: Option<Vec<u8>>,
}

#[derive(Serialize)]
struct Payload {
    module_id: &'static str,
    digest: &'static str,
    timestamp: u64,
    pcrs: BTreeMap<u8, ByteBuf>,
    certificate: ByteBuf,
    cabundle: Vec<ByteBuf>,
    public_key: Option<ByteBuf>,
    user_data: ByteBuf,
    nonce: Option<ByteBuf>,
}

pub(crate) fn image(byte: u8) -> ImagePcrs {
    let pcr = Pcr::new([byte; 48]);
    ImagePcrs { pcr0: pcr, pcr1: pcr, pcr2: pcr }
}

impl Pretended {
    pub(crate) fn new() -> Self {
        let generate = || KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let (root_key, leaf_key) = (generate(), generate());
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let mut leaf = CertificateParams::default();
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = root.self_signed(&root_key).unwrap().der().to_vec();
        let leaf = leaf.signed_by(&leaf_key, &Issuer::new(root, &root_key)).unwrap().der().to_vec();
        let pkcs8 = leaf_key.serialize_der();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &pkcs8, &SystemRandom::new());
        Self { root: certificate, leaf, key: key.unwrap() }
    }

    pub(crate) fn root(&self) -> TrustRoot {
        TrustRoot::from_der(&self.root).unwrap()
    }

    /// COSE_Sign1 with ES384, as the NSM makes it.
    pub(crate) fn document(&self, stated: Stated) -> Vec<u8> {
        let Stated { image, pcr16, user_data, nonce } = stated;
        let pcrs = [(0, image.pcr0), (1, image.pcr1), (2, image.pcr2), (16, pcr16)];
        let payload = Payload {
            module_id: "i-1-enc1",
            digest: "SHA384",
            timestamp: MADE_MS,
            pcrs: pcrs.map(|(index, pcr)| (index, ByteBuf::from(pcr.as_bytes().to_vec()))).into(),
            certificate: ByteBuf::from(self.leaf.clone()),
            cabundle: vec![ByteBuf::from(self.root.clone())],
            public_key: None,
            user_data: ByteBuf::from(user_data),
            nonce: nonce.map(ByteBuf::from),
        };
        let payload = ByteBuf::from(cbor::encode(&payload).unwrap());
        let protected = ByteBuf::from(cbor::encode(&BTreeMap::from([(1, -35)])).unwrap());
        let signed = cbor::encode(&("Signature1", &protected, ByteBuf::new(), &payload)).unwrap();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        let signature = ByteBuf::from(signature.as_ref().to_vec());
        cbor::encode(&(protected, BTreeMap::<u8, u8>::new(), payload, signature)).unwrap()
    }
}
