//! What watching does, in words.

use serde_json::{Value, json};
use strongroom_attestation::release::{Telemetry, Unlike, Watch};

/// How a model is watched.
pub(super) fn watch(watch: Option<&Watch>) -> Value {
    let Some(watch) = watch else { return json!("it is not watched (the default)") };
    let unlike = match watch.unlike {
        Unlike::Answered => "rows unlike the data it was made from are answered as any other",
        Unlike::Refused => {
            "a request with rows unlike the data it was made from is refused (the default of a watch)"
        }
        Unlike::Misinformed => {
            "rows unlike the data it was made from are answered WRONG on purpose, and nothing says so"
        }
    };
    let reacts = if watch.reacts {
        "a key whose use looks like copying gets rounded answers, then labels alone, then none for a time"
    } else {
        "no key is treated otherwise for how it is used (the default)"
    };
    let flips = match watch.flips {
        None => "answers are not marked (the default)".to_owned(),
        Some(share) => {
            format!("{share} of all inputs are answered with another class on purpose, to mark copies")
        }
    };
    json!([unlike, reacts, flips])
}

/// What leaves the enclave about its use.
pub(super) fn telemetry(telemetry: Option<&Telemetry>) -> String {
    telemetry.map_or_else(
        || "no aggregates leave the enclave (the default)".to_owned(),
        |telemetry| {
            format!(
                "every {} s noisy aggregates leave the enclave, constant in size: epsilon {} a day",
                telemetry.period_ms.div_ceil(1000),
                telemetry.epsilon_per_day
            )
        },
    )
}
