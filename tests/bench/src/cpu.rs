//! CPU time of processes and control groups, as the kernel counts it.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

use crate::error::BenchError;
use crate::limits::MAX_DESCENDANTS;

/// Ticks a second of the times in `/proc/PID/stat`: USER_HZ, which is 100 on every Linux (proc_pid_stat(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// Positions of utime, stime, cutime and cstime behind the name in `/proc/PID/stat`.
const TIMES: std::ops::Range<usize> = 11..15;

/// A name and whose time it stands for: `NAME=PID`, a process with all below it, or `NAME=cgroup:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    name: String,
    of: Of,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Of {
    Process(u32),
    Group(String),
}

/// CPU seconds by the name of the meter.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Reading(BTreeMap<String, f64>);

impl FromStr for Meter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, of) = text.split_once('=').ok_or("expected NAME=PID or NAME=cgroup:PATH")?;
        let of = match of.strip_prefix("cgroup:") {
            Some(path) => Of::Group(path.to_owned()),
            None => Of::Process(of.parse().map_err(|_| "the process is not a number")?),
        };
        Ok(Self { name: name.to_owned(), of })
    }
}

impl Reading {
    /// Reads every meter.
    ///
    /// # Errors
    /// [`BenchError::Io`] for a process that ended, or a group that is not there.
    pub fn take(meters: &[Meter]) -> Result<Self, BenchError> {
        let one = |meter: &Meter| Ok((meter.name.clone(), meter.seconds()?));
        meters.iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// What was used since an earlier reading.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let used =
            |(name, now): (&String, &f64)| (name.clone(), now - earlier.0.get(name).copied().unwrap_or(0.0));
        Self(self.0.iter().map(used).collect())
    }

    /// Microseconds of each meter for one of so many requests.
    #[must_use]
    pub fn micros_each(&self, requests: u64) -> Self {
        let each = |(name, used): (&String, &f64)| (name.clone(), used * 1e6 / requests.max(1) as f64);
        Self(self.0.iter().map(each).collect())
    }
}

impl Meter {
    fn seconds(&self) -> Result<f64, BenchError> {
        match &self.of {
            Of::Process(id) => family(*id),
            Of::Group(path) => group(path),
        }
    }
}

/// User and system time of a process, of all that live below it, and of those that it has waited for.
fn family(id: u32) -> Result<f64, BenchError> {
    let mut total = process(id)?;
    let (mut pending, mut seen) = (children(id), 0);
    while let Some(child) = pending.pop() {
        seen += 1;
        if seen > MAX_DESCENDANTS {
            break;
        }
        // One that has just ended is counted by whoever waits for it.
        total += process(child).unwrap_or(0.0);
        pending.extend(children(child));
    }
    Ok(total)
}

fn process(id: u32) -> Result<f64, BenchError> {
    let path = format!("/proc/{id}/stat");
    let text = std::fs::read_to_string(&path).map_err(BenchError::io(path))?;
    Ok(ticks(&text) / TICKS_PER_SECOND)
}

/// The name stands in parentheses and may hold any character, so what follows the last one is read.
fn ticks(stat: &str) -> f64 {
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let times = fields.skip(TIMES.start).take(TIMES.len());
    times.filter_map(|field| field.parse::<f64>().ok()).sum()
}

fn children(id: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// `usage_usec` of a control group of version 2 (cgroup-v2.rst, CPU Interface Files).
fn group(path: &str) -> Result<f64, BenchError> {
    let path = format!("{path}/cpu.stat");
    let text = std::fs::read_to_string(&path).map_err(BenchError::io(path.clone()))?;
    let usage = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
    let micros = usage.and_then(|usage| usage.trim().parse::<u64>().ok());
    let micros = micros.ok_or_else(|| BenchError::Argument(format!("{path} has no usage_usec")))?;
    Ok(Duration::from_micros(micros).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_times_are_found_behind_any_name() {
        let stat = "12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 100 20 3 4 20 0 1";
        assert_eq!(ticks(stat), 127.0);
        assert_eq!(ticks("12 nonsense"), 0.0);
    }

    #[test]
    fn meters_are_processes_or_groups() {
        let meter = |text: &str| text.parse::<Meter>();
        assert_eq!(meter("host=7").unwrap().of, Of::Process(7));
        assert_eq!(meter("host=cgroup:/x").unwrap().of, Of::Group("/x".into()));
        assert!(meter("host").is_err() && meter("host=x").is_err());
    }

    #[test]
    fn what_this_process_uses_is_counted() {
        let meters = [format!("own={}", std::process::id()).parse().unwrap()];
        let before = Reading::take(&meters).unwrap();
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(200) {
            std::hint::spin_loop();
        }
        let used = Reading::take(&meters).unwrap().since(&before);
        let seconds = used.0["own"];
        assert!(seconds > 0.02, "{seconds}");
        assert_eq!(used.micros_each(1).0["own"], seconds * 1e6);
    }
}
