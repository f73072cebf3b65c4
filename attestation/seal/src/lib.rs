//! What is sealed and signed: secrets, records, tensors inside records, the sealed model package.
//!
//! This crate holds the types of plaintext. The host must never depend on it. It opens no socket,
//! reads no clock and draws no randomness of its own except for fresh keys and signatures.

pub mod digest;
pub mod key;
pub mod label;
pub mod limits;
pub mod message;
pub mod model;
pub mod package;
pub mod record;
pub mod secret;
pub mod signed;
pub mod tensor;
