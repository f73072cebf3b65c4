//! Who signs a document, and whether the pinned root says so.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_hostile::{Found, Scene};
use strongroom_sim::nsm::{Cbor, Draft};
use strongroom_sim::pki::{Basic, CertificatePlan, ChainPlan, KEY_CERT_SIGN, Leaf, NitroPki};

use super::{attacks, draft, rewriting};

attacks! { Evidence;
    /// signs everything under a PKI of its own, whose root the document carries
    a_pki_of_the_hosts_own("an enclave that is none", "exit 10: chain", "path-to-the-root");
    /// puts a leaf of its own under the genuine authorities
    a_leaf_of_the_hosts_own("an enclave that is none", "exit 10: chain", "path-to-the-root");
    /// leaves the last authority out of the bundle
    a_cut_bundle("a path with a gap", "exit 10: chain", "path-to-the-root");
    /// names the authorities in another order
    a_reordered_bundle("a bundle that two readers walk otherwise", "exit 10: chain", "whole-bundle");
    /// puts an authority of its own beside the genuine ones
    a_stranger_in_the_bundle("a certificate that nobody looks at", "exit 10: chain", "whole-bundle");
    /// signs with a leaf that has expired
    an_expired_leaf("the key of an enclave that is long gone", "exit 10: chain", "valid-at-the-time");
    /// signs under an authority that may not have so many below it
    too_long_a_path("an authority that goes beyond what it was given", "exit 10: chain", "path-to-the-root");
    /// signs with a leaf that may sign certificates only
    a_leaf_that_may_not_sign("a key that was made for something else", "exit 10: key-usage", "leaf-usage");
    /// signs with a leaf that does not say that it is no authority
    a_leaf_that_might_be_an_authority("a key that was made for something else", "exit 10: key-usage", "leaf-usage");
    /// signs under an authority that may not sign certificates
    an_issuer_that_may_not_sign("leaves by whoever holds any key", "exit 10: key-usage", "issuer-usage");
    /// signs with a leaf that is an authority
    a_leaf_that_is_an_authority("a key that was made for something else", "exit 10: chain", "authority-flag");
    /// signs under an issuer that is no authority, as any enclave's leaf could be
    an_issuer_that_is_no_authority("leaves by whoever holds any key", "exit 10: chain", "authority-flag");
    /// signs with a key of its own beside the genuine leaf
    a_key_that_is_not_the_leafs("an enclave that is none", "exit 10: signature", "document-signature");
}

/// Documents by this leaf of this PKI, changed, at a client that pins the root of the scene.
async fn by(
    pki: impl FnOnce(&Scene) -> (Arc<NitroPki>, Leaf),
    change: impl Fn(&mut Draft) + Send + 'static,
) -> Found {
    let scene = Scene::serving().await.unwrap();
    let (pki, leaf) = pki(&scene);
    signing(&scene, pki, leaf, change);
    scene.found(scene.verdict().await.unwrap())
}

fn signing(scene: &Scene, pki: Arc<NitroPki>, leaf: Leaf, change: impl Fn(&mut Draft) + Send + 'static) {
    scene.host.turns_to(rewriting(move |evidence| {
        let mut draft = draft(evidence, &pki, &leaf);
        change(&mut draft);
        evidence.document = draft.sign(&leaf).unwrap();
    }));
}

fn list(bundle: Vec<Vec<u8>>) -> Cbor {
    Cbor::Array(bundle.into_iter().map(Cbor::Bytes).collect())
}

fn genuine(scene: &Scene) -> (Arc<NitroPki>, Leaf) {
    let pki = Arc::clone(&scene.ground.pki);
    let leaf = pki.issue_leaf(scene.now()).unwrap();
    (pki, leaf)
}

fn own() -> (Arc<NitroPki>, Leaf) {
    let now = strongroom_e2e::now();
    let pki = NitroPki::generate(now).unwrap();
    let leaf = pki.issue_leaf(now).unwrap();
    (Arc::new(pki), leaf)
}

async fn a_pki_of_the_hosts_own() -> Found {
    by(|_| own(), |_| {}).await
}

async fn a_leaf_of_the_hosts_own() -> Found {
    by(|scene| (Arc::clone(&scene.ground.pki), own().1), |_| {}).await
}

/// Documents whose bundle is changed.
async fn bundled(change: impl Fn(&mut Vec<Vec<u8>>) + Send + 'static) -> Found {
    let scene = Scene::serving().await.unwrap();
    let (pki, leaf) = genuine(&scene);
    let mut bundle = pki.cabundle();
    change(&mut bundle);
    signing(&scene, pki, leaf, move |draft| draft.set("cabundle", list(bundle.clone())));
    scene.found(scene.verdict().await.unwrap())
}

async fn a_cut_bundle() -> Found {
    bundled(|bundle| bundle.truncate(3)).await
}

async fn a_reordered_bundle() -> Found {
    bundled(|bundle| bundle.swap(1, 2)).await
}

async fn a_stranger_in_the_bundle() -> Found {
    let stranger = own().0.cabundle()[1].clone();
    bundled(move |bundle| bundle.push(stranger.clone())).await
}

/// A leaf of another shape under the genuine authorities.
async fn with_leaf(change: impl FnOnce(&mut CertificatePlan)) -> Found {
    let mut plan = CertificatePlan::leaf(strongroom_e2e::now());
    change(&mut plan);
    let issued = |scene: &Scene| {
        let pki = Arc::clone(&scene.ground.pki);
        let leaf = pki.issue_leaf_from(&plan).unwrap();
        (pki, leaf)
    };
    by(issued, |_| {}).await
}

async fn an_expired_leaf() -> Found {
    let hour = Duration::from_secs(3600);
    with_leaf(|plan| {
        plan.not_before = strongroom_e2e::now().minus(hour * 4);
        plan.not_after = strongroom_e2e::now().minus(hour);
    })
    .await
}

async fn a_leaf_that_may_not_sign() -> Found {
    with_leaf(|plan| plan.key_usage = Some(KEY_CERT_SIGN)).await
}

async fn a_leaf_that_might_be_an_authority() -> Found {
    with_leaf(|plan| plan.basic = None).await
}

async fn a_leaf_that_is_an_authority() -> Found {
    with_leaf(|plan| plan.basic = Some(Basic { ca: true, path_length: None })).await
}

/// A root that the client pins, and authorities of another shape below it.
async fn with_authorities(change: impl FnOnce(&mut ChainPlan)) -> Found {
    let scene = Scene::serving().await.unwrap();
    let mut plan = ChainPlan::nitro(scene.now());
    change(&mut plan);
    let pki = NitroPki::from_plan(&plan).unwrap();
    let leaf = pki.issue_leaf(scene.now()).unwrap();
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        STANDARD.encode(pki.root_der())
    );
    let text = std::fs::read_to_string(scene.ground.layout.trust()).unwrap();
    let parts: Vec<_> = text.split("\"\"\"").collect();
    let pinned = [parts[0], "\"\"\"\n", &pem, "\"\"\"", parts[2]].concat();
    std::fs::write(scene.ground.layout.trust(), pinned).unwrap();
    signing(&scene, Arc::new(pki), leaf, |_| {});
    scene.found(scene.verdict().await.unwrap())
}

async fn too_long_a_path() -> Found {
    with_authorities(|plan| plan.zonal.basic = Some(Basic { ca: true, path_length: Some(0) })).await
}

async fn an_issuer_that_is_no_authority() -> Found {
    with_authorities(|plan| plan.instance.basic = Some(Basic { ca: false, path_length: None })).await
}

async fn an_issuer_that_may_not_sign() -> Found {
    with_authorities(|plan| {
        plan.instance.key_usage = plan.instance.key_usage.map(|usage| usage & !KEY_CERT_SIGN | 0x80)
    })
    .await
}

async fn a_key_that_is_not_the_leafs() -> Found {
    let scene = Scene::serving().await.unwrap();
    let ((pki, leaf), (_, other)) = (genuine(&scene), own());
    scene.host.turns_to(rewriting(move |evidence| {
        evidence.document = draft(evidence, &pki, &leaf).sign(&other).unwrap();
    }));
    scene.found(scene.verdict().await.unwrap())
}
