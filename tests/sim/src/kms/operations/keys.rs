//! CreateKey, DescribeKey, EnableKey, DisableKey.

use std::time::UNIX_EPOCH;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::ciphertext::Context;
use super::super::error::ApiError;
use super::super::state::{Key, made_here, new_id, random};
use super::policies::accept;
use super::signing;
use super::{Invocation, denied, invalid};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Create {
    policy: Option<String>,
    #[serde(default)]
    description: String,
    key_usage: Option<String>,
    key_spec: Option<String>,
    #[serde(default)]
    bypass_policy_lockout_safety_check: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct OneKey {
    key_id: String,
}

pub(super) fn create(call: &mut Invocation<'_>, request: Create) -> Result<Value, ApiError> {
    let account = call.caller.account.clone();
    if !call.caller.iam_actions.iter().any(|a| a == "kms:*" || a == "kms:CreateKey") {
        let why = "because no identity-based policy allows the kms:CreateKey action";
        return Err(denied(call.caller, "kms:CreateKey", "*", why));
    }
    let signing = match (request.key_usage.as_deref(), request.key_spec.as_deref()) {
        (None | Some("ENCRYPT_DECRYPT"), None | Some("SYMMETRIC_DEFAULT")) => None,
        (Some("SIGN_VERIFY"), Some("ECC_NIST_P384")) => Some(signing::new_key()?),
        _ => return Err(invalid("Only symmetric encryption keys and signing keys of P-384 are simulated.")),
    };
    let id = new_id()?;
    let arn = format!("arn:aws:kms:{}:{account}:key/{id}", call.region);
    let policy = request.policy.unwrap_or_else(|| default_policy(&account));
    accept(call.caller, &policy, &arn, request.bypass_policy_lockout_safety_check)?;
    call.log.key = Some(arn.clone());
    let created = call.now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (description, grants, material) = (request.description, Vec::new(), random()?);
    let (origin, multi_region) = (made_here(), false);
    let key = Key {
        id,
        arn,
        account,
        description,
        enabled: true,
        created,
        policy,
        grants,
        origin,
        multi_region,
        signing,
        material,
    };
    let answer = metadata(&key);
    call.store.put(key)?;
    Ok(answer)
}

pub(super) fn describe(call: &mut Invocation<'_>, request: &OneKey) -> Result<Value, ApiError> {
    let key = call.authorize(&request.key_id, "kms:DescribeKey", &Context::new(), None)?;
    Ok(metadata(&key))
}

pub(super) fn switch(
    call: &mut Invocation<'_>,
    request: &OneKey,
    action: &str,
    enabled: bool,
) -> Result<Value, ApiError> {
    let key = call.authorize(&request.key_id, action, &Context::new(), None)?;
    call.store.put(Key { enabled, ..key })?;
    Ok(Value::Null)
}

/// The policy that KMS gives a key created without one: the account's IAM policies decide.
fn default_policy(account: &str) -> String {
    json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
            "Action": "kms:*",
            "Resource": "*",
        }],
    })
    .to_string()
}

fn metadata(key: &Key) -> Value {
    let (spec, usage) = match key.signing {
        None => ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
        Some(_) => ("ECC_NIST_P384", "SIGN_VERIFY"),
    };
    json!({"KeyMetadata": {
        "AWSAccountId": key.account,
        "Arn": key.arn,
        "CreationDate": key.created,
        "CustomerMasterKeySpec": spec,
        "Description": key.description,
        "Enabled": key.enabled,
        "KeyId": key.id,
        "KeyManager": "CUSTOMER",
        "KeySpec": spec,
        "KeyState": if key.enabled { "Enabled" } else { "Disabled" },
        "KeyUsage": usage,
        "MultiRegion": key.multi_region,
        "Origin": key.origin,
    }})
}
