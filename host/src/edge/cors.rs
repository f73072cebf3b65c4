//! Which pages of other origins may read what the edge answers (Fetch standard, section 3.2). None, unless the
//! operator says so.
//!
//! An origin that is not listed gets its answers without permission: they are the same opaque bytes that every stranger
//! can ask for, and its browser keeps them from the page. Credentials of a browser are never allowed; there are none.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL,
    ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use serde::Deserialize;

use crate::limits::PREFLIGHT_AGE_S;

/// Any origin.
const ANY: &str = "*";

/// One origin as browsers write it, such as `https://app.example.com`, or `*` for any.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Origin(HeaderValue);

/// The text is not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected *, or an origin as browsers write it: http(s)://HOST[:PORT] in lower case, without a path or a default port"
)]
pub struct NotAnOrigin;

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        if text != ANY && !is_origin(text) {
            return Err(NotAnOrigin);
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| NotAnOrigin)
    }
}

impl TryFrom<String> for Origin {
    type Error = NotAnOrigin;

    fn try_from(text: String) -> Result<Self, NotAnOrigin> {
        text.parse()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// Whether a browser could write this: another spelling would never be met.
fn is_origin(text: &str) -> bool {
    let default_port = if text.starts_with("https:") { 443 } else { 80 };
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    let written = matches!(uri.scheme_str(), Some("http" | "https"))
        && !authority.as_str().contains(['@', '*'])
        && !authority.host().is_empty()
        && !authority.as_str().ends_with(':')
        && authority.port_u16() != Some(default_port);
    let bare = uri.scheme_str().is_some_and(|scheme| text == format!("{scheme}://{authority}"));
    written && bare && text == text.to_ascii_lowercase()
}

/// Answers preflights and permits what the listed origins may read. Put around the two routes that pages need.
pub(super) async fn permit(State(origins): State<Arc<[Origin]>>, request: Request, next: Next) -> Response {
    let permitted = permitted(&origins, request.headers());
    let preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(ORIGIN)
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if preflight { self::preflight(permitted.is_some()) } else { next.run(request).await };
    // What is permitted to one origin may not be taken for another one's out of a cache.
    response.headers_mut().append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = permitted {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response.headers_mut().insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
    }
    response
}

/// The origin that is permitted to read, as it is to be repeated.
fn permitted(origins: &[Origin], headers: &HeaderMap) -> Option<HeaderValue> {
    let asking = headers.get(ORIGIN)?;
    origins.iter().find(|origin| origin.0 == ANY || origin.0 == *asking).map(|origin| origin.0.clone())
}

fn preflight(permitted: bool) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if permitted {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_AGE_S));
    }
    (StatusCode::NO_CONTENT, headers).into_response()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use tower::ServiceExt;

    use super::*;

    async fn ask(origins: &[&str], method: Method, headers: &[(&str, &str)]) -> (u16, HeaderMap) {
        let origins: Arc<[Origin]> = origins.iter().map(|origin| origin.parse().unwrap()).collect();
        let routes = Router::new()
            .route("/v1/hello", post(async || "evidence"))
            .route_layer(from_fn_with_state(origins, permit));
        let mut request = http::Request::builder().method(method).uri("/v1/hello");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = routes.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        (response.status().as_u16(), response.headers().clone())
    }

    fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
        headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[test]
    fn origins_are_written_as_browsers_do() {
        for good in
            ["*", "https://app.example.com", "http://127.0.0.1:8081", "http://[::1]:9", "https://a:80"]
        {
            assert_eq!(good.parse::<Origin>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "null",
            "app.example.com",
            "https://a/",
            "https://a/b",
            "https://a?b",
            "https://A",
            "HTTPS://a",
            "https://a:443",
            "http://a:80",
            "https://u@a",
            "https://*.a.com",
            "ftp://a",
            "https://",
            "https://a:",
            "https://a, https://b",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_listed_origin_may_read_and_see_when_to_come_again() {
        let listed = ["https://b.example", "https://a.example"];
        let (status, headers) = ask(&listed, Method::POST, &[("origin", "https://a.example")]).await;
        assert_eq!(status, 200);
        assert_eq!(header(&headers, "access-control-allow-origin"), Some("https://a.example"));
        assert_eq!(header(&headers, "access-control-expose-headers"), Some("retry-after"));
        assert_eq!(header(&headers, "access-control-allow-credentials"), None);
        assert_eq!(header(&headers, "vary"), Some("origin"));
        let (_, headers) = ask(&["*"], Method::POST, &[("origin", "null")]).await;
        assert_eq!(header(&headers, "access-control-allow-origin"), Some("*"));
    }

    #[tokio::test]
    async fn another_origin_is_answered_without_permission() {
        let listed = ["https://a.example"];
        for other in ["https://a.example.net", "http://a.example", "https://a.example:8443", "null"] {
            let (status, headers) = ask(&listed, Method::POST, &[("origin", other)]).await;
            assert_eq!((status, header(&headers, "access-control-allow-origin")), (200, None), "{other}");
        }
        let (_, headers) = ask(&listed, Method::POST, &[]).await;
        assert_eq!(header(&headers, "access-control-allow-origin"), None);
    }

    #[tokio::test]
    async fn a_preflight_is_answered_here() {
        let listed = ["https://a.example"];
        let asking = |origin| [("origin", origin), ("access-control-request-method", "POST")];
        let (status, headers) = ask(&listed, Method::OPTIONS, &asking("https://a.example")).await;
        assert_eq!(status, 204);
        assert_eq!(header(&headers, "access-control-allow-methods"), Some("POST"));
        assert_eq!(header(&headers, "access-control-allow-headers"), Some("content-type"));
        assert_eq!(header(&headers, "access-control-max-age"), Some(PREFLIGHT_AGE_S));
        let (status, headers) = ask(&listed, Method::OPTIONS, &asking("https://b.example")).await;
        assert_eq!((status, header(&headers, "access-control-allow-origin")), (204, None));
        assert_eq!(header(&headers, "access-control-allow-methods"), None);
        let (status, _) = ask(&listed, Method::OPTIONS, &[]).await;
        assert_eq!(status, 405, "no preflight");
    }
}
