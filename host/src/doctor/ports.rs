//! The addresses that the host will listen on.

use std::io::ErrorKind;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::Finding;
use crate::config::{DEFAULT_LISTEN, DEFAULT_METRICS, Settings};
use crate::limits::DOCTOR_TIMEOUT;

/// Bytes of an answer in which a host would show itself.
const ENOUGH_BYTES: u64 = 4096;

/// Whether they are free, or a host listens there already.
pub(super) async fn check(settings: &Settings) -> Finding {
    let metrics = settings.metrics.unwrap_or(DEFAULT_METRICS);
    let ours = says(metrics, "/metrics", "strongroom_host_").await;
    if ours {
        return Finding::pass(format!("a strongroom-host runs already, with metrics at {metrics}"));
    }
    for (name, address) in [("listen", settings.listen.unwrap_or(DEFAULT_LISTEN)), ("metrics", metrics)] {
        if let Err(error) = TcpListener::bind(address).await {
            return judge(name, address, error.kind());
        }
    }
    Finding::pass("the addresses for clients and metrics are free")
}

fn judge(name: &str, address: SocketAddr, kind: ErrorKind) -> Finding {
    let remedy = match kind {
        ErrorKind::AddrInUse => "end what listens there (`ss -ltnp` names it), or set another port",
        ErrorKind::PermissionDenied => "set a port from 1024 on, or give the unit CAP_NET_BIND_SERVICE",
        _ => "set an address of this machine",
    };
    Finding::fail(format!("{name}: cannot listen on {address}: {kind}"), remedy)
}

/// Whether an HTTP answer from there contains a word.
async fn says(address: SocketAddr, path: &str, word: &str) -> bool {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.take(ENOUGH_BYTES).read_to_end(&mut answer).await.ok()?;
        Some(String::from_utf8_lossy(&answer).contains(word))
    };
    timeout(DOCTOR_TIMEOUT, exchange).await.ok().flatten() == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_remedy() {
        let address = SocketAddr::from(([127, 0, 0, 1], 443));
        let remedy = |kind| judge("listen", address, kind).remedy.unwrap();
        assert!(remedy(ErrorKind::AddrInUse).contains("ss -ltnp"));
        assert!(remedy(ErrorKind::PermissionDenied).contains("CAP_NET_BIND_SERVICE"));
        assert!(remedy(ErrorKind::AddrNotAvailable).contains("of this machine"));
    }
}
