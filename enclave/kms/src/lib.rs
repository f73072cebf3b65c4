//! AWS KMS as Strongroom uses it: the enclave opens data keys with it, the owner's command makes them.
//!
//! The official SDK speaks over whatever byte stream a [`Dial`] gives: the enclave dials through the host's
//! tunnel, the owner through TCP. TLS 1.3 ends here, against pinned roots only, so whoever carries the bytes
//! can stop a call but neither read nor answer one.
//!
//! This crate never reads a clock, the environment or a file, and opens no socket: time comes from a [`Clock`],
//! credentials from a [`HostCredentials`] cell, roots from [`TlsRoots`]. (The SDK beneath looks at a few variables
//! that change its user agent and its own debug logging; a measured image sets none.) It never follows an alias, never accepts
//! a plaintext where it asked for one sealed to a [`RecipientKey`], and its errors never
//! repeat what an answer said.

pub mod admin;
pub mod answer;
pub mod arn;
pub mod client;
pub mod clock;
pub mod cms;
pub mod connector;
pub mod context;
pub mod credentials;
pub mod dial;
pub mod error;
pub mod limits;
pub mod policy;
pub mod sign;
pub mod tls;

pub use admin::{Grant, KeyDescription, KeyOrigin, KeyState};
pub use arn::{ArnError, KeyArn, PrincipalArn, Region};
pub use client::{AttestedDecrypt, DataKey, Kms, KmsConfig, WrappedKey};
pub use clock::Clock;
pub use cms::RecipientKey;
pub use context::EncryptionContext;
pub use credentials::{AwsCredentials, HostCredentials};
pub use dial::{BoxFuture, BoxStream, Dial};
pub use error::{BadAnswer, KmsError, Refusal};
pub use policy::PolicyText;
pub use tls::TlsRoots;
