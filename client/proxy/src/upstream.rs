//! The one way to the enclave: a session that was verified, and is verified again when it has to be.
//!
//! What callers may know of models comes from the controls of the verified release, never from the host.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use strongroom_client::{Client, Described, Held, InferAnswer, InferRequest};
use strongroom_proto::name::Name;
use strongroom_seal::tensor::Tensor;

use crate::failure::{Failure, Fault};
use crate::limits::{LOOK_AGAIN_AFTER, READY_TIME};
use crate::stats::Stats;

/// The verified enclave, as the languages of this crate see it.
pub struct Upstream {
    client: Client,
    stats: Stats,
}

/// A request for one inference. No `Debug`: it is plaintext.
pub struct Question {
    /// Which model, or a route that leads to one of several.
    pub model: Name,
    /// Which version; absent asks for the only one there is.
    pub version: Option<Name>,
    /// Input tensors.
    pub inputs: Vec<Tensor<'static>>,
    /// Names of the outputs wanted, all of them when empty.
    pub outputs: Vec<String>,
    /// What is declared of the request where a route chooses by it.
    pub risk: BTreeMap<Name, f64>,
}

impl Upstream {
    /// Takes a client, which decides how often the enclave has to prove itself.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client, stats: Stats::default() }
    }

    /// The session with the verified enclave, opened where there is none.
    ///
    /// # Errors
    /// [`NotReady`](crate::Fault::NotReady) where no enclave passes, [`Key`](crate::Fault::Key) where it refuses the API key.
    pub async fn session(&self) -> Result<Arc<Held>, Failure> {
        Ok(self.client.session().await?)
    }

    /// Counts and latencies.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The client, for what it demands and has seen.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Everything that may be asked: the models that the enclave claims and the trust file allows, and the routes to them.
    ///
    /// # Errors
    /// As for [`Upstream::session`].
    pub async fn models(&self) -> Result<Vec<Described>, Failure> {
        let held = self.session().await?;
        Ok(held.models(self.client.trust()))
    }

    /// One model or route.
    ///
    /// # Errors
    /// As for [`Upstream::session`]; [`Unknown`](crate::Fault::Unknown) where there is none of that name and version, or where the trust file
    /// does not allow it.
    pub async fn model(&self, name: &Name, version: Option<&Name>) -> Result<Described, Failure> {
        let held = self.session().await?;
        held.model(self.client.trust(), name, version).ok_or_else(Failure::unknown_model)
    }

    /// Asks the verified enclave.
    ///
    /// # Errors
    /// See [`Fault`](crate::Fault).
    pub async fn infer(&self, question: Question) -> Result<InferAnswer, Failure> {
        let Question { model, version, inputs, outputs, risk } = question;
        let (asked, begun) = (model.clone(), Instant::now());
        let answer = self.client.infer(InferRequest { model, version, inputs, outputs, risk }).await;
        let answer = answer.map_err(Failure::from);
        // Names that nobody serves are the callers' invention, and there is no end of them.
        if answer.as_ref().err().is_none_or(|failure| failure.fault != Fault::Unknown) {
            self.stats.count(&asked, answer.is_ok(), begun.elapsed());
        }
        answer
    }

    /// Keeps a verified session ready, so that few callers wait for one, and hands on the highest epochs that were seen.
    /// Ends only when dropped.
    pub async fn keep_ready(&self, seen: impl Fn(&BTreeMap<Name, u64>)) {
        loop {
            if let Err(Failure { fault, message, .. }) = self.session().await {
                tracing::warn!(?fault, message, "no verified enclave");
            }
            seen(&self.client.epochs());
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
    }
}

/// A probe wants to know now, not once everything was tried.
pub(crate) async fn in_time<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = |_| Err(Failure::new(Fault::NotReady, "no verified enclave yet"));
    tokio::time::timeout(READY_TIME, work).await.unwrap_or_else(late)
}
