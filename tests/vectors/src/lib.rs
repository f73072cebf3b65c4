//! Golden bytes of every message and file of the protocol, and the judgement of our own readers on them.
//!
//! The vectors are the JSON files beside this crate; `README.md` there is for whoever writes another implementation.
//! [`judge`] reads the bytes of one case with the readers of production and says what they hold, or why they were
//! refused. The tests compare that with what the file states, `examples/make` writes the files, and the reader in
//! Python judges the same cases from the description of the protocol alone.

mod case;
mod judge;
mod tree;

pub use case::{Case, Repeated, VectorError, VectorFile};
pub use judge::{FORMATS, Format, Judged, Refused, derived_keys, find, judge};
