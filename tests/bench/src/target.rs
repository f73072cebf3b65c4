//! Whom a run asks: an enclave through the client library, or any server that speaks the Open Inference Protocol.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use strongroom_client::{Client, InferRequest, Options, TrustFile, api_key};
use strongroom_proto::name::Name;
use strongroom_seal::tensor::Tensor;

use crate::error::BenchError;
use crate::limits::MAX_ANSWER_BYTES;
use crate::request::BenchRequest;

/// How long the JSON before binary tensors is.
const HEADER_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

/// How an enclave is reached.
#[derive(Clone, Debug, clap::Args)]
pub struct Enclave {
    /// URL of the host.
    #[arg(long)]
    pub url: String,
    /// What the client demands.
    #[arg(long, value_name = "FILE")]
    pub trust: PathBuf,
    /// File of the API key.
    #[arg(long, value_name = "FILE")]
    pub api_key: PathBuf,
}

/// Whom a run asks.
pub enum Target {
    /// An enclave, over one session and one connection, as an application would.
    Sealed(Box<Sealed>),
    /// A server that hears and says everything in clear.
    Plain(Box<Plain>),
}

/// An enclave, and what it is asked.
pub struct Sealed {
    client: Client,
    model: Name,
    request: BenchRequest,
}

/// A plain server, and what it is asked.
pub struct Plain {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    uri: Uri,
    body: Bytes,
    json_bytes: Option<usize>,
}

impl Enclave {
    /// A client that has asked nothing yet.
    ///
    /// # Errors
    /// [`BenchError`] for files that are none.
    pub fn client(&self) -> Result<Client, BenchError> {
        self.client_that_trusts(self.trust()?)
    }

    /// One that demands what others demand. Clones of a trust file share the certificate paths, the charter and the release
    /// that were verified.
    ///
    /// # Errors
    /// [`BenchError`] for an API key that is none.
    pub fn client_that_trusts(&self, trust: TrustFile) -> Result<Client, BenchError> {
        let key = read(&self.api_key)?;
        let key = api_key::parse(String::from_utf8_lossy(&key).trim())?;
        Ok(Client::connect(&self.url, trust, key, Options::default())?)
    }

    /// What clients demand.
    ///
    /// # Errors
    /// [`BenchError`] for a file that is none.
    pub fn trust(&self) -> Result<TrustFile, BenchError> {
        Ok(TrustFile::parse(&read(&self.trust)?)?)
    }
}

impl Target {
    /// An enclave that was verified, over an open session.
    ///
    /// # Errors
    /// [`BenchError`], among others when the evidence is refused.
    pub async fn sealed(enclave: &Enclave, model: Name, request: BenchRequest) -> Result<Self, BenchError> {
        let client = enclave.client()?;
        client.session().await?;
        Ok(Self::Sealed(Box::new(Sealed { client, model, request })))
    }

    /// A plain server; `binary` sends tensors behind the JSON in place of numbers inside it.
    ///
    /// # Errors
    /// [`BenchError::Argument`] for a URL that is none.
    pub fn plain(url: &str, model: &str, request: &BenchRequest, binary: bool) -> Result<Self, BenchError> {
        let uri = format!("{}/v2/models/{model}/infer", url.trim_end_matches('/'));
        let uri = uri.parse().map_err(|_| BenchError::Argument(format!("{uri} is no URL")))?;
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        let http = HttpClient::builder(TokioExecutor::new()).build(tcp);
        let (body, json_bytes) = if binary {
            let body = request.binary();
            (body.bytes, Some(body.json_bytes))
        } else {
            (request.json().to_vec(), None)
        };
        Ok(Self::Plain(Box::new(Plain { http, uri, body: body.into(), json_bytes })))
    }

    /// Asks once, and waits for the whole answer.
    ///
    /// # Errors
    /// [`BenchError`] for everything but an answer of the model.
    pub async fn ask(&self) -> Result<(), BenchError> {
        match self {
            Self::Sealed(sealed) => sealed.ask().await,
            Self::Plain(plain) => plain.ask().await,
        }
    }
}

impl Sealed {
    async fn ask(&self) -> Result<(), BenchError> {
        let request = InferRequest {
            model: self.model.clone(),
            version: None,
            inputs: self.request.tensors().iter().map(borrowed).collect(),
            outputs: Vec::new(),
            risk: BTreeMap::new(),
        };
        self.client.infer(request).await?;
        Ok(())
    }
}

impl Plain {
    async fn ask(&self) -> Result<(), BenchError> {
        let mut request = Request::post(self.uri.clone());
        request = match self.json_bytes {
            Some(bytes) => {
                request.header(CONTENT_TYPE, "application/octet-stream").header(HEADER_LENGTH, bytes)
            }
            None => request.header(CONTENT_TYPE, "application/json"),
        };
        let failed = |error: &dyn std::fmt::Display| BenchError::Peer(error.to_string());
        let request = request.body(Full::new(self.body.clone())).map_err(|error| failed(&error))?;
        let answer = self.http.request(request).await.map_err(|error| failed(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| failed(&error))?.to_bytes();
        if status.is_success() && !body.is_empty() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&body).chars().take(200).collect::<String>();
        Err(BenchError::Peer(format!("{status}: {said}")))
    }
}

/// The same tensor without its bytes copied: the client copies them once, into the message.
fn borrowed<'a>(tensor: &'a Tensor<'static>) -> Tensor<'a> {
    Tensor {
        name: Cow::Borrowed(&tensor.name),
        dtype: tensor.dtype,
        shape: tensor.shape.clone(),
        data: Cow::Borrowed(&tensor.data),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, BenchError> {
    std::fs::read(path).map_err(BenchError::io(path.display().to_string()))
}
