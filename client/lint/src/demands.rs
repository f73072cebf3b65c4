//! What a caller demands beyond the form: exactly these values and no others.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::register::Register;

/// The values that a policy must pin. Absent: any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demands {
    /// PCR0 of every image that may decrypt.
    pub images: Option<BTreeSet<Register>>,
    /// PCR16 of every charter under which it may.
    pub charters: Option<BTreeSet<Register>>,
}
