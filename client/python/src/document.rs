//! A stored attestation document, judged against the AWS root.

use std::collections::BTreeMap;
use std::time::Duration;

use pyo3::prelude::*;
use strongroom_attestation::{
    DebugImages, Demand, Expectations, Freshness, Pcr, PcrDemand, PcrIndex, PcrSet, TrustRoot, UnixMillis,
    verify,
};

use crate::failure::Failure;

/// The checks as JSON; raises where one fails. `None` for nonce or user data skips their check, which the package in Python
/// lets nobody do by omission.
#[pyfunction]
pub(crate) fn verify_document(
    py: Python<'_>,
    document: &[u8],
    at_ms: u64,
    pcrs: BTreeMap<u8, String>,
    demands: (Option<Vec<u8>>, Option<Vec<u8>>),
    max_age_seconds: f64,
) -> PyResult<String> {
    let (nonce, user_data) = demands;
    let judged = || {
        let expectations = Expectations {
            debug_images: DebugImages::Refused,
            pcrs: demanded(&pcrs)?,
            freshness: Freshness::MaxAge(age(max_age_seconds)?),
            nonce: given(nonce),
            user_data: given(user_data),
            public_key: Demand::DangerouslyAny,
        };
        let (transcript, judged) =
            verify(document, &TrustRoot::aws_nitro_g1(), UnixMillis::new(at_ms), &expectations);
        judged.map_err(|error| Failure::document(&error, &transcript))?;
        Ok(serde_json::json!(transcript.lines()).to_string())
    };
    judged().map_err(|failure: Failure| failure.raised(py))
}

fn demanded(pcrs: &BTreeMap<u8, String>) -> Result<PcrDemand, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::usage(format!("pcrs: {error}"));
    let registers = pcrs.iter().map(|(index, value)| {
        let index = PcrIndex::try_from(*index).map_err(|error| wrong(&error))?;
        Ok((index, value.parse::<Pcr>().map_err(|error| wrong(&error))?))
    });
    let registers: BTreeMap<_, _> = registers.collect::<Result<_, Failure>>()?;
    let set = PcrSet::new(registers).and_then(|set| PcrDemand::one_of(vec![set]));
    set.map_err(|error| wrong(&error))
}

fn age(seconds: f64) -> Result<Duration, Failure> {
    let age = Duration::try_from_secs_f64(seconds);
    age.map_err(|_| Failure::usage("max_age_seconds: not a number of seconds"))
}

fn given(bytes: Option<Vec<u8>>) -> Demand {
    bytes.map_or(Demand::DangerouslyAny, Demand::Exactly)
}
