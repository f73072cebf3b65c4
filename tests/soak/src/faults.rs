//! Faults at random moments, and what is held to after each of them and at the end.

mod fault;
mod log;
mod record;

use std::time::{Duration, Instant};

use crate::command::{say, tell};
use crate::limits::{GAP, GIVE_UP, HEAD_PERIOD, SETTLE};
use crate::load::Load;
use crate::pulse::Pulse;
use crate::world::World;
use crate::{Dice, SoakError};
use fault::{Ended, Fault};
use record::{Record, Recovery};

/// How long, how often, and by which dice.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Time after which no further fault begins.
    pub lasting: Duration,
    /// Kills after which the run ends, if it is to end by their number.
    pub kills: Option<u64>,
    /// Decides what happens and when.
    pub seed: u64,
    /// Whether a small disk can be mounted here.
    pub disk: bool,
    /// Longest recovery: [`RECOVERY`](crate::limits::RECOVERY), or longer on a machine that has other things to do.
    pub recovery: Duration,
}

/// Runs until the time is over or so many kills are done. Says whether every promise was kept.
///
/// # Errors
/// [`SoakError`] when the run could not be made.
pub async fn run(plan: Plan) -> Result<bool, SoakError> {
    tell(&format!("seed {}; --seed {} draws the same faults again", plan.seed, plan.seed));
    let folder = tempfile::tempdir().map_err(SoakError::io("state directory"))?;
    let mut dice = Dice::new(plan.seed);
    let mut world = World::up(folder.path(), plan.disk, &mut dice).await?;
    let load = Load::start(&world, &mut dice)?;
    let mut record = Record::begin(plan.seed, plan.recovery);
    let first = load.board.recovered(Instant::now(), GIVE_UP).await;
    first.map_err(|client| {
        SoakError::unfit(format!("nothing has happened yet, and {client} gets no answer"))
    })?;
    suffer(plan, &mut dice, &mut world, &load, &mut record).await?;
    tokio::time::sleep(SETTLE).await;
    let (heads, latest) = (load.heads.all(), load.heads.latest());
    record.clients(&load, world.boots);
    drop(load);
    world.down().await;
    record.memory(world.peaks());
    log::judge(&world, &heads, latest, &mut record).await?;
    if !record.is_kept() {
        tell(&format!("the logs of host and proxy are in {}", folder.keep().display()));
    }
    say(&record.table());
    Ok(record.is_kept())
}

/// One fault after the other.
async fn suffer(
    plan: Plan,
    dice: &mut Dice,
    world: &mut World,
    load: &Load,
    record: &mut Record,
) -> Result<(), SoakError> {
    let (start, pulse) = (Instant::now(), Pulse::begin());
    while start.elapsed() < plan.lasting && plan.kills.is_none_or(|kills| record.kills() < kills) {
        tokio::time::sleep(dice.between(GAP.0, GAP.1)).await;
        let fault = Fault::draw(dice, world);
        let ended = fault.befall(world, load, dice, record).await?;
        record.stood_still(pulse.longest());
        match recovered(world, load, &ended).await {
            Ok((took, last)) => {
                let stood = pulse.longest();
                record.stood_still(stood);
                record.recovered(fault, &Recovery { kills: ended.kills, took, last, stood });
            }
            Err(who) => {
                record.broken(format!("{}: {who} after {} s", fault.name(), GIVE_UP.as_secs()));
                return Ok(());
            }
        }
        if record.kills() % 100 < ended.kills {
            tell(&format!("{} kills after {:.0} s", record.kills(), start.elapsed().as_secs_f64()));
        }
    }
    Ok(())
}

/// Time from the end of the fault until every client is served again, and whatever else the fault held up has happened; and
/// what came last.
async fn recovered(world: &World, load: &Load, ended: &Ended) -> Result<(Duration, String), String> {
    let clients = async {
        let recovered = load.board.recovered(ended.at, GIVE_UP).await;
        recovered.map_err(|client| format!("{client} gets no right answer"))
    };
    let (clients, rest) = tokio::join!(clients, held_up(world, load, ended));
    let (took, last) = clients?;
    let rest = rest?;
    Ok(if rest > took { (rest, "a release or records".into()) } else { (took, last) })
}

/// A release that waited for KMS is in force, and records that waited for room on the disk are acknowledged.
async fn held_up(world: &World, load: &Load, ended: &Ended) -> Result<Duration, String> {
    let is_over = async || {
        let epoch = match ended.epoch {
            Some(epoch) => world.status().await.is_some_and(|status| status.serving && status.epoch == epoch),
            None => true,
        };
        epoch && ended.head.is_none_or(|(log, records)| load.heads.is_confirmed(log, records))
    };
    while !is_over().await {
        if ended.at.elapsed() > GIVE_UP {
            return Err("a release or records still wait".into());
        }
        tokio::time::sleep(HEAD_PERIOD / 10).await;
    }
    let waited = ended.epoch.is_some() || ended.head.is_some();
    Ok(if waited { ended.at.elapsed() } else { Duration::ZERO })
}
