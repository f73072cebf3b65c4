//! Following one log from its opening to the last record that the copy holds.

use strongroom_attestation::audit::{AuditReader, AuditRecord, commitment};
use strongroom_seal::digest::AuditHead;

use super::LogId;
use super::evidence::Wanted;
use super::findings::Findings;
use crate::limits::{AUDIT_SEARCH_RECORDS, MAX_MISPLACED_RECORDS};

/// What the chain has to be after so many records, and who says so.
pub(super) struct Mark {
    pub(super) records: u64,
    pub(super) head: AuditHead,
    pub(super) from: String,
}

/// A log as it is being followed.
pub(super) struct Walk<'a> {
    pub(super) log: LogId,
    /// The chain; none from where it is known to be broken.
    pub(super) chain: Option<AuditReader>,
    /// Opens records; none without the owner's key.
    pub(super) reader: Option<AuditReader>,
    /// By rising number of records.
    pub(super) marks: std::vec::IntoIter<Mark>,
    pub(super) wanted: &'a mut Wanted,
    pub(super) findings: &'a mut Findings,
    pub(super) at: Position,
}

/// How far a walk has come.
#[derive(Default)]
pub(super) struct Position {
    next: u64,
    opened: u64,
    confirmed: u64,
    last: Vec<u8>,
    misplaced: Vec<(u64, Vec<u8>)>,
    mark: Option<Mark>,
}

impl Walk<'_> {
    /// Takes the next record of the copy.
    pub(super) fn take(&mut self, number: u64, sealed: &[u8]) {
        if number < self.at.next {
            if self.at.last != sealed {
                self.findings.tampered(
                    "fork",
                    Some(self.log),
                    format!("two records have the number {number}"),
                );
            }
            return;
        }
        self.meet_marks();
        if number > self.at.next {
            self.hole(number);
        }
        let record = self.open(number, sealed);
        if let Some(chain) = &mut self.chain
            && chain.next(sealed).is_ok()
            && let Some(record) = record
        {
            self.wanted.meet(&commitment(&record.blind, &chain.head()));
        }
        self.at.last = sealed.to_vec();
        self.at.next = number.saturating_add(1);
    }

    fn hole(&mut self, found: u64) {
        let what = match found - self.at.next {
            1 => format!("record {} is missing", self.at.next),
            _ => format!("records {} to {} are missing", self.at.next, found - 1),
        };
        self.findings.tampered("gap", Some(self.log), what);
        self.chain = None;
    }

    fn open(&mut self, number: u64, sealed: &[u8]) -> Option<AuditRecord> {
        match self.reader.as_ref()?.read_at(number, sealed) {
            Ok(record) => {
                self.at.opened += 1;
                record
            }
            Err(_) => {
                if self.at.misplaced.len() < MAX_MISPLACED_RECORDS {
                    self.at.misplaced.push((number, sealed.to_vec()));
                }
                None
            }
        }
    }

    /// Compares the chain with every mark that stands at this number of records.
    fn meet_marks(&mut self) {
        while let Some(mark) = self.at.mark.take().or_else(|| self.marks.next()) {
            if mark.records > self.at.next {
                self.at.mark = Some(mark);
                return;
            }
            let Some(chain) = &self.chain else { continue };
            if mark.records < self.at.next {
                continue;
            }
            if chain.head() == mark.head {
                self.at.confirmed = mark.records;
                continue;
            }
            let what = format!(
                "after {} records the chain is not where {} signed it: of the records since {}, some were changed, \
                 dropped, doubled or put elsewhere",
                mark.records, mark.from, self.at.confirmed
            );
            self.findings.tampered("changed", Some(self.log), what);
            self.chain = None;
        }
    }

    /// Judges the end, and what could not be opened. Returns whether all of it could be followed.
    pub(super) fn finish(mut self) -> bool {
        self.meet_marks();
        self.cut();
        self.misplaced();
        let (records, confirmed) = (self.at.next, self.at.confirmed);
        let whole = self.chain.is_some() && self.at.misplaced.is_empty();
        if whole {
            let opened = if self.reader.is_some() { ", each opened" } else { "" };
            let what =
                format!("{records} records without a hole{opened}; confirmed by signature up to {confirmed}");
            self.findings.pass("chain", Some(self.log), what);
        }
        if self.chain.is_some() && records > confirmed {
            let what =
                format!("{} records after the last signed checkpoint are unconfirmed", records - confirmed);
            self.findings.note("unconfirmed", Some(self.log), what);
        }
        whole
    }

    /// Marks that lie beyond the last record.
    fn cut(&mut self) {
        let beyond = self.at.mark.take().into_iter().chain(self.marks.by_ref()).last();
        if let Some(Mark { records, from, .. }) = beyond {
            let what = format!(
                "{from} is for {records} records, and {} are here: the end is cut off, or was lost before the host \
                 had it",
                self.at.next
            );
            self.findings.tampered("cut-tail", Some(self.log), what);
            self.chain = None;
        }
    }

    fn misplaced(&mut self) {
        let Some(reader) = &self.reader else { return };
        if self.at.opened == 0 && !self.at.misplaced.is_empty() {
            let what =
                "not one record opens: the log is sealed to another audit key, or all of it was changed";
            return self.findings.tampered("changed", Some(self.log), what);
        }
        for (number, sealed) in &self.at.misplaced {
            let near =
                number.saturating_sub(AUDIT_SEARCH_RECORDS)..number.saturating_add(AUDIT_SEARCH_RECORDS);
            let elsewhere = self.at.misplaced.iter().map(|(other, _)| *other);
            let place = near.chain(elsewhere).find(|place| reader.read_at(*place, sealed).is_ok());
            match place {
                Some(place) => {
                    let what = format!("record {place} stands in the place of record {number}");
                    self.findings.tampered("reordered", Some(self.log), what);
                }
                None => {
                    let what = format!("record {number} was changed, or is of another log");
                    self.findings.tampered("changed", Some(self.log), what);
                }
            }
        }
        if self.at.misplaced.len() == MAX_MISPLACED_RECORDS {
            self.findings.note("changed", Some(self.log), "further records that do not open are not listed");
        }
    }
}
