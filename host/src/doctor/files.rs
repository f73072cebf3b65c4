//! How many files and connections a process may hold.

use rustix::process::{Resource, getrlimit};

use super::Finding;
use crate::config::Settings;
use crate::limits::{
    DEFAULT_MAX_CONNECTIONS, ENCLAVE_CONNECTIONS, MAX_METRICS_CONNECTIONS, MAX_SERVICE_CONNECTIONS,
    MAX_TUNNEL_CONNECTIONS, SPARE_FILES,
};

/// Whether every connection that the settings allow can be held at once.
pub(super) fn check(settings: &Settings) -> Finding {
    let clients = settings.max_connections.unwrap_or(DEFAULT_MAX_CONNECTIONS);
    let others =
        MAX_METRICS_CONNECTIONS + ENCLAVE_CONNECTIONS + MAX_SERVICE_CONNECTIONS + 2 * MAX_TUNNEL_CONNECTIONS;
    let needed = clients.saturating_add(others + SPARE_FILES) as u64;
    judge(needed, getrlimit(Resource::Nofile).current)
}

fn judge(needed: u64, allowed: Option<u64>) -> Finding {
    match allowed {
        Some(allowed) if allowed < needed => Finding::fail(
            format!("{allowed} open files where {needed} may be needed"),
            format!(
                "raise the limit: `ulimit -n {needed}`, or LimitNOFILE={needed} in the unit; or lower max-connections"
            ),
        ),
        Some(allowed) => Finding::pass(format!("{allowed} open files, of which {needed} may be needed")),
        None => Finding::pass("open files without limit"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn as_many_as_needed() {
        assert_eq!(judge(100, Some(99)).status, Status::Fail);
        assert!(judge(100, Some(99)).remedy.unwrap().contains("LimitNOFILE=100"));
        assert_eq!(judge(100, Some(100)).status, Status::Pass);
        assert_eq!(judge(100, None).status, Status::Pass);
    }
}
