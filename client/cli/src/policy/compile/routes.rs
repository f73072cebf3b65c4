//! Routes: what clients may know of them, and the rules that they may not.

use std::collections::BTreeSet;

use strongroom_attestation::release::{Condition, Ensemble, RouteControls, RouteRule, Target, Treatment};
use strongroom_proto::name::Name;

use super::Draft;
use super::roles::Treatments;
use crate::policy::file::{FileRoute, FileRule, PolicyFile};

pub(super) fn compile(file: &PolicyFile, treatments: &Treatments, draft: &mut Draft) {
    for (name, route) in &file.route {
        if draft.models.contains(name) {
            let what = format!("the route {name} has the name of a model");
            draft.findings.error("name-twice", what, "give the route another name");
        }
        let rules = rules(name, file, route, treatments, draft);
        let models = rules.iter().flat_map(|rule| rule.target.models()).cloned().collect();
        let used: BTreeSet<Name> =
            rules.iter().filter_map(|rule| rule.when.as_ref()).map(|when| when.field.clone()).collect();
        let fields = route.fields.clone().unwrap_or_else(|| used.clone());
        for field in used.difference(&fields) {
            draft.unknown(&format!("route {name}"), "field", field);
        }
        let controls = RouteControls { models, fields, votes: route.votes };
        draft.controls.routes.insert(name.clone(), controls);
        draft.routes.insert(name.clone(), rules);
    }
}

fn rules(
    name: &Name,
    file: &PolicyFile,
    route: &FileRoute,
    treatments: &Treatments,
    draft: &mut Draft,
) -> Vec<RouteRule> {
    let mut rules = Vec::with_capacity(route.rule.len());
    for (at, rule) in route.rule.iter().enumerate() {
        let at = format!("rule {} of route {name}", at + 1);
        for role in rule.roles.iter().filter(|role| !file.role.contains_key(*role)) {
            draft.unknown(&at, "role", role);
        }
        if let Some(target) = target(&at, rule, treatments, draft) {
            rules.push(RouteRule { roles: rule.roles.clone(), when: condition(&at, rule, draft), target });
        }
    }
    let last = rules.last().is_some_and(|rule| rule.roles.is_empty() && rule.when.is_none());
    if !last {
        let what = format!("route {name} has no last rule for everybody");
        draft.findings.error(
            "route-rules",
            what,
            "end it with a rule that names only a model or an ensemble",
        );
    }
    rules
}

fn condition(at: &str, rule: &FileRule, draft: &mut Draft) -> Option<Condition> {
    let bounded = rule.at_least.is_some() || rule.below.is_some();
    if rule.field.is_none() && bounded {
        draft.findings.error(
            "route-rules",
            format!("{at} has a bound without a field"),
            "say which field is bounded",
        );
    }
    if let (Some(least), Some(below)) = (rule.at_least, rule.below)
        && least >= below
    {
        draft.findings.error(
            "route-rules",
            format!("{at} has an empty range"),
            "at_least is less than below",
        );
    }
    let field = rule.field.clone()?;
    Some(Condition { field, at_least: rule.at_least, below: rule.below })
}

fn target(at: &str, rule: &FileRule, treatments: &Treatments, draft: &mut Draft) -> Option<Target> {
    let of_ensemble = rule.disagreement.is_some() || rule.stricter.is_some() || rule.vote;
    let target = match (&rule.model, &rule.ensemble) {
        (Some(model), None) if !of_ensemble => Target::Model(model.clone()),
        (None, Some(members)) => {
            let strict = rule.stricter.as_ref();
            let stricter = strict.map_or(Treatment::LABEL_ONLY, |name| treatments.named(at, name, draft));
            let disagreement = disagreement(at, rule, draft);
            Target::Ensemble(Ensemble { members: members.clone(), disagreement, stricter, vote: rule.vote })
        }
        _ => {
            let what = format!("{at} names neither one model nor one ensemble with what belongs to it");
            draft.findings.error(
                "route-rules",
                what,
                "give model, or ensemble with disagreement, stricter and vote",
            );
            return None;
        }
    };
    for model in
        target.models().iter().filter(|model| !draft.models.contains(*model)).cloned().collect::<Vec<_>>()
    {
        draft.unknown(at, "model", &model);
    }
    Some(target)
}

fn disagreement(at: &str, rule: &FileRule, draft: &mut Draft) -> f64 {
    rule.disagreement.unwrap_or_else(|| {
        draft.findings.error(
            "route-rules",
            format!("{at} has an ensemble without disagreement"),
            "state a share of rows, 0 to 1",
        );
        0.0
    })
}
