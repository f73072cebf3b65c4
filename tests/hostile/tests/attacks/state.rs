//! Counters, the audit log and boots.

use strongroom_hostile::Attack;
pub(super) const ATTACKS: &[Attack] = &[];
