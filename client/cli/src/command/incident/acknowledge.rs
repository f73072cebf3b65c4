//! Whether an enclave serves a release: its verified evidence says so, and nothing else counts.

use std::time::{Duration, Instant};

use serde::Serialize;
use strongroom_client::{Client, Options, TrustFile};
use strongroom_seal::secret::{ApiKey, SECRET_BYTES};
use tokio::task::JoinSet;

use crate::limits::{ACKNOWLEDGE_PAUSE, HELLO_TIME};

/// An enclave that serves the release.
#[derive(Serialize)]
pub(super) struct Acknowledged {
    url: String,
    boot: String,
    epoch: u64,
    seconds: f64,
}

/// Asks every host until its enclave claims the epoch or the time is over. The second list says who does
/// not, and why.
pub(super) async fn wait(
    urls: &[String],
    trust: &TrustFile,
    epoch: u64,
    time: Duration,
) -> (Vec<Acknowledged>, Vec<String>) {
    let since = Instant::now();
    let mut asked = JoinSet::new();
    for url in urls {
        asked.spawn(one(url.clone(), trust.clone(), epoch, since, time));
    }
    let (mut acknowledged, mut missing) = (Vec::new(), Vec::new());
    while let Some(answered) = asked.join_next().await {
        match answered {
            Ok(Ok(line)) => acknowledged.push(line),
            Ok(Err(reason)) => missing.push(reason),
            Err(_) => missing.push("a question was not finished".to_owned()),
        }
    }
    (acknowledged, missing)
}

async fn one(
    url: String,
    trust: TrustFile,
    epoch: u64,
    since: Instant,
    time: Duration,
) -> Result<Acknowledged, String> {
    let options = Options { deadline: HELLO_TIME.min(time), ..Options::default() };
    // No session is opened, so no key is ever shown to anyone.
    let client = Client::connect(&url, trust, ApiKey::take(&mut [0; SECRET_BYTES]), options);
    let client = client.map_err(|error| format!("{url}: {error}"))?;
    let mut last = "no answer".to_owned();
    while since.elapsed() < time {
        match client.verify().await.map(|judged| judged.verified) {
            Ok(Ok(verified)) if verified.claims().epoch >= epoch => {
                let claims = verified.claims();
                let (boot, seconds) = (hex::encode(claims.boot.as_bytes()), since.elapsed().as_secs_f64());
                return Ok(Acknowledged { url, boot, epoch: claims.epoch, seconds });
            }
            Ok(Ok(verified)) => last = format!("still serves epoch {}", verified.claims().epoch),
            Ok(Err(refused)) => last = format!("not verified: {refused}"),
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(ACKNOWLEDGE_PAUSE).await;
    }
    Err(format!("{url}: {last}"))
}

impl std::fmt::Display for Acknowledged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { url, boot, epoch, seconds } = self;
        write!(f, "acknowledged {url} boot {boot} epoch {epoch} after {seconds:.2} s")
    }
}
