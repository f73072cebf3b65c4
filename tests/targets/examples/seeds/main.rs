//! Makes the seeds of the fuzz targets and what is needed to judge them.
//!
//! `cargo run --release -p strongroom-targets --example seeds [FOLDER...]` writes `tests/fuzz/corpus` and
//! `tests/targets/fixtures` anew, or those folders of them alone. `golden` copies what the golden vectors hold, `made` seals
//! with keys that end with this process, `written` is plain text and ONNX.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a tool for developers may stop at a fault")]

mod golden;
mod made;
mod written;

use std::fs;
use std::path::Path;

fn main() {
    golden::all();
    made::all();
    written::all();
}

/// A seed of one target.
fn seed(target: &str, name: &str, bytes: &[u8]) {
    write(&format!("fuzz/corpus/{target}"), name, bytes);
}

/// What the targets judge seeds with.
fn fixture(name: &str, bytes: &[u8]) {
    write("targets/fixtures", name, bytes);
}

fn write(folder: &str, name: &str, bytes: &[u8]) {
    let wanted: Vec<_> = std::env::args().skip(1).collect();
    let last = folder.rsplit('/').next().unwrap_or_default();
    if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == last) {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}
