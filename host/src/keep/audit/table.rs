//! Rows that are put once and never changed.

use rusqlite::{Params, Statement, Transaction};

use super::KeepError;

/// How a row of four columns is put, and how one that is there is compared.
pub(super) struct Sql {
    insert: &'static str,
    compare: &'static str,
}

pub(super) const LOG: Sql = Sql {
    insert: "INSERT OR IGNORE INTO log(boot, segment, opening, document) VALUES (?1, ?2, ?3, ?4)",
    compare: "SELECT opening = ?3 AND document = ?4 FROM log WHERE boot = ?1 AND segment = ?2",
};

pub(super) const RECORD: Sql = Sql {
    insert: "INSERT OR IGNORE INTO record(boot, segment, number, sealed) VALUES (?1, ?2, ?3, ?4)",
    compare: "SELECT sealed = ?4 FROM record WHERE boot = ?1 AND segment = ?2 AND number = ?3",
};

pub(super) const CHECKPOINT: Sql = Sql {
    insert: "INSERT OR IGNORE INTO checkpoint(boot, segment, records, document) VALUES (?1, ?2, ?3, ?4)",
    compare: "SELECT document = ?4 FROM checkpoint WHERE boot = ?1 AND segment = ?2 AND records = ?3",
};

pub(super) const REPORT: Sql = Sql {
    insert: "INSERT OR IGNORE INTO report(boot, number, summary, sealed) VALUES (?1, ?2, ?3, ?4)",
    compare: "SELECT summary = ?3 AND sealed = ?4 FROM report WHERE boot = ?1 AND number = ?2",
};

/// What became of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// It was put.
    New,
    /// It was there.
    Same,
    /// Another one of its key is there, and stays.
    Other,
}

/// One table inside a transaction.
pub(super) struct Table<'t> {
    insert: Statement<'t>,
    compare: Statement<'t>,
}

impl<'t> Table<'t> {
    pub(super) fn open(transaction: &'t Transaction<'_>, sql: &Sql) -> Result<Self, KeepError> {
        Ok(Self { insert: transaction.prepare(sql.insert)?, compare: transaction.prepare(sql.compare)? })
    }

    /// Puts a row, unless there is one of its key.
    pub(super) fn put(&mut self, row: impl Params + Copy) -> Result<Row, KeepError> {
        if self.insert.execute(row)? > 0 {
            return Ok(Row::New);
        }
        let is_same = self.compare.query_row(row, |found| found.get(0))?;
        Ok(if is_same { Row::Same } else { Row::Other })
    }
}
