//! GetKeyPolicy, PutKeyPolicy, and the check that a policy does not lock its author out.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::caller::Caller;
use super::super::ciphertext::Context;
use super::super::error::{ApiError, ErrorKind};
use super::super::policy::{Decision, Policy, Request, evaluate};
use super::super::state::Key;
use super::{Invocation, condition_keys};

/// The only policy a key has.
const POLICY_NAME: &str = "default";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Get {
    key_id: String,
    policy_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Put {
    key_id: String,
    policy_name: Option<String>,
    policy: String,
    #[serde(default)]
    bypass_policy_lockout_safety_check: bool,
}

pub(super) fn get(call: &mut Invocation<'_>, request: &Get) -> Result<Value, ApiError> {
    let key = call.authorize(&request.key_id, "kms:GetKeyPolicy", &Context::new(), None)?;
    check_name(request.policy_name.as_deref())?;
    Ok(json!({"Policy": key.policy, "PolicyName": POLICY_NAME}))
}

pub(super) fn put(call: &mut Invocation<'_>, request: Put) -> Result<Value, ApiError> {
    let key = call.authorize(&request.key_id, "kms:PutKeyPolicy", &Context::new(), None)?;
    check_name(request.policy_name.as_deref())?;
    accept(call.caller, &request.policy, &key.arn, request.bypass_policy_lockout_safety_check)?;
    call.store.put(Key { policy: request.policy, ..key })?;
    Ok(Value::Null)
}

/// Parses a new policy and makes sure that `caller` could replace it again.
pub(super) fn accept(caller: &Caller, policy: &str, key_arn: &str, bypass: bool) -> Result<(), ApiError> {
    let parsed = Policy::parse(policy)?;
    let context = Context::new();
    let keys = condition_keys(caller, &context, None);
    let request = Request { caller, action: "kms:PutKeyPolicy", key_arn, context: &context, keys: &keys };
    if bypass || evaluate(&parsed, &[], request) == Decision::Allowed {
        return Ok(());
    }
    let message = "The new key policy will not allow you to update the key policy in the future.";
    Err(ApiError::new(ErrorKind::MalformedPolicy, message))
}

fn check_name(name: Option<&str>) -> Result<(), ApiError> {
    if name.is_none_or(|n| n == POLICY_NAME) {
        return Ok(());
    }
    Err(ApiError::new(ErrorKind::NotFound, "No such policy exists"))
}
