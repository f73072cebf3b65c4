//! Hellos: clients that wait in the same moment share one attestation document.
//!
//! The NSM takes about 0.1 s for a document. While it works, further hellos gather for the next one, so
//! evidence scales with clients and not with the NSM.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use ring::rand::SecureRandom;
use strongroom_attestation::channel::{ChannelError, Handshake, OfferKey};
use strongroom_attestation::claims::{Claims, PROTOCOL_VERSION};
use strongroom_attestation::evidence::nonce_digest;
use strongroom_attestation::{DocumentRequest, Nsm};
use strongroom_proto::Code;
use strongroom_proto::hello::{ClientNonce, Evidence, OfferId, write_offers};
use strongroom_proto::limits::MAX_OFFERS_PER_DOCUMENT;
use strongroom_seal::digest::{ClaimsDigest, OffersDigest};
use tokio::sync::{mpsc, oneshot};

use crate::boot::{BootError, Measured};
use crate::limits::{BATCH_WINDOW, MAX_WAITING_HELLOS};
use crate::offers::{Batch, Offer};
use crate::service::Service;
use crate::serving::Serving;

/// A client that waits for evidence.
struct Waiting {
    nonce: ClientNonce,
    reply: oneshot::Sender<Bytes>,
}

/// Where hellos queue.
pub(crate) struct Hellos(mpsc::Sender<Waiting>);

/// The other end of the queue.
pub(crate) struct Queue(mpsc::Receiver<Waiting>);

impl Hellos {
    pub(crate) fn queue() -> (Self, Queue) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING_HELLOS);
        (Self(sender), Queue(receiver))
    }

    /// Waits for evidence that answers `nonce`.
    ///
    /// # Errors
    /// [`Code::Busy`] when the queue is full, [`Code::Unavailable`] when no document could be made.
    pub(crate) async fn evidence(&self, nonce: ClientNonce) -> Result<Bytes, Code> {
        let (reply, evidence) = oneshot::channel();
        self.0.try_send(Waiting { nonce, reply }).map_err(|_| Code::Busy)?;
        evidence.await.map_err(|_| Code::Unavailable)
    }
}

impl Queue {
    /// Serves the queue, one document at a time, until every sender is gone.
    pub(crate) async fn serve(mut self, service: Arc<Service>) {
        let mut waiting = Vec::with_capacity(MAX_OFFERS_PER_DOCUMENT);
        while let Some(first) = self.0.recv().await {
            waiting.push(first);
            tokio::time::sleep(BATCH_WINDOW).await;
            // Whoever finds no place stays in the queue.
            while waiting.len() < MAX_OFFERS_PER_DOCUMENT
                && let Ok(next) = self.0.try_recv()
            {
                waiting.push(next);
            }
            let batch = std::mem::take(&mut waiting);
            let service = Arc::clone(&service);
            // The NSM blocks. A failed batch drops its replies, which the clients see as "unavailable".
            let _ = tokio::task::spawn_blocking(move || answer(&service, batch)).await;
        }
    }
}

fn answer(service: &Service, waiting: Vec<Waiting>) {
    let Some(serving) = service.serving() else { return };
    let nonces: Vec<ClientNonce> = waiting.iter().map(|waiting| waiting.nonce).collect();
    let made = make(&service.measured, service.nsm.as_ref(), service.random.as_ref(), &serving, &nonces);
    let Ok((evidence, offers)) = made else { return };
    service.offers.add(offers, Instant::now(), |serving| service.is_current(serving));
    for client in waiting {
        // A client that left has no use for it.
        let _ = client.reply.send(evidence.clone());
    }
}

fn make(
    measured: &Measured,
    nsm: &dyn Nsm,
    random: &dyn SecureRandom,
    serving: &Arc<Serving>,
    nonces: &[ClientNonce],
) -> Result<(Bytes, Vec<Offer>), BootError> {
    let key = OfferKey::generate(random).map_err(|_: ChannelError| BootError::Random)?;
    let offer = |nonce: &ClientNonce| Ok::<_, BootError>((*nonce, fresh_offer(random)?));
    let offers = nonces.iter().map(offer).collect::<Result<Vec<_>, _>>()?;
    let claims = claims(measured, serving, &key).encode().map_err(|_| BootError::Document)?;
    let listed: Vec<_> = offers.iter().map(|(nonce, offer)| (nonce_digest(*nonce), *offer)).collect();
    let list = write_offers(&listed);
    let request = DocumentRequest::new()
        .with_nonce(OffersDigest::of(&list).as_bytes().to_vec())?
        .with_user_data(ClaimsDigest::of(&claims).as_bytes().to_vec())?;
    let (document, statement) = measured.document(nsm, &request)?;
    let digest = statement.digest().map_err(|_| BootError::Document)?;
    let evidence = Evidence {
        document,
        offers: list,
        claims,
        charter: measured.charter().document().to_vec(),
        release: serving.bundle.release.clone(),
        controls: serving.bundle.controls.clone(),
    };
    let evidence = Bytes::from(evidence.encode().map_err(|_| BootError::Document)?);
    let batch = Arc::new(Batch { key, serving: Arc::clone(serving) });
    let offer = |(nonce, offer): (ClientNonce, OfferId)| Offer {
        batch: Arc::clone(&batch),
        handshake: Handshake { evidence: digest, nonce, offer },
    };
    Ok((evidence, offers.into_iter().map(offer).collect()))
}

fn claims(measured: &Measured, serving: &Serving, key: &OfferKey) -> Claims {
    let release = serving.release.release();
    Claims {
        protocol: PROTOCOL_VERSION,
        charter: measured.charter().digest(),
        release: serving.release.digest(),
        epoch: release.epoch,
        controls: release.controls,
        models: release.models.clone(),
        channel_key: key.public().to_vec(),
        receipt_key: measured.receipt_key().public().clone(),
        boot: measured.boot_id(),
    }
}

fn fresh_offer(random: &dyn SecureRandom) -> Result<OfferId, BootError> {
    let mut id = [0; 16];
    random.fill(&mut id).map_err(|_| BootError::Random)?;
    Ok(OfferId::new(id))
}
