//! Who runs next: turns on the cores.
//!
//! What takes long needs a turn, and there are as many turns as cores, so that models do not slow each other down.
//! Who waits is ordered by fair queueing: in a virtual time that advances with the turns, each key's runs lie one behind
//! the other, the closer together the higher its role's priority. So a key that asks for much waits behind itself, and
//! nobody waits for ever. Of the places to wait in, no key has more than half; and whoever would wait too long is told at
//! once, while it can still go elsewhere.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use strongroom_attestation::release::Priority;
use strongroom_proto::Code;
use strongroom_seal::secret::ApiKeyDigest;
use tokio::sync::oneshot;

use crate::limits::MAX_TURN_WAIT;

/// The turns, and who waits for one.
pub(crate) struct Turns(Mutex<State>);

struct State {
    cores: usize,
    free: usize,
    /// Virtual time: when the run that had the last turn begins in it.
    now: u64,
    /// When the last run of each key ends in virtual time.
    ends: HashMap<ApiKeyDigest, u64>,
    waiting: BTreeMap<Ticket, Waiting>,
    /// How many of them are of each key.
    crowds: HashMap<ApiKeyDigest, usize>,
    /// What all of them together are likely to take.
    backlog: Duration,
    places: usize,
    tickets: u64,
}

/// Where somebody stands in the queue: by the virtual time at which the run ends, then by arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    end: u64,
    number: u64,
}

struct Waiting {
    begin: u64,
    key: ApiKeyDigest,
    expected: Duration,
    wake: oneshot::Sender<()>,
}

/// Whose run it is, and how long it is likely to take.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) key: &'a ApiKeyDigest,
    pub(crate) priority: Priority,
    pub(crate) expected: Duration,
}

/// The right to keep one core busy. Dropped, it goes to whoever is next, and what the run took instead of what was expected is
/// settled with its key: what is expected of a run, other runs of clients have taught.
pub(crate) struct Turn {
    turns: Arc<Turns>,
    key: ApiKeyDigest,
    priority: Priority,
    expected: Duration,
    /// When it ends in virtual time, as expected.
    end: u64,
    begun: Instant,
}

/// What becomes of who comes.
enum Entered {
    /// A core is free; the run ends at this virtual time.
    Runs(u64),
    Waits(Ticket, oneshot::Receiver<()>),
}

/// A place in the queue, given back when nobody waits there any more.
struct Place<'a> {
    turns: &'a Turns,
    ticket: Ticket,
    served: bool,
}

impl Turns {
    /// As many turns as cores, and places for those who wait.
    pub(crate) fn new(cores: usize, places: usize) -> Self {
        let (ends, waiting, crowds) = (HashMap::new(), BTreeMap::new(), HashMap::new());
        let backlog = Duration::ZERO;
        Self(Mutex::new(State {
            cores,
            free: cores,
            now: 0,
            ends,
            waiting,
            crowds,
            backlog,
            places,
            tickets: 0,
        }))
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`Code::Busy`] when too many wait, of all or of its key, when those ahead are likely to take [`MAX_TURN_WAIT`], or when
    /// this one has waited for so long.
    pub(crate) async fn take(self: &Arc<Self>, run: Run<'_>) -> Result<Turn, Code> {
        self.take_within(MAX_TURN_WAIT, run).await
    }

    async fn take_within(self: &Arc<Self>, limit: Duration, run: Run<'_>) -> Result<Turn, Code> {
        // The lock is not held while waiting.
        let entered = self.state().enter(run)?;
        match entered {
            Entered::Runs(end) => Ok(Turn::begin(self, run, end)),
            Entered::Waits(ticket, given) => self.wait(limit, run, ticket, given).await,
        }
    }

    /// As [`Self::take`], but everybody who is ready gets into the queue before anybody gets a turn. For runs that are so
    /// short that those who come meanwhile would never be seen waiting.
    pub(crate) async fn take_among(self: &Arc<Self>, run: Run<'_>) -> Result<Turn, Code> {
        let (ticket, given) = self.state().queue(run)?;
        let waited = self.wait(MAX_TURN_WAIT, run, ticket, given);
        tokio::task::yield_now().await;
        self.state().hand_out();
        waited.await
    }

    async fn wait(
        self: &Arc<Self>,
        limit: Duration,
        run: Run<'_>,
        ticket: Ticket,
        given: oneshot::Receiver<()>,
    ) -> Result<Turn, Code> {
        let mut place = Place { turns: self, ticket, served: false };
        match tokio::time::timeout(limit, given).await {
            Ok(Ok(())) => {
                place.served = true;
                Ok(Turn::begin(self, run, ticket.end))
            }
            _ => Err(Code::Busy),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes a free turn, or a place in the queue.
    fn enter(&mut self, run: Run<'_>) -> Result<Entered, Code> {
        if self.free == 0 {
            return self.queue(run).map(|(ticket, given)| Entered::Waits(ticket, given));
        }
        let (begin, end) = self.stamp(run);
        self.ends.insert(*run.key, end);
        self.free -= 1;
        self.now = self.now.max(begin);
        Ok(Entered::Runs(end))
    }

    /// Takes a place in the queue.
    fn queue(&mut self, run: Run<'_>) -> Result<(Ticket, oneshot::Receiver<()>), Code> {
        let own = self.crowds.get(run.key).copied().unwrap_or_default();
        if self.waiting.len() >= self.places || own >= self.places.div_ceil(2) {
            return Err(Code::Busy);
        }
        let (begin, end) = self.stamp(run);
        let ticket = Ticket { end, number: self.tickets };
        // Looked up one by one only where it can matter.
        if self.on_all_cores(self.backlog) >= MAX_TURN_WAIT && self.wait_before(ticket) >= MAX_TURN_WAIT {
            return Err(Code::Busy);
        }
        let (wake, given) = oneshot::channel();
        self.tickets += 1;
        self.ends.insert(*run.key, end);
        self.crowds.insert(*run.key, own + 1);
        self.backlog = self.backlog.saturating_add(run.expected);
        self.waiting.insert(ticket, Waiting { begin, key: *run.key, expected: run.expected, wake });
        Ok((ticket, given))
    }

    /// How long those who come before are likely to keep the cores.
    fn wait_before(&self, ticket: Ticket) -> Duration {
        let ahead = self.waiting.range(..ticket).map(|(_, waiting)| waiting.expected);
        self.on_all_cores(ahead.fold(Duration::ZERO, Duration::saturating_add))
    }

    fn on_all_cores(&self, work: Duration) -> Duration {
        work / u32::try_from(self.cores.max(1)).unwrap_or(u32::MAX)
    }

    /// Whoever is next leaves the queue.
    fn next(&mut self) -> Option<Waiting> {
        let (_, next) = self.waiting.pop_first()?;
        self.one_less(&next);
        Some(next)
    }

    fn one_less(&mut self, left: &Waiting) {
        self.backlog = self.backlog.saturating_sub(left.expected);
        match self.crowds.get_mut(&left.key) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(self.crowds.remove(&left.key)),
        }
    }

    /// Gives out what turns are free.
    fn hand_out(&mut self) {
        while self.free > 0 {
            let Some(next) = self.next() else { return };
            self.free -= 1;
            self.wake(next);
        }
    }

    fn wake(&mut self, next: Waiting) {
        self.now = self.now.max(next.begin);
        // Whoever has left meanwhile passes it on itself.
        let _ = next.wake.send(());
    }

    /// The virtual times at which a run begins and ends.
    fn stamp(&mut self, run: Run<'_>) -> (u64, u64) {
        if self.ends.len() >= self.places {
            // A key whose runs lie in the past is like one that has not asked.
            self.ends.retain(|_, end| *end > self.now);
        }
        let begin = self.ends.get(run.key).map_or(self.now, |end| self.now.max(*end));
        (begin, begin.saturating_add(length(run.expected, run.priority)))
    }

    /// Moves the end of a key's runs by what one of them took longer, or less long, than was expected.
    fn settle(&mut self, turn: &Turn) {
        let took = length(turn.begun.elapsed(), turn.priority);
        // One that lies in the past may be forgotten meanwhile.
        let end = self.ends.entry(turn.key).or_insert(turn.end);
        let settled = end.saturating_add(took).saturating_sub(length(turn.expected, turn.priority));
        *end = settled.max(self.now);
    }

    /// Takes back what a run that was never begun has cost its key.
    fn forgive(&mut self, left: &Waiting, end: u64) {
        if let Some(last) = self.ends.get_mut(&left.key) {
            *last = last.saturating_sub(end - left.begin).max(self.now);
        }
    }

    fn pass_on(&mut self) {
        if let Some(next) = self.next() {
            return self.wake(next);
        }
        self.free += 1;
        if self.free == self.cores {
            self.ends.clear();
        }
    }
}

/// How long a run is in virtual time.
fn length(run: Duration, priority: Priority) -> u64 {
    let micros = u64::try_from(run.as_micros()).unwrap_or(u64::MAX).max(1);
    micros.saturating_mul(slowness(priority))
}

/// Virtual time that a unit of work takes.
const fn slowness(priority: Priority) -> u64 {
    match priority {
        Priority::High => 1,
        Priority::Normal => 8,
        Priority::Low => 64,
    }
}

impl Turn {
    fn begin(turns: &Arc<Turns>, run: Run<'_>, end: u64) -> Self {
        let Run { key, priority, expected } = run;
        Self { turns: Arc::clone(turns), key: *key, priority, expected, end, begun: Instant::now() }
    }

    /// Counts from now on: what was waited for since is not the key's doing.
    pub(crate) fn run_begins(&mut self) {
        self.begun = Instant::now();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.turns.state();
        state.settle(self);
        state.pass_on();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.served {
            return;
        }
        let mut state = self.turns.state();
        match state.waiting.remove(&self.ticket) {
            Some(left) => {
                state.one_less(&left);
                state.forgive(&left, self.ticket.end);
            }
            None => state.pass_on(),
        }
    }
}

#[cfg(test)]
mod tests;
