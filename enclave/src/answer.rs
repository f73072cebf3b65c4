//! Running what a permit allows, and treating what comes out before anything is released.
//!
//! 1. The values fit every model's schema.
//! 2. The inputs are transformed as the public controls say, for each model its own way.
//! 3. The models run.
//! 4. Of an ensemble: a vote where it votes, the stricter treatment where its members disagree.
//! 5. The outputs are treated. What cannot be treated is not released.

use std::panic::{AssertUnwindSafe, catch_unwind};

use strongroom_attestation::release::{Ensemble, Treatment};
use strongroom_controls::{Caller, outputs, transform};
use strongroom_engine::RunError;
use strongroom_monitor::telemetry::Telemetry;
use strongroom_proto::name::PackageId;
use strongroom_seal::message::{Answer, Outcome, Refusal, Request};
use strongroom_seal::tensor::Tensor;

use crate::access::{Member, Permit};

/// What a run led to.
pub(crate) struct Ran {
    pub(crate) outcome: Outcome<'static>,
    pub(crate) treated: Treated,
}

/// How the outputs of an answer were treated.
#[derive(Clone, Copy, Default)]
pub(crate) struct Treated {
    /// Absent where there are no outputs.
    pub(crate) treatment: Option<Treatment>,
    /// Whether the members of an ensemble disagreed, so that its stricter treatment applied.
    pub(crate) stricter: bool,
    /// Whether rows may be those of other members than the first.
    pub(crate) voted: bool,
}

/// Runs the models of a permit. A panic becomes a sealed refusal like any other, because it depends on the content.
pub(crate) fn run(
    permit: Permit<'_>,
    request: &Request<'_>,
    caller: &Caller,
    telemetry: Option<&Telemetry>,
) -> Ran {
    let ran = catch_unwind(AssertUnwindSafe(|| contained(permit, request, caller, telemetry)));
    let refused = |refusal| Ran { outcome: Outcome::Refused(refusal), treated: Treated::default() };
    ran.unwrap_or(Err(Refusal::Failed)).unwrap_or_else(refused)
}

fn contained(
    permit: Permit<'_>,
    request: &Request<'_>,
    caller: &Caller,
    telemetry: Option<&Telemetry>,
) -> Result<Ran, Refusal> {
    let Permit { members, treatment, ensemble, .. } = permit;
    let (first, others) = members.split_first().ok_or(Refusal::Model)?;
    let wanted: Vec<String> = request.outputs.iter().map(ToString::to_string).collect();
    let telemetry = telemetry.filter(|telemetry| telemetry.counts_rows(&first.model.id.name));
    // An ensemble compares labels, and rows are counted by class, whether or not they were asked for.
    let asked: &[String] = if others.is_empty() && telemetry.is_none() { &wanted } else { &[] };
    // 1
    for member in &members {
        let admitted = member.model.schema.admit(&request.inputs);
        admitted.map_err(|error| Refusal::Input(error.to_string()))?;
    }
    // 2, 3
    let inputs = transformed(first, &request.inputs);
    let own = answer(first, &inputs, asked)?;
    if let Some(telemetry) = telemetry {
        telemetry.observe(&first.model.id.name, &request.inputs, &own);
    }
    let further = others.iter().map(|member| answer(member, &transformed(member, &request.inputs), asked));
    let mut answers = vec![own];
    for outputs in further {
        answers.push(outputs?);
    }
    // 4
    let (outputs, treatment, stricter) = match ensemble {
        None => (answers.swap_remove(0), treatment, false),
        Some(ensemble) => together(ensemble, answers, &members, treatment)?,
    };
    let outputs = selected(outputs, &wanted)?;
    // 5
    let noise = first.model.field.as_ref().and_then(|field| field.keyed(caller.key(), &inputs, &treatment));
    let outputs =
        outputs::treat(outputs, first.controls, &treatment, noise.as_ref()).ok_or(Refusal::Failed)?;
    let PackageId { name, version } = first.model.id.clone();
    let outcome = Outcome::Answer(Answer { model: name, version, outputs });
    let voted = ensemble.is_some_and(|ensemble| ensemble.vote);
    Ok(Ran { outcome, treated: Treated { treatment: Some(treatment), stricter, voted } })
}

/// The inputs as one model sees them.
fn transformed<'a>(member: &Member<'_>, inputs: &'a [Tensor<'a>]) -> Vec<Tensor<'a>> {
    let mut inputs = inputs.to_vec();
    transform::apply(&mut inputs, &member.controls.transforms);
    inputs
}

fn answer(
    member: &Member<'_>,
    inputs: &[Tensor<'_>],
    wanted: &[String],
) -> Result<Vec<Tensor<'static>>, Refusal> {
    let model = &member.model.model;
    model.admit(inputs, wanted).and_then(|valid| model.run(valid)).map_err(|error| match error {
        RunError::Interface(_) | RunError::Text(_) | RunError::Shape => Refusal::Input(error.to_string()),
        _ => Refusal::Failed,
    })
}

/// What an ensemble answers, and how it is treated. Members that cannot be compared count as disagreeing.
fn together(
    ensemble: &Ensemble,
    mut answers: Vec<Vec<Tensor<'static>>>,
    members: &[Member<'_>],
    treatment: Treatment,
) -> Result<(Vec<Tensor<'static>>, Treatment, bool), Refusal> {
    let controls: Vec<_> = members.iter().map(|member| member.controls).collect();
    let share = outputs::disagreement(&answers, &controls).unwrap_or(1.0);
    let stricter = share > 0.0 && share >= ensemble.disagreement;
    let outputs = if ensemble.vote {
        outputs::majority(&answers, &controls).ok_or(Refusal::Failed)?
    } else {
        answers.swap_remove(0)
    };
    Ok((outputs, if stricter { ensemble.stricter } else { treatment }, stricter))
}

/// The outputs that were asked for, in that order; all of them when none was named.
fn selected(outputs: Vec<Tensor<'static>>, wanted: &[String]) -> Result<Vec<Tensor<'static>>, Refusal> {
    let in_order = || outputs.iter().map(|output| output.name.as_ref()).eq(wanted.iter().map(String::as_str));
    if wanted.is_empty() || in_order() {
        return Ok(outputs);
    }
    let find = |(position, name): (usize, &String)| {
        let repeated = wanted.iter().take(position).any(|earlier| earlier == name);
        let found = outputs.iter().find(|output| output.name == *name && !repeated).cloned();
        found.ok_or_else(|| {
            Refusal::Input(format!("requested output number {position} is not one of the model's"))
        })
    };
    wanted.iter().enumerate().map(find).collect()
}
