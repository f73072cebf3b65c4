//! Charter, offers, claims, release and controls that do not belong together, or not to this client.

use strongroom_attestation::claims::{BootId, Claims};
use strongroom_attestation::release::{decode_controls, encode_controls};
use strongroom_hostile::{Found, Scene};
use strongroom_proto::hello::Evidence;
use strongroom_seal::digest::{CharterDigest, ControlsDigest, ModelDigest, ReleaseDigest};
use strongroom_seal::key::{Algorithm, SigningKey};

use super::{attacks, changed, claiming, forge, reattested, rewriting};

attacks! { Evidence;
    /// puts a channel key of its own into the claims
    a_channel_key_of_the_hosts_own("every request and API key", "exit 14: user-data", "claims-bound");
    /// puts a receipt key of its own into the claims
    a_receipt_key_of_the_hosts_own("receipts that the host can make", "exit 14: user-data", "claims-bound");
    /// changes the boot that the claims name
    another_boot_id("which run of the enclave answered", "exit 14: user-data", "claims-bound");
    /// leaves a model out of the claims
    a_model_left_out("which models are loaded", "exit 14: user-data", "claims-bound");
    /// has claims of another version of the protocol attested
    another_protocol("claims that are read by other rules", "exit 14: claims", "claims-protocol");
    /// has claims attested that name another charter
    claims_of_another_charter("whose deployment it is", "exit 14: claims", "claims-charter");
    /// has claims attested that name another release
    claims_of_another_release("which release is in force", "exit 14: claims", "claims-release");
    /// has claims attested that name other controls
    claims_of_other_controls("how a request is treated", "exit 14: claims", "claims-controls");
    /// has claims attested with another epoch than the release's
    claims_of_another_epoch("an older release under a newer number", "exit 14: release", "claims-fit-release");
    /// has claims attested with a model that the release does not name
    a_model_that_is_not_released("a model that the owner did not release", "exit 14: release", "claims-fit-release");
    /// shows public controls that the release does not name, and has claims of them attested
    controls_that_are_not_released("a client that believes in controls nobody applies", "exit 14: release", "release-controls");
    /// flips a bit of the release's signature, and has claims of it attested
    a_release_that_nobody_signed("models and controls of the host's own", "exit 21: release", "document-signed");
    /// sends a list of offers with a stranger's behind it
    one_more_offer("a list of offers that is not the enclave's", "exit 12: nonce", "offers-bound");
    /// sends each offer twice
    doubled_offers("a list of offers that is not the enclave's", "exit 12: nonce", "offers-bound");
    /// puts an offer of its own before the client's
    an_offer_ahead("a list of offers that is not the enclave's", "exit 12: nonce", "offers-bound");
    /// gives the client the offer that was made to the host
    the_hosts_own_offer("a session in which the host takes part", "exit 12: nonce", "offers-bound");
    /// has an empty list of offers attested
    no_offers("evidence that was made for nobody", "exit 12: offer", "offer-own");
    /// has a list of offers attested that ends inside an offer
    a_ragged_list("a list that two readers cut otherwise", "exit 10: offer", "offers-whole");
    /// sends a charter of its own, which names its own key, with everything else attested under it
    a_charter_of_the_hosts_own("a deployment that belongs to the host", "exit 11: charter", "charter-demanded");
    /// sends a charter of its own to a client that demands the owner's key, and lists that key too
    a_charter_that_lists_the_owner("a deployment that belongs to the host", "exit 21: charter", "charter-signer");
    /// flips a bit of the charter's signature for a client that demands the owner's key
    a_charter_that_nobody_signed("a deployment that belongs to the host", "exit 21: charter", "document-signed");
}

/// Other claims, to which the document does not commit.
async fn claims(change: impl Fn(&mut Claims) + Send + 'static) -> Found {
    changed(move |evidence| claiming(evidence, &change)).await
}

/// Other claims, to which a document under the true root commits.
async fn attested(change: impl Fn(&mut Claims) + Send + 'static) -> Found {
    reattested(move |evidence| claiming(evidence, &change)).await
}

async fn a_channel_key_of_the_hosts_own() -> Found {
    claims(|claims| claims.channel_key.reverse()).await
}

async fn a_receipt_key_of_the_hosts_own() -> Found {
    let key = stranger(Algorithm::Es256).public().clone();
    claims(move |claims| claims.receipt_key = key.clone()).await
}

async fn another_boot_id() -> Found {
    claims(|claims| claims.boot = BootId::new([7; 16])).await
}

async fn a_model_left_out() -> Found {
    claims(|claims| claims.models.clear()).await
}

async fn another_protocol() -> Found {
    attested(|claims| claims.protocol += 1).await
}

async fn claims_of_another_charter() -> Found {
    attested(|claims| claims.charter = CharterDigest::of(b"another")).await
}

async fn claims_of_another_release() -> Found {
    attested(|claims| claims.release = ReleaseDigest::of(b"another")).await
}

async fn claims_of_other_controls() -> Found {
    attested(|claims| claims.controls = ControlsDigest::of(b"other")).await
}

async fn claims_of_another_epoch() -> Found {
    attested(|claims| claims.epoch += 1).await
}

async fn a_model_that_is_not_released() -> Found {
    attested(|claims| claims.models[0].digest = ModelDigest::of(b"another")).await
}

async fn controls_that_are_not_released() -> Found {
    reattested(|evidence| {
        let mut controls = decode_controls(&evidence.controls).unwrap();
        controls.audit = !controls.audit;
        evidence.controls = encode_controls(&controls).unwrap();
        let digest = ControlsDigest::of(&evidence.controls);
        claiming(evidence, |claims| claims.controls = digest);
    })
    .await
}

async fn a_release_that_nobody_signed() -> Found {
    reattested(|evidence| {
        *evidence.release.last_mut().unwrap() ^= 1;
        let digest = ReleaseDigest::of(&evidence.release);
        claiming(evidence, |claims| claims.release = digest);
    })
    .await
}

async fn one_more_offer() -> Found {
    changed(|evidence| evidence.offers.extend([0; 64])).await
}

async fn doubled_offers() -> Found {
    changed(|evidence| evidence.offers = evidence.offers.repeat(2)).await
}

async fn an_offer_ahead() -> Found {
    changed(|evidence| evidence.offers = [[7; 64].as_slice(), &evidence.offers].concat()).await
}

async fn the_hosts_own_offer() -> Found {
    const NONCE_DIGEST: usize = 48;
    let scene = Scene::serving().await.unwrap();
    let (_, hosts) = scene.client().unwrap().hello().await;
    let hosts = Evidence::decode(&hosts.body).unwrap().offers;
    scene.host.turns_to(rewriting(move |evidence| {
        evidence.offers[NONCE_DIGEST..64].copy_from_slice(&hosts[NONCE_DIGEST..64]);
    }));
    scene.found(scene.verdict().await.unwrap())
}

async fn no_offers() -> Found {
    reattested(|evidence| evidence.offers.clear()).await
}

async fn a_ragged_list() -> Found {
    reattested(|evidence| evidence.offers.push(0)).await
}

/// A key that is nobody's.
fn stranger(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, &ring::rand::SystemRandom::new()).unwrap().0
}

/// Evidence under a charter that is changed or replaced, and attested.
fn under(evidence: &mut Evidence, charter: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    evidence.charter = charter(std::mem::take(&mut evidence.charter));
    let digest = CharterDigest::of(&evidence.charter);
    claiming(evidence, |claims| claims.charter = digest);
}

/// The same charter with one more key, and signed by that.
fn own_charter(genuine: &[u8]) -> Vec<u8> {
    let genuine = strongroom_attestation::charter::SignedCharter::open(genuine).unwrap();
    let (mut charter, key) = (genuine.charter().clone(), stranger(Algorithm::Es384));
    charter.keys.push(key.public().clone());
    charter.sign(&key, &ring::rand::SystemRandom::new()).unwrap()
}

async fn a_charter_of_the_hosts_own() -> Found {
    reattested(|evidence| under(evidence, |genuine| own_charter(&genuine))).await
}

/// A client that demands the owner's key, and no charter in particular.
async fn demanding_the_signer(charter: impl Fn(Vec<u8>) -> Vec<u8> + Send + 'static) -> Found {
    let scene = Scene::serving().await.unwrap();
    let trust = scene.ground.layout.trust();
    let text = std::fs::read_to_string(&trust).unwrap();
    let (before, _) = text.split_once("[charter]").unwrap();
    let signed = std::fs::read(scene.ground.layout.store().join("charter.cose")).unwrap();
    let signed = strongroom_attestation::charter::SignedCharter::open(&signed).unwrap();
    let owner = hex::encode(signed.charter().keys[0].as_bytes());
    std::fs::write(&trust, format!("{before}[charter]\nsigned_by = [\"{owner}\"]\n")).unwrap();
    forge(&scene, move |evidence| under(evidence, &charter), |_| {});
    scene.found(scene.verdict().await.unwrap())
}

async fn a_charter_that_lists_the_owner() -> Found {
    demanding_the_signer(|genuine| own_charter(&genuine)).await
}

async fn a_charter_that_nobody_signed() -> Found {
    demanding_the_signer(|mut genuine| {
        *genuine.last_mut().unwrap() ^= 1;
        genuine
    })
    .await
}
