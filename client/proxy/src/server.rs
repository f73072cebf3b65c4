//! Connections: how many there are, and how long they may rest.
//!
//! Whoever opens connections and sends nothing, or a head byte by byte, keeps a place until its time is over and no longer.
//! HTTP/1.1 and HTTP/2 with prior knowledge are told apart by their first bytes.

mod activity;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::limits::{
    ACCEPT_PAUSE, IDLE_TIME, MAX_CONNECTIONS, MAX_HEAD_BYTES, MAX_STREAMS, STALLED_TIME, STOP_TIME,
};
use activity::{Activity, Rest};

/// What all connections share.
struct Server {
    router: Router,
    rest: Rest,
    stopped: watch::Receiver<()>,
}

/// Serves until `stop`.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()> + Send) {
    let rest = Rest { idle: IDLE_TIME, stalled: STALLED_TIME };
    serve_within(listener, router, stop, (MAX_CONNECTIONS, rest)).await;
}

async fn serve_within(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send,
    (most, rest): (usize, Rest),
) {
    // Each connection holds a receiver, so that the channel closes with the last of them.
    let (stopping, stopped) = watch::channel(());
    let places = Arc::new(Semaphore::new(most));
    let server = Arc::new(Server { router, rest, stopped });
    tokio::select! {
        () = accept(&listener, &server, &places) => {}
        () = stop => {}
    }
    drop((listener, server));
    stopping.send_replace(());
    // What takes longer is cut off.
    let _ = timeout(STOP_TIME, stopping.closed()).await;
}

async fn accept(listener: &TcpListener, server: &Arc<Server>, places: &Arc<Semaphore>) {
    loop {
        let Ok((tcp, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        match Arc::clone(places).try_acquire_owned() {
            Ok(place) => drop(tokio::spawn(Arc::clone(server).connection(tcp, place))),
            Err(_) => tracing::debug!("a connection is refused: as many as may be are open"),
        }
    }
}

impl Server {
    async fn connection(self: Arc<Self>, tcp: TcpStream, _place: OwnedSemaphorePermit) {
        // Answers are written whole, so that waiting for more to send only delays them.
        let _ = tcp.set_nodelay(true);
        let (activity, router, rest) = (Activity::new(), self.router.clone(), self.rest);
        let mut stopped = self.stopped.clone();
        drop(self);
        let service = TowerToHyperService::new(router);
        let counted = activity.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let active = counted.begin();
            let answer = service.call(request.map(Body::new));
            async move { answer.await.map(|response| active.send(response)) }
        });
        let http = http();
        let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(tcp), service));
        let ends = async {
            tokio::select! {
                () = activity.ended(rest) => true,
                _ = stopped.changed() => false,
            }
        };
        let rests = tokio::select! {
            _ = connection.as_mut() => return,
            rests = ends => rests,
        };
        connection.as_mut().graceful_shutdown();
        // A connection that rests has nothing to finish; it only gets to hear that it is over.
        let time = if rests { ACCEPT_PAUSE } else { STOP_TIME };
        let _ = timeout(time, connection).await;
    }
}

fn http() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(IDLE_TIME).max_buf_size(MAX_HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX));
    builder
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const IDLE: Duration = Duration::from_millis(200);
    const REST: Rest = Rest { idle: IDLE, stalled: Duration::from_secs(2) };
    const LONG: Duration = Duration::from_secs(20);

    async fn served(most: usize) -> std::net::SocketAddr {
        let slow = get(|| async {
            sleep(IDLE * 3).await;
            "slow"
        });
        let router = Router::new().route("/", get(|| async { "quick" })).route("/slow", slow);
        let router = router.route("/large", get(|| async { vec![b'x'; 64 * 1024 * 1024] }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve_within(listener, router, pending(), (most, REST)));
        address
    }

    /// What comes back until the connection ends.
    async fn said(stream: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        let _ = timeout(LONG, stream.read_to_end(&mut bytes)).await.unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn connections_that_rest_end_and_those_that_are_answered_do_not() {
        let address = served(10).await;
        for sent in [
            "",
            "P",
            "PRI * HTTP/2.0\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: ",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(sent.as_bytes()).await.unwrap();
            let whole = sent.ends_with("\r\n\r\n");
            assert_eq!(said(&mut stream).await.ends_with("quick"), whole, "{sent:?}");
        }
        let mut drips = TcpStream::connect(address).await.unwrap();
        let dripped = timeout(LONG, async {
            while drips.write_all(b"X").await.is_ok() {
                sleep(IDLE / 8).await
            }
        });
        assert!(dripped.await.is_ok(), "a head byte by byte");
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(said(&mut slow).await.ends_with("slow"));
    }

    #[tokio::test]
    async fn more_connections_than_may_be_are_refused_and_places_come_back() {
        let address = served(2).await;
        let held = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        let asked = async || {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let _ = stream.write_all(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
            said(&mut stream).await.ends_with("quick")
        };
        assert!(!asked().await);
        sleep(IDLE * 3).await;
        assert!(asked().await, "although the two that rest were never closed by their clients");
        drop(held);
    }

    #[tokio::test]
    async fn what_has_begun_is_finished_after_a_stop() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let slow = get(|| async {
            sleep(IDLE).await;
            "slow"
        });
        serve_within(listener, Router::new().route("/", slow), sleep(IDLE / 2), (1, REST)).await;
        assert!(said(&mut stream).await.ends_with("slow"));
    }

    #[tokio::test]
    async fn an_answer_is_sent_as_long_as_it_is_taken() {
        let address = served(10).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let (mut taken, mut piece) = (0, vec![0; 4 * 1024 * 1024]);
        for _ in 0..6 {
            sleep(IDLE / 2).await;
            taken += stream.read_exact(&mut piece).await.unwrap();
        }
        sleep(REST.stalled * 2).await;
        let mut rest = Vec::new();
        let _ = timeout(LONG, stream.read_to_end(&mut rest)).await.unwrap();
        assert!(taken + rest.len() < 64 * 1024 * 1024, "what nobody takes ends");
    }
}
