//! Lengths, frames, connections and floods.

use strongroom_hostile::Attack;
pub(super) const ATTACKS: &[Attack] = &[];
