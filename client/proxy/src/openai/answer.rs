//! The body of an answer with embeddings.

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use strongroom_proto::name::Name;

use super::request::Encoding;
use crate::oip::answer::json;

#[derive(Serialize)]
struct Embeddings<'a> {
    object: &'static str,
    data: Vec<Embedding<'a>>,
    model: &'a Name,
    usage: Usage,
}

#[derive(Serialize)]
struct Embedding<'a> {
    object: &'static str,
    index: usize,
    embedding: Vector<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector<'a> {
    Base64(String),
    Float(&'a [f32]),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

/// Writes vectors in the order of the request. `tokens` are those of all rows; a model that takes texts does not tell.
pub(super) fn embeddings(model: &Name, vectors: &[Vec<f32>], encoding: Encoding, tokens: usize) -> Response {
    let each = vectors.iter().enumerate();
    let data = each.map(|(index, vector)| Embedding {
        object: "embedding",
        index,
        embedding: match encoding {
            Encoding::Base64 => Vector::Base64(base64(vector)),
            Encoding::Float => Vector::Float(vector),
        },
    });
    let usage = Usage { prompt_tokens: tokens, total_tokens: tokens };
    json(&Embeddings { object: "list", data: data.collect(), model, usage })
}

fn base64(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    use super::*;

    async fn body(encoding: Encoding) -> Value {
        let response = embeddings(&"m".parse().unwrap(), &[vec![1.0, 0.5]], encoding, 3);
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    #[tokio::test]
    async fn vectors_are_written_as_openai_does() {
        assert_eq!(
            body(Encoding::Float).await,
            json!({
                "object": "list", "model": "m",
                "data": [{"object": "embedding", "index": 0, "embedding": [1.0, 0.5]}],
                "usage": {"prompt_tokens": 3, "total_tokens": 3},
            })
        );
        assert_eq!(body(Encoding::Base64).await["data"][0]["embedding"], "AACAPwAAAD8=");
    }
}
