use std::fs;
use std::os::unix::fs::PermissionsExt;

use strongroom_proto::limits::AUDIT_RECORD_BYTES;

use super::*;

fn batch(first: u64, records: &[u8], checkpoint: &[u8]) -> AuditBatch {
    AuditBatch {
        boot: [7; 16],
        segment: 1,
        opening: b"opening".to_vec(),
        document: b"document".to_vec(),
        first,
        records: records.iter().map(|byte| vec![*byte; AUDIT_RECORD_BYTES].into()).collect(),
        checkpoint: checkpoint.to_vec(),
    }
}

fn numbers(kept: &Kept) -> Vec<i64> {
    kept.records.iter().map(|(number, _)| *number).collect()
}

fn first_bytes(audit: &Audit) -> Vec<(i64, u8)> {
    let mut select = audit.connection.prepare("SELECT number, sealed FROM record ORDER BY number").unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?[0]))).unwrap();
    rows.map(Result::unwrap).collect()
}

fn count(audit: &Audit, table: &str) -> i64 {
    audit.connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn a_batch_is_kept_and_its_repetition_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut audit = Audit::open(folder.path()).unwrap();
    let kept = audit.keep(batch(0, &[1, 2], b"c2")).unwrap();
    assert_eq!((numbers(&kept), kept.checkpoint.clone()), (vec![0, 1], Some((2, b"c2".to_vec()))));
    let again = audit.keep(batch(0, &[1, 2], b"c2")).unwrap();
    assert_eq!(again, Kept { records: vec![], checkpoint: None, ..kept });
    // What overlaps is told apart record by record.
    let more = audit.keep(batch(1, &[2, 3], b"c3")).unwrap();
    assert_eq!((numbers(&more), more.conflicts), (vec![2], 0));
    drop(audit);
    let audit = Audit::open(folder.path()).unwrap();
    assert_eq!(first_bytes(&audit), [(0, 1), (1, 2), (2, 3)]);
    assert_eq!((count(&audit, "log"), count(&audit, "checkpoint")), (1, 2));
}

#[test]
fn what_is_kept_is_never_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut audit = Audit::open(folder.path()).unwrap();
    audit.keep(batch(0, &[1, 2], b"c2")).unwrap();
    let other = AuditBatch { document: b"other".to_vec(), ..batch(0, &[1, 9], b"other") };
    let kept = audit.keep(other).unwrap();
    assert_eq!((numbers(&kept), kept.beginning, kept.checkpoint, kept.conflicts), (vec![], None, None, 3));
    assert_eq!(first_bytes(&audit), [(0, 1), (1, 2)]);
    let get = |sql| audit.connection.query_row(sql, [], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    assert_eq!(get("SELECT document FROM checkpoint"), b"c2");
    assert_eq!(get("SELECT document FROM log"), b"document");
}

#[test]
fn logs_of_other_boots_and_segments_stand_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut audit = Audit::open(folder.path()).unwrap();
    for (boot, segment) in [(1, 0), (1, 1), (2, 0)] {
        let kept = audit.keep(AuditBatch { boot: [boot; 16], segment, ..batch(0, &[boot], b"c") }).unwrap();
        assert_eq!((numbers(&kept), kept.conflicts), (vec![0], 0));
    }
    assert_eq!(count(&audit, "log"), 3);
}

#[test]
fn a_batch_may_hold_a_checkpoint_alone_and_an_empty_one_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut audit = Audit::open(folder.path()).unwrap();
    assert_eq!(audit.keep(batch(0, &[1], b"")).unwrap().checkpoint, None);
    let kept = audit.keep(batch(1, &[], b"c1")).unwrap();
    assert_eq!((numbers(&kept), kept.checkpoint), (vec![], Some((1, b"c1".to_vec()))));
    assert_eq!(count(&audit, "checkpoint"), 1);
}

#[test]
fn numbers_beyond_the_database_are_refused_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut audit = Audit::open(folder.path()).unwrap();
    let most = i64::MAX as u64;
    assert!(matches!(audit.keep(batch(most, &[1], b"c")), Err(KeepError::Number)));
    assert!(matches!(audit.keep(batch(u64::MAX, &[], b"c")), Err(KeepError::Number)));
    assert_eq!((count(&audit, "log"), count(&audit, "record")), (0, 0));
    assert_eq!(numbers(&audit.keep(batch(most - 1, &[1], b"c")).unwrap()), [i64::MAX - 1]);
}

#[test]
fn the_form_is_the_one_that_the_owners_command_reads() {
    let folder = tempfile::tempdir().unwrap();
    let audit = Audit::open(folder.path()).unwrap();
    let pragma = |name| audit.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    // FULL is 2.
    assert_eq!((pragma("user_version"), pragma("synchronous")), (VERSION, 2));
    for (table, columns) in [
        ("log", "boot,segment,opening,document"),
        ("record", "boot,segment,number,sealed"),
        ("checkpoint", "boot,segment,records,document"),
        ("report", "boot,number,summary,sealed"),
    ] {
        let sql = format!("SELECT group_concat(name) FROM pragma_table_info('{table}')");
        let found: String = audit.connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(found, columns);
    }
}

#[test]
fn a_database_of_another_form_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let audit = Audit::open(folder.path()).unwrap();
    audit.connection.pragma_update(None, "user_version", 2).unwrap();
    drop(audit);
    assert!(matches!(Audit::open(folder.path()), Err(KeepError::Version(2))));
    fs::write(
        folder.path().join(AUDIT_FILE),
        "no database, and longer than the head of one would be".repeat(20),
    )
    .unwrap();
    assert!(matches!(Audit::open(folder.path()), Err(KeepError::Database(_))));
}

#[test]
fn a_report_is_kept_once_and_a_file_without_the_table_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let audit = Audit::open(folder.path()).unwrap();
    audit.connection.execute_batch("DROP TABLE report").unwrap();
    drop(audit);
    let mut audit = Audit::open(folder.path()).unwrap();
    let report = KeptReport { boot: [1; 16], number: 0, summary: vec![1], sealed: vec![2] };
    audit.keep_report(&report).unwrap();
    audit.keep_report(&KeptReport { sealed: vec![9], ..report.clone() }).unwrap();
    audit.keep_report(&KeptReport { number: 1, ..report.clone() }).unwrap();
    let sealed = "SELECT sealed FROM report WHERE number = 0";
    let sealed: Vec<u8> = audit.connection.query_row(sealed, [], |row| row.get(0)).unwrap();
    assert_eq!((sealed, count(&audit, "report")), (vec![2], 2));
    let beyond = audit.keep_report(&KeptReport { number: u64::MAX, ..report });
    assert!(matches!(beyond, Err(KeepError::Number)));
}

#[test]
fn files_are_this_users_alone_and_others_may_read_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let mut audit = Audit::open(folder.path()).unwrap();
    audit.keep(batch(0, &[1], b"c")).unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let mut reader = Connection::open_with_flags(folder.path().join(AUDIT_FILE), flags).unwrap();
    let reading = reader.transaction().unwrap();
    let seen = || reading.query_row("SELECT count(*) FROM record", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(seen(), 1);
    audit.keep(batch(1, &[2], b"d")).unwrap();
    assert_eq!(seen(), 1, "as it was when the reading began");
}
