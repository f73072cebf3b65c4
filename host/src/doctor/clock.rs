//! This machine's clock against AWS's.
//!
//! The enclave takes its time from its NSM; the host's is for what the host signs for S3, and for logs.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Finding;
use super::imds::Survey;
use super::kms::Reach;
use crate::limits::{CLOCK_FAIL, CLOCK_WARN};
use crate::time::parse_http_s;

const REMEDY: &str = "let chrony follow the Amazon Time Sync Service: `server 169.254.169.123 prefer iburst` in \
    /etc/chrony.conf, then `systemctl restart chronyd`";

/// Compares it with the `Date` of whoever answered.
pub(super) fn check(imds: &Survey, kms: &Reach) -> Finding {
    match imds.date().or_else(|| kms.date()).and_then(parse_http_s) {
        Some(theirs) => judge(SystemTime::now(), theirs),
        None => Finding::skip("nobody to compare it with: neither IMDS nor KMS told its time"),
    }
}

fn judge(now: SystemTime, theirs_s: u64) -> Finding {
    let ours = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let off = ours.abs_diff(Duration::from_secs(theirs_s));
    let found = format!("{} s off", off.as_secs());
    if off > CLOCK_FAIL {
        Finding::fail(format!("{found}; AWS refuses signatures from 300 s on"), REMEDY)
    } else if off > CLOCK_WARN {
        Finding::warn(found, REMEDY)
    } else {
        Finding::pass(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn seconds_off_either_way() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        for (off, status) in [
            (0, Status::Pass),
            (60, Status::Pass),
            (61, Status::Warn),
            (300, Status::Warn),
            (301, Status::Fail),
        ] {
            assert_eq!(judge(now, 1_000_000 + off).status, status, "{off}");
            assert_eq!(judge(now, 1_000_000 - off).status, status, "-{off}");
        }
    }
}
