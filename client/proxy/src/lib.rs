//! Standard inference APIs on loopback, in front of an enclave that is verified before anything is sent to it.
//!
//! Applications keep the clients they have: the Open Inference Protocol v2 over REST and gRPC, and OpenAI's shape for
//! embeddings. Whoever can reach the listener asks with the proxy's API key and in the clear, so it belongs on loopback,
//! beside the application; web pages are kept out even there.
//!
//! - `guard` refuses what comes from web pages.
//! - `upstream` is the one way to the enclave: it verifies, asks, counts.
//! - `failure` is the one mapping from what went wrong to HTTP and gRPC.
//! - `oip`, `grpc`, `openai` and `page` each speak one language to callers and hold no policy.

mod failure;
mod grpc;
mod guard;
mod limits;
mod oip;
mod openai;
mod page;
mod stats;
mod upstream;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use http::Uri;
use tokio::net::TcpListener;

pub use failure::{Failure, Fault};
pub use guard::Hosts;
pub use limits::{MAX_BODY_BYTES, REVERIFY_AFTER};
pub use stats::{ModelStats, Stats};
pub use upstream::{Question, Upstream};

/// What the proxy calls itself, in both languages of the Open Inference Protocol.
const NAME: &str = "strongroom";

/// Its version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Extensions of the protocol that it speaks.
const EXTENSIONS: [&str; 1] = ["binary_tensor_data"];

/// What runs the models in the enclave.
const PLATFORM: &str = "tract_onnx";

/// Serves until `stop` is ready, then finishes what it has begun. Clients reach it by the address that it listens on or as
/// `localhost`.
///
/// # Errors
/// What accepting a connection fails with.
pub async fn serve(
    listener: TcpListener,
    upstream: Arc<Upstream>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let hosts = Hosts::new(listener.local_addr()?.ip(), []);
    serve_hosts(listener, upstream, hosts, stop).await
}

/// Serves as [`serve`] does, for clients that reach it by other names.
///
/// # Errors
/// As for [`serve`].
pub async fn serve_hosts(
    listener: TcpListener,
    upstream: Arc<Upstream>,
    hosts: Hosts,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router(upstream, hosts)).with_graceful_shutdown(stop).await
}

/// Every route, REST and gRPC on one port, behind the guard.
fn router(upstream: Arc<Upstream>, hosts: Hosts) -> Router {
    let no_path = |uri: Uri| async move { refuse(&uri, Failure::new(Fault::Unknown, "no such path")) };
    let other_methods = |uri: Uri| async move {
        refuse(&uri, Failure::new(Fault::Method, "the path has other methods, see the Allow header"))
    };
    let rest = oip::router().merge(openai::router()).merge(page::router()).with_state(Arc::clone(&upstream));
    rest.merge(grpc::router(upstream))
        .fallback(no_path)
        .method_not_allowed_fallback(other_methods)
        .layer(from_fn_with_state(Arc::new(hosts), guard::guard))
}

/// A failure in the language of the path.
fn refuse(uri: &Uri, failure: Failure) -> Response {
    if uri.path().starts_with("/v1/") {
        openai::OpenAiFailure(failure).into_response()
    } else {
        failure.into_response()
    }
}
