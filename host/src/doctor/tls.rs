//! Certificate and key of the edge.

use super::Finding;
use crate::config::Settings;
use crate::http_server::tls::acceptor;

/// Whether they can be used together.
pub(super) fn check(settings: &Settings) -> Finding {
    match (&settings.tls_cert, &settings.tls_key) {
        (None, None) => Finding::skip("tls-cert and tls-key are not set: plain HTTP"),
        (Some(cert), Some(key)) if acceptor(cert, key).is_ok() => {
            Finding::pass("certificate and key belong together")
        }
        _ => Finding::fail(
            "certificate and key cannot be used together",
            "give both as PEM, readable by the user of strongroom-host: the chain with the leaf first, and its key",
        ),
    }
}
