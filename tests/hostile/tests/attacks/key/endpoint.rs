//! Whoever stands at the far end in place of KMS, and what becomes of the bytes on the way there.

use std::net::SocketAddr;
use std::time::Duration;

use strongroom_attestation::UnixMillis;
use strongroom_hostile::{Found, Misdeeds};
use strongroom_sim::pki::{ServerIdentity, TlsCa};
use strongroom_sim::world::{Ground, Owner};
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::far::{Far, KMS_HOST, Wire, authority, elsewhere, honestly};
use super::{misdeeds, refused, refused_for_a_while, said, unchanged};

/// Longer than a certificate of the authority is valid.
const AGES: u64 = 11 * 365 * 24 * 60 * 60;

/// Passes all on to KMS, behind a TLS of its own.
async fn in_between(wire: impl FnOnce(&Ground) -> Wire) -> Found {
    let (far, options) = Far::scene().await;
    refused(options, async move |ground: &Ground, _: &Owner| {
        far.serve(ground, wire(ground), honestly());
        Ok(())
    })
    .await
}

fn issue(ca: &TlsCa, name: &str, now: UnixMillis) -> Wire {
    Wire::Tls(ca.issue_server(name, now).unwrap(), &TLS13)
}

pub(super) async fn a_certificate_of_another_authority() -> Found {
    let now = strongroom_e2e::now();
    in_between(|_| issue(&TlsCa::generate(now).unwrap(), KMS_HOST, now)).await
}

pub(super) async fn a_certificate_for_another_name() -> Found {
    in_between(|ground| issue(&authority(ground), "kms.example.com", strongroom_e2e::now())).await
}

pub(super) async fn an_expired_certificate() -> Found {
    let then = strongroom_e2e::now().minus(Duration::from_secs(AGES));
    in_between(|ground| issue(&authority(ground), KMS_HOST, then)).await
}

pub(super) async fn a_self_signed_certificate() -> Found {
    let (ca, folder) = (TlsCa::generate(strongroom_e2e::now()).unwrap(), tempfile::tempdir().unwrap());
    ca.save(folder.path()).unwrap();
    let key_pkcs8 = std::fs::read(folder.path().join("tls-ca.pkcs8")).unwrap();
    let identity = ServerIdentity { certificate_der: ca.root_der().to_vec(), key_pkcs8 };
    in_between(|_| Wire::Tls(identity, &TLS13)).await
}

pub(super) async fn an_older_tls() -> Found {
    in_between(|ground| {
        Wire::Tls(authority(ground).issue_server(KMS_HOST, strongroom_e2e::now()).unwrap(), &TLS12)
    })
    .await
}

pub(super) async fn no_tls() -> Found {
    in_between(|_| Wire::Plain).await
}

/// Flips a bit of everything that comes after the handshake's first messages.
async fn flips(way: bool) -> Found {
    const HANDSHAKE: u8 = 0x16;
    let flip = move |outbound: bool, bytes: &mut Vec<u8>| {
        if outbound == way
            && bytes.first() != Some(&HANDSHAKE)
            && let Some(last) = bytes.last_mut()
        {
            *last ^= 1;
        }
    };
    let (scene, said) = said(misdeeds(Misdeeds::default().carried(flip)), unchanged).await;
    refused_for_a_while(scene, said).await
}

pub(super) async fn a_flipped_request() -> Found {
    flips(true).await
}

pub(super) async fn a_flipped_answer() -> Found {
    flips(false).await
}

pub(super) async fn a_tunnel_to_nowhere() -> Found {
    // Nobody listens where nobody may.
    let (scene, said) = said(elsewhere(SocketAddr::from(([127, 0, 0, 1], 1))), unchanged).await;
    refused_for_a_while(scene, said).await
}
