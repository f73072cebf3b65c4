//! A real enclave image under QEMU's machine `nitro-enclave`: a real guest kernel, `/dev/nsm` and AF_VSOCK.
//!
//! Two things are pretended. vsock ends in unix sockets on this side, because the machine that runs the
//! emulator is no parent instance. And the emulated NSM signs nothing: its documents are signed again, with
//! what they state unchanged, where KMS and where clients receive them. That is done in one mode by name,
//! [`crate::world::Documents::Resigned`], and nowhere else.

mod bridge;
mod emulator;
mod resign;

pub use bridge::Bridge;
pub use emulator::{EmulatedEnclave, Emulator};
pub use resign::Resigner;
