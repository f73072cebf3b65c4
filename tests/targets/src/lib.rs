//! What must hold for any bytes that arrive from outside, one function for each reader.
//!
//! Each takes arbitrary bytes, panics when a promise is broken, and says whether the reader accepted them, which
//! it must do with every seed: a target that refuses all has nothing to say. `tests/fuzz` hands them what a fuzzer finds;
//! `tests/properties.rs` hands them seeds, changed seeds and noise in every run of the tests.
//!
//! The keys behind the seeds of `document` and `package` were thrown away when `examples/seeds.rs` had made
//! them. Whatever those readers accept must therefore be one of the seeds: a forgery is a finding too.

mod cms;
mod controls;
mod document;
mod frame;
mod image;
mod package;
mod policy;
mod request;
mod rewrite;

pub use cms::cms;
pub use controls::controls;
pub use document::{DOCUMENT_TIME, document};
pub use frame::frame;
pub use image::image;
pub use package::{DATA_KEY, DEPLOYMENT, content, package};
pub use policy::policy;
pub use request::request;

/// A reader of bytes from outside, under test; true when it accepted them.
pub type Target = fn(&[u8]) -> bool;

/// The targets and the folders of their seeds.
pub const TARGETS: [(&str, Target); 8] = [
    ("cms", cms),
    ("controls", controls),
    ("document", document),
    ("frame", frame),
    ("image", image),
    ("package", package),
    ("policy", policy),
    ("request", request),
];
