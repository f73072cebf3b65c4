//! Running what a permit allows, and treating what comes out before anything is released.
//!
//! 1. The values fit every model's schema.
//! 2. The inputs are transformed as the public controls say, for each model its own way.
//! 3. The models run.
//! 4. The watchers look at every row. Rows unlike a model's data, or a key that is suspended, end it here.
//! 5. Of an ensemble: a vote where it votes, the stricter treatment where its members disagree.
//! 6. Other classes are put in place of the model's where the public controls say so.
//! 7. The outputs are treated. What cannot be treated is not released.

use strongroom_attestation::UnixMillis;
use strongroom_attestation::release::{Ensemble, Treatment};
use strongroom_controls::{Caller, outputs, transform};
use strongroom_engine::RunError;
use strongroom_monitor::telemetry::Telemetry;
use strongroom_proto::name::PackageId;
use strongroom_seal::message::{Answer, Outcome, Refusal, Request};
use strongroom_seal::tensor::Tensor;

use crate::access::{Member, Permit, failed};
use crate::panics::Panics;
use crate::watch::{Watched, Watcher};

/// Who asks, when, and where it and a panic are counted.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) now: UnixMillis,
    pub(crate) telemetry: Option<&'a Telemetry>,
    pub(crate) panics: &'a Panics,
}

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
pub(crate) fn run(permit: &Permit<'_>, request: &Request<'_>, asking: Asking<'_>) -> Ran {
    let ran = asking.panics.model(|| contained(permit, request, asking));
    let ran = ran.unwrap_or(Err(Refusal::Failed));
    if matches!(ran, Err(Refusal::Input(_) | Refusal::OutOfDistribution { .. })) {
        failed(&permit.members, asking.caller, asking.now);
    }
    let refused = |refusal| Ran { outcome: Outcome::Refused(refusal), treated: Treated::default() };
    ran.unwrap_or_else(refused)
}

fn contained(permit: &Permit<'_>, request: &Request<'_>, asking: Asking<'_>) -> Result<Ran, Refusal> {
    let Permit { members, treatment, ensemble, .. } = permit;
    let (first, others) = members.split_first().ok_or(Refusal::Model)?;
    let wanted: Vec<String> = request.outputs.iter().map(ToString::to_string).collect();
    // Ensembles and watchers look at outputs that were not asked for, too.
    let alone = others.is_empty() && first.watcher.is_none();
    let asked: &[String] = if alone { &wanted } else { &[] };
    // 1
    for member in members {
        let admitted = member.model.schema.admit(&request.inputs);
        admitted.map_err(|error| Refusal::Input(error.to_string()))?;
    }
    // 2, 3
    let inputs = transformed(first, &request.inputs);
    let own = answer(first, &inputs, asked, asking.panics)?;
    let answered = |member| answer(member, &transformed(member, &request.inputs), asked, asking.panics);
    let further = others.iter().map(answered);
    let mut answers = vec![own];
    for outputs in further {
        answers.push(outputs?);
    }
    // 4
    let watched = watched(members, request, &answers, asking)?;
    // 5
    let (mut outputs, treatment, stricter) = match ensemble {
        None => (answers.swap_remove(0), *treatment, false),
        Some(ensemble) => together(ensemble, answers, members, *treatment)?,
    };
    let treatment = watched.iter().flatten().fold(treatment, |treatment, one| one.limit(treatment));
    // 6
    if let (Some(watcher), Some(Some(watched))) = (first.watcher, watched.first()) {
        watcher.alter(watched, &mut outputs);
    }
    let outputs = selected(outputs, &wanted)?;
    // 7
    let noise =
        first.model.field.as_ref().and_then(|field| field.keyed(asking.caller.key(), &inputs, &treatment));
    let outputs =
        outputs::treat(outputs, first.controls, &treatment, noise.as_ref()).ok_or(Refusal::Failed)?;
    let PackageId { name, version } = first.model.id.clone();
    let outcome = Outcome::Answer(Answer { model: name, version, outputs });
    let voted = ensemble.as_ref().is_some_and(|ensemble| ensemble.vote);
    Ok(Ran { outcome, treated: Treated { treatment: Some(treatment), stricter, voted } })
}

/// What the watcher of each member says of the request, where it has one. Every one looks before the first refuses,
/// and rows are counted whatever they say.
fn watched(
    members: &[Member<'_>],
    request: &Request<'_>,
    answers: &[Vec<Tensor<'static>>],
    asking: Asking<'_>,
) -> Result<Vec<Option<Watched>>, Refusal> {
    let mut looked = Vec::with_capacity(members.len());
    for (position, (member, outputs)) in members.iter().zip(answers).enumerate() {
        let look = |watcher: &Watcher| watcher.look(asking.caller, &request.inputs, outputs, asking.now);
        let watched = member.watcher.map(look).transpose()?;
        // The noise of a report covers a request that one model counts: the first, which answers.
        let telemetry = asking.telemetry.filter(|_| position == 0);
        if let (Some(telemetry), Some(watched)) = (telemetry, &watched) {
            let name = &member.model.id.name;
            telemetry.record_rows(name, &watched.rows);
            telemetry.record_reaction(name, watched.level);
        }
        looked.push(watched);
    }
    for (member, watched) in members.iter().zip(&looked) {
        if let (Some(watcher), Some(watched)) = (member.watcher, watched) {
            watcher.judge(watched, asking.now)?;
        }
    }
    Ok(looked)
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
    panics: &Panics,
) -> Result<Vec<Tensor<'static>>, Refusal> {
    let model = member.model.engine.get().ok_or(Refusal::Failed)?;
    let answered = model.admit(inputs, wanted).and_then(|valid| model.run(valid));
    answered.map_err(|error| {
        if error == RunError::Panicked {
            panics.in_model();
        }
        refusal(&error)
    })
}

/// What a caller is told: what is wrong with the input, where that is known to be the reason.
fn refusal(error: &RunError) -> Refusal {
    match error {
        RunError::Interface(_) | RunError::Text(_) | RunError::Shape | RunError::Memory | RunError::Value => {
            Refusal::Input(error.to_string())
        }
        RunError::OtherModel | RunError::Failed | RunError::Panicked | RunError::Output { .. } => {
            Refusal::Failed
        }
    }
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
    let mut left: Vec<Option<Tensor<'static>>> = outputs.into_iter().map(Some).collect();
    let take = |(position, name): (usize, &String)| {
        let named = |output: &&mut Option<Tensor<'static>>| {
            output.as_ref().is_some_and(|output| output.name == *name)
        };
        // One that is asked for twice is not there any more.
        left.iter_mut().find(named).and_then(Option::take).ok_or_else(|| {
            Refusal::Input(format!("requested output number {position} is not one of the model's"))
        })
    };
    wanted.iter().enumerate().map(take).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_asks_for_too_much_is_told_so_and_a_model_that_fails_tells_nothing() {
        for error in [RunError::Shape, RunError::Memory, RunError::Value, RunError::Text("x".to_owned())] {
            assert_eq!(refusal(&error), Refusal::Input(error.to_string()));
        }
        for error in [RunError::OtherModel, RunError::Failed, RunError::Panicked] {
            assert_eq!(refusal(&error), Refusal::Failed, "{error}");
        }
    }
}
