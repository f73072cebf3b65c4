//! JSON lines, as a host forwards them: one object a line, binary fields in base64, boots in hexadecimal.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use strongroom_attestation::claims::BootId;

use super::{Each, LogId, LogRow, SourceError, io};
use crate::limits::MAX_AUDIT_LINE_BYTES;

/// All lines, in memory.
#[derive(Default)]
pub(crate) struct Lines {
    logs: BTreeMap<LogId, Log>,
    /// Numbers of the lines that are no whole object, as a host leaves them that stops while it writes one.
    torn: Vec<usize>,
}

#[derive(Default)]
struct Log {
    rows: Vec<LogRow>,
    records: Vec<(u64, Vec<u8>)>,
    checkpoints: Vec<Vec<u8>>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line {
    Log { boot: String, segment: u32, opening: String, document: String },
    Record { boot: String, segment: u32, number: u64, sealed: String },
    Checkpoint { boot: String, segment: u32, document: String },
}

const NO_LINE: &str = "not a line of a log";

impl Lines {
    /// Reads every line. An empty one is nothing, and neither is a torn one: what it would have said is missing, and shows as that.
    pub(crate) fn read(mut from: impl BufRead) -> Result<Self, SourceError> {
        let mut lines = Self::default();
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            let read =
                from.by_ref().take(MAX_AUDIT_LINE_BYTES + 1).read_until(b'\n', &mut text).map_err(io)?;
            if read == 0 {
                break;
            }
            if !lines.line(&text).map_err(|what| SourceError::Line { line, what })? {
                lines.torn.push(line);
            }
        }
        if let (Some(line), true) = (lines.torn.first(), lines.logs.is_empty()) {
            return Err(SourceError::Line { line: *line, what: NO_LINE });
        }
        lines.logs.values_mut().for_each(|log| log.records.sort_by_key(|(number, _)| *number));
        Ok(lines)
    }

    /// Takes a line; `false` where it is torn.
    fn line(&mut self, text: &[u8]) -> Result<bool, &'static str> {
        if text.len() as u64 > MAX_AUDIT_LINE_BYTES {
            return Err("longer than any line of a log");
        }
        if text.trim_ascii().is_empty() {
            return Ok(true);
        }
        let line = match serde_json::from_slice::<Line>(text) {
            Ok(line) => line,
            Err(error) if error.is_data() => return Err(NO_LINE),
            Err(_) => return Ok(false),
        };
        match line {
            Line::Log { boot, segment, opening, document } => {
                let row = LogRow {
                    id: id(&boot, segment)?,
                    opening: bytes(&opening)?,
                    document: bytes(&document)?,
                };
                let rows = &mut self.logs.entry(row.id).or_default().rows;
                // A host repeats it with every batch.
                if !rows.contains(&row) {
                    rows.push(row);
                }
            }
            Line::Record { boot, segment, number, sealed } => {
                self.logs.entry(id(&boot, segment)?).or_default().records.push((number, bytes(&sealed)?));
            }
            Line::Checkpoint { boot, segment, document } => {
                self.logs.entry(id(&boot, segment)?).or_default().checkpoints.push(bytes(&document)?);
            }
        }
        Ok(true)
    }

    /// Numbers of the torn lines.
    pub(super) fn torn(&self) -> &[usize] {
        &self.torn
    }

    pub(super) fn logs(&self) -> Vec<LogRow> {
        self.logs.values().flat_map(|log| log.rows.iter().cloned()).collect()
    }

    pub(super) fn orphans(&self) -> Vec<LogId> {
        self.logs.iter().filter(|(_, log)| log.rows.is_empty()).map(|(id, _)| *id).collect()
    }

    pub(super) fn records(&self, log: LogId, each: &mut Each<'_>) {
        let records = self.logs.get(&log).map_or(&[] as &[_], |log| &log.records);
        records.iter().for_each(|(number, sealed)| each(*number, sealed));
    }

    pub(super) fn has_records(&self, log: LogId) -> bool {
        self.logs.get(&log).is_some_and(|log| !log.records.is_empty())
    }

    pub(super) fn checkpoints(&self, log: LogId) -> Vec<Vec<u8>> {
        self.logs.get(&log).map(|log| log.checkpoints.clone()).unwrap_or_default()
    }
}

fn id(boot: &str, segment: u32) -> Result<LogId, &'static str> {
    let boot = hex::decode(boot).ok().and_then(|boot| boot.try_into().ok());
    Ok(LogId::new(BootId::new(boot.ok_or("a boot is 32 hexadecimal digits")?), segment))
}

fn bytes(text: &str) -> Result<Vec<u8>, &'static str> {
    STANDARD.decode(text).map_err(|_| "a field is not base64")
}
