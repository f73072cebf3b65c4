//! What clients reach: the two routes of the protocol, over HTTP.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use strongroom_link::{LinkError, Mux};
use strongroom_proto::Code;
use strongroom_proto::frame::Kind;
use tokio::net::TcpListener;

use super::{Plot, Relay};

const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(60);

pub(super) struct Edge {
    listener: TcpListener,
    address: SocketAddr,
    plot: Arc<Plot>,
}

impl Edge {
    pub(super) async fn bind(plot: Arc<Plot>) -> Result<Self, LinkError> {
        let io = |error: std::io::Error| LinkError::Io(error.kind());
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(io)?;
        let address = listener.local_addr().map_err(io)?;
        Ok(Self { listener, address, plot })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) async fn serve(self) {
        let routes = Router::new()
            .route("/v1/hello", post(async |State(plot), body| relay(plot, Kind::Hello, body).await))
            .route("/v1/message", post(async |State(plot), body| relay(plot, Kind::Message, body).await))
            .layer(DefaultBodyLimit::disable())
            .with_state(self.plot);
        // It ends with the test.
        let _ = axum::serve(self.listener, routes).await;
    }
}

async fn relay(plot: Arc<Plot>, kind: Kind, body: Bytes) -> (StatusCode, Vec<u8>) {
    plot.tape.record(&body);
    let held = Duration::ZERO;
    let way_in = Relay { inbound: true, kind, status: 0, body: body.to_vec(), passed_on: true, held };
    let way_in = plot.misdo(way_in);
    tokio::time::sleep(way_in.held).await;
    let way_out = if way_in.passed_on {
        let (status, body) = plot.ask(kind, way_in.body).await;
        let way_out = plot.misdo(Relay { inbound: false, kind, status, body, passed_on: true, held });
        tokio::time::sleep(way_out.held).await;
        way_out
    } else {
        way_in
    };
    let status = StatusCode::from_u16(way_out.status).unwrap_or(StatusCode::OK);
    (status, way_out.body)
}

impl Plot {
    fn misdo(&self, mut relay: Relay) -> Relay {
        if let Some(relayed) = &mut self.misdeeds.lock().unwrap_or_else(PoisonError::into_inner).relayed {
            relayed(&mut relay);
        }
        relay
    }

    /// Asks the enclave on a connection of its own.
    pub(crate) async fn ask(&self, kind: Kind, body: Vec<u8>) -> (u16, Vec<u8>) {
        self.tape.record(&body);
        let lost = (503, Vec::new());
        let Ok(stream) = self.enclave.connect(CONNECT).await else { return lost };
        let Ok(reply) = Mux::new(stream).call(kind, body.into(), ANSWER).await else { return lost };
        self.tape.record(&reply.body);
        let Ok((code, payload)) = reply.into_coded() else { return lost };
        (status(code), payload.to_vec())
    }
}

/// The status of a code, as section 6 of the protocol has it.
const fn status(code: Code) -> u16 {
    match code {
        Code::Ok => 200,
        Code::Malformed => 400,
        Code::TooLarge => 413,
        Code::Misdirected => 421,
        Code::Busy => 429,
        Code::Unavailable => 503,
    }
}
