//! Whom a statement names.

use crate::limits::MAX_ARN_BYTES;

/// Partitions that the rest of Strongroom knows.
const PARTITIONS: [&str; 2] = ["aws", "aws-us-gov"];

/// Somebody a statement names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Principal {
    /// `*`, or `{"AWS": "*"}`, which AWS takes for the same.
    Everyone,
    /// A pattern that is not all of `*`.
    Pattern,
    /// A role, a user, or an account.
    Named(Arn),
    /// A service, a session, a federated or deleted identity, or what is none of these.
    Other,
}

/// The ARN of a role, a user, or an account's root, read strictly enough to be repeated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arn {
    text: String,
    account: String,
    is_root: bool,
}

impl Principal {
    /// One entry under `AWS`.
    pub(crate) fn of_aws(text: &str) -> Self {
        if text == "*" {
            return Self::Everyone;
        }
        if text.contains(['*', '?']) {
            return Self::Pattern;
        }
        // A bare account number means the account's root.
        let root = is_account(text).then(|| format!("arn:aws:iam::{text}:root"));
        Arn::parse(root.as_deref().unwrap_or(text)).map_or(Self::Other, Self::Named)
    }

    /// Whether it is a role, a user or an account.
    pub(crate) fn is_named(&self) -> bool {
        matches!(self, Self::Named(_))
    }
}

impl Arn {
    fn parse(text: &str) -> Option<Self> {
        let ["arn", partition, "iam", "", account, resource] = *text.split(':').collect::<Vec<_>>() else {
            return None;
        };
        let name = resource.strip_prefix("role/").or_else(|| resource.strip_prefix("user/"));
        // The characters of IAM names and paths (IAM user guide, "IAM identifiers").
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_/-".contains(&b);
        let is_name = name.is_some_and(|name| !name.is_empty() && name.bytes().all(is_allowed));
        let is_root = resource == "root";
        let is_good = text.len() <= MAX_ARN_BYTES && PARTITIONS.contains(&partition) && is_account(account);
        (is_good && (is_name || is_root)).then(|| Self {
            text: text.to_owned(),
            account: account.to_owned(),
            is_root,
        })
    }

    /// The whole ARN.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The twelve digits of its account.
    pub(crate) fn account(&self) -> &str {
        &self.account
    }

    /// Whether it stands for the whole account.
    pub(crate) fn is_root(&self) -> bool {
        self.is_root
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_users_and_accounts_have_names() {
        for (text, is_root) in [
            ("arn:aws:iam::111122223333:role/service/path/Host-1", false),
            ("arn:aws-us-gov:iam::111122223333:user/owner@example.com", false),
            ("arn:aws:iam::111122223333:root", true),
            ("111122223333", true),
        ] {
            let Principal::Named(arn) = Principal::of_aws(text) else { panic!("{text}") };
            assert_eq!((arn.account(), arn.is_root()), ("111122223333", is_root));
        }
        assert_eq!(Principal::of_aws("111122223333"), Principal::of_aws("arn:aws:iam::111122223333:root"));
    }

    #[test]
    fn what_names_nobody_in_particular() {
        assert_eq!(Principal::of_aws("*"), Principal::Everyone);
        for pattern in ["arn:aws:iam::111122223333:role/*", "**", "11112222333?"] {
            assert_eq!(Principal::of_aws(pattern), Principal::Pattern, "{pattern}");
        }
        for other in [
            "",
            "AROAEXAMPLEID1234567",
            "arn:aws:sts::111122223333:assumed-role/Host/i-0123",
            "arn:aws:iam::111122223333:group/g",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role/a b",
            "arn:aws:iam::1111:role/a",
            "arn:aws:iam::111122223333:role/a:b",
            "arn:aws-cn:iam::111122223333:root",
        ] {
            assert_eq!(Principal::of_aws(other), Principal::Other, "{other}");
        }
    }
}
