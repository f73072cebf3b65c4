//! Reports on the use of models: what is counted while a release is served, and handing it over on its schedule.
//!
//! Reports come at multiples of the period since boot, whether or not anything was asked. One that the host does not
//! take is repeated as it is, never noised anew: two draws over the same counts would tell twice. What is counted
//! meanwhile waits for the next. With a newer release counting begins anew, and what was not reported is dropped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_attestation::UnixMillis;
use strongroom_attestation::audit::AuditPublicKey;
use strongroom_attestation::release::Controls;
use strongroom_attestation::report::{ReportId, SealedReport};
use strongroom_monitor::laplace::NoRandom;
use strongroom_monitor::telemetry::{Head, OutcomeKind, Telemetry};
use strongroom_proto::frame::Kind;
use strongroom_proto::name::{Name, PackageId};
use strongroom_proto::report::KeptReport;
use strongroom_seal::message::Refusal;

use crate::host::Host;
use crate::limits::{REPORT_POLL, REPORT_RETRY};
use crate::service::Service;
use crate::serving::Serving;
use crate::watch::Watchers;

/// What is counted under one release, and to whom it is told.
pub(crate) struct Reporting {
    pub(crate) telemetry: Arc<Telemetry>,
    period: Duration,
    /// To whom the whole report is sealed. Without it the summary alone leaves.
    key: Option<AuditPublicKey>,
}

impl Reporting {
    /// Begins to count, if the controls state telemetry.
    ///
    /// # Errors
    /// Why the release cannot be served, in public words.
    pub(crate) fn begin<'a>(
        controls: &Controls,
        key: Option<&AuditPublicKey>,
        watchers: &Watchers,
        models: impl IntoIterator<Item = &'a PackageId>,
    ) -> Result<Option<Self>, &'static str> {
        let Some(stated) = controls.telemetry else { return Ok(None) };
        let profile =
            |name: &Name| (name.clone(), watchers.get(name).map(|watcher| Arc::clone(watcher.profile())));
        let names = models.into_iter().map(|id| profile(&id.name));
        let telemetry = Telemetry::new(names, stated.epsilon_per_report());
        let telemetry = telemetry.map_err(|_| "telemetry of an epsilon or a size that cannot be")?;
        let period = Duration::from_millis(stated.period_ms);
        Ok(Some(Self { telemetry: Arc::new(telemetry), period, key: key.cloned() }))
    }
}

impl Serving {
    /// What is counted, if anything is.
    pub(crate) fn telemetry(&self) -> Option<&Telemetry> {
        self.reporting.as_ref().map(|reporting| reporting.telemetry.as_ref())
    }

    /// Counts a request that was refused before or after it was charged, or answered.
    pub(crate) fn count(&self, model: &Name, kind: OutcomeKind, begun: Instant) {
        if let Some(telemetry) = self.telemetry() {
            telemetry.record_outcome(model, kind, begun.elapsed());
        }
    }

    /// Counts a refusal, where the request named a model of the release.
    pub(crate) fn count_refusal(&self, model: &Name, refusal: &Refusal, begun: Instant) {
        self.count(model, OutcomeKind::of_refusal(refusal), begun);
    }
}

/// When and how many.
struct Course {
    number: u64,
    since: UnixMillis,
}

impl Service {
    /// Hands over reports for as long as the enclave runs. Never returns.
    pub(crate) async fn report(self: Arc<Self>, host: Host) {
        let mut course = Course { number: 0, since: self.measured.clock().now() };
        loop {
            let period = self.reporting_period();
            tokio::time::sleep(until_next(self.started.elapsed(), period.unwrap_or(REPORT_POLL))).await;
            // A release that came while this slept has a schedule of its own.
            if period.is_none() || self.reporting_period() != period {
                continue;
            }
            let service = Arc::clone(&self);
            let made = tokio::task::spawn_blocking(move || service.make_report(course)).await;
            let Ok((kept, next)) = made else { return };
            course = next;
            if let Some(kept) = kept {
                hand_over(&host, &kept).await;
            }
        }
    }

    fn reporting_period(&self) -> Option<Duration> {
        self.serving()?.reporting.as_ref().map(|reporting| reporting.period)
    }

    /// The report as it leaves. Nothing leaves where randomness fails.
    fn make_report(&self, course: Course) -> (Option<Vec<u8>>, Course) {
        let to = self.measured.clock().now();
        let made = self.serving().and_then(|serving| self.make(&serving, &course, to));
        (made, Course { number: course.number + 1, since: to })
    }

    fn make(&self, serving: &Serving, course: &Course, to: UnixMillis) -> Option<Vec<u8>> {
        let reporting = serving.reporting.as_ref()?;
        let (boot, number) = (self.measured.boot_id(), course.number);
        let epoch = serving.release.release().epoch;
        let head = Head { boot, number, epoch, from: course.since, to };
        let fill = &mut |bytes: &mut [u8]| self.random.fill(bytes).map_err(|_| NoRandom);
        let report = reporting.telemetry.report(head, fill).ok()?;
        let sizes = reporting.telemetry.sizes();
        let sealed = match &reporting.key {
            None => Vec::new(),
            Some(key) => {
                let deployment = self.measured.charter().charter().deployment.clone();
                let (id, bytes) = (ReportId { deployment, boot, number }, report.encode().ok()?);
                let random = self.random.as_ref();
                SealedReport::seal(id, &bytes, sizes.report, key, random).ok()?.encode().ok()?
            }
        };
        let summary = report.summary().pad(sizes.summary).ok()?;
        KeptReport { boot: *boot.as_bytes(), number, summary, sealed }.encode().ok()
    }
}

/// Repeats the same bytes until the host has them.
async fn hand_over(host: &Host, kept: &[u8]) {
    while host.keep(Kind::Report, kept.to_vec()).await.is_err() {
        tokio::time::sleep(REPORT_RETRY).await;
    }
}

/// Time until the next multiple of the period since boot.
fn until_next(since_boot: Duration, period: Duration) -> Duration {
    let millis = period.as_millis().max(1);
    let left = millis - since_boot.as_millis() % millis;
    Duration::from_millis(u64::try_from(left).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_come_at_multiples_of_the_period_since_boot() {
        let next =
            |elapsed, period| until_next(Duration::from_millis(elapsed), Duration::from_millis(period));
        assert_eq!(next(0, 2000), Duration::from_millis(2000));
        assert_eq!(next(4500, 2000), Duration::from_millis(1500));
        assert_eq!(next(6000, 2000), Duration::from_millis(2000));
    }
}
