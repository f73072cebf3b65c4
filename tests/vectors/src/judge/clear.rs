//! What travels in clear: hello, evidence, frames, and what host and enclave tell each other.

use serde_json::json;
use strongroom_attestation::claims::{CHANNEL_KEY_BYTES, Claims, PROTOCOL_VERSION};
use strongroom_attestation::evidence::nonce_digest;
use strongroom_proto::frame::{HEADER_BYTES, Header, Kind, split_reply};
use strongroom_proto::hello::{ClientNonce, Evidence, OfferId, read_offers, write_offers};
use strongroom_proto::relay::{BootDocuments, Credentials, Range, Status};
use strongroom_proto::report::{KeptReport, Summary};

use super::{Judged, Verdict, found, written};
use crate::case::Case;
use crate::tree::tree;

pub(super) fn hello(_: &Case, bytes: &[u8]) -> Verdict {
    let nonce = ClientNonce::new(bytes.try_into()?);
    let digest = write_offers(&[(nonce_digest(nonce), OfferId::new([0; 16]))]);
    found(json!({ "nonce_digest": hex::encode(digest.get(..48).unwrap_or_default()) }))
}

pub(super) fn evidence(_: &Case, bytes: &[u8]) -> Verdict {
    let evidence = Evidence::decode(bytes)?;
    written(&evidence, evidence.encode())
}

pub(super) fn offers(case: &Case, bytes: &[u8]) -> Verdict {
    let offers = read_offers(bytes).ok_or("not whole pairs")?;
    let own = nonce_digest(ClientNonce::new(case.array("nonce")?));
    let own = offers.iter().find(|(nonce, _)| *nonce == own).ok_or("no offer to this nonce")?;
    let pairs = offers.iter().map(|pair| hex::encode(write_offers(&[*pair])));
    let fields = json!({ "pairs": pairs.collect::<Vec<_>>(), "offer": hex::encode(own.1.as_bytes()) });
    Ok(Judged { fields, rewritten: Some(write_offers(&offers)) })
}

pub(super) fn claims(_: &Case, bytes: &[u8]) -> Verdict {
    let claims = Claims::decode(bytes)?;
    if claims.protocol != PROTOCOL_VERSION || claims.channel_key.len() != CHANNEL_KEY_BYTES {
        return Err("claims of another protocol, or without an X-Wing key".into());
    }
    written(&claims, claims.encode())
}

pub(super) fn frame(_: &Case, bytes: &[u8]) -> Verdict {
    let (head, body) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or("ends inside the header")?;
    let header = Header::parse(*head)?;
    if header.body_bytes() != body.len() {
        return Err("the body has another length than the header says".into());
    }
    let mut fields = json!({
        "kind": format!("{:?}", header.kind()),
        "id": header.id(),
        "body": hex::encode(body),
    });
    if header.kind() == Kind::Reply {
        let (code, payload) = split_reply(body)?;
        fields = json!({
            "kind": "Reply",
            "id": header.id(),
            "code": code.byte(),
            "http_status": code.http_status(),
            "payload": hex::encode(payload),
        });
    }
    let head = Header::new(header.kind(), header.id(), body.len())?.to_bytes();
    Ok(Judged { fields, rewritten: Some([&head, body].concat()) })
}

macro_rules! clear {
    ($($name:ident: $type:ty),*) => {$(
        pub(super) fn $name(_: &Case, bytes: &[u8]) -> Verdict {
            let value = <$type>::decode(bytes)?;
            written(&value, value.encode())
        }
    )*};
}

clear!(
    boot_documents: BootDocuments,
    credentials: Credentials,
    range: Range,
    status: Status,
    report: KeptReport
);

pub(super) fn summary(_: &Case, bytes: &[u8]) -> Verdict {
    let summary = Summary::decode(bytes)?;
    let fields = json!({ "summary": tree(&summary)?, "bytes": bytes.len() });
    Ok(Judged { fields, rewritten: Some(summary.pad(bytes.len())?) })
}
