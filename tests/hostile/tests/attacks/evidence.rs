//! What clients judge before they send a byte.

use strongroom_hostile::Attack;
pub(super) const ATTACKS: &[Attack] = &[];
