//! Writes the registry in the Prometheus text format, version 0.0.4.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Metrics, Route, STATUSES};
use crate::relay::Relay;

const PREFIX: &str = "strongroom_host";

impl Metrics {
    /// The whole registry, with what is known of the enclave.
    pub(crate) fn render(&self, relay: &Relay) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_all(&mut out, relay);
        out
    }

    fn write_all(&self, out: &mut String, relay: &Relay) -> fmt::Result {
        self.write_requests(out)?;
        self.write_counters(out)?;
        write_enclave(out, relay)?;
        self.write_models(out)?;
        let name = format!("{PREFIX}_latency_seconds");
        head(out, &name, "histogram", "Time from the first byte of a request to its answer.")?;
        self.hello_latency.render(out, &name, Route::Hello.label())?;
        self.message_latency.render(out, &name, Route::Message.label())
    }

    fn write_requests(&self, out: &mut String) -> fmt::Result {
        let name = format!("{PREFIX}_requests_total");
        head(out, &name, "counter", "Requests answered, by route and status.")?;
        for (route, row) in Route::ALL.iter().zip(&self.requests) {
            for (status, count) in STATUSES.iter().zip(row) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    writeln!(out, "{name}{{route=\"{}\",code=\"{status}\"}} {count}", route.label())?;
                }
            }
        }
        Ok(())
    }

    fn write_counters(&self, out: &mut String) -> fmt::Result {
        let counters: [(&str, &AtomicU64, &str); 15] = [
            ("request_bytes_total", &self.request_bytes, "Bytes of request bodies relayed."),
            ("answer_bytes_total", &self.answer_bytes, "Bytes of answers relayed."),
            ("connections_refused_total", &self.refused_connections, "Connections closed for want of room."),
            ("accept_failures_total", &self.accept_failures, "Attempts to accept a client that failed."),
            (
                "connections_untaken_total",
                &self.untaken_connections,
                "Connections ended because an answer on them was not taken.",
            ),
            (
                "address_limited_total",
                &self.address_limited,
                "Requests refused because their address had too many.",
            ),
            ("tunnel_out_bytes_total", &self.tunnel_out_bytes, "Bytes from the enclave to KMS."),
            ("tunnel_in_bytes_total", &self.tunnel_in_bytes, "Bytes from KMS to the enclave."),
            ("package_bytes_total", &self.package_bytes, "Bytes of packages handed to the enclave."),
            ("audit_records_total", &self.audit_records, "Records of the audit log kept."),
            ("audit_bytes_total", &self.audit_bytes, "Bytes of those records."),
            (
                "state_writes_total",
                &self.state_writes,
                "States of the enclave kept, each in place of the last.",
            ),
            (
                "keep_failures_total",
                &self.keep_failures,
                "What the enclave handed over and was not kept; without state-dir, batches of the audit log alone.",
            ),
            ("audit_forward_failures_total", &self.forward_failures, "Batches kept and not forwarded."),
            ("enclave_starts_total", &self.enclave_starts, "Starts of the enclave by this host."),
        ];
        for (name, value, help) in counters {
            single(out, name, "counter", value.load(Ordering::Relaxed), help)?;
        }
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        single(
            out,
            "requests_in_flight",
            "gauge",
            in_flight,
            "Hellos and messages that are being received or worked on, also where the client has gone.",
        )?;
        let connections = self.connections.load(Ordering::Relaxed);
        single(out, "connections", "gauge", connections, "Connections of clients.")
    }
}

fn write_enclave(out: &mut String, relay: &Relay) -> fmt::Result {
    single(out, "enclave_up", "gauge", relay.is_up().into(), "Whether the enclave is connected.")?;
    single(out, "enclave_serving", "gauge", relay.is_ready().into(), "Whether it serves a release.")?;
    let Some(status) = relay.status() else { return Ok(()) };
    single(out, "enclave_epoch", "gauge", status.epoch, "Epoch of the release served.")?;
    single(out, "enclave_sessions", "gauge", status.sessions, "Sessions held by the enclave.")?;
    single(out, "enclave_answered_total", "counter", status.answered, "Requests answered since boot.")?;
    single(
        out,
        "enclave_panics_total",
        "counter",
        status.panics,
        "Messages since boot that a panic has cost.",
    )
}

fn single(out: &mut String, name: &str, kind: &str, value: u64, help: &str) -> fmt::Result {
    let name = format!("{PREFIX}_{name}");
    head(out, &name, kind, help)?;
    writeln!(out, "{name} {value}")
}

pub(super) fn head(out: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_text_is_well_formed() {
        let metrics = Metrics::default();
        metrics.answered(Route::Hello, 200, Duration::from_millis(3));
        metrics.answered(Route::Hello, 200, Duration::from_secs(100));
        metrics.answered(Route::Message, 429, Duration::ZERO);
        let text = metrics.render(&Relay::new(Duration::MAX));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with(PREFIX), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
        for expected in [
            "strongroom_host_requests_total{route=\"hello\",code=\"200\"} 2",
            "strongroom_host_requests_total{route=\"message\",code=\"429\"} 1",
            "strongroom_host_latency_seconds_bucket{route=\"hello\",le=\"0.002\"} 0",
            "strongroom_host_latency_seconds_bucket{route=\"hello\",le=\"0.005\"} 1",
            "strongroom_host_latency_seconds_bucket{route=\"hello\",le=\"+Inf\"} 2",
            "strongroom_host_enclave_up 0",
            "strongroom_host_enclave_starts_total 0",
            "strongroom_host_address_limited_total 0",
            "strongroom_host_audit_records_total 0",
            "strongroom_host_keep_failures_total 0",
        ] {
            assert!(text.lines().any(|line| line == expected), "{expected}\n{text}");
        }
    }
}
