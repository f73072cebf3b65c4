//! What clients judge before they send a byte.
//!
//! A host that rewrites what it relays has two ways. It can change evidence as it stands; then a binding breaks. Or it can
//! have a module of its own under the true root sign what it likes, as no genuine one would: so each further check of the
//! client is reached alone, and is the only one that can refuse.

mod bindings;
mod certificates;
mod demands;
mod document;
mod form;
mod times;
mod whole;

use std::collections::BTreeMap;
use std::sync::Arc;

use strongroom_attestation::claims::Claims;
use strongroom_attestation::{DocumentRequest, Pcr, PcrIndex, Statement};
use strongroom_hostile::{Attack, Found, Misdeeds, Scene};
use strongroom_proto::frame::Kind;
use strongroom_proto::hello::Evidence;
use strongroom_seal::digest::{CharterDigest, ClaimsDigest, OffersDigest, ReleaseDigest};
use strongroom_sim::nsm::{self, Cbor, Draft};
use strongroom_sim::pki::{Leaf, NitroPki};

use super::attacks;
pub(super) use whole::asks;

pub(super) fn attacks() -> Vec<Attack> {
    [
        whole::ATTACKS,
        bindings::ATTACKS,
        document::ATTACKS,
        certificates::ATTACKS,
        demands::ATTACKS,
        form::ATTACKS,
        times::ATTACKS,
    ]
    .concat()
}

/// A host that rewrites what comes back for a hello.
fn answering(mut change: impl FnMut(&mut Vec<u8>) + Send + 'static) -> Misdeeds {
    Misdeeds::default().relayed(move |relay| {
        if !relay.inbound && relay.kind == Kind::Hello && relay.status == 200 {
            change(&mut relay.body);
        }
    })
}

/// A host that rewrites evidence.
fn rewriting(mut change: impl FnMut(&mut Evidence) + Send + 'static) -> Misdeeds {
    answering(move |body| {
        let mut evidence = Evidence::decode(body).unwrap();
        change(&mut evidence);
        *body = evidence.encode().unwrap();
    })
}

/// How the shipped command judges what this host makes of the evidence of an enclave that serves.
async fn judged(misdeeds: Misdeeds) -> Found {
    let scene = Scene::serving().await.unwrap();
    scene.host.turns_to(misdeeds);
    scene.found(scene.verdict().await.unwrap())
}

/// The same, for evidence that is changed as it stands.
async fn changed(change: impl FnMut(&mut Evidence) + Send + 'static) -> Found {
    judged(rewriting(change)).await
}

/// The same, for a document that is changed and signed again under the true root.
async fn signed(change: impl Fn(&mut Draft) + Send + 'static) -> Found {
    forged(|_| {}, change).await
}

/// The same, for evidence that is changed, and to which a module makes a document that commits to it.
async fn reattested(change: impl Fn(&mut Evidence) + Send + 'static) -> Found {
    forged(change, |_| {}).await
}

async fn forged(
    change: impl Fn(&mut Evidence) + Send + 'static,
    then: impl Fn(&mut Draft) + Send + 'static,
) -> Found {
    let scene = Scene::serving().await.unwrap();
    forge(&scene, change, then);
    scene.found(scene.verdict().await.unwrap())
}

/// From now on the host of this scene changes evidence and has it signed.
fn forge(
    scene: &Scene,
    change: impl Fn(&mut Evidence) + Send + 'static,
    then: impl Fn(&mut Draft) + Send + 'static,
) {
    let pki = Arc::clone(&scene.ground.pki);
    scene.host.turns_to(rewriting(move |evidence| {
        change(evidence);
        let leaf = pki.issue_leaf(strongroom_e2e::now()).unwrap();
        let mut draft = draft(evidence, &pki, &leaf);
        then(&mut draft);
        evidence.document = draft.sign(&leaf).unwrap();
    }));
}

/// How the shipped command judges evidence with this release in place of the genuine one, claimed and attested.
pub(super) async fn shown(scene: Scene, release: Vec<u8>) -> Found {
    let release = move |evidence: &mut Evidence| {
        evidence.release.clone_from(&release);
        let digest = ReleaseDigest::of(&evidence.release);
        claiming(evidence, |claims| claims.release = digest);
    };
    forge(&scene, release, |_| {});
    scene.found(scene.verdict().await.unwrap())
}

/// Changes the claims of evidence.
fn claiming(evidence: &mut Evidence, change: impl FnOnce(&mut Claims)) {
    let mut claims = Claims::decode(&evidence.claims).unwrap();
    change(&mut claims);
    evidence.claims = claims.encode().unwrap();
}

/// What a module under this PKI would write of the enclave that made this evidence: the same registers and time, and
/// commitments to charter, offers and claims as they stand in it.
fn draft(evidence: &Evidence, pki: &NitroPki, leaf: &Leaf) -> Draft {
    let stated = Statement::peek_unverified(&evidence.document).unwrap();
    let pcrs = stated.pcrs().keys().filter_map(|index| Some((*index, stated.pcr(*index)?)));
    let mut pcrs: BTreeMap<PcrIndex, Pcr> = pcrs.collect();
    pcrs.insert(PcrIndex::CHARTER, Pcr::ZERO.extend(CharterDigest::of(&evidence.charter).as_bytes()));
    let request = DocumentRequest::new()
        .with_nonce(OffersDigest::of(&evidence.offers).as_bytes().to_vec())
        .and_then(|it| it.with_user_data(ClaimsDigest::of(&evidence.claims).as_bytes().to_vec()));
    Draft::genuine(&nsm::Statement {
        module_id: stated.module_id(),
        timestamp: stated.timestamp(),
        pcrs,
        certificate: leaf.certificate(),
        cabundle: pki.cabundle(),
        request: &request.unwrap(),
    })
}

/// Gives a register another value, or leaves it out.
fn set_register(draft: &mut Draft, index: PcrIndex, value: Option<Vec<u8>>) {
    let (key, index) = (Cbor::text("pcrs"), Cbor::Unsigned(index.get().into()));
    for (name, field) in &mut draft.fields {
        if let (true, Cbor::Map(registers)) = (*name == key, field) {
            registers.retain(|(other, _)| *other != index);
            registers.extend(value.clone().map(|bytes| (index.clone(), Cbor::Bytes(bytes))));
        }
    }
}
