//! What the kernel says of a process, and signals to it.

use rustix::process::{Pid, Signal, kill_process};

use crate::SoakError;

/// Ticks a second of the times in `/proc/PID/stat`: USER_HZ, which is 100 on every Linux (proc_pid_stat(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// Highest resident memory so far in KiB, 0 for a process that has ended.
pub(crate) fn peak_kib(id: u32) -> u64 {
    status_kib(id, "VmHWM:")
}

/// Resident memory in KiB, 0 for a process that has ended.
pub(crate) fn resident_kib(id: u32) -> u64 {
    status_kib(id, "VmRSS:")
}

fn status_kib(id: u32, label: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(label));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Seconds of CPU that a process has used.
pub(crate) fn cpu_seconds(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name stands in parentheses and may hold any character.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}

/// Stops a process as SIGSTOP does.
pub(crate) fn stop(id: u32) -> Result<(), SoakError> {
    signal(id, Signal::STOP)
}

/// Lets a stopped process go on.
pub(crate) fn go_on(id: u32) -> Result<(), SoakError> {
    signal(id, Signal::CONT)
}

fn signal(id: u32, signal: Signal) -> Result<(), SoakError> {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| SoakError::unfit("no process id"))?;
    kill_process(pid, signal).map_err(|error| SoakError::io("signal")(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_uses_cpu() {
        let own = std::process::id();
        // In this order: other tests of this process ask for memory meanwhile.
        let resident = resident_kib(own);
        assert!(resident > 100 && peak_kib(own) >= resident);
        let start = std::time::Instant::now();
        while start.elapsed().as_millis() < 200 {
            std::hint::spin_loop();
        }
        assert!(cpu_seconds(own) > 0.02);
        assert_eq!(peak_kib(u32::MAX), 0);
    }
}
