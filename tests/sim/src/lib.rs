//! Everything that is pretended: the NSM, the Nitro PKI, KMS; and what a host can read of a process. The
//! simulator passes through the same verifier and the same enclave code as the real thing, with a root of its own.

pub mod attack;
pub mod command;
pub mod intercept;
pub mod kms;
pub mod memory;
pub mod nitro;
pub mod nsm;
pub mod pki;
pub mod s3;
pub mod score;
pub mod world;
