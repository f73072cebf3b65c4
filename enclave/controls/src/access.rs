//! Who may ask for what: the API keys of a release and what each may do.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use strongroom_attestation::UnixMillis;
use strongroom_attestation::release::{
    Controls, KeyEntry, Limits, Operation, Organisation, Priority, Private, RoleControls, Treatment,
};
use strongroom_proto::name::Name;
use strongroom_seal::message::Refusal;
use strongroom_seal::secret::{ApiKey, ApiKeyDigest};

/// The API keys of a release. What keys have in common is held once.
pub struct Grants {
    keys: HashMap<ApiKeyDigest, Grant>,
}

/// What one API key may do.
#[derive(Clone)]
struct Grant {
    role: Arc<Role>,
    organisation: Option<Arc<Member>>,
    models: Option<Arc<BTreeSet<Name>>>,
    limits: Option<Arc<Limits>>,
    not_after: Option<UnixMillis>,
    frozen_until: Option<UnixMillis>,
}

struct Role {
    name: Name,
    controls: RoleControls,
}

struct Member {
    name: Name,
    organisation: Organisation,
}

/// The holder of an accepted API key. The only constructor is [`Grants::authenticate`].
#[derive(Clone)]
pub struct Caller {
    key: ApiKeyDigest,
    grant: Grant,
}

impl Grants {
    /// Takes the keys of a private part that was checked against these controls.
    #[must_use]
    pub fn new(private: &Private, controls: &Controls) -> Self {
        let roles: BTreeMap<&Name, Arc<Role>> = controls.roles.iter().map(role).collect();
        let members: BTreeMap<&Name, Arc<Member>> = private.organisations.iter().map(member).collect();
        let (mut models, mut limits) = (Shared::default(), Shared::default());
        let grant = |entry: &KeyEntry| {
            let grant = Grant {
                // A key of an unknown role is none: the check before has ruled it out.
                role: Arc::clone(roles.get(&entry.role)?),
                organisation: entry.organisation.as_ref().and_then(|name| members.get(name)).cloned(),
                models: entry.models.as_ref().map(|set| models.one(set)),
                limits: entry.limits.as_ref().map(|own| limits.one(own)),
                not_after: entry.not_after,
                frozen_until: entry.frozen_until,
            };
            Some((entry.key, grant))
        };
        Self { keys: private.keys.iter().filter_map(grant).collect() }
    }

    /// Looks a key up by its digest, so that no comparison depends on the key itself.
    ///
    /// # Errors
    /// [`Refusal::Key`] for a key that the release does not list, or that has expired.
    pub fn authenticate(&self, key: &ApiKey, now: UnixMillis) -> Result<Caller, Refusal> {
        let digest = key.digest();
        let grant = self.keys.get(&digest).ok_or(Refusal::Key)?;
        let caller = Caller { key: digest, grant: grant.clone() };
        caller.in_time(now)?;
        Ok(caller)
    }

    /// Whether the release lists this key.
    #[must_use]
    pub fn knows(&self, key: &ApiKeyDigest) -> bool {
        self.keys.contains_key(key)
    }
}

impl Caller {
    /// The key's digest.
    #[must_use]
    pub fn key(&self) -> &ApiKeyDigest {
        &self.key
    }

    /// The name of its role.
    #[must_use]
    pub fn role(&self) -> &Name {
        &self.grant.role.name
    }

    /// Whether its requests come before others'.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.grant.role.controls.priority
    }

    /// The key's own allowances: its role's, and what the owner states for this one.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let role = self.grant.role.controls.limits;
        self.grant.limits.as_ref().map_or(role, |own| role.overridden_by(own))
    }

    /// Its organisation and that one's allowances.
    #[must_use]
    pub fn organisation(&self) -> Option<(&Name, &Limits)> {
        self.grant.organisation.as_ref().map(|member| (&member.name, &member.organisation.limits))
    }

    /// Whether the key is still accepted and its role allows an operation.
    ///
    /// # Errors
    /// [`Refusal::Key`] once the key has expired, [`Refusal::Operation`].
    pub fn may(&self, operation: Operation, now: UnixMillis) -> Result<(), Refusal> {
        self.in_time(now)?;
        let allowed = self.grant.role.controls.operations.contains(&operation);
        if allowed { Ok(()) } else { Err(Refusal::Operation) }
    }

    /// How outputs of a model or route are treated for this key, if it may ask it at all.
    ///
    /// # Errors
    /// As [`Self::may`]; [`Refusal::Model`], [`Refusal::Frozen`].
    pub fn may_infer(&self, asked: &Name, now: UnixMillis) -> Result<&Treatment, Refusal> {
        self.may(Operation::Infer, now)?;
        let listed = self.grant.models.as_ref().is_none_or(|models| models.contains(asked));
        let treatment =
            self.grant.role.controls.models.get(asked).filter(|_| listed).ok_or(Refusal::Model)?;
        let organisation = self.grant.organisation.as_ref().and_then(|m| m.organisation.frozen_until);
        thawed(self.grant.frozen_until.max(organisation), now)?;
        Ok(treatment)
    }

    fn in_time(&self, now: UnixMillis) -> Result<(), Refusal> {
        if self.grant.not_after.is_none_or(|end| now < end) { Ok(()) } else { Err(Refusal::Key) }
    }
}

/// Whether a time of freezing is over.
///
/// # Errors
/// [`Refusal::Frozen`] with what is left of it.
pub fn thawed(frozen_until: Option<UnixMillis>, now: UnixMillis) -> Result<(), Refusal> {
    match frozen_until.filter(|end| now < *end) {
        None => Ok(()),
        Some(end) => Err(Refusal::Frozen { retry_after_ms: Some(end.as_millis() - now.as_millis()) }),
    }
}

/// Values that many keys state, each held once.
struct Shared<T>(Vec<Arc<T>>);

/// Distinct values that are looked for; more are held as they come.
const MAX_SHARED: usize = 64;

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone + PartialEq> Shared<T> {
    fn one(&mut self, value: &T) -> Arc<T> {
        if let Some(held) = self.0.iter().find(|held| held.as_ref() == value) {
            return Arc::clone(held);
        }
        let fresh = Arc::new(value.clone());
        if self.0.len() < MAX_SHARED {
            self.0.push(Arc::clone(&fresh));
        }
        fresh
    }
}

fn role<'a>((name, controls): (&'a Name, &RoleControls)) -> (&'a Name, Arc<Role>) {
    (name, Arc::new(Role { name: name.clone(), controls: controls.clone() }))
}

fn member<'a>((name, organisation): (&'a Name, &Organisation)) -> (&'a Name, Arc<Member>) {
    (name, Arc::new(Member { name: name.clone(), organisation: organisation.clone() }))
}

/// Bytes of a key's grant, with its share of a table that has just doubled, and limits of its own.
#[must_use]
pub fn bytes_per_key() -> usize {
    let entry = size_of::<(ApiKeyDigest, Grant)>() + 1;
    entry * 8 / 7 + 2 * size_of::<usize>() + size_of::<Limits>()
}

#[cfg(test)]
mod tests {
    use strongroom_attestation::release::{Authentication, Counting, Payloads};
    use strongroom_seal::secret::StateKey;

    use super::*;

    const NOW: UnixMillis = UnixMillis::new(1_000_000);

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn api_key(byte: u8) -> ApiKey {
        ApiKey::take(&mut [byte; 32])
    }

    fn entry(byte: u8, role: &str) -> KeyEntry {
        KeyEntry {
            key: api_key(byte).digest(),
            role: name(role),
            organisation: None,
            models: None,
            not_after: None,
            frozen_until: None,
            limits: None,
        }
    }

    /// One role an operation, and one of all.
    fn controls() -> Controls {
        let role = |operations: &[Operation]| RoleControls {
            operations: operations.iter().copied().collect(),
            models: BTreeMap::from([(name("fraud"), Treatment::LABEL_ONLY)]),
            limits: Limits { rows: Some(10), ..Limits::NONE },
            priority: Priority::Normal,
        };
        let mut roles: BTreeMap<Name, RoleControls> =
            Operation::ALL.map(|operation| (name(&operation.to_string()), role(&[operation]))).into();
        roles.insert(name("all"), role(&Operation::ALL));
        roles.insert(name("none"), role(&[]));
        Controls {
            authentication: Authentication::ApiKey,
            max_request_bytes: 1024,
            payloads: Payloads::NotRecorded,
            audit: false,
            counting: Counting::PerBoot,
            rate: None,
            telemetry: None,
            answer_quantum_ms: None,
            roles,
            models: BTreeMap::new(),
            routes: BTreeMap::new(),
        }
    }

    fn grants(keys: Vec<KeyEntry>) -> Grants {
        let acme = Organisation {
            frozen_until: Some(NOW.plus(std::time::Duration::from_secs(1))),
            ..Organisation::default()
        };
        let private = Private {
            state_key: StateKey::take(&mut [0; 32]),
            audit_key: None,
            organisations: BTreeMap::from([(name("acme"), acme)]),
            keys,
            monitors: BTreeMap::new(),
            routes: BTreeMap::new(),
        };
        private.check(&controls()).unwrap();
        Grants::new(&private, &controls())
    }

    fn caller(entry: KeyEntry) -> Caller {
        grants(vec![entry]).authenticate(&api_key(1), NOW).ok().unwrap()
    }

    /// The matrix: every role against every operation.
    #[test]
    fn each_role_may_do_its_own_operations_and_no_other() {
        for role in ["infer", "audit", "status", "all", "none"] {
            let caller = caller(entry(1, role));
            for operation in Operation::ALL {
                let expected = role == "all" || role == operation.to_string();
                assert_eq!(caller.may(operation, NOW).is_ok(), expected, "{role} and {operation}");
            }
            let infers = matches!(role, "all" | "infer");
            assert_eq!(caller.may_infer(&name("fraud"), NOW).is_ok(), infers, "{role}");
        }
    }

    #[test]
    fn unknown_and_expired_keys_are_refused() {
        let expiring =
            KeyEntry { not_after: Some(NOW.plus(std::time::Duration::from_millis(5))), ..entry(1, "infer") };
        let grants = grants(vec![expiring]);
        assert_eq!(grants.authenticate(&api_key(2), NOW).err(), Some(Refusal::Key));
        let caller = grants.authenticate(&api_key(1), NOW).ok().unwrap();
        let later = NOW.plus(std::time::Duration::from_millis(5));
        assert_eq!(grants.authenticate(&api_key(1), later).err(), Some(Refusal::Key));
        assert_eq!(caller.may_infer(&name("fraud"), later), Err(Refusal::Key), "in an open session, too");
    }

    #[test]
    fn a_key_asks_the_models_of_its_role_and_of_its_own_list() {
        let caller_of = |models: Option<&str>| {
            caller(KeyEntry {
                models: models.map(|model| BTreeSet::from([name(model)])),
                ..entry(1, "infer")
            })
        };
        assert_eq!(caller_of(None).may_infer(&name("fraud"), NOW), Ok(&Treatment::LABEL_ONLY));
        assert_eq!(caller_of(None).may_infer(&name("other"), NOW), Err(Refusal::Model));
        assert_eq!(caller_of(Some("other")).may_infer(&name("fraud"), NOW), Err(Refusal::Model));
        assert_eq!(caller_of(Some("other")).may_infer(&name("other"), NOW), Err(Refusal::Model));
    }

    #[test]
    fn whoever_is_frozen_waits() {
        let organisation = KeyEntry { organisation: Some(name("acme")), ..entry(1, "infer") };
        let frozen = Refusal::Frozen { retry_after_ms: Some(1000) };
        assert_eq!(caller(organisation).may_infer(&name("fraud"), NOW), Err(frozen));
        let own = KeyEntry { frozen_until: Some(NOW), ..entry(1, "infer") };
        assert!(caller(own).may_infer(&name("fraud"), NOW).is_ok(), "over by now");
    }

    #[test]
    fn a_key_may_have_allowances_of_its_own() {
        let own = Limits { rows_per_day: Some(3), ..Limits::NONE };
        let caller = caller(KeyEntry { limits: Some(own), ..entry(1, "infer") });
        assert_eq!(caller.limits(), Limits { rows: Some(10), rows_per_day: Some(3), ..Limits::NONE });
    }
}
