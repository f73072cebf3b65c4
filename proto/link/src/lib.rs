//! Framed byte streams between host and enclave, over vsock or a unix socket.
//!
//! This is the only crate that opens sockets between the two. It moves bytes and bounds what a
//! peer can cost; it never looks into a body and must never trust a length, a kind or a peer.
//!
//! [`Endpoint`] and [`Listener`] make a [`Stream`]; [`frames`] reads and writes single frames on
//! any stream; [`Mux`] asks many things at once on one stream; [`serve`] answers them.

mod endpoint;
mod error;
pub mod frames;
pub mod limits;
mod listener;
mod mux;
mod serve;
mod stream;

pub use endpoint::{Endpoint, EndpointError};
pub use error::LinkError;
pub use listener::{Listener, Peer, PeerRule};
pub use mux::{Mux, Reply};
pub use serve::{Answer, Handler, serve};
pub use stream::{ReadHalf, Stream, WriteHalf};
