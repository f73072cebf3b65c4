//! Members of ensembles, and what comes out when they disagree.

use std::collections::BTreeSet;

use strongroom_attestation::release::{Coarseness, Ensemble, Operation, RouteRule, Target, Treatment};
use strongroom_proto::name::Name;

use crate::policy::compile::Draft;
use crate::policy::finding::Findings;

pub(super) fn judge(draft: &mut Draft) {
    for (route, rules) in draft.routes.clone() {
        for (at, rule) in rules.iter().enumerate() {
            let Target::Ensemble(ensemble) = &rule.target else { continue };
            let at = format!("rule {} of route {route}", at + 1);
            members(&at, ensemble, &mut draft.findings);
            for role in finer(draft, &route, rule, &ensemble.stricter) {
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

/// Roles that may ask the route by this rule, and whose own treatment is coarser.
fn finer(draft: &Draft, route: &Name, rule: &RouteRule, stricter: &Treatment) -> Vec<Name> {
    let asks = draft.controls.roles.iter().filter(|(name, role)| {
        role.operations.contains(&Operation::Infer) && (rule.roles.is_empty() || rule.roles.contains(*name))
    });
    let treated = asks.filter_map(|(name, role)| Some((name, role.models.get(route)?)));
    treated.filter(|(_, own)| is_finer(stricter, own)).map(|(name, _)| name.clone()).collect()
}

fn is_finer(stricter: &Treatment, own: &Treatment) -> bool {
    if stricter.coarseness() == Coarseness::LabelOnly {
        return false;
    }
    let more_decimals = stricter.decimals.zip(own.decimals).is_some_and(|(stricter, own)| stricter > own);
    let less_noise = own.noise.is_some_and(|own| stricter.noise.is_none_or(|stricter| stricter < own));
    stricter.coarseness() < own.coarseness() || more_decimals || less_noise
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_be_finer() {
        let rounded = |decimals, noise| Treatment { decimals: Some(decimals), noise, ..Treatment::EXACT };
        let noisy = |noise| Treatment { noise: Some(noise), ..Treatment::EXACT };
        let (exact, label) = (Treatment::EXACT, Treatment::LABEL_ONLY);
        for (stricter, own) in [
            (exact, label),
            (exact, rounded(2, None)),
            (rounded(2, None), label),
            (rounded(3, None), rounded(2, None)),
            (exact, noisy(0.1)),
            (noisy(0.1), noisy(0.2)),
            (rounded(2, None), noisy(0.1)),
            (rounded(1, Some(0.1)), rounded(2, Some(0.2))),
        ] {
            assert!(is_finer(&stricter, &own), "{stricter:?} {own:?}");
        }
        for (stricter, own) in [
            (label, noisy(0.1)),
            (label, label),
            (exact, exact),
            (rounded(2, None), exact),
            (rounded(2, None), rounded(2, None)),
            (rounded(2, Some(0.2)), rounded(3, Some(0.2))),
            (noisy(0.2), noisy(0.1)),
        ] {
            assert!(!is_finer(&stricter, &own), "{stricter:?} {own:?}");
        }
    }
}
