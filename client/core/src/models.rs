//! What a verified enclave may be asked for, by names, versions, types and shapes: from the controls of its release, never from the host.

use strongroom_proto::name::{Name, PackageId};
use strongroom_seal::model::Interface;

use crate::TrustFile;
use crate::party::Held;

/// A name that may be asked, and what the release says of it.
#[derive(Clone, Debug)]
pub struct Described {
    /// The name to ask for: a model's, or a route's.
    pub name: Name,
    /// Versions that may be asked for; none of a route, which has no version.
    pub versions: Vec<Name>,
    /// What it takes and gives: of the version that was asked for, else of the only one; of a route that of the first of its
    /// models. Absent where the release does not say, and of several versions where none was asked for.
    pub interface: Option<Interface>,
}

impl Held {
    /// Everything that may be asked: the models that the enclave claims and the trust file allows, and the routes to them.
    #[must_use]
    pub fn models(&self, trust: &TrustFile) -> Vec<Described> {
        let verified = self.verified();
        let mut names: Vec<&Name> = verified.claims().models.iter().map(|model| &model.id.name).collect();
        names.extend(verified.release().controls().routes.keys());
        names.sort_unstable();
        names.dedup();
        names.into_iter().filter_map(|name| self.model(trust, name, None)).collect()
    }

    /// One model or route; `None` where there is none of that name and version, or where the trust file does not allow it.
    #[must_use]
    pub fn model(&self, trust: &TrustFile, name: &Name, version: Option<&Name>) -> Option<Described> {
        let controls = self.verified().release().controls();
        if !trust.allows_ask(name, version, controls) {
            return None;
        }
        let interface = |name: &Name, version: &Name| controls.model(name)?.interfaces.get(version).cloned();
        if let Some(route) = controls.routes.get(name) {
            let first = route.models.iter().flat_map(|name| self.allowed(trust, name)).next();
            let interface = first.and_then(|id| interface(&id.name, &id.version));
            return version.is_none().then(|| Described {
                name: name.clone(),
                versions: Vec::new(),
                interface,
            });
        }
        let versions: Vec<Name> = self.allowed(trust, name).map(|id| id.version.clone()).collect();
        // Of several versions none is meant until one is named.
        let meant = match (version, versions.as_slice()) {
            (_, []) => return None,
            (Some(version), several) => Some(several.iter().find(|own| *own == version)?),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let interface = meant.and_then(|version| interface(name, version));
        Some(Described { name: name.clone(), versions, interface })
    }

    /// The versions of a model that the enclave claims and the trust file allows.
    fn allowed(&self, trust: &TrustFile, name: &Name) -> impl Iterator<Item = &PackageId> {
        let ids = self.verified().claims().models.iter().map(|model| &model.id);
        ids.filter(move |id| id.name == *name && trust.allows_model(&id.name, Some(&id.version)))
    }
}
