//! Starts the enclave and starts it anew when it is gone.
//!
//! Whether the enclave is there is judged by its answers alone. A start program may end
//! well and leave an enclave behind, as `nitro-cli run-enclave` does, or stay in the foreground and
//! be the enclave, as an emulator does. Whoever starts the enclave gains nothing by it: what runs
//! in it is measured, and it gets no key unless it is what the owner named.

mod backoff;
mod output;
mod program;
mod running;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::limits::{
    ENCLAVE_FIRST_GRACE, ENCLAVE_GONE_GRACE, ENCLAVE_SILENCE, ENCLAVE_STABLE, ENCLAVE_STOP_TIMEOUT,
    MAX_START_BACKOFF, MIN_START_BACKOFF, PROGRAM_SETTLE, PROGRAM_TERM_GRACE,
};
use crate::metrics::{Metrics, bump};
use crate::relay::Relay;

use backoff::Backoff;
pub use program::{NoProgram, Program};
use running::Running;

/// How the enclave is started and stopped.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Starts it.
    pub start: Program,
    /// Stops what an earlier start left behind.
    pub stop: Option<Program>,
    /// Time in which it must be reachable after a start.
    pub start_timeout: Duration,
    /// How long things may take.
    pub pace: Pace,
}

/// How long the supervisor waits for what.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// For an enclave that runs already, when the host starts.
    pub first_grace: Duration,
    /// For an enclave that was reachable to become so again.
    pub gone_grace: Duration,
    /// For a connected enclave to answer anything at all, from its last answer on.
    pub silence: Duration,
    /// Reachable for so long, the enclave counts as well started.
    pub stable: Duration,
    /// Before the second start in a row; it doubles.
    pub min_backoff: Duration,
    /// Before any start.
    pub max_backoff: Duration,
    /// Between the end of a start program and the judgement what it means.
    pub settle: Duration,
    /// For the program that stops the enclave.
    pub stop_timeout: Duration,
    /// Between SIGTERM and SIGKILL.
    pub term_grace: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first_grace: ENCLAVE_FIRST_GRACE,
            gone_grace: ENCLAVE_GONE_GRACE,
            silence: ENCLAVE_SILENCE,
            stable: ENCLAVE_STABLE,
            min_backoff: MIN_START_BACKOFF,
            max_backoff: MAX_START_BACKOFF,
            settle: PROGRAM_SETTLE,
            stop_timeout: ENCLAVE_STOP_TIMEOUT,
            term_grace: PROGRAM_TERM_GRACE,
        }
    }
}

/// A supervisor at work, or none.
pub(crate) struct Supervised(Option<(oneshot::Sender<()>, JoinHandle<()>)>);

impl Supervised {
    /// Starts to supervise, if there is a plan.
    pub(crate) fn begin(plan: Option<Plan>, relay: &Arc<Relay>, metrics: &Arc<Metrics>) -> Self {
        Self(plan.map(|plan| {
            let (stop, stopped) = oneshot::channel();
            let (relay, metrics) = (Arc::clone(relay), Arc::clone(metrics));
            let supervisor = Supervisor { plan, relay, metrics, running: None, started: false };
            (stop, tokio::spawn(supervisor.run(stopped)))
        }))
    }

    /// Ends what was started.
    pub(crate) async fn end(self) {
        if let Some((stop, task)) = self.0 {
            let _ = stop.send(());
            let _ = task.await;
        }
    }
}

struct Supervisor {
    plan: Plan,
    relay: Arc<Relay>,
    metrics: Arc<Metrics>,
    /// The last start program, whose output may outlive it.
    running: Option<Running>,
    started: bool,
}

impl Supervisor {
    async fn run(mut self, stopped: oneshot::Receiver<()>) {
        tokio::select! {
            () = self.keep() => {}
            // A stop that was dropped is a stop.
            _ = stopped => {}
        }
        // An enclave that was there before is left alone.
        if self.started {
            tracing::info!("ending the enclave");
            self.end().await;
        }
    }

    /// Never returns.
    async fn keep(&mut self) {
        let mut backoff = Backoff::new(self.plan.pace.min_backoff, self.plan.pace.max_backoff);
        let mut patience = self.plan.pace.first_grace;
        loop {
            if self.watch(patience).await >= self.plan.pace.stable {
                backoff.reset();
            }
            sleep(backoff.next()).await;
            patience = if self.relay.is_answering() { self.plan.pace.gone_grace } else { self.start().await };
        }
    }

    /// Waits until the enclave must be started: it was out of reach for longer than `patience` allows
    /// or, once it was reachable, the grace period; or its program ended. Says how long it was reachable.
    async fn watch(&mut self, mut patience: Duration) -> Duration {
        let (relay, pace) = (Arc::clone(&self.relay), self.plan.pace);
        let began = Instant::now();
        let (mut came_up, mut longest) = (false, Duration::ZERO);
        loop {
            let is_up = tokio::select! {
                biased;
                () = relay.until_answering(true) => true,
                () = self.ended(came_up) => false,
                () = out_of_patience(&relay, patience, began, pace) => false,
            };
            if !is_up {
                return longest;
            }
            let since = Instant::now();
            came_up = true;
            tokio::select! {
                () = relay.until_answering(false) => {}
                () = self.ended(came_up) => {}
            }
            longest = longest.max(since.elapsed());
            // One that is connected all the same was silent for long enough.
            patience = if relay.is_up() { Duration::ZERO } else { pace.gone_grace };
        }
    }

    /// Returns when the start program has ended and the enclave with it. Otherwise never: a program
    /// that ends well, or without its enclave, has left the enclave to itself.
    async fn ended(&mut self, came_up: bool) {
        let Some(running) = self.running.as_mut().filter(|running| !running.is_left()) else {
            return pending().await;
        };
        let ended_well = running.ended().await;
        if !came_up && !ended_well {
            return;
        }
        if came_up {
            if timeout(self.plan.pace.settle, self.relay.until_answering(false)).await.is_ok() {
                return;
            }
            running.leave();
        }
        pending().await
    }

    /// Starts the enclave after whatever an earlier start left. Says how long to wait for it.
    async fn start(&mut self) -> Duration {
        tracing::warn!("the enclave is out of reach and is started");
        self.end().await;
        bump(&self.metrics.enclave_starts);
        match self.plan.start.spawn("enclave-start") {
            Ok(running) => {
                (self.running, self.started) = (Some(running), true);
                self.plan.start_timeout
            }
            Err(error) => {
                tracing::warn!(program = %self.plan.start, kind = %error.kind(), "cannot be run");
                Duration::ZERO
            }
        }
    }

    /// Stops the enclave, and the start program if it still runs.
    async fn end(&mut self) {
        if let Some(stop) = &self.plan.stop {
            stop.run("enclave-stop", self.plan.pace).await;
        }
        if let Some(running) = self.running.take() {
            running.end(self.plan.pace.term_grace).await;
        }
    }
}

/// Returns after `patience`. When the enclave is connected by then and only says nothing, returns after its silence, which
/// counts from its last answer, or from `began` where there was none since; when it is gone meanwhile, after the grace
/// period of that.
async fn out_of_patience(relay: &Relay, mut patience: Duration, began: Instant, pace: Pace) {
    loop {
        sleep(patience).await;
        if !relay.is_up() {
            return;
        }
        let since = relay.last_answer().map_or(began, |answer| answer.max(began));
        tokio::select! {
            biased;
            () = sleep_until(since + pace.silence) => return,
            () = relay.until_gone() => patience = pace.gone_grace,
        }
    }
}
