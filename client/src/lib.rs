//! Verifies a Strongroom enclave and asks it for inferences over a sealed channel.
//!
//! A [`Client`] sends nothing but a nonce before the enclave's evidence has met every demand of a
//! [`TrustFile`]; what it then sends is sealed for that enclave alone, and no answer is given out whose
//! receipt does not name what was verified. A session that is lost, or whose release was swapped, costs a
//! new attestation and a full new judgement, never a weaker one.
//!
//! This crate is the client's edge: it opens connections and reads the clock, and `strongroom-core` decides. It never runs a model, never
//! speaks to AWS and never writes a file.

mod client;
pub mod limits;
mod transport;

pub use client::{Client, Options, Prepared};
pub use strongroom_core::{
    ClientError, Demands, Described, ErrorClass, Fault, Held, InferAnswer, InferRequest, Judged, Keep, Kept,
    TransportError, TrustFile, TrustFileError, api_key, describe, oip,
};
