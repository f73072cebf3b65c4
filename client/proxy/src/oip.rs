//! Open Inference Protocol v2 over REST, with the binary tensor extension.
//!
//! - `body` reads a request's body within its bounds, packed with gzip or not.
//! - `answer` writes answers and errors, `metadata` what is said of the server and of models.
//!
//! No Content-Type is asked for, because clients of the protocol send none. Of Triton's extensions the repository's index is
//! there and nothing else: `config`, `stats` and the rest have no path here.

pub(crate) mod answer;
pub(crate) mod body;
mod metadata;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::HeaderMap;
use http::request::Parts;
use serde_json::json;
use strongroom_client::Described;
use strongroom_client::oip::{self, Asked};
use strongroom_proto::name::Name;

use crate::failure::Failure;
use crate::limits::{JSON_TENSOR_BYTES, JSON_TREE_BYTES, MAX_BODY_BYTES, MAX_SMALL_BODY_BYTES};
use crate::ready::in_time;
use crate::room;
use crate::upstream::{Question, Upstream};
use answer::JSON_LENGTH;
use metadata::{Model, ModelReady, Server};

type Answer = Result<Response, Failure>;

/// A model as a path names it. What is no name cannot be a model's.
pub(crate) struct ModelPath {
    pub(crate) model: Name,
    pub(crate) version: Option<Name>,
}

/// The routes below `/v2`.
pub(crate) fn router() -> Router<Arc<Upstream>> {
    Router::new()
        .route("/v2", get(server))
        .route("/v2/", get(server))
        .route("/v2/health/live", get(live))
        .route("/v2/health/ready", get(ready))
        .route("/v2/models/{model}", get(model))
        .route("/v2/models/{model}/versions/{version}", get(model))
        .route("/v2/models/{model}/ready", get(model_ready))
        .route("/v2/models/{model}/versions/{version}/ready", get(model_ready))
        .route("/v2/models/{model}/infer", post(infer))
        .route("/v2/models/{model}/versions/{version}/infer", post(infer))
        .route("/v2/repository/index", get(index).post(index))
}

impl<S: Send + Sync> FromRequestParts<S> for ModelPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let Path(path) = path.map_err(|_| Failure::unknown_model())?;
        let name = |part: &str| path.get(part).map(|text| text.parse()).transpose();
        match (name("model"), name("version")) {
            (Ok(Some(model)), Ok(version)) => Ok(Self { model, version }),
            _ => Err(Failure::unknown_model()),
        }
    }
}

async fn server() -> Response {
    answer::json(&Server::OWN)
}

async fn live() -> Response {
    answer::json(&json!({ "live": true }))
}

async fn ready(State(upstream): State<Arc<Upstream>>) -> Answer {
    upstream.ready().await?;
    Ok(answer::json(&json!({ "ready": true, "live": true })))
}

async fn model(State(upstream): State<Arc<Upstream>>, path: ModelPath) -> Answer {
    let described = upstream.model(&path.model, path.version.as_ref()).await?;
    Ok(answer::json(&Model::new(&described)))
}

async fn model_ready(State(upstream): State<Arc<Upstream>>, path: ModelPath) -> Answer {
    let described = in_time(async {
        upstream.ready().await?;
        upstream.model(&path.model, path.version.as_ref()).await
    });
    Ok(answer::json(&ModelReady { name: &described.await?.name, ready: true }))
}

/// The body may ask for models that are ready alone, which all of them are.
async fn index(State(upstream): State<Arc<Upstream>>, headers: HeaderMap, body: Body) -> Answer {
    let (body, _share) = body::read(upstream.room(), &headers, body, MAX_SMALL_BODY_BYTES, in_tree).await?;
    let object = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&body);
    if !body.is_empty() && object.is_err() {
        return Err(Failure::request("body: is not a JSON object"));
    }
    Ok(answer::json(&metadata::index(&upstream.models().await?)))
}

async fn infer(
    State(upstream): State<Arc<Upstream>>,
    path: Result<ModelPath, Failure>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let ModelPath { model, version } = match path {
        Ok(path) => path,
        Err(failure) => {
            body::discard(body);
            return Err(failure);
        }
    };
    let weigh = weight(&headers);
    let (body, mut share) = body::read(upstream.room(), &headers, body, MAX_BODY_BYTES, weigh).await?;
    let bytes = body.len();
    // The body is gone once its tensors are read, before they are sealed.
    let Asked { body, risk, binary } = body::apart(bytes, move || asked(&headers, &body)).await?;
    share.keep(body.inputs.iter().map(|input| input.data.len()).sum());
    if let Ok(Described { interface: Some(interface), .. }) = upstream.model(&model, version.as_ref()).await {
        answer::writable(&interface, &body.outputs, &binary)?;
    }
    let question = Question { model, version, inputs: body.inputs, outputs: body.outputs, risk };
    let answer = upstream.infer(question).await?;
    let bytes = answer.outputs.iter().map(|output| output.data.len()).sum();
    let answer = body::apart(bytes, move || answer::inferred(body.id, answer, &binary)).await?;
    Ok(room::until_sent(share, answer))
}

/// What a body and its tensors take: as many bytes as there are behind the JSON, and more than there are in it.
fn weight(headers: &HeaderMap) -> impl Fn(usize) -> usize + use<> {
    let json = headers.get(JSON_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    move |bytes| {
        let json: usize = json.unwrap_or(bytes).min(bytes);
        (json * JSON_TENSOR_BYTES).saturating_add(bytes - json).min(MAX_BODY_BYTES)
    }
}

/// What a body takes that is read as a tree.
pub(crate) fn in_tree(bytes: usize) -> usize {
    bytes.saturating_mul(JSON_TREE_BYTES).min(MAX_BODY_BYTES)
}

/// Reads a body whose header may say where its JSON ends.
fn asked(headers: &HeaderMap, body: &[u8]) -> Result<Asked, Failure> {
    let (json, behind) = match headers.get(JSON_LENGTH) {
        None => (body, &[][..]),
        Some(length) => {
            let length = length.to_str().ok().and_then(|text| text.parse().ok());
            length.and_then(|length| body.split_at_checked(length)).ok_or_else(|| {
                Failure::request(
                    "Inference-Header-Content-Length: is not a number of bytes that the body has",
                )
            })?
        }
    };
    oip::read_infer(json, behind).map_err(|error| answer::unreadable(&error))
}
