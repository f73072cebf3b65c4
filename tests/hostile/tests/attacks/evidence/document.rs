//! One fault in a document that is signed under the true root all the same.

use std::time::Duration;

use strongroom_attestation::PcrIndex;
use strongroom_hostile::Found;
use strongroom_proto::hello::Evidence;
use strongroom_sim::nsm::Cbor;

use super::{attacks, changed, set_register, signed};

attacks! { Evidence;
    /// signs a document that names ES256 as its algorithm
    a_weaker_algorithm("a client that lets the sender choose the algorithm", "exit 10: format", "algorithm-fixed");
    /// signs a document that names no algorithm
    no_algorithm("a client that lets the sender choose the algorithm", "exit 10: format", "algorithm-fixed");
    /// signs a document with one more protected header
    one_more_protected_header("a header that one reader heeds and another does not", "exit 10: format", "algorithm-fixed");
    /// puts a header beside the signed ones
    an_unprotected_header("a header that nobody signed", "exit 10: format", "nothing-unprotected");
    /// spells the envelope of a genuine document with a longer length
    a_longer_spelling("one document in many forms", "exit 10: format", "shortest-form");
    /// spells the envelope of a genuine document without its length
    an_envelope_without_a_length("one document in many forms", "exit 10: format", "shortest-form");
    /// signs a payload with a byte behind its map
    a_byte_behind_the_payload("bytes that are signed and read by nobody", "exit 10: format", "nothing-behind-cbor");
    /// signs a document whose field is named twice
    a_field_named_twice("two readers that see two documents", "exit 10: format", "keys-once");
    /// signs a document with a field of another kind of module
    a_field_of_another_module("a document of an instance taken for an enclave's", "exit 10: format", "known-fields");
    /// signs a document with a field that nobody knows
    a_field_nobody_knows("a field that may change what the others mean", "exit 10: format", "known-fields");
    /// signs a document whose module has an empty name
    a_module_without_a_name("a document that no module made", "exit 10: format", "module-named");
    /// signs a document whose registers are said to be SHA256
    another_digest("registers of a weaker digest", "exit 10: format", "digest-named");
    /// signs a document that does not name its digest
    no_digest("registers of a weaker digest", "exit 10: format", "digest-named");
    /// signs a document with a register of 31 bytes
    a_register_of_another_length("registers that are no digests", "exit 10: format", "register-length");
    /// signs a document with a register of index 32
    a_register_too_many("registers that no module has", "exit 10: format", "register-index");
    /// changes the time of a genuine document and keeps its signature
    a_changed_document("a document that says what the host likes", "exit 10: signature", "document-signature");
    /// has a genuine document signed with zeros
    a_signature_of_zeros("a document that says what the host likes", "exit 10: signature", "document-signature");
    /// sends a document of an image in debug mode, with all its registers zero
    a_debug_image("an enclave whose console is open", "exit 13: debug-image", "no-debug-image");
    /// sends a document whose PCR0 alone is zero
    a_pcr0_of_zero("an enclave whose console is open", "exit 13: debug-image", "no-debug-image");
    /// sends a document that does not list PCR2
    no_pcr2("an application that nobody measured", "exit 13: debug-image", "no-debug-image");
    /// sends a document with another PCR0
    another_pcr0("an image that is not the audited one", "exit 11: pcrs", "image-demanded");
    /// sends a document with another PCR1
    another_pcr1("a kernel that is not the audited one", "exit 11: pcrs", "image-demanded");
    /// sends a document with another PCR2
    another_pcr2("an application that is not the audited one", "exit 11: pcrs", "image-demanded");
    /// sends a document with another PCR16
    another_pcr16("an enclave that runs under another owner's charter", "exit 11: pcrs", "charter-measured");
    /// sends a document that does not list PCR16
    no_pcr16("an enclave that runs under no charter", "exit 11: pcrs", "charter-measured");
    /// sends a document that is 301 seconds old
    a_stale_document("an enclave that may have been gone for long", "exit 12: time", "document-age");
    /// sends a document from 90 seconds ahead
    a_document_from_the_future("a document that stays fresh for longer", "exit 12: time", "document-future");
    /// sends a document that commits to no offers
    no_nonce("an old document for a new client", "exit 12: nonce", "offers-bound");
    /// sends a document that commits to no claims
    no_user_data("claims, and with them keys, of the host's own", "exit 14: user-data", "claims-bound");
    /// sends a document that was made with a public key, as those for KMS are
    a_document_made_for_kms("a document for one purpose taken for another", "exit 14: public-key", "no-public-key");
}

fn algorithm(value: i64) -> (Cbor, Cbor) {
    (Cbor::Unsigned(1), Cbor::Negative(value))
}

async fn a_weaker_algorithm() -> Found {
    signed(|draft| draft.protected = Cbor::Map(vec![algorithm(-7)])).await
}

async fn no_algorithm() -> Found {
    signed(|draft| draft.protected = Cbor::Map(Vec::new())).await
}

async fn one_more_protected_header() -> Found {
    let content_type = (Cbor::Unsigned(3), Cbor::Unsigned(0));
    signed(move |draft| draft.protected = Cbor::Map(vec![algorithm(-35), content_type.clone()])).await
}

async fn an_unprotected_header() -> Found {
    let kid = (Cbor::Unsigned(4), Cbor::Bytes(b"key".to_vec()));
    signed(move |draft| draft.unprotected = Cbor::Map(vec![kid.clone()])).await
}

async fn a_longer_spelling() -> Found {
    changed(|evidence| evidence.document = [&[0x98, 0x04], &evidence.document[1..]].concat()).await
}

async fn an_envelope_without_a_length() -> Found {
    changed(|evidence| evidence.document = [&[0x9f], &evidence.document[1..], &[0xff]].concat()).await
}

async fn a_byte_behind_the_payload() -> Found {
    signed(|draft| draft.payload_suffix = vec![0]).await
}

async fn a_field_named_twice() -> Found {
    signed(|draft| draft.fields.insert(0, (Cbor::text("public_key"), Cbor::Bytes(vec![1])))).await
}

async fn a_field_of_another_module() -> Found {
    let registers = Cbor::Map(vec![(Cbor::Unsigned(4), Cbor::Bytes(vec![1; 48]))]);
    signed(move |draft| draft.set("nitrotpm_pcrs", registers.clone())).await
}

async fn a_field_nobody_knows() -> Found {
    signed(|draft| draft.set("more", Cbor::Null)).await
}

async fn a_module_without_a_name() -> Found {
    signed(|draft| draft.set("module_id", Cbor::text(""))).await
}

async fn another_digest() -> Found {
    signed(|draft| draft.set("digest", Cbor::text("SHA256"))).await
}

async fn no_digest() -> Found {
    signed(|draft| draft.set("digest", Cbor::Null)).await
}

async fn a_register_of_another_length() -> Found {
    signed(|draft| set_register(draft, PcrIndex::INSTANCE, Some(vec![1; 31]))).await
}

/// Changes a document, whose signature begins at the place that is given with it.
fn bend(evidence: &mut Evidence, change: impl FnOnce(&mut [u8], usize)) {
    let signature = evidence.document.len() - 96;
    change(&mut evidence.document, signature);
}

async fn a_register_too_many() -> Found {
    signed(|draft| {
        for (name, field) in &mut draft.fields {
            if let (true, Cbor::Map(registers)) = (*name == Cbor::text("pcrs"), field) {
                registers.push((Cbor::Unsigned(32), Cbor::Bytes(vec![1; 48])));
            }
        }
    })
    .await
}

async fn a_changed_document() -> Found {
    // The last digit of the time in milliseconds, which no other check looks at.
    changed(|evidence| {
        bend(evidence, |document, _| {
            let name = b"timestamp";
            let at = document.windows(name.len()).position(|window| window == name).unwrap();
            document[at + name.len() + 8] ^= 1;
        });
    })
    .await
}

async fn a_signature_of_zeros() -> Found {
    changed(|evidence| bend(evidence, |document, signature| document[signature..].fill(0))).await
}

async fn a_debug_image() -> Found {
    signed(|draft| {
        for index in [PcrIndex::IMAGE, PcrIndex::KERNEL, PcrIndex::APPLICATION] {
            set_register(draft, index, Some(vec![0; 48]));
        }
    })
    .await
}

async fn a_pcr0_of_zero() -> Found {
    signed(|draft| set_register(draft, PcrIndex::IMAGE, Some(vec![0; 48]))).await
}

async fn no_pcr2() -> Found {
    signed(|draft| set_register(draft, PcrIndex::APPLICATION, None)).await
}

async fn another(index: PcrIndex) -> Found {
    signed(move |draft| set_register(draft, index, Some(vec![7; 48]))).await
}

async fn another_pcr0() -> Found {
    another(PcrIndex::IMAGE).await
}

async fn another_pcr1() -> Found {
    another(PcrIndex::KERNEL).await
}

async fn another_pcr2() -> Found {
    another(PcrIndex::APPLICATION).await
}

async fn another_pcr16() -> Found {
    another(PcrIndex::CHARTER).await
}

async fn no_pcr16() -> Found {
    signed(|draft| set_register(draft, PcrIndex::CHARTER, None)).await
}

/// A document of this time.
async fn of(time: strongroom_attestation::UnixMillis) -> Found {
    signed(move |draft| draft.set("timestamp", Cbor::Unsigned(time.as_millis()))).await
}

async fn a_stale_document() -> Found {
    of(strongroom_e2e::now().minus(Duration::from_secs(301))).await
}

async fn a_document_from_the_future() -> Found {
    of(strongroom_e2e::now().plus(Duration::from_secs(90))).await
}

async fn no_nonce() -> Found {
    signed(|draft| draft.set("nonce", Cbor::Null)).await
}

async fn no_user_data() -> Found {
    signed(|draft| draft.set("user_data", Cbor::Null)).await
}

async fn a_document_made_for_kms() -> Found {
    signed(|draft| draft.set("public_key", Cbor::Bytes(vec![1; 294]))).await
}
