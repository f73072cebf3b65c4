//! The register bank: 32 registers, the first 16 fixed at boot.

use std::collections::BTreeMap;

use strongroom_attestation::{NsmError, Pcr, PcrIndex, PcrState};

use super::SimIdentity;
use super::measure::measure;

/// Registers below this belong to the platform and are locked at boot.
const PLATFORM_REGISTERS: u8 = 16;

pub(super) struct Registers(BTreeMap<PcrIndex, PcrState>);

impl Registers {
    pub(super) fn at_boot(identity: &SimIdentity<'_>) -> Self {
        let zero = |index: PcrIndex| PcrState { value: Pcr::ZERO, locked: index.get() < PLATFORM_REGISTERS };
        let mut bank = Self(PcrIndex::all().map(|index| (index, zero(index))).collect());
        if !identity.debug {
            let image = measure(identity.executable);
            bank.set(PcrIndex::IMAGE, image.pcr0);
            bank.set(PcrIndex::KERNEL, image.pcr1);
            bank.set(PcrIndex::APPLICATION, image.pcr2);
        }
        // As AWS computes them: zero extended by the ARN of the role and by the instance's id.
        bank.set(PcrIndex::ROLE, Pcr::ZERO.extend(identity.role.as_bytes()));
        bank.set(PcrIndex::INSTANCE, Pcr::ZERO.extend(identity.instance.as_bytes()));
        bank
    }

    pub(super) fn describe(&self, index: PcrIndex) -> PcrState {
        self.0.get(&index).copied().unwrap_or(PcrState { value: Pcr::ZERO, locked: false })
    }

    pub(super) fn extend(&mut self, index: PcrIndex, data: &[u8]) -> Result<Pcr, NsmError> {
        let state = self.open(index)?;
        state.value = state.value.extend(data);
        Ok(state.value)
    }

    pub(super) fn lock(&mut self, index: PcrIndex) -> Result<(), NsmError> {
        self.open(index)?.locked = true;
        Ok(())
    }

    /// What a document lists: locked registers only.
    pub(super) fn locked(&self) -> BTreeMap<PcrIndex, Pcr> {
        self.0.iter().filter(|(_, state)| state.locked).map(|(index, state)| (*index, state.value)).collect()
    }

    fn open(&mut self, index: PcrIndex) -> Result<&mut PcrState, NsmError> {
        let state = self.0.get_mut(&index).ok_or(NsmError::InvalidIndex)?;
        if state.locked { Err(NsmError::ReadOnlyIndex) } else { Ok(state) }
    }

    fn set(&mut self, index: PcrIndex, value: Pcr) {
        self.0.insert(index, PcrState { value, locked: true });
    }
}
