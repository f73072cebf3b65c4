//! A host that is not one: it holds the machine, the network and the disk, and a script of misdeeds.
//!
//! [`Attack`] is one of them, as a test and as a row of `docs/security-tests.md`; [`Host`] is built from `link` and
//! `proto` alone, as any host could be; [`Scene`] puts it between the shipped enclave and the shipped client. Whatever
//! passes through its hands, or through sockets of an attack's own, is on the [`Tape`], in which nothing secret may be found.

mod attack;
mod host;
mod mutants;
mod scene;
mod secret;
pub mod sentences;
mod table;
mod tape;

pub use attack::{Attack, Found, Run, Subject};
pub use host::{Host, Misdeeds};
pub use mutants::{Edit, MUTANT_VARIABLE, Mutant, mutants, mutate, mutated};
pub use scene::{Client, Scene, SceneOptions};
pub use sentences::{SENTENCES, Sentence};
pub use table::table;
pub use tape::{Tape, Taped};
