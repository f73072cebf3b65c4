//! The map inside a document (attestation_process.md, section 3.2.2): steps 7 to 17.

use std::collections::BTreeMap;

use strongroom_proto::cbor::{self, CborError};

use super::item::Item;
use super::{PcrValue, Statement};
use crate::error::FormatError;
use crate::limits::{
    MAX_CABUNDLE_ENTRIES, MAX_CERTIFICATE_BYTES, MAX_NONCE_BYTES, MAX_PUBLIC_KEY_BYTES, MAX_USER_DATA_BYTES,
    PAYLOAD_CBOR, PCR_COUNT,
};
use crate::pcr::PcrIndex;
use crate::time::UnixMillis;

/// Everything the map holds, each field within its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) statement: Statement,
    pub(super) certificate: Vec<u8>,
    pub(super) cabundle: Vec<Vec<u8>>,
}

const MODULE_ID: &str = "module_id";
const DIGEST: &str = "digest";
const TIMESTAMP: &str = "timestamp";
const PCRS: &str = "pcrs";
const CERTIFICATE: &str = "certificate";
const CABUNDLE: &str = "cabundle";
const PUBLIC_KEY: &str = "public_key";
const USER_DATA: &str = "user_data";
const NONCE: &str = "nonce";

const NAMES: [&str; 9] =
    [MODULE_ID, DIGEST, TIMESTAMP, PCRS, CERTIFICATE, CABUNDLE, PUBLIC_KEY, USER_DATA, NONCE];

impl Fields {
    pub(super) fn read(payload: &[u8]) -> Result<Self, FormatError> {
        // Steps 7 and 8: one map of known names.
        let mut map = named_items(payload)?;
        let mut required = |name| map.remove(name).ok_or(FormatError::Missing(name));
        let module_id = module_id(&required(MODULE_ID)?)?;
        digest(&required(DIGEST)?)?;
        let timestamp = timestamp(&required(TIMESTAMP)?)?;
        let pcrs = pcrs(&required(PCRS)?)?;
        let certificate = certificate(&required(CERTIFICATE)?)?;
        let cabundle = cabundle(&required(CABUNDLE)?)?;
        let statement = Statement {
            module_id,
            timestamp,
            pcrs,
            public_key: public_key(map.remove(PUBLIC_KEY))?,
            user_data: user_data(map.remove(USER_DATA))?,
            nonce: nonce(map.remove(NONCE))?,
        };
        Ok(Self { statement, certificate, cabundle })
    }
}

fn named_items(payload: &[u8]) -> Result<BTreeMap<&str, Item<'_>>, FormatError> {
    // Step 7: one map, definite or indefinite, no key twice, nothing after it.
    let Item::Map(pairs) = cbor::decode_tree(payload, PAYLOAD_CBOR).map_err(FormatError::Payload)? else {
        return Err(FormatError::Payload(CborError::Shape));
    };
    // Step 8: known names only. `nitrotpm_pcrs` marks the document of an instance, not of an enclave.
    let known = |(key, value)| match key {
        Item::Text(name) if NAMES.contains(&name) => Ok((name, value)),
        _ => Err(FormatError::UnknownField),
    };
    pairs.into_iter().map(known).collect()
}

/// Step 9: the module has a name.
fn module_id(item: &Item<'_>) -> Result<String, FormatError> {
    match item {
        Item::Text("") => Err(FormatError::Size(MODULE_ID)),
        Item::Text(name) => Ok((*name).to_owned()),
        _ => Err(FormatError::Type(MODULE_ID)),
    }
}

/// Step 10: registers are SHA-384.
fn digest(item: &Item<'_>) -> Result<(), FormatError> {
    match item {
        Item::Text("SHA384") => Ok(()),
        Item::Text(_) => Err(FormatError::Value(DIGEST)),
        _ => Err(FormatError::Type(DIGEST)),
    }
}

/// Step 11: milliseconds, not zero.
fn timestamp(item: &Item<'_>) -> Result<UnixMillis, FormatError> {
    match item {
        Item::Unsigned(0) => Err(FormatError::Value(TIMESTAMP)),
        Item::Unsigned(millis) => Ok(UnixMillis::new(*millis)),
        _ => Err(FormatError::Type(TIMESTAMP)),
    }
}

/// Step 12: 1 to 32 registers, each of index 0 to 31 and of 32, 48 or 64 bytes.
fn pcrs(item: &Item<'_>) -> Result<BTreeMap<PcrIndex, PcrValue>, FormatError> {
    let Item::Map(pairs) = item else { return Err(FormatError::Type(PCRS)) };
    if pairs.is_empty() || pairs.len() > PCR_COUNT {
        return Err(FormatError::Size(PCRS));
    }
    pairs.iter().map(|(key, value)| Ok((pcr_index(key)?, pcr_value(value)?))).collect()
}

fn pcr_index(key: &Item<'_>) -> Result<PcrIndex, FormatError> {
    let Item::Unsigned(index) = key else { return Err(FormatError::Type(PCRS)) };
    let index = u8::try_from(*index).map_err(|_| FormatError::Value(PCRS))?;
    PcrIndex::try_from(index).map_err(|_| FormatError::Value(PCRS))
}

fn pcr_value(value: &Item<'_>) -> Result<PcrValue, FormatError> {
    let Item::Bytes(bytes) = value else { return Err(FormatError::Type(PCRS)) };
    PcrValue::new(bytes).ok_or(FormatError::Size(PCRS))
}

/// Step 13: a certificate of 1 to 1024 bytes.
fn certificate(item: &Item<'_>) -> Result<Vec<u8>, FormatError> {
    certificate_of(item, CERTIFICATE)
}

/// Step 14: at least the root, each of 1 to 1024 bytes.
fn cabundle(item: &Item<'_>) -> Result<Vec<Vec<u8>>, FormatError> {
    let Item::Array(entries) = item else { return Err(FormatError::Type(CABUNDLE)) };
    if entries.is_empty() || entries.len() > MAX_CABUNDLE_ENTRIES {
        return Err(FormatError::Size(CABUNDLE));
    }
    entries.iter().map(|entry| certificate_of(entry, CABUNDLE)).collect()
}

fn certificate_of(item: &Item<'_>, name: &'static str) -> Result<Vec<u8>, FormatError> {
    match item {
        Item::Bytes(der) if der.is_empty() || der.len() > MAX_CERTIFICATE_BYTES => {
            Err(FormatError::Size(name))
        }
        Item::Bytes(der) => Ok(der.to_vec()),
        _ => Err(FormatError::Type(name)),
    }
}

/// Step 15: absent, null, or 1 to 1024 bytes.
fn public_key(item: Option<Item<'_>>) -> Result<Option<Vec<u8>>, FormatError> {
    match optional_bytes(item, PUBLIC_KEY, MAX_PUBLIC_KEY_BYTES)? {
        Some(key) if key.is_empty() => Err(FormatError::Size(PUBLIC_KEY)),
        key => Ok(key),
    }
}

/// Step 16: absent, null, or up to 512 bytes.
fn user_data(item: Option<Item<'_>>) -> Result<Option<Vec<u8>>, FormatError> {
    optional_bytes(item, USER_DATA, MAX_USER_DATA_BYTES)
}

/// Step 17: absent, null, or up to 512 bytes.
fn nonce(item: Option<Item<'_>>) -> Result<Option<Vec<u8>>, FormatError> {
    optional_bytes(item, NONCE, MAX_NONCE_BYTES)
}

/// AWS's text forbids null, but its NSM writes null for what was not asked for.
fn optional_bytes(
    item: Option<Item<'_>>,
    name: &'static str,
    max_bytes: usize,
) -> Result<Option<Vec<u8>>, FormatError> {
    match item {
        None | Some(Item::Null) => Ok(None),
        Some(Item::Bytes(bytes)) if bytes.len() > max_bytes => Err(FormatError::Size(name)),
        Some(Item::Bytes(bytes)) => Ok(Some(bytes.to_vec())),
        Some(_) => Err(FormatError::Type(name)),
    }
}
