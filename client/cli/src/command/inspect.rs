//! `inspect`: explains a file, and says what about it is not verified.

mod audit_copy;
mod explain;
mod image_file;
mod kept;
mod keys;
mod owners;
mod policy_file;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{CliError, Result};
use crate::limits::MAX_IMAGE_PART_BYTES;
use crate::secret::shown;
use crate::{files, output};

/// Arguments of `inspect`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A file of Strongroom
    ///
    /// Charter, release bundle, sealed model, enclave image, measurements (published or of one image), attestation
    /// document, trust file, policy, receipt, evidence, head or copy of an audit log, profile, config file, record of
    /// a history, or a key. Of a key, only what it is and what is public of it is told.
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A file's kind, what is known about its truth, and what it says.
pub(super) struct Explained {
    kind: &'static str,
    verified: &'static str,
    content: Value,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    // These two may be larger than memory, and are recognised by how they begin.
    let explained = match explain::sealed(&args.file).or_else(|| audit_copy::explain(&args.file)) {
        Some(explained) => Some(explained),
        None => read(&args.file)?,
    };
    let Explained { kind, verified, content } =
        explained.ok_or_else(|| CliError::Unknown(args.file.clone()))?;
    let mut human = format!("{kind}\n{verified}\n");
    // A stranger's text tells a terminal nothing, whatever kind of file it stands in.
    render(&mut human, &explain::printable_json(content.clone()), 0);
    let json = serde_json::json!({ "kind": kind, "verified": verified, "content": content });
    output::result(args.json, &json, human.trim_end())
}

/// Explains a file by all of its bytes.
fn read(path: &Path) -> Result<Option<Explained>> {
    let bytes = files::read(path, MAX_IMAGE_PART_BYTES)?;
    if let Some(damage) = image_file::damage(&bytes) {
        return Err(CliError::usage(format!("{}: {damage}", shown(path))));
    }
    // Keys first: nothing else may come to see them, and print them.
    let explained = keys::explain(&bytes)
        .or_else(|| explain::document(&bytes))
        .or_else(|| kept::explain(&bytes))
        .or_else(|| owners::explain(&bytes));
    match explained {
        Some(explained) => Ok(Some(explained)),
        None => policy_file::explain(path, &bytes).transpose(),
    }
}

/// One line a value, indented by depth.
fn render(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    let mut entry = |name: String, value: &Value| match value {
        Value::Object(map) if !map.is_empty() => {
            *text += &format!("{indent}{name}:\n");
            render(text, value, depth + 1);
        }
        Value::Array(list) if !list.is_empty() => {
            *text += &format!("{indent}{name}:\n");
            render(text, value, depth + 1);
        }
        Value::String(line) => *text += &format!("{indent}{name}: {line}\n"),
        other => *text += &format!("{indent}{name}: {other}\n"),
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| entry(name.clone(), value)),
        Value::Array(list) => list.iter().enumerate().for_each(|(at, value)| entry(format!("{at}"), value)),
        _ => {}
    }
}
