//! What must hold for any bytes that arrive from outside, one function for each format.
//!
//! Each takes arbitrary bytes, panics when a promise is broken, and says whether the reader accepted them, which
//! it must do with every seed: a target that refuses all has nothing to say. `tests/fuzz` hands them what a fuzzer finds;
//! `tests/properties.rs` hands them seeds, changed seeds and noise in every run of the tests. Which reader of the tree is behind
//! which target stands in `README.md`, and what each run so far has found in `docs/fuzzing.md`.
//!
//! Nobody can sign or seal for the seeds: the keys of `document` and `package` were thrown away, and a fuzzer does not
//! use those of the golden vectors, which everybody has. Whatever those readers accept must therefore say what one of the seeds
//! says: a forgery is a finding too.

mod audit;
mod cbor;
mod charter;
mod cms;
mod controls;
mod document;
mod evidence;
mod frame;
mod genuine;
mod hello;
mod image;
mod kms;
mod link;
mod manifest;
mod message;
mod oip;
mod onnx;
mod package;
mod policy;
mod private;
mod profile;
mod published;
mod receipt;
mod release;
mod report;
mod request;
mod rewrite;
mod seldom;
mod state;
mod tensors;
mod trust;

pub use document::DOCUMENT_TIME;
pub use package::{DATA_KEY, DEPLOYMENT, content};

/// A reader of bytes from outside, under test; true when it accepted them.
pub type Target = fn(&[u8]) -> bool;

/// The one list of targets: makes [`TARGETS`], each function public under its name, and hands the names to whoever has to
/// write something down for each.
macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        $(pub use $name::$name;)*

        /// The targets and the folders of their seeds.
        pub const TARGETS: &[(&str, Target)] = &[$((stringify!($name), $name)),*];

        /// Calls a macro with the name of every target.
        #[macro_export]
        macro_rules! for_each_target {
            ($with:ident) => { $with!($($name),*); };
        }
    };
}

targets!(
    audit, cbor, charter, cms, controls, document, evidence, frame, hello, image, kms, link, manifest,
    message, oip, onnx, package, policy, private, profile, published, receipt, release, report, request,
    state, tensors, trust,
);
