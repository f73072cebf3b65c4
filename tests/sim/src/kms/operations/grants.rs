//! CreateGrant, ListGrants.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::ciphertext::Context;
use super::super::error::{ApiError, ErrorKind};
use super::super::limits::{DEFAULT_GRANT_PAGE, MAX_GRANT_PAGE};
use super::super::policy::Grant;
use super::super::state::{Key, random};
use super::{Invocation, base64, invalid};

/// Grant operations that make sense for a symmetric key here (KMS API reference, `GrantOperation`).
const OPERATIONS: [&str; 5] = ["Decrypt", "Encrypt", "GenerateDataKey", "DescribeKey", "CreateGrant"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Create {
    key_id: String,
    grantee_principal: String,
    operations: Vec<String>,
    constraints: Option<Constraints>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Constraints {
    encryption_context_subset: Option<Context>,
    encryption_context_equals: Option<Context>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct List {
    key_id: String,
    limit: Option<usize>,
    marker: Option<String>,
}

pub(super) fn create(call: &mut Invocation<'_>, request: Create) -> Result<Value, ApiError> {
    let mut key = call.authorize(&request.key_id, "kms:CreateGrant", &Context::new(), None)?;
    let is_known = request.operations.iter().all(|o| OPERATIONS.contains(&o.as_str()));
    if request.operations.is_empty() || !is_known {
        return Err(invalid("The grant names no operation, or one that is not simulated."));
    }
    let Constraints { encryption_context_subset, encryption_context_equals } =
        request.constraints.unwrap_or_default();
    let id = hex::encode(random::<32>()?);
    key.grants.push(Grant {
        id: id.clone(),
        grantee: request.grantee_principal,
        operations: request.operations,
        context_subset: encryption_context_subset,
        context_equals: encryption_context_equals,
    });
    call.store.put(key)?;
    Ok(json!({"GrantId": id, "GrantToken": base64(&random::<32>()?)}))
}

pub(super) fn list(call: &mut Invocation<'_>, request: &List) -> Result<Value, ApiError> {
    let key = call.authorize(&request.key_id, "kms:ListGrants", &Context::new(), None)?;
    let limit = request.limit.unwrap_or(DEFAULT_GRANT_PAGE);
    if !(1..=MAX_GRANT_PAGE).contains(&limit) {
        return Err(invalid("Limit is between 1 and 100."));
    }
    // The marker is opaque to callers; here it is how many were listed before.
    let start = request.marker.as_ref().map_or(Ok(0), |marker| marker.parse::<usize>());
    let start = start.map_err(|_| ApiError::bare(ErrorKind::InvalidMarker))?;
    let page: Vec<Value> =
        key.grants.iter().skip(start).take(limit).map(|grant| entry(&key, grant)).collect();
    let end = start.saturating_add(page.len());
    let mut answer = json!({"Grants": page, "Truncated": end < key.grants.len()});
    if let (true, Some(answer)) = (end < key.grants.len(), answer.as_object_mut()) {
        answer.insert("NextMarker".into(), end.to_string().into());
    }
    Ok(answer)
}

fn entry(key: &Key, grant: &Grant) -> Value {
    let constraints: Map<String, Value> = [
        ("EncryptionContextSubset", &grant.context_subset),
        ("EncryptionContextEquals", &grant.context_equals),
    ]
    .into_iter()
    .filter_map(|(name, context)| context.as_ref().map(|c| (name.to_owned(), json!(c))))
    .collect();
    json!({
        "KeyId": key.arn,
        "GrantId": grant.id,
        "GranteePrincipal": grant.grantee,
        "IssuingAccount": format!("arn:aws:iam::{}:root", key.account),
        "Operations": grant.operations,
        "Constraints": constraints,
    })
}
