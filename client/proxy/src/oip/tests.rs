//! The routes as a client finds them while no enclave can be reached.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::response::Response;
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::Value;
use strongroom_attestation::receipt::Receipt;
use strongroom_client::oip::Wanted;
use strongroom_client::{Client, InferAnswer, Options, TrustFile, api_key};
use strongroom_seal::tensor::{DType, Tensor};
use tower::ServiceExt;

use super::*;
use crate::guard::Hosts;

/// An upstream whose host refuses connections.
fn unreachable() -> Arc<Upstream> {
    let trust = format!(
        "least_epoch = 0\nowner_may_change_models = true\nowner_decides_controls = true\n[charter]\ndigest = \"{}\"\n[[image]]\n{}",
        "11".repeat(48),
        (0..3).map(|pcr| format!("pcr{pcr} = \"{}\"\n", "22".repeat(48))).collect::<String>(),
    );
    let trust = TrustFile::parse(trust.as_bytes()).unwrap();
    let key = api_key::parse(&api_key()).unwrap();
    let options = Options { deadline: Duration::from_millis(50), ..Options::default() };
    Arc::new(Upstream::new(Client::connect("http://127.0.0.1:9", trust, key, options).unwrap()))
}
