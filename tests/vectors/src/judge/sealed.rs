//! The channel: key schedule, records, and the messages that hold them.

use hpke::aead::ExportOnlyAead;
use hpke::kdf::HkdfSha384;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strongroom_attestation::claims::Claims;
use strongroom_attestation::receipt::Receipt;
use strongroom_proto::cbor::{self, Bounds};
use strongroom_proto::limits::{MAX_OPENING_BYTES, MAX_STATE_BYTES};
use strongroom_proto::message::Message;
use strongroom_seal::digest::{OutcomeDigest, RequestDigest};
use strongroom_seal::label::{self, Label};
use strongroom_seal::message::{split_answer, split_opening};
use strongroom_seal::model::AnswerBound;
use strongroom_seal::record::{Body, Bound, RecordKey, is_request_record_size, request_record_bytes};
use strongroom_seal::secret::StateKey;

use super::{Refused, Verdict, asked, found, written};
use crate::case::Case;
use crate::tree::tree;

/// What HPKE's exporter gives to the holder of an X-Wing key, for each label.
///
/// # Errors
/// [`Refused`] for what is no key, or no encapsulated key.
pub fn derived_keys(
    secret: &[u8],
    encapsulated: &[u8],
    info: &[u8],
    labels: &[Label],
) -> Result<Vec<[u8; 32]>, Refused> {
    let secret = <XWing as Kem>::PrivateKey::from_bytes(secret)?;
    let encapsulated = <XWing as Kem>::EncappedKey::from_bytes(encapsulated)?;
    let context = hpke::setup_receiver::<ExportOnlyAead, HkdfSha384, XWing>(
        &OpModeR::Base,
        &secret,
        &encapsulated,
        info,
    )?;
    let export = |label: &Label| {
        let mut key = [0; 32];
        context.export(label.text().as_bytes(), &mut key).map(|()| key).map_err(Refused::from)
    };
    labels.iter().map(export).collect()
}

/// The bytes are the encapsulated key.
pub(super) fn channel(case: &Case, bytes: &[u8]) -> Verdict {
    let labels = [label::REQUEST_KEY, label::ANSWER_KEY];
    let keys = derived_keys(&case.hex("channel_secret_key")?, bytes, &info(case)?, &labels)?;
    let keys: Vec<String> = keys.iter().map(hex::encode).collect();
    found(json!({ "info": hex::encode(info(case)?), "request_key": keys.first(), "answer_key": keys.get(1) }))
}

fn info(case: &Case) -> Result<Vec<u8>, Refused> {
    let label = label::CHANNEL.text().as_bytes();
    Ok([label, &[0], &case.hex("evidence_digest")?, &case.hex("nonce")?, &case.hex("offer")?].concat())
}

pub(super) fn record(case: &Case, bytes: &[u8]) -> Verdict {
    let fits = match case.text("size")? {
        "request" => is_request_record_size(bytes.len()),
        _ => bytes.len().is_power_of_two(),
    };
    if !fits {
        return Err("not a size of a record".into());
    }
    let body = open(case, "key", case.uint("number")?, &case.hex("associated_data")?, bytes)?;
    let number = case.uint("number")?;
    let again = RecordKey::take(&mut case.array("key")?)?.seal(
        number,
        Bound(&case.hex("associated_data")?),
        &[body.bytes()],
        bytes.len(),
    )?;
    let fields = json!({ "body": hex::encode(body.bytes()) });
    Ok(super::Judged { fields, rewritten: Some(again) })
}

fn open(case: &Case, key: &str, number: u64, header: &[u8], record: &[u8]) -> Result<Body, Refused> {
    Ok(RecordKey::take(&mut case.array(key)?)?.open(number, Bound(header), record)?)
}

pub(super) fn answer_size(case: &Case, bytes: &[u8]) -> Verdict {
    let bound: AnswerBound = cbor::decode(bytes, Bounds { max_bytes: 256, max_depth: 2, max_items: 8 })?;
    let record = usize::try_from(case.uint("request_record")?)?;
    found(json!({ "bound": tree(&bound)?, "answer_record": bound.record_bytes(record) }))
}

pub(super) fn opening(case: &Case, bytes: &[u8]) -> Verdict {
    if bytes.len() > MAX_OPENING_BYTES {
        return Err("longer than an opening".into());
    }
    let Some(Message::Opening { offer, nonce, encapsulated_key, header, record }) = Message::parse(bytes)
    else {
        return Err("not an opening".into());
    };
    if (offer.as_bytes(), nonce.as_bytes()) != (&case.array("offer")?, &case.array("nonce")?) {
        return Err("no such offer to this nonce".into());
    }
    if !is_request_record_size(record.len()) {
        return Err("not a size of a record".into());
    }
    let secret = case.hex("channel_secret_key")?;
    let keys = derived_keys(&secret, encapsulated_key, &info(case)?, &[label::REQUEST_KEY])?;
    let mut key = *keys.first().ok_or("no key")?;
    let body = RecordKey::take(&mut key)?.open(0, Bound(header), record)?;
    let (key, request) = split_opening(body.bytes()).ok_or("no API key")?;
    let asked = if request.is_empty() { Value::Null } else { asked::read_ask(request)?.fields };
    found(json!({
        "encapsulated_bytes": encapsulated_key.len(),
        "api_key": hex::encode(key),
        "request": asked,
        "request_digest": RequestDigest::of(request).to_string(),
        "least_record": request_record_bytes(body.bytes().len())?,
    }))
}

pub(super) fn request(case: &Case, bytes: &[u8]) -> Verdict {
    let Some(Message::Request { session, number, header, record }) = Message::parse(bytes) else {
        return Err("not a request".into());
    };
    if !is_request_record_size(record.len()) {
        return Err("not a size of a record".into());
    }
    let body = open(case, "request_key", number, header, record)?;
    found(json!({
        "session": hex::encode(session.as_bytes()),
        "number": number,
        "request": asked::read_ask(body.bytes())?.fields,
        "request_digest": RequestDigest::of(body.bytes()).to_string(),
    }))
}

pub(super) fn answer(case: &Case, bytes: &[u8]) -> Verdict {
    if !bytes.len().is_power_of_two() {
        return Err("not a size of a record".into());
    }
    let body = open(case, "answer_key", case.uint("number")?, &case.hex("session")?, bytes)?;
    let parts = split_answer(body.bytes()).ok_or("ends inside the outcome")?;
    let claims = Claims::decode(&case.hex("claims")?)?;
    let request = RequestDigest::of(&case.hex("request")?);
    let receipt = Receipt::judge(parts.receipt, &claims, request, OutcomeDigest::of(parts.outcome))?;
    let outcome = asked::read_outcome(parts.outcome)?.fields;
    found(json!({ "outcome": outcome, "receipt": tree(&receipt)? }))
}

/// The outer form of sealed state, which only the enclave's own crate names.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    #[serde(with = "serde_bytes")]
    boot: [u8; 16],
    number: u64,
    #[serde(with = "serde_bytes")]
    sealed: Vec<u8>,
}

pub(super) fn state(case: &Case, bytes: &[u8]) -> Verdict {
    let state: State =
        cbor::decode(bytes, Bounds { max_bytes: MAX_STATE_BYTES, max_depth: 2, max_items: 8 })?;
    if !state.sealed.len().is_power_of_two() || state.sealed.len() < 4096 {
        return Err("not a size of sealed state".into());
    }
    let key = StateKey::take(&mut case.array("state_key")?).record_key(&state.boot)?;
    let deployment = case.text("deployment")?;
    let body = key.open(state.number, Bound(deployment.as_bytes()), &state.sealed)?;
    let mut judged = written(&state, cbor::encode(&state))?;
    judged.fields = json!({
        "boot": hex::encode(state.boot),
        "number": state.number,
        "body": hex::encode(body.bytes()),
    });
    Ok(judged)
}
