//! Amazon resource names, read strictly: keys, principals and the regions keys live in.
//!
//! An alias is never a key here. Whoever may move an alias could otherwise swap the key beneath a deployment.

use std::fmt;
use std::str::FromStr;

use crate::limits::MAX_ARN_BYTES;

/// Partitions whose KMS endpoints are `kms.REGION.amazonaws.com`.
const PARTITIONS: [&str; 2] = ["aws", "aws-us-gov"];

/// Why a text is not the name it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    /// Not the full ARN of one KMS key.
    #[error("not the arn of a kms key (aliases are not accepted)")]
    Key,
    /// Not the ARN of an account's root, a role or a user.
    #[error("not the arn of an account root, a role or a user")]
    Principal,
    /// Not the name of a region.
    #[error("not the name of an aws region")]
    Region,
}

/// An AWS region such as `eu-central-1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

impl Region {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The one host that serves KMS there.
    #[must_use]
    pub fn kms_host(&self) -> String {
        format!("kms.{}.amazonaws.com", self.0)
    }
}

impl FromStr for Region {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let parts: Vec<&str> = text.split('-').collect();
        let (number, words) = parts.split_last().ok_or(ArnError::Region)?;
        let is_number = !number.is_empty() && number.len() <= 2 && number.bytes().all(|b| b.is_ascii_digit());
        let is_word = |w: &&str| !w.is_empty() && w.len() <= 12 && w.bytes().all(|b| b.is_ascii_lowercase());
        if !(2..=4).contains(&words.len()) || !is_number || !words.iter().all(is_word) {
            return Err(ArnError::Region);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The full ARN of one KMS key: `arn:aws:kms:REGION:ACCOUNT:key/ID`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyArn {
    text: String,
    region: Region,
    account: String,
}

impl KeyArn {
    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The region the key lives in.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The twelve digits of the account that owns the key.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }
}

impl FromStr for KeyArn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let Some(["kms", region, account, resource]) = split(text) else { return Err(ArnError::Key) };
        let id = resource.strip_prefix("key/").ok_or(ArnError::Key)?;
        if !is_account(account) || !is_key_id(id) {
            return Err(ArnError::Key);
        }
        let region = region.parse().map_err(|_| ArnError::Key)?;
        Ok(Self { text: text.to_owned(), region, account: account.to_owned() })
    }
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The ARN of an account's root, a role or a user, as it stands in a key policy. Never a wildcard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrincipalArn(String);

impl PrincipalArn {
    /// The whole ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PrincipalArn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let Some(["iam", "", account, resource]) = split(text) else { return Err(ArnError::Principal) };
        let name = resource.strip_prefix("role/").or_else(|| resource.strip_prefix("user/"));
        // The characters of IAM names and paths (IAM user guide, "IAM identifiers"); none needs escaping in JSON.
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_/-".contains(&b);
        let is_named = name.is_some_and(|n| !n.is_empty() && n.bytes().all(is_allowed));
        if !is_account(account) || !(is_named || resource == "root") {
            return Err(ArnError::Principal);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for PrincipalArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Service, region, account and resource of an ARN in an accepted partition.
fn split(text: &str) -> Option<[&str; 4]> {
    if text.len() > MAX_ARN_BYTES {
        return None;
    }
    let mut parts = text.splitn(6, ':');
    let (arn, partition) = (parts.next()?, parts.next()?);
    let rest = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    (arn == "arn" && PARTITIONS.contains(&partition)).then_some(rest)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// A UUID, or `mrk-` and 32 digits for a multi-Region key.
fn is_key_id(id: &str) -> bool {
    let is_hex = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if let Some(digits) = id.strip_prefix("mrk-") {
        return digits.len() == 32 && is_hex(digits);
    }
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && id.split('-').all(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn a_key_arn_gives_region_and_account() {
        let key: KeyArn = KEY.parse().unwrap();
        assert_eq!((key.region().as_str(), key.account()), ("eu-central-1", "111122223333"));
        assert_eq!(key.region().kms_host(), "kms.eu-central-1.amazonaws.com");
        assert_eq!(key.to_string(), KEY);
        let multi = format!("arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-{}", "0a".repeat(16));
        assert!(multi.parse::<KeyArn>().is_ok());
    }

    #[test]
    fn what_is_not_one_key_is_refused() {
        for bad in [
            "",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "alias/model",
            "arn:aws:kms:eu-central-1:111122223333:alias/model",
            "arn:aws-cn:kms:cn-north-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:iam:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:eu-central-1:11112222333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:evil.example/:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:eu-central-1:111122223333:key/1234ABCD-12ab-34cd-56ef-1234567890ab",
            "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab ",
        ] {
            assert_eq!(bad.parse::<KeyArn>(), Err(ArnError::Key), "{bad}");
        }
    }

    #[test]
    fn principals_are_roots_roles_and_users() {
        for good in ["root", "role/Enclave", "role/service/path/Enclave-1", "user/owner@example.com"] {
            assert!(format!("arn:aws:iam::111122223333:{good}").parse::<PrincipalArn>().is_ok(), "{good}");
        }
        for bad in ["*", "role/", "role/*", "group/g", "role/a\"b", "role/a b"] {
            let arn = format!("arn:aws:iam::111122223333:{bad}");
            assert_eq!(arn.parse::<PrincipalArn>(), Err(ArnError::Principal), "{bad}");
        }
        assert!("*".parse::<PrincipalArn>().is_err());
    }
}
