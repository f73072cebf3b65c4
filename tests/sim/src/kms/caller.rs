//! Who calls: credentials the simulated KMS knows, and the principals behind them.

use std::fmt;
use std::time::SystemTime;

/// A principal as policies and messages see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What messages call it: a user's ARN, or an assumed role's session ARN.
    pub arn: String,
    /// What policies call it: the same user, or the role itself.
    pub principal: String,
    /// The account it belongs to.
    pub account: String,
    /// Actions that IAM policies allow it, as patterns (`kms:*`). They count for `CreateKey`, which no key policy
    /// can govern, and where a key policy delegates to IAM by allowing the account's root.
    pub iam_actions: Vec<String>,
}

impl Caller {
    /// A user of an account.
    #[must_use]
    pub fn user(account: &str, name: &str, iam_actions: &[&str]) -> Self {
        let arn = format!("arn:aws:iam::{account}:user/{name}");
        Self::new(arn.clone(), arn, account, iam_actions)
    }

    /// A session of a role, as an EC2 instance has one.
    #[must_use]
    pub fn role(account: &str, name: &str, session: &str, iam_actions: &[&str]) -> Self {
        let arn = format!("arn:aws:sts::{account}:assumed-role/{name}/{session}");
        Self::new(arn, format!("arn:aws:iam::{account}:role/{name}"), account, iam_actions)
    }

    fn new(arn: String, principal: String, account: &str, iam_actions: &[&str]) -> Self {
        let iam_actions = iam_actions.iter().map(|a| (*a).to_owned()).collect();
        Self { arn, principal, account: account.to_owned(), iam_actions }
    }

    /// The ARN by which a policy names the whole account.
    #[must_use]
    pub fn account_root(&self) -> String {
        format!("arn:aws:iam::{}:root", self.account)
    }
}

/// Credentials that the simulated KMS accepts, and whose they are.
#[derive(Clone)]
pub struct SimCredential {
    /// Its public half.
    pub access_key_id: String,
    /// Its secret half.
    pub secret_access_key: String,
    /// The token that must come with it, for temporary credentials.
    pub session_token: Option<String>,
    /// When they end.
    pub expires: Option<SystemTime>,
    /// Who calls with them.
    pub caller: Caller,
}

impl fmt::Debug for SimCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimCredential({}, redacted)", self.access_key_id)
    }
}
