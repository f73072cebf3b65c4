//! Treatments by name, and the roles that get them.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_attestation::release::{Clamp, Detail, Limits, Operation, Priority, RoleControls, Treatment};
use strongroom_proto::name::Name;

use super::Draft;
use crate::policy::file::{FileDetail, FileRole, FileTreatment, PolicyFile};

/// Treatments that need no definition.
const EXACT: &str = "exact";
const LABEL_ONLY: &str = "label_only";

/// Treatments by name.
pub(super) struct Treatments(BTreeMap<Name, Treatment>);

impl Treatments {
    /// A treatment; an unknown name is a finding and gives the strictest one.
    pub(super) fn named(&self, at: &str, name: &Name, draft: &mut Draft) -> Treatment {
        match (self.0.get(name), name.as_str()) {
            (Some(treatment), _) => *treatment,
            (None, EXACT) => Treatment::EXACT,
            (None, LABEL_ONLY) => Treatment::LABEL_ONLY,
            (None, _) => {
                draft.unknown(at, "treatment", name);
                Treatment::LABEL_ONLY
            }
        }
    }
}

pub(super) fn treatments(file: &PolicyFile, draft: &mut Draft) -> Treatments {
    let mut named = BTreeMap::new();
    for (name, treatment) in &file.treatment {
        if [EXACT, LABEL_ONLY].contains(&name.as_str()) {
            let what = format!("the treatment {name} is built in and cannot be defined");
            draft.findings.error("name-twice", what, "give it another name");
        }
        if treatment.detail.is_some() && treatment.top_k.is_some() {
            let what = format!("treatment {name} states both detail and top_k");
            draft.findings.error("detail", what, "leave out one of the two");
        }
        named.insert(name.clone(), compiled(treatment));
    }
    Treatments(named)
}

fn compiled(treatment: &FileTreatment) -> Treatment {
    let detail = match (treatment.detail, treatment.top_k) {
        (Some(FileDetail::LabelOnly), _) => Detail::LabelOnly,
        (_, Some(top)) => Detail::TopK(top),
        _ => Detail::Full,
    };
    Treatment {
        detail,
        clamp: treatment.clamp.map(|clamp| Clamp { min: clamp.min, max: clamp.max }),
        temperature: treatment.temperature,
        noise: treatment.noise,
        decimals: treatment.decimals,
    }
}

pub(super) fn compile(file: &PolicyFile, treatments: &Treatments, draft: &mut Draft) {
    for (name, role) in &file.role {
        let controls = one(name, role, treatments, draft);
        draft.controls.roles.insert(name.clone(), controls);
    }
}

fn one(name: &Name, role: &FileRole, treatments: &Treatments, draft: &mut Draft) -> RoleControls {
    let operations = role.operations.clone().unwrap_or_else(|| BTreeSet::from([Operation::Infer]));
    let at = format!("role {name}");
    let models = match &role.models {
        None if operations.contains(&Operation::Infer) => everything(draft),
        None => BTreeMap::new(),
        Some(models) => {
            let mut treated = BTreeMap::new();
            for (model, treatment) in models {
                if !draft.models.contains(model) && !draft.controls.routes.contains_key(model) {
                    draft.unknown(&at, "model or route", model);
                    continue;
                }
                treated.insert(model.clone(), treatments.named(&at, treatment, draft));
            }
            treated
        }
    };
    RoleControls { operations, models, limits: role.limits(), priority: role.priority }
}

/// Every model and route, exact.
fn everything(draft: &Draft) -> BTreeMap<Name, Treatment> {
    let names = draft.models.iter().chain(draft.controls.routes.keys());
    names.map(|name| (name.clone(), Treatment::EXACT)).collect()
}

/// The role of keys that are given without one: every model and route, exact, without limits.
pub(super) fn open(draft: &Draft) -> RoleControls {
    RoleControls {
        operations: BTreeSet::from([Operation::Infer]),
        models: everything(draft),
        limits: Limits::NONE,
        priority: Priority::Normal,
    }
}
