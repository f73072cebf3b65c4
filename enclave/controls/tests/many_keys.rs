//! A release of 100,000 API keys: how long it takes to load, and what memory. Alone in its process, because it
//! looks at the process's peak.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests, which the lints do not take for tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use strongroom_attestation::release::{
    Authentication, Controls, Counting, KeyEntry, Limits, Operation, Organisation, Payloads, Priority,
    Private, RoleControls, Treatment,
};
use strongroom_controls::Grants;
use strongroom_proto::name::Name;
use strongroom_seal::secret::{ApiKeyDigest, StateKey};

const KEYS: u32 = 100_000;

/// Time to load them.
const MAX_TIME: Duration = Duration::from_secs(2);

/// KiB of memory that loading takes at its peak, what remains included.
const MAX_KIB: u64 = 100 * 1000 * 1000 / 1024;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// KiB of a line of this process's status.
fn status_kib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn entry(number: u32) -> KeyEntry {
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&number.to_be_bytes());
    KeyEntry {
        key: ApiKeyDigest::new(digest),
        role: name("analyst"),
        organisation: Some(name(&format!("organisation-{}", number % 1000))),
        models: Some(BTreeSet::from([name("fraud")])),
        not_after: None,
        frozen_until: None,
        limits: number.is_multiple_of(10).then_some(Limits { rows: Some(number.into()), ..Limits::NONE }),
    }
}

fn encoded() -> Vec<u8> {
    let organisations = (0..1000).map(|n| (name(&format!("organisation-{n}")), Organisation::default()));
    let private = Private {
        state_key: StateKey::take(&mut [1; 32]),
        audit_key: None,
        organisations: organisations.collect(),
        keys: (0..KEYS).map(entry).collect(),
        monitors: BTreeMap::new(),
        routes: BTreeMap::new(),
    };
    private.encode().unwrap()
}

fn controls() -> Controls {
    let role = RoleControls {
        operations: BTreeSet::from([Operation::Infer]),
        models: BTreeMap::from([(name("fraud"), Treatment::EXACT)]),
        limits: Limits::NONE,
        priority: Priority::Normal,
    };
    Controls {
        authentication: Authentication::ApiKey,
        max_request_bytes: 1024,
        payloads: Payloads::NotRecorded,
        audit: false,
        counting: Counting::PerBoot,
        rate: None,
        telemetry: None,
        answer_quantum_ms: None,
        roles: BTreeMap::from([(name("analyst"), role)]),
        models: BTreeMap::new(),
        routes: BTreeMap::new(),
    }
}

#[test]
fn a_release_of_100_000_keys_loads_in_time_and_in_little_memory() {
    // Written by a child, so that this process's peak is that of loading alone.
    let bytes = match std::env::var_os("STRONGROOM_MANY_KEYS") {
        None => return in_a_process_of_its_own(),
        Some(path) => std::fs::read(path).unwrap(),
    };
    let controls = controls();
    let before = status_kib("VmHWM");
    let start = Instant::now();
    let private = Private::decode(&bytes).unwrap();
    private.check(&controls).unwrap();
    let grants = Grants::new(&private, &controls);
    let took = start.elapsed();
    drop(private);
    let peak = status_kib("VmHWM") - before;
    println!("{KEYS} keys, {} bytes: {} ms, {peak} KiB", bytes.len(), took.as_millis());
    assert!(grants.knows(&entry(KEYS - 1).key));
    assert!(took < MAX_TIME, "{took:?}");
    assert!(peak < MAX_KIB, "{peak} KiB");
}

fn in_a_process_of_its_own() {
    let folder = std::env::temp_dir().join(format!("strongroom-many-keys-{}", std::process::id()));
    std::fs::write(&folder, encoded()).unwrap();
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .env("STRONGROOM_MANY_KEYS", &folder)
        .args(["--nocapture", "--exact", "a_release_of_100_000_keys_loads_in_time_and_in_little_memory"])
        .output()
        .unwrap();
    std::fs::remove_file(&folder).unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
    println!("{}", said.lines().find(|line| line.contains("KiB")).unwrap_or_default());
}
