//! The audit log in SQLite. The owner's command reads the same file, so names and form are fixed by `user_version`.
//!
//! Delivery is at least once: what came before is recognized, and what is kept is never changed, whatever comes
//! under its number later. Nothing is removed here.

mod table;
#[cfg(test)]
mod tests;

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use strongroom_proto::relay::AuditBatch;
use strongroom_proto::report::KeptReport;

use super::KeepError;
use super::place::{AUDIT_FILE, open_private};
use crate::limits::AUDIT_BUSY_TIMEOUT;
use table::{CHECKPOINT, LOG, RECORD, REPORT, Row, Table};

/// Number of the form.
const VERSION: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE log(boot BLOB NOT NULL, segment INTEGER NOT NULL, opening BLOB NOT NULL, document BLOB NOT NULL,
        PRIMARY KEY(boot, segment)) WITHOUT ROWID;
    CREATE TABLE record(boot BLOB NOT NULL, segment INTEGER NOT NULL, number INTEGER NOT NULL, sealed BLOB NOT NULL,
        PRIMARY KEY(boot, segment, number)) WITHOUT ROWID;
    CREATE TABLE checkpoint(boot BLOB NOT NULL, segment INTEGER NOT NULL, records INTEGER NOT NULL,
        document BLOB NOT NULL, PRIMARY KEY(boot, segment, records)) WITHOUT ROWID;
    PRAGMA user_version = 1;";

/// Reports on the use of models. Not a part of the log, and added to a file of any age: its form stays the same.
const REPORTS: &str = "
    CREATE TABLE IF NOT EXISTS report(boot BLOB NOT NULL, number INTEGER NOT NULL, summary BLOB NOT NULL,
        sealed BLOB NOT NULL, PRIMARY KEY(boot, number)) WITHOUT ROWID;";

/// An opened log.
pub(super) struct Audit {
    connection: Connection,
}

/// What a log begins with, and the attestation document of that.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Beginning {
    pub(super) opening: Vec<u8>,
    pub(super) document: Vec<u8>,
}

/// What of a batch was not there before, and is on the disk now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) boot: [u8; 16],
    pub(super) segment: u32,
    /// What the log begins with, unless another beginning is kept.
    pub(super) beginning: Option<Beginning>,
    /// New records with their numbers.
    pub(super) records: Vec<(i64, Vec<u8>)>,
    /// A new checkpoint, and under how many records it is.
    pub(super) checkpoint: Option<(i64, Vec<u8>)>,
    /// How much differs from what is kept under the same number.
    pub(super) conflicts: usize,
}

impl Audit {
    /// Opens the log in a directory, or begins it.
    pub(super) fn open(directory: &Path) -> Result<Self, KeepError> {
        let path = directory.join(AUDIT_FILE);
        // Files that SQLite puts beside the database get the mode of the database.
        drop(open_private(&path)?);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(AUDIT_BUSY_TIMEOUT)?;
        // Readers do not wait for the host, nor the host for readers.
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        // FULL, because the enclave forgets what the host says it has kept: with NORMAL a loss of power could take
        // the last batches back. That is one fsync a batch.
        connection.pragma_update(None, "synchronous", "FULL")?;
        begin(&mut connection)?;
        Ok(Self { connection })
    }

    /// Keeps a batch, all of it or nothing.
    ///
    /// # Errors
    /// [`KeepError::Number`] or [`KeepError::Database`].
    pub(super) fn keep(&mut self, batch: AuditBatch) -> Result<Kept, KeepError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let kept = put(&transaction, batch)?;
        transaction.commit()?;
        Ok(kept)
    }

    /// Keeps a report, unless one of its number is there.
    ///
    /// # Errors
    /// [`KeepError::Number`] or [`KeepError::Database`].
    pub(super) fn keep_report(&mut self, report: &KeptReport) -> Result<(), KeepError> {
        let number = i64::try_from(report.number).map_err(|_| KeepError::Number)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let row = (&report.boot, number, &report.summary, &report.sealed);
        Table::open(&transaction, &REPORT)?.put(row)?;
        Ok(transaction.commit()?)
    }
}

/// Makes the tables of a new database, and refuses a form of another version.
fn begin(connection: &mut Connection) -> Result<(), KeepError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match transaction.pragma_query_value(None, "user_version", |row| row.get(0))? {
        0 => transaction.execute_batch(SCHEMA)?,
        VERSION => {}
        other => return Err(KeepError::Version(other)),
    }
    transaction.execute_batch(REPORTS)?;
    Ok(transaction.commit()?)
}

fn put(transaction: &Transaction<'_>, batch: AuditBatch) -> Result<Kept, KeepError> {
    let AuditBatch { boot, segment, opening, document, first, records, checkpoint } = batch;
    let end = first.checked_add(records.len() as u64).and_then(|end| i64::try_from(end).ok());
    let (Some(end), Ok(first)) = (end, i64::try_from(first)) else { return Err(KeepError::Number) };
    let mut kept =
        Kept { boot, segment, beginning: None, records: Vec::new(), checkpoint: None, conflicts: 0 };
    match Table::open(transaction, &LOG)?.put((&boot, segment, &opening, &document))? {
        Row::New | Row::Same => kept.beginning = Some(Beginning { opening, document }),
        Row::Other => kept.conflicts += 1,
    }
    let mut table = Table::open(transaction, &RECORD)?;
    for (number, sealed) in (first..end).zip(records) {
        match table.put((&boot, segment, number, sealed.as_slice()))? {
            Row::New => kept.records.push((number, sealed.into_vec())),
            row => kept.conflicts += usize::from(row == Row::Other),
        }
    }
    // An empty one says nothing, and would keep a later one out.
    if !checkpoint.is_empty() {
        match Table::open(transaction, &CHECKPOINT)?.put((&boot, segment, end, &checkpoint))? {
            Row::New => kept.checkpoint = Some((end, checkpoint)),
            row => kept.conflicts += usize::from(row == Row::Other),
        }
    }
    Ok(kept)
}
