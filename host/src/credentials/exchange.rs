//! One HTTP/1.1 request to a service of this machine or node, on a connection of its own.
//!
//! Nothing is followed or asked again, and no proxy is used: what the request carries goes to the
//! address that was configured and nowhere else.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use strongroom_proto::limits::MAX_SMALL_BYTES;
use tokio::time::timeout;

use crate::destination::Destination;
use crate::limits::CREDENTIALS_TIMEOUT;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExchangeError {
    /// None in time.
    Unreachable,
    /// One that is too long or broken, or a request that cannot be sent.
    Unexpected,
}

/// Asks for a path and reads the whole answer, whatever its status.
pub(super) async fn ask(
    to: &Destination,
    method: Method,
    path: &str,
    header: Option<(HeaderName, HeaderValue)>,
) -> Result<Response<Bytes>, ExchangeError> {
    let mut request = Request::builder().method(method).uri(path).header("host", to.to_string());
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|_| ExchangeError::Unexpected)?;
    timeout(CREDENTIALS_TIMEOUT, exchange(to, request)).await.map_err(|_| ExchangeError::Unreachable)?
}

async fn exchange(
    to: &Destination,
    request: Request<Empty<Bytes>>,
) -> Result<Response<Bytes>, ExchangeError> {
    let stream = to.connect().await.map_err(|_| ExchangeError::Unreachable)?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|_| ExchangeError::Unreachable)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(|_| ExchangeError::Unreachable)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_SMALL_BYTES).collect().await;
        Ok(Response::from_parts(head, body.map_err(|_| ExchangeError::Unexpected)?.to_bytes()))
    };
    tokio::pin!(connection, answer);
    tokio::select! {
        answer = &mut answer => answer,
        // The connection may end with the answer already at hand.
        _ = &mut connection => answer.await,
    }
}

/// `HOST[:PORT]` behind a plain `http://`.
pub(super) fn authority(text: &str) -> Option<Destination> {
    text.parse().or_else(|_| format!("{text}:80").parse()).ok()
}
