//! The one destination of the tunnel.
//!
//! TLS here shows only that nothing in between breaks it. The enclave makes its own, with its own roots.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http::header::DATE;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_rustls::ConfigBuilderExt;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;

use super::Finding;
use crate::config::Settings;
use crate::destination::Destination;
use crate::limits::DOCTOR_TIMEOUT;

const ROUTE: &str = "let TCP out to the destination: security group, network ACL, DNS, or the security group of the \
    VPC endpoint for KMS";
const INSPECTED: &str = "take the destination out of TLS inspection: an enclave that pins its roots refuses what is \
    in between; otherwise correct the name in kms";

/// How far a connection gets.
#[derive(Debug)]
pub(super) enum Reach {
    NotSet,
    Unreachable,
    /// An address has no name that a certificate could be checked for.
    Tcp,
    NoTls,
    Tls {
        date: Option<String>,
    },
}

impl Reach {
    /// The `Date` of its answer.
    pub(super) fn date(&self) -> Option<&str> {
        if let Self::Tls { date } = self { date.as_deref() } else { None }
    }
}

/// Dials, makes TLS where there is a name, and asks something that needs no credentials.
pub(super) async fn reach(settings: &Settings) -> Reach {
    let Some(kms) = &settings.kms else { return Reach::NotSet };
    let Ok(Ok(stream)) = timeout(DOCTOR_TIMEOUT, kms.connect()).await else { return Reach::Unreachable };
    match ServerName::try_from(kms.host().to_owned()) {
        Ok(name @ ServerName::DnsName(_)) => match timeout(DOCTOR_TIMEOUT, handshake(name, stream)).await {
            Ok(Ok(stream)) => {
                Reach::Tls { date: timeout(DOCTOR_TIMEOUT, date(kms, stream)).await.ok().flatten() }
            }
            _ => Reach::NoTls,
        },
        _ => Reach::Tcp,
    }
}

async fn handshake(name: ServerName<'static>, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_webpki_roots()
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Any answer has one, a refusal too.
async fn date(kms: &Destination, stream: TlsStream<TcpStream>) -> Option<String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let request = Request::get("/").header("host", kms.to_string()).body(Empty::<Bytes>::new()).ok()?;
    let answer = async {
        let response = sender.send_request(request).await.ok()?;
        Some(response.headers().get(DATE)?.to_str().ok()?.to_owned())
    };
    tokio::pin!(connection, answer);
    tokio::select! {
        answer = &mut answer => answer,
        // The connection may end with the answer already at hand.
        _ = &mut connection => answer.await,
    }
}

/// Whether the enclave could reach KMS.
pub(super) fn check(settings: &Settings, reach: &Reach) -> Finding {
    let to = settings.kms.as_ref().map(ToString::to_string).unwrap_or_default();
    match reach {
        Reach::NotSet => {
            Finding::fail("kms is not set", "set kms, such as kms.eu-central-1.amazonaws.com:443")
        }
        Reach::Unreachable => Finding::fail(format!("{to} does not take a connection"), ROUTE),
        Reach::NoTls => {
            Finding::fail(format!("{to} takes a connection but no TLS under Mozilla's roots"), INSPECTED)
        }
        Reach::Tcp => Finding::pass(format!("{to} takes a connection; an address has no name to check")),
        Reach::Tls { .. } => Finding::pass(format!("{to} takes a connection and TLS")),
    }
}
