//! What a client decides, without a socket or a clock: demands, requests, judgements.
//!
//! A [`Party`] is asked for bytes to send and given the bytes that came back; between the two it judges evidence against a
//! [`TrustFile`], seals for the enclave that passed alone, and gives out no answer whose receipt does not name what was
//! verified. Time is an argument. `strongroom-client` is its edge on a machine, the browser package its edge in a page.
//!
//! This crate never opens a connection, never reads a clock and never writes a file.

mod accept;
pub mod api_key;
mod call;
mod cure;
pub mod describe;
mod error;
mod fault;
mod floors;
mod keep;
pub mod limits;
mod models;
pub mod oip;
mod party;
#[cfg(test)]
mod tests;
mod trust_file;

pub use call::{Call, InferAnswer, InferRequest, Said};
pub use cure::Cure;
pub use error::{ClientError, ErrorClass, TransportError};
pub use fault::Fault;
pub use keep::{Keep, Kept};
pub use models::Described;
pub use party::{Held, Judged, Opening, Party};
pub use trust_file::{Demands, TrustFile, TrustFileError};
