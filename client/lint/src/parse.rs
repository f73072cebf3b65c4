//! From JSON to a typed policy. What KMS would not read is not read here either.
//!
//! IAM writes a list of one as the bare element, and a key policy's principal as `"*"` or by kind; both are understood.

use std::collections::BTreeMap;

use crate::json::{self, Json, JsonError};
use crate::limits::MAX_POLICY_BYTES;
use crate::policy::{Action, Condition, Effect, Inversion, Policy, Principal, Resource, Says, Statement};
use crate::report::Place;

/// The present version of the policy language.
const VERSION: &str = "2012-10-17";

type Object = BTreeMap<String, Json>;

/// Why a policy is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Longer than [`MAX_POLICY_BYTES`].
    TooLong,
    /// Not JSON of the accepted kind.
    Json(JsonError),
    /// JSON, but not a policy.
    Policy(&'static str),
    /// A policy, but this statement is not one.
    Statement(usize, &'static str),
}

/// Reads a policy.
pub(crate) fn parse(bytes: &[u8]) -> Result<Policy, Unreadable> {
    if bytes.len() > MAX_POLICY_BYTES {
        return Err(Unreadable::TooLong);
    }
    let Json::Object(mut object) = json::read(bytes).map_err(Unreadable::Json)? else {
        return Err(Unreadable::Policy("it is not an object"));
    };
    let is_current = object.remove("Version") == Some(Json::Text(VERSION.to_owned()));
    text(object.remove("Id")).map_err(Unreadable::Policy)?;
    let statements = object.remove("Statement").ok_or(Unreadable::Policy("it has no Statement"))?;
    let statements = one_or_many(statements).map_err(Unreadable::Policy)?.into_iter().enumerate();
    let statements = statements
        .map(|(at, json)| statement(at + 1, json).map_err(|why| Unreadable::Statement(at + 1, why)));
    Ok(Policy {
        is_current,
        statements: statements.collect::<Result<_, _>>()?,
        has_strays: !object.is_empty(),
    })
}

fn statement(number: usize, json: Json) -> Result<Statement, &'static str> {
    let Json::Object(mut object) = json else { return Err("it is not an object") };
    let sid = text(object.remove("Sid"))?;
    let effect = match object.remove("Effect") {
        Some(Json::Text(effect)) if effect == "Allow" => Effect::Allow,
        Some(Json::Text(effect)) if effect == "Deny" => Effect::Deny,
        _ => return Err("its Effect is neither Allow nor Deny"),
    };
    let inversions: Vec<Inversion> =
        Inversion::ALL.into_iter().filter(|inversion| object.remove(inversion.name()).is_some()).collect();
    let says = Says {
        effect,
        principals: sorted(element(
            &mut object,
            "Principal",
            inversions.contains(&Inversion::Principal),
            principals,
        )?),
        actions: sorted(element(&mut object, "Action", inversions.contains(&Inversion::Action), actions)?),
        resources: sorted(element(
            &mut object,
            "Resource",
            inversions.contains(&Inversion::Resource),
            resources,
        )?),
        conditions: sorted(object.remove("Condition").map_or(Ok(Vec::new()), conditions)?),
        inversions,
        has_strays: !object.is_empty(),
    };
    Ok(Statement { place: Place::new(number, sid.as_deref()), says })
}

/// An element that must be there unless its inversion is.
fn element<T>(
    object: &mut Object,
    name: &str,
    is_inverted: bool,
    read: fn(Json) -> Result<Vec<T>, &'static str>,
) -> Result<Vec<T>, &'static str> {
    match object.remove(name) {
        Some(json) => read(json),
        None if is_inverted => Ok(Vec::new()),
        None => Err("it lacks Principal, Action or Resource"),
    }
}

fn principals(json: Json) -> Result<Vec<Principal>, &'static str> {
    let by_kind = match json {
        Json::Text(text) if text == "*" => return Ok(vec![Principal::Everyone]),
        Json::Text(_) => return Ok(vec![Principal::Other]),
        Json::Object(by_kind) if !by_kind.is_empty() => by_kind,
        _ => return Err("its Principal is neither text nor a non-empty object"),
    };
    let mut principals = Vec::new();
    for (kind, names) in by_kind {
        let is_aws = kind == "AWS";
        let named = strings(names)?.into_iter();
        principals.extend(named.map(|name| if is_aws { Principal::of_aws(&name) } else { Principal::Other }));
    }
    Ok(principals)
}

fn actions(json: Json) -> Result<Vec<Action>, &'static str> {
    Ok(strings(json)?.iter().map(|text| Action::new(text)).collect())
}

fn resources(json: Json) -> Result<Vec<Resource>, &'static str> {
    let one = |text: String| if text == "*" { Resource::ThisKey } else { Resource::Other };
    Ok(strings(json)?.into_iter().map(one).collect())
}

fn conditions(json: Json) -> Result<Vec<Condition>, &'static str> {
    let operators = object(json)?;
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        for (key, values) in object(keys)? {
            let values = one_or_many(values)?.into_iter().map(scalar).collect::<Result<_, _>>()?;
            conditions.push(Condition::new(&operator, &key, values));
        }
    }
    Ok(conditions)
}

fn object(json: Json) -> Result<Object, &'static str> {
    match json {
        Json::Object(object) => Ok(object),
        _ => Err("its Condition is not an object of operators, each an object of keys"),
    }
}

fn text(json: Option<Json>) -> Result<Option<String>, &'static str> {
    match json {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text)),
        Some(_) => Err("an Id or Sid is not text"),
    }
}

/// Text, or a list of texts.
fn strings(json: Json) -> Result<Vec<String>, &'static str> {
    let one = |json| match json {
        Json::Text(text) => Ok(text),
        _ => Err("a principal, action or resource is not text"),
    };
    one_or_many(json)?.into_iter().map(one).collect()
}

/// A value of a condition: booleans and numbers are compared as text.
fn scalar(json: Json) -> Result<String, &'static str> {
    match json {
        Json::Text(text) | Json::Number(text) => Ok(text),
        Json::Bool(value) => Ok(value.to_string()),
        _ => Err("a value of a condition is not text"),
    }
}

fn one_or_many(json: Json) -> Result<Vec<Json>, &'static str> {
    match json {
        Json::List(list) if list.is_empty() => Err("a list is empty"),
        Json::List(list) => Ok(list),
        one => Ok(vec![one]),
    }
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort();
    list.dedup();
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(fields: &str) -> Result<Policy, Unreadable> {
        parse(format!(r#"{{"Version":"2012-10-17","Statement":{{{fields}}}}}"#).as_bytes())
    }

    #[test]
    fn bare_elements_and_lists_of_one_are_the_same() {
        let bare = one(
            r#""Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{"Bool":{"a":true}}"#,
        );
        let listed = one(
            r#""Effect":"Deny","Principal":{"AWS":["*"]},"Action":["KMS:decrypt","kms:Decrypt"],"Resource":["*"],
            "Condition":{"Bool":{"A":["true"]}}"#,
        );
        assert_eq!(bare.clone().unwrap(), listed.unwrap());
        assert!(bare.unwrap().is_current);
    }

    #[test]
    fn what_is_no_policy_is_not_read() {
        let long = vec![b' '; MAX_POLICY_BYTES + 1];
        assert_eq!(parse(&long), Err(Unreadable::TooLong));
        assert_eq!(parse(b"{"), Err(Unreadable::Json(JsonError::Syntax)));
        for bad in ["[]", "{}", r#"{"Statement":[]}"#, r#"{"Statement":{},"Id":1}"#, r#"{"Statement":[[]]}"#]
        {
            assert!(
                matches!(parse(bad.as_bytes()), Err(Unreadable::Policy(_) | Unreadable::Statement(..))),
                "{bad}"
            );
        }
        for bad in [
            r#""Effect":"allow","Principal":"*","Action":"a","Resource":"*""#,
            r#""Effect":"Deny","Principal":"*","Action":"a""#,
            r#""Effect":"Deny","Principal":"*","Action":[],"Resource":"*""#,
            r#""Effect":"Deny","Principal":{},"Action":"a","Resource":"*""#,
            r#""Effect":"Deny","Principal":["*"],"Action":"a","Resource":"*""#,
            r#""Effect":"Deny","Principal":"*","Action":1,"Resource":"*""#,
            r#""Effect":"Deny","Principal":"*","Action":"a","Resource":"*","Condition":[]"#,
            r#""Effect":"Deny","Principal":"*","Action":"a","Resource":"*","Condition":{"Bool":{"a":[]}}"#,
            r#""Effect":"Deny","Principal":"*","Action":"a","Resource":"*","Condition":{"Bool":{"a":null}}"#,
            r#""Sid":1,"Effect":"Deny","Principal":"*","Action":"a","Resource":"*""#,
        ] {
            assert!(matches!(one(bad), Err(Unreadable::Statement(1, _))), "{bad}");
        }
    }

    #[test]
    fn inversions_and_strays_are_kept_to_be_judged() {
        let policy =
            one(r#""Effect":"Deny","NotPrincipal":"*","NotAction":"a","NotResource":"*","Extra":1"#).unwrap();
        let says = &policy.statements.first().unwrap().says;
        assert_eq!(says.inversions, Inversion::ALL);
        assert!(says.has_strays && says.actions.is_empty());
    }
}
