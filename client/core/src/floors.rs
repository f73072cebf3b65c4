//! The highest epoch seen of each deployment: no release below it is accepted again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use strongroom_proto::name::Name;

pub(crate) struct Floors(Mutex<BTreeMap<Name, u64>>);

impl Floors {
    pub(crate) fn new(known: BTreeMap<Name, u64>) -> Self {
        Self(Mutex::new(known))
    }

    pub(crate) fn of(&self, deployment: &Name) -> u64 {
        let floors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        floors.get(deployment).copied().unwrap_or_default()
    }

    /// Raises the floor; never lowers it.
    pub(crate) fn raise(&self, deployment: &Name, epoch: u64) {
        let mut floors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let floor = floors.entry(deployment.clone()).or_default();
        *floor = epoch.max(*floor);
    }

    pub(crate) fn all(&self) -> BTreeMap<Name, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
