//! What the host counts, and its Prometheus text form.
//!
//! Everything here is visible to the operator, so that it holds only what the host sees anyway:
//! codes, sizes, times and what the enclave declares public.

mod histogram;
mod models;
mod render;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use strongroom_proto::report::Summary;

pub(crate) use histogram::Histogram;

/// A route of the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Hello,
    Message,
    Livez,
    Readyz,
    Other,
}

impl Route {
    const ALL: [Self; 5] = [Self::Hello, Self::Message, Self::Livez, Self::Readyz, Self::Other];

    pub(crate) fn of_path(path: &str) -> Self {
        match path {
            "/v1/hello" => Self::Hello,
            "/v1/message" => Self::Message,
            "/livez" => Self::Livez,
            "/readyz" => Self::Readyz,
            _ => Self::Other,
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Message => "message",
            Self::Livez => "livez",
            Self::Readyz => "readyz",
            Self::Other => "other",
        }
    }
}

/// The statuses that the edge answers with.
const STATUSES: [u16; 9] = [200, 204, 400, 404, 405, 413, 421, 429, 503];

/// The registry. Counters only grow; gauges are named so.
#[derive(Default)]
pub(crate) struct Metrics {
    requests: [[AtomicU64; STATUSES.len()]; Route::ALL.len()],
    pub(crate) in_flight: Arc<AtomicU64>,
    pub(crate) request_bytes: AtomicU64,
    pub(crate) answer_bytes: AtomicU64,
    pub(crate) connections: Arc<AtomicU64>,
    pub(crate) refused_connections: AtomicU64,
    pub(crate) accept_failures: AtomicU64,
    pub(crate) untaken_connections: AtomicU64,
    pub(crate) address_limited: AtomicU64,
    pub(crate) tunnel_out_bytes: AtomicU64,
    pub(crate) tunnel_in_bytes: AtomicU64,
    pub(crate) package_bytes: AtomicU64,
    pub(crate) audit_records: AtomicU64,
    pub(crate) audit_bytes: AtomicU64,
    pub(crate) state_writes: AtomicU64,
    pub(crate) keep_failures: AtomicU64,
    pub(crate) forward_failures: AtomicU64,
    pub(crate) enclave_starts: AtomicU64,
    /// What the enclave said last of the use of its models.
    report: Mutex<Option<Summary>>,
    hello_latency: Histogram,
    message_latency: Histogram,
}

impl Metrics {
    /// Shows this report in place of the last.
    pub(crate) fn reported(&self, summary: Summary) {
        *self.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(summary);
    }

    /// Notes an answered request.
    pub(crate) fn answered(&self, route: Route, status: u16, took: Duration) {
        let row = Route::ALL.iter().position(|known| *known == route);
        let column = STATUSES.iter().position(|known| *known == status);
        let cell = row.zip(column).and_then(|(row, column)| self.requests.get(row)?.get(column));
        if let Some(cell) = cell {
            cell.fetch_add(1, Ordering::Relaxed);
        }
        match route {
            Route::Hello => self.hello_latency.observe(took),
            Route::Message => self.message_latency.observe(took),
            _ => {}
        }
    }
}

/// Counts a gauge up until dropped.
pub(crate) struct Held(Arc<AtomicU64>);

impl Held {
    pub(crate) fn new(gauge: &Arc<AtomicU64>) -> Self {
        gauge.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(gauge))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts one up.
pub(crate) fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
