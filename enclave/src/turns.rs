//! Who runs next: turns on the cores.
//!
//! What takes long needs a turn, and there are as many turns as cores, so that models do not slow each other down.
//! Who waits is ordered by fair queueing: in a virtual time that advances with the turns, each key's runs lie one behind
//! the other, the closer together the higher its role's priority. So a key that asks for much waits behind itself, and
//! nobody waits for ever. Of the places to wait in, no key has more than half; and whoever would wait too long is told at
//! once, while it can still go elsewhere.
//!
//! Only the first of a key's runs stands among those of other keys, and it stands behind what the key's earlier ones really took:
//! a crowd that was expected to be quick, and is not, does not go before everybody.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use strongroom_attestation::release::Priority;
use strongroom_proto::Code;
use strongroom_seal::secret::ApiKeyDigest;
use tokio::sync::oneshot;

use crate::limits::{MAX_LIKELY_WAIT, MAX_TURN_WAIT};

/// The turns, and who waits for one.
pub(crate) struct Turns(Mutex<State>);

struct State {
    cores: usize,
    free: usize,
    /// Virtual time: when the run that had the last turn begins in it.
    now: u64,
    flows: HashMap<ApiKeyDigest, Flow>,
    /// The first run that waits of each key.
    heads: BTreeMap<Ticket, ApiKeyDigest>,
    /// How many wait.
    waiting: usize,
    /// What all of them together are likely to take.
    backlog: Duration,
    places: usize,
    numbers: u64,
}

/// The runs of one key.
#[derive(Default)]
struct Flow {
    /// When the last of those that got a turn ends in virtual time.
    end: u64,
    /// Those that wait for one, as they came.
    waiting: VecDeque<Waiting>,
    /// Where the first of them stands.
    head: Option<Ticket>,
}

/// Where somebody stands in the queue: by the virtual time at which the run ends, then by arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    end: u64,
    number: u64,
}

struct Waiting {
    number: u64,
    /// Virtual time when it came: who rests saves nothing up.
    came: u64,
    priority: Priority,
    expected: Duration,
    /// Told when the run ends in virtual time.
    wake: oneshot::Sender<u64>,
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
    Waits(Queued),
}

/// The number of a place in the queue, and what is told there.
type Queued = (u64, oneshot::Receiver<u64>);

/// A place in the queue, given back when nobody waits there any more.
struct Place<'a> {
    turns: &'a Turns,
    run: Run<'a>,
    number: u64,
    served: bool,
}

impl Turns {
    /// As many turns as cores, and places for those who wait.
    pub(crate) fn new(cores: usize, places: usize) -> Self {
        Self(Mutex::new(State {
            cores,
            free: cores,
            now: 0,
            flows: HashMap::new(),
            heads: BTreeMap::new(),
            waiting: 0,
            backlog: Duration::ZERO,
            places,
            numbers: 0,
        }))
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`Code::Busy`] when too many wait, of all or of its key, when those ahead are likely to take [`MAX_LIKELY_WAIT`], or when
    /// this one has waited for [`MAX_TURN_WAIT`].
    pub(crate) async fn take(self: &Arc<Self>, run: Run<'_>) -> Result<Turn, Code> {
        self.take_within(MAX_TURN_WAIT, run).await
    }

    async fn take_within(self: &Arc<Self>, limit: Duration, run: Run<'_>) -> Result<Turn, Code> {
        // The lock is not held while waiting.
        let entered = self.state().enter(run)?;
        match entered {
            Entered::Runs(end) => Ok(Turn::begin(self, run, end)),
            Entered::Waits(queued) => self.wait(limit, run, queued).await,
        }
    }

    /// As [`Self::take`], but everybody who is ready gets into the queue before anybody gets a turn. For runs that are so
    /// short that those who come meanwhile would never be seen waiting.
    pub(crate) async fn take_among(self: &Arc<Self>, run: Run<'_>) -> Result<Turn, Code> {
        let queued = self.state().queue(run)?;
        let waited = self.wait(MAX_TURN_WAIT, run, queued);
        tokio::task::yield_now().await;
        self.state().hand_out();
        waited.await
    }

    /// Dropped at any time, polled or not, it gives the place back.
    fn wait<'a>(
        self: &'a Arc<Self>,
        limit: Duration,
        run: Run<'a>,
        (number, given): Queued,
    ) -> impl Future<Output = Result<Turn, Code>> + 'a {
        let place = Place { turns: self, run, number, served: false };
        async move {
            // All of it is taken along, so that it is dropped with the future.
            let mut place = place;
            match tokio::time::timeout(limit, given).await {
                Ok(Ok(end)) => {
                    place.served = true;
                    Ok(Turn::begin(self, run, end))
                }
                _ => Err(Code::Busy),
            }
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
            return self.queue(run).map(Entered::Waits);
        }
        let (begin, end) = self.stamp(run);
        self.flow(run.key).end = end;
        self.free -= 1;
        self.now = self.now.max(begin);
        Ok(Entered::Runs(end))
    }

    /// Takes a place in the queue.
    fn queue(&mut self, run: Run<'_>) -> Result<Queued, Code> {
        let own = self.flows.get(run.key).map_or(0, |flow| flow.waiting.len());
        if self.waiting >= self.places || own >= self.places.div_ceil(2) {
            return Err(Code::Busy);
        }
        // Looked up one by one only where it can matter.
        if self.on_all_cores(self.backlog) >= MAX_LIKELY_WAIT && self.wait_before(run) >= MAX_LIKELY_WAIT {
            return Err(Code::Busy);
        }
        let (wake, given) = oneshot::channel();
        let (number, came) = (self.numbers, self.now);
        let Run { key, priority, expected } = run;
        self.flow(key).waiting.push_back(Waiting { number, came, priority, expected, wake });
        self.numbers += 1;
        self.waiting += 1;
        self.backlog = self.backlog.saturating_add(expected);
        if own == 0 {
            self.place_head(key);
        }
        Ok((number, given))
    }

    /// How long those who would come before one more run of this key are likely to keep the cores.
    fn wait_before(&self, run: Run<'_>) -> Duration {
        let last =
            self.flows.get(run.key).map_or(0, |flow| flow.ends().last().map_or(flow.end, |(end, _)| end));
        let end = self.now.max(last).saturating_add(length(run.expected, run.priority));
        let ahead = self.flows.values().flat_map(|flow| flow.ends().take_while(|(other, _)| *other <= end));
        self.on_all_cores(ahead.map(|(_, expected)| expected).fold(Duration::ZERO, Duration::saturating_add))
    }

    fn on_all_cores(&self, work: Duration) -> Duration {
        work / u32::try_from(self.cores.max(1)).unwrap_or(u32::MAX)
    }

    /// Gives a turn to whoever is next. Whoever has left meanwhile passes it on itself.
    fn wake_next(&mut self) -> bool {
        let Some((ticket, key)) = self.heads.pop_first() else { return false };
        let Some(flow) = self.flows.get_mut(&key) else { return false };
        flow.head = None;
        let begin = flow.begin();
        flow.end = ticket.end;
        let first = flow.waiting.pop_front();
        if let Some(first) = first {
            self.now = self.now.max(begin);
            self.one_less(first.expected);
            let _ = first.wake.send(ticket.end);
        }
        self.place_head(&key);
        true
    }

    fn one_less(&mut self, expected: Duration) {
        self.waiting -= 1;
        self.backlog = self.backlog.saturating_sub(expected);
    }

    /// Gives out what turns are free.
    fn hand_out(&mut self) {
        while self.free > 0 && self.wake_next() {
            self.free -= 1;
        }
    }

    /// The virtual times at which a run begins and ends that has its turn at once.
    fn stamp(&self, run: Run<'_>) -> (u64, u64) {
        let begin = self.flows.get(run.key).map_or(self.now, |flow| self.now.max(flow.end));
        (begin, begin.saturating_add(length(run.expected, run.priority)))
    }

    /// The runs of a key.
    fn flow(&mut self, key: &ApiKeyDigest) -> &mut Flow {
        if self.flows.len() >= self.places {
            // A key whose runs lie in the past is like one that has not asked.
            let (now, asked) = (self.now, key);
            self.flows.retain(|key, flow| key == asked || flow.end > now || !flow.waiting.is_empty());
        }
        // One that was forgotten while it runs still owes what that takes.
        let end = self.now;
        self.flows.entry(*key).or_insert_with(|| Flow { end, ..Flow::default() })
    }

    /// Puts the first of a key's waiting runs where it belongs among those of others.
    fn place_head(&mut self, key: &ApiKeyDigest) {
        let Some(flow) = self.flows.get_mut(key) else { return };
        if let Some(old) = flow.head.take() {
            self.heads.remove(&old);
        }
        let first = flow.waiting.front().map(|first| first.number);
        let end = flow.ends().next().map(|(end, _)| end);
        if let (Some(number), Some(end)) = (first, end) {
            let ticket = Ticket { end, number };
            flow.head = Some(ticket);
            self.heads.insert(ticket, *key);
        }
    }

    /// Moves the runs of a key by what one of them took longer, or less long, than was expected.
    fn settle(&mut self, key: &ApiKeyDigest, took: u64, expected: u64) {
        if let Some(flow) = self.flows.get_mut(key) {
            flow.end = flow.end.saturating_add(took).saturating_sub(expected).max(self.now);
        }
        self.place_head(key);
    }

    /// Somebody does not wait any more. False where nobody did: a turn was given.
    fn leave(&mut self, key: &ApiKeyDigest, number: u64) -> bool {
        let Some(flow) = self.flows.get_mut(key) else { return false };
        let Some(at) = flow.waiting.iter().position(|waiting| waiting.number == number) else { return false };
        let left = flow.waiting.remove(at);
        if let Some(left) = left {
            self.one_less(left.expected);
        }
        self.place_head(key);
        true
    }

    fn pass_on(&mut self) {
        if self.wake_next() {
            return;
        }
        self.free += 1;
        if self.free == self.cores {
            self.flows.clear();
        }
    }
}

impl Flow {
    /// When the first of those that wait begins.
    fn begin(&self) -> u64 {
        self.waiting.front().map_or(self.end, |first| first.came.max(self.end))
    }

    /// When each of those that wait ends, and what it is likely to take.
    fn ends(&self) -> impl Iterator<Item = (u64, Duration)> + '_ {
        self.waiting.iter().scan(self.end, |end, waiting| {
            let length = length(waiting.expected, waiting.priority);
            *end = waiting.came.max(*end).saturating_add(length);
            Some((*end, waiting.expected))
        })
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
        let (took, expected) = (self.begun.elapsed(), self.expected);
        let mut state = self.turns.state();
        // A key whose runs lay in the past may be forgotten meanwhile.
        state.flows.entry(self.key).or_insert_with(|| Flow { end: self.end, ..Flow::default() });
        state.settle(&self.key, length(took, self.priority), length(expected, self.priority));
        state.pass_on();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.served {
            return;
        }
        let Run { key, priority, expected } = self.run;
        let mut state = self.turns.state();
        if !state.leave(key, self.number) {
            // It had a turn, and does not run.
            state.settle(key, 0, length(expected, priority));
            state.pass_on();
        }
    }
}

#[cfg(test)]
mod tests;
