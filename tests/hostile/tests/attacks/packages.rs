//! Sealed models.

use strongroom_hostile::Attack;
pub(super) const ATTACKS: &[Attack] = &[];
