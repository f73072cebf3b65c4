//! The shape of `policy.toml`. What a field means, its default and its unit stand in docs/policy.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;
use strongroom_attestation::release::{
    ClaimKind, Limits, Operation, Priority, Rate, Rules, Telemetry, Unlike, Watch,
};
use strongroom_proto::name::Name;
use toml::value::Datetime;

use super::incident::Incident;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyFile {
    pub(super) max_request_bytes: Option<u64>,
    pub(super) audit_key: Option<PathBuf>,
    pub(super) rate: Option<FileRate>,
    pub(super) telemetry: Option<FileTelemetry>,
    pub(super) answer_quantum_ms: Option<u64>,
    #[serde(default)]
    pub(super) model: BTreeMap<Name, FileModel>,
    #[serde(default)]
    pub(super) treatment: BTreeMap<Name, FileTreatment>,
    #[serde(default)]
    pub(super) role: BTreeMap<Name, FileRole>,
    #[serde(default)]
    pub(super) organisation: BTreeMap<Name, FileOrganisation>,
    #[serde(default)]
    pub(super) key: Vec<FileKey>,
    #[serde(default)]
    pub(super) route: BTreeMap<Name, FileRoute>,
    #[serde(default)]
    pub(super) incident: Incident,
}

impl PolicyFile {
    /// The profiles that it names, by model.
    pub(super) fn profiles(&self) -> impl Iterator<Item = (&Name, &PathBuf)> {
        self.model.iter().filter_map(|(name, model)| Some((name, &model.watch.as_ref()?.profile)))
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRate {
    rows: u64,
    #[serde(default = "one")]
    seconds: u64,
    burst: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileTelemetry {
    pub(super) epsilon_per_day: Option<f64>,
    pub(super) period_seconds: Option<u64>,
}

/// How a model is watched. The thresholds have the defaults of [`Rules`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileWatch {
    pub(super) profile: PathBuf,
    #[serde(default = "refused")]
    pub(super) unlike: Unlike,
    #[serde(default)]
    pub(super) reacts: bool,
    pub(super) flips: Option<f64>,
    pub(super) alarm: Option<f64>,
    pub(super) near_least: Option<u32>,
    pub(super) near_share: Option<f64>,
    pub(super) young_rows: Option<u32>,
    pub(super) reaction_seconds: Option<u64>,
    pub(super) suspension_seconds: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileModel {
    pub(super) rate: Option<FileRate>,
    pub(super) watch: Option<FileWatch>,
    #[serde(default)]
    pub(super) label: Vec<String>,
    #[serde(default)]
    pub(super) probabilities: Vec<String>,
    #[serde(default)]
    pub(super) logits: Vec<String>,
    #[serde(default)]
    pub(super) transforms: BTreeMap<String, Vec<FileTransform>>,
    #[serde(default)]
    pub(super) provenance: Vec<FileProvenance>,
    pub(super) frozen_until: Option<Datetime>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum FileTransform {
    Clip(FileRange),
    Quantize(FileStep),
    Smooth(FileSmooth),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRange {
    pub(super) min: f64,
    pub(super) max: f64,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileStep {
    pub(super) step: f64,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSmooth {
    pub(super) window: u32,
    pub(super) axis: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileProvenance {
    pub(super) claim: Name,
    pub(super) kind: ClaimKind,
    pub(super) sha256: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileTreatment {
    pub(super) detail: Option<FileDetail>,
    pub(super) top_k: Option<u32>,
    pub(super) clamp: Option<FileRange>,
    pub(super) temperature: Option<f64>,
    pub(super) noise: Option<f64>,
    pub(super) decimals: Option<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FileDetail {
    Full,
    LabelOnly,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRole {
    pub(super) operations: Option<BTreeSet<Operation>>,
    pub(super) models: Option<BTreeMap<Name, Name>>,
    #[serde(default)]
    pub(super) priority: Priority,
    rate: Option<FileRate>,
    rows_per_day: Option<u64>,
    rows: Option<u64>,
    bits_per_day: Option<u64>,
    bits: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileOrganisation {
    pub(super) frozen_until: Option<Datetime>,
    rate: Option<FileRate>,
    rows_per_day: Option<u64>,
    rows: Option<u64>,
    bits_per_day: Option<u64>,
    bits: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileKey {
    pub(super) sha256: String,
    pub(super) role: Option<Name>,
    pub(super) organisation: Option<Name>,
    pub(super) models: Option<BTreeSet<Name>>,
    pub(super) not_after: Option<Datetime>,
    pub(super) frozen_until: Option<Datetime>,
    rate: Option<FileRate>,
    rows_per_day: Option<u64>,
    rows: Option<u64>,
    bits_per_day: Option<u64>,
    bits: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRoute {
    pub(super) fields: Option<BTreeSet<Name>>,
    #[serde(default)]
    pub(super) votes: bool,
    #[serde(default)]
    pub(super) rule: Vec<FileRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRule {
    #[serde(default)]
    pub(super) roles: BTreeSet<Name>,
    pub(super) field: Option<Name>,
    pub(super) at_least: Option<f64>,
    pub(super) below: Option<f64>,
    pub(super) model: Option<Name>,
    pub(super) ensemble: Option<Vec<Name>>,
    pub(super) disagreement: Option<f64>,
    pub(super) stricter: Option<Name>,
    #[serde(default)]
    pub(super) vote: bool,
}

/// Reports a day where the policy says nothing else: every six hours.
const PERIOD_SECONDS: u64 = 6 * 3600;
/// ε a day where the policy says nothing else.
const EPSILON_PER_DAY: f64 = 4.0;

impl FileTelemetry {
    pub(super) fn compile(self) -> Telemetry {
        Telemetry {
            epsilon_per_day: self.epsilon_per_day.unwrap_or(EPSILON_PER_DAY),
            period_ms: self.period_seconds.unwrap_or(PERIOD_SECONDS).saturating_mul(1000),
        }
    }
}

impl FileWatch {
    /// The public part.
    pub(super) const fn compile(&self) -> Watch {
        Watch { unlike: self.unlike, reacts: self.reacts, flips: self.flips }
    }

    /// The thresholds.
    pub(super) fn rules(&self) -> Rules {
        let default = Rules::default();
        let millis = |seconds: Option<u64>, default| seconds.map_or(default, |s| s.saturating_mul(1000));
        Rules {
            alarm: self.alarm.unwrap_or(default.alarm),
            near_least: self.near_least.unwrap_or(default.near_least),
            near_share: self.near_share.unwrap_or(default.near_share),
            young_rows: self.young_rows.unwrap_or(default.young_rows),
            reaction_ms: millis(self.reaction_seconds, default.reaction_ms),
            suspension_ms: millis(self.suspension_seconds, default.suspension_ms),
        }
    }
}

/// Whoever takes the trouble of a profile wants it used.
const fn refused() -> Unlike {
    Unlike::Refused
}

const fn one() -> u64 {
    1
}

impl FileRate {
    /// Too many seconds become a time that no rate may have, which the check of the controls then names.
    pub(super) fn compile(self) -> Rate {
        let per_ms = self.seconds.saturating_mul(1000);
        Rate { rows: self.rows, per_ms, burst: self.burst.unwrap_or(self.rows) }
    }
}

/// The five allowances stand in one table with the other fields, where serde could not refuse unknown
/// fields of a flattened struct.
macro_rules! allowances {
    ($($table:ty),*) => {
        $(impl $table {
            pub(super) fn limits(&self) -> Limits {
                Limits {
                    rate: self.rate.map(FileRate::compile),
                    rows_per_day: self.rows_per_day,
                    rows: self.rows,
                    bits_per_day: self.bits_per_day,
                    bits: self.bits,
                }
            }
        })*
    };
}

allowances!(FileRole, FileOrganisation, FileKey);
