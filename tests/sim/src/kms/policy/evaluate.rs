//! The decision: does this request pass this policy and these grants?

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::caller::Caller;
use super::super::ciphertext::Context;
use super::document::{Actions, Effect, Policy, Statement};
use super::fits;

/// The condition keys of a request with their values. Names are compared without case, as AWS does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConditionKeys(BTreeMap<String, Vec<String>>);

impl ConditionKeys {
    /// Adds a value.
    pub fn add(&mut self, key: &str, value: impl Into<String>) {
        self.0.entry(key.to_lowercase()).or_default().push(value.into());
    }

    /// The values of a key; none when it is absent.
    pub(super) fn get(&self, key: &str) -> &[String] {
        self.0.get(&key.to_lowercase()).map_or(&[], Vec::as_slice)
    }
}

/// A grant on a key, as `CreateGrant` made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id.
    pub id: String,
    /// Whom it lets.
    pub grantee: String,
    /// What it lets, without the `kms:`.
    pub operations: Vec<String>,
    /// Pairs that the encryption context must at least have.
    pub context_subset: Option<Context>,
    /// What the encryption context must be.
    pub context_equals: Option<Context>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// By whom.
    pub caller: &'a Caller,
    /// What, with `kms:` before it.
    pub action: &'a str,
    /// On which key.
    pub key_arn: &'a str,
    /// Under which encryption context.
    pub context: &'a Context,
    /// With which condition keys.
    pub keys: &'a ConditionKeys,
}

/// The outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Allowed,
    /// A statement denies it.
    ExplicitlyDenied,
    /// Nothing allows it.
    NotAllowed,
}

/// Decides one request.
#[must_use]
pub fn evaluate(policy: &Policy, grants: &[Grant], request: Request<'_>) -> Decision {
    let applies = |effect: Effect| {
        let of_effect = policy.statements.iter().filter(move |s| s.effect == effect);
        of_effect.filter(|s| s.applies(&request)).any(|s| s.names(request, effect))
    };
    if applies(Effect::Deny) {
        Decision::ExplicitlyDenied
    } else if applies(Effect::Allow) || grants.iter().any(|g| g.allows(&request)) {
        Decision::Allowed
    } else {
        Decision::NotAllowed
    }
}

impl Statement {
    /// Whether action, resource and every condition fit.
    fn applies(&self, request: &Request<'_>) -> bool {
        let lists =
            |list: &[String]| list.iter().any(|a| fits(&a.to_lowercase(), &request.action.to_lowercase()));
        let action = match &self.actions {
            Actions::Listed(list) => lists(list),
            Actions::AllBut(list) => !lists(list),
        };
        let resource = self.resources.iter().any(|r| fits(r, request.key_arn));
        action && resource && self.conditions.iter().all(|c| c.holds(request.keys))
    }

    /// Whether the statement speaks of the caller. An account (or its root) in an Allow only hands the decision
    /// to that account's IAM policies; in a Deny it means everyone of the account.
    fn names(&self, request: Request<'_>, effect: Effect) -> bool {
        let Caller { arn, principal, account, iam_actions } = request.caller;
        let root = request.caller.account_root();
        self.principals.iter().any(|named| {
            if named == "*" || named == arn || named == principal {
                return true;
            }
            let is_account = named == account || *named == root;
            is_account && (effect == Effect::Deny || iam_actions.iter().any(|a| fits(a, request.action)))
        })
    }
}

impl Grant {
    fn allows(&self, request: &Request<'_>) -> bool {
        let is_grantee = self.grantee == request.caller.principal || self.grantee == request.caller.arn;
        let operation = request.action.strip_prefix("kms:").unwrap_or_default();
        let subset = self.context_subset.as_ref();
        let has = |(name, value): (&String, &String)| request.context.get(name) == Some(value);
        is_grantee
            && self.operations.iter().any(|o| o == operation)
            && subset.is_none_or(|s| s.iter().all(has))
            && self.context_equals.as_ref().is_none_or(|e| e == request.context)
    }
}
