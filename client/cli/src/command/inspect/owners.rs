//! What owners and clients keep for themselves: profiles, records of a history, measurements, settings, and trust
//! files that name a publisher.

use serde_json::json;
use strongroom_attestation::release::MAX_PROFILE_BYTES;
use strongroom_monitor::{Profile, profile::Space};

use super::Explained;
use super::explain::{image, model, printable, printable_json};
use crate::history::Record;
use crate::limits::{MAX_RECORD_FILE_BYTES, MAX_SMALL_FILE_BYTES};
use crate::settings::File;
use crate::words::utc;

const PROFILE: &str = "UNVERIFIED, and as secret as the data that it was made from";
const RECORD: &str = "your own record, which names every API key by its digest: it never leaves the owner";
const MEASURED: &str = "UNVERIFIED: `strongroom measure` computes the registers of an image anew";
const OWN: &str = "your own words; nothing in it is a proof";

pub(super) fn explain(bytes: &[u8]) -> Option<Explained> {
    profile(bytes).or_else(|| record(bytes)).or_else(|| measurements(bytes)).or_else(|| settings(bytes))
}

fn within(bytes: &[u8], max_bytes: u64) -> Option<&[u8]> {
    u64::try_from(bytes.len()).is_ok_and(|length| length <= max_bytes).then_some(bytes)
}

fn profile(bytes: &[u8]) -> Option<Explained> {
    let profile = Profile::decode(within(bytes, MAX_PROFILE_BYTES as u64)?).ok()?;
    let (Space::Input(watched) | Space::Output(watched)) = &profile.space;
    let content = json!({
        "rows": profile.rows,
        "watched_tensor": printable(watched),
        "features": profile.features,
        "classes": profile.classes.len(),
        "scores": profile.decision.as_ref().map(|decision| printable(&decision.scores)),
        "median_neighbour": profile.neighbour,
        "near_duplicate_below": profile.near,
    });
    Some(Explained { kind: "profile of a model's data", verified: PROFILE, content })
}

fn record(bytes: &[u8]) -> Option<Explained> {
    let record: Record = serde_json::from_slice(within(bytes, MAX_RECORD_FILE_BYTES)?).ok()?;
    let released = record.released().ok()?;
    let content = json!({
        "deployment": record.deployment,
        "epoch": record.epoch,
        "made": utc(record.made_at_ms),
        "why": printable(&record.why),
        "valid_days": record.valid_days,
        "images": record.images.iter().map(image).collect::<Vec<_>>(),
        "models": released.iter().map(model).collect::<Vec<_>>(),
        "keys": record.keys().ok()?.len(),
        "measures": record.incident.lines(),
        "policy_bytes": record.policy.len(),
    });
    Some(Explained { kind: "record of a release, in a history", verified: RECORD, content })
}

/// What nitro-cli and `measure` print of one image.
fn measurements(bytes: &[u8]) -> Option<Explained> {
    let measured = crate::image::parse(within(bytes, MAX_SMALL_FILE_BYTES)?)?;
    Some(Explained { kind: "measurements of an image", verified: MEASURED, content: image(&measured) })
}

/// A config file, or a trust file of which the images are in another file.
fn settings(bytes: &[u8]) -> Option<Explained> {
    let text = std::str::from_utf8(within(bytes, MAX_SMALL_FILE_BYTES)?).ok()?;
    let table: toml::Table = toml::from_str(text).ok()?;
    let as_written = || serde_json::to_value(&table).ok().map(printable_json);
    if File::parse(text).is_ok_and(|file| file != File::default()) {
        return Some(Explained { kind: "config file", verified: OWN, content: as_written()? });
    }
    let by_publisher = table.get("measurements").is_some_and(toml::Value::is_table);
    if by_publisher && table.contains_key("charter") {
        let kind = "trust file that names who publishes measurements";
        return Some(Explained { kind, verified: OWN, content: as_written()? });
    }
    None
}
