//! The attacks, a file for each subject.

mod evidence;
mod key;
mod link;
mod messages;
mod packages;
mod releases;
mod state;

use strongroom_hostile::Attack;

/// Declares attacks of one subject: a function that carries it out, and what is said of it.
macro_rules! attacks {
    ($subject:ident; $($(#[doc = $tries:literal])+ $name:ident($loses:literal, $refused:literal, $defence:literal);)+) => {
        pub(super) const ATTACKS: &[strongroom_hostile::Attack] = &[$(strongroom_hostile::Attack {
            subject: strongroom_hostile::Subject::$subject,
            name: stringify!($name),
            tries: concat!($($tries),+).trim_ascii(),
            loses: $loses,
            refused: $refused,
            defence: $defence,
            run: || Box::pin($name()),
        }),+];
    };
}
pub(crate) use attacks;

/// All of them, in the order of the table.
pub(crate) fn all() -> Vec<Attack> {
    [
        key::ATTACKS,
        &evidence::attacks(),
        &packages::attacks(),
        &releases::attacks(),
        messages::ATTACKS,
        link::ATTACKS,
        state::ATTACKS,
    ]
    .concat()
}
