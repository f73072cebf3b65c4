//! Records in the clear, one row each, for people and for a SIEM. Never inputs or outputs: no record holds any.

use serde::Serialize;
use strongroom_attestation::UnixMillis;
use strongroom_attestation::audit::{
    Answered, AuditEvent, AuditOpening, AuditPrivateKey, AuditReader, AuditRecord, Reason, Verdict,
};
use strongroom_attestation::release::{Coarseness, Operation};

use super::{LogId, Source, SourceError};
use crate::words::utc;

/// A record.
#[derive(Default, Serialize)]
pub(crate) struct Row {
    boot: String,
    segment: u32,
    number: u64,
    #[serde(skip)]
    pub(crate) at: Option<UnixMillis>,
    time: Option<String>,
    event: &'static str,
    pub(crate) key: Option<String>,
    index: Option<u64>,
    operation: Option<Operation>,
    model: Option<String>,
    verdict: Option<&'static str>,
    reason: Option<String>,
    coarseness: Option<Coarseness>,
    stricter: bool,
    rows: u64,
    bits: u64,
    size_log2: Option<u8>,
    epoch: Option<u64>,
    release: Option<String>,
}

/// First line of the CSV form.
pub(crate) const CSV_HEADER: &str = "boot,segment,number,time,event,key,index,operation,model,verdict,reason,\
                                     coarseness,stricter,rows,bits,size_log2,epoch,release";

/// Hands over every record of a copy, log by log in the order in which they began. What does not open is a row that says so.
pub(crate) fn rows(
    source: &Source,
    key: &AuditPrivateKey,
    each: &mut dyn FnMut(Row),
) -> Result<(), SourceError> {
    let mut logs: Vec<_> = source
        .logs()?
        .into_iter()
        .filter_map(|row| Some((AuditOpening::decode(&row.opening).ok()?.time, row)))
        .collect();
    logs.sort_by_key(|(time, row)| (*time, row.id));
    logs.dedup_by_key(|(_, row)| row.id);
    for (_, row) in logs {
        let reader = AuditReader::open(&row.opening, key).ok();
        source.records(row.id, &mut |number, sealed| {
            let record = reader.as_ref().and_then(|reader| reader.read_at(number, sealed).ok().flatten());
            each(Row::new(row.id, number, record));
        })?;
    }
    Ok(())
}

impl Row {
    fn new(log: LogId, number: u64, record: Option<AuditRecord>) -> Self {
        let boot = hex::encode(log.boot().as_bytes());
        let row = Self { boot, segment: log.segment, number, event: "unreadable", ..Self::default() };
        let Some(AuditRecord { time, event, .. }) = record else { return row };
        let row = Self { at: Some(time), time: Some(utc(time)), ..row };
        match event {
            AuditEvent::Release { epoch, digest } => {
                Self { event: "release", epoch: Some(epoch), release: Some(digest.to_string()), ..row }
            }
            AuditEvent::Answered(answered) => row.answered(answered),
        }
    }

    fn answered(self, answered: Answered) -> Self {
        let (verdict, reason) = match answered.verdict {
            Verdict::Opened => ("opened", None),
            Verdict::Answered => ("answered", None),
            Verdict::Repeated => ("repeated", None),
            Verdict::Refused(reason) => ("refused", Some(reason_word(reason))),
        };
        Self {
            event: "answered",
            key: answered.key.map(|key| key.to_string()),
            index: answered.index,
            operation: answered.operation,
            model: answered.model.map(|model| model.to_string()),
            verdict: Some(verdict),
            reason,
            coarseness: answered.coarseness,
            stricter: answered.stricter,
            rows: answered.rows,
            bits: answered.bits,
            size_log2: Some(answered.size_log2),
            ..self
        }
    }

    /// Whether it is of this boot.
    pub(crate) fn is_of(&self, boot: &str) -> bool {
        self.boot.eq_ignore_ascii_case(boot)
    }

    /// A line for people.
    pub(crate) fn words(&self) -> String {
        let place = format!("{}/{}#{}", self.boot, self.segment, self.number);
        let Some(time) = &self.time else { return format!("{place} does not open") };
        if let (Some(epoch), Some(release)) = (self.epoch, &self.release) {
            return format!("{time} {place} release {epoch} came into force, {release}");
        }
        let mut parts = vec![match (&self.key, self.index) {
            (Some(key), Some(index)) => format!("key {key} no. {index}"),
            (Some(key), None) => format!("key {key}"),
            (None, _) => "unknown key".to_owned(),
        }];
        parts.extend(self.operation.map(|operation| operation.to_string()));
        parts.extend(self.model.clone());
        let verdict = self.verdict.unwrap_or_default();
        parts.push(self.reason.as_ref().map_or(verdict.to_owned(), |reason| format!("{verdict} ({reason})")));
        parts.extend(self.coarseness.map(|coarseness| coarseness.to_string()));
        parts.extend(self.stricter.then(|| "stricter, as models disagreed".to_owned()));
        parts.push(format!("{} rows, {} bits", self.rows, self.bits));
        parts.extend(self.size_log2.map(|log2| format!("request of 2^{log2} bytes")));
        format!("{time} {place} {}", parts.join(", "))
    }

    /// A line of CSV. No field holds a comma, a quote or a line's end: names, digits and closed words alone.
    pub(crate) fn csv(&self) -> String {
        fn text<T: ToString>(value: Option<&T>) -> String {
            value.map(ToString::to_string).unwrap_or_default()
        }
        let fields = [
            self.boot.clone(),
            self.segment.to_string(),
            self.number.to_string(),
            text(self.time.as_ref()),
            self.event.to_owned(),
            text(self.key.as_ref()),
            text(self.index.as_ref()),
            text(self.operation.as_ref()),
            text(self.model.as_ref()),
            text(self.verdict.as_ref()),
            text(self.reason.as_ref()),
            text(self.coarseness.as_ref()),
            self.stricter.to_string(),
            self.rows.to_string(),
            self.bits.to_string(),
            text(self.size_log2.as_ref()),
            text(self.epoch.as_ref()),
            text(self.release.as_ref()),
        ];
        fields.join(",")
    }
}

/// The word of a reason, as its serde form has it; that of a limit after a colon.
fn reason_word(reason: Reason) -> String {
    match serde_json::to_value(reason) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(serde_json::Value::Object(map)) => map
            .into_iter()
            .map(|(kind, what)| format!("{kind}:{}", what.as_str().unwrap_or_default()))
            .collect(),
        _ => String::new(),
    }
}
