//! The client's side of a channel.

use std::sync::atomic::{AtomicU64, Ordering};

use ring::rand::SecureRandom;
use strongroom_proto::hello::OfferId;
use strongroom_proto::message::{ENCAPSULATED_KEY_BYTES, opening_header, request_header};
use strongroom_seal::digest::RequestDigest;
use strongroom_seal::record::{Body, Bound, RecordError, request_record_bytes};
use strongroom_seal::secret::ApiKey;

use super::ChannelError;
use super::hpke::{Binding, ChannelKey, DirectionKeys, send};
use crate::evidence::Verified;

/// A channel to a verified enclave that has not been opened yet.
pub struct Channel {
    verified: Verified,
    encapsulated: [u8; ENCAPSULATED_KEY_BYTES],
    keys: DirectionKeys,
}

/// An opened channel. Requests may run in parallel; each has its own number.
pub struct Session {
    verified: Verified,
    keys: DirectionKeys,
    next: AtomicU64,
}

/// A message that was sealed and waits for its answer. It opens one answer and is consumed by it.
#[derive(Debug)]
pub struct Pending {
    number: u64,
    record_bytes: usize,
    request: RequestDigest,
}

impl Channel {
    /// Encapsulates to the channel key of the claims.
    ///
    /// # Errors
    /// [`ChannelError::Key`] when the claims name no X-Wing key; [`ChannelError::Random`].
    pub fn new(verified: Verified, random: &dyn SecureRandom) -> Result<Self, ChannelError> {
        let binding =
            Binding { evidence: verified.evidence(), nonce: verified.nonce(), offer: verified.offer() };
        let (encapsulated, keys) = send(&binding, &ChannelKey(&verified.claims().channel_key), random)?;
        Ok(Self { verified, encapsulated, keys })
    }

    /// Opens the channel: seals the API key and, if given, a first request.
    ///
    /// # Errors
    /// [`ChannelError::Record`] when the request is too large for an opening.
    pub fn open(self, key: &ApiKey, request: &[u8]) -> Result<(Session, Vec<u8>, Pending), ChannelError> {
        let header = opening_header(self.verified.offer(), self.verified.nonce(), &self.encapsulated);
        let body: [&[u8]; 2] = [key.expose_secret(), request];
        let session = Session { verified: self.verified, keys: self.keys, next: AtomicU64::new(1) };
        let (message, pending) = session.seal_numbered(0, &header, &body, RequestDigest::of(request))?;
        Ok((session, message, pending))
    }
}

impl Session {
    /// Seals a request under the session's next number.
    ///
    /// # Errors
    /// [`ChannelError::Exhausted`] after 2^63 requests; [`ChannelError::Record`] when it is too large.
    pub fn seal(&self, request: &[u8]) -> Result<(Vec<u8>, Pending), ChannelError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number > u64::MAX / 2 {
            return Err(ChannelError::Exhausted);
        }
        let header = request_header(self.id(), number);
        self.seal_numbered(number, &header, &[request], RequestDigest::of(request))
    }

    fn seal_numbered(
        &self,
        number: u64,
        header: &[u8],
        body: &[&[u8]],
        request: RequestDigest,
    ) -> Result<(Vec<u8>, Pending), ChannelError> {
        let record_bytes = request_record_bytes(body.iter().map(|part| part.len()).sum())?;
        let message = self.keys.requests.seal_message(number, header, body, record_bytes)?;
        Ok((message, Pending { number, record_bytes, request }))
    }

    /// Opens the answer to `pending` where it lies: a large one is not copied.
    ///
    /// # Errors
    /// [`ChannelError::Record`] when it is not the answer that the enclave sealed for this request.
    pub fn open_answer(&self, pending: &Pending, record: Vec<u8>) -> Result<Body, ChannelError> {
        if !record.len().is_power_of_two() {
            return Err(RecordError::NotAuthentic.into());
        }
        Ok(self.keys.answers.open_owned(pending.number, Bound(self.id().as_bytes()), record)?)
    }

    /// The session's id: that of the offer it was opened with.
    #[must_use]
    pub fn id(&self) -> OfferId {
        self.verified.offer()
    }

    /// What the session was verified against.
    #[must_use]
    pub fn verified(&self) -> &Verified {
        &self.verified
    }
}

impl Pending {
    /// Digest of the request, which the receipt must repeat.
    #[must_use]
    pub fn request(&self) -> RequestDigest {
        self.request
    }

    /// Bytes of the request's record.
    #[must_use]
    pub fn record_bytes(&self) -> usize {
        self.record_bytes
    }
}
