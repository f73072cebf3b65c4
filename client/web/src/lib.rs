//! The verifier in a page: `strongroom-core`, compiled to WebAssembly for the package of `client/web/js`.
//!
//! - `page` is what JavaScript sees: bytes in, bytes out. It exists for that target alone.
//! - `question` reads a request, `answer` writes what came back, `describe` what was verified and signed.
//! - `failure` sorts errors for callers, and says which of them another attempt may cure.
//!
//! The package's JavaScript fetches, waits and tells the time; it decides nothing. Neither does this crate: every
//! judgement is made in `strongroom-core`, which the command line and the proxy stand on, too.

mod answer;
mod describe;
mod failure;
#[cfg(target_arch = "wasm32")]
pub mod page;
mod question;

pub use answer::Parts;
pub use describe::{receipt, verified};
pub use failure::{Failure, exchange};
pub use question::question;
