//! Memory that a process holds.

use crate::error::BenchError;

/// `VmRSS` of a process in KiB (proc_pid_status(5)).
///
/// # Errors
/// [`BenchError`] for a process that ended.
pub fn resident_kib(id: u32) -> Result<u64, BenchError> {
    let path = format!("/proc/{id}/status");
    let status = std::fs::read_to_string(&path).map_err(BenchError::io(path.clone()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.ok_or_else(|| BenchError::Argument(format!("{path} has no VmRSS")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_holds_something() {
        assert!(resident_kib(std::process::id()).unwrap() > 100);
    }
}
