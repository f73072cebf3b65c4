//! The owner's side: making a key and setting its policy. The enclave calls none of this.

use aws_sdk_kms::types::{GrantListEntry, KeyMetadata, KeySpec, KeyUsageType, OriginType};

use crate::arn::KeyArn;
use crate::client::{Kms, same_key};
use crate::error::{BadAnswer, KmsError};
use crate::limits::{GRANTS_PER_PAGE, MAX_GRANT_PAGES};
use crate::policy::PolicyText;

/// The only policy name that KMS knows.
const POLICY_NAME: &str = "default";

/// Whether a key can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It can.
    Enabled,
    /// Its owner switched it off.
    Disabled,
    /// Pending deletion, import, or another state in which it cannot be used.
    Unusable,
}

/// What KMS says about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDescription {
    /// The key's full ARN.
    pub arn: KeyArn,
    /// Whether it can be used.
    pub state: KeyState,
    /// Whether it is a symmetric encryption key, the only kind that wraps data keys.
    pub is_symmetric_encryption: bool,
    /// Where its material comes from.
    pub origin: KeyOrigin,
    /// Whether it may be replicated into other regions. A key of which KMS does not say that it may not, may.
    pub multi_region: bool,
}

/// Where a key's material comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrigin {
    /// KMS made it.
    Kms,
    /// Its owner imported it.
    Imported,
    /// It lives in a custom key store: a CloudHSM cluster, or outside AWS.
    CustomKeyStore,
    /// KMS names another origin, or none.
    Unknown,
}

/// One grant on a key, as KMS lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its id, which `RevokeGrant` takes.
    pub id: String,
    /// What it allows, such as `Decrypt`.
    pub operations: Vec<String>,
}

impl Kms {
    /// Makes a symmetric encryption key under `policy`.
    ///
    /// # Errors
    /// [`KmsError::Refused`] when KMS does not allow it or rejects the policy, [`KmsError::BadAnswer`] when the answer
    /// names no key, the rest when no answer came.
    pub async fn create_key(&self, policy: &PolicyText, description: &str) -> Result<KeyArn, KmsError> {
        self.check_credentials()?;
        let request = self.sdk.create_key().policy(policy.as_str()).description(description);
        let request = request.key_spec(KeySpec::SymmetricDefault).key_usage(KeyUsageType::EncryptDecrypt);
        let metadata = request.send().await?.key_metadata;
        read(&metadata.ok_or(KmsError::BadAnswer(BadAnswer::Malformed))?).map(|d| d.arn)
    }

    /// Asks what KMS knows about a key.
    ///
    /// # Errors
    /// As [`Kms::create_key`].
    pub async fn describe_key(&self, key: &KeyArn) -> Result<KeyDescription, KmsError> {
        self.check(key)?;
        let metadata = self.sdk.describe_key().key_id(key.as_str()).send().await?.key_metadata;
        let description = read(&metadata.ok_or(KmsError::BadAnswer(BadAnswer::Malformed))?)?;
        same_key(Some(description.arn.as_str()), key)?;
        Ok(description)
    }

    /// Replaces the policy of a key.
    ///
    /// # Errors
    /// As [`Kms::create_key`].
    pub async fn put_key_policy(&self, key: &KeyArn, policy: &PolicyText) -> Result<(), KmsError> {
        self.check(key)?;
        let request = self.sdk.put_key_policy().key_id(key.as_str()).policy_name(POLICY_NAME);
        request.policy(policy.as_str()).send().await?;
        Ok(())
    }

    /// Reads the policy of a key.
    ///
    /// # Errors
    /// As [`Kms::create_key`].
    pub async fn get_key_policy(&self, key: &KeyArn) -> Result<PolicyText, KmsError> {
        self.check(key)?;
        let answer = self.sdk.get_key_policy().key_id(key.as_str()).policy_name(POLICY_NAME).send().await?;
        let policy = answer.policy.ok_or(KmsError::BadAnswer(BadAnswer::Malformed))?;
        PolicyText::new(policy).map_err(|_| KmsError::BadAnswer(BadAnswer::Malformed))
    }

    /// Lists the grants on a key: all of them, or the first [`MAX_GRANT_PAGES`] pages.
    ///
    /// # Errors
    /// As [`Kms::create_key`]; [`KmsError::BadAnswer`] also for a grant on another key.
    pub async fn list_grants(&self, key: &KeyArn) -> Result<Vec<Grant>, KmsError> {
        self.check(key)?;
        let mut grants = Vec::new();
        let mut marker = None;
        for _ in 0..MAX_GRANT_PAGES {
            let request = self.sdk.list_grants().key_id(key.as_str()).limit(GRANTS_PER_PAGE);
            let answer = request.set_marker(marker).send().await?;
            for entry in answer.grants() {
                grants.push(read_grant(entry, key)?);
            }
            if !answer.truncated() {
                break;
            }
            marker = Some(answer.next_marker.ok_or(KmsError::BadAnswer(BadAnswer::Malformed))?);
        }
        Ok(grants)
    }
}

fn read_grant(entry: &GrantListEntry, key: &KeyArn) -> Result<Grant, KmsError> {
    same_key(entry.key_id(), key)?;
    let id = entry.grant_id().ok_or(KmsError::BadAnswer(BadAnswer::Malformed))?.to_owned();
    let operations = entry.operations().iter().map(|operation| operation.as_str().to_owned()).collect();
    Ok(Grant { id, operations })
}

fn read(metadata: &KeyMetadata) -> Result<KeyDescription, KmsError> {
    let arn = metadata.arn().and_then(|a| a.parse().ok()).ok_or(KmsError::BadAnswer(BadAnswer::Malformed))?;
    let state = match metadata.key_state() {
        Some(aws_sdk_kms::types::KeyState::Enabled) => KeyState::Enabled,
        Some(aws_sdk_kms::types::KeyState::Disabled) => KeyState::Disabled,
        _ => KeyState::Unusable,
    };
    let is_symmetric_encryption = metadata.key_spec() == Some(&KeySpec::SymmetricDefault)
        && metadata.key_usage() == Some(&KeyUsageType::EncryptDecrypt);
    let origin = match metadata.origin() {
        Some(OriginType::AwsKms) => KeyOrigin::Kms,
        Some(OriginType::External) => KeyOrigin::Imported,
        Some(OriginType::AwsCloudhsm | OriginType::ExternalKeyStore) => KeyOrigin::CustomKeyStore,
        _ => KeyOrigin::Unknown,
    };
    let multi_region = metadata.multi_region() != Some(false);
    Ok(KeyDescription { arn, state, is_symmetric_encryption, origin, multi_region })
}
