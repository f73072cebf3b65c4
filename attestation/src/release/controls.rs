//! The public controls of a release: what every client may know of how it is treated.

use serde::{Deserialize, Serialize};

/// Public controls. Clients get these bytes with the evidence and can demand what stands here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Controls {
    /// Who may ask.
    pub authentication: Authentication,
    /// Bytes of the largest request record that is opened.
    pub max_request_bytes: u64,
    /// How outputs are treated before they leave.
    pub outputs: OutputPolicy,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// Holders of an API key that the private part lists.
    ApiKey,
}

/// How outputs are treated before they leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputPolicy {
    /// As the model computed them.
    Exact,
}
