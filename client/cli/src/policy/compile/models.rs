//! How models are treated, whoever asks.

use std::collections::BTreeMap;

use strongroom_attestation::release::{
    ClaimKind, Limits, ModelControls, Monitored, OutputKind, Provenance, Transform,
};
use strongroom_proto::name::Name;

use super::{Draft, ModelFacts};
use crate::policy::file::{FileModel, FileRate, FileTransform, FileWatch, PolicyFile};
use crate::policy::sha256;

pub(super) fn compile(file: &PolicyFile, draft: &mut Draft) {
    for (name, model) in &file.model {
        if draft.models.contains(name) {
            let controls = one(name, model, draft);
            draft.controls.models.insert(name.clone(), controls);
        } else {
            draft.unknown("a [model] section", "model", name);
        }
    }
}

/// Copies what the manifests claim into the public controls; where a release has several versions of a model, what all
/// of them claim.
pub(super) fn claims(known: &[ModelFacts], draft: &mut Draft) {
    for model in known {
        let versions = || known.iter().filter(|other| other.name == model.name);
        let common = model.provenance.iter().filter(|one| versions().all(|v| v.provenance.contains(one)));
        let common: Vec<Provenance> = common.cloned().collect();
        if common.is_empty() {
            continue;
        }
        let stated = &mut draft.controls.models.entry(model.name.clone()).or_default().provenance;
        for claim in common {
            match stated.iter().find(|other| other.claim == claim.claim) {
                Some(same) if *same == claim => {}
                Some(_) => {
                    let what = format!("model {}: its manifest claims {} as well", model.name, claim.claim);
                    let remedy = "leave it out of the policy: what the manifest claims is copied from there";
                    draft.findings.error("provenance-twice", what, remedy);
                }
                None => stated.push(claim),
            }
        }
    }
}

/// Copies what the manifests say of inputs and outputs into the public controls.
pub(super) fn interfaces(known: &[ModelFacts], draft: &mut Draft) {
    for ModelFacts { name, version, interface, .. } in known {
        let stated = draft.controls.models.entry(name.clone()).or_default();
        stated.interfaces.insert(version.clone(), interface.clone());
    }
}

/// The private part of watching models. A model that names a profile nobody read has an empty one, which no enclave
/// takes: `Policy::read` reads them all.
pub(super) fn monitors(file: &PolicyFile, profiles: &BTreeMap<Name, Vec<u8>>) -> BTreeMap<Name, Monitored> {
    let watched = file.model.iter().filter_map(|(name, model)| Some((name, model.watch.as_ref()?)));
    let monitored = |(name, watch): (&Name, &FileWatch)| {
        let profile = profiles.get(name).cloned().unwrap_or_default();
        (name.clone(), Monitored { profile, rules: watch.rules() })
    };
    watched.map(monitored).collect()
}

fn one(name: &Name, model: &FileModel, draft: &mut Draft) -> ModelControls {
    ModelControls {
        limits: Limits { rate: model.rate.map(FileRate::compile), ..Limits::NONE },
        outputs: outputs(name, model, draft),
        transforms: model
            .transforms
            .iter()
            .map(|(input, list)| (input.clone(), list.iter().map(transform).collect()))
            .collect(),
        watch: model.watch.as_ref().map(FileWatch::compile),
        provenance: provenance(name, model, draft),
        interfaces: BTreeMap::new(),
        frozen_until: draft.time(&format!("model {name}"), model.frozen_until.as_ref()),
    }
}

fn outputs(name: &Name, model: &FileModel, draft: &mut Draft) -> BTreeMap<String, OutputKind> {
    let kinds = [
        (OutputKind::Label, &model.label),
        (OutputKind::Probabilities, &model.probabilities),
        (OutputKind::Logits, &model.logits),
    ];
    let mut outputs = BTreeMap::new();
    for (kind, output) in
        kinds.into_iter().flat_map(|(kind, names)| names.iter().map(move |name| (kind, name)))
    {
        if outputs.insert(output.clone(), kind).is_some() {
            let what = format!("model {name} declares the output '{}' twice", output.escape_debug());
            draft.findings.error("name-twice", what, "name each output in one list, once");
        }
    }
    outputs
}

fn transform(transform: &FileTransform) -> Transform {
    match *transform {
        FileTransform::Clip(range) => Transform::Clip { min: range.min, max: range.max },
        FileTransform::Quantize(step) => Transform::Quantize { step: step.step },
        FileTransform::Smooth(smooth) => Transform::Smooth { window: smooth.window, axis: smooth.axis },
    }
}

fn provenance(name: &Name, model: &FileModel, draft: &mut Draft) -> Vec<Provenance> {
    let mut list = Vec::with_capacity(model.provenance.len());
    for stated in &model.provenance {
        if stated.kind != ClaimKind::Declared {
            let what =
                format!("model {name}: a policy cannot state that {} was {}", stated.claim, stated.kind);
            let remedy =
                "seal the model with --provenance: what was recomputed or measured stands in its manifest";
            draft.findings.error("provenance-kind", what, remedy);
        }
        match sha256(&stated.sha256) {
            Some(sha256) => list.push(Provenance { claim: stated.claim.clone(), kind: stated.kind, sha256 }),
            None => {
                let what = format!(
                    "model {name}: the digest of provenance {} has not 64 hexadecimal digits",
                    stated.claim
                );
                draft.findings.error("digest", what, "state the SHA-256 of what it refers to");
            }
        }
    }
    list
}
