//! What stands inside records: requests, tensors, outcomes, receipts.

use half::{bf16, f16};
use serde_json::{Value, json};
use strongroom_attestation::claims::Claims;
use strongroom_attestation::receipt::{MAX_RECEIPT_BYTES, Receipt};
use strongroom_proto::cbor::{self, Bounds};
use strongroom_seal::limits::MAX_TENSORS;
use strongroom_seal::message::{Ask, MAX_TOLD_ROWS, Outcome, Refusal};
use strongroom_seal::tensor::{DType, Tensor, strings};

use super::{Judged, Refused, Verdict, found, written};
use crate::case::Case;
use crate::tree::{bytes as hexed, tree};

pub(super) fn ask(_: &Case, bytes: &[u8]) -> Verdict {
    read_ask(bytes)
}

/// A request whose tensors agree with themselves.
pub(super) fn read_ask(bytes: &[u8]) -> Verdict {
    let ask = Ask::decode(bytes)?;
    if let Ask::Infer(request) = &ask {
        request.inputs.iter().try_for_each(Tensor::check)?;
    }
    written(&ask, ask.encode())
}

pub(super) fn outcome(_: &Case, bytes: &[u8]) -> Verdict {
    read_outcome(bytes)
}

/// An outcome whose tensors agree with themselves.
pub(super) fn read_outcome(bytes: &[u8]) -> Verdict {
    let outcome = Outcome::decode(bytes)?;
    match &outcome {
        Outcome::Answer(answer) if answer.outputs.len() > MAX_TENSORS => {
            return Err("too many tensors".into());
        }
        Outcome::Answer(answer) => answer.outputs.iter().try_for_each(Tensor::check)?,
        Outcome::Refused(Refusal::OutOfDistribution { rows }) if rows.len() > MAX_TOLD_ROWS => {
            return Err("more rows than are told".into());
        }
        _ => {}
    }
    written(&outcome, outcome.encode())
}

const TENSOR: Bounds = Bounds { max_bytes: 1 << 22, max_depth: 4, max_items: 32 };

pub(super) fn tensor(_: &Case, bytes: &[u8]) -> Verdict {
    let tensor: Tensor<'_> = cbor::decode(bytes, TENSOR)?;
    tensor.check()?;
    let fields = json!({ "tensor": tree(&tensor)?, "values": values(&tensor)? });
    Ok(Judged { fields, rewritten: Some(cbor::encode(&tensor)?) })
}

/// Elements in order: numbers, or bytes of each string.
fn values(tensor: &Tensor<'_>) -> Result<Vec<Value>, Refused> {
    fn each<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> Value) -> Vec<Value> {
        data.as_chunks::<N>().0.iter().map(|bytes| read(*bytes)).collect()
    }
    let data = tensor.data.as_ref();
    Ok(match tensor.dtype {
        DType::Bool | DType::Uint8 => each(data, |bytes| json!(u8::from_le_bytes(bytes))),
        DType::Uint16 => each(data, |bytes| json!(u16::from_le_bytes(bytes))),
        DType::Uint32 => each(data, |bytes| json!(u32::from_le_bytes(bytes))),
        DType::Uint64 => each(data, |bytes| json!(u64::from_le_bytes(bytes))),
        DType::Int8 => each(data, |bytes| json!(i8::from_le_bytes(bytes))),
        DType::Int16 => each(data, |bytes| json!(i16::from_le_bytes(bytes))),
        DType::Int32 => each(data, |bytes| json!(i32::from_le_bytes(bytes))),
        DType::Int64 => each(data, |bytes| json!(i64::from_le_bytes(bytes))),
        DType::Fp16 => each(data, |bytes| json!(f64::from(f16::from_le_bytes(bytes)))),
        DType::Bf16 => each(data, |bytes| json!(f64::from(bf16::from_le_bytes(bytes)))),
        DType::Fp32 => each(data, |bytes| json!(f64::from(f32::from_le_bytes(bytes)))),
        DType::Fp64 => each(data, |bytes| json!(f64::from_le_bytes(bytes))),
        DType::Bytes => strings(data).map(|string| Ok(hexed(string?))).collect::<Result<_, Refused>>()?,
    })
}

pub(super) fn receipt(case: &Case, bytes: &[u8]) -> Verdict {
    if bytes.len() > MAX_RECEIPT_BYTES {
        return Err("longer than a receipt".into());
    }
    let claims = Claims::decode(&case.hex("claims")?)?;
    let digest = |name| Ok::<_, Refused>(case.text(name)?.to_owned());
    let (request, outcome) = (digest("request_digest")?.parse()?, digest("outcome_digest")?.parse()?);
    let receipt = Receipt::judge(bytes, &claims, request, outcome)?;
    if receipt.time < receipt.anchor {
        return Err("the receipt is older than the document its clock goes by".into());
    }
    found(json!({ "receipt": tree(&receipt)? }))
}
