//! The enclave's side of a channel.

use std::sync::{Mutex, PoisonError};

use strongroom_proto::hello::{ClientNonce, OfferId};
use strongroom_proto::message::ENCAPSULATED_KEY_BYTES;
use strongroom_seal::digest::EvidenceDigest;
use strongroom_seal::record::{Body, Bound, RecordError, is_request_record_size};

use super::hpke::{Binding, DirectionKeys};
use super::{ChannelError, OfferKey, Window};

/// What the enclave remembers of one offer, beside the key that its batch shares.
#[derive(Clone, Copy, Debug)]
pub struct Handshake {
    /// Digest of the evidence that the client got.
    pub evidence: EvidenceDigest,
    /// The client's nonce.
    pub nonce: ClientNonce,
    /// The offer.
    pub offer: OfferId,
}

/// A session as the enclave holds it.
pub struct ServerSession {
    id: OfferId,
    keys: DirectionKeys,
    window: Mutex<Window>,
}

/// The right to seal one answer under one number. There is one per accepted message, it cannot be
/// copied, and sealing consumes it: no two answers are ever sealed under one number.
#[derive(Debug)]
pub struct AnswerSlot {
    number: u64,
    request_bytes: usize,
}

impl ServerSession {
    /// Opens an offer with the first record. The caller consumes the offer before calling, so that a
    /// replayed opening finds nothing.
    ///
    /// # Errors
    /// [`ChannelError::Key`] or [`ChannelError::Record`] when the opening was not made for this offer.
    pub fn open(
        key: &OfferKey,
        handshake: Handshake,
        encapsulated: &[u8; ENCAPSULATED_KEY_BYTES],
        sealed: Sealed,
    ) -> Result<(Self, Body, AnswerSlot), ChannelError> {
        let Handshake { evidence, nonce, offer } = handshake;
        let keys = key.receive(&Binding { evidence, nonce, offer }, encapsulated)?;
        let session = Self { id: offer, keys, window: Mutex::new(Window::default()) };
        let request_bytes = sealed.record_bytes();
        let body = session.open_record(0, sealed)?;
        Ok((session, body, AnswerSlot { number: 0, request_bytes }))
    }

    /// Opens a request.
    ///
    /// # Errors
    /// [`ChannelError::Replayed`] for a number used before or too old, [`ChannelError::Record`] otherwise.
    pub fn open_request(&self, number: u64, sealed: Sealed) -> Result<(Body, AnswerSlot), ChannelError> {
        let open = |window: &mut Window| window.is_open(number);
        if !self.with_window(open) {
            return Err(ChannelError::Replayed);
        }
        let request_bytes = sealed.record_bytes();
        let body = self.open_record(number, sealed)?;
        // Two copies of one message may both get here; the window lets one pass.
        if !self.with_window(|window| window.accept(number)) {
            return Err(ChannelError::Replayed);
        }
        Ok((body, AnswerSlot { number, request_bytes }))
    }

    /// Seals the parts of an answer into a record of exactly `record_bytes`.
    ///
    /// # Errors
    /// [`ChannelError::Record`] when it does not fit; the slot is used up all the same.
    pub fn seal_answer(
        &self,
        slot: AnswerSlot,
        body: &[&[u8]],
        record_bytes: usize,
    ) -> Result<Vec<u8>, ChannelError> {
        Ok(self.keys.answers.seal(slot.number, Bound(self.id.as_bytes()), body, record_bytes)?)
    }

    /// The session's id.
    #[must_use]
    pub fn id(&self) -> OfferId {
        self.id
    }

    fn open_record(&self, number: u64, sealed: Sealed) -> Result<Body, ChannelError> {
        if !is_request_record_size(sealed.record_bytes()) {
            return Err(RecordError::NotAuthentic.into());
        }
        Ok(self.keys.requests.open_message(number, sealed.header_bytes, sealed.message)?)
    }

    fn with_window<T>(&self, act: impl FnOnce(&mut Window) -> T) -> T {
        act(&mut self.window.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A message as it came: a header and the record that is bound to it. Opening decrypts it where it lies.
pub struct Sealed {
    message: Vec<u8>,
    header_bytes: usize,
}

impl Sealed {
    /// Takes a message whose first `header_bytes` are the header.
    #[must_use]
    pub fn new(message: Vec<u8>, header_bytes: usize) -> Self {
        Self { message, header_bytes }
    }

    /// Bytes of the record.
    #[must_use]
    pub fn record_bytes(&self) -> usize {
        self.message.len().saturating_sub(self.header_bytes)
    }
}

impl AnswerSlot {
    /// Bytes of the record that asked, from which the size of the answer follows.
    #[must_use]
    pub fn request_bytes(&self) -> usize {
        self.request_bytes
    }
}
