//! Evidence as a client judges it, with its nonce, its time and its trust file.

use serde_json::json;
use strongroom_attestation::UnixMillis;
use strongroom_attestation::evidence::{Received, judge};
use strongroom_core::TrustFile;
use strongroom_proto::hello::ClientNonce;

use super::{Verdict, found};
use crate::case::Case;
use crate::tree::tree;

pub(super) fn judgement(case: &Case, bytes: &[u8]) -> Verdict {
    let file = TrustFile::parse(case.text("trust_file")?.as_bytes())?;
    let nonce = ClientNonce::new(case.array("nonce")?);
    let received = Received { evidence: bytes, nonce, now: UnixMillis::new(case.uint("now")?) };
    let (_, verified) = judge(received, file.root(), file.trust());
    let verified = verified?;
    found(json!({
        "evidence_digest": verified.evidence().to_string(),
        "offer": hex::encode(verified.offer().as_bytes()),
        "charter": verified.charter().digest().to_string(),
        "release": verified.release().digest().to_string(),
        "epoch": verified.claims().epoch,
        "models": tree(&verified.claims().models)?,
        "timestamp": verified.attested().timestamp().as_millis(),
    }))
}
