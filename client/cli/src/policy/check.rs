//! What does not fit together in a policy. Every rule has its line in docs/policy.md.
//!
//! The judgement is over what was compiled, before an incident's measures are laid over it: containment is
//! never held up by a warning about a policy.

mod access;
mod allowances;
mod ensembles;
mod tensors;
#[cfg(test)]
mod tests;
mod treatments;
mod watch;

use strongroom_attestation::release::Private;
use strongroom_seal::secret::StateKey;

use super::Circumstances;
use super::compile::Draft;
use super::file::PolicyFile;

/// Judges a draft.
pub(super) fn judge(file: &PolicyFile, draft: &mut Draft, given: Circumstances<'_>) {
    treatments::judge(draft, given.models);
    tensors::judge(draft, given.models.unwrap_or_default());
    ensembles::judge(draft);
    allowances::judge(draft, given.models);
    access::judge(file, draft, given.now);
    watch::judge(draft, given.models);
    if draft.audit_key.is_none() {
        let what = "no audit log is kept";
        draft.findings.warning(
            "audit-off",
            what,
            "make a key with `strongroom keygen --audit` and name it as audit_key",
        );
    }
}

/// The judgement of the enclave, which has the last word.
pub(super) fn last(draft: &mut Draft) {
    if let Err(error) = draft.controls.check() {
        draft.findings.error("release", error.to_string(), "see the bounds in docs/policy.md");
    }
    let private = Private {
        state_key: StateKey::take(&mut [0; 32]),
        audit_key: draft.audit_key.take(),
        organisations: std::mem::take(&mut draft.organisations),
        keys: std::mem::take(&mut draft.keys),
        monitors: std::mem::take(&mut draft.monitors),
        routes: std::mem::take(&mut draft.routes),
    };
    if let Err(error) = private.check(&draft.controls) {
        draft.findings.error("release", error.to_string(), "see the bounds in docs/policy.md");
    }
    let Private { audit_key, organisations, keys, monitors, routes, .. } = private;
    draft.audit_key = audit_key;
    draft.organisations = organisations;
    draft.keys = keys;
    draft.monitors = monitors;
    draft.routes = routes;
}
