//! The channel between a client and the enclave it verified.
//!
//! HPKE base mode (RFC 9180) with X-Wing (draft-ietf-hpke-pq, KEM 0x647a), HKDF-SHA384 and the
//! export-only AEAD; `info` = label ‖ 0 ‖ SHA-384 of the evidence ‖ client nonce ‖ offer id. The keys of
//! both directions come from the exporter, records are AES-256-GCM. Only [`crate::evidence::Verified`]
//! becomes a client's [`Channel`], so nothing can be sealed for an enclave that was not verified.

mod client;
mod hpke;
mod server;
mod window;

pub use client::{Channel, Pending, Session};
pub use hpke::OfferKey;
pub(crate) use hpke::{ChannelKey, encapsulate};
pub use server::{AnswerSlot, Handshake, Sealed, ServerSession};
pub use window::{WINDOW, Window};

use strongroom_seal::record::RecordError;

/// Why a channel could not be set up, or a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// The peer's key or encapsulated key is not one.
    #[error("not an X-Wing key")]
    Key,
    /// The random source failed.
    #[error("no randomness")]
    Random,
    /// The record is not authentic, or not of this session, number and direction.
    #[error("{0}")]
    Record(#[from] RecordError),
    /// The number was used before, or lies outside the window.
    #[error("message number was used before or is too old")]
    Replayed,
    /// The session has used up its numbers.
    #[error("session has no numbers left")]
    Exhausted,
}
