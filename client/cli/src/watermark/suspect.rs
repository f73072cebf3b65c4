//! The suspect: an ONNX file, or a service of the Open Inference Protocol v2 over HTTP.
//!
//! Nothing that a service says is trusted: answers are bounded, and one that cannot be read ends the command.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use strongroom_client::oip::{InferBody, write_request};
use strongroom_seal::model::TensorSpec;

use super::answers::{Answers, Elements, Output, Reader, read};
use crate::error::{CliError, Result};
use crate::limits::{BATCH_ROWS, MAX_SUSPECT_BYTES, SUSPECT_TIME};
use crate::rows::Matrix;
use crate::run_model::{LocalModel, tensor};

/// Who is suspected.
pub(crate) enum Suspect {
    /// A file.
    Model(Box<LocalModel>),
    /// A service.
    Service(Box<Service>),
}

/// A model behind HTTP.
pub(crate) struct Service {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
    input: TensorSpec,
}

impl Suspect {
    /// Takes a URL, such as `http://127.0.0.1:9000/v2/models/m`, or the path of an ONNX file. A service is asked
    /// with inputs like `input`.
    pub(crate) fn new(text: &str, input: TensorSpec) -> Result<Self> {
        if text.starts_with("http://") || text.starts_with("https://") {
            return Ok(Self::Service(Box::new(Service::new(text, input)?)));
        }
        Ok(Self::Model(Box::new(LocalModel::load(Path::new(text), BTreeMap::new())?)))
    }

    /// Its answers to a table.
    pub(crate) async fn answers(&self, matrix: &Matrix, reader: &Reader) -> Result<Answers> {
        let unread =
            || CliError::usage("the suspect's answer has no scores or labels of these classes; name them");
        let service = match self {
            Self::Model(model) => return read(&model.run(matrix)?, matrix.rows(), reader).ok_or_else(unread),
            Self::Service(service) => service,
        };
        let mut answers = Answers::default();
        for values in matrix.values.chunks(BATCH_ROWS * matrix.width.max(1)) {
            let outputs = service.ask(values, matrix.width).await?;
            reader.read(&outputs, values.len() / matrix.width.max(1), &mut answers).ok_or_else(unread)?;
        }
        Ok(answers)
    }
}

impl Service {
    fn new(url: &str, input: TensorSpec) -> Result<Self> {
        let uri = format!("{}/infer", url.trim_end_matches('/')).parse();
        let uri = uri.map_err(|_| CliError::usage("the suspect's URL is none"))?;
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(Arc::new(rustls::crypto::ring::default_provider()))
            .map_err(|_| CliError::Suspect("TLS cannot be set up".to_owned()))?;
        let connector = tls.https_or_http().enable_http1().enable_http2().build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), uri, input })
    }

    async fn ask(&self, values: &[f32], width: usize) -> Result<Vec<Output>> {
        let inputs = vec![tensor(&self.input, values.to_vec(), width)];
        let body = InferBody { id: None, inputs, outputs: Vec::new() };
        let body = write_request(&body).map_err(CliError::Unprintable)?;
        let answer = tokio::time::timeout(SUSPECT_TIME, self.post(body)).await;
        let answer = answer.unwrap_or_else(|_| Err(CliError::Suspect("no answer in time".to_owned())))?;
        outputs(&answer).ok_or_else(|| {
            CliError::Suspect("its answer is not one of the Open Inference Protocol".to_owned())
        })
    }

    async fn post(&self, body: String) -> Result<Bytes> {
        let failed = |what: &str| CliError::Suspect(what.to_owned());
        let request = Request::post(self.uri.clone()).header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Full::new(body.into())).map_err(|_| failed("no request can be made"))?;
        let response = self.client.request(request).await.map_err(|_| failed("nobody answers there"))?;
        if !response.status().is_success() {
            return Err(CliError::Suspect(format!("it answers with status {}", response.status().as_u16())));
        }
        let body = Limited::new(response.into_body(), MAX_SUSPECT_BYTES).collect().await;
        Ok(body.map_err(|_| failed("its answer is too long, or torn"))?.to_bytes())
    }
}

/// The outputs of an answer. Servers add fields of their own, which say nothing here.
fn outputs(json: &[u8]) -> Option<Vec<Output>> {
    let answer: Value = serde_json::from_slice(json).ok()?;
    answer.get("outputs")?.as_array()?.iter().map(output).collect()
}

fn output(value: &Value) -> Option<Output> {
    let name = value.get("name")?.as_str()?.to_owned();
    let floats = value.get("datatype")?.as_str()?.starts_with("FP");
    let mut flat = Vec::new();
    flatten(value.get("data")?, &mut flat);
    let elements = if floats {
        Elements::Scores(flat.iter().map(|element| element.as_f64()).collect::<Option<_>>()?)
    } else {
        let text = |element: &&Value| element.as_str().map_or_else(|| element.to_string(), str::to_owned);
        Elements::Labels(flat.iter().map(text).collect())
    };
    Some(Output { name, elements })
}

/// Elements of arrays in arrays, which the protocol allows as well as flat ones.
fn flatten<'a>(value: &'a Value, into: &mut Vec<&'a Value>) {
    match value {
        Value::Array(list) => list.iter().for_each(|element| flatten(element, into)),
        element => into.push(element),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_any_server_are_read_and_others_refused() {
        let json = br#"{"model_name":"m","more":1,"outputs":[
            {"name":"p","datatype":"FP32","shape":[2,2],"data":[[0.1,0.9],[1,0]]},
            {"name":"l","datatype":"INT64","shape":[2],"data":[1,0]}]}"#;
        let read = outputs(json).unwrap();
        assert!(matches!(&read[0].elements, Elements::Scores(scores) if *scores == [0.1, 0.9, 1.0, 0.0]));
        assert!(matches!(&read[1].elements, Elements::Labels(labels) if *labels == ["1", "0"]));
        for wrong in [
            b"{}".as_slice(),
            b"[]",
            br#"{"outputs":[{"name":"p","datatype":"FP32","data":["x"]}]}"#,
            br#"{"outputs":[{"name":1,"datatype":"FP32","data":[1]}]}"#,
        ] {
            assert!(outputs(wrong).is_none());
        }
    }

    #[tokio::test]
    async fn nobody_there_is_said() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let input = TensorSpec {
            name: "x".into(),
            dtype: strongroom_seal::tensor::DType::Fp32,
            shape: vec![
                strongroom_seal::model::Dim::Symbol("b".into()),
                strongroom_seal::model::Dim::Fixed(2),
            ],
        };
        let service = Service::new(&format!("http://{free}/v2/models/m"), input).unwrap();
        assert!(matches!(service.ask(&[0.0, 0.0], 2).await, Err(CliError::Suspect(_))));
    }
}
