//! CreateKey, DescribeKey, EnableKey, DisableKey.

use std::time::UNIX_EPOCH;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::ciphertext::Context;
use super::super::error::ApiError;
use super::super::state::{Key, new_id, random};
use super::policies::accept;
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
    let is_symmetric = request.key_usage.is_none_or(|u| u == "ENCRYPT_DECRYPT")
        && request.key_spec.is_none_or(|s| s == "SYMMETRIC_DEFAULT");
    if !is_symmetric {
        return Err(invalid("Only symmetric encryption keys are simulated."));
    }
    let id = new_id()?;
    let arn = format!("arn:aws:kms:{}:{account}:key/{id}", call.region);
    let policy = request.policy.unwrap_or_else(|| default_policy(&account));
    accept(call.caller, &policy, &arn, request.bypass_policy_lockout_safety_check)?;
    call.log.key = Some(arn.clone());
    let created = call.now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (description, grants, material) = (request.description, Vec::new(), random()?);
    let key = Key { id, arn, account, description, enabled: true, created, policy, grants, material };
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
    json!({"KeyMetadata": {
        "AWSAccountId": key.account,
        "Arn": key.arn,
        "CreationDate": key.created,
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "Description": key.description,
        "Enabled": key.enabled,
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "KeyId": key.id,
        "KeyManager": "CUSTOMER",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "KeyState": if key.enabled { "Enabled" } else { "Disabled" },
        "KeyUsage": "ENCRYPT_DECRYPT",
        "MultiRegion": false,
        "Origin": "AWS_KMS",
    }})
}
