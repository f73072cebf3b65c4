//! The JSON of a key policy, read into statements.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::error::{ApiError, ErrorKind};
use super::super::limits::MAX_POLICY_BYTES;
use super::condition::Condition;

/// A parsed key policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(super) statements: Vec<Statement>,
}

/// What a statement does when it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// The actions of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Actions {
    Listed(Vec<String>),
    AllBut(Vec<String>),
}

/// One statement, ready to evaluate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) effect: Effect,
    /// `*`, an account, an account's root, a user, a role or a role's session.
    pub(super) principals: Vec<String>,
    pub(super) actions: Actions,
    pub(super) resources: Vec<String>,
    pub(super) conditions: Vec<Condition>,
}

impl Policy {
    /// Reads a key policy.
    ///
    /// # Errors
    /// `MalformedPolicyDocumentException` for anything that KMS or this evaluator would not understand.
    pub fn parse(json: &str) -> Result<Self, ApiError> {
        if json.len() > MAX_POLICY_BYTES {
            return Err(malformed("Policy exceeds the maximum size."));
        }
        let raw: RawPolicy =
            serde_json::from_str(json).map_err(|_| malformed("Policy is not valid JSON."))?;
        if raw.version.is_some_and(|v| v != "2012-10-17" && v != "2008-10-17") {
            return Err(malformed("The policy contains an invalid version."));
        }
        let statements: Result<Vec<_>, _> =
            raw.statement.into_vec().into_iter().map(read_statement).collect();
        Ok(Self { statements: statements? })
    }
}

fn malformed(message: &str) -> ApiError {
    ApiError::new(ErrorKind::MalformedPolicy, message)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RawPolicy {
    version: Option<String>,
    #[serde(rename = "Id")]
    _id: Option<String>,
    statement: OneOrMany<RawStatement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RawStatement {
    #[serde(rename = "Sid")]
    _sid: Option<String>,
    effect: Effect,
    principal: RawPrincipal,
    action: Option<OneOrMany<String>>,
    not_action: Option<OneOrMany<String>>,
    resource: OneOrMany<String>,
    #[serde(default)]
    condition: BTreeMap<String, BTreeMap<String, OneOrMany<Scalar>>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawPrincipal {
    Text(String),
    ByKind(BTreeMap<String, OneOrMany<String>>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// Condition values may be written as JSON booleans and numbers; they are compared as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Bool(bool),
    Number(i64),
}

impl Scalar {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
        }
    }
}

fn read_statement(raw: RawStatement) -> Result<Statement, ApiError> {
    let actions = match (raw.action, raw.not_action) {
        (Some(listed), None) => Actions::Listed(listed.into_vec()),
        (None, Some(excluded)) => Actions::AllBut(excluded.into_vec()),
        _ => return Err(malformed("A statement has either Action or NotAction.")),
    };
    let mut conditions = Vec::new();
    for (operator, keys) in raw.condition {
        for (key, values) in keys {
            let values = values.into_vec().into_iter().map(Scalar::into_text).collect();
            let condition = Condition::new(&operator, &key, values);
            conditions.push(condition.ok_or_else(|| malformed("A condition is not understood."))?);
        }
    }
    let resources = raw.resource.into_vec();
    Ok(Statement {
        effect: raw.effect,
        principals: read_principals(raw.principal)?,
        actions,
        resources,
        conditions,
    })
}

/// Principals that are AWS accounts and identities. Services and federated users never call this simulator.
fn read_principals(raw: RawPrincipal) -> Result<Vec<String>, ApiError> {
    let invalid = || malformed("Policy contains a statement with one or more invalid principals.");
    let by_kind = match raw {
        RawPrincipal::Text(text) if text == "*" => return Ok(vec![text]),
        RawPrincipal::Text(_) => return Err(invalid()),
        RawPrincipal::ByKind(by_kind) => by_kind,
    };
    let mut principals = Vec::new();
    for (kind, names) in by_kind {
        match kind.as_str() {
            "AWS" => principals.extend(names.into_vec()),
            "Service" | "Federated" => {}
            _ => return Err(invalid()),
        }
    }
    if principals.iter().all(|p| is_principal(p)) { Ok(principals) } else { Err(invalid()) }
}

/// A wildcard inside an ARN is refused as KMS does: `role/*` names nobody.
fn is_principal(text: &str) -> bool {
    let is_account = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    let is_arn =
        (text.starts_with("arn:aws:iam::") || text.starts_with("arn:aws:sts::")) && !text.contains('*');
    text == "*" || is_account || is_arn
}
