//! Trust files.

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use strongroom_attestation::evidence::{CharterDemand, ControlsDemand, ModelDemand, Requirement};
use strongroom_core::TrustFile;

use super::{Verdict, found};
use crate::case::Case;
use crate::tree::tree;

pub(super) fn trust_file(case: &Case, bytes: &[u8]) -> Verdict {
    let file = match case.get("published") {
        Some(_) => TrustFile::parse_with_measurements(bytes, &case.hex("published")?)?,
        None => TrustFile::parse(bytes)?,
    };
    let demands = file.demands();
    let again = TrustFile::parse(file.to_toml().as_bytes())?;
    if again.demands().images != demands.images || again.demands().charter != demands.charter {
        return Err("what is written reads back as something else".into());
    }
    let charter = match &demands.charter {
        CharterDemand::Exactly(digest) => json!({ "digest": digest.to_string() }),
        CharterDemand::SignedBy(keys) => {
            json!({ "signed_by": keys.iter().map(|key| hex::encode(key.as_bytes())).collect::<Vec<_>>() })
        }
    };
    let models = match &demands.models {
        ModelDemand::Exactly(models) => tree(models)?,
        ModelDemand::OwnerMayChange => json!("owner_may_change"),
    };
    found(json!({
        "simulation": file.is_simulation(),
        "root_sha256": hex::encode(digest(&SHA256, demands.root.der())),
        "images": tree(&demands.images)?,
        "charter": charter,
        "least_epoch": demands.least_epoch,
        "models": models,
        "controls": controls(&demands.controls),
        "max_age_seconds": demands.max_age.as_secs(),
    }))
}

fn controls(demand: &ControlsDemand) -> Value {
    match demand {
        ControlsDemand::Exactly(digest) => json!({ "digest": digest.to_string() }),
        ControlsDemand::OwnerDecides => json!("owner_decides"),
        ControlsDemand::Meeting(requirements) => requirements.iter().map(requirement).collect(),
    }
}

fn requirement(requirement: &Requirement) -> (String, Value) {
    let (name, value) = match requirement {
        Requirement::Outputs(sorts) => {
            ("outputs", json!(sorts.iter().map(ToString::to_string).collect::<Vec<_>>()))
        }
        Requirement::InputsNotRecorded => ("inputs", json!("not_recorded")),
        Requirement::Audited => ("audit", json!(true)),
        Requirement::Limited => ("limits", json!(true)),
        Requirement::Provenance(kinds) => {
            ("provenance", json!(kinds.iter().map(ToString::to_string).collect::<Vec<_>>()))
        }
    };
    (name.to_owned(), value)
}
