//! The owner's policy: who may ask what, how much of it, and what comes out.
//!
//! `file` is its shape, `compile` makes the two parts of a release of it, `check` finds what does not fit
//! together, `incident` lays measures over it and `words` explains the public part.

mod check;
mod compile;
mod file;
mod finding;
pub(crate) mod incident;
#[cfg(test)]
mod tests;
pub(crate) mod time;
pub(crate) mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use strongroom_attestation::UnixMillis;
use strongroom_attestation::audit::AuditPublicKey;
use strongroom_attestation::release::{Controls, MAX_PROFILE_BYTES, Private};
use strongroom_proto::name::Name;
use strongroom_seal::secret::{ApiKeyDigest, StateKey};
use zeroize::Zeroizing;

use crate::error::{CliError, Result};
use crate::limits::{MAX_POLICY_BYTES, MAX_SMALL_FILE_BYTES};
use crate::secret::shown;
use crate::{files, output};

pub(crate) use compile::{Draft, ModelFacts};
pub(crate) use finding::{Finding, Level};
use incident::Incident;

/// The role of keys that are given without one.
const CLIENT_ROLE: &str = "client";

/// A policy that was read. No `Debug`: it says who may ask.
pub(crate) struct Policy {
    /// As the owner wrote it.
    pub(crate) text: Zeroizing<String>,
    file: file::PolicyFile,
    audit_key: Option<AuditPublicKey>,
    /// Profiles of watched models.
    profiles: BTreeMap<Name, Vec<u8>>,
}

/// `HEX[:MODEL,…]`: an API key by its digest, and the models it may ask.
#[derive(Clone, Debug)]
pub(crate) struct KeyGrant {
    text: String,
    key: ApiKeyDigest,
    models: Option<BTreeSet<Name>>,
}

/// What a policy is compiled for.
#[derive(Clone, Copy)]
pub(crate) struct Circumstances<'a> {
    /// API keys of the command line.
    pub(crate) grants: &'a [KeyGrant],
    /// The release's models, unless they are not known.
    pub(crate) models: Option<&'a [ModelFacts]>,
    /// The time.
    pub(crate) now: UnixMillis,
}

impl FromStr for KeyGrant {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (key, models) = text.split_once(':').map_or((text, None), |(key, models)| (key, Some(models)));
        let models =
            models.map(|models| models.split(',').map(str::parse).collect::<std::result::Result<_, _>>());
        Ok(Self {
            text: text.to_owned(),
            key: digest(key)?,
            models: models.transpose().map_err(|error| format!("models: {error}"))?,
        })
    }
}

impl KeyGrant {
    /// As it was given.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The key.
    pub(crate) const fn key(&self) -> ApiKeyDigest {
        self.key
    }
}

impl Policy {
    /// Reads a policy, and the audit key that it names beside itself. Without a path: the open policy.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Self::parse("", None) };
        let text = files::read_text(path, MAX_POLICY_BYTES)?;
        let named = |error: CliError| CliError::usage(format!("{}: {error}", shown(path)));
        let mut policy = Self::parse(&text, None).map_err(named)?;
        if let Some(key) = &policy.file.audit_key {
            policy.audit_key = Some(audit_key(&path.with_file_name("").join(key))?);
        }
        let read = |(name, profile): (&Name, &PathBuf)| {
            let bytes = files::read(&path.with_file_name("").join(profile), MAX_PROFILE_BYTES as u64)?;
            Ok((name.clone(), bytes.to_vec()))
        };
        let profiles = policy.file.profiles().map(read).collect::<Result<_>>()?;
        Ok(policy.with_profiles(profiles))
    }

    /// The same with the profiles that it names.
    pub(crate) fn with_profiles(self, profiles: BTreeMap<Name, Vec<u8>>) -> Self {
        Self { profiles, ..self }
    }

    /// The profiles that it names, as they were read.
    pub(crate) fn profiles(&self) -> &BTreeMap<Name, Vec<u8>> {
        &self.profiles
    }

    /// Takes a policy's text and, where it names one, the audit key.
    pub(crate) fn parse(text: &str, audit_key: Option<AuditPublicKey>) -> Result<Self> {
        let file = toml::from_str(text).map_err(|error| {
            let start = error.span().map(|span| span.start).and_then(|start| text.get(..start));
            let line = start.map_or(1, |before| before.matches('\n').count() + 1);
            CliError::usage(format!("line {line}: {}", error.message()))
        })?;
        Ok(Self { text: Zeroizing::new(text.to_owned()), file, audit_key, profiles: BTreeMap::new() })
    }

    /// The audit key that the policy names.
    pub(crate) fn audit_key(&self) -> Option<&AuditPublicKey> {
        self.audit_key.as_ref()
    }

    /// The keys that it lists.
    pub(crate) fn keys(&self) -> BTreeSet<ApiKeyDigest> {
        self.file.key.iter().filter_map(|key| digest(&key.sha256).ok()).collect()
    }

    /// The measures that the policy states itself.
    pub(crate) fn incident(&self) -> &Incident {
        &self.file.incident
    }

    /// Compiles it without any measures and judges nothing.
    pub(crate) fn bare(&self, grants: &[KeyGrant], models: &[ModelFacts]) -> Draft {
        compile::draft(self, grants, Some(models))
    }

    /// Compiles and judges it, with the given measures in place of its own.
    pub(crate) fn draft(&self, incident: &Incident, given: Circumstances<'_>) -> Draft {
        let mut draft = compile::draft(self, given.grants, given.models);
        check::judge(&self.file, &mut draft, given);
        incident.apply(&mut draft);
        check::last(&mut draft);
        draft
    }

    /// The two parts of a release, unless a finding is an error. Warnings go to stderr.
    pub(crate) fn parts(
        &self,
        incident: &Incident,
        given: Circumstances<'_>,
        state_key: StateKey,
    ) -> Result<(Controls, Private)> {
        let mut draft = self.draft(incident, given);
        let findings = std::mem::take(&mut draft.findings).into_vec();
        let errors: Vec<String> =
            findings.iter().filter(|finding| finding.level == Level::Error).map(Finding::to_string).collect();
        if !errors.is_empty() {
            return Err(CliError::usage(errors.join("\n")));
        }
        if !self.text.is_empty() || !incident.is_none() {
            findings.iter().for_each(|finding| {
                output::warn(&format!("{}: {}; {}", finding.rule, finding.what, finding.remedy))
            });
        }
        Ok(draft.finish(state_key))
    }
}

/// Reads the public half of an audit key: a line of hexadecimal digits.
pub(crate) fn audit_key(path: &Path) -> Result<AuditPublicKey> {
    let text = files::read_text(path, MAX_SMALL_FILE_BYTES)?;
    audit_key_hex(text.trim()).ok_or_else(|| {
        CliError::usage(format!("{} is not the public half of an audit key in hexadecimal", shown(path)))
    })
}

/// The public half of an audit key from its hexadecimal digits.
pub(crate) fn audit_key_hex(text: &str) -> Option<AuditPublicKey> {
    AuditPublicKey::new(&hex::decode(text).ok()?).ok()
}

fn sha256(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// An API key by its digest.
pub(crate) fn digest(text: &str) -> std::result::Result<ApiKeyDigest, String> {
    sha256(text)
        .map(ApiKeyDigest::new)
        .ok_or_else(|| "an API key's SHA-256 has 64 hexadecimal digits".to_owned())
}

/// By what people tell keys apart: the first 16 digits of the SHA-256.
pub(crate) fn first_digits(key: &ApiKeyDigest) -> String {
    hex::encode(key.as_bytes()).chars().take(16).collect()
}
