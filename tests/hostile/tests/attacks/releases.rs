//! What the owner signs.

use strongroom_hostile::Attack;
pub(super) const ATTACKS: &[Attack] = &[];
