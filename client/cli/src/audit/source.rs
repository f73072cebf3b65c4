//! Where a copy of the log comes from: the host's SQLite file, or JSON lines that it forwarded.
//!
//! A copy is what a stranger wrote. Numbers are not taken to be in order, once each, or without holes.

mod lines;
mod sqlite;

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use strongroom_attestation::claims::BootId;

pub(crate) use lines::Lines;
use sqlite::Sqlite;

/// Names one log: a boot, and which log of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LogId {
    boot: [u8; 16],
    pub(crate) segment: u32,
}

/// What a log begins with, as the copy states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogRow {
    pub(crate) id: LogId,
    pub(crate) opening: Vec<u8>,
    pub(crate) document: Vec<u8>,
}

/// Takes the number and the bytes of a sealed record.
pub(crate) type Each<'a> = dyn FnMut(u64, &[u8]) + 'a;

/// Why a copy cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// The file cannot be read.
    #[error("{0}")]
    Io(std::io::ErrorKind),
    /// Neither form.
    #[error("neither the SQLite file of a host nor JSON lines")]
    Unknown,
    /// SQLite.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Tables of another form.
    #[error("the SQLite file has the form {0}, which this command does not know")]
    Version(i64),
    /// A line.
    #[error("line {line}: {what}")]
    Line { line: usize, what: &'static str },
    /// A row of a table.
    #[error("a row of the table '{0}' is not one of a log")]
    Row(&'static str),
}

/// Hands over the sealed reports of a host's SQLite file with their numbers.
pub(crate) fn sealed_reports(path: &Path, each: &mut Each<'_>) -> Result<(), SourceError> {
    // What SQLite says of a file that it cannot open repeats the path.
    File::open(path).map_err(io)?;
    Sqlite::open(path)?.reports(each)
}

/// A copy of the log.
pub(crate) enum Source {
    Sqlite(Sqlite),
    Lines(Lines),
    /// Several copies, judged as one: what they say differently shows.
    Several(Vec<Source>),
}

/// What an SQLite file begins with (SQLite, Database File Format, section 1.3).
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

impl LogId {
    pub(crate) fn new(boot: BootId, segment: u32) -> Self {
        Self { boot: *boot.as_bytes(), segment }
    }

    pub(crate) fn boot(&self) -> BootId {
        BootId::new(self.boot)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", hex::encode(self.boot), self.segment)
    }
}

impl Source {
    /// Opens a copy, whose first bytes tell its form.
    pub(crate) fn open(path: &Path) -> Result<Self, SourceError> {
        let mut file = File::open(path).map_err(io)?;
        let mut first = Vec::new();
        Read::by_ref(&mut file).take(SQLITE_MAGIC.len() as u64).read_to_end(&mut first).map_err(io)?;
        if first == SQLITE_MAGIC {
            return Sqlite::open(path).map(Self::Sqlite);
        }
        if !first.is_empty() && first.first() != Some(&b'{') {
            return Err(SourceError::Unknown);
        }
        file.rewind().map_err(io)?;
        Lines::read(BufReader::new(file)).map(Self::Lines)
    }

    /// Numbers of the lines that are torn, and count for nothing.
    pub(crate) fn torn(&self) -> Vec<usize> {
        match self {
            Self::Sqlite(_) => Vec::new(),
            Self::Lines(lines) => lines.torn().to_vec(),
            Self::Several(copies) => copies.iter().flat_map(Self::torn).collect(),
        }
    }

    /// Every row that begins a log. One log may stand there twice.
    pub(crate) fn logs(&self) -> Result<Vec<LogRow>, SourceError> {
        match self {
            Self::Sqlite(file) => file.logs(),
            Self::Lines(lines) => Ok(lines.logs()),
            Self::Several(copies) => gather(copies, Self::logs),
        }
    }

    /// Logs that only their records or checkpoints name.
    pub(crate) fn orphans(&self) -> Result<Vec<LogId>, SourceError> {
        match self {
            Self::Sqlite(file) => file.orphans(),
            Self::Lines(lines) => Ok(lines.orphans()),
            Self::Several(copies) => {
                let known: BTreeSet<_> = self.logs()?.into_iter().map(|row| row.id).collect();
                let orphans: BTreeSet<_> = gather(copies, Self::orphans)?.into_iter().collect();
                Ok(orphans.difference(&known).copied().collect())
            }
        }
    }

    /// Hands over the records of a log by rising number. One number may come twice.
    pub(crate) fn records(&self, log: LogId, each: &mut Each<'_>) -> Result<(), SourceError> {
        match self {
            Self::Sqlite(file) => file.records(log, each),
            Self::Lines(lines) => {
                lines.records(log, each);
                Ok(())
            }
            Self::Several(copies) => several(copies, log, each),
        }
    }

    fn has_records(&self, log: LogId) -> Result<bool, SourceError> {
        match self {
            Self::Sqlite(file) => file.has_records(log),
            Self::Lines(lines) => Ok(lines.has_records(log)),
            Self::Several(copies) => Ok(!gather(copies, |copy| copy.holder(log))?.is_empty()),
        }
    }

    fn holder(&self, log: LogId) -> Result<Vec<&Self>, SourceError> {
        Ok(if self.has_records(log)? { vec![self] } else { Vec::new() })
    }

    /// The signed checkpoints of a log, in any order.
    pub(crate) fn checkpoints(&self, log: LogId) -> Result<Vec<Vec<u8>>, SourceError> {
        match self {
            Self::Sqlite(file) => file.checkpoints(log),
            Self::Lines(lines) => Ok(lines.checkpoints(log)),
            Self::Several(copies) => gather(copies, |copy| copy.checkpoints(log)),
        }
    }
}

fn gather<'a, T>(
    copies: &'a [Source],
    read: impl Fn(&'a Source) -> Result<Vec<T>, SourceError>,
) -> Result<Vec<T>, SourceError> {
    let mut all = Vec::new();
    for copy in copies {
        all.extend(read(copy)?);
    }
    Ok(all)
}

/// The records of a log that several copies hold, in memory; of one that one holds, one by one.
fn several(copies: &[Source], log: LogId, each: &mut Each<'_>) -> Result<(), SourceError> {
    let holders = gather(copies, |copy| copy.holder(log))?;
    if let [only] = holders.as_slice() {
        return only.records(log, each);
    }
    let mut records = Vec::new();
    for copy in holders {
        copy.records(log, &mut |number, sealed| records.push((number, sealed.to_vec())))?;
    }
    records.sort_by_key(|(number, _)| *number);
    records.iter().for_each(|(number, sealed)| each(*number, sealed));
    Ok(())
}

fn io(error: std::io::Error) -> SourceError {
    SourceError::Io(error.kind())
}
