//! What both sides of a Strongroom connection say: frames, messages in clear, codes and limits.
//!
//! This crate handles bytes. It opens no socket, holds no key and knows no async runtime, so that
//! the untrusted host can use it without gaining a type for anything secret.

pub mod cbor;
pub mod code;
pub mod frame;
pub mod hello;
pub mod limits;
pub mod message;
pub mod name;
pub mod relay;
pub mod report;

pub use code::Code;
