//! From a caller and a request to a [`Permit`], the proof that everybody was asked.
//!
//! 1. Who asks and what: role, model or route, and whether any of them is frozen or suspended.
//! 2. The shapes fit every model that will look at the request.
//! 3. Key, organisation, models and enclave have allowance left; then it is charged.
//!
//! Each step consumes the last. Only a permit runs a model.

use std::collections::BTreeMap;

use strongroom_attestation::UnixMillis;
use strongroom_attestation::release::{Ensemble, ModelControls, Target, Treatment};
use strongroom_controls::access::thawed;
use strongroom_controls::ledger::Holders;
use strongroom_controls::measure::Priced;
use strongroom_controls::{Caller, Charge, Ledger, route, transform};
use strongroom_engine::limits::LITTLE_BYTES;
use strongroom_proto::Code;
use strongroom_proto::name::Name;
use strongroom_seal::message::{Refusal, Request};
use strongroom_seal::tensor::DType;
use tokio::time::timeout;

use crate::limits::MAX_LOAD_WAIT;
use crate::load::ServedModel;
use crate::serving::Serving;
use crate::watch::Watcher;

/// A model that looks at a request, and how it is treated.
#[derive(Clone, Copy)]
pub(crate) struct Member<'a> {
    pub(crate) model: &'a ServedModel,
    pub(crate) controls: &'a ModelControls,
    /// Absent where it is not watched.
    pub(crate) watcher: Option<&'a Watcher>,
}

/// Step 1: a request that this caller may make.
pub(crate) struct Asked<'a> {
    caller: &'a Caller,
    serving: &'a Serving,
    members: Vec<Member<'a>>,
    treatment: Treatment,
    ensemble: Option<&'a Ensemble>,
}

/// The right to run these models once for one request, which has been charged.
pub(crate) struct Permit<'a> {
    pub(crate) members: Vec<Member<'a>>,
    pub(crate) treatment: Treatment,
    pub(crate) ensemble: Option<&'a Ensemble>,
    pub(crate) charge: Charge,
}

impl Permit<'_> {
    /// As [`Asked::held`], compiling where need be.
    pub(crate) fn held(&self, request: &Request<'_>, answer_bytes: usize) -> u64 {
        let engines = self.members.iter().filter_map(|member| member.model.engine.get());
        let most = engines.map(|engine| engine.held_compiled(&request.inputs)).max().unwrap_or(0);
        let treated = treated(&self.members, &self.treatment, self.ensemble, answer_bytes);
        most.max(around(&self.members, request, treated))
    }
}

impl<'a> Asked<'a> {
    pub(crate) fn of(
        caller: &'a Caller,
        serving: &'a Serving,
        request: &Request<'_>,
        now: UnixMillis,
    ) -> Result<Self, Refusal> {
        // 1
        let treatment = *caller.may_infer(&request.model, now)?;
        let controls = serving.release.controls();
        let (members, ensemble) = match controls.routes.get(&request.model) {
            None if !request.risk.is_empty() => {
                return Err(Refusal::Input("a risk field is declared, and no route asks for one".to_owned()));
            }
            None => (vec![member(serving, &request.model, request.version.as_ref())?], None),
            Some(_) if request.version.is_some() => return Err(Refusal::Model),
            Some(route) => {
                let rules = serving.routes.get(&request.model).map_or(&[] as &[_], Vec::as_slice);
                let target = route::pick(route, rules, caller.role(), &request.risk)?;
                let members = target
                    .models()
                    .iter()
                    .map(|name| member(serving, name, None))
                    .collect::<Result<_, _>>()?;
                let ensemble = match target {
                    Target::Ensemble(ensemble) => Some(ensemble),
                    Target::Model(_) => None,
                };
                (members, ensemble)
            }
        };
        for member in &members {
            thawed(member.controls.frozen_until, now)?;
            member.watcher.map_or(Ok(()), |watcher| watcher.admit(caller, now))?;
        }
        Ok(Self { caller, serving, members, treatment, ensemble })
    }

    /// The model whose answer this will be.
    pub(crate) fn answers(&self) -> Option<&'a ServedModel> {
        self.members.first().map(|member| member.model)
    }

    /// Waits until every model that looks at the request is loaded.
    ///
    /// # Errors
    /// [`Code::Busy`] after [`MAX_LOAD_WAIT`]. Nothing is charged then.
    pub(crate) async fn loaded(&self) -> Result<(), Code> {
        for engine in self.members.iter().map(|member| &member.model.engine) {
            if !engine.initialized() {
                timeout(MAX_LOAD_WAIT, engine.wait()).await.map_err(|_| Code::Busy)?;
            }
        }
        Ok(())
    }

    /// Bytes that the models, or what is done around them, hold at their highest while they answer, one after the other, with an
    /// answer of so many bytes at most. `None` where that is not known before one of them is compiled for these shapes, which nobody
    /// gets without a charge.
    pub(crate) fn held(&self, request: &Request<'_>, answer_bytes: usize) -> Option<u64> {
        let mut engines = self.members.iter().filter_map(|member| member.model.engine.get());
        let treated = treated(&self.members, &self.treatment, self.ensemble, answer_bytes);
        let around = around(&self.members, request, treated);
        engines.try_fold(around, |most: u64, engine| Some(most.max(engine.held(&request.inputs)?)))
    }

    /// Steps 2 and 3.
    pub(crate) fn charge(
        self,
        request: &Request<'_>,
        ledger: &Ledger,
        now: UnixMillis,
    ) -> Result<Permit<'a>, Refusal> {
        // 2
        let mut charge = Charge { rows: 1, bits: 0 };
        for (position, member) in self.members.iter().enumerate() {
            let admitted = member.model.interface.admit(&request.inputs);
            let symbols: BTreeMap<String, u64> = admitted.map_err(|error| {
                failed(&self.members, self.caller, now);
                Refusal::Input(error.to_string())
            })?;
            if position == 0 {
                charge = self.price(member, &symbols);
            }
        }
        // 3
        let limits = self.caller.limits();
        let holders = Holders {
            key: (self.caller.key(), &limits),
            organisation: self.caller.organisation(),
            models: self
                .members
                .iter()
                .map(|member| (&member.model.id.name, member.controls.limits.rate.as_ref()))
                .collect(),
            enclave: self.serving.release.controls().rate.as_ref(),
        };
        ledger.charge(&holders, charge, now)?;
        let Self { members, treatment, ensemble, .. } = self;
        Ok(Permit { members, treatment, ensemble, charge })
    }

    fn price(&self, member: &Member<'_>, symbols: &BTreeMap<String, u64>) -> Charge {
        let priced = Priced {
            interface: &member.model.interface,
            controls: member.controls,
            answer: &member.model.answer,
        };
        let charge = priced.charge(&self.treatment, symbols);
        // Which of the two treatments it gets, only the models tell.
        let stricter = self.ensemble.as_ref().map(|ensemble| priced.charge(&ensemble.stricter, symbols));
        Charge { bits: stricter.map_or(charge.bits, |stricter| charge.bits.max(stricter.bits)), ..charge }
    }
}

/// Bytes that treating the outputs takes beside them: each number is there as FP64 twice. Where a model is watched, what is exact may
/// be coarsened.
fn treated(
    members: &[Member<'_>],
    treatment: &Treatment,
    ensemble: Option<&Ensemble>,
    answer_bytes: usize,
) -> u64 {
    let stricter = ensemble.is_some_and(|ensemble| !ensemble.stricter.is_exact());
    let watched = members.iter().any(|member| member.watcher.is_some());
    if treatment.is_exact() && !stricter && !watched {
        return 0;
    }
    let mut outputs = members.iter().flat_map(|member| &member.model.interface.outputs);
    let halves = outputs.any(|output| matches!(output.dtype, DType::Fp16 | DType::Bf16));
    (answer_bytes as u64).saturating_mul(if halves { 8 } else { 4 })
}

/// Bytes that transforming inputs takes, or drawing noise and treating outputs, as far as it is more than little.
fn around(members: &[Member<'_>], request: &Request<'_>, treated: u64) -> u64 {
    let field = members.first().and_then(|first| first.model.field.as_ref());
    let noise = field.map_or(0, |field| field.held(&request.inputs));
    let transformed =
        members.iter().map(|member| transform::held(&request.inputs, &member.controls.transforms));
    let most = transformed.max().unwrap_or(0).max(noise.saturating_add(treated));
    if most > LITTLE_BYTES { most } else { 0 }
}

/// Tells the watchers of these models that a request was refused for what it said.
pub(crate) fn failed(members: &[Member<'_>], caller: &Caller, now: UnixMillis) {
    members.iter().filter_map(|member| member.watcher).for_each(|watcher| watcher.failed(caller, now));
}

fn member<'a>(serving: &'a Serving, name: &Name, version: Option<&Name>) -> Result<Member<'a>, Refusal> {
    let model = serving.find(name, version).ok_or(Refusal::Model)?;
    let controls = serving.release.controls().model(&model.id.name).unwrap_or(&serving.untreated);
    let watcher = serving.watchers.get(&model.id.name).map(AsRef::as_ref);
    Ok(Member { model, controls, watcher })
}
