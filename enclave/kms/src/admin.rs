//! The owner's side: making a key and setting its policy. The enclave calls none of this.

use aws_sdk_kms::types::{KeySpec, KeyUsageType};

use crate::answer;
use crate::arn::KeyArn;
use crate::client::Kms;
use crate::error::KmsError;
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
        answer::described(request.send().await?.key_metadata).map(|description| description.arn)
    }

    /// Asks what KMS knows about a key.
    ///
    /// # Errors
    /// As [`Kms::create_key`].
    pub async fn describe_key(&self, key: &KeyArn) -> Result<KeyDescription, KmsError> {
        self.check(key)?;
        answer::description(self.sdk.describe_key().key_id(key.as_str()).send().await?, key)
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
        let request = self.sdk.get_key_policy().key_id(key.as_str()).policy_name(POLICY_NAME);
        answer::policy(request.send().await?)
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
            let (page, next) = answer::grants(request.set_marker(marker).send().await?, key)?;
            grants.extend(page);
            if next.is_none() {
                break;
            }
            marker = next;
        }
        Ok(grants)
    }
}
