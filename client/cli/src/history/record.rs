//! Everything that one release was made of, but for keys.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use strongroom_attestation::release::{Provenance, ReleasedModel};
use strongroom_attestation::{ImagePcrs, UnixMillis};
use strongroom_proto::name::{Name, PackageId};
use strongroom_seal::digest::ModelDigest;
use strongroom_seal::model::{Interface, Schema};
use strongroom_seal::package::ModelManifest;
use strongroom_seal::secret::ApiKeyDigest;

use crate::error::{CliError, Result};
use crate::policy::incident::Incident;
use crate::policy::{Draft, KeyGrant, ModelFacts, Policy, audit_key_hex};
use crate::provenance;

/// One release. No `Debug`: it says who may ask.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// Its deployment.
    pub(crate) deployment: Name,
    /// Its epoch.
    pub(crate) epoch: u64,
    /// When it was made.
    pub(crate) made_at_ms: UnixMillis,
    /// Which command made it.
    pub(crate) why: String,
    /// How long it is in force.
    pub(crate) valid_days: u64,
    /// Images that may serve it.
    pub(crate) images: Vec<ImagePcrs>,
    /// Its models.
    pub(crate) models: Vec<RecordedModel>,
    /// API keys of the command line, as given.
    pub(crate) grants: Vec<String>,
    /// The policy's text.
    pub(crate) policy: String,
    /// The public half of the audit key that the policy names, in hexadecimal.
    pub(crate) audit_key: Option<String>,
    /// The profiles that the policy names, in base64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) profiles: BTreeMap<Name, String>,
    /// Measures in place of those of the policy's text.
    pub(crate) incident: Incident,
}

/// A model of a release, with what its manifest says.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordedModel {
    name: Name,
    version: Name,
    digest: String,
    interface: Interface,
    schema: Schema,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    provenance: Vec<Provenance>,
}

impl RecordedModel {
    /// Keeps what an accepted manifest says.
    pub(crate) fn new(manifest: &ModelManifest, digest: ModelDigest) -> Self {
        Self {
            provenance: provenance::stated(&manifest.provenance),
            name: manifest.model.name.clone(),
            version: manifest.model.version.clone(),
            digest: digest.to_string(),
            interface: manifest.interface.clone(),
            schema: manifest.schema.clone(),
        }
    }
}

impl Record {
    /// What the policy is compiled against.
    pub(crate) fn facts(&self) -> Vec<ModelFacts> {
        let facts = |model: &RecordedModel| ModelFacts {
            name: model.name.clone(),
            version: model.version.clone(),
            interface: model.interface.clone(),
            schema: model.schema.clone(),
            provenance: model.provenance.clone(),
        };
        self.models.iter().map(facts).collect()
    }

    /// The models as a release names them.
    pub(crate) fn released(&self) -> Result<Vec<ReleasedModel>> {
        let released = |model: &RecordedModel| {
            let digest = model.digest.parse().map_err(|_| damaged("digest of a model"))?;
            Ok(ReleasedModel {
                id: PackageId { name: model.name.clone(), version: model.version.clone() },
                digest,
            })
        };
        self.models.iter().map(released).collect()
    }

    /// API keys of the command line.
    pub(crate) fn grants(&self) -> Result<Vec<KeyGrant>> {
        self.grants.iter().map(|grant| grant.parse().map_err(CliError::Usage)).collect()
    }

    /// Every API key that it lists, blocked ones too.
    pub(crate) fn keys(&self) -> Result<BTreeSet<ApiKeyDigest>> {
        let granted = self.grants()?;
        let mut keys = self.policy()?.keys();
        keys.extend(granted.iter().map(KeyGrant::key));
        Ok(keys)
    }

    /// What it compiles to, measures aside.
    pub(crate) fn bare(&self) -> Result<Draft> {
        Ok(self.policy()?.bare(&self.grants()?, &self.facts()))
    }

    /// The policy with its audit key.
    pub(crate) fn policy(&self) -> Result<Policy> {
        let read = |text: &String| audit_key_hex(text).ok_or_else(|| damaged("audit key"));
        let policy = Policy::parse(&self.policy, self.audit_key.as_ref().map(read).transpose()?)?;
        let profile = |(name, text): (&Name, &String)| {
            let bytes = STANDARD.decode(text).map_err(|_| CliError::usage("the record holds no profile"))?;
            Ok((name.clone(), bytes))
        };
        let profiles = self.profiles.iter().map(profile).collect::<Result<_>>()?;
        Ok(policy.with_profiles(profiles))
    }
}

fn damaged(what: &str) -> CliError {
    CliError::usage(format!("the record of the release has a damaged {what}"))
}
