//! What a verifier demands. Nothing here is optional: what is not to be checked must be waived by name.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::DemandError;
use crate::pcr::{ImagePcrs, Pcr, PcrIndex};

/// Everything that is demanded of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectations {
    /// Whether a debug image may pass.
    pub debug_images: DebugImages,
    /// The measurements.
    pub pcrs: PcrDemand,
    /// The age.
    pub freshness: Freshness,
    /// The answer to a challenge.
    pub nonce: Demand,
    /// What the enclave commits to.
    pub user_data: Demand,
    /// The enclave's key.
    pub public_key: Demand,
}

/// Whether an image in debug mode is acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebugImages {
    /// Never: its console is open and its measurements say nothing.
    Refused,
    /// Also: for looking at documents, never for sending data.
    DangerouslyAllowed,
}

/// How old a document may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// At most this old at the time of judgement.
    MaxAge(Duration),
    /// Of any age. A document from the future is refused all the same.
    DangerouslyAnyAge,
}

/// What an optional field must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Exactly these bytes. Empty bytes are not an absent field.
    Exactly(Vec<u8>),
    /// Nothing: the field is absent or null.
    Absent,
    /// Whatever it holds.
    DangerouslyAny,
}

/// Registers that must all have these values. Never empty, and no image register is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcrSet(BTreeMap<PcrIndex, Pcr>);

impl PcrSet {
    /// Demands these registers.
    ///
    /// # Errors
    /// [`DemandError::EmptySet`] without a register; [`DemandError::ZeroImagePcr`] when PCR0, PCR1 or
    /// PCR2 is demanded to be zero.
    pub fn new(registers: BTreeMap<PcrIndex, Pcr>) -> Result<Self, DemandError> {
        if registers.is_empty() {
            return Err(DemandError::EmptySet);
        }
        let image = [PcrIndex::IMAGE, PcrIndex::KERNEL, PcrIndex::APPLICATION];
        match image.into_iter().find(|index| registers.get(index).is_some_and(Pcr::is_zero)) {
            Some(index) => Err(DemandError::ZeroImagePcr(index)),
            None => Ok(Self(registers)),
        }
    }

    /// Demands an image.
    ///
    /// # Errors
    /// [`DemandError::ZeroImagePcr`] when one of its registers is zero.
    pub fn image(image: &ImagePcrs) -> Result<Self, DemandError> {
        Self::new(BTreeMap::from([
            (PcrIndex::IMAGE, image.pcr0),
            (PcrIndex::KERNEL, image.pcr1),
            (PcrIndex::APPLICATION, image.pcr2),
        ]))
    }

    /// Demands one register more, or another value of one.
    ///
    /// # Errors
    /// As [`PcrSet::new`].
    pub fn and(mut self, index: PcrIndex, value: Pcr) -> Result<Self, DemandError> {
        self.0.insert(index, value);
        Self::new(self.0)
    }

    /// The registers.
    #[must_use]
    pub const fn registers(&self) -> &BTreeMap<PcrIndex, Pcr> {
        &self.0
    }
}

/// The sets of registers of which one must be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcrDemand(Alternatives);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Alternatives {
    OneOf(Vec<PcrSet>),
    Waived,
}

impl PcrDemand {
    /// Demands that one of these sets is met in full.
    ///
    /// # Errors
    /// [`DemandError::NoAlternative`] when there is none.
    pub fn one_of(sets: Vec<PcrSet>) -> Result<Self, DemandError> {
        if sets.is_empty() { Err(DemandError::NoAlternative) } else { Ok(Self(Alternatives::OneOf(sets))) }
    }

    /// Accepts any measurements, for those who judge them afterwards, as KMS does.
    #[must_use]
    pub const fn dangerously_any() -> Self {
        Self(Alternatives::Waived)
    }

    /// The alternatives; `None` when the demand was waived.
    #[must_use]
    pub fn alternatives(&self) -> Option<&[PcrSet]> {
        match &self.0 {
            Alternatives::OneOf(sets) => Some(sets),
            Alternatives::Waived => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_zero_demands_cannot_be_stated() {
        let one = Pcr::ZERO.extend(b"x");
        assert_eq!(PcrDemand::one_of(Vec::new()), Err(DemandError::NoAlternative));
        assert_eq!(PcrSet::new(BTreeMap::new()), Err(DemandError::EmptySet));
        for index in [PcrIndex::IMAGE, PcrIndex::KERNEL, PcrIndex::APPLICATION] {
            let zero = BTreeMap::from([(PcrIndex::CHARTER, one), (index, Pcr::ZERO)]);
            assert_eq!(PcrSet::new(zero), Err(DemandError::ZeroImagePcr(index)));
        }
        let image = PcrSet::image(&ImagePcrs { pcr0: one, pcr1: one, pcr2: one }).unwrap();
        assert!(image.clone().and(PcrIndex::ROLE, Pcr::ZERO).is_ok());
        assert!(image.and(PcrIndex::KERNEL, Pcr::ZERO).is_err());
    }
}
