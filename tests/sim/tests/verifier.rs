//! One negative test for every numbered step of `strongroom_attestation::verify`, named after the step.
//!
//! Each starts from a genuine document of the simulated module, changes one thing and has it signed
//! again just as validly, so that nothing but that step can refuse it.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which the lint does not take for tests here")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use strongroom_attestation::limits::{MAX_DOCUMENT_BYTES, MAX_FUTURE_SKEW, MAX_PAYLOAD_BYTES};
use strongroom_attestation::{
    Attested, ChainError, DebugImages, Demand, DocumentRequest, Expectations, FormatError, Freshness, Nsm,
    NsmError, Pcr, PcrDemand, PcrIndex, PcrSet, RootKind, Status, Transcript, TrustRoot, UnixMillis,
    VerifyError, verify,
};
use strongroom_proto::cbor::CborError;
use strongroom_sim::nsm::{Cbor, Draft, SimIdentity, SimNsm, Statement, measure};
use strongroom_sim::pki::{
    Basic, CertificatePlan, ChainPlan, Curve, DIGITAL_SIGNATURE, KEY_CERT_SIGN, Leaf, NitroPki,
};

const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);
const EXECUTABLE: &[u8] = b"the bytes of an enclave";
const MAX_AGE: Duration = Duration::from_secs(300);

/// A pretended PKI with one leaf, and what a verifier of its documents demands.
struct Bench {
    pki: NitroPki,
    leaf: Leaf,
}

impl Bench {
    fn new() -> Self {
        Self::with(|_| {}, |_| {})
    }

    fn with(authorities: impl FnOnce(&mut ChainPlan), leaf: impl FnOnce(&mut CertificatePlan)) -> Self {
        let (mut chain_plan, mut leaf_plan) = (ChainPlan::nitro(NOW), CertificatePlan::leaf(NOW));
        authorities(&mut chain_plan);
        leaf(&mut leaf_plan);
        let pki = NitroPki::from_plan(&chain_plan).unwrap();
        let leaf = pki.issue_leaf_from(&leaf_plan).unwrap();
        Self { pki, leaf }
    }

    fn draft(&self) -> Draft {
        let image = measure(EXECUTABLE);
        let request = request();
        Draft::genuine(&Statement {
            module_id: "i-0-enc0",
            timestamp: NOW,
            pcrs: BTreeMap::from([
                (PcrIndex::IMAGE, image.pcr0),
                (PcrIndex::KERNEL, image.pcr1),
                (PcrIndex::APPLICATION, image.pcr2),
            ]),
            certificate: self.leaf.certificate(),
            cabundle: self.pki.cabundle(),
            request: &request,
        })
    }

    fn root(&self) -> TrustRoot {
        TrustRoot::from_der(self.pki.root_der()).unwrap()
    }

    fn judge(&self, document: &[u8]) -> (Transcript, Result<Attested, VerifyError>) {
        verify(document, &self.root(), NOW, &expectations())
    }

    /// What becomes of a genuine document after `change`, signed again.
    fn changed(&self, change: impl FnOnce(&mut Draft)) -> Result<Attested, VerifyError> {
        let mut draft = self.draft();
        change(&mut draft);
        self.judge(&draft.sign(&self.leaf).unwrap()).1
    }

    fn refuses(&self, expected: impl Into<VerifyError>, change: impl FnOnce(&mut Draft)) {
        assert_eq!(self.changed(change), Err(expected.into()));
    }

    fn refuses_field(&self, expected: FormatError, name: &str, value: Cbor) {
        self.refuses(expected, |draft| draft.set(name, value));
    }

    /// Signs a payload that is no list of fields.
    fn refuses_payload(&self, expected: FormatError, payload: Vec<u8>) {
        let draft = self.draft();
        let signature = self.leaf.sign(&draft.signed_bytes(&payload).unwrap()).unwrap();
        let document = draft.assemble(payload, signature).unwrap();
        assert_eq!(self.judge(&document).1, Err(expected.into()));
    }
}

fn request() -> DocumentRequest {
    let request = DocumentRequest::new().with_nonce(b"nonce".to_vec()).unwrap();
    request.with_user_data(b"user data".to_vec()).unwrap()
}

fn expectations() -> Expectations {
    Expectations {
        debug_images: DebugImages::Refused,
        pcrs: PcrDemand::one_of(vec![PcrSet::image(&measure(EXECUTABLE)).unwrap()]).unwrap(),
        freshness: Freshness::MaxAge(MAX_AGE),
        nonce: Demand::Exactly(b"nonce".to_vec()),
        user_data: Demand::Exactly(b"user data".to_vec()),
        public_key: Demand::Absent,
    }
}

fn bytes(length: usize) -> Cbor {
    Cbor::Bytes(vec![1; length])
}

fn pcrs(pairs: impl IntoIterator<Item = (u64, usize)>) -> Cbor {
    Cbor::Map(pairs.into_iter().map(|(index, length)| (Cbor::Unsigned(index), bytes(length))).collect())
}

#[test]
fn a_genuine_document_passes_every_check() {
    let bench = Bench::new();
    let (transcript, result) = bench.judge(&bench.draft().sign(&bench.leaf).unwrap());
    assert!(transcript.lines().iter().all(|line| line.status == Status::Pass), "{transcript}");
    assert_eq!(result.unwrap().root(), RootKind::Simulated);
    assert!(transcript.to_string().contains("SIMULATED"));
}

#[test]
fn forms_that_the_specification_allows_pass() {
    let bench = Bench::new();
    assert!(bench.changed(|draft| draft.indefinite = true).is_ok());
    assert!(bench.changed(|draft| draft.remove("public_key")).is_ok());
    assert!(bench.changed(|draft| draft.fields.reverse()).is_ok());
    let tagged = [&[0xd2], bench.draft().sign(&bench.leaf).unwrap().as_slice()].concat();
    assert!(bench.judge(&tagged).1.is_ok());
    let other_lengths = bench.changed(|draft| {
        let mut list = vec![(Cbor::Unsigned(30), bytes(32)), (Cbor::Unsigned(31), bytes(64))];
        let Cbor::Map(found) = &draft.fields[3].1 else { panic!("pcrs are a map") };
        list.extend(found.clone());
        draft.set("pcrs", Cbor::Map(list));
    });
    assert_eq!(other_lengths.unwrap().pcrs().len(), 5);
}

#[test]
fn step_01_size_of_the_document() {
    let bench = Bench::new();
    let document = vec![0x84; MAX_DOCUMENT_BYTES + 1];
    assert_eq!(bench.judge(&document).1, Err(FormatError::TooLong.into()));
}

#[test]
fn step_02_one_cose_sign1_array() {
    let bench = Bench::new();
    let document = bench.draft().sign(&bench.leaf).unwrap();
    let trailing = [document.as_slice(), &[0]].concat();
    let cose_mac0_tag = [&[0xd1], document.as_slice()].concat();
    let five_elements = [&[0x85], &document[1..], &[0xf6]].concat();
    let longer_spelling = [&[0x98, 0x04], &document[1..]].concat();
    for changed in [trailing, cose_mac0_tag, five_elements, longer_spelling, Vec::new()] {
        assert_eq!(bench.judge(&changed).1, Err(FormatError::Envelope.into()));
    }
}

#[test]
fn step_03_protected_header_exactly_es384() {
    let bench = Bench::new();
    let algorithm = |value| (Cbor::Unsigned(1), Cbor::Negative(value));
    let es384_and_more = vec![algorithm(-35), (Cbor::Unsigned(3), Cbor::Unsigned(0))];
    for header in [vec![algorithm(-7)], vec![algorithm(-36)], es384_and_more, Vec::new()] {
        bench.refuses(FormatError::Algorithm, |draft| draft.protected = Cbor::Map(header));
    }
}

#[test]
fn step_04_unprotected_header_empty() {
    let kid = (Cbor::Unsigned(4), Cbor::Bytes(b"key".to_vec()));
    Bench::new().refuses(FormatError::Unprotected, |draft| draft.unprotected = Cbor::Map(vec![kid]));
}

#[test]
fn step_05_payload_size() {
    let bench = Bench::new();
    for bytes in [0, MAX_PAYLOAD_BYTES + 1] {
        bench.refuses_payload(FormatError::PayloadSize { bytes }, vec![0xa0; bytes]);
    }
}

#[test]
fn step_06_signature_size() {
    let bench = Bench::new();
    let draft = bench.draft();
    for bytes in [0, 95, 97] {
        let document = draft.assemble(draft.payload().unwrap(), vec![1; bytes]).unwrap();
        assert_eq!(bench.judge(&document).1, Err(FormatError::SignatureSize { bytes }.into()));
    }
}

#[test]
fn step_07_payload_one_map() {
    let bench = Bench::new();
    bench.refuses_payload(FormatError::Payload(CborError::Shape), vec![0x80]);
    bench.refuses(FormatError::Payload(CborError::Trailing), |draft| draft.payload_suffix = vec![0]);
    for indefinite in [false, true] {
        bench.refuses(FormatError::Payload(CborError::DuplicateKey), |draft| {
            draft.indefinite = indefinite;
            draft.fields.push((Cbor::text("nonce"), Cbor::Null));
        });
    }
    let deep = Cbor::Array(vec![Cbor::Array(vec![Cbor::Array(Vec::new())])]);
    bench.refuses_field(FormatError::Payload(CborError::TooDeep), "cabundle", deep);
}

#[test]
fn step_08_known_fields_only_and_required_ones_present() {
    let bench = Bench::new();
    bench.refuses_field(FormatError::UnknownField, "nitrotpm_pcrs", pcrs([(4, 48)]));
    bench.refuses_field(FormatError::UnknownField, "more", Cbor::Null);
    bench.refuses(FormatError::UnknownField, |draft| draft.fields[0].0 = Cbor::Unsigned(0));
    for name in ["module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"] {
        bench.refuses(FormatError::Missing(name), |draft| draft.remove(name));
    }
    bench.refuses(FormatError::UnknownField, |draft| {
        draft.remove("pcrs");
        draft.set("nitrotpm_pcrs", pcrs([(4, 48)]));
    });
}

#[test]
fn step_09_module_id() {
    let bench = Bench::new();
    bench.refuses_field(FormatError::Size("module_id"), "module_id", Cbor::text(""));
    bench.refuses_field(FormatError::Type("module_id"), "module_id", Cbor::Bytes(b"i-0".to_vec()));
    bench.refuses_field(FormatError::Type("module_id"), "module_id", Cbor::Null);
}

#[test]
fn step_10_digest() {
    let bench = Bench::new();
    bench.refuses_field(FormatError::Value("digest"), "digest", Cbor::text("SHA256"));
    bench.refuses_field(FormatError::Type("digest"), "digest", Cbor::Bytes(b"SHA384".to_vec()));
}

#[test]
fn step_11_timestamp() {
    let bench = Bench::new();
    bench.refuses_field(FormatError::Value("timestamp"), "timestamp", Cbor::Unsigned(0));
    bench.refuses_field(FormatError::Type("timestamp"), "timestamp", Cbor::Negative(-1));
}

#[test]
fn step_12_pcrs() {
    let bench = Bench::new();
    let size = FormatError::Size("pcrs");
    bench.refuses_field(size, "pcrs", pcrs([]));
    bench.refuses_field(size, "pcrs", pcrs((0..33).map(|index| (index, 48))));
    bench.refuses_field(FormatError::Value("pcrs"), "pcrs", pcrs([(32, 48)]));
    bench.refuses_field(FormatError::Value("pcrs"), "pcrs", pcrs([(256, 48)]));
    for length in [0, 31, 33, 47, 49, 65] {
        bench.refuses_field(size, "pcrs", pcrs([(0, length)]));
    }
    let named = Cbor::Map(vec![(Cbor::text("0"), bytes(48))]);
    bench.refuses_field(FormatError::Type("pcrs"), "pcrs", named);
    bench.refuses_field(FormatError::Type("pcrs"), "pcrs", Cbor::Array(vec![bytes(48)]));
}

#[test]
fn step_13_certificate_size() {
    let bench = Bench::new();
    for length in [0, 1025] {
        bench.refuses_field(FormatError::Size("certificate"), "certificate", bytes(length));
    }
    bench.refuses_field(FormatError::Type("certificate"), "certificate", Cbor::Null);
}

#[test]
fn step_14_cabundle_size() {
    let bench = Bench::new();
    let size = FormatError::Size("cabundle");
    bench.refuses_field(size, "cabundle", Cbor::Array(Vec::new()));
    bench.refuses_field(size, "cabundle", Cbor::Array(vec![bytes(0)]));
    bench.refuses_field(size, "cabundle", Cbor::Array(vec![bytes(1025)]));
    bench.refuses_field(size, "cabundle", Cbor::Array(vec![bytes(1); 8]));
    bench.refuses_field(FormatError::Type("cabundle"), "cabundle", Cbor::Array(vec![Cbor::Null]));
}

#[test]
fn step_15_public_key_size() {
    let bench = Bench::new();
    for length in [0, 1025] {
        bench.refuses_field(FormatError::Size("public_key"), "public_key", bytes(length));
    }
    bench.refuses_field(FormatError::Type("public_key"), "public_key", Cbor::text("key"));
}

#[test]
fn step_16_user_data_size() {
    let bench = Bench::new();
    bench.refuses_field(FormatError::Size("user_data"), "user_data", bytes(513));
    bench.refuses_field(FormatError::Type("user_data"), "user_data", Cbor::text("data"));
}

#[test]
fn step_17_nonce_size() {
    let bench = Bench::new();
    bench.refuses_field(FormatError::Size("nonce"), "nonce", bytes(513));
    bench.refuses_field(FormatError::Type("nonce"), "nonce", Cbor::text("nonce"));
}

#[test]
fn step_18_path_to_the_pinned_root() {
    let (bench, other) = (Bench::new(), Bench::new());
    let document = other.draft().sign(&other.leaf).unwrap();
    // All of another PKI, whose root the document carries itself.
    assert_eq!(bench.judge(&document).1, Err(ChainError::NotUnderRoot.into()));
    let (_, result) = verify(&document, &TrustRoot::aws_nitro_g1(), NOW, &expectations());
    assert_eq!(result, Err(ChainError::NotUnderRoot.into()));
    // Another PKI's leaf and instance under this PKI's names.
    let mixed = [&bench.pki.cabundle()[..3], &other.pki.cabundle()[3..]].concat();
    other.refuses(ChainError::NotUnderRoot, |draft| draft.set("cabundle", list(&mixed)));
    // A path that is not the bundle: a stranger beside it, or another order.
    let genuine = bench.pki.cabundle();
    let stranger = [&genuine[..], &other.pki.cabundle()[1..2]].concat();
    let reordered: Vec<_> = [0, 2, 1, 3].map(|index| genuine[index].clone()).to_vec();
    for bundle in [stranger, reordered] {
        bench.refuses(ChainError::NotThePath, |draft| draft.set("cabundle", list(&bundle)));
    }
    bench.refuses(ChainError::NotUnderRoot, |draft| draft.set("cabundle", list(&genuine[..3])));
    bench.refuses(ChainError::Malformed, |draft| draft.set("certificate", bytes(600)));
}

#[test]
fn step_18_the_root_in_the_bundle_is_not_looked_at() {
    let bench = Bench::new();
    let mut bundle = bench.pki.cabundle();
    bundle[0] = vec![0];
    assert!(bench.changed(|draft| draft.set("cabundle", list(&bundle))).is_ok());
}

fn list(bundle: &[Vec<u8>]) -> Cbor {
    Cbor::Array(bundle.iter().cloned().map(Cbor::Bytes).collect())
}

#[test]
fn step_19_validity_at_the_given_time() {
    let second = Duration::from_secs(1);
    let expired = |plan: &mut CertificatePlan| plan.not_after = NOW.minus(second);
    let not_begun = |plan: &mut CertificatePlan| plan.not_before = NOW.plus(second);
    let benches = [
        Bench::with(|_| {}, expired),
        Bench::with(|_| {}, not_begun),
        Bench::with(|chain| expired(&mut chain.instance), |_| {}),
        Bench::with(|chain| expired(&mut chain.zonal), |_| {}),
        Bench::with(|chain| not_begun(&mut chain.regional), |_| {}),
        Bench::with(|chain| expired(&mut chain.root), |_| {}),
        Bench::with(|chain| not_begun(&mut chain.root), |_| {}),
    ];
    for bench in benches {
        bench.refuses(ChainError::NotValidAtTime, |_| {});
    }
}

#[test]
fn step_20_path_length() {
    let shortened = |plan: &mut CertificatePlan, length| {
        plan.basic = Some(Basic { ca: true, path_length: Some(length) });
    };
    Bench::with(|chain| shortened(&mut chain.regional, 1), |_| {}).refuses(ChainError::PathLength, |_| {});
    Bench::with(|chain| shortened(&mut chain.zonal, 0), |_| {}).refuses(ChainError::PathLength, |_| {});
}

#[test]
fn step_21_leaf_usage() {
    let basic = |ca, path_length| Some(Basic { ca, path_length });
    let benches = [
        Bench::with(|_| {}, |leaf| leaf.key_usage = Some(KEY_CERT_SIGN)),
        Bench::with(|_| {}, |leaf| leaf.key_usage = None),
        Bench::with(|_| {}, |leaf| leaf.basic = basic(true, None)),
        Bench::with(|_| {}, |leaf| leaf.basic = basic(false, Some(0))),
        Bench::with(|_| {}, |leaf| leaf.basic = None),
    ];
    for bench in benches {
        bench.refuses(ChainError::LeafUsage, |_| {});
    }
}

#[test]
fn step_22_issuer_usage() {
    let benches = [
        Bench::with(|chain| chain.instance.key_usage = Some(DIGITAL_SIGNATURE), |_| {}),
        Bench::with(|chain| chain.zonal.key_usage = None, |_| {}),
        Bench::with(|chain| chain.regional.key_usage = Some(DIGITAL_SIGNATURE), |_| {}),
        Bench::with(|chain| chain.instance.basic = Some(Basic { ca: false, path_length: None }), |_| {}),
        Bench::with(|chain| chain.instance.basic = None, |_| {}),
    ];
    for bench in benches {
        bench.refuses(ChainError::IssuerUsage, |_| {});
    }
    // A root without keyCertSign cannot even be pinned.
    let bench = Bench::with(|chain| chain.root.key_usage = Some(DIGITAL_SIGNATURE), |_| {});
    assert!(TrustRoot::from_der(bench.pki.root_der()).is_err());
}

#[test]
fn step_23_signature() {
    let bench = Bench::new();
    let draft = bench.draft();
    let another_leaf = bench.pki.issue_leaf(NOW).unwrap();
    assert_eq!(bench.judge(&draft.sign(&another_leaf).unwrap()).1, Err(VerifyError::Signature));
    // A true signature, of another payload.
    let payload = draft.payload().unwrap();
    let signature = bench.leaf.sign(&draft.signed_bytes(b"another payload").unwrap()).unwrap();
    let document = draft.assemble(payload, signature).unwrap();
    assert_eq!(bench.judge(&document).1, Err(VerifyError::Signature));
    // A leaf on another curve.
    let p256 = Bench::with(|_| {}, |leaf| leaf.curve = Curve::P256);
    let document = p256.draft().sign(&another_leaf).unwrap();
    assert_eq!(p256.judge(&document).1, Err(ChainError::LeafKey.into()));
}

#[test]
fn step_24_debug_image() {
    let bench = Bench::new();
    for index in [PcrIndex::IMAGE, PcrIndex::KERNEL, PcrIndex::APPLICATION] {
        let Cbor::Map(genuine) = bench.draft().fields[3].1.clone() else { panic!("pcrs are a map") };
        let key = Cbor::Unsigned(index.get().into());
        let without: Vec<_> = genuine.iter().filter(|(found, _)| *found != key).cloned().collect();
        let zero = [without.clone(), vec![(key, Cbor::Bytes(vec![0; 48]))]].concat();
        for pairs in [zero, without] {
            let expected = VerifyError::DebugImage(index);
            bench.refuses(expected, |draft| draft.set("pcrs", Cbor::Map(pairs)));
        }
    }
}

#[test]
fn step_25_pcrs_as_demanded() {
    let bench = Bench::new();
    let document = bench.draft().sign(&bench.leaf).unwrap();
    let genuine = PcrSet::image(&measure(EXECUTABLE)).unwrap();
    let other = PcrSet::image(&measure(b"another enclave")).unwrap();
    let longer = genuine.clone().and(PcrIndex::CHARTER, Pcr::ZERO).unwrap();
    let judge = |sets| {
        let expect = Expectations { pcrs: PcrDemand::one_of(sets).unwrap(), ..expectations() };
        verify(&document, &bench.root(), NOW, &expect).1.map(|_| ())
    };
    assert_eq!(judge(vec![other.clone()]), Err(VerifyError::Pcr(PcrIndex::IMAGE)));
    // A register that is not listed is not zero: it is not there.
    assert_eq!(judge(vec![longer.clone()]), Err(VerifyError::Pcr(PcrIndex::CHARTER)));
    assert_eq!(judge(vec![other, longer, genuine]), Ok(()));
}

#[test]
fn step_26_not_older_than_demanded() {
    let bench = Bench::new();
    let at = |timestamp: UnixMillis| {
        bench.changed(|draft| draft.set("timestamp", Cbor::Unsigned(timestamp.as_millis())))
    };
    assert!(at(NOW.minus(MAX_AGE)).is_ok());
    let age = MAX_AGE + Duration::from_millis(1);
    assert_eq!(at(NOW.minus(age)), Err(VerifyError::Stale { age, max_age: MAX_AGE }));
}

#[test]
fn step_27_not_from_the_future() {
    let bench = Bench::new();
    let at = |timestamp: UnixMillis| {
        bench.changed(|draft| draft.set("timestamp", Cbor::Unsigned(timestamp.as_millis())))
    };
    assert!(at(NOW.plus(MAX_FUTURE_SKEW)).is_ok());
    let ahead = MAX_FUTURE_SKEW + Duration::from_millis(1);
    assert_eq!(at(NOW.plus(ahead)), Err(VerifyError::FromTheFuture { ahead }));
}

#[test]
fn step_28_nonce_as_demanded() {
    let bench = Bench::new();
    for value in [Cbor::Bytes(b"nonce2".to_vec()), Cbor::Bytes(Vec::new()), Cbor::Null] {
        bench.refuses(VerifyError::Nonce, |draft| draft.set("nonce", value));
    }
    bench.refuses(VerifyError::Nonce, |draft| draft.remove("nonce"));
}

#[test]
fn step_29_user_data_as_demanded() {
    let bench = Bench::new();
    for value in [Cbor::Bytes(b"user".to_vec()), Cbor::Bytes(Vec::new()), Cbor::Null] {
        bench.refuses(VerifyError::UserData, |draft| draft.set("user_data", value));
    }
}

#[test]
fn step_30_public_key_as_demanded() {
    Bench::new().refuses(VerifyError::PublicKey, |draft| draft.set("public_key", bytes(32)));
}

#[test]
fn a_waived_demand_is_a_skip_and_never_a_pass() {
    let bench = Bench::new();
    let document = bench.draft().sign(&bench.leaf).unwrap();
    let waived = Expectations {
        debug_images: DebugImages::DangerouslyAllowed,
        pcrs: PcrDemand::dangerously_any(),
        freshness: Freshness::DangerouslyAnyAge,
        nonce: Demand::DangerouslyAny,
        user_data: Demand::DangerouslyAny,
        public_key: Demand::DangerouslyAny,
    };
    let (transcript, result) = verify(&document, &bench.root(), NOW, &waived);
    assert!(result.is_ok());
    let skipped = transcript.lines().iter().filter(|line| line.status == Status::Skip);
    assert_eq!(skipped.count(), 6, "{transcript}");
}

fn boot(pki: &Arc<NitroPki>, debug: bool, clock_ms: u64) -> SimNsm {
    let identity =
        SimIdentity { executable: EXECUTABLE, role: "arn:role", instance: "i-0123456789abcdef0", debug };
    let clock = Arc::new(move || UnixMillis::new(clock_ms));
    SimNsm::new(Arc::clone(pki), identity, Duration::ZERO, clock).unwrap()
}

#[test]
fn the_simulated_module_passes_the_real_verifier() {
    let pki = Arc::new(NitroPki::generate(NOW).unwrap());
    let nsm = boot(&pki, false, NOW.as_millis());
    let charter = nsm.extend(PcrIndex::CHARTER, b"charter").unwrap();
    assert_eq!(charter, Pcr::ZERO.extend(b"charter"));
    nsm.lock(PcrIndex::CHARTER).unwrap();
    let root = TrustRoot::from_der(pki.root_der()).unwrap();
    let demanded = PcrSet::image(&measure(EXECUTABLE)).unwrap().and(PcrIndex::CHARTER, charter).unwrap();
    let expect = Expectations { pcrs: PcrDemand::one_of(vec![demanded]).unwrap(), ..expectations() };
    let attested = verify(&nsm.attest(&request()).unwrap(), &root, NOW, &expect).1.unwrap();
    assert_eq!(attested.pcrs().len(), 17);
    assert!(attested.module_id().starts_with("i-0123456789abcdef0-enc"));
    assert_eq!(attested.pcr(PcrIndex::INSTANCE), Some(Pcr::ZERO.extend(b"i-0123456789abcdef0")));
}

#[test]
fn the_simulated_module_has_the_limits_of_a_real_one() {
    let pki = Arc::new(NitroPki::generate(NOW).unwrap());
    let nsm = boot(&pki, false, NOW.as_millis());
    assert_eq!(nsm.extend(PcrIndex::IMAGE, b"x"), Err(NsmError::ReadOnlyIndex));
    assert_eq!(nsm.lock(PcrIndex::INSTANCE), Err(NsmError::ReadOnlyIndex));
    assert_eq!(nsm.extend(PcrIndex::CHARTER, &[0; 5000]), Err(NsmError::InputTooLarge));
    assert!(!nsm.describe_pcr(PcrIndex::CHARTER).unwrap().locked);
    nsm.lock(PcrIndex::CHARTER).unwrap();
    assert!(nsm.describe_pcr(PcrIndex::CHARTER).unwrap().locked);
    assert_eq!(nsm.extend(PcrIndex::CHARTER, b"x"), Err(NsmError::ReadOnlyIndex));
    assert_eq!(nsm.lock(PcrIndex::CHARTER), Err(NsmError::ReadOnlyIndex));
    let mut random = [0; 32];
    nsm.random(&mut random).unwrap();
    assert_ne!(random, [0; 32]);
}

#[test]
fn a_simulated_debug_module_measures_nothing_but_its_parent() {
    let pki = Arc::new(NitroPki::generate(NOW).unwrap());
    let nsm = boot(&pki, true, NOW.as_millis());
    assert!(nsm.describe_pcr(PcrIndex::IMAGE).unwrap().value.is_zero());
    assert!(!nsm.describe_pcr(PcrIndex::ROLE).unwrap().value.is_zero());
    let root = TrustRoot::from_der(pki.root_der()).unwrap();
    let result = verify(&nsm.attest(&request()).unwrap(), &root, NOW, &expectations()).1;
    assert_eq!(result, Err(VerifyError::DebugImage(PcrIndex::IMAGE)));
}

#[test]
fn a_long_lived_module_renews_its_leaf() {
    let pki = Arc::new(NitroPki::generate(NOW).unwrap());
    let hours = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let now = {
        let hours = Arc::clone(&hours);
        move || NOW.plus(Duration::from_secs(3600 * hours.load(std::sync::atomic::Ordering::SeqCst)))
    };
    let identity = SimIdentity { executable: EXECUTABLE, role: "arn:role", instance: "i-0", debug: false };
    let nsm = SimNsm::new(Arc::clone(&pki), identity, Duration::ZERO, Arc::new(now.clone())).unwrap();
    let root = TrustRoot::from_der(pki.root_der()).unwrap();
    for hour in [0, 2, 5, 24] {
        hours.store(hour, std::sync::atomic::Ordering::SeqCst);
        let document = nsm.attest(&request()).unwrap();
        assert!(verify(&document, &root, now(), &expectations()).1.is_ok(), "hour {hour}");
    }
}

#[test]
fn a_stored_pki_goes_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let pki = NitroPki::generate(NOW).unwrap();
    pki.save(directory.path()).unwrap();
    let loaded = NitroPki::load(directory.path()).unwrap();
    assert_eq!(loaded.cabundle(), pki.cabundle());
    let bench = Bench { leaf: loaded.issue_leaf(NOW).unwrap(), pki: loaded };
    assert!(bench.changed(|_| {}).is_ok());
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.unwrap().metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}
