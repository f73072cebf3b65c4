//! Judging a copy of the audit log that a host kept: what it holds, and what shows that something is missing.
//!
//! Nothing here reads the network or a clock. A source hands over the rows as the host wrote them, [`judge()`]
//! follows each log, and what it notices are [`Finding`]s.

mod boots;
mod cloudtrail;
mod document;
mod evidence;
mod findings;
mod judge;
mod rows;
mod source;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use boots::count as count_boots;
pub(crate) use cloudtrail::{KmsCall, read as read_cloudtrail};
pub(crate) use document::Trusted;
pub(crate) use evidence::Named;
pub(crate) use findings::{Finding, Level};
pub(crate) use judge::{Held, Judged, Seen, judge};
pub(crate) use rows::{CSV_HEADER, Row, rows};
pub(crate) use source::{LogId, LogRow, Source, SourceError, sealed_reports};
