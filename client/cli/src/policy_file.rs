//! The owner's policy of a release: who may ask, and how large a request may be.
//!
//! ```toml
//! max_request_bytes = 1048576
//! [[key]]
//! sha256 = "…"                # as `strongroom api-key` prints it
//! models = ["fraud"]          # absent: every model of the release
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;

use ring::rand::SystemRandom;
use serde::Deserialize;
use strongroom_attestation::release::{
    Authentication, Controls, Counting, KeyEntry, Limits, Operation, Payloads, Private, RoleControls,
    Treatment,
};
use strongroom_proto::limits::MAX_RECORD_BYTES;
use strongroom_proto::name::Name;
use strongroom_seal::limits::MIN_RECORD_BYTES;
use strongroom_seal::secret::{ApiKeyDigest, StateKey};

use crate::error::{CliError, Result};
use crate::files;
use crate::limits::MAX_SMALL_FILE_BYTES;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyFile {
    max_request_bytes: Option<u64>,
    #[serde(default)]
    key: Vec<FileKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKey {
    sha256: String,
    models: Option<BTreeSet<Name>>,
}

/// `HEX[:MODEL,…]`: an API key by its digest, and the models it may ask.
#[derive(Clone, Debug)]
pub(crate) struct KeyGrant {
    key: ApiKeyDigest,
    models: Option<BTreeSet<Name>>,
}

impl FromStr for KeyGrant {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (key, models) = text.split_once(':').map_or((text, None), |(key, models)| (key, Some(models)));
        let models =
            models.map(|models| models.split(',').map(str::parse).collect::<std::result::Result<_, _>>());
        Ok(Self {
            key: digest(key)?,
            models: models.transpose().map_err(|error| format!("models: {error}"))?,
        })
    }
}

impl PolicyFile {
    pub(crate) fn read(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = files::read_text(path, MAX_SMALL_FILE_BYTES)?;
        toml::from_str(&text)
            .map_err(|error| CliError::usage(format!("{}: {}", path.display(), error.message())))
    }

    /// The two parts of a release that follow from the policy. `models` are those of the release.
    pub(crate) fn parts(&self, grants: &[KeyGrant], models: &BTreeSet<Name>) -> Result<(Controls, Private)> {
        let max_request_bytes = self.max_request_bytes.unwrap_or(MAX_RECORD_BYTES as u64);
        if !(MIN_RECORD_BYTES as u64..=MAX_RECORD_BYTES as u64).contains(&max_request_bytes) {
            return Err(CliError::usage(format!(
                "max_request_bytes is {MIN_RECORD_BYTES} to {MAX_RECORD_BYTES}"
            )));
        }
        let mut grants = grants.to_vec();
        for entry in &self.key {
            let key = digest(&entry.sha256).map_err(CliError::Usage)?;
            grants.push(KeyGrant { key, models: entry.models.clone() });
        }
        if grants.is_empty() {
            return Err(CliError::usage(
                "no API key may ask: give --api-key-sha256, or a [[key]] of the policy",
            ));
        }
        let role = RoleControls {
            operations: BTreeSet::from([Operation::Infer]),
            models: models.iter().map(|model| (model.clone(), Treatment::EXACT)).collect(),
            limits: Limits::NONE,
        };
        let role_name: Name = "client".parse().map_err(|_| CliError::usage("role"))?;
        let controls = Controls {
            authentication: Authentication::ApiKey,
            max_request_bytes,
            payloads: Payloads::NotRecorded,
            audit: false,
            counting: Counting::PerBoot,
            rate: None,
            roles: BTreeMap::from([(role_name.clone(), role)]),
            models: BTreeMap::new(),
            routes: BTreeMap::new(),
        };
        let private = Private {
            state_key: StateKey::generate(&SystemRandom::new()).map_err(|_| CliError::Random)?,
            audit_key: None,
            organisations: BTreeMap::new(),
            keys: access(grants, models, &role_name)?,
            routes: BTreeMap::new(),
        };
        Ok((controls, private))
    }
}

/// One entry a key; a key that is granted twice may ask what either grant allows.
fn access(grants: Vec<KeyGrant>, models: &BTreeSet<Name>, role: &Name) -> Result<Vec<KeyEntry>> {
    let mut access: BTreeMap<ApiKeyDigest, BTreeSet<Name>> = BTreeMap::new();
    for grant in grants {
        let granted = grant.models.unwrap_or_else(|| models.clone());
        if !granted.is_subset(models) {
            return Err(CliError::usage("a key is granted a model that the release does not name"));
        }
        access.entry(grant.key).or_default().extend(granted);
    }
    let entry = |(key, models)| KeyEntry {
        key,
        role: role.clone(),
        organisation: None,
        models: Some(models),
        not_after: None,
        frozen_until: None,
        limits: None,
    };
    Ok(access.into_iter().map(entry).collect())
}

fn digest(text: &str) -> std::result::Result<ApiKeyDigest, String> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| "an API key's SHA-256 has 64 hexadecimal digits".to_owned())?;
    Ok(ApiKeyDigest::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models() -> BTreeSet<Name> {
        ["fraud", "minilm"].map(|name| name.parse().unwrap()).into()
    }

    #[test]
    fn keys_of_both_sources_are_joined() {
        let text = format!("max_request_bytes = 4096\n[[key]]\nsha256 = \"{}\"\n", "ab".repeat(32));
        let policy: PolicyFile = toml::from_str(&text).unwrap();
        let grants = [format!("{}:fraud", "ab".repeat(32)), format!("{}:minilm", "cd".repeat(32))];
        let grants: Vec<KeyGrant> = grants.iter().map(|grant| grant.parse().unwrap()).collect();
        let (controls, private) = policy.parts(&grants, &models()).unwrap();
        assert_eq!(controls.max_request_bytes, 4096);
        assert_eq!(private.keys.len(), 2);
        assert!(private.keys.iter().any(|key| key.models == Some(models())));
        assert!(private.keys.iter().any(|key| key.models.as_ref().is_some_and(|models| models.len() == 1)));
    }

    #[test]
    fn nobody_unknown_models_and_wrong_bounds_are_refused() {
        let key = "ab".repeat(32);
        let open = PolicyFile::default();
        assert!(open.parts(&[], &models()).is_err());
        assert!(open.parts(&[format!("{key}:other").parse().unwrap()], &models()).is_err());
        assert!("abc".parse::<KeyGrant>().is_err() && format!("{key}:../a").parse::<KeyGrant>().is_err());
        let small = PolicyFile { max_request_bytes: Some(1), key: vec![] };
        assert!(small.parts(&[key.parse().unwrap()], &models()).is_err());
        assert!(toml::from_str::<PolicyFile>("max_bytes = 1").is_err());
    }
}
