//! What a boot leaves to the next: counters, and how far its audit log came. Nothing derived from an input.
//!
//! ```text
//! state  = CBOR { boot: bytes 16, number: uint, sealed: bytes }
//! sealed = AES-256-GCM under HKDF(state key, boot), number as nonce, padded to a power of two
//! ```
//!
//! The state key stands in the private part of a release, which KMS releases to the attested enclave alone. A
//! host can hand over an older state or none: counters are firm for a boot and no longer.

use serde::{Deserialize, Serialize};
use strongroom_attestation::audit::PreviousLog;
use strongroom_attestation::claims::BootId;
use strongroom_controls::ledger::Saved;
use strongroom_proto::cbor::{self, Bounds};
use strongroom_proto::limits::MAX_STATE_BYTES;
use strongroom_proto::name::Name;
use strongroom_seal::limits::RECORD_OVERHEAD_BYTES;
use strongroom_seal::record::Bound;
use strongroom_seal::secret::StateKey;

use crate::limits::MIN_STATE_BYTES;

/// State in the clear.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    pub(crate) counters: Saved,
    pub(crate) audit: Option<PreviousLog>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    boot: BootId,
    number: u64,
    #[serde(with = "serde_bytes")]
    sealed: Vec<u8>,
}

const SEALED_CBOR: Bounds = Bounds { max_bytes: MAX_STATE_BYTES, max_depth: 2, max_items: 8 };
const STATE_CBOR: Bounds = Bounds { max_bytes: MAX_STATE_BYTES, max_depth: 6, max_items: 4_000_000 };

impl State {
    /// Seals what this boot leaves, under a number that it never used before.
    pub(crate) fn seal(
        &self,
        key: &StateKey,
        deployment: &Name,
        boot: BootId,
        number: u64,
    ) -> Option<Vec<u8>> {
        let body = cbor::encode(self).ok()?;
        let bytes = (body.len() + RECORD_OVERHEAD_BYTES).max(MIN_STATE_BYTES).checked_next_power_of_two()?;
        let key = key.record_key(boot.as_bytes()).ok()?;
        let sealed = key.seal(number, Bound(deployment.as_str().as_bytes()), &[&body], bytes).ok()?;
        let state = cbor::encode(&Sealed { boot, number, sealed }).ok()?;
        (state.len() <= MAX_STATE_BYTES).then_some(state)
    }

    /// Opens what an earlier boot of this deployment left. `None` for anything else.
    pub(crate) fn open(bytes: &[u8], key: &StateKey, deployment: &Name) -> Option<Self> {
        let Sealed { boot, number, sealed } = cbor::decode(bytes, SEALED_CBOR).ok()?;
        let key = key.record_key(boot.as_bytes()).ok()?;
        let body = key.open(number, Bound(deployment.as_str().as_bytes()), &sealed).ok()?;
        cbor::decode(body.bytes(), STATE_CBOR).ok()
    }
}

#[cfg(test)]
mod tests {
    use strongroom_attestation::UnixMillis;
    use strongroom_attestation::release::Limits;
    use strongroom_controls::ledger::Holders;
    use strongroom_controls::{Charge, Ledger};
    use strongroom_seal::secret::ApiKeyDigest;

    use super::*;

    fn sealed(number: u64) -> (Vec<u8>, Saved) {
        let ledger = Ledger::default();
        let (key, limits) = (ApiKeyDigest::new([1; 32]), Limits { rows: Some(9), ..Limits::NONE });
        let holders = Holders { key: (&key, &limits), organisation: None, models: vec![], enclave: None };
        ledger.charge(&holders, Charge { rows: 3, bits: 4 }, UnixMillis::new(1)).unwrap();
        let counters = ledger.save();
        let state = State { counters: counters.clone(), audit: None };
        let key = StateKey::take(&mut [7; 32]);
        (state.seal(&key, &"d".parse().unwrap(), BootId::new([1; 16]), number).unwrap(), counters)
    }

    fn open(bytes: &[u8], key: u8, deployment: &str) -> Option<Saved> {
        let state = State::open(bytes, &StateKey::take(&mut [key; 32]), &deployment.parse().unwrap());
        state.map(|state| state.counters)
    }

    #[test]
    fn state_opens_for_its_key_and_deployment_alone() {
        let (bytes, counters) = sealed(5);
        assert_eq!(open(&bytes, 7, "d"), Some(counters));
        assert_eq!(open(&bytes, 8, "d"), None);
        assert_eq!(open(&bytes, 7, "e"), None);
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            assert_eq!(open(&changed, 7, "d"), None, "byte {position}");
        }
        assert_eq!(open(&[], 7, "d"), None);
    }

    #[test]
    fn its_size_says_little() {
        assert_eq!(sealed(1).0.len(), sealed(2).0.len());
        assert!(sealed(1).0.len() > MIN_STATE_BYTES);
    }
}
