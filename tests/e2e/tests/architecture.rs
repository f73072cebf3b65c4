//! The rules of the tree, held against what cargo resolves and what the sources say.
//!
//! `docs/architecture.md` states them; each sentence with a "never" in it is a test here.

mod edges;
mod features;
mod nevers;
pub(crate) mod sources;
pub(crate) mod workspace;
