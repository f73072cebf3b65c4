//! The network side: plain HTTP/1.1 on loopback.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use super::limits::MAX_CONNECTIONS;
use super::service::{SimS3, SimS3Config};
use crate::kms::date::to_http;

/// A running simulated S3; dropping it ends it with every connection.
pub struct S3Server {
    /// The bucket, its log of calls and its misdeeds.
    pub s3: Arc<SimS3>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl S3Server {
    /// Starts one on a free port of loopback.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start(config: SimS3Config) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, s3) = (listener.local_addr()?, Arc::new(SimS3::new(config)));
        let task = tokio::spawn(serving(Arc::clone(&s3), listener));
        Ok(Self { s3, address, task })
    }

    /// Its URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serving(s3: Arc<SimS3>, listener: TcpListener) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::error!(%error, "simulated s3 ended");
                return;
            }
        };
        let s3 = Arc::clone(&s3);
        connections.spawn(async move {
            let served = connection(s3, stream).await;
            tracing::debug!(?served, "s3 connection ended");
            drop(slot);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(s3: Arc<SimS3>, stream: TcpStream) -> hyper::Result<()> {
    let service = service_fn(move |request: Request<Incoming>| {
        let s3 = Arc::clone(&s3);
        async move { Ok::<_, Infallible>(respond(&s3, request)) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new());
    server.serve_connection(TokioIo::new(stream), service).await
}

fn respond(s3: &SimS3, request: Request<Incoming>) -> Response<Full<bytes::Bytes>> {
    let now = SystemTime::now();
    let mut response = s3.answer(&request.into_parts().0, now).map(Full::new);
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if let Ok(date) = to_http(seconds).parse() {
        response.headers_mut().insert(http::header::DATE, date);
    }
    response
}
