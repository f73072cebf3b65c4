//! Keys, organisations, roles and rules that do nothing.

use std::collections::BTreeSet;

use strongroom_attestation::UnixMillis;
use strongroom_attestation::release::RouteRule;
use strongroom_proto::name::Name;

use crate::policy::compile::Draft;
use crate::policy::file::PolicyFile;

pub(super) fn judge(file: &PolicyFile, draft: &mut Draft, now: UnixMillis) {
    let expired = draft.keys.iter().filter(|key| key.not_after.is_some_and(|end| end <= now)).count();
    if expired > 0 {
        let what = format!("{expired} of {} keys have expired", draft.keys.len());
        draft.findings.warning("key-expired", what, "take them out, or give them a later not_after");
    }
    let used: BTreeSet<Name> = draft.keys.iter().filter_map(|key| key.organisation.clone()).collect();
    for name in draft.organisations.keys().filter(|name| !used.contains(*name)) {
        draft.findings.warning(
            "organisation-empty",
            format!("organisation {name} has no key"),
            "take it out, or name it in a [[key]]",
        );
    }
    let used: BTreeSet<&Name> = draft.keys.iter().map(|key| &key.role).collect();
    for name in file.role.keys().filter(|name| !used.contains(*name)) {
        draft.findings.warning(
            "role-unused",
            format!("role {name} has no key"),
            "take it out, or name it in a [[key]]",
        );
    }
    for (route, rules) in &draft.routes {
        for (at, rule) in rules.iter().enumerate() {
            let earlier = rules.iter().take(at).position(|earlier| covers(earlier, rule));
            if let Some(earlier) = earlier {
                let what = format!(
                    "rule {} of route {route} never applies: rule {} comes first",
                    at + 1,
                    earlier + 1
                );
                draft.findings.warning("rule-unreachable", what, "change the order of the rules");
            }
        }
    }
}

/// Whether every request that fits `rule` fits `earlier`.
fn covers(earlier: &RouteRule, rule: &RouteRule) -> bool {
    let roles = earlier.roles.is_empty() || (!rule.roles.is_empty() && rule.roles.is_subset(&earlier.roles));
    let range = match (&earlier.when, &rule.when) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => {
            let low = wide.at_least.is_none_or(|least| narrow.at_least.is_some_and(|own| own >= least));
            let high = wide.below.is_none_or(|below| narrow.below.is_some_and(|own| own <= below));
            wide.field == narrow.field && low && high
        }
    };
    roles && range
}
