//! The host's SQLite file, opened for reading alone and as a stranger's (SQLite, "Defense Against The Dark
//! Arts"): no view or trigger of it runs, and cells are checked before they are used.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row, params};
use strongroom_attestation::claims::BootId;

use super::{Each, LogId, LogRow, SourceError};

/// Number of the tables' form.
const VERSION: i64 = 1;

pub(crate) struct Sqlite(Connection);

type Result<T> = std::result::Result<T, SourceError>;

impl Sqlite {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let file = Connection::open_with_flags(path, flags)?;
        file.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        file.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        file.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
        file.execute_batch(
            "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA query_only = ON; BEGIN",
        )?;
        match file.pragma_query_value(None, "user_version", |row| row.get(0))? {
            VERSION => Ok(Self(file)),
            other => Err(SourceError::Version(other)),
        }
    }

    pub(super) fn logs(&self) -> Result<Vec<LogRow>> {
        let mut statement = self.0.prepare("SELECT boot, segment, opening, document FROM log")?;
        let mut rows = statement.query([])?;
        let mut logs = Vec::new();
        while let Some(row) = rows.next()? {
            let (opening, document) = (blob(row, 2, "log")?.to_vec(), blob(row, 3, "log")?.to_vec());
            logs.push(LogRow { id: id(row, "log")?, opening, document });
        }
        Ok(logs)
    }

    pub(super) fn orphans(&self) -> Result<Vec<LogId>> {
        let mut statement = self.0.prepare(
            "SELECT boot, segment FROM record UNION SELECT boot, segment FROM checkpoint \
             EXCEPT SELECT boot, segment FROM log",
        )?;
        let mut rows = statement.query([])?;
        let mut orphans = Vec::new();
        while let Some(row) = rows.next()? {
            orphans.push(id(row, "record")?);
        }
        Ok(orphans)
    }

    pub(super) fn records(&self, log: LogId, each: &mut Each<'_>) -> Result<()> {
        let mut statement = self.0.prepare(
            "SELECT boot, segment, number, sealed FROM record WHERE boot = ?1 AND segment = ?2 ORDER BY number",
        )?;
        let mut rows = statement.query(params![log.boot, log.segment])?;
        while let Some(row) = rows.next()? {
            each(number(row, 2, "record")?, blob(row, 3, "record")?);
        }
        Ok(())
    }

    pub(super) fn has_records(&self, log: LogId) -> Result<bool> {
        let mut statement =
            self.0.prepare("SELECT 1 FROM record WHERE boot = ?1 AND segment = ?2 LIMIT 1")?;
        Ok(statement.exists(params![log.boot, log.segment])?)
    }

    pub(super) fn checkpoints(&self, log: LogId) -> Result<Vec<Vec<u8>>> {
        let mut statement =
            self.0.prepare("SELECT document FROM checkpoint WHERE boot = ?1 AND segment = ?2")?;
        let mut rows = statement.query(params![log.boot, log.segment])?;
        let mut checkpoints = Vec::new();
        while let Some(row) = rows.next()? {
            checkpoints.push(blob(row, 0, "checkpoint")?.to_vec());
        }
        Ok(checkpoints)
    }

    /// Reports that are sealed. A file from before there were any has no table of them.
    pub(super) fn reports(&self, each: &mut Each<'_>) -> Result<()> {
        if !self.0.table_exists(None, "report")? {
            return Ok(());
        }
        let mut statement = self
            .0
            .prepare("SELECT number, sealed FROM report WHERE length(sealed) > 0 ORDER BY boot, number")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            each(number(row, 0, "report")?, blob(row, 1, "report")?);
        }
        Ok(())
    }
}

fn id(row: &Row<'_>, table: &'static str) -> Result<LogId> {
    let boot = blob(row, 0, table)?.try_into().map_err(|_| SourceError::Row(table))?;
    let segment = number(row, 1, table)?.try_into().map_err(|_| SourceError::Row(table))?;
    Ok(LogId::new(BootId::new(boot), segment))
}

fn number(row: &Row<'_>, column: usize, table: &'static str) -> Result<u64> {
    match row.get_ref(column)? {
        ValueRef::Integer(number) => u64::try_from(number).map_err(|_| SourceError::Row(table)),
        _ => Err(SourceError::Row(table)),
    }
}

fn blob<'row>(row: &'row Row<'_>, column: usize, table: &'static str) -> Result<&'row [u8]> {
    match row.get_ref(column)? {
        ValueRef::Blob(bytes) => Ok(bytes),
        _ => Err(SourceError::Row(table)),
    }
}
