//! Attestation documents.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};
use strongroom_attestation::{
    DebugImages, Demand, Expectations, Freshness, Pcr, PcrDemand, PcrIndex, PcrSet, TrustRoot, UnixMillis,
    verify,
};

use super::{Refused, Verdict, found};
use crate::case::Case;
use crate::tree::bytes as hexed;

pub(super) fn document(case: &Case, bytes: &[u8]) -> Verdict {
    let root = match case.text("root")? {
        "aws" => TrustRoot::aws_nitro_g1(),
        _ => TrustRoot::from_der(&case.hex("root")?)?,
    };
    let (_, attested) = verify(bytes, &root, UnixMillis::new(case.uint("now")?), &expectations(case)?);
    let attested = attested?;
    let pcrs: Map<String, Value> = attested
        .pcrs()
        .iter()
        .map(|(index, value)| (index.get().to_string(), hexed(value.as_bytes())))
        .collect();
    let optional = |bytes: Option<&[u8]>| bytes.map_or(Value::Null, hexed);
    found(json!({
        "module_id": attested.module_id(),
        "timestamp": attested.timestamp().as_millis(),
        "pcrs": pcrs,
        "public_key": optional(attested.public_key()),
        "user_data": optional(attested.user_data()),
        "nonce": optional(attested.nonce()),
        "evidence_digest": attested.statement().digest()?.to_string(),
    }))
}

fn expectations(case: &Case) -> Result<Expectations, Refused> {
    let debug = case.get("debug_images").and_then(Value::as_str) == Some("allowed");
    Ok(Expectations {
        debug_images: if debug { DebugImages::DangerouslyAllowed } else { DebugImages::Refused },
        pcrs: pcrs(case)?,
        freshness: match case.get("max_age_ms").and_then(Value::as_u64) {
            Some(age) => Freshness::MaxAge(Duration::from_millis(age)),
            None => Freshness::DangerouslyAnyAge,
        },
        nonce: demand(case, "nonce")?,
        user_data: demand(case, "user_data")?,
        public_key: demand(case, "public_key")?,
    })
}

/// A list of sets of registers, of which one has to be met; `null`: any registers.
fn pcrs(case: &Case) -> Result<PcrDemand, Refused> {
    let Some(sets) = case.get("pcrs").and_then(Value::as_array) else {
        return Ok(PcrDemand::dangerously_any());
    };
    let set = |set: &Value| {
        let mut registers = BTreeMap::new();
        for (index, value) in set.as_object().into_iter().flatten() {
            let index: u8 = index.parse()?;
            let index = PcrIndex::try_from(index).map_err(|_| "no such register")?;
            registers.insert(index, value.as_str().unwrap_or_default().parse::<Pcr>()?);
        }
        Ok::<_, Refused>(PcrSet::new(registers)?)
    };
    Ok(PcrDemand::one_of(sets.iter().map(set).collect::<Result<_, _>>()?)?)
}

/// `null` demands that the field is absent, hexadecimal demands those bytes, `any` demands nothing.
fn demand(case: &Case, name: &str) -> Result<Demand, Refused> {
    match case.get(name) {
        None => Ok(Demand::DangerouslyAny),
        Some(Value::String(any)) if any == "any" => Ok(Demand::DangerouslyAny),
        Some(Value::Null) => Ok(Demand::Absent),
        Some(_) => Ok(Demand::Exactly(case.hex(name)?)),
    }
}
