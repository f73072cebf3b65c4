//! OpenAI's shape for embeddings: the models, and vectors of texts that were made into token ids.
//!
//! - `embeddings` serves `POST /v1/embeddings`; `request` reads its body out of a `value`, and `answer` writes the vectors.
//! - `plan` finds out of a model's interface whether and how it embeds; `tokens` makes its inputs.
//! - `pooling` makes one vector of a row where the model gives one a token.

mod answer;
mod embeddings;
mod plan;
mod pooling;
mod request;
mod tokens;
mod value;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::json;
use strongroom_proto::name::Name;

use crate::failure::{Failure, Fault};
use crate::oip::{ModelPath, answer as http_answer};
use crate::upstream::Upstream;

/// A failure as OpenAI's clients read it.
pub(crate) struct OpenAiFailure(pub(crate) Failure);

type Answer = Result<Response, OpenAiFailure>;

#[derive(Serialize)]
struct ModelJson<'a> {
    id: &'a Name,
    object: &'static str,
    /// A release does not say when it was made.
    created: u64,
    owned_by: &'a Name,
}

/// The routes below `/v1`.
pub(crate) fn router() -> Router<Arc<Upstream>> {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/models/{model}", get(model))
        .route("/v1/embeddings", post(embeddings::embed))
}

/// Every model that may be asked, those included that do not embed.
async fn models(State(upstream): State<Arc<Upstream>>) -> Answer {
    let owner = owner(&upstream).await?;
    let models = upstream.models().await?;
    let data: Vec<_> = models.iter().map(|model| model_json(&model.name, &owner)).collect();
    Ok(http_answer::json(&json!({ "object": "list", "data": data })))
}

async fn model(State(upstream): State<Arc<Upstream>>, path: Result<ModelPath, Failure>) -> Answer {
    let described = upstream.model(&path?.model, None).await?;
    Ok(http_answer::json(&model_json(&described.name, &owner(&upstream).await?)))
}

async fn owner(upstream: &Upstream) -> Result<Name, Failure> {
    Ok(upstream.session().await?.verified().charter().charter().deployment.clone())
}

fn model_json<'a>(id: &'a Name, owned_by: &'a Name) -> ModelJson<'a> {
    ModelJson { id, object: "model", created: 0, owned_by }
}

impl From<Failure> for OpenAiFailure {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl OpenAiFailure {
    /// The kind and the code, by which clients tell errors apart.
    const fn kind(&self) -> (&'static str, &'static str) {
        match self.0.fault {
            Fault::Request => ("invalid_request_error", "invalid_request"),
            Fault::Unknown => ("invalid_request_error", "not_found"),
            Fault::Method => ("invalid_request_error", "method_not_allowed"),
            Fault::TooLarge => ("invalid_request_error", "too_large"),
            Fault::Encoding => ("invalid_request_error", "unsupported_encoding"),
            Fault::OutOfDistribution => ("invalid_request_error", "out_of_distribution"),
            Fault::Key => ("permission_error", "not_permitted"),
            Fault::Limit => ("rate_limit_error", "rate_limit_exceeded"),
            Fault::Answer => ("server_error", "bad_answer"),
            Fault::NotReady => ("server_error", "not_ready"),
        }
    }
}

impl IntoResponse for OpenAiFailure {
    fn into_response(self) -> Response {
        let (kind, code) = self.kind();
        let error = json!({ "message": self.0.message, "type": kind, "param": null, "code": code });
        http_answer::with_status(&self.0, http_answer::json(&json!({ "error": error })))
    }
}
