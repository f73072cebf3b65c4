//! The whole bundle that answers a hello, as a client judges it.

use std::sync::OnceLock;

use strongroom_attestation::evidence::{Received, Verified, judge};
use strongroom_attestation::{Status, UnixMillis};
use strongroom_core::TrustFile;
use strongroom_proto::hello::{ClientNonce, Evidence};

/// When the seeds were valid.
pub(crate) const TIME: UnixMillis = UnixMillis::new(1_800_000_000_000);

/// The nonce that they answer.
pub(crate) const NONCE: ClientNonce = ClientNonce::new([0x4e; 32]);

/// The evidence of the seeds.
pub(crate) const EVIDENCE: &[u8] = include_bytes!("../../fuzz/corpus/evidence/judgement-evidence");

/// What a client of theirs demands.
const TRUST: &[u8] = include_bytes!("../fixtures/trust.toml");

/// Lines of a transcript: ten of the document, eight beside it.
const CHECKS: usize = strongroom_attestation::verify::CHECKS.len() + 8;

/// Judges `bytes` as evidence. Where they begin with a number below six, the rest stands in place of that part of
/// genuine evidence, so that each part is reached behind good ones.
///
/// The transcript is whole and agrees with the verdict, and nobody is verified but the enclave of the seeds.
pub fn evidence(bytes: &[u8]) -> bool {
    let whole = accepted(bytes);
    let part = bytes.split_first().and_then(|(part, rest)| with_part(*part, rest));
    whole | part.is_some_and(|mixed| accepted(&mixed))
}

/// The trust file of the seeds.
pub(crate) fn trust() -> Option<&'static TrustFile> {
    static PARSED: OnceLock<Option<TrustFile>> = OnceLock::new();
    let trust = PARSED.get_or_init(|| TrustFile::parse(TRUST).ok()).as_ref();
    assert!(trust.is_some(), "the fixture is a trust file");
    trust
}

fn accepted(bytes: &[u8]) -> bool {
    let Some(verified) = judged(bytes) else { return false };
    static GENUINE: OnceLock<Option<Verified>> = OnceLock::new();
    let genuine = GENUINE.get_or_init(|| judged(EVIDENCE)).as_ref();
    assert!(genuine.is_some_and(|genuine| says_the_same(&verified, genuine)), "nobody attested this");
    true
}

fn judged(bytes: &[u8]) -> Option<Verified> {
    let trust = trust()?;
    let received = Received { evidence: bytes, nonce: NONCE, now: TIME };
    let (transcript, judged) = judge(received, trust.root(), trust.trust());
    let lines = transcript.lines();
    assert_eq!(lines.len(), CHECKS, "one line for each check");
    let failures = lines.iter().filter(|line| line.status == Status::Fail).count();
    assert_eq!(failures, usize::from(judged.is_err()), "one failure, or none");
    judged.ok()
}

fn with_part(part: u8, rest: &[u8]) -> Option<Vec<u8>> {
    let mut evidence = Evidence::decode(EVIDENCE).ok()?;
    let place = match part {
        0 => &mut evidence.document,
        1 => &mut evidence.offers,
        2 => &mut evidence.claims,
        3 => &mut evidence.charter,
        4 => &mut evidence.release,
        5 => &mut evidence.controls,
        _ => return None,
    };
    *place = rest.to_vec();
    evidence.encode().ok()
}

fn says_the_same(one: &Verified, other: &Verified) -> bool {
    (one.evidence(), one.offer(), one.nonce()) == (other.evidence(), other.offer(), other.nonce())
        && one.claims() == other.claims()
        && one.charter().charter() == other.charter().charter()
        && one.release().release() == other.release().release()
        && one.release().controls() == other.release().controls()
}
