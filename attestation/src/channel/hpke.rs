//! The key schedule: one encapsulation becomes the keys of both directions.

use std::convert::Infallible;

use hpke::aead::ExportOnlyAead;
use hpke::kdf::HkdfSha384;
use hpke::kem::XWing;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use ring::rand::SecureRandom;
use strongroom_proto::hello::{ClientNonce, OfferId};
use strongroom_proto::message::ENCAPSULATED_KEY_BYTES;
use strongroom_seal::digest::EvidenceDigest;
use strongroom_seal::label;
use strongroom_seal::record::RecordKey;
use strongroom_seal::secret::wipe_stack;
use zeroize::{Zeroize, Zeroizing};

use super::ChannelError;

/// What binds a channel to the evidence it was opened on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binding {
    pub(super) evidence: EvidenceDigest,
    pub(super) nonce: ClientNonce,
    pub(super) offer: OfferId,
}

impl Binding {
    fn info(&self) -> Vec<u8> {
        let label = label::CHANNEL.text().as_bytes();
        [label, &[0], self.evidence.as_bytes(), self.nonce.as_bytes(), self.offer.as_bytes()].concat()
    }
}

/// The record keys of both directions.
pub(super) struct DirectionKeys {
    pub(super) requests: RecordKey,
    pub(super) answers: RecordKey,
}

/// The private key behind one batch of offers. Dropping it zeroes it, and with it ends every
/// possibility to open what was sealed to it.
pub struct OfferKey {
    /// Where it stays when the pair moves: a move leaves a copy behind.
    private: Box<<XWing as Kem>::PrivateKey>,
    public: Vec<u8>,
}

impl OfferKey {
    /// Draws a fresh key pair.
    ///
    /// # Errors
    /// [`ChannelError::Random`] when the source fails.
    pub fn generate(random: &dyn SecureRandom) -> Result<Self, ChannelError> {
        let mut seed = Zeroizing::new([0; 32]);
        random.fill(seed.as_mut()).map_err(|_| ChannelError::Random)?;
        let key = Self::from_seed(&seed);
        wipe_stack();
        Ok(key)
    }

    /// The key pair that 32 random bytes stand for. Kept out of its caller, so that what it leaves lies below it on the stack.
    #[inline(never)]
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        let (private, public) = XWing::derive_keypair(seed);
        Self { private: Box::new(private), public: public.to_bytes().to_vec() }
    }

    /// The public half, for the claims.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    pub(super) fn receive(
        &self,
        binding: &Binding,
        encapsulated: &[u8; ENCAPSULATED_KEY_BYTES],
    ) -> Result<DirectionKeys, ChannelError> {
        let exporter = self.decapsulate(encapsulated, &binding.info())?;
        derive(&exporter)
    }

    /// The receiver's side of one encapsulation.
    pub(crate) fn decapsulate(
        &self,
        encapsulated: &[u8; ENCAPSULATED_KEY_BYTES],
        info: &[u8],
    ) -> Result<Exporter, ChannelError> {
        let encapsulated =
            <XWing as Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| ChannelError::Key)?;
        let context = hpke::setup_receiver::<ExportOnlyAead, HkdfSha384, XWing>(
            &OpModeR::Base,
            self.private.as_ref(),
            &encapsulated,
            info,
        )
        .map_err(|_| ChannelError::Key)?;
        Ok(Exporter(Box::new(move |purpose, key| context.export(purpose, key))))
    }
}

/// What both sides of an encapsulation derive their keys from.
pub(crate) struct Exporter(Box<ExportFn>);

type ExportFn = dyn Fn(&[u8], &mut [u8]) -> Result<(), hpke::HpkeError>;

impl Exporter {
    /// The record key of one purpose.
    pub(crate) fn record_key(&self, purpose: label::Label) -> Result<RecordKey, ChannelError> {
        let mut key = [0; 32];
        (self.0)(purpose.text().as_bytes(), &mut key).map_err(|_| ChannelError::Key)?;
        Ok(RecordKey::take(&mut key)?)
    }
}

/// Encapsulates to `public` and returns the encapsulated key with the keys of both directions.
pub(super) fn send(
    binding: &Binding,
    public: &ChannelKey<'_>,
    random: &dyn SecureRandom,
) -> Result<([u8; ENCAPSULATED_KEY_BYTES], DirectionKeys), ChannelError> {
    let (encapsulated, exporter) = encapsulate(public, &binding.info(), random)?;
    Ok((encapsulated, derive(&exporter)?))
}

/// The sender's side of one encapsulation.
pub(crate) fn encapsulate(
    public: &ChannelKey<'_>,
    info: &[u8],
    random: &dyn SecureRandom,
) -> Result<([u8; ENCAPSULATED_KEY_BYTES], Exporter), ChannelError> {
    let public = <XWing as Kem>::PublicKey::from_bytes(public.0).map_err(|_| ChannelError::Key)?;
    let mut drawn = Drawn::new(random)?;
    let (encapsulated, context) = hpke::setup_sender_with_rng::<ExportOnlyAead, HkdfSha384, XWing>(
        &OpModeS::Base,
        &public,
        info,
        &mut drawn,
    )
    .map_err(|_| ChannelError::Key)?;
    if drawn.overdrawn {
        return Err(ChannelError::Random);
    }
    let encapsulated = encapsulated.to_bytes().as_slice().try_into().map_err(|_| ChannelError::Key)?;
    Ok((encapsulated, Exporter(Box::new(move |purpose, key| context.export(purpose, key)))))
}

/// An X-Wing public key as a document names it.
pub(crate) struct ChannelKey<'a>(pub(crate) &'a [u8]);

fn derive(exporter: &Exporter) -> Result<DirectionKeys, ChannelError> {
    let key = |purpose| exporter.record_key(purpose);
    Ok(DirectionKeys { requests: key(label::REQUEST_KEY)?, answers: key(label::ANSWER_KEY)? })
}

/// Random bytes drawn beforehand, so that a failing source is an error and not a panic inside HPKE.
struct Drawn {
    bytes: Zeroizing<[u8; Self::BYTES]>,
    used: usize,
    overdrawn: bool,
}

impl Drawn {
    /// An X-Wing encapsulation takes 64 bytes.
    const BYTES: usize = 64;

    fn new(random: &dyn SecureRandom) -> Result<Self, ChannelError> {
        let mut bytes = Zeroizing::new([0; Self::BYTES]);
        random.fill(bytes.as_mut()).map_err(|_| ChannelError::Random)?;
        Ok(Self { bytes, used: 0, overdrawn: false })
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let Ok(()) = self.try_fill_bytes(&mut out);
        out
    }
}

impl TryRng for Drawn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.take()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.take()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        let end = self.used.saturating_add(out.len());
        match self.bytes.get_mut(self.used..end) {
            Some(drawn) => {
                out.copy_from_slice(drawn);
                drawn.zeroize();
            }
            None => self.overdrawn = true,
        }
        self.used = end;
        Ok(())
    }
}

impl TryCryptoRng for Drawn {}
