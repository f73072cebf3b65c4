//! Every bound of a soak, with its unit: what is promised, and how the run is paced.

use std::time::Duration;

/// Promised: time from the end of a fault to the next right answer of every client.
pub const RECOVERY: Duration = Duration::from_secs(5);

/// Time after which a service that has not recovered ends the run.
pub const GIVE_UP: Duration = Duration::from_secs(60);

/// Promised: share of a core that enclave and host use together, each, while KMS is down at boot. A loop that does not wait
/// would use a whole one.
pub const IDLE_SHARE: f64 = 0.35;

/// Part of such a time that is the boot itself, and is not measured.
pub const BOOT_SHARE: Duration = Duration::from_millis(1500);

/// Promised: share of the peak that is still answered at [`OVERLOAD`] times as many arrivals.
pub const GOODPUT_SHARE: f64 = 0.9;

/// How many times the peak arrives.
pub const OVERLOAD: f64 = 10.0;

/// Promised: time to a refusal, from sending to its head.
pub const REFUSAL: Duration = Duration::from_millis(50);

/// Promised: memory of [`IDLE_SESSIONS`] in the enclave, in KiB.
pub const IDLE_KIB: u64 = 40 * 1024;

/// Sessions that nobody uses.
pub const IDLE_SESSIONS: usize = 10_000;

/// Rows that the metered key may ask, in all.
pub const ALLOWANCE: u64 = 300;

/// Promised: rows that a boot forgets at most when it is killed. The enclave hands its state over once a second, and the key
/// pauses for [`METERED_PAUSE`] before each row.
pub const FORGOTTEN_ROWS: u64 = 10;

/// Releases that are made before the run, and come into force one after the other.
pub const RELEASES: u64 = 5;

/// Bytes of the small disk that can be filled.
pub const DISK_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Pause of a worker of the library or the proxy between two requests.
pub const PAUSE: Duration = Duration::from_millis(20);

/// Pause of the worker that starts the command again and again.
pub const COMMAND_PAUSE: Duration = Duration::from_millis(150);

/// Pause of the metered key.
pub const METERED_PAUSE: Duration = Duration::from_millis(150);

/// Time between two questions how much of the log is acknowledged.
pub const HEAD_PERIOD: Duration = Duration::from_millis(700);

/// Time that an application gives the proxy for one answer.
pub const APPLICATION_TIME: Duration = Duration::from_secs(3);

/// Shortest and longest pause before the next fault.
pub const GAP: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(900));

/// Shortest and longest time for which a party or the network is stopped.
pub const OUTAGE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(4));

/// Promised: connections to KMS while it is down at boot or at a release, for at most the longest [`KMS_OUTAGE`]: the SDK
/// makes three attempts at each of seven rounds, whose pauses double from 250 ms to 2 s.
pub const KMS_ATTEMPTS: u64 = 21;

/// Shortest and longest time for which KMS is down.
pub const KMS_OUTAGE: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(6));

/// Time for the last records to reach the host's disk.
pub const SETTLE: Duration = Duration::from_secs(4);
