//! Organisations and keys: those of the file, and those granted on the command line.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_attestation::release::{KeyEntry, Limits, Organisation};
use strongroom_proto::name::Name;
use strongroom_seal::secret::ApiKeyDigest;

use super::{Draft, roles};
use crate::policy::file::{FileKey, PolicyFile};
use crate::policy::{CLIENT_ROLE, KeyGrant, digest};

pub(super) fn compile(file: &PolicyFile, grants: &[KeyGrant], draft: &mut Draft) {
    for (name, stated) in &file.organisation {
        let frozen_until = draft.time(&format!("organisation {name}"), stated.frozen_until.as_ref());
        draft.organisations.insert(name.clone(), Organisation { limits: stated.limits(), frozen_until });
    }
    let Ok(client) = CLIENT_ROLE.parse::<Name>() else { return };
    let without_role =
        !grants.is_empty() || file.key.iter().any(|key| key.role.as_ref().is_none_or(|role| *role == client));
    if without_role && !draft.controls.roles.contains_key(&client) {
        let open = roles::open(draft);
        draft.controls.roles.insert(client.clone(), open);
    }
    let mut keys: BTreeMap<ApiKeyDigest, KeyEntry> = BTreeMap::new();
    for (at, stated) in file.key.iter().enumerate() {
        let at = format!("key {}", at + 1);
        let Some(entry) = entry(&at, stated, &client, draft) else { continue };
        if keys.insert(entry.key, entry).is_some() {
            draft.findings.error(
                "key-twice",
                format!("{at} has the digest of an earlier one"),
                "list each key once",
            );
        }
    }
    grants.iter().for_each(|grant| join(&mut keys, grant, &client, draft));
    if keys.is_empty() {
        draft.findings.error(
            "nobody",
            "no API key may ask",
            "give --api-key-sha256, or a [[key]] of the policy",
        );
    }
    draft.keys = keys.into_values().collect();
}

fn entry(at: &str, stated: &FileKey, client: &Name, draft: &mut Draft) -> Option<KeyEntry> {
    let key = digest(&stated.sha256);
    if let Err(wrong) = &key {
        draft.findings.error("digest", format!("{at}: {wrong}"), "state what `strongroom api-key` prints");
    }
    let role = stated.role.as_ref().unwrap_or(client);
    models(at, role, stated.models.as_ref(), draft);
    if let Some(name) = stated.organisation.as_ref().filter(|name| !draft.organisations.contains_key(*name)) {
        draft.unknown(at, "organisation", name);
    }
    let limits = Some(stated.limits()).filter(|limits| *limits != Limits::NONE);
    Some(KeyEntry {
        key: key.ok()?,
        role: role.clone(),
        organisation: stated.organisation.clone(),
        models: stated.models.clone(),
        not_after: draft.time(at, stated.not_after.as_ref()),
        frozen_until: draft.time(at, stated.frozen_until.as_ref()),
        limits,
    })
}

/// A key's role has to be there, and its models have to be the role's.
fn models(at: &str, role: &Name, models: Option<&BTreeSet<Name>>, draft: &mut Draft) {
    let Some(controls) = draft.controls.roles.get(role) else {
        draft.unknown(at, "role", role);
        return;
    };
    let strange = models.into_iter().flatten().find(|model| !controls.models.contains_key(*model));
    if let Some(model) = strange {
        let what = format!("{at} is for '{model}', which its role {role} may not ask");
        draft.findings.error("key-model", what, "add it to the role, or take it from the key");
    }
}

/// Adds a grant; a key that is granted twice may ask what either grant allows.
fn join(keys: &mut BTreeMap<ApiKeyDigest, KeyEntry>, grant: &KeyGrant, client: &Name, draft: &mut Draft) {
    models("--api-key-sha256", client, grant.models.as_ref(), draft);
    let new = || KeyEntry {
        key: grant.key,
        role: client.clone(),
        organisation: None,
        models: grant.models.clone(),
        not_after: None,
        frozen_until: None,
        limits: None,
    };
    let entry = keys.entry(grant.key).or_insert_with(new);
    if entry.role != *client {
        let what = format!(
            "a key has the role {} in the policy and is granted to {client} by --api-key-sha256",
            entry.role
        );
        draft.findings.error("key-twice", what, "leave out --api-key-sha256 for keys that the policy lists");
    }
    entry.models = match (entry.models.take(), &grant.models) {
        (Some(one), Some(other)) => Some(one.union(other).cloned().collect()),
        _ => None,
    };
}
