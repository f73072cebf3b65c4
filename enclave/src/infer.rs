//! An inference: permission, a core, and the models' run, once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_attestation::UnixMillis;
use strongroom_controls::Caller;
use strongroom_monitor::telemetry::OutcomeKind;
use strongroom_proto::Code;
use strongroom_seal::digest::RequestDigest;
use strongroom_seal::message::{Ask, Outcome, Refusal, Request};
use strongroom_seal::model::AnswerBound;
use strongroom_seal::record::Body;
use tokio::sync::SemaphorePermit;
use tokio::time::{timeout, timeout_at};

use crate::access::Asked;
use crate::answer::{self, Asking, Ran, Treated};
use crate::dedup::{Claim, Era, Identity};
use crate::done::Done;
use crate::limits::{MAX_ANSWER_WAIT, MAX_ROOM_WAIT, MAX_TURN_WAIT, QUICK_RUN, QUICK_WAIT};
use crate::memory::Share;
use crate::service::Service;
use crate::serving::Serving;
use crate::sessions::Live;
use crate::turns::{Run, Turn};

/// What a session asks, decrypted. Shared with the thread that answers it.
#[derive(Clone)]
pub(crate) struct Incoming {
    pub(crate) live: Arc<Live>,
    pub(crate) body: Arc<Body>,
    /// Where the request begins: an opening has the API key before it.
    pub(crate) begin: usize,
    /// Digest of the request as it was sealed.
    pub(crate) content: RequestDigest,
    /// Size of its record, which is padded: how much is in it decides nothing about where it runs.
    pub(crate) bytes: usize,
    /// Whether many ask at once.
    pub(crate) crowded: bool,
}

impl Incoming {
    /// The bytes of the request.
    pub(crate) fn request(&self) -> &[u8] {
        self.body.bytes().get(self.begin..).unwrap_or_default()
    }
}

/// An inference that an accepted caller asks for.
#[derive(Clone, Copy)]
pub(crate) struct Inference<'a> {
    pub(crate) incoming: &'a Incoming,
    pub(crate) caller: &'a Caller,
    pub(crate) request: &'a Request<'a>,
    pub(crate) bound: AnswerBound,
}

impl<'a> Inference<'a> {
    fn serving(&self) -> &'a Serving {
        &self.incoming.live.serving
    }

    /// Bytes of the record that answers it.
    fn answer_bytes(&self) -> usize {
        self.bound.record_bytes(self.incoming.bytes)
    }

    fn asked(&self, now: UnixMillis) -> Result<Asked<'a>, Refusal> {
        Asked::of(self.caller, self.serving(), self.request, now)
    }

    /// What it may not have at all.
    fn not_asked(&self, refusal: Refusal) -> Result<Done, Code> {
        self.serving().count_refusal(&self.request.model, &refusal, Instant::now());
        Done::refused(self.bound, refusal)
    }
}

impl Service {
    /// Decides whether the request is permitted, and waits for a core where its models run long.
    pub(crate) async fn infer(self: &Arc<Self>, inference: Inference<'_>) -> Result<Done, Code> {
        let Inference { incoming, caller, request, bound } = inference;
        let now = self.measured.clock().now();
        let asked = match inference.asked(now) {
            Ok(asked) => asked,
            Err(refusal) => return inference.not_asked(refusal),
        };
        asked.loaded().await?;
        let until = tokio::time::Instant::now() + MAX_TURN_WAIT;
        let pace = inference.serving().paces.get(&request.model);
        let expected = || pace.and_then(|pace| pace.of(incoming.bytes));
        let run = |expected| Run { key: caller.key(), priority: caller.priority(), expected };
        let quick = |expected: &Duration| *expected <= QUICK_RUN;
        // What takes much memory, or has to be compiled first, is not quick, whatever was taught.
        if let Some(expected_then) =
            expected().filter(quick).filter(|_| asked.held(request, inference.answer_bytes()) == Some(0))
        {
            let crowded = incoming.crowded;
            let mut turn =
                if crowded { Some(self.quick_turns.take_among(run(expected_then)).await?) } else { None };
            let place = self.quick_place().await;
            turn.iter_mut().for_each(Turn::run_begins);
            // Runs that it waited for may have taught that it is not quick after all.
            if place.is_some()
                && expected().is_some_and(|now| quick(&now))
                && let Some(share) = self.room.answers.share_now(inference.answer_bytes())
            {
                return self.permitted(inference, Duration::ZERO).map(|done| done.with(share));
            }
        }
        // Nothing is charged before there is a core, so that who waits in vain has lost nothing.
        let turn = self.turn(&inference, run(expected().unwrap_or(QUICK_RUN)));
        let (turn, share) = timeout_at(until, turn).await.map_err(|_| Code::Busy)??;
        let (service, incoming) = (Arc::clone(self), incoming.clone());
        // The turn goes along: it ends with the run, whether anybody still waits for that or not.
        let work = move || {
            let done = service.run(&incoming, bound);
            drop(turn);
            done.map(|done| done.with(share))
        };
        self.runners.run(work).await
    }

    /// A turn, and memory for the answer, before anything is charged. No core is kept while memory is waited for; that is waited
    /// for in the same fair order, and held by few who have no core.
    async fn turn(&self, inference: &Inference<'_>, run: Run<'_>) -> Result<(Turn, Share), Code> {
        let turn = self.turns.take(run).await?;
        let bytes = inference.answer_bytes();
        if let Some(share) = self.room.answers.share_now(bytes) {
            return Ok((turn, share));
        }
        drop(turn);
        let _first = self.memory_turns.of(bytes).take(run).await?;
        let share = self.room.answers.share(bytes, MAX_ANSWER_WAIT).await?;
        Ok((self.turns.take(run).await?, share))
    }

    /// A place to run where the request was read. There are as many as cores, and one worker more, which reads on once anything
    /// wakes it. None comes free soon where what was known to be quick is not: a client can teach that.
    async fn quick_place(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(place) = self.quick_places.try_acquire() {
            return Some(place);
        }
        timeout(QUICK_WAIT, self.quick_places.acquire()).await.ok()?.ok()
    }

    /// What a turn was taken for, on a thread of its own.
    fn run(&self, incoming: &Incoming, bound: AnswerBound) -> Result<Done, Code> {
        let caller = incoming.live.caller.as_ref().ok_or(Code::Malformed)?;
        let Ok(Ask::Infer(request)) = Ask::decode(incoming.request()) else { return Err(Code::Malformed) };
        self.permitted(Inference { incoming, caller, request: &request, bound }, MAX_ROOM_WAIT)
    }

    /// Asks for permission again and runs the models, for time has passed: the key may have expired, or the release been
    /// replaced by one that blocks it. Memory that others hold is waited for so long.
    fn permitted(&self, inference: Inference<'_>, patience: Duration) -> Result<Done, Code> {
        let era = self.dedup.era();
        self.may_answer(&inference.incoming.live.serving)?;
        let now = self.measured.clock().now();
        match inference.asked(now) {
            Ok(asked) => self.once(inference, asked, (now, era), patience),
            Err(refusal) => inference.not_asked(refusal),
        }
    }

    /// Runs the models that answer a request; once, however often it is repeated.
    fn once(
        &self,
        inference: Inference<'_>,
        asked: Asked<'_>,
        (now, era): (UnixMillis, Era),
        patience: Duration,
    ) -> Result<Done, Code> {
        let Inference { incoming, caller, request, bound } = inference;
        let (serving, content) = (inference.serving(), incoming.content);
        let model = asked.answers().ok_or(Code::Unavailable)?;
        let name = &model.id.name;
        let identity =
            Identity { caller: *caller.key(), id: request.id, content, release: serving.release.digest() };
        match self.dedup.claim(identity, era) {
            Claim::Served(remembered) => Ok(Done::repeated(bound, remembered)),
            Claim::InFlight => Done::of_model(model, bound, &Outcome::Refused(Refusal::InFlight)),
            Claim::Mine(claimed) => {
                let begun = Instant::now();
                let refused = |refusal: Refusal| {
                    serving.count_refusal(name, &refusal, begun);
                    Done::of_model(model, bound, &Outcome::Refused(refusal))
                };
                let held = asked.held(request, inference.answer_bytes());
                let mut taken = match self.room.take(held.unwrap_or(0), patience) {
                    Ok(taken) => taken,
                    Err(full) => return refused(Refusal::Input(full.to_string())),
                };
                // A refusal for want of allowance is not remembered: the same request may pass later.
                let permit = match asked.charge(request, &self.continuity.ledger, now) {
                    Ok(permit) => permit,
                    Err(refusal) => return refused(refusal),
                };
                let charge = permit.charge;
                if held.is_none() {
                    taken = match self.room.take(permit.held(request, inference.answer_bytes()), patience) {
                        Ok(taken) => taken,
                        Err(full) => {
                            let refusal = Refusal::Input(full.to_string());
                            serving.count_refusal(name, &refusal, begun);
                            let outcome = Outcome::Refused(refusal);
                            let ran = Ran { outcome, treated: Treated::default() };
                            return Done::ran(model, bound, &ran, charge);
                        }
                    };
                }
                let running = Instant::now();
                let asking = Asking { caller, now, telemetry: serving.telemetry(), panics: &self.panics };
                let ran = answer::run(&permit, request, asking);
                drop(taken);
                if let Some(pace) = serving.paces.get(&request.model) {
                    pace.note(incoming.bytes, running.elapsed());
                }
                serving.count(name, OutcomeKind::of(&ran.outcome), begun);
                let done = Done::ran(model, bound, &ran, charge)?;
                claimed.finish(done.remembered());
                Ok(done)
            }
        }
    }
}
