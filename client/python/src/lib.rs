//! The client for Python, below its Python: `strongroom._native`.
//!
//! The package in `python/strongroom` is what users import. It turns arrays into names, datatypes, shapes and bytes, which is
//! all that this crate sees; everything that is judged is judged by `strongroom-client`. Waiting is done without the
//! interpreter's lock, and a call either blocks until it is done or Ctrl-C, or hands its result to a callback.
//!
//! It never converts a value, never reads the environment and never writes a file.

mod answer;
mod client;
mod document;
mod failure;
mod running;

use std::alloc::System;

use pyo3::pymodule;
use zeroizing_alloc::ZeroAlloc;

/// Whatever this library gives back is wiped: keys, requests and answers. Objects of Python are Python's own.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// What the package in Python is built on. Not for use by itself.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::client::{Client, Question};
    #[pymodule_export]
    use crate::document::verify_document;
    #[pymodule_export]
    use crate::running::Task;
}
