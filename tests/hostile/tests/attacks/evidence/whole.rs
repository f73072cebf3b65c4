//! Genuine evidence, of another enclave or for somebody else.

use std::sync::Arc;
use std::time::Duration;

use strongroom_hostile::{Found, Misdeeds, Scene, Tape};
use strongroom_link::{Endpoint, Mux};
use strongroom_proto::frame::Kind;
use strongroom_proto::hello::{Evidence, NONCE_BYTES};

use super::{answering, attacks, draft, judged};

attacks! { Evidence;
    /// answers a hello with evidence that another client got
    evidence_for_another_client("a session with an enclave that may be gone", "exit 12: offer", "offer-own");
    /// answers a hello with evidence from before a restart
    evidence_of_an_earlier_boot("a session with an enclave that is gone", "exit 12: offer", "offer-own");
    /// has the enclave answer another nonce than the client's
    another_nonce("evidence that was made in advance", "exit 12: offer", "offer-own");
    /// answers a hello with what the enclave of another owner says to it, attested under the same root
    another_owners_enclave("every request and API key", "exit 11: charter", "charter-demanded");
    /// sends what another enclave of the same owner and image claims of itself under this one's document
    another_enclaves_channel_key("which of two enclaves can read a request", "exit 14: user-data", "claims-bound");
    /// sends another release that the owner signed in place of the attested one
    another_release_of_the_owner("a client that believes in another release than is in force", "exit 14: claims", "claims-release");
}

async fn evidence_for_another_client() -> Found {
    let mut kept = None;
    let scene = Scene::serving().await.unwrap();
    scene.host.turns_to(answering(move |evidence| {
        let first = kept.get_or_insert_with(|| evidence.clone());
        evidence.clone_from(first);
    }));
    assert_eq!(scene.verdict().await.unwrap(), Found::SUCCEEDED, "the first client gets its own");
    scene.found(scene.verdict().await.unwrap())
}

async fn evidence_of_an_earlier_boot() -> Found {
    let mut scene = Scene::serving().await.unwrap();
    let (_, earlier) = scene.client().unwrap().hello().await;
    scene.restart().await.unwrap();
    scene.wait_until_serving().await.unwrap();
    scene.host.turns_to(answering(move |evidence| evidence.clone_from(&earlier.body)));
    scene.found(scene.verdict().await.unwrap())
}

async fn another_nonce() -> Found {
    judged(Misdeeds::default().relayed(|relay| {
        if relay.inbound && relay.kind == Kind::Hello {
            relay.body.fill(7);
        }
    }))
    .await
}

/// What the enclave at this endpoint answers, asked on a thread of its own.
pub(crate) fn asks(tape: &Tape, enclave: Endpoint, kind: Kind, body: Vec<u8>) -> Vec<u8> {
    const LIMIT: Duration = Duration::from_secs(20);
    let asked = async move {
        let stream = enclave.connect(LIMIT).await.unwrap();
        let reply = Mux::new(stream).call(kind, body.into(), LIMIT).await.unwrap();
        reply.into_coded().unwrap().1.to_vec()
    };
    let thread = std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(asked)
    });
    let said = thread.join().unwrap();
    tape.record(&said);
    said
}

/// Its evidence.
fn says(tape: &Tape, enclave: Endpoint, nonce: Vec<u8>) -> Evidence {
    Evidence::decode(&asks(tape, enclave, Kind::Hello, nonce)).unwrap()
}

async fn another_enclaves_channel_key() -> Found {
    let scene = Scene::serving().await.unwrap();
    let another = scene.another("another").await.unwrap();
    let (tape, endpoint) = (Arc::clone(scene.tape()), scene.sockets.endpoint("another"));
    let claims = says(&tape, endpoint, vec![7; NONCE_BYTES]).claims;
    scene.host.turns_to(super::rewriting(move |evidence| {
        assert_ne!(evidence.claims, claims, "each boot has keys of its own");
        evidence.claims.clone_from(&claims);
    }));
    let said = scene.verdict().await.unwrap();
    drop(another);
    scene.found(said)
}

async fn another_owners_enclave() -> Found {
    let (scene, other) = (Scene::serving().await.unwrap(), Scene::serving().await.unwrap());
    let (pki, enclave) = (scene.ground.pki.clone(), other.sockets.endpoint("enclave"));
    let tape = Arc::clone(scene.tape());
    scene.host.turns_to(Misdeeds::default().relayed(move |relay| {
        if relay.kind != Kind::Hello {
            return;
        }
        let mut evidence = says(&tape, enclave.clone(), relay.body.clone());
        let leaf = pki.issue_leaf(strongroom_e2e::now()).unwrap();
        evidence.document = draft(&evidence, &pki, &leaf).sign(&leaf).unwrap();
        (relay.body, relay.status, relay.passed_on) = (evidence.encode().unwrap(), 200, false);
    }));
    scene.found(scene.verdict().await.unwrap())
}

async fn another_release_of_the_owner() -> Found {
    let scene = Scene::serving().await.unwrap();
    // Another release of the same epoch, which only its time tells from the first.
    let plan =
        strongroom_sim::world::ReleasePlan::first(vec![strongroom_sim::world::bundled_model().unwrap()]);
    scene.owner.release(&plan).await.unwrap();
    let bundle = std::fs::read(scene.ground.layout.store().join("release.bundle")).unwrap();
    let other = strongroom_attestation::release::Bundle::decode(&bundle).unwrap();
    scene.host.turns_to(super::rewriting(move |evidence| evidence.release.clone_from(&other.release)));
    scene.found(scene.verdict().await.unwrap())
}
