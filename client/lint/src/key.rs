//! What is known of the key itself, beside its policy.

use serde::Deserialize;

/// Facts about a key. The default knows nothing: a policy in a file has no key yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFacts {
    /// What KMS told, if it was asked.
    pub told: Option<Told>,
}

/// What `DescribeKey` and `ListGrants` say.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The account that owns it: twelve digits.
    pub account: String,
    /// Where its material comes from.
    pub origin: Origin,
    /// Whether it has, or may get, replicas in other regions.
    pub is_multi_region: bool,
    /// Whether it is a symmetric encryption key.
    pub is_symmetric_encryption: bool,
    /// Its grants, all or the first of them.
    pub grants: Vec<GrantFacts>,
}

/// Where a key's material comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// KMS made it, and it never leaves.
    Kms,
    /// Somebody imported it, and may have kept it.
    Imported,
    /// It lives in a CloudHSM cluster of the customer, or outside AWS.
    CustomKeyStore,
    /// KMS names another origin, or none.
    Unknown,
}

/// One grant on the key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantFacts {
    /// The id that `RevokeGrant` takes.
    pub id: String,
    /// What it allows, such as `Decrypt`.
    pub operations: Vec<String>,
}
