//! Comparisons of a signed document with what is demanded: steps 24 to 30.
//!
//! Each returns what was compared, or that it was waived, or why it refuses.

use std::time::Duration;

use super::expect::{DebugImages, Demand, Freshness, PcrDemand, PcrSet};
use crate::document::{Document, PcrValue};
use crate::error::VerifyError;
use crate::limits::MAX_FUTURE_SKEW;
use crate::pcr::{Pcr, PcrIndex};
use crate::time::UnixMillis;

/// A demand that was waived by name, with that name.
pub(super) struct Waived(pub(super) &'static str);

/// A demand that was not met, with what was compared.
pub(super) struct Refusal {
    pub(super) error: VerifyError,
    pub(super) detail: String,
}

type Comparison = Result<Result<String, Waived>, Refusal>;

/// Bytes of a field that a transcript shows.
const SHOWN_BYTES: usize = 64;

/// Step 24: PCR0, PCR1 and PCR2 are listed and not zero. PCR3 and PCR4 are not zero in debug mode either.
pub(super) fn debug_image(document: &Document, choice: DebugImages) -> Comparison {
    let bare = |index: &PcrIndex| document.pcrs().get(index).is_none_or(PcrValue::is_zero);
    let found = [PcrIndex::IMAGE, PcrIndex::KERNEL, PcrIndex::APPLICATION].into_iter().find(bare);
    match (choice, found) {
        (DebugImages::DangerouslyAllowed, _) => Ok(Err(Waived("debug images are allowed by choice"))),
        (DebugImages::Refused, None) => Ok(Ok("PCR0, PCR1 and PCR2 are not zero".to_owned())),
        (DebugImages::Refused, Some(index)) => refuse_plainly(VerifyError::DebugImage(index)),
    }
}

/// Step 25: one set of registers is met in full.
pub(super) fn pcrs(document: &Document, demand: &PcrDemand) -> Comparison {
    let Some(sets) = demand.alternatives() else {
        return Ok(Err(Waived("any measurements are accepted by choice")));
    };
    if let Some(met) = sets.iter().find(|set| first_difference(document, set).is_none()) {
        return Ok(Ok(format!("{} as demanded", listed(met))));
    }
    // The first set stands for all of them in the error. There is one: no demand is without a set.
    let missed = sets.iter().find_map(|set| first_difference(document, set));
    let (index, wanted) = missed.unwrap_or((PcrIndex::IMAGE, Pcr::ZERO));
    let found = document.pcrs().get(&index).map_or_else(|| "not listed".to_owned(), PcrValue::to_string);
    let detail = format!("{index} is {found}, demanded is {wanted}; {} sets tried, none met", sets.len());
    Err(Refusal { error: VerifyError::Pcr(index), detail })
}

/// The first register that is not as demanded, and what it should be.
fn first_difference(document: &Document, set: &PcrSet) -> Option<(PcrIndex, Pcr)> {
    let differs = |(index, value): &(&PcrIndex, &Pcr)| document.pcr(**index) != Some(**value);
    set.registers().iter().find(differs).map(|(index, value)| (*index, *value))
}

fn listed(set: &PcrSet) -> String {
    let shown: Vec<_> = set.registers().iter().map(|(index, value)| format!("{index} {value}")).collect();
    shown.join(", ")
}

/// Steps 26 and 27: not too old, and not from the future.
pub(super) fn time(document: &Document, now: UnixMillis, freshness: Freshness) -> Comparison {
    // Step 27 comes first: it is not waived together with age.
    let ahead = document.timestamp().since(now).unwrap_or(Duration::ZERO);
    if ahead > MAX_FUTURE_SKEW {
        return refuse_plainly(VerifyError::FromTheFuture { ahead });
    }
    // Step 26: age.
    let age = now.since(document.timestamp()).unwrap_or(Duration::ZERO);
    match freshness {
        Freshness::DangerouslyAnyAge => Ok(Err(Waived("any age is accepted by choice"))),
        Freshness::MaxAge(max_age) if age > max_age => refuse_plainly(VerifyError::Stale { age, max_age }),
        Freshness::MaxAge(max_age) => {
            Ok(Ok(format!("from {}, {age:?} old, at most {max_age:?}", document.timestamp())))
        }
    }
}

/// Step 28: the answer to the verifier's challenge.
pub(super) fn nonce(document: &Document, demand: &Demand) -> Comparison {
    field(document.nonce(), demand, VerifyError::Nonce)
}

/// Step 29: the enclave's commitment.
pub(super) fn user_data(document: &Document, demand: &Demand) -> Comparison {
    field(document.user_data(), demand, VerifyError::UserData)
}

/// Step 30: the enclave's key.
pub(super) fn public_key(document: &Document, demand: &Demand) -> Comparison {
    field(document.public_key(), demand, VerifyError::PublicKey)
}

fn field(found: Option<&[u8]>, demand: &Demand, error: VerifyError) -> Comparison {
    let wanted = match demand {
        Demand::DangerouslyAny => return Ok(Err(Waived("any value is accepted by choice"))),
        Demand::Absent => None,
        Demand::Exactly(bytes) => Some(bytes.as_slice()),
    };
    if found == wanted {
        return Ok(Ok(format!("{} as demanded", shown(found))));
    }
    Err(Refusal { error, detail: format!("found {}, demanded {}", shown(found), shown(wanted)) })
}

fn shown(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "nothing".to_owned(),
        Some(bytes) => match bytes.get(..SHOWN_BYTES) {
            Some(start) if bytes.len() > SHOWN_BYTES => {
                format!("{}… ({} bytes)", hex::encode(start), bytes.len())
            }
            _ => format!("'{}'", hex::encode(bytes)),
        },
    }
}

fn refuse_plainly(error: VerifyError) -> Comparison {
    Err(Refusal { error, detail: error.to_string() })
}
