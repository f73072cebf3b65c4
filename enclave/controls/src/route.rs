//! Which model answers: the one that was asked for, or the one that a route picks.

use std::collections::BTreeMap;

use strongroom_attestation::release::{Condition, RouteControls, RouteRule, Target};
use strongroom_proto::name::Name;
use strongroom_seal::message::Refusal;

/// Picks by role and by what the request declares. The first rule that fits decides.
///
/// # Errors
/// [`Refusal::Input`] when a declared risk field is missing, or one is given that the route does not have.
pub fn pick<'a>(
    route: &RouteControls,
    rules: &'a [RouteRule],
    role: &Name,
    risk: &BTreeMap<Name, f64>,
) -> Result<&'a Target, Refusal> {
    if let Some(missing) = route.fields.iter().find(|field| !risk.contains_key(field)) {
        return Err(Refusal::Input(format!("risk field '{missing}' is missing")));
    }
    if risk.keys().any(|field| !route.fields.contains(field)) {
        return Err(Refusal::Input("a risk field is declared that this route does not have".to_owned()));
    }
    let fits = |rule: &&RouteRule| {
        let by_role = rule.roles.is_empty() || rule.roles.contains(role);
        by_role && rule.when.as_ref().is_none_or(|when| holds(when, risk))
    };
    rules.iter().find(fits).map(|rule| &rule.target).ok_or(Refusal::Model)
}

fn holds(when: &Condition, risk: &BTreeMap<Name, f64>) -> bool {
    risk.get(&when.field).is_some_and(|value| when.holds(*value))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let public = RouteControls {
            models: BTreeSet::from(["small", "large", "internal"].map(name)),
            fields: BTreeSet::from([name("amount")]),
            votes: false,
        };
        let rule = |roles: &[&str], at_least: Option<f64>, model: &str| RouteRule {
            roles: roles.iter().map(|role| name(role)).collect(),
            when: at_least.map(|least| Condition {
                field: name("amount"),
                at_least: Some(least),
                below: None,
            }),
            target: Target::Model(name(model)),
        };
        let rules =
            [rule(&["staff"], None, "internal"), rule(&[], Some(1000.0), "large"), rule(&[], None, "small")];
        let pick = |role: &str, amount: f64| {
            let risk = BTreeMap::from([(name("amount"), amount)]);
            pick(&public, &rules, &name(role), &risk).unwrap().models()[0].clone()
        };
        assert_eq!(pick("staff", 5000.0), name("internal"));
        assert_eq!(pick("client", 5000.0), name("large"));
        assert_eq!(pick("client", 1000.0), name("large"));
        assert_eq!(pick("client", 999.9), name("small"));
    }

    #[test]
    fn what_is_not_declared_is_asked_for() {
        let public = RouteControls {
            models: BTreeSet::from([name("m")]),
            fields: BTreeSet::from([name("amount")]),
            votes: false,
        };
        let rules = [RouteRule { roles: BTreeSet::new(), when: None, target: Target::Model(name("m")) }];
        let ask = |risk: BTreeMap<Name, f64>| pick(&public, &rules, &name("client"), &risk).err();
        assert!(matches!(ask(BTreeMap::new()), Some(Refusal::Input(why)) if why.contains("amount")));
        assert!(ask(BTreeMap::from([(name("amount"), 1.0), (name("other"), 1.0)])).is_some());
        assert_eq!(ask(BTreeMap::from([(name("amount"), 1.0)])), None);
    }
}
