//! An application that knows nothing of enclaves, and asks the shipped proxy.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::board::Channel;
use crate::Dice;
use crate::limits::{APPLICATION_TIME, PAUSE};
use crate::reference::Reference;

/// Asks one row after the other. Never returns.
pub(super) async fn ask(url: String, reference: Arc<Reference>, channel: Arc<Channel>, mut dice: Dice) {
    let http = Client::builder(TokioExecutor::new()).build_http();
    loop {
        if let Some(known) = reference.at(dice.place(reference.len())) {
            let sent = Instant::now();
            match tokio::time::timeout(APPLICATION_TIME, post(&http, &url, known.json())).await {
                Ok(Some((200, answer))) => channel.answered(sent, known.is_told(&answer)),
                Ok(Some((status @ (429 | 502 | 503), _))) => channel.none(format!("HTTP status {status}")),
                Ok(Some((status, _))) => channel.unexplained(format!("HTTP status {status}")),
                Ok(None) => channel.none("no connection to the proxy"),
                Err(_) => channel.none("no answer of the proxy in time"),
            }
        }
        tokio::time::sleep(3 * PAUSE).await;
    }
}

async fn post(http: &Client<HttpConnector, Full<Bytes>>, url: &str, body: String) -> Option<(u16, String)> {
    let request = Request::post(format!("{url}/v2/models/fraud/infer")).body(Full::new(Bytes::from(body)));
    let response = http.request(request.ok()?).await.ok()?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.ok()?.to_bytes();
    Some((status, String::from_utf8_lossy(&body).into_owned()))
}
