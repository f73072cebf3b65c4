//! `inspect`: explains a file, and says what about it is not verified.

mod explain;
mod image_file;
mod policy_file;

use std::path::PathBuf;

use serde_json::Value;

use crate::error::{CliError, Result};
use crate::limits::MAX_IMAGE_PART_BYTES;
use crate::{files, output};

/// Arguments of `inspect`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A charter, release bundle, sealed model, attestation document, trust file, policy, enclave image or its
    /// published measurements
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
    let explained = match explain::sealed(&args.file) {
        Some(explained) => Some(explained),
        None => {
            let bytes = files::read(&args.file, MAX_IMAGE_PART_BYTES)?;
            if let Some(damage) = image_file::damage(&bytes) {
                return Err(CliError::usage(format!("{}: {damage}", args.file.display())));
            }
            match explain::document(&bytes) {
                Some(explained) => Some(explained),
                None => policy_file::explain(&args.file, &bytes).transpose()?,
            }
        }
    };
    let Explained { kind, verified, content } =
        explained.ok_or_else(|| CliError::Unknown(args.file.clone()))?;
    let mut human = format!("{kind}\n{verified}\n");
    render(&mut human, &content, 0);
    let json = serde_json::json!({ "kind": kind, "verified": verified, "content": content });
    output::result(args.json, &json, human.trim_end())
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
