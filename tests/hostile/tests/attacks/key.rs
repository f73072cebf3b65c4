//! The key that KMS releases.

use strongroom_hostile::Attack;
pub(super) const ATTACKS: &[Attack] = &[];
