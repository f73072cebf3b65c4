//! What the owner of the golden vectors has signed, where several targets need it.

use std::sync::OnceLock;

use strongroom_attestation::charter::SignedCharter;
use strongroom_proto::name::Name;
use strongroom_seal::key::VerifyingKey;

const CHARTER: &[u8] = include_bytes!("../../fuzz/corpus/charter/charter-charter");

/// The charter, opened.
pub(crate) fn charter() -> Option<&'static SignedCharter> {
    static OPENED: OnceLock<Option<SignedCharter>> = OnceLock::new();
    let charter = OPENED.get_or_init(|| SignedCharter::open(CHARTER).ok()).as_ref();
    assert!(charter.is_some(), "the seed is a charter");
    charter
}

/// The owner's keys and the deployment.
pub(crate) fn owner() -> Option<(&'static [VerifyingKey], &'static Name)> {
    let charter = charter()?.charter();
    Some((&charter.keys, &charter.deployment))
}
