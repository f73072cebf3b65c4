//! The allow-list: every form that a statement may have (`docs/kms-policy.md`, "What is accepted").
//!
//! This decides alone whether a statement is accepted. It looks at nothing but the statement itself; what the
//! statements must be together stands in `rules/whole.rs`.

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::{Action, CHARTER, Effect, IMAGE, Principal, Resource, Says, Statement, actions};
use crate::register::Register;

/// A form that a statement may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The owner manages the key; neither uses its material nor hands that on. Conditions can only narrow it.
    Administers,
    /// The owner makes data keys to seal packages with. Conditions can only narrow it.
    Seals,
    /// Everyone is denied these actions, whatever the request: the detours, or all decryption.
    DeniesOutright,
    /// Everyone is denied decryption unless one register has one of these values.
    DeniesOthers(u8, BTreeSet<Register>),
    /// Somebody may decrypt with an attestation document that has these registers, one value each. Further
    /// conditions can only narrow it.
    Decrypts(BTreeMap<u8, Register>),
}

/// The form of a statement, if it has one.
pub(crate) fn recognise(statement: &Statement) -> Option<Form> {
    let says = &statement.says;
    if !says.inversions.is_empty() || says.has_strays || says.resources != [Resource::ThisKey] {
        return None;
    }
    match says.effect {
        Effect::Allow => allowed(says),
        Effect::Deny => denied(says),
    }
}

fn allowed(says: &Says) -> Option<Form> {
    if says.principals.is_empty() || !says.principals.iter().all(Principal::is_named) {
        return None;
    }
    match says.actions.as_slice() {
        [] => None,
        [only] if only.is(actions::DECRYPT) => pins(says).map(Form::Decrypts),
        [only] if only.is(actions::GENERATE_DATA_KEY) => Some(Form::Seals),
        all => all.iter().all(administers).then_some(Form::Administers),
    }
}

fn administers(action: &Action) -> bool {
    actions::ADMINISTER.iter().any(|harmless| action.is(harmless))
}

/// The one value of each register, where PCR0 and PCR16 are among them and every one is compared well.
fn pins(says: &Says) -> Option<BTreeMap<u8, Register>> {
    let mut pins = BTreeMap::new();
    for (number, condition) in says.registers() {
        let values = condition.pinned(false)?;
        let value = values.first().copied().filter(|_| values.len() == 1)?;
        if pins.insert(number, value).is_some() {
            return None;
        }
    }
    [IMAGE, CHARTER].iter().all(|number| pins.contains_key(number)).then_some(pins)
}

fn denied(says: &Says) -> Option<Form> {
    let is_plain = |action: &Action| !action.is_pattern() || action.is(actions::RE_ENCRYPT_ANY);
    if !says.is_for_everyone() || says.actions.is_empty() || !says.actions.iter().all(is_plain) {
        return None;
    }
    match (says.conditions.as_slice(), says.actions.as_slice()) {
        ([], _) => Some(Form::DeniesOutright),
        ([_], [only]) if only.is(actions::DECRYPT) => {
            let (number, condition) = says.registers().next()?;
            condition.pinned(true).map(|values| Form::DeniesOthers(number, values))
        }
        _ => None,
    }
}
