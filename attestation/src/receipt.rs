//! Receipts: the enclave's signature under which request got which answer from what.
//!
//! A receipt travels inside the sealed answer. Its key stands in the attested claims, so whoever holds
//! the evidence can verify it, and a client refuses an answer whose receipt names anything else than
//! what it verified.

use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use strongroom_proto::cbor::{self, Bounds};
use strongroom_seal::digest::{
    AuditCommitment, ControlsDigest, ModelDigest, OutcomeDigest, ReleaseDigest, RequestDigest,
};
use strongroom_seal::key::{SigningKey, VerifyingKey};
use strongroom_seal::label;
use strongroom_seal::signed;

use crate::UnixMillis;
use crate::claims::{BootId, Claims};
use crate::release::Treatment;

/// Bytes of a signed receipt.
pub const MAX_RECEIPT_BYTES: usize = 960;

const RECEIPT_CBOR: Bounds = Bounds { max_bytes: 2048, max_depth: 6, max_items: 96 };

/// What the enclave signs with every answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The request as it was sealed.
    pub request: RequestDigest,
    /// The outcome as it was sealed.
    pub outcome: OutcomeDigest,
    /// The model that answered; absent when none was reached.
    pub model: Option<ModelDigest>,
    /// The release in force.
    pub release: ReleaseDigest,
    /// Its epoch.
    pub epoch: u64,
    /// Its public controls.
    pub controls: ControlsDigest,
    /// How the outputs were treated; absent when there are none.
    pub treatment: Option<Treatment>,
    /// Whether rows may be those of other members of an ensemble that voted; `model` names the first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub voted: bool,
    /// What is left of the key's allowances after this answer.
    pub budget: Budget,
    /// This run of the enclave.
    pub boot: BootId,
    /// Number of this receipt among those of the key in this boot, from 1; absent for a key that was refused.
    pub index: Option<u64>,
    /// What the audit log's head is after the record of this answer. Opaque without that record.
    pub audit: Option<AuditCommitment>,
    /// When, by the enclave's clock: `anchor` carried on by a monotonic clock.
    pub time: UnixMillis,
    /// Time of the NSM's document that the clock goes by.
    pub anchor: UnixMillis,
}

/// What is left of one key's allowances. Absent is what is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Rows until the end of the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_today: Option<u64>,
    /// Rows altogether.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Bits of released information until the end of the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits_today: Option<u64>,
    /// Bits of released information altogether.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<u64>,
}

/// Why a receipt was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not signed by the receipt key of the claims.
    #[error("the receipt is not signed by the key of the claims")]
    Signature,
    /// About another request or outcome.
    #[error("the receipt is about another request or answer")]
    Other,
    /// Names another release, controls, boot or model than the claims.
    #[error("the receipt names something else than what was verified")]
    NotVerified,
    /// Could not be made.
    #[error("the receipt could not be signed")]
    Sign,
}

impl Receipt {
    /// Signs the receipt.
    ///
    /// # Errors
    /// [`ReceiptError::Sign`] when the random source fails.
    pub fn sign(&self, key: &SigningKey, random: &dyn SecureRandom) -> Result<Vec<u8>, ReceiptError> {
        let payload = cbor::encode(self).map_err(|_| ReceiptError::Sign)?;
        signed::sign(label::RECEIPT, payload, key, random).map_err(|_| ReceiptError::Sign)
    }

    /// Verifies a receipt under one key.
    ///
    /// # Errors
    /// [`ReceiptError::Signature`] for anything that this key did not sign as a receipt.
    pub fn open(document: &[u8], key: &VerifyingKey) -> Result<Self, ReceiptError> {
        let keys = std::slice::from_ref(key);
        let opened = signed::open(label::RECEIPT, document, keys, RECEIPT_CBOR);
        let opened = opened.map_err(|_| ReceiptError::Signature)?;
        cbor::decode(opened.payload(), RECEIPT_CBOR).map_err(|_| ReceiptError::Signature)
    }

    /// Verifies that the receipt is about this exchange and names what the claims name.
    ///
    /// # Errors
    /// See [`ReceiptError`].
    pub fn judge(
        document: &[u8],
        claims: &Claims,
        request: RequestDigest,
        outcome: OutcomeDigest,
    ) -> Result<Self, ReceiptError> {
        let receipt = Self::open(document, &claims.receipt_key)?;
        if (receipt.request, receipt.outcome) != (request, outcome) {
            return Err(ReceiptError::Other);
        }
        let same = (receipt.release, receipt.epoch, receipt.controls, receipt.boot);
        let known = |digest: ModelDigest| claims.models.iter().any(|model| model.digest == digest);
        if same != (claims.release, claims.epoch, claims.controls, claims.boot)
            || !receipt.model.is_none_or(known)
        {
            return Err(ReceiptError::NotVerified);
        }
        Ok(receipt)
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use strongroom_seal::digest::CharterDigest;
    use strongroom_seal::key::Algorithm;

    use super::*;
    use crate::release::{Clamp, Detail, ReleasedModel};

    #[test]
    fn a_receipt_holds_for_its_exchange_and_claims_alone() {
        let random = SystemRandom::new();
        let (key, _) = SigningKey::generate(Algorithm::Es256, &random).unwrap();
        let (other, _) = SigningKey::generate(Algorithm::Es256, &random).unwrap();
        let model = ReleasedModel { id: "m@1".parse().unwrap(), digest: ModelDigest::of(b"m") };
        let claims = Claims {
            protocol: 1,
            charter: CharterDigest::of(b"c"),
            release: ReleaseDigest::of(b"r"),
            epoch: 1,
            controls: ControlsDigest::of(b"p"),
            models: vec![model],
            channel_key: vec![],
            receipt_key: key.public().clone(),
            boot: BootId::new([1; 16]),
        };
        let receipt = Receipt {
            request: RequestDigest::of(b"q"),
            outcome: OutcomeDigest::of(b"a"),
            model: Some(ModelDigest::of(b"m")),
            release: claims.release,
            epoch: claims.epoch,
            controls: claims.controls,
            treatment: Some(Treatment::EXACT),
            voted: false,
            budget: Budget::default(),
            boot: claims.boot,
            index: Some(1),
            audit: None,
            time: UnixMillis::new(2),
            anchor: UnixMillis::new(1),
        };
        let judge = |receipt: &Receipt, key: &SigningKey| {
            let document = receipt.sign(key, &random).unwrap();
            Receipt::judge(&document, &claims, RequestDigest::of(b"q"), OutcomeDigest::of(b"a"))
        };
        assert_eq!(judge(&receipt, &key), Ok(receipt.clone()));
        assert_eq!(judge(&receipt, &other), Err(ReceiptError::Signature));
        let stale = Receipt { request: RequestDigest::of(b"old"), ..receipt.clone() };
        assert_eq!(judge(&stale, &key), Err(ReceiptError::Other));
        for wrong in [
            Receipt { release: ReleaseDigest::of(b"x"), ..receipt.clone() },
            Receipt { epoch: 2, ..receipt.clone() },
            Receipt { controls: ControlsDigest::of(b"x"), ..receipt.clone() },
            Receipt { boot: BootId::new([2; 16]), ..receipt.clone() },
            Receipt { model: Some(ModelDigest::of(b"x")), ..receipt },
        ] {
            assert_eq!(judge(&wrong, &key), Err(ReceiptError::NotVerified));
        }
    }

    #[test]
    fn the_largest_receipt_fits_its_bound() {
        let random = SystemRandom::new();
        let (key, _) = SigningKey::generate(Algorithm::Es256, &random).unwrap();
        let left = Some(u64::MAX);
        let treatment = Treatment {
            detail: Detail::TopK(u32::MAX),
            clamp: Some(Clamp { min: -0.1, max: 0.1 }),
            temperature: Some(0.1),
            noise: Some(0.1),
            decimals: Some(9),
        };
        let receipt = Receipt {
            request: RequestDigest::of(b"q"),
            outcome: OutcomeDigest::of(b"a"),
            model: Some(ModelDigest::of(b"m")),
            release: ReleaseDigest::of(b"r"),
            epoch: u64::MAX,
            controls: ControlsDigest::of(b"c"),
            treatment: Some(treatment),
            voted: true,
            budget: Budget { rows_today: left, rows: left, bits_today: left, bits: left },
            boot: BootId::new([1; 16]),
            index: left,
            audit: Some(AuditCommitment::of(b"h")),
            time: UnixMillis::new(u64::MAX),
            anchor: UnixMillis::new(u64::MAX),
        };
        let document = receipt.sign(&key, &random).unwrap();
        assert!(document.len() <= MAX_RECEIPT_BYTES, "{}", document.len());
        assert_eq!(Receipt::open(&document, key.public()), Ok(receipt));
    }
}
