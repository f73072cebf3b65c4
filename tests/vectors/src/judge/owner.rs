//! What an owner signs or hands over: charter, release, controls, private part, measurements.

use serde_json::{Value, json};
use strongroom_attestation::charter::SignedCharter;
use strongroom_attestation::published::PublishedMeasurements;
use strongroom_attestation::release::{
    AcceptedRelease, Bundle, Private, ReleaseBytes, ReleaseContext, decode_controls, encode_controls,
};
use strongroom_attestation::{ImagePcrs, Pcr, UnixMillis};
use strongroom_seal::digest::ControlsDigest;

use super::{Judged, Refused, Verdict, found, keys, written};
use crate::case::Case;
use crate::tree::tree;

pub(super) fn charter(_: &Case, bytes: &[u8]) -> Verdict {
    let charter = SignedCharter::open(bytes)?;
    found(json!({
        "charter": tree(charter.charter())?,
        "digest": charter.digest().to_string(),
        "signer": charter.signer().to_string(),
        "pcr16": charter.pcr16().to_string(),
    }))
}

pub(super) fn release(case: &Case, bytes: &[u8]) -> Verdict {
    let charter = SignedCharter::open(&case.hex("charter")?)?;
    let image = image(case.get("image"))?;
    let context =
        ReleaseContext { charter: &charter, image: &image, now: UnixMillis::new(case.uint("now")?) };
    let controls = case.hex("controls")?;
    let accepted = AcceptedRelease::judge(ReleaseBytes { release: bytes, controls: &controls }, context)?;
    found(json!({ "release": tree(accepted.release())?, "digest": accepted.digest().to_string() }))
}

pub(super) fn controls(_: &Case, bytes: &[u8]) -> Verdict {
    let controls = decode_controls(bytes)?;
    let fields = json!({ "controls": tree(&controls)?, "digest": ControlsDigest::of(bytes).to_string() });
    Ok(Judged { fields, rewritten: Some(encode_controls(&controls)?) })
}

pub(super) fn private_part(case: &Case, bytes: &[u8]) -> Verdict {
    let controls = decode_controls(&case.hex("controls")?)?;
    let private = Private::decode(bytes)?;
    private.check(&controls)?;
    written(&private, private.encode())
}

pub(super) fn bundle(_: &Case, bytes: &[u8]) -> Verdict {
    let bundle = Bundle::decode(bytes)?;
    Ok(Judged { fields: tree(&bundle)?, rewritten: Some(bundle.encode()?) })
}

pub(super) fn published(case: &Case, bytes: &[u8]) -> Verdict {
    let deployment = case.text("deployment")?.parse()?;
    let published = PublishedMeasurements::open(bytes, &keys(case, "keys")?, &deployment)?;
    found(json!({ "measurements": tree(&published)? }))
}

/// The registers of an image, in hexadecimal.
pub(super) fn image(value: Option<&Value>) -> Result<ImagePcrs, Refused> {
    let pcr = |name: &str| {
        let text = value.and_then(|image| image.get(name)).and_then(Value::as_str);
        Ok::<Pcr, Refused>(text.ok_or("no image is given")?.parse()?)
    };
    Ok(ImagePcrs { pcr0: pcr("pcr0")?, pcr1: pcr("pcr1")?, pcr2: pcr("pcr2")? })
}
