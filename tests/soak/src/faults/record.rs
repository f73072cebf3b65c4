//! What was seen, and what of it breaks a promise.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::fault::Fault;
use crate::command::tell;
use crate::limits::{ALLOWANCE, FORGOTTEN_ROWS, KMS_ATTEMPTS};
use crate::load::{Load, Tally};

/// Everything that a run is judged by.
pub(super) struct Record {
    seed: u64,
    recovery: Duration,
    begun: Instant,
    kills: u64,
    recoveries: BTreeMap<Fault, Vec<Duration>>,
    /// The longest that this program was kept waiting for its turn.
    stood: Duration,
    /// Largest share of a core that a party used while it waited for KMS.
    idled: BTreeMap<&'static str, f64>,
    /// Most connections to a KMS that was down.
    knocks: u64,
    clients: Vec<(String, Tally)>,
    boots: u64,
    rows: (u64, u64),
    memory: BTreeMap<&'static str, u64>,
    records: Records,
    broken: Vec<String>,
}

/// What came after a fault.
pub(super) struct Recovery {
    /// Processes that were killed.
    pub(super) kills: u64,
    /// Time to the last client's right answer, and to whatever else was held up.
    pub(super) took: Duration,
    /// What came last.
    pub(super) last: String,
    /// How long this program stood still meanwhile.
    pub(super) stood: Duration,
}

/// What is left of the audit log.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Records {
    /// Logs whose head was told to a client.
    pub(super) logs: usize,
    pub(super) kept: u64,
    pub(super) acknowledged: u64,
    /// Of those that were acknowledged.
    pub(super) missing: u64,
    /// Logs whose last records were lost with their enclave.
    pub(super) ends_early: usize,
}

impl Record {
    pub(super) fn begin(seed: u64, recovery: Duration) -> Self {
        Self {
            seed,
            recovery,
            begun: Instant::now(),
            kills: 0,
            recoveries: BTreeMap::new(),
            stood: Duration::ZERO,
            idled: BTreeMap::new(),
            knocks: 0,
            clients: Vec::new(),
            boots: 0,
            rows: (0, 0),
            memory: BTreeMap::new(),
            records: Records::default(),
            broken: Vec::new(),
        }
    }

    pub(super) const fn kills(&self) -> u64 {
        self.kills
    }

    pub(super) const fn is_kept(&self) -> bool {
        self.broken.is_empty()
    }

    /// Notes a broken promise, and says it at once.
    pub(super) fn broken(&mut self, what: impl Into<String>) {
        let what = what.into();
        tell(&format!("broken: {what}"));
        self.broken.push(what);
    }

    pub(super) fn recovered(&mut self, fault: Fault, recovery: &Recovery) {
        let Recovery { kills, took, last, stood } = recovery;
        self.kills += kills;
        self.recoveries.entry(fault).or_default().push(*took);
        if *took > self.recovery {
            let (at, took, stood) = (seconds(self.begun.elapsed()), seconds(*took), seconds(*stood));
            let fault = fault.name();
            self.broken(format!(
                "{fault}: answers again after {took}, last: {last}; at {at}, and the soak itself stood still for {stood}"
            ));
        }
    }

    pub(super) fn stood_still(&mut self, time: Duration) {
        self.stood = self.stood.max(time);
    }

    pub(super) fn idled(&mut self, party: &'static str, share: f64) {
        let most = self.idled.entry(party).or_default();
        *most = most.max(share);
    }

    pub(super) fn knocked(&mut self, knocks: u64) {
        self.knocks = self.knocks.max(knocks);
    }

    /// Takes what clients got, and holds the metered key to its bound.
    pub(super) fn clients(&mut self, load: &Load, boots: u64) {
        (self.clients, self.boots, self.rows) = (load.board.tallies(), boots, load.metered.rows());
        for (client, tally) in self.clients.clone() {
            if tally.wrong > 0 {
                self.broken(format!("{client}: {} wrong answers were accepted", tally.wrong));
            }
            if tally.right == 0 {
                self.broken(format!("{client}: not one right answer"));
            }
            for (what, times) in tally.unexplained {
                self.broken(format!("{client}: {times} times what no fault explains: {what}"));
            }
        }
        let (most, all) = self.rows;
        if most > ALLOWANCE || all > ALLOWANCE + FORGOTTEN_ROWS.saturating_mul(boots) {
            self.broken(format!("the metered key got {most} rows in one boot and {all} in {boots}"));
        }
    }

    pub(super) fn memory(&mut self, peaks: &BTreeMap<&'static str, u64>) {
        self.memory.clone_from(peaks);
    }

    pub(super) fn audit(&mut self, records: Records) {
        self.records = records;
    }

    /// The whole of it for a person.
    pub(super) fn table(&self) -> String {
        let mut text = format!(
            "seed {}: {} kills and {} other faults in {:.0} s\n\n",
            self.seed,
            self.kills,
            self.recoveries
                .iter()
                .filter(|(fault, _)| !fault.is_kill())
                .map(|(_, times)| times.len())
                .sum::<usize>(),
            self.begun.elapsed().as_secs_f64()
        );
        let _ = writeln!(
            text,
            "{:26} {:>5}  {:>8} {:>8} {:>8}",
            "answers again after a", "times", "median", "p99", "max"
        );
        for (fault, times) in &self.recoveries {
            let _ = writeln!(text, "{}", row(fault.name(), times));
        }
        let all: Vec<_> = self.recoveries.values().flatten().copied().collect();
        let _ = writeln!(text, "{}", row("any of them", &all));
        let _ = writeln!(text, "promised: at most {} s", self.recovery.as_secs());
        let _ = writeln!(text, "the soak itself stood still for at most {}\n", seconds(self.stood));
        for (client, tally) in &self.clients {
            let none: u64 = tally.none.values().sum();
            let _ = writeln!(
                text,
                "{client}: {} right, {} wrong, {none} without an answer",
                tally.right, tally.wrong
            );
            for (why, times) in &tally.none {
                let _ = writeln!(text, "    {times} times: {why}");
            }
        }
        let Records { logs, kept, acknowledged, missing, ends_early } = self.records;
        let (most, rows) = self.rows;
        let _ = writeln!(
            text,
            "audit: {kept} records kept; of {acknowledged} acknowledged ones of {logs} logs {missing} are missing; \
             {ends_early} logs end before the last records of a killed enclave\n\
             metered key: {rows} rows in {} boots, at most {most} in one; allowed {ALLOWANCE} a boot, {} in all",
            self.boots,
            ALLOWANCE + FORGOTTEN_ROWS.saturating_mul(self.boots)
        );
        for (party, share) in &self.idled {
            let _ = writeln!(
                text,
                "KMS down at boot: the {party} used at most {share:.3} of a core; never ready"
            );
        }
        if self.knocks > 0 {
            let _ = writeln!(
                text,
                "KMS while it is down: connected to at most {} times, allowed {KMS_ATTEMPTS}",
                self.knocks
            );
        }
        for (party, kib) in &self.memory {
            let _ = writeln!(text, "memory of the {party}: at most {:.1} MiB", *kib as f64 / 1024.0);
        }
        match self.broken.len() {
            0 => text.push_str("every promise was kept"),
            times => {
                let _ = write!(text, "{times} promises were broken:\n  {}", self.broken.join("\n  "));
            }
        }
        text
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn row(name: &str, times: &[Duration]) -> String {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = |share: f64| {
        let place = (share * sorted.len() as f64).ceil() as usize;
        let time = sorted.get(place.saturating_sub(1)).copied().unwrap_or_default();
        seconds(time)
    };
    format!("{name:26} {:>5}  {:>8} {:>8} {:>8}", times.len(), at(0.5), at(0.99), at(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::RECOVERY;

    #[test]
    fn a_late_recovery_breaks_the_promise_and_a_quick_one_does_not() {
        let mut record = Record::begin(1, RECOVERY);
        let after = |took| Recovery { kills: 1, took, last: "proxy".into(), stood: Duration::ZERO };
        record.recovered(Fault::KillHost, &after(RECOVERY));
        assert!(record.is_kept() && record.kills() == 1);
        record.recovered(Fault::KillHost, &after(RECOVERY + Duration::from_millis(1)));
        assert!(!record.is_kept());
        assert!(record.table().contains("last: proxy"), "{}", record.table());
    }

    #[test]
    fn quantiles_are_those_of_the_times() {
        let times: Vec<_> = (1..=200).map(|number| Duration::from_millis(10 * number)).collect();
        let words: Vec<_> = row("x", &times).split_whitespace().map(str::to_owned).collect();
        assert_eq!(words, ["x", "200", "1.00", "s", "1.98", "s", "2.00", "s"]);
    }
}
