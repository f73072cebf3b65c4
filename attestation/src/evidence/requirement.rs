//! What a client can demand of public controls without fixing them byte by byte.

use std::collections::BTreeSet;
use std::fmt;

use crate::claims::Claims;
use crate::release::{ClaimKind, Coarseness, Controls, Operation, Payloads};

/// One demand on public controls. Each has a line of its own in the transcript.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requirement {
    /// Every answer, to whichever role, is of one of these sorts.
    Outputs(BTreeSet<Coarseness>),
    /// Inputs and outputs are not recorded.
    InputsNotRecorded,
    /// An audit log is kept.
    Audited,
    /// Every role that may infer has a rate, a quota or a budget.
    Limited,
    /// Every model that is served has a statement of how it was made of at least each of these kinds.
    Provenance(BTreeSet<ClaimKind>),
}

impl Requirement {
    /// Its line in a transcript.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        match self {
            Self::Outputs(_) => "control-outputs",
            Self::InputsNotRecorded => "control-inputs",
            Self::Audited => "control-audit",
            Self::Limited => "control-limits",
            Self::Provenance(_) => "control-provenance",
        }
    }

    /// Whether the controls meet it, with what was found.
    ///
    /// # Errors
    /// What was found in place of what is demanded.
    pub fn judge(&self, controls: &Controls, claims: &Claims) -> Result<String, String> {
        match self {
            Self::Outputs(allowed) => outputs(controls, allowed),
            Self::InputsNotRecorded => match controls.payloads {
                Payloads::NotRecorded => Ok("neither inputs nor outputs are recorded".to_owned()),
            },
            Self::Audited if controls.audit => Ok("an audit log is kept".to_owned()),
            Self::Audited => Err("no audit log is kept".to_owned()),
            Self::Limited => limited(controls),
            Self::Provenance(kinds) => provenance(controls, claims, kinds),
        }
    }
}

impl fmt::Display for Coarseness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::Rounded => "rounded",
            Self::LabelOnly => "label_only",
        })
    }
}

fn list<T: fmt::Display>(items: &BTreeSet<T>) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

fn outputs(controls: &Controls, allowed: &BTreeSet<Coarseness>) -> Result<String, String> {
    match controls.treatments().find(|(_, treatment)| !allowed.contains(&treatment.coarseness())) {
        None => Ok(format!("every answer is {}", list(allowed))),
        Some((asked, treatment)) => {
            Err(format!("answers of '{asked}' are {} for a role", treatment.coarseness()))
        }
    }
}

fn limited(controls: &Controls) -> Result<String, String> {
    let open = controls.roles.iter().find(|(_, role)| {
        let limits = &role.limits;
        let quotas = [limits.rows_per_day, limits.rows, limits.bits_per_day, limits.bits];
        role.operations.contains(&Operation::Infer)
            && limits.rate.is_none()
            && quotas.iter().all(Option::is_none)
    });
    match open {
        None => Ok("every role that may infer has a limit".to_owned()),
        Some((name, _)) => Err(format!("role '{name}' has no limit")),
    }
}

fn provenance(controls: &Controls, claims: &Claims, kinds: &BTreeSet<ClaimKind>) -> Result<String, String> {
    for model in &claims.models {
        let stated = controls.model(&model.id.name).map_or(&[] as &[_], |model| &model.provenance);
        if let Some(kind) = kinds.iter().find(|kind| !stated.iter().any(|statement| statement.kind >= **kind))
        {
            return Err(format!("nothing about '{}' is {kind}", model.id));
        }
    }
    Ok(format!("something about every model is {}", list(kinds)))
}
