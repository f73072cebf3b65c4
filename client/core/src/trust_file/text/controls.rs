//! The table `[controls]`: a digest, or what the controls have to say.

use std::collections::BTreeSet;
use std::fmt::{Display, Write as _};

use serde::Deserialize;
use strongroom_attestation::evidence::{ControlsDemand, Requirement};
use strongroom_attestation::release::{ClaimKind, Coarseness, Payloads};

use super::{DIGEST, parse};
use crate::TrustFileError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    digest: Option<String>,
    outputs: Option<BTreeSet<Coarseness>>,
    inputs: Option<Payloads>,
    audit: Option<bool>,
    limits: Option<bool>,
    provenance: Option<BTreeSet<ClaimKind>>,
}

pub(super) fn demand(table: Option<Table>, owner_decides: bool) -> Result<ControlsDemand, TrustFileError> {
    match (table, owner_decides) {
        (Some(table), false) => table.demand(),
        (None, true) => Ok(ControlsDemand::OwnerDecides),
        _ => Err(TrustFileError::Choice("name either [controls] or owner_decides_controls = true")),
    }
}

impl Table {
    fn demand(mut self) -> Result<ControlsDemand, TrustFileError> {
        let digest = self.digest.take();
        let requirements = self.requirements()?;
        match digest {
            None => Ok(ControlsDemand::Meeting(requirements)),
            Some(digest) if requirements.is_empty() => {
                Ok(ControlsDemand::Exactly(parse("controls.digest", DIGEST, &digest)?))
            }
            Some(_) => Err(TrustFileError::Choice("[controls] names either a digest or other demands")),
        }
    }

    fn requirements(self) -> Result<Vec<Requirement>, TrustFileError> {
        if self.audit == Some(false) || self.limits == Some(false) {
            return Err(TrustFileError::Choice("leave out of [controls] what is not demanded"));
        }
        let inputs = self.inputs.map(|Payloads::NotRecorded| Requirement::InputsNotRecorded);
        let all = [
            self.outputs.map(Requirement::Outputs),
            inputs,
            self.audit.map(|_| Requirement::Audited),
            self.limits.map(|_| Requirement::Limited),
            self.provenance.map(Requirement::Provenance),
        ];
        Ok(all.into_iter().flatten().collect())
    }
}

pub(super) fn write(text: &mut String, demand: &ControlsDemand) {
    let _ = match demand {
        ControlsDemand::OwnerDecides => Ok(()),
        ControlsDemand::Exactly(digest) => write!(text, "\n[controls]\ndigest = \"{digest}\"\n"),
        ControlsDemand::Meeting(requirements) => {
            *text += "\n[controls]\n";
            requirements.iter().try_for_each(|requirement| writeln!(text, "{}", line(requirement)))
        }
    };
}

fn line(requirement: &Requirement) -> String {
    match requirement {
        Requirement::Outputs(sorts) => format!("outputs = [{}]", list(sorts)),
        Requirement::InputsNotRecorded => "inputs = \"not_recorded\"".to_owned(),
        Requirement::Audited => "audit = true".to_owned(),
        Requirement::Limited => "limits = true".to_owned(),
        Requirement::Provenance(kinds) => format!("provenance = [{}]", list(kinds)),
    }
}

fn list<T: Display>(items: &BTreeSet<T>) -> String {
    items.iter().map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(", ")
}
