use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::error::{ChainError, FailureClass, FormatError};
use crate::pcr::{Pcr, PcrIndex};

const DOCUMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/attestation");

const EV_VALID_MS: u64 = 1_665_651_482_136;
const EV_DEBUG_MS: u64 = 1_665_582_606_081;
const VERACRUZ_MS: u64 = 1_668_034_320_696;
const MARLIN_MS: u64 = 1_745_922_759_691;

/// A real document, or `None` with a loud line where the test data is absent.
fn real(name: &str) -> Option<Vec<u8>> {
    let read = std::fs::read(Path::new(DOCUMENTS).join(name)).ok();
    if read.is_none() {
        eprintln!("SKIPPED: {DOCUMENTS}/{name} is absent, so no real document was judged");
    }
    read
}

/// Demands PCR0 by its first bytes, read from the document itself; the README names those bytes.
fn demand(document: &[u8], index: u8, begins: &str) -> PcrDemand {
    let index = PcrIndex::try_from(index).unwrap();
    let value = Document::peek_unverified(document).unwrap().pcr(index).unwrap();
    assert!(value.to_string().starts_with(begins), "{value}");
    PcrDemand::one_of(vec![PcrSet::new(BTreeMap::from([(index, value)])).unwrap()]).unwrap()
}

fn anything() -> Expectations {
    Expectations {
        debug_images: DebugImages::DangerouslyAllowed,
        pcrs: PcrDemand::dangerously_any(),
        freshness: Freshness::DangerouslyAnyAge,
        nonce: Demand::DangerouslyAny,
        user_data: Demand::DangerouslyAny,
        public_key: Demand::DangerouslyAny,
    }
}

fn strict(pcrs: PcrDemand) -> Expectations {
    Expectations {
        debug_images: DebugImages::Refused,
        pcrs,
        freshness: Freshness::MaxAge(Duration::ZERO),
        nonce: Demand::Absent,
        user_data: Demand::Absent,
        public_key: Demand::Absent,
    }
}

fn judge(document: &[u8], millis: u64, expect: &Expectations) -> (Transcript, Result<Attested, VerifyError>) {
    verify(document, &TrustRoot::aws_nitro_g1(), UnixMillis::new(millis), expect)
}

fn statuses(transcript: &Transcript) -> Vec<Status> {
    assert_eq!(transcript.lines().iter().map(|line| line.id).collect::<Vec<_>>(), CHECKS);
    transcript.lines().iter().map(|line| line.status).collect()
}

#[test]
fn ev_valid_is_accepted_at_its_time() {
    let Some(document) = real("ev_valid.bin") else { return };
    let nonce = Document::peek_unverified(&document).unwrap().nonce().unwrap().to_vec();
    let expect =
        Expectations { nonce: Demand::Exactly(nonce), ..strict(demand(&document, 0, "f4d48b81a460")) };
    let (transcript, result) = judge(&document, EV_VALID_MS, &expect);
    assert_eq!(statuses(&transcript), [Status::Pass; 10], "{transcript}");
    let attested = result.unwrap();
    assert_eq!(attested.timestamp(), UnixMillis::new(EV_VALID_MS));
    assert_eq!(attested.module_id(), "i-020b6af9246d90e92-enc0183d09086c24190");
    assert_eq!(attested.root(), RootKind::AwsNitroG1);
    assert_eq!(attested.nonce().map(<[u8]>::len), Some(256));
    assert_eq!((attested.public_key(), attested.user_data()), (None, None));
}

#[test]
fn ev_debug_is_refused_as_a_debug_image() {
    let Some(document) = real("ev_debug.bin") else { return };
    let expect = Expectations { debug_images: DebugImages::Refused, ..anything() };
    let (transcript, result) = judge(&document, EV_DEBUG_MS, &expect);
    assert_eq!(result, Err(VerifyError::DebugImage(PcrIndex::IMAGE)));
    let [pass, fail, skip] = [Status::Pass, Status::Fail, Status::Skip];
    assert_eq!(statuses(&transcript), [pass, pass, pass, pass, fail, skip, skip, skip, skip, skip]);
    let (transcript, result) = judge(&document, EV_DEBUG_MS, &anything());
    assert!(result.is_ok());
    assert_eq!(statuses(&transcript), [pass, pass, pass, pass, skip, skip, skip, skip, skip, skip]);
}

#[test]
fn veracruz_is_accepted_and_its_bad_signature_is_not() {
    let Some(document) = real("veracruz.bin") else { return };
    let peeked = Document::peek_unverified(&document).unwrap();
    let expect = Expectations {
        nonce: Demand::Exactly(peeked.nonce().unwrap().to_vec()),
        user_data: Demand::Exactly(peeked.user_data().unwrap().to_vec()),
        ..strict(demand(&document, 0, "22f9e1c94920"))
    };
    assert!(judge(&document, VERACRUZ_MS, &expect).1.is_ok());
    let Some(bad) = real("veracruz_badsig.bin") else { return };
    assert_eq!(judge(&bad, VERACRUZ_MS, &expect).1, Err(VerifyError::Signature));
}

#[test]
fn marlin_is_accepted_with_its_seventeenth_register() {
    let Some(document) = real("marlin_aws_pcr16.bin") else { return };
    let peeked = Document::peek_unverified(&document).unwrap();
    let expect = Expectations {
        user_data: Demand::Exactly(Vec::new()),
        public_key: Demand::Exactly(peeked.public_key().unwrap().to_vec()),
        ..strict(demand(&document, 16, "30e84b2d7eef"))
    };
    let attested = judge(&document, MARLIN_MS, &expect).1.unwrap();
    assert_eq!(attested.pcrs().len(), 17);
    assert!(attested.image().unwrap().pcr0.to_string().starts_with("2984ab215649"));
    // Empty user data is not absent user data.
    let absent = Expectations { user_data: Demand::Absent, ..expect };
    assert_eq!(judge(&document, MARLIN_MS, &absent).1, Err(VerifyError::UserData));
}

#[test]
fn a_real_document_ends_with_its_leaf() {
    let Some(document) = real("ev_valid.bin") else { return };
    let expired = Err(VerifyError::Chain(ChainError::NotValidAtTime));
    for hours in [-1_i64, 4] {
        let at = EV_VALID_MS.saturating_add_signed(hours * 3_600_000);
        assert_eq!(judge(&document, at, &anything()).1, expired);
    }
}

#[test]
fn a_real_document_in_other_clothes() {
    let Some(document) = real("ev_valid.bin") else { return };
    let tagged = [&[0xd2], document.as_slice()].concat();
    assert!(judge(&tagged, EV_VALID_MS, &anything()).1.is_ok());
    for (prefix, suffix) in [(&[0xd1][..], &[][..]), (&[0xd2, 0xd2], &[]), (&[], &[0])] {
        let changed = [prefix, &document, suffix].concat();
        let refused = Err(VerifyError::Format(FormatError::Envelope));
        assert_eq!(judge(&changed, EV_VALID_MS, &anything()).1, refused, "{prefix:02x?}");
    }
    // The same structure in a longer spelling: an indefinite array, and a tagged payload.
    let indefinite = [&[0x9f], &document[1..], &[0xff]].concat();
    let inner_tag = [&document[..1], &[0xc6], &document[1..]].concat();
    for changed in [indefinite, inner_tag] {
        let refused = Err(VerifyError::Format(FormatError::Envelope));
        assert_eq!(judge(&changed, EV_VALID_MS, &anything()).1, refused);
    }
}

/// Bytes of the envelope before the payload and of the signature after it: no signature covers them.
const UNSIGNED_HEAD_BYTES: usize = 10;
const UNSIGNED_TAIL_BYTES: usize = 98;

#[test]
fn no_changed_bit_of_a_real_document_verifies() {
    let Some(document) = real("veracruz.bin") else { return };
    let tail = document.len() - UNSIGNED_TAIL_BYTES;
    for index in 0..document.len() {
        let unsigned = index < UNSIGNED_HEAD_BYTES || index >= tail;
        // One bit of each signed byte, every bit of the others.
        for bit in if unsigned { 0..8 } else { index % 8..index % 8 + 1 } {
            let mut changed = document.clone();
            changed[index] ^= 1 << bit;
            let class = judge(&changed, VERACRUZ_MS, &anything()).1.map_err(|error| error.class());
            assert_eq!(class, Err(FailureClass::ChainOrSignature), "byte {index}, bit {bit}");
        }
    }
}

#[test]
fn no_truncation_of_a_real_document_verifies() {
    let Some(document) = real("ev_valid.bin") else { return };
    for length in 0..document.len() {
        assert!(judge(&document[..length], EV_VALID_MS, &anything()).1.is_err(), "{length} bytes");
    }
}

#[test]
fn another_demand_is_refused_with_its_class() {
    let Some(document) = real("ev_valid.bin") else { return };
    let other = PcrSet::new(BTreeMap::from([(PcrIndex::IMAGE, Pcr::ZERO.extend(b"other"))])).unwrap();
    let pcrs = PcrDemand::one_of(vec![other]).unwrap();
    let cases = [
        (Expectations { pcrs, ..anything() }, FailureClass::Pcr),
        (Expectations { nonce: Demand::Exactly(vec![7]), ..anything() }, FailureClass::Time),
        (Expectations { user_data: Demand::Exactly(vec![7]), ..anything() }, FailureClass::Binding),
        (Expectations { public_key: Demand::Exactly(vec![7]), ..anything() }, FailureClass::Binding),
    ];
    for (expect, class) in cases {
        assert_eq!(judge(&document, EV_VALID_MS, &expect).1.unwrap_err().class(), class);
    }
    let stale = Expectations { freshness: Freshness::MaxAge(Duration::from_secs(1)), ..anything() };
    assert_eq!(judge(&document, EV_VALID_MS + 1001, &stale).1.unwrap_err().class(), FailureClass::Time);
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(judge(&bytes, EV_VALID_MS, &anything()).1.is_err());
    }

    #[test]
    fn any_payload_in_a_true_envelope_is_refused_without_panic(
        payload in proptest::collection::vec(any::<u8>(), 1..600),
    ) {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        let minimal = match payload.len() {
            0..=23 => vec![0x40 + length[1]],
            24..=255 => vec![0x58, length[1]],
            _ => [&[0x59], length.as_slice()].concat(),
        };
        let head = [0x84, 0x44, 0xa1, 0x01, 0x38, 0x22, 0xa0];
        let document = [&head[..], &minimal, &payload, &[0x58, 0x60], &[1; 96]].concat();
        prop_assert!(judge(&document, EV_VALID_MS, &anything()).1.is_err());
    }
}

#[test]
fn a_path_that_passed_is_known_to_its_root_and_only_while_it_is_valid() {
    let Some(document) = real("veracruz.bin") else { return };
    let (root, at) = (TrustRoot::aws_nitro_g1(), UnixMillis::new(VERACRUZ_MS));
    let parsed = || Document::peek_unverified(&document).unwrap();
    assert!(!root.known().holds(&parsed(), at));
    let first = verify(&document, &root, at, &anything());
    assert!(first.1.is_ok() && root.known().holds(&parsed(), at));
    let shared = root.clone();
    let second = verify(&document, &shared, at, &anything());
    assert_eq!(first.0.lines(), second.0.lines(), "it is told as the first one is");
    assert!(second.1.is_ok() && !TrustRoot::aws_nitro_g1().known().holds(&parsed(), at), "another memory");

    let late = at.plus(Duration::from_secs(24 * 3600));
    assert!(!root.known().holds(&parsed(), late));
    let refused = Some(VerifyError::Chain(ChainError::NotValidAtTime));
    assert_eq!(verify(&document, &root, late, &anything()).1.err(), refused);

    // Any other byte of any certificate is another path. None of them passes, and none is remembered.
    let leaf = parsed().certificate().to_vec();
    let at_leaf = document.windows(leaf.len()).position(|bytes| bytes == leaf).unwrap();
    for byte in [20, leaf.len() / 2, leaf.len() - 1] {
        let mut changed = document.clone();
        changed[at_leaf + byte] ^= 1;
        assert!(verify(&changed, &root, at, &anything()).1.is_err());
        let known = Document::peek_unverified(&changed).is_ok_and(|changed| root.known().holds(&changed, at));
        assert!(!known, "byte {byte}");
    }
}

#[test]
fn known_paths_are_bounded_and_no_signature_is_known_with_its_path() {
    let Some(document) = real("veracruz_badsig.bin") else { return };
    let (root, at) = (TrustRoot::aws_nitro_g1(), UnixMillis::new(VERACRUZ_MS));
    for _ in 0..2 {
        assert_eq!(verify(&document, &root, at, &anything()).1.err(), Some(VerifyError::Signature));
    }
    let parsed = Document::peek_unverified(&document).unwrap();
    assert!(root.known().holds(&parsed, at), "the path is right, and the signature is judged each time");
    for _ in 0..2 * crate::limits::MAX_KNOWN_PATHS {
        root.known().remember(&parsed);
    }
    assert_eq!(root.known().len(), 1, "a path is remembered once");
}
