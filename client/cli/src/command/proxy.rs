//! `proxy`: standard inference APIs on loopback, in front of a verified enclave.
//!
//! Whoever reaches the listener asks with this API key and in the clear, so that only loopback is listened on unless
//! another address is asked for by name. stdout carries one line, the address, once connections are accepted.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use strongroom_proxy::{Hosts, REVERIFY_AFTER, Upstream};
use tokio::net::TcpSocket;
use tokio::signal::unix::{SignalKind, signal};

use crate::asking::AskArgs;
use crate::error::{CliError, Result};
use crate::keep::{KeepFolder, Keeper};
use crate::limits::MAX_HOST_NAME_CHARS;
use crate::output;
use crate::settings::Settings;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// Arguments of `proxy`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    ask: AskArgs,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Allow an address that is not loopback: others on the network then ask with this API key, and in the clear
    #[arg(long)]
    expose: bool,
    /// A name by which clients reach the proxy, such as that of its service or container; may be repeated. Addresses and
    /// `localhost` need none
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    host_name: Vec<String>,
    /// Seconds after which the enclave has to prove itself again
    #[arg(long, value_name = "N", default_value_t = REVERIFY_AFTER.as_secs(), value_parser = clap::value_parser!(u64).range(1..=86_400))]
    reverify_after_seconds: u64,
    #[command(flatten)]
    keep: KeepFolder,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    if !args.listen.ip().is_loopback() && !args.expose {
        return Err(CliError::usage(
            "--listen is not a loopback address: whoever reaches it would ask with this API key and in the clear; --expose allows it",
        ));
    }
    let age = Duration::from_secs(args.reverify_after_seconds);
    let folder = args.keep.or_settings(&Settings::load()?);
    let keeps = folder.made()?;
    let keeper = Keeper::running_on(folder);
    let asking = args.ask.connect_for(keeps.then(|| keeper.keep()), Some(age))?;
    let refused =
        |error: io::Error| CliError::usage(format!("cannot listen on {}: {}", args.listen, error.kind()));
    let socket = bound(args.listen).map_err(refused)?;
    let upstream = Arc::new(Upstream::new(asking.client));
    let memory = asking.memory;
    // What is wrong from the start is said at once and ends the command; what goes wrong later is waited for.
    asking_once(&upstream).await?;
    memory.keep(&upstream.client().epochs());
    let listener = socket.listen(BACKLOG).map_err(refused)?;
    let address = listener.local_addr().map_err(|error| CliError::Runtime(error.kind()))?;
    let hosts = Hosts::new(address.ip(), args.host_name);
    output::line(&format!("ready http://{address}"))?;
    let ready = {
        let upstream = Arc::clone(&upstream);
        async move { upstream.keep_ready(|epochs| memory.keep(epochs)).await }
    };
    tokio::select! {
        served = strongroom_proxy::serve_hosts(listener, Arc::clone(&upstream), hosts, stopped()) => {
            served.map_err(|error| CliError::Runtime(error.kind()))?;
        }
        () = ready => {}
    }
    keeper.finish()
}

/// A name as a `Host` header has it, without its port.
fn host_name(text: &str) -> std::result::Result<String, String> {
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let bare = (1..=MAX_HOST_NAME_CHARS).contains(&text.len()) && text.bytes().all(named);
    // An address needs no name: the listener's own pass, and others are not its own.
    if bare && text.parse::<IpAddr>().is_err() {
        return Ok(text.to_owned());
    }
    Err("a host name has letters, digits, '-', '.' and '_' alone: no scheme, port or address".to_owned())
}

/// Takes the address without accepting connections: no request waits in the kernel for an enclave that is still to be judged.
fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // As `TcpListener::bind` does: an address of which connections still wind down can be taken again.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// The first session. An enclave that is not there yet is waited for.
async fn asking_once(upstream: &Upstream) -> Result<()> {
    match upstream.client().session().await {
        Ok(_) => Ok(()),
        Err(error) if error.class() == strongroom_client::ErrorClass::Unreachable => {
            output::warn(&format!("{error}: the proxy answers 503 until an enclave is verified"));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Until SIGINT or SIGTERM. Where neither can be waited for, until the process is killed.
async fn stopped() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_is_a_name_alone() {
        for good in ["proxy", "strongroom-proxy.models.svc", "my_proxy"] {
            assert_eq!(host_name(good).as_deref(), Ok(good));
        }
        let long = "a".repeat(MAX_HOST_NAME_CHARS + 1);
        for bad in ["", "proxy:8080", "http://proxy", "a b", "*", "a@b", "10.0.0.7", "[::1]", "::1", &long] {
            assert!(host_name(bad).is_err(), "{bad}");
        }
    }
}
