//! Open Inference Protocol v2 over gRPC, on the port of REST.
//!
//! A request whose tensors came raw is answered raw, any other by typed lists if all outputs have one. Nothing is decided here: what is asked
//! goes through [`Upstream`], what fails through [`Failure`].

mod answer;
mod codec;
mod contents;
#[allow(
    clippy::all,
    clippy::allow_attributes_without_reason,
    dead_code,
    missing_docs,
    non_camel_case_types,
    unreachable_pub,
    unused_qualifications,
    unused_variables,
    reason = "generated: scripts/generate-grpc"
)]
mod generated;
mod metered;
mod request;
mod status;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use strongroom_client::Described;
use strongroom_proto::name::Name;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status, Streaming};

use crate::failure::Failure;
use crate::limits::{MAX_BODY_BYTES, STREAMED_ANSWERS};
use crate::ready::in_time;
use crate::room::{Share, Shares};
use crate::upstream::Upstream;
use generated::grpc_inference_service_server::{GrpcInferenceService, GrpcInferenceServiceServer};
use generated::{
    ModelInferRequest, ModelInferResponse, ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest,
    ModelReadyResponse, ModelStreamInferResponse, RepositoryIndexRequest, RepositoryIndexResponse,
    ServerLiveRequest, ServerLiveResponse, ServerMetadataRequest, ServerMetadataResponse, ServerReadyRequest,
    ServerReadyResponse,
};

/// Metadata that carries the receipt of an answer (COSE_Sign1).
const RECEIPT: &str = "strongroom-receipt-bin";

/// The routes of the service.
pub(crate) fn router(upstream: Arc<Upstream>) -> Router {
    let server = GrpcInferenceServiceServer::new(Service(Arc::clone(&upstream)))
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Deflate)
        .max_decoding_message_size(MAX_BODY_BYTES)
        .max_encoding_message_size(2 * MAX_BODY_BYTES);
    let metered = from_fn_with_state(upstream, metered::meter);
    tonic::service::Routes::new(server).into_axum_router().route_layer(metered)
}

#[derive(Clone)]
struct Service(Arc<Upstream>);

impl Service {
    async fn described(&self, name: &str, version: &str) -> Result<Described, Failure> {
        let name: Name = name.parse().map_err(|_| Failure::unknown_model())?;
        self.0.model(&name, request::version(version)?.as_ref()).await
    }

    async fn infer(
        &self,
        asked: ModelInferRequest,
        share: &mut Share,
    ) -> Result<(ModelInferResponse, Vec<u8>), Failure> {
        let request::Asked { question, id, form } = request::read(asked)?;
        share.keep(question.inputs.iter().map(|input| input.data.len()).sum());
        let mut answer = self.0.infer(question).await?;
        let receipt = std::mem::take(&mut answer.receipt_document);
        Ok((answer::write(answer, id, form), receipt))
    }

    async fn streamed(&self, asked: ModelInferRequest, share: &mut Share) -> ModelStreamInferResponse {
        let id = asked.id.clone();
        match self.infer(asked, share).await {
            Ok((answer, _)) => {
                ModelStreamInferResponse { error_message: String::new(), infer_response: Some(answer) }
            }
            // The id tells the caller which of its requests failed.
            Err(failure) => ModelStreamInferResponse {
                error_message: failure.to_string(),
                infer_response: Some(ModelInferResponse { id, ..ModelInferResponse::default() }),
            },
        }
    }
}

#[tonic::async_trait]
impl GrpcInferenceService for Service {
    type ModelStreamInferStream =
        Pin<Box<dyn Stream<Item = Result<ModelStreamInferResponse, Status>> + Send>>;

    async fn server_live(
        &self,
        _: Request<ServerLiveRequest>,
    ) -> Result<Response<ServerLiveResponse>, Status> {
        Ok(Response::new(ServerLiveResponse { live: true }))
    }

    async fn server_ready(
        &self,
        _: Request<ServerReadyRequest>,
    ) -> Result<Response<ServerReadyResponse>, Status> {
        Ok(Response::new(ServerReadyResponse { ready: self.0.ready().await.is_ok() }))
    }

    async fn model_ready(
        &self,
        request: Request<ModelReadyRequest>,
    ) -> Result<Response<ModelReadyResponse>, Status> {
        let ModelReadyRequest { name, version } = request.into_inner();
        let ready = in_time(async {
            self.0.ready().await?;
            self.described(&name, &version).await
        });
        let ready = ready.await.is_ok();
        Ok(Response::new(ModelReadyResponse { ready }))
    }

    async fn server_metadata(
        &self,
        _: Request<ServerMetadataRequest>,
    ) -> Result<Response<ServerMetadataResponse>, Status> {
        Ok(Response::new(ServerMetadataResponse {
            name: crate::NAME.to_owned(),
            version: crate::VERSION.to_owned(),
            extensions: crate::EXTENSIONS.map(str::to_owned).to_vec(),
        }))
    }

    async fn model_metadata(
        &self,
        request: Request<ModelMetadataRequest>,
    ) -> Result<Response<ModelMetadataResponse>, Status> {
        let ModelMetadataRequest { name, version } = request.into_inner();
        let described = self.described(&name, &version).await?;
        Ok(Response::new(answer::metadata(described)))
    }

    async fn model_infer(
        &self,
        request: Request<ModelInferRequest>,
    ) -> Result<Response<ModelInferResponse>, Status> {
        let shares = Shares::of(request.extensions().get());
        let mut share = shares.next();
        let (answer, receipt) = self.infer(request.into_inner(), &mut share).await?;
        // The answer is not sent yet.
        shares.push(share);
        let mut response = Response::new(answer);
        let value = tonic::metadata::MetadataValue::from_bytes(&receipt);
        response.metadata_mut().insert_bin(RECEIPT, value);
        Ok(response)
    }

    async fn model_stream_infer(
        &self,
        request: Request<Streaming<ModelInferRequest>>,
    ) -> Result<Response<Self::ModelStreamInferStream>, Status> {
        let shares = Shares::of(request.extensions().get());
        let (service, mut asked) = (self.clone(), request.into_inner());
        let (answers, stream) = mpsc::channel(STREAMED_ANSWERS);
        // In order, one at a time: whoever wants several at once opens several streams, or asks without one.
        tokio::spawn(async move {
            while let Some(next) = asked.next().await {
                let answer = match next {
                    Ok(request) => {
                        let mut share = shares.next();
                        Ok(service.streamed(request, &mut share).await)
                    }
                    Err(status) => Err(status),
                };
                let failed = answer.is_err();
                if answers.send(answer).await.is_err() || failed {
                    break;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn repository_index(
        &self,
        _: Request<RepositoryIndexRequest>,
    ) -> Result<Response<RepositoryIndexResponse>, Status> {
        Ok(Response::new(answer::index(self.0.models().await?)))
    }
}
