//! The routes as a client finds them while no enclave can be reached, and the two ends of an inference.

use crate::failure::Fault;
use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http_body_util::BodyExt;
use serde_json::Value;
use strongroom_attestation::claims::BootId;
use strongroom_attestation::evidence::{CharterDemand, ControlsDemand, ModelDemand};
use strongroom_attestation::receipt::{Budget, Receipt};
use strongroom_attestation::{ImagePcrs, Pcr, TrustRoot, UnixMillis};
use strongroom_client::oip::Wanted;
use strongroom_client::{Client, Demands, InferAnswer, Options, TrustFile};
use strongroom_seal::digest::{CharterDigest, ControlsDigest, OutcomeDigest, ReleaseDigest, RequestDigest};
use strongroom_seal::model::{Dim, Interface, TensorSpec};
use strongroom_seal::secret::{ApiKey, SECRET_BYTES};
use strongroom_seal::tensor::{DType, Tensor};
use tower::ServiceExt;

use super::*;
use crate::guard::Hosts;

/// An upstream whose host refuses connections.
fn unreachable() -> Arc<Upstream> {
    let pcr = Pcr::new([1; 48]);
    let demands = Demands {
        root: TrustRoot::aws_nitro_g1(),
        images: vec![ImagePcrs { pcr0: pcr, pcr1: pcr, pcr2: pcr }],
        charter: CharterDemand::Exactly(CharterDigest::of(b"c")),
        least_epoch: 0,
        models: ModelDemand::OwnerMayChange,
        controls: ControlsDemand::OwnerDecides,
        max_age: Duration::from_secs(300),
    };
    let key = ApiKey::take(&mut [1; SECRET_BYTES]);
    let options = Options { deadline: Duration::from_millis(50), ..Options::default() };
    let trust = TrustFile::new(demands).unwrap();
    Arc::new(Upstream::new(Client::connect("http://127.0.0.1:9", trust, key, options).unwrap()))
}

/// Status, headers and body.
async fn send(request: Request<Body>) -> (u16, HeaderMap, Bytes) {
    let response = crate::router(unreachable(), Hosts::default()).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status.as_u16(), parts.headers, body.collect().await.unwrap().to_bytes())
}

fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header(HOST, "localhost:8000")
}

async fn call(method: &str, path: &str, body: &str) -> (u16, HeaderMap, Value) {
    let (status, headers, body) = send(request(method, path).body(body.to_owned().into()).unwrap()).await;
    (status, headers, serde_json::from_slice(&body).unwrap_or_default())
}

const INFER: &str = "/v2/models/m/infer";

#[tokio::test]
async fn what_needs_no_enclave_is_answered() {
    let (status, headers, body) = call("GET", "/v2/health/live", "").await;
    assert_eq!((status, body), (200, json!({ "live": true })));
    assert_eq!(headers[CONTENT_TYPE], "application/json");
    for path in ["/v2", "/v2/"] {
        let (status, _, body) = call("GET", path, "").await;
        assert_eq!((status, &body["extensions"]), (200, &json!(["binary_tensor_data"])));
        assert_eq!(
            (&body["name"], &body["version"]),
            (&"strongroom".into(), &env!("CARGO_PKG_VERSION").into())
        );
    }
}

#[tokio::test]
async fn every_error_is_json_with_its_status() {
    for (method, path, body, expected) in [
        ("GET", "/v2/health/ready", "", 503),
        ("GET", "/v2/models/m/ready", "", 503),
        ("GET", "/v2/models/m/versions/1/ready", "", 503),
        ("GET", "/v2/models/m", "", 503),
        ("POST", "/v2/repository/index", r#"{"ready":true}"#, 503),
        ("POST", "/v2/repository/index", "", 503),
        ("POST", "/v2/repository/index", "[]", 400),
        ("POST", INFER, r#"{"inputs":[]}"#, 503),
        ("POST", INFER, r#"{"inputs":3}"#, 400),
        ("POST", INFER, "", 400),
        ("GET", "/v2/models/no%2Fname", "", 404),
        ("GET", "/v2/models/%FF", "", 404),
        ("GET", "/v2/models/m/versions/No%20Name", "", 404),
        ("POST", "/v2/models/..%2f/infer", r#"{"inputs":[]}"#, 404),
        ("GET", "/v2/models/m/config", "", 404),
        ("GET", "/v2/models/m/stats", "", 404),
        ("GET", "/no-such-page", "", 404),
        ("DELETE", "/v2/models/m", "", 405),
        ("GET", INFER, "", 405),
        ("POST", "/v2/health/live", "", 405),
    ] {
        let (status, headers, json) = call(method, path, body).await;
        assert_eq!(status, expected, "{method} {path}");
        assert_eq!(headers[CONTENT_TYPE], "application/json", "{method} {path}");
        assert!(json["error"].is_string(), "{method} {path}: {json}");
        assert_eq!(headers.contains_key("allow"), expected == 405, "{method} {path}");
    }
    let (status, headers, _) = send(request("HEAD", "/v2/none").body(Body::empty()).unwrap()).await;
    assert_eq!((status, &headers[CONTENT_TYPE]), (404, &"application/json".parse().unwrap()));
}

#[tokio::test]
async fn openai_paths_have_openai_errors() {
    for (method, path, body, expected, code) in [
        ("GET", "/v1/models", "", 503, "not_ready"),
        ("GET", "/v1/models/%FF", "", 404, "not_found"),
        ("GET", "/v1/none", "", 404, "not_found"),
        ("GET", "/v1/embeddings", "", 405, "method_not_allowed"),
        ("POST", "/v1/embeddings", r#"{"model":"m"}"#, 400, "invalid_request"),
        ("POST", "/v1/embeddings", r#"{"model":"m","input":"a"}"#, 503, "not_ready"),
    ] {
        let (status, _, json) = call(method, path, body).await;
        assert_eq!((status, &json["error"]["code"]), (expected, &code.into()), "{method} {path}");
        assert!(json["error"]["message"].is_string() && json["error"]["type"].is_string());
    }
    let large =
        request("POST", "/v1/embeddings").header(CONTENT_LENGTH, "9000000").body(Body::empty()).unwrap();
    assert_eq!(send(large).await.0, 413);
}

#[tokio::test]
async fn pages_and_other_names_are_refused_on_every_path() {
    for path in ["/v2", "/v2/health/live", "/v1/models", "/none"] {
        let page = request("GET", path).header("origin", "https://evil.example").body(Body::empty()).unwrap();
        assert_eq!(send(page).await.0, 403);
        let (status, headers, _) =
            send(Request::get(path).header(HOST, "evil.example").body(Body::empty()).unwrap()).await;
        assert_eq!(status, 403);
        assert!(!headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn bodies_beyond_the_bound_or_packed_otherwise_are_refused_unread() {
    let large =
        request("POST", INFER).header(CONTENT_LENGTH, MAX_BODY_BYTES + 1).body(Body::empty()).unwrap();
    let (status, _, body) = send(large).await;
    assert_eq!((status, body.starts_with(b"{\"error\":")), (413, true));
    let packed = request("POST", INFER).header("content-encoding", "br").body(Body::empty()).unwrap();
    assert_eq!(send(packed).await.0, 415);
}

#[tokio::test]
async fn a_client_that_sends_too_much_gets_to_read_why() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(crate::serve(listener, unreachable(), std::future::pending()));
    for sent in [0, MAX_BODY_BYTES + 1] {
        let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST {INFER} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n",
            MAX_BODY_BYTES + 1
        );
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&vec![b' '; sent]).await.unwrap();
        let mut status = [0; 12];
        client.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 413", "after {sent} bytes");
    }
}

fn length_of(value: &str) -> HeaderMap {
    HeaderMap::from_iter([(JSON_LENGTH, value.parse().unwrap())])
}

#[test]
fn the_header_says_where_the_json_ends() {
    let body =
        r#"{"inputs":[{"name":"x","datatype":"BF16","shape":[1],"parameters":{"binary_data_size":2}}]}"#;
    let whole = [body.as_bytes(), &[1, 2]].concat();
    let read = asked(&length_of(&body.len().to_string()), &whole).ok().unwrap();
    assert_eq!(read.body.inputs[0].data.as_ref(), [1, 2]);
    for (headers, named) in [
        (length_of(&(whole.len() + 1).to_string()), "Inference-Header-Content-Length"),
        (length_of("-1"), "Inference-Header-Content-Length"),
        (length_of("x"), "Inference-Header-Content-Length"),
        (length_of(&(body.len() + 1).to_string()), "not JSON"),
        (length_of("0"), "not JSON"),
        (HeaderMap::new(), "not JSON"),
    ] {
        let failure = asked(&headers, &whole).err().unwrap();
        assert_eq!(failure.fault, Fault::Request);
        assert!(failure.message.starts_with(named), "{}", failure.message);
    }
}

pub(crate) fn answered(outputs: Vec<Tensor<'static>>) -> InferAnswer {
    let receipt = Receipt {
        request: RequestDigest::of(b"q"),
        outcome: OutcomeDigest::of(b"a"),
        model: None,
        release: ReleaseDigest::of(b"r"),
        epoch: 1,
        controls: ControlsDigest::of(b"c"),
        treatment: None,
        voted: false,
        budget: Budget::default(),
        boot: BootId::new([1; 16]),
        index: Some(1),
        audit: None,
        time: UnixMillis::new(2),
        anchor: UnixMillis::new(1),
    };
    let (model, version) = ("m".parse().unwrap(), "1".parse().unwrap());
    let (receipt_document, evidence) = (vec![1, 2, 3], Bytes::new());
    InferAnswer { model, version, outputs, receipt, receipt_document, evidence }
}

fn half(name: &'static str) -> Tensor<'static> {
    Tensor { name: name.into(), dtype: DType::Fp16, shape: vec![1], data: vec![7, 8].into() }
}

fn wanted(parameters: &str) -> Wanted {
    oip::read_infer(format!(r#"{{"inputs":[],"parameters":{parameters}}}"#).as_bytes(), &[])
        .ok()
        .unwrap()
        .binary
}

#[tokio::test]
async fn outputs_wanted_in_binary_stand_behind_the_json() {
    let binary = wanted(r#"{"binary_data_output":true}"#);
    let response = answer::inferred(Some("7".into()), answered(vec![half("a"), half("b")]), &binary).unwrap();
    let headers = response.headers().clone();
    assert_eq!(headers[CONTENT_TYPE], "application/octet-stream");
    assert_eq!(headers["strongroom-receipt"], "AQID");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let length: usize = headers["inference-header-content-length"].to_str().unwrap().parse().unwrap();
    let (json, behind) = body.split_at(length);
    let json: Value = serde_json::from_slice(json).unwrap();
    assert_eq!(
        (&json["id"], &json["outputs"][1]["parameters"]),
        (&"7".into(), &json!({"binary_data_size": 2}))
    );
    assert_eq!(behind, [7, 8, 7, 8]);
}

#[tokio::test]
async fn outputs_without_a_json_form_are_refused_with_a_way_out() {
    let failure = answer::inferred(None, answered(vec![half("a")]), &wanted("{}")).err().unwrap();
    assert_eq!(failure.fault, Fault::Request);
    assert!(failure.message.starts_with("outputs[0].datatype") && failure.message.contains("binary_data"));
    // Before they are asked for, too: what is answered is charged.
    let output = |name: &str, dtype| TensorSpec { name: name.into(), dtype, shape: vec![Dim::Fixed(1)] };
    let outputs = vec![output("a", DType::Fp32), output("b", DType::Bf16)];
    let interface = Interface { inputs: Vec::new(), outputs, symbols: BTreeMap::new() };
    let judged = |named: &[&str], parameters: &str| {
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        answer::writable(&interface, &named, &wanted(parameters)).map_err(|failure| failure.message)
    };
    assert!(judged(&[], "{}").unwrap_err().starts_with("outputs[1].datatype"));
    assert!(judged(&["b", "a"], "{}").unwrap_err().starts_with("outputs[0].datatype"));
    assert_eq!((judged(&["a"], "{}"), judged(&[], r#"{"binary_data_output":true}"#)), (Ok(()), Ok(())));
    let plain = Tensor { dtype: DType::Uint8, shape: vec![2], ..half("a") };
    let response = answer::inferred(None, answered(vec![plain]), &wanted("{}")).unwrap();
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    assert!(!response.headers().contains_key("inference-header-content-length"));
}
