//! OpenSSF Model Signing bundles (`model_signing sign key`), checked with a P-256 public key:
//!
//! 1. It is a Sigstore bundle of version 0.3 with a DSSE envelope of one signature, and names no certificate.
//! 2. The key signed the envelope: ECDSA with SHA-256 over the pre-authentication encoding of DSSE 1.0.
//! 3. The payload is an in-toto statement of version 1 with the predicate of a model signature and one subject.
//! 4. The subject's digest is the SHA-256 over the digests of the resources, in order.
//! 5. One of the resources is the model file, by its SHA-256.
//!
//! Certificates, and so keyless signatures, are refused: who may speak for a name is not for this command to say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::{Map, Value};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const PREDICATE: &str = "https://model_signing/signature/v1.0";

/// What comes before the point in the SubjectPublicKeyInfo of a P-256 key (RFC 5480).
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Why a bundle is refused, by the step of the module's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureError {
    /// The key itself.
    #[error("the key is not a P-256 public key in PEM")]
    Key,
    /// Step 1.
    #[error("not a Sigstore bundle of version 0.3 with one DSSE signature")]
    Bundle,
    /// Step 1: a certificate.
    #[error(
        "the bundle was signed with a certificate; only the key method (`model_signing sign key`) is checked"
    )]
    Certificate,
    /// Step 2.
    #[error("the signature is not one of this key")]
    Signature,
    /// Step 3.
    #[error("not the statement of a model signature")]
    Statement,
    /// Step 4.
    #[error("the subject's digest is not that of its resources")]
    Subject,
    /// Step 5.
    #[error("the signature is not about this model file")]
    OtherFile,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    media_type: String,
    verification_material: Map<String, Value>,
    dsse_envelope: Envelope,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Deserialize)]
struct Subject {
    digest: SubjectDigest,
}

#[derive(Deserialize)]
struct SubjectDigest {
    sha256: String,
}

#[derive(Deserialize)]
struct Predicate {
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    algorithm: String,
    digest: String,
}

/// Checks that `bundle` is a signature of the key over the model file of this SHA-256.
pub(crate) fn check(bundle: &[u8], key_pem: &[u8], model_sha256: &[u8; 32]) -> Result<(), SignatureError> {
    let point = point(key_pem).ok_or(SignatureError::Key)?;
    let envelope = envelope(bundle)?;
    let payload = STANDARD.decode(&envelope.payload).map_err(|_| SignatureError::Bundle)?;
    let [signature] = envelope.signatures.as_slice() else { return Err(SignatureError::Bundle) };
    let signature = STANDARD.decode(&signature.sig).map_err(|_| SignatureError::Bundle)?;
    // 2.
    let signed = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point.as_slice());
    let encoding = pre_authentication(&envelope.payload_type, &payload);
    signed.verify(&encoding, &signature).map_err(|_| SignatureError::Signature)?;
    statement(&envelope.payload_type, &payload, model_sha256)
}

/// 1.
fn envelope(bundle: &[u8]) -> Result<Envelope, SignatureError> {
    let bundle: Bundle = serde_json::from_slice(bundle).map_err(|_| SignatureError::Bundle)?;
    if bundle.media_type != BUNDLE {
        return Err(SignatureError::Bundle);
    }
    let material = &bundle.verification_material;
    if material.contains_key("certificate") || material.contains_key("x509CertificateChain") {
        return Err(SignatureError::Certificate);
    }
    if material.contains_key("publicKey") { Ok(bundle.dsse_envelope) } else { Err(SignatureError::Bundle) }
}

/// 3 to 5.
fn statement(payload_type: &str, payload: &[u8], model_sha256: &[u8; 32]) -> Result<(), SignatureError> {
    let statement: Statement = serde_json::from_slice(payload).map_err(|_| SignatureError::Statement)?;
    let [subject] = statement.subject.as_slice() else { return Err(SignatureError::Statement) };
    if payload_type != IN_TOTO || statement.kind != STATEMENT || statement.predicate_type != PREDICATE {
        return Err(SignatureError::Statement);
    }
    let mut all = Vec::new();
    let mut found = false;
    for resource in &statement.predicate.resources {
        let bytes = hex::decode(&resource.digest).map_err(|_| SignatureError::Statement)?;
        found |= resource.algorithm == "sha256" && bytes == model_sha256;
        all.extend(bytes);
    }
    // 4.
    if hex::encode(digest(&SHA256, &all)) != subject.digest.sha256 {
        return Err(SignatureError::Subject);
    }
    // 5.
    if found { Ok(()) } else { Err(SignatureError::OtherFile) }
}

/// What is signed (DSSE 1.0, protocol.md).
fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut encoding =
        format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    encoding.extend_from_slice(payload);
    encoding
}

/// The point of a P-256 key.
fn point(pem: &[u8]) -> Option<Vec<u8>> {
    let key = SubjectPublicKeyInfoDer::from_pem_slice(pem).ok()?;
    key.as_ref().strip_prefix(&P256_PREFIX).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    const REAL: &[u8] = include_bytes!("../tests/data/fraud.sigstore.json");
    const REAL_KEY: &[u8] = include_bytes!("../tests/data/fraud.sigstore.pem");
    const FRAUD: &[u8] = include_bytes!("../../../models/fraud/fraud.onnx");

    fn sha256(bytes: &[u8]) -> [u8; 32] {
        digest(&SHA256, bytes).as_ref().try_into().unwrap()
    }

    fn edited(edit: impl Fn(&mut Value)) -> Vec<u8> {
        let mut bundle: Value = serde_json::from_slice(REAL).unwrap();
        edit(&mut bundle);
        serde_json::to_vec(&bundle).unwrap()
    }

    /// A bundle of a key made here over any statement.
    fn signed(statement: &Value) -> (Vec<u8>, Vec<u8>) {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let payload = serde_json::to_vec(statement).unwrap();
        let signature = key.sign(&random, &pre_authentication(IN_TOTO, &payload)).unwrap();
        let bundle = edited(|bundle| {
            bundle["dsseEnvelope"]["payload"] = json!(STANDARD.encode(&payload));
            bundle["dsseEnvelope"]["signatures"] = json!([{ "sig": STANDARD.encode(signature.as_ref()) }]);
        });
        let spki = [P256_PREFIX.as_slice(), key.public_key().as_ref()].concat();
        let pem =
            format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(spki));
        (bundle, pem.into_bytes())
    }

    fn statement(subject: &str, resources: &[&str]) -> Value {
        let resource = |digest: &&str| json!({ "name": ".", "algorithm": "sha256", "digest": digest });
        json!({
            "_type": STATEMENT, "predicateType": PREDICATE,
            "subject": [{ "name": "m", "digest": { "sha256": subject } }],
            "predicate": { "resources": resources.iter().map(resource).collect::<Vec<_>>() },
        })
    }

    #[test]
    fn a_real_bundle_of_model_signing_is_accepted_for_its_file_alone() {
        assert_eq!(check(REAL, REAL_KEY, &sha256(FRAUD)), Ok(()));
        assert_eq!(check(REAL, REAL_KEY, &[0; 32]), Err(SignatureError::OtherFile));
    }

    #[test]
    fn step_1_other_bundles_and_certificates_are_refused() {
        let certificate = edited(|bundle| {
            bundle["verificationMaterial"] = json!({ "certificate": { "rawBytes": "" }, "tlogEntries": [] });
        });
        assert_eq!(check(&certificate, REAL_KEY, &sha256(FRAUD)), Err(SignatureError::Certificate));
        let older = edited(|bundle| bundle["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json"));
        assert_eq!(check(&older, REAL_KEY, &sha256(FRAUD)), Err(SignatureError::Bundle));
        let none = edited(|bundle| bundle["dsseEnvelope"]["signatures"] = json!([]));
        assert_eq!(check(&none, REAL_KEY, &sha256(FRAUD)), Err(SignatureError::Bundle));
        assert_eq!(check(b"{}", REAL_KEY, &sha256(FRAUD)), Err(SignatureError::Bundle));
    }

    #[test]
    fn step_2_another_key_or_payload_is_refused() {
        let (_, other) = signed(&json!({}));
        assert_eq!(check(REAL, &other, &sha256(FRAUD)), Err(SignatureError::Signature));
        assert_eq!(check(REAL, b"no key", &sha256(FRAUD)), Err(SignatureError::Key));
        let changed = edited(|bundle| bundle["dsseEnvelope"]["payload"] = json!(STANDARD.encode("{}")));
        assert_eq!(check(&changed, REAL_KEY, &sha256(FRAUD)), Err(SignatureError::Signature));
    }

    #[test]
    fn step_3_another_statement_is_refused() {
        let file = hex::encode(sha256(FRAUD));
        let mut other = statement(&file, &[&file]);
        other["predicateType"] = json!("https://slsa.dev/provenance/v1");
        let (bundle, key) = signed(&other);
        assert_eq!(check(&bundle, &key, &sha256(FRAUD)), Err(SignatureError::Statement));
    }

    #[test]
    fn step_4_a_subject_that_is_not_its_resources_is_refused() {
        let file = hex::encode(sha256(FRAUD));
        let (bundle, key) = signed(&statement(&file, &[&file]));
        assert_eq!(check(&bundle, &key, &sha256(FRAUD)), Err(SignatureError::Subject));
    }

    #[test]
    fn step_5_a_signature_over_other_files_is_refused_and_one_of_several_accepted() {
        let (file, other) = (hex::encode(sha256(FRAUD)), "ab".repeat(32));
        let over = |digests: &[&str]| {
            let bytes: Vec<u8> = digests.iter().flat_map(|digest| hex::decode(digest).unwrap()).collect();
            signed(&statement(&hex::encode(sha256(&bytes)), digests))
        };
        let (bundle, key) = over(&[&other]);
        assert_eq!(check(&bundle, &key, &sha256(FRAUD)), Err(SignatureError::OtherFile));
        let (bundle, key) = over(&[&other, &file]);
        assert_eq!(check(&bundle, &key, &sha256(FRAUD)), Ok(()));
    }
}
