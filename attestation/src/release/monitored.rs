//! What the private part says of watching one model: the profile of its data, and the thresholds of its detectors.

use serde::{Deserialize, Serialize};

/// Bytes of one model's profile.
pub const MAX_PROFILE_BYTES: usize = 8 * 1024 * 1024;

/// How one model is watched. No `Debug`: it is secret.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monitored {
    /// The profile as `strongroom profile` wrote it.
    #[serde(with = "serde_bytes")]
    pub profile: Vec<u8>,
    /// The thresholds.
    #[serde(default)]
    pub rules: Rules,
}

/// Thresholds of the detectors. The defaults are for keys of people and services that ask about data like that of
/// the profile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Capital at which a stream of bets raises an alarm.
    pub alarm: f64,
    /// Near-duplicates among the last rows of a key, at least, for an alarm.
    pub near_least: u32,
    /// Their share among the last rows, above which there is an alarm.
    pub near_share: f64,
    /// Rows up to which a key is young: its rows count for its organisation as well.
    pub young_rows: u32,
    /// Milliseconds that a reaction lasts after its last alarm, but for the last step.
    pub reaction_ms: u64,
    /// Milliseconds that a key is suspended.
    pub suspension_ms: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            alarm: 1.0e4,
            near_least: 5,
            near_share: 0.05,
            young_rows: 200,
            reaction_ms: 24 * 3600 * 1000,
            suspension_ms: 3600 * 1000,
        }
    }
}

impl Rules {
    /// Whether they can be followed.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.alarm > 1.0
            && self.alarm.is_finite()
            && self.near_least > 0
            && (0.0..1.0).contains(&self.near_share)
            && self.reaction_ms > 0
            && self.suspension_ms > 0
    }
}

impl Monitored {
    pub(super) fn is_possible(&self) -> bool {
        self.rules.is_possible() && self.profile.len() <= MAX_PROFILE_BYTES
    }
}
