//! Attestation documents.

use std::sync::OnceLock;

use strongroom_attestation::verify::CHECKS;
use strongroom_attestation::{
    Attested, DebugImages, Demand, Expectations, Freshness, PcrDemand, RootKind, Status, TrustRoot,
    UnixMillis, verify,
};

use crate::seldom::seldom;

/// When the seeds were valid.
pub const DOCUMENT_TIME: UnixMillis = UnixMillis::new(1_800_000_000_000);

/// Root of the pretended PKI that signed the seeds; its key is gone.
const ROOT: &[u8] = include_bytes!("../fixtures/root.der");

/// Every distinct statement that the thrown-away leaf has ever signed.
const SIGNED: [&[u8]; 2] =
    [include_bytes!("../../fuzz/corpus/document/plain"), include_bytes!("../../fuzz/corpus/document/full")];

/// COSE_Sign1 (RFC 9052 section 4.2).
const TAG: u8 = 0xd2;

/// Judges `bytes` as an attestation document, with every demand waived.
///
/// The transcript must be whole and agree with the verdict, the tag must not matter, and nothing may be accepted
/// that the seeds' module did not say, nor anything at all under the root of AWS unless AWS signed it.
pub fn document(bytes: &[u8]) -> bool {
    let Some(root) = root() else { return false };
    let accepted = judge(bytes, root);
    if bytes.first() != Some(&TAG) && seldom(bytes) {
        let tagged = [&[TAG], bytes].concat();
        assert_eq!(judge(&tagged, root).is_some(), accepted.is_some(), "a tag changes nothing");
    }
    if let Some(attested) = &accepted {
        assert_eq!(attested.root(), RootKind::Simulated);
        let genuine = |seed: &&[u8]| judge(seed, root).is_some_and(|seed| says_the_same(attested, &seed));
        assert!(SIGNED.iter().any(genuine), "nobody signed this document");
    }
    assert!(judge(bytes, &TrustRoot::aws_nitro_g1()).is_none(), "AWS signed nothing at {DOCUMENT_TIME}");
    accepted.is_some()
}

fn root() -> Option<&'static TrustRoot> {
    static PARSED: OnceLock<Option<TrustRoot>> = OnceLock::new();
    let root = PARSED.get_or_init(|| TrustRoot::from_der(ROOT).ok()).as_ref();
    assert!(root.is_some(), "the fixture is a root");
    root
}

fn judge(bytes: &[u8], root: &TrustRoot) -> Option<Attested> {
    let (transcript, judged) = verify(bytes, root, DOCUMENT_TIME, &anything());
    let ids: Vec<_> = transcript.lines().iter().map(|line| line.id).collect();
    assert_eq!(ids, CHECKS, "one line for each check, in order");
    let failures = transcript.lines().iter().filter(|line| line.status == Status::Fail).count();
    assert_eq!(failures, usize::from(judged.is_err()), "one failure, or none");
    judged.ok()
}

fn says_the_same(one: &Attested, other: &Attested) -> bool {
    (one.module_id(), one.timestamp(), one.pcrs()) == (other.module_id(), other.timestamp(), other.pcrs())
        && (one.public_key(), one.user_data(), one.nonce())
            == (other.public_key(), other.user_data(), other.nonce())
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
