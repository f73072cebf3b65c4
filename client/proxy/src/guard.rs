//! Keeps web pages out.
//!
//! The listener asks with the owner's key and in the clear, and a browser on the same machine lets any page send requests
//! to loopback. So a request is refused where its `Origin` is another than the proxy itself, which a browser always says of
//! a foreign page's POST, and where its `Host` is a name that the proxy does not know, which gives away a page whose name
//! was made to resolve to loopback (DNS rebinding). An image, a script or a form of a foreign page has no `Origin` where it
//! is a GET; browsers name its place in `Sec-Fetch-Site` (W3C Fetch Metadata). No answer ever allows a foreign page to read it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::failure::{Failure, Fault};

/// Where a browser says that a request's page is, seen from the proxy.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a browser does with the answer.
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// What `Host` may say. `localhost` and loopback addresses always may.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    names: Vec<String>,
    address: Option<IpAddr>,
}

impl Hosts {
    /// The address that is listened on, and names under which clients reach it, without ports.
    #[must_use]
    pub fn new(address: IpAddr, names: impl IntoIterator<Item = String>) -> Self {
        Self { names: names.into_iter().collect(), address: Some(address) }
    }

    fn allow(&self, host: &str) -> bool {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = bare.parse::<IpAddr>() {
            // Whoever listens everywhere is reached by any address of the machine, and no name was resolved for it.
            let own = self.address.is_some_and(|own| own.is_unspecified() || own == address);
            return address.is_loopback() || own;
        }
        let known = |name: &str| name.eq_ignore_ascii_case(host);
        known("localhost") || self.names.iter().any(|name| known(name))
    }
}

/// Lets a request pass, or refuses it with 403.
pub(crate) async fn guard(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    match check(&hosts, request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(failure) => crate::refuse(request.uri(), failure),
    }
}

fn check(hosts: &Hosts, uri: &Uri, headers: &HeaderMap) -> Result<(), Failure> {
    let host = || Failure::new(Fault::Key, "the Host header is not a name that the proxy answers to");
    // HTTP/2 has the host in its pseudo-header; a Host header beside it must pass as well.
    let mut named: Vec<Authority> = uri.authority().cloned().into_iter().collect();
    for value in headers.get_all(HOST) {
        named.push(value.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(host)?);
    }
    let passes = |authority: &Authority| !authority.as_str().contains('@') && hosts.allow(authority.host());
    if named.is_empty() || !named.iter().all(passes) {
        return Err(host());
    }
    let foreign = || Err(Failure::new(Fault::Key, "web pages of other origins may not use the proxy"));
    // A link to the status page may be followed from anywhere; a page opened so is no other page's to read.
    let followed = uri.path() == "/" && headers.get(FETCH_MODE).is_some_and(|mode| mode == "navigate");
    let near = |site: &HeaderValue| site == "same-origin" || site == "none";
    if !followed && !headers.get_all(FETCH_SITE).iter().all(near) {
        return foreign();
    }
    let own = |origin: &[u8]| named.iter().any(|own| origin == format!("http://{own}").as_bytes());
    if headers.get_all(ORIGIN).iter().all(|origin| own(origin.as_bytes())) { Ok(()) } else { foreign() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(hosts: &Hosts, host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        origin.map(|origin| headers.insert(ORIGIN, origin.parse().unwrap()));
        check(hosts, &Uri::from_static("/v2"), &headers).is_ok()
    }

    #[test]
    fn loopback_the_listener_and_named_hosts_pass() {
        let hosts = Hosts::new("10.0.0.7".parse().unwrap(), ["sidecar".to_owned()]);
        for host in [
            "localhost",
            "LOCALHOST:8000",
            "127.0.0.1:8000",
            "127.9.9.9",
            "[::1]:8000",
            "10.0.0.7:1",
            "sidecar:80",
        ] {
            assert!(passes(&hosts, host, None), "{host}");
        }
        let everywhere = Hosts::new("0.0.0.0".parse().unwrap(), []);
        assert!(passes(&everywhere, "172.17.0.2:8000", None));
        assert!(!passes(&everywhere, "evil.example:8000", None));
        let named = Hosts::new("0.0.0.0".parse().unwrap(), ["proxy".to_owned(), "proxy.models".to_owned()]);
        assert!(passes(&named, "Proxy:8000", None) && passes(&named, "proxy.models:8000", None));
        assert!(!passes(&named, "evil.proxy:8000", None) && !passes(&named, "proxy.evil:8000", None));
    }

    #[test]
    fn rebound_names_and_foreign_addresses_do_not() {
        let hosts = Hosts::new("127.0.0.1".parse().unwrap(), []);
        for host in [
            "evil.example",
            "localhost.evil.example:8000",
            "evil@localhost",
            "10.0.0.7",
            "127.0.0.1.nip.io",
            "",
            "a b",
        ] {
            assert!(!passes(&hosts, host, None), "{host}");
        }
        assert!(check(&hosts, &Uri::from_static("/v2"), &HeaderMap::new()).is_err());
        assert!(check(&hosts, &Uri::from_static("http://localhost:1/v2"), &HeaderMap::new()).is_ok());
        assert!(check(&hosts, &Uri::from_static("http://evil.example/v2"), &HeaderMap::new()).is_err());
    }

    #[test]
    fn a_page_passes_only_where_it_comes_from_the_proxy_itself() {
        let hosts = Hosts::default();
        assert!(passes(&hosts, "localhost:8000", Some("http://localhost:8000")));
        for origin in
            ["http://localhost:9000", "http://127.0.0.1:8000", "https://evil.example", "null", "file://"]
        {
            assert!(!passes(&hosts, "localhost:8000", Some(origin)), "{origin}");
        }
    }

    #[test]
    fn what_a_foreign_page_embeds_is_refused_and_a_link_to_the_status_page_followed() {
        let passes = |path: &'static str, site: &'static str, mode: &'static str| {
            let fields = [(HOST, "localhost"), (FETCH_SITE, site), (FETCH_MODE, mode)];
            let fields = fields.map(|(name, value)| (name, HeaderValue::from_static(value)));
            check(&Hosts::default(), &Uri::from_static(path), &HeaderMap::from_iter(fields)).is_ok()
        };
        for site in ["cross-site", "same-site", "new-word"] {
            assert!(!passes("/v2/health/ready", site, "no-cors"), "an image, {site}");
            assert!(!passes("/v2/models/m/ready", site, "navigate"), "a frame, {site}");
            assert!(passes("/", site, "navigate") && !passes("/", site, "no-cors"), "a link, {site}");
        }
        assert!(passes("/status.css", "same-origin", "no-cors") && passes("/v2", "none", "navigate"));
    }
}
