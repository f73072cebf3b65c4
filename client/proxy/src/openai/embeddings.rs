//! `POST /v1/embeddings`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use strongroom_client::InferAnswer;
use strongroom_proto::name::Name;
use strongroom_seal::tensor::{DType, Tensor, push_string};

use super::plan::{Plan, Rows, Takes};
use super::request::{Input, Request};
use super::tokens::{Batch, Batches, batches, filled};
use super::{Answer, answer, pooling, request};
use crate::failure::{Failure, Fault};
use crate::limits::{MAX_BODY_BYTES, MAX_EMBEDDINGS_BODY_BYTES};
use crate::oip::{answer as http_answer, body, in_tree};
use crate::room;
use crate::upstream::{Question, Upstream};

pub(super) async fn embed(State(upstream): State<Arc<Upstream>>, headers: HeaderMap, body: Body) -> Answer {
    let (body, share) =
        body::read(upstream.room(), &headers, body, MAX_EMBEDDINGS_BODY_BYTES, in_tree).await?;
    let request = body::apart(body.len(), move || request::read(&body)).await?;
    Ok(room::until_sent(share, embedded(&upstream, &request).await?))
}

/// Asks for one batch after the other, because a client's rate counts rows and not connections.
async fn embedded(upstream: &Upstream, request: &Request) -> Result<Response, Failure> {
    let described = upstream.model(&request.model, None).await?;
    let interface = described.interface.ok_or_else(|| Failure::request("model: makes no embeddings"))?;
    let plan = Plan::new(&interface)?;
    if request.dimensions.is_some_and(|wanted| plan.width != Some(wanted)) {
        return Err(Failure::request("dimensions: the model's vectors have another length, and none is cut"));
    }
    let (batches, tokens) = prepared(&request.input, &plan)?;
    let (mut vectors, mut receipts) = (Vec::new(), Vec::new());
    for batch in batches {
        let Batch { inputs, asked, lengths, padded } = batch?;
        let InferAnswer { outputs, receipt_document, .. } =
            upstream.infer(question(&request.model, inputs, &plan)).await?;
        let output = outputs.iter().find(|output| output.name == plan.output);
        let output = output.ok_or_else(|| Failure::new(Fault::Answer, "the answer lacks the vectors"))?;
        vectors.extend(pooling::vectors(output, plan.gives, &lengths, padded)?.into_iter().take(asked));
        receipts.push(receipt_document);
    }
    let mut response = answer::embeddings(&request.model, &vectors, request.encoding, tokens);
    // Many receipts would be more than clients take of headers; each can be kept by the proxy all the same.
    if let [only] = receipts.as_slice() {
        response.headers_mut().extend(http_answer::receipt(only));
    }
    Ok(response)
}

fn question(model: &Name, inputs: Vec<Tensor<'static>>, plan: &Plan) -> Question {
    Question {
        model: model.clone(),
        version: None,
        inputs,
        outputs: vec![plan.output.clone()],
        risk: BTreeMap::new(),
    }
}

/// The batches, and how many tokens they hold without padding.
fn prepared<'a>(input: &'a Input, plan: &'a Plan) -> Result<(Batches<'a>, usize), Failure> {
    match (input, &plan.takes) {
        (Input::Tokens(rows), takes) => {
            Ok((batches(rows, takes, plan.rows)?, rows.iter().map(Vec::len).sum()))
        }
        (Input::Texts(texts), Takes::Texts { name, rank }) => {
            let Rows { least, most } = plan.rows;
            let batches = texts.chunks(most).map(move |texts| text_batch(texts, least, name, *rank));
            Ok((Box::new(batches), 0))
        }
        (Input::Texts(_), Takes::Tokens { .. }) => Err(Failure::request(
            "input: the model takes token ids, not texts; send lists of the ids that its tokenizer gives",
        )),
    }
}

fn text_batch(texts: &[String], least: usize, name: &str, rank: usize) -> Result<Batch, Failure> {
    let (mut data, asked, rows) = (Vec::new(), texts.len(), texts.len().max(least));
    for text in filled(texts, least) {
        if data.len() > MAX_BODY_BYTES {
            return Err(Failure::request(
                "input: holds a text that is too long to fill the model's batch with",
            ));
        }
        push_string(&mut data, text.as_bytes())
            .map_err(|_| Failure::request("input: holds a text that is too long"))?;
    }
    let mut shape = vec![rows as u64, 1];
    shape.truncate(rank);
    let input = Tensor { name: name.to_owned().into(), dtype: DType::Bytes, shape, data: data.into() };
    Ok(Batch { inputs: vec![input], asked, lengths: vec![1; rows], padded: 1 })
}

#[cfg(test)]
mod tests {
    use super::super::plan::Gives;
    use super::*;

    fn plan(takes: Takes) -> Plan {
        Plan {
            takes,
            output: "y".into(),
            gives: Gives::Vectors,
            width: None,
            rows: Rows { least: 2, most: 2 },
        }
    }

    #[test]
    fn texts_go_to_models_that_take_texts_alone() {
        let texts = Input::Texts(vec!["a".into(), "bc".into(), String::new()]);
        let takes_texts = plan(Takes::Texts { name: "t".into(), rank: 2 });
        let (batches, tokens) = prepared(&texts, &takes_texts).ok().unwrap();
        let batches: Vec<Batch> = batches.map(|batch| batch.ok().unwrap()).collect();
        assert_eq!((batches.len(), tokens), (2, 0));
        assert!(batches.iter().flat_map(|batch| &batch.inputs).all(|input| input.check().is_ok()));
        assert!(batches.iter().all(|batch| batch.inputs[0].shape == [2, 1]));
        assert_eq!((batches[0].asked, batches[1].asked, batches[1].lengths.len()), (2, 1, 2), "filled up");
        let ids = ("input_ids".to_owned(), DType::Int64);
        let tokens = plan(Takes::Tokens { ids, mask: None, types: None, tokens: (1, None) });
        let refused = prepared(&texts, &tokens).err().unwrap();
        assert!(refused.message.contains("token ids"), "{}", refused.message);
        let rows = Input::Tokens(vec![vec![1, 2], vec![3]]);
        assert_eq!(prepared(&rows, &tokens).ok().unwrap().1, 3);
    }
}
