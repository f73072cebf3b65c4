//! The key that KMS releases: who gets it, and what passes for it.

mod answers;
mod asked;
mod credentials;
mod endpoint;
mod far;
mod whose;

use std::fs;

use answers::*;
use asked::*;
use credentials::*;
use endpoint::*;
use strongroom_hostile::{Found, Misdeeds, Scene, SceneOptions};
use strongroom_sim::world::{Ground, Owner, WorldError};
use whose::*;

use super::attacks;

attacks! { Key;
    /// gives KMS another image to pin than the one that runs
    a_policy_for_another_image("an image that the owner did not name gets the keys", "private part: kms refused: access denied", "kms-pins");
    /// gives KMS another charter to pin than the one in PCR16
    a_policy_for_another_charter("a deployment of somebody else gets the keys", "private part: kms refused: access denied", "kms-pins");
    /// starts the enclave under a charter of the host's own that names the owner's KMS key
    a_charter_of_the_hosts_own("the host decides whose releases are served with the owner's keys", "private part: kms refused: access denied", "kms-pins");
    /// starts the enclave under a charter of the host's own with a KMS key of the host's own
    a_charter_with_the_hosts_kms_key("packages are opened with keys that the owner's charter does not name", "private part: the package names a KMS key that the charter does not", "kms-key-in-charter");
    /// flips a bit in the charter's signature
    a_charter_with_a_flipped_bit("a charter that nobody signed", "the enclave ended: exit 1", "charter-signed");
    /// signs the owner's charter with another key
    a_charter_signed_by_another_key("a charter that the owner did not sign", "the enclave ended: exit 1", "charter-signed");
    /// starts the enclave in debug mode
    a_debug_image("the host reads the enclave's memory through its console", "release 1 does not list this image", "image-listed");
    /// changes the enclave's binary
    a_changed_binary("code of the host's own gets the keys", "release 1 does not list this image", "image-listed");
    /// changes the enclave's binary where a release lists the changed image, and the key policy the genuine one alone
    a_changed_image_that_a_release_lists("code of the host's own gets the keys", "private part: kms refused: access denied", "kms-pins");
    /// has another PKI than AWS's sign the attestation
    a_pki_of_the_hosts_own("a machine that is no enclave gets the keys", "private part: kms refused: request is malformed", "kms-attestation");
    /// asks KMS itself with the document of a machine of its own that states the same measurements
    a_document_of_the_hosts_own("the host holds the data key", "ValidationException", "kms-attestation");
    /// puts a key of its own into the document of a captured request and sends it to KMS
    a_captured_document_with_another_key("the host holds the data key", "ValidationException", "kms-attestation");
    /// asks KMS itself with its own credentials and without a document
    a_request_without_a_recipient("the host holds the data key", "AccessDeniedException", "kms-pins");
    /// sends a captured request to KMS once more, as it is
    a_captured_request("the host holds the data key", "made for another recipient key", "recipient-demanded");
    /// strips the recipient off a captured request and signs the rest with its own credentials
    a_stripped_request("the host holds the data key", "AccessDeniedException", "kms-pins");
    /// sends a captured request to KMS with the version in its encryption context changed, signed with its own credentials
    a_captured_request_under_another_context("KMS releases a key for a package that it was not made for", "InvalidCiphertextException", "kms-context");
    /// sends a captured request for a model's key to KMS under the context of the private part, signed with its own credentials
    a_captured_request_with_another_packages_context("KMS releases a key for a package that it was not made for", "InvalidCiphertextException", "kms-context");
    /// stands in for KMS with KMS's own certificate, and changes the encryption context of what it passes on
    a_context_changed_on_the_way("KMS releases a key for a package that it was not made for", "fraud@1: kms refused: request signature is not valid", "kms-context");
    /// puts another model's wrapped key into a model's package
    a_package_with_another_models_key("KMS releases a key for a package that it was not made for", "fraud@1: kms refused: invalid ciphertext or encryption context", "key-context");
    /// puts a model's wrapped key into the private part of a release
    a_private_part_with_a_models_key("KMS releases a key for a package that it was not made for", "private part: kms refused: invalid ciphertext or encryption context", "key-context");
    /// answers the plaintext in place of a ciphertext for the recipient
    a_plaintext_answer("the data key passes in the clear where TLS ends", "private part: kms answer is not acceptable: plaintext in the clear", "no-plaintext");
    /// answers the plaintext beside the ciphertext for the recipient
    a_plaintext_beside_the_answer("the data key passes in the clear where TLS ends", "private part: kms answer is not acceptable: plaintext in the clear", "no-plaintext");
    /// answers in the name of another KMS key
    an_answer_of_another_key("a key that the owner did not choose passes for the owner's", "private part: kms answer is not acceptable: names another key", "answer-names-key");
    /// answers a key that the host chose, and seals weights of its own with it
    a_chosen_key_for_chosen_weights("the host's model answers in the name of the owner's", "fraud@1: content is not what the manifest names", "content-digest");
    /// has more bytes in the answer than any answer of KMS
    a_huge_answer("the enclave's memory is filled from outside", "private part: kms answer is not acceptable: malformed", "answer-bound");
    /// cuts an answer off in its middle
    a_truncated_answer("the enclave gets no key any more", "private part: kms is unreachable", "asked-again");
    /// answers with neither plaintext nor ciphertext
    an_answer_without_a_key("the enclave gets no key any more", "private part: kms answer is not acceptable: no ciphertext for the recipient", "asked-again");
    /// flips a bit of what is sealed to the recipient
    a_garbled_answer("the enclave gets no key any more", "private part: kms answer is not acceptable: ciphertext for the recipient does not open", "asked-again");
    /// redirects to a host of its own
    a_redirecting_answer("the enclave gets no key any more", "private part: kms refused: another reason", "asked-again");
    /// fails every call
    an_answer_that_fails("the enclave gets no key any more", "private part: kms refused: internal failure of the service", "asked-again");
    /// never answers
    an_answer_that_never_comes("the enclave waits for ever", "private part: kms did not answer in time", "kms-in-time");
    /// stands in for KMS with a certificate of its own authority
    a_certificate_of_another_authority("the host reads and changes what KMS is asked and answers", "private part: the other end is not kms under the pinned tls roots", "kms-certificate");
    /// stands in for KMS with a certificate for another name
    a_certificate_for_another_name("the host reads and changes what KMS is asked and answers", "private part: the other end is not kms under the pinned tls roots", "kms-certificate");
    /// stands in for KMS with a certificate that has expired
    an_expired_certificate("the host reads and changes what KMS is asked and answers", "private part: the other end is not kms under the pinned tls roots", "kms-certificate");
    /// stands in for KMS with a certificate that signs itself
    a_self_signed_certificate("the host reads and changes what KMS is asked and answers", "private part: the other end is not kms under the pinned tls roots", "kms-certificate");
    /// speaks TLS 1.2 alone
    an_older_tls("an older handshake is all that hides the answers", "private part: the other end is not kms under the pinned tls roots", "tls-13");
    /// speaks no TLS
    no_tls("the host reads and changes what KMS is asked and answers", "private part: the other end is not kms under the pinned tls roots", "tls");
    /// flips a bit in what goes to KMS
    a_flipped_request("the enclave gets no key any more", "private part: kms is unreachable", "asked-again");
    /// flips a bit in what comes from KMS
    a_flipped_answer("the enclave gets no key any more", "private part: kms is unreachable", "asked-again");
    /// leads the tunnel nowhere
    a_tunnel_to_nowhere("the enclave gets no key any more", "private part: kms is unreachable", "asked-again");
    /// gives the credentials of another role
    credentials_of_another_role("any machine of the account can have the keys released", "private part: kms refused: access denied", "kms-principal");
    /// gives no credentials
    no_credentials("the enclave gets no key any more", "private part: credentials: the host does not have what was asked for", "asked-again");
    /// gives bytes that are no credentials
    malformed_credentials("the enclave gets no key any more", "private part: credentials: the host's answer has another form than asked for", "asked-again");
    /// gives credentials with a line break, which no header can hold
    credentials_that_are_no_header("the enclave panics where nobody asks again", "private part: credentials: the host's answer has another form than asked for", "credentials-visible");
    /// gives credentials that have expired
    expired_credentials("the enclave gets no key any more", "private part: aws credentials have expired", "asked-again");
    /// gives credentials that KMS no longer takes
    credentials_that_expire_on_the_way("the enclave gets no key any more", "private part: kms refused: session token has expired", "asked-again");
    /// gives the credentials of another role once the private part's key was released, before the model's
    credentials_swapped_between_two_keys("any machine of the account can have the models' keys released", "fraud@1: kms refused: access denied", "kms-principal");
    /// gives credentials that KMS no longer takes once the private part's key was released, before the model's
    credentials_that_expire_between_two_keys("the enclave gets no key any more", "fraud@1: kms refused: session token has expired", "asked-again");
    /// gives credentials with another secret
    credentials_with_another_secret("the enclave gets no key any more", "private part: kms refused: request signature is not valid", "asked-again");
    /// starts the enclave while the KMS key is disabled
    a_disabled_key("the enclave gets no key any more", "private part: kms refused: key is disabled", "asked-again");
}

type Changed = Result<(), WorldError>;

/// Sets a scene that is changed before the enclave starts, and waits for what the enclave says of its release.
async fn said(
    options: SceneOptions,
    change: impl AsyncFnOnce(&Ground, &Owner) -> Changed,
) -> (Scene, String) {
    let scene = Scene::set_with(options, change).await.unwrap();
    let said = scene.refusal().await.unwrap();
    (scene, said)
}

/// As [`said`], of an attack that must not get the enclave to serve.
async fn refused(options: SceneOptions, change: impl AsyncFnOnce(&Ground, &Owner) -> Changed) -> Found {
    let (scene, said) = said(options, change).await;
    scene.found(said)
}

/// Of an attack that must not outlast itself: the host is honest from now on, and hands the same release over again.
async fn refused_for_a_while(scene: Scene, said: String) -> Found {
    scene.host.turns_to(Misdeeds::default());
    let bundle = fs::read(scene.ground.layout.store().join("release.bundle")).unwrap();
    let again = scene.hand_over(bundle).await.unwrap();
    scene.found(if again == Found::SUCCEEDED { said } else { Found::SUCCEEDED.to_owned() })
}

fn misdeeds(misdeeds: Misdeeds) -> SceneOptions {
    SceneOptions { misdeeds, ..SceneOptions::default() }
}

#[allow(clippy::unnecessary_wraps, reason = "stands where something can fail")]
async fn unchanged(_: &Ground, _: &Owner) -> Changed {
    Ok(())
}
