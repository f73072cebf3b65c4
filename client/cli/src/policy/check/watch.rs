//! Watched models: profiles against interfaces, and whether watching them does anything.

use strongroom_attestation::release::{Controls, Monitored, OutputKind, Treatment, Watch};
use strongroom_monitor::Profile;
use strongroom_proto::name::Name;

use crate::policy::compile::{Draft, ModelFacts};
use crate::policy::finding::Findings;

pub(super) fn judge(draft: &mut Draft, known: Option<&[ModelFacts]>) {
    for (name, monitored) in &draft.monitors {
        let Some(watch) = draft.controls.model(name).and_then(|model| model.watch) else { continue };
        let facts = known.and_then(|known| known.iter().find(|model| model.name == *name));
        profile(name, monitored, &watch, facts, &mut draft.findings);
        idle(name, &watch, &draft.controls, &mut draft.findings);
        if watch.reacts {
            labels(name, &draft.controls, &mut draft.findings);
        }
    }
    if draft.controls.telemetry.is_some() && draft.audit_key.is_none() {
        let what = "reports are made, and there is no audit key to seal them to";
        let remedy = "name an audit_key, or be content with what the host's /metrics say";
        draft.findings.warning("reports-unread", what, remedy);
    }
}

fn profile(
    name: &Name,
    monitored: &Monitored,
    watch: &Watch,
    facts: Option<&ModelFacts>,
    findings: &mut Findings,
) {
    let remedy = "make it anew with `strongroom profile`, from this very model";
    let profile = match Profile::decode(&monitored.profile) {
        Ok(profile) => profile,
        Err(error) => return findings.error("profile", format!("model {name}: {error}"), remedy),
    };
    if let Some(Err(wrong)) = facts.map(|facts| profile.fits(&facts.interface, watch)) {
        findings.error("profile", format!("model {name}: {wrong}"), remedy);
    }
}

/// A watch that has no eyes for anything.
fn idle(name: &Name, watch: &Watch, controls: &Controls, findings: &mut Findings) {
    if !watch.acts() && controls.telemetry.is_none() {
        let what = format!("model {name} is watched, and nothing comes of it");
        findings.warning("watch-idle", what, "state unlike, reacts, flips or [telemetry], or leave it out");
    }
}

/// What a key that is told labels alone is told of a model without any.
fn labels(name: &Name, controls: &Controls, findings: &mut Findings) {
    let declared = controls.model(name).is_some_and(|model| {
        model
            .outputs
            .values()
            .any(|kind| matches!(kind, OutputKind::Label | OutputKind::Probabilities | OutputKind::Logits))
    });
    let finer = controls
        .treatments()
        .any(|(asked, treatment)| controls.leads_to(asked, name) && *treatment != Treatment::LABEL_ONLY);
    if !declared && finer {
        let what = format!(
            "model {name} reacts, and no output of it is declared: a key that is told labels alone gets nothing"
        );
        findings.warning(
            "watch-values",
            what,
            "declare label, probabilities or logits, if the model has them",
        );
    }
}
