//! The status page: in plain words, whom the proxy talks to, what was checked and what went through.
//!
//! It is made on the server, without scripts and without anything from elsewhere, and shows no content of any request.
//! A page for people is found (200) even where no enclave passes, and says so; `/status.json` then answers 503.

mod facts;
mod html;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderName, StatusCode, header};

use crate::page::facts::Facts;
use crate::upstream::Upstream;

/// The page may show its own style and do nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("page/page.css");

pub(crate) fn router() -> Router<Arc<Upstream>> {
    Router::new().route("/", get(page)).route("/status.json", get(status)).route("/status.css", get(style))
}

async fn page(State(upstream): State<Arc<Upstream>>) -> Response {
    let facts = Facts::gather(&upstream).await;
    guarded(StatusCode::OK, "text/html; charset=utf-8", html::page(&facts))
}

async fn status(State(upstream): State<Arc<Upstream>>) -> Response {
    let facts = Facts::gather(&upstream).await;
    let status = if facts.enclave.is_some() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    match serde_json::to_string_pretty(&facts) {
        Ok(json) => guarded(status, "application/json", json),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn style() -> Response {
    guarded(StatusCode::OK, "text/css; charset=utf-8", STYLE.to_owned())
}

fn guarded(status: StatusCode, kind: &'static str, body: String) -> Response {
    let headers: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body).into_response()
}
