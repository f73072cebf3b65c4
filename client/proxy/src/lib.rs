//! Standard inference APIs on loopback, in front of an enclave that is verified before anything is sent to it.
//!
//! Applications keep the clients they have: the Open Inference Protocol v2 over REST and gRPC, and OpenAI's shape for
//! embeddings. Whoever can reach the listener asks with the proxy's API key and in the clear, so it belongs on loopback,
//! beside the application.
//!
//! - `upstream` is the one way to the enclave: it verifies, asks, counts.
//! - `failure` is the one mapping from what went wrong to HTTP and gRPC.
//! - `oip`, `grpc`, `openai` and `page` each speak one language to callers and hold no policy.

mod failure;
mod limits;
mod oip;
mod stats;
mod upstream;

use std::io;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;

pub use failure::{Failure, Fault};
pub use limits::{MAX_BODY_BYTES, REVERIFY_AFTER};
pub use stats::{ModelStats, Stats};
pub use upstream::{Described, Question, Upstream};

/// Serves until `stop` is ready, then finishes what it has begun.
///
/// # Errors
/// What accepting a connection fails with.
pub async fn serve(
    listener: TcpListener,
    upstream: Arc<Upstream>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router(upstream)).with_graceful_shutdown(stop).await
}

/// Every route, REST and gRPC on one port.
fn router(upstream: Arc<Upstream>) -> Router {
    oip::router().with_state(upstream)
}
