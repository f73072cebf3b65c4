//! The load generator: asks a target in a pattern, and says how long answers took and what they cost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::arrivals::Arrivals;
use crate::cpu::{Meter, Reading};
use crate::error::BenchError;
use crate::latency::{Latencies, Summary};
use crate::limits::{DRAIN, MAX_IN_FLIGHT};
use crate::target::Target;

/// When a target is asked.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// So many callers, each of whom asks again as soon as it has its answer.
    Closed {
        /// How many.
        callers: usize,
    },
    /// Independent callers who come whatever happened to those before.
    Open {
        /// How many come a second, on average.
        per_second: f64,
        /// Of the arrivals.
        seed: u64,
    },
}

/// What came of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// When it was asked.
    pub pattern: Pattern,
    /// Seconds from the first request to the last answer.
    pub seconds: f64,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests that were not.
    pub failed: u64,
    /// Why the first of those was not.
    pub first_failure: Option<String>,
    /// Answers a second.
    pub per_second: f64,
    /// Latencies: in the closed loop from sending, in the open loop from the moment at which the request was due.
    pub latency: Summary,
    /// How late requests were sent in the open loop, which the latencies contain.
    pub lag: Option<Summary>,
    /// CPU of each process that was named, in microseconds an answer.
    pub cpu_us_each: Reading,
}

/// What the callers of a run have seen.
struct Seen {
    latencies: Latencies,
    lag: Latencies,
    failed: u64,
    first_failure: Option<String>,
}

type Board = Arc<Mutex<Seen>>;

/// Asks `target` for a while that is not counted, and then for one that is.
///
/// # Errors
/// [`BenchError`] where a named process cannot be read. Requests that fail are counted.
pub async fn run(
    target: &Arc<Target>,
    pattern: Pattern,
    (warm, lasting): (Duration, Duration),
    meters: &[Meter],
) -> Result<Outcome, BenchError> {
    phase(target, pattern, warm).await?;
    let (before, start) = (Reading::take(meters)?, Instant::now());
    let seen = phase(target, pattern, lasting).await?;
    let (seconds, used) = (start.elapsed().as_secs_f64(), Reading::take(meters)?.since(&before));
    let latency = seen.latencies.summary();
    Ok(Outcome {
        pattern,
        seconds,
        answered: latency.count,
        failed: seen.failed,
        first_failure: seen.first_failure,
        per_second: latency.count as f64 / seconds,
        cpu_us_each: used.micros_each(latency.count),
        latency,
        lag: matches!(pattern, Pattern::Open { .. }).then(|| seen.lag.summary()),
    })
}

async fn phase(target: &Arc<Target>, pattern: Pattern, lasting: Duration) -> Result<Seen, BenchError> {
    let board = Arc::new(Mutex::new(Seen::nothing()?));
    match pattern {
        Pattern::Closed { callers } => closed(target, callers, lasting, &board).await,
        Pattern::Open { per_second, seed } => {
            open(target, Arrivals::new(per_second, seed), lasting, &board).await?;
        }
    }
    let mut seen = board.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::replace(&mut *seen, Seen::nothing()?))
}

async fn closed(target: &Arc<Target>, callers: usize, lasting: Duration, board: &Board) {
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let (target, board) = (Arc::clone(target), Arc::clone(board));
        tasks.spawn(async move {
            while start.elapsed() < lasting {
                let sent = Instant::now();
                let answer = target.ask().await;
                board.lock().unwrap_or_else(PoisonError::into_inner).note(sent.elapsed(), answer);
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}

async fn open(
    target: &Arc<Target>,
    arrivals: Arrivals,
    lasting: Duration,
    board: &Board,
) -> Result<(), BenchError> {
    let room = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
    let all = u32::try_from(MAX_IN_FLIGHT).unwrap_or(u32::MAX);
    let caller = Caller { target: Arc::clone(target), board: Arc::clone(board), room: Arc::clone(&room) };
    let handle = Handle::current();
    // A thread of its own: the runtime's timer knows milliseconds, and its threads are busy when it matters.
    let paced = tokio::task::spawn_blocking(move || caller.come(arrivals, lasting, &handle));
    paced.await.map_err(|error| BenchError::Argument(error.to_string()))?;
    // All room is free once nothing is under way.
    if tokio::time::timeout(DRAIN, room.acquire_many(all)).await.is_err() {
        let left = MAX_IN_FLIGHT - room.available_permits();
        board.lock().unwrap_or_else(PoisonError::into_inner).failed += left as u64;
    }
    Ok(())
}

/// Sends what an open loop sends.
struct Caller {
    target: Arc<Target>,
    board: Board,
    room: Arc<Semaphore>,
}

impl Caller {
    fn come(&self, arrivals: Arrivals, lasting: Duration, handle: &Handle) {
        let start = Instant::now();
        for at in arrivals.take_while(|at| *at < lasting) {
            let due = start + at;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            self.send(due, handle);
        }
    }

    fn send(&self, due: Instant, handle: &Handle) {
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            let full = Err(BenchError::Peer("more requests under way than the generator holds".into()));
            self.board.lock().unwrap_or_else(PoisonError::into_inner).note(due.elapsed(), full);
            return;
        };
        let (target, board) = (Arc::clone(&self.target), Arc::clone(&self.board));
        handle.spawn(async move {
            let lag = due.elapsed();
            let answer = target.ask().await;
            let took = due.elapsed();
            let mut seen = board.lock().unwrap_or_else(PoisonError::into_inner);
            seen.lag.add(lag);
            seen.note(took, answer);
            drop(seen);
            drop(permit);
        });
    }
}

impl Seen {
    fn nothing() -> Result<Self, BenchError> {
        Ok(Self { latencies: Latencies::new()?, lag: Latencies::new()?, failed: 0, first_failure: None })
    }

    fn note(&mut self, took: Duration, answer: Result<(), BenchError>) {
        match answer {
            Ok(()) => self.latencies.add(took),
            Err(error) => {
                self.failed += 1;
                self.first_failure.get_or_insert_with(|| error.to_string());
            }
        }
    }
}
