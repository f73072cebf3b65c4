//! How models are treated, whoever asks.

use std::collections::BTreeMap;

use strongroom_attestation::release::{Limits, ModelControls, Monitored, OutputKind, Provenance, Transform};
use strongroom_proto::name::Name;

use super::Draft;
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
