//! Open Inference Protocol v2 over REST.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::upstream::Upstream;

/// The routes below `/v2`.
pub(crate) fn router() -> Router<Arc<Upstream>> {
    Router::new().route("/v2/health/live", get(|| async { r#"{"live":true}"# }))
}
