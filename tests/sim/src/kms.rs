//! A pretended AWS KMS: a real HTTPS server that speaks the KMS JSON protocol.
//!
//! It checks what the real one checks: request signatures, credentials and their expiry, key policies with
//! attestation conditions, grants, encryption contexts, and the attestation document itself, through the same
//! verifier that clients use, under the simulated root. Its answers to a recipient have the real CMS form byte
//! for byte. It answers an unknown operation, operator or field with an error; it never ignores one.
//!
//! Beside that it keeps a log of calls and can be told to misbehave, so that a test can show that the client
//! under test does not depend on an honest KMS.

pub mod caller;
pub mod calls;
pub mod ciphertext;
pub mod cms;
pub mod date;
pub mod error;
mod limits;
pub mod operations;
pub mod policy;
pub mod recipient;
pub mod server;
pub mod service;
pub mod sigv4;
pub mod state;

pub use caller::{Caller, SimCredential};
pub use calls::{Call, Enclave, Misdeed};
pub use error::{ApiError, ErrorKind};
pub use recipient::{BadDocument, RecipientFacts, RecipientVerifier};
pub use server::{TlsIdentity, serve};
pub use service::{SimKms, SimKmsConfig};
