//! A pretended AWS S3: one bucket on loopback, read with presigned requests.
//!
//! It checks what the real one checks of such a request: its signature, its scope, its time, the
//! credentials and their expiry, conditions and ranges. It answers what it does not know with an error. Beside
//! that it keeps a log of calls and can be told to fail.

mod bucket;
mod error;
mod limits;
mod presigned;
mod server;
mod service;

pub use error::S3ErrorKind;
pub use server::S3Server;
pub use service::{S3Call, SimS3, SimS3Config};
