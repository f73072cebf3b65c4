use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use strongroom_host::HostError;
use strongroom_host::config::TlsFiles;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::common::{ECHO, RunningHost, Setup, write};

fn with_tls(setup: &mut Setup) -> RootCertStore {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    write(&setup.path("cert.pem"), cert.pem());
    write(&setup.path("key.pem"), signing_key.serialize_pem());
    setup.config.tls = Some(TlsFiles { cert: setup.path("cert.pem"), key: setup.path("key.pem") });
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    roots
}

async fn connect(host: &RunningHost, roots: &RootCertStore, alpn: &[u8]) -> TlsStream<TcpStream> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(host.edge).await.unwrap();
    let name = "localhost".try_into().unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

#[tokio::test]
async fn both_versions_of_http_are_negotiated() {
    let mut setup = Setup::new();
    let roots = with_tls(&mut setup);
    let _enclave = setup.start_enclave();
    let host = setup.start_host().await;
    let request =
        |uri: &str| Request::get(uri).header("host", "localhost").body(Full::<Bytes>::default()).unwrap();

    let stream = connect(&host, &roots, b"h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (mut two, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let live = two.send_request(request("https://localhost/livez")).await.unwrap();
    assert_eq!(live.into_body().collect().await.unwrap().to_bytes(), "ok\n");

    let stream = connect(&host, &roots, b"http/1.1").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"http/1.1".as_slice()));
    let (mut one, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(one.send_request(request("/livez")).await.unwrap().status(), 200);

    // A client that speaks plain HTTP to the TLS port gets no answer, and others go on.
    let stream = TcpStream::connect(host.edge).await.unwrap();
    let (mut plain, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let refused =
        plain.send_request(Request::get("/livez").body(Full::new(Bytes::from(vec![ECHO]))).unwrap()).await;
    assert!(refused.is_err());
    let again = one.send_request(request("/livez")).await;
    assert_eq!(again.unwrap().status(), 200);
}

#[tokio::test]
async fn unusable_files_are_named_before_anything_is_bound() {
    let mut setup = Setup::new();
    with_tls(&mut setup);
    let refused = |named: &str, why: &str| {
        let error = strongroom_host::check(&setup.config).unwrap_err();
        let HostError::Tls { path, reason } = &error else { panic!("{error}") };
        assert_eq!((path, reason.as_str()), (&setup.path(named), why));
        assert!(error.is_configuration() && error.to_string().contains(named), "{error}");
    };
    let other = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    write(&setup.path("key.pem"), other.signing_key.serialize_pem());
    refused("key.pem", "not the key of the first certificate");
    // A key on one line is no PEM, and is not repeated.
    write(&setup.path("key.pem"), "-----BEGIN PRIVATE KEY-----MIGH");
    refused("key.pem", "damaged PEM");
    write(&setup.path("key.pem"), "no key");
    refused("key.pem", "no private key in PEM");
    write(&setup.path("key.pem"), other.signing_key.serialize_pem());
    write(&setup.path("cert.pem"), "no certificate");
    refused("cert.pem", "no certificate in PEM");
    std::fs::remove_file(setup.path("cert.pem")).unwrap();
    refused("cert.pem", "entity not found");
}
