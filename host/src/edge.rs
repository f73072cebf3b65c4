//! The HTTP edge: opaque bytes in, opaque bytes out.
//!
//! Of a body it knows the length alone. What a client learns in clear is one of the codes of
//! `strongroom_proto`, chosen by the enclave or by a bound of this host, and never a reason.

mod addresses;
mod answer;
mod body;
mod cors;
mod gate;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use strongroom_proto::Code;
use strongroom_proto::frame::Kind;
use strongroom_proto::hello::NONCE_BYTES;
use tokio::time::Instant;

use crate::config::Timing;
use crate::http_server::{Peer, Untaken};
use crate::limits::RETRY_AFTER_S;
use crate::metrics::{Held, Metrics, Route, bump};
use crate::relay::Relay;

pub(crate) use addresses::{Addresses, keep_swept};
use answer::Answer;
use body::Whole;
pub use cors::{NotAnOrigin, Origin};
pub(crate) use gate::Gate;
use gate::Place;

/// What the routes share.
pub(crate) struct Edge {
    pub(crate) relay: Arc<Relay>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) addresses: Option<Arc<Addresses>>,
    pub(crate) gate: Gate,
    /// Whose pages may read answers; nobody's when empty.
    pub(crate) origins: Arc<[Origin]>,
    pub(crate) timing: Timing,
    pub(crate) draining: AtomicBool,
}

type Shared = State<Arc<Edge>>;

/// The routes for clients.
pub(crate) fn router(edge: Arc<Edge>) -> Router {
    let mut sealed = Router::new().route("/v1/hello", post(hello)).route("/v1/message", post(message));
    if !edge.origins.is_empty() {
        sealed = sealed.route_layer(from_fn_with_state(Arc::clone(&edge.origins), cors::permit));
    }
    sealed
        .route("/livez", get(async || text(StatusCode::OK, "ok\n")))
        .route("/readyz", get(readyz))
        .fallback(async || text(StatusCode::NOT_FOUND, "not found\n"))
        .method_not_allowed_fallback(async || text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n"))
        .layer(from_fn_with_state(Arc::clone(&edge), count))
        .with_state(edge)
}

/// The routes for the operator's monitoring.
pub(crate) fn metrics_router(edge: Arc<Edge>) -> Router {
    let metrics = async |State(edge): Shared| {
        let kind = HeaderValue::from_static("text/plain; version=0.0.4");
        ([(CONTENT_TYPE, kind)], edge.metrics.render(&edge.relay))
    };
    Router::new().route("/metrics", get(metrics)).with_state(edge)
}

async fn hello(State(edge): Shared, request: Request) -> Response {
    let evidence = edge.ask(Kind::Hello, request, |bytes| bytes == NONCE_BYTES).await;
    respond(evidence, "application/cbor")
}

async fn message(State(edge): Shared, request: Request) -> Response {
    let sealed = edge.ask(Kind::Message, request, |bytes| bytes > 0).await;
    respond(sealed, "application/octet-stream")
}

async fn readyz(State(edge): Shared) -> Response {
    if edge.relay.is_ready() && !edge.draining.load(Ordering::Relaxed) {
        text(StatusCode::OK, "ready\n")
    } else {
        refusal(Code::Unavailable)
    }
}

impl Edge {
    /// Relays one body. The place is taken before the body is read and kept until the answer is here, or would have had to be.
    async fn ask(&self, kind: Kind, request: Request, fits: fn(usize) -> bool) -> Result<Answer, Code> {
        // Without its address, a request counts as from nowhere.
        let from = request.extensions().get().map_or(Ipv6Addr::UNSPECIFIED.into(), |Peer(address)| *address);
        self.admit(from)?;
        let place = self.gate.enter(kind, from).ok_or(Code::Busy)?;
        let held = Held::new(&self.metrics.in_flight);
        let untaken = request.extensions().get::<Untaken>().cloned().unwrap_or_default();
        let body = body::read(request.into_body(), kind.max_body_bytes(), &self.gate, self.timing).await?;
        if !fits(body.bytes.len()) {
            return Err(Code::Malformed);
        }
        let received = body.bytes.len() as u64;
        let answer = self.relayed(kind, body, (place, held)).await?;
        let answer = Answer::new(answer, &self.gate, &untaken)?;
        self.metrics.request_bytes.fetch_add(received, Ordering::Relaxed);
        self.metrics.answer_bytes.fetch_add(answer.len() as u64, Ordering::Relaxed);
        Ok(answer)
    }

    /// A client that goes stops nothing: the enclave has its message, or will have it, so that it keeps its place meanwhile. Or
    /// one address could have far more in the enclave than it has places, on a connection that others share.
    async fn relayed(&self, kind: Kind, body: Whole, place: (Place, Held)) -> Result<Bytes, Code> {
        let (relay, limit) = (Arc::clone(&self.relay), self.timing.request);
        let call = async move {
            let Whole { bytes, share } = body;
            let answer = relay.call(kind, bytes, limit).await;
            drop((place, share));
            answer
        };
        tokio::spawn(call).await.map_err(|_| Code::Unavailable)?
    }

    /// Counts a request to the address that its connection comes from.
    fn admit(&self, from: IpAddr) -> Result<(), Code> {
        let Some(addresses) = &self.addresses else { return Ok(()) };
        if addresses.admit(from) {
            return Ok(());
        }
        bump(&self.metrics.address_limited);
        Err(Code::Busy)
    }
}

async fn count(State(edge): Shared, request: Request, next: Next) -> Response {
    let (route, started) = (Route::of_path(request.uri().path()), Instant::now());
    let response = next.run(request).await;
    edge.metrics.answered(route, response.status().as_u16(), started.elapsed());
    response
}

fn respond(outcome: Result<Answer, Code>, content_type: &'static str) -> Response {
    match outcome {
        Ok(answer) => {
            let headers = [
                (CONTENT_TYPE, HeaderValue::from_static(content_type)),
                (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ];
            (headers, Body::new(answer)).into_response()
        }
        Err(code) => refusal(code),
    }
}

/// The one mapping from a code to what a client reads in clear.
fn refusal(code: Code) -> Response {
    let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let body = match code {
        Code::Ok => "ok\n",
        Code::Malformed => "malformed\n",
        Code::TooLarge => "too large\n",
        Code::Misdirected => "misdirected\n",
        Code::Busy => "busy\n",
        Code::Unavailable => "unavailable\n",
    };
    let mut response = text(status, body);
    if matches!(code, Code::Busy | Code::Unavailable) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
    }
    response
}

fn text(status: StatusCode, body: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}
