//! What an enclave image says of itself, and what it holds.

use serde_json::{Value, json};
use strongroom_eif::archive::{Entry, EntryKind, entries};
use strongroom_eif::{EifError, Image};

use super::Explained;

/// The registers are computed; the metadata are not measured, and so nobody's word.
const VERIFIED: &str = "measured here; the metadata are UNVERIFIED";

/// An image whose signature does not verify is not read at all.
const SIGNED: &str = "ES384 over PCR0, verifies under the certificate whose digest is PCR8; whose certificate that is, \
                      is UNVERIFIED";

pub(super) fn explain(bytes: &[u8]) -> Option<Explained> {
    let image = Image::read(bytes).ok()?;
    let signature = image.signature().map(|_| SIGNED);
    let content = json!({
        "measurements": image.measure(),
        "command_line": image.command_line(),
        "kernel_bytes": image.kernel().len(),
        "ramdisks": image.ramdisks().map(ramdisk).collect::<Vec<_>>(),
        "metadata": image.metadata().and_then(|metadata| serde_json::to_value(metadata).ok()),
        "signature": signature,
    });
    Some(Explained { kind: "enclave image", verified: VERIFIED, content })
}

/// What is wrong with a file that begins as an image does. `None` where nothing is, or where it is no image.
pub(super) fn damage(bytes: &[u8]) -> Option<EifError> {
    Image::read(bytes).err().filter(|error| *error != EifError::NotAnImage)
}

fn ramdisk(archive: &[u8]) -> Value {
    match entries(archive) {
        Ok(entries) => entries.iter().map(entry).collect(),
        Err(_) => json!([format!("{} bytes that are not a plain archive", archive.len())]),
    }
}

fn entry(entry: &Entry<'_>) -> Value {
    let kind = match entry.kind {
        EntryKind::Directory => "directory".to_owned(),
        EntryKind::CharacterDevice => "device".to_owned(),
        EntryKind::File => format!("{} bytes", entry.content.len()),
        EntryKind::Other => "neither file nor directory".to_owned(),
    };
    let path = entry.path.chars().filter(char::is_ascii_graphic).collect::<String>();
    json!(format!("{path} ({:04o}, {kind})", entry.permissions))
}
