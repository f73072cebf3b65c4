//! Honest clients with known right answers, against processes that things happen to.
//!
//! Two runs. [`faults`] kills, stops, cuts and starves the parties at random moments drawn from a seed, and holds the service to
//! what is promised of it: no wrong answer, no lost record that was acknowledged, no counter past its bound, and answers
//! again within five seconds of a fault's end. [`overload`] asks ten times what the service can do, and looks at what is
//! still answered, how soon the rest is refused, and what memory that takes.
//!
//! Everything here stands outside the product, which has no switch for it: the parties are the shipped binaries, each a
//! process of its own, and are killed with SIGKILL.

pub mod command;
mod dice;
mod error;
pub mod faults;
pub mod limits;
mod load;
mod onnx;
pub mod overload;
mod process;
mod pulse;
mod reference;
mod relay;
mod world;

pub use dice::Dice;
pub use error::SoakError;
