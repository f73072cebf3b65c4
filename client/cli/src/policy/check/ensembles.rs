//! Members of ensembles, and what comes out when they disagree.

use std::collections::BTreeSet;

use strongroom_attestation::release::{Ensemble, Target, Treatment};
use strongroom_proto::name::Name;

use crate::policy::compile::Draft;
use crate::policy::finding::Findings;

pub(super) fn judge(draft: &mut Draft) {
    for (route, rules) in draft.routes.clone() {
        for (at, rule) in rules.iter().enumerate() {
            let Target::Ensemble(ensemble) = &rule.target else { continue };
            let at = format!("rule {} of route {route}", at + 1);
            members(&at, ensemble, &mut draft.findings);
            for role in finer(draft, &route, &ensemble.stricter) {
                let what =
                    format!("{at}: where the models disagree, role {role} gets finer answers than otherwise");
                let remedy = "choose as stricter what is at least as coarse as the treatment of each role, or label_only";
                draft.findings.error("stricter-finer", what, remedy);
            }
        }
    }
}

/// One model agrees with itself: it would outvote others, or hide that they disagree.
fn members(at: &str, ensemble: &Ensemble, findings: &mut Findings) {
    let distinct: BTreeSet<&Name> = ensemble.members.iter().collect();
    if distinct.len() < ensemble.members.len() {
        findings.error("ensemble-twice", format!("{at} names a model twice"), "name each member once");
    }
}

/// Roles whose own treatment of the route is coarser, whether or not the rule is for them: what the public controls
/// say of a role holds without a look at the private rules.
fn finer(draft: &Draft, route: &Name, stricter: &Treatment) -> Vec<Name> {
    let roles = draft.controls.roles.iter();
    let treated = roles.filter_map(|(name, role)| Some((name, role.models.get(route)?)));
    treated.filter(|(_, own)| !stricter.is_no_finer_than(own)).map(|(name, _)| name.clone()).collect()
}
