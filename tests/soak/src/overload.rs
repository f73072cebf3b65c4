//! Ten times as much as can be answered, and sessions that nobody uses.
//!
//! First what the service can do is found, by a closed loop of more and more callers. Then requests arrive in an open loop,
//! at ten times that rate, whatever becomes of those before; and then the closed loop once more, because a service may
//! stay slow after a crowd has left. The generator runs on the same machine: where `taskset` can give the enclave cores
//! of its own, as a real one has them, the crowd takes none of them.

mod idle;
mod shooter;
mod tally;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use strongroom_e2e::{Stage, StageOptions};
use strongroom_sim::world::{EnclaveOptions, ModelSource, READY};

use crate::SoakError;
use crate::command::{say, tell};
use crate::limits::{GOODPUT_SHARE, OVERLOAD, REFUSAL};
use crate::onnx::{Layers, WIDTH};
use crate::process::{peak_kib, resident_kib};
use shooter::Shooter;
use tally::Tally;

/// What is asked of whom.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Time of each step.
    pub step: Duration,
    /// Layers of the model.
    pub layers: usize,
    /// Cores that the enclave has to itself.
    pub enclave_cores: Option<String>,
}

/// Callers of the closed loop, one step each.
const CALLERS: &[usize] = &[1, 2, 4, 8, 16, 32];

/// Messages that a host works on at once, by default (`DEFAULT_MAX_REQUESTS` of the host).
const IN_FLIGHT: u64 = 256;

/// KiB of one of them in the enclave: its record, its answer's, and both decoded.
const MESSAGE_KIB: u64 = 4 * (2 * WIDTH as u64 * 4) / 1024;

/// KiB of outcomes that an enclave remembers (`MAX_REMEMBERED_BYTES`).
const REMEMBERED_KIB: u64 = 16 * 1024;

/// KiB that a process may take on top: threads, allocator, the model's activations.
const PROCESS_KIB: u64 = 16 * 1024;

/// KiB of one message in the host: the first buffer of its body, and its answer.
const HOST_MESSAGE_KIB: u64 = 64 + 8;

/// Runs both parts, and says whether every promise was kept.
///
/// # Errors
/// [`SoakError`] when the run could not be made.
pub async fn run(asked: Asked) -> Result<bool, SoakError> {
    let mut broken = idle::measure().await?;
    broken.extend(crowd(&asked).await?);
    match broken.as_slice() {
        [] => say("every promise was kept"),
        some => say(&format!("{} promises were broken:\n  {}", some.len(), some.join("\n  "))),
    }
    Ok(broken.is_empty())
}

async fn crowd(asked: &Asked) -> Result<Vec<String>, SoakError> {
    let folder = tempfile::tempdir().map_err(SoakError::io("folder of the model"))?;
    let model = Layers::new(asked.layers);
    let stage = stage(asked, &model, folder.path()).await?;
    let shooter = Arc::new(Shooter::new(&stage, &model).await?);
    let (enclave, host) = (id(stage.enclave.id())?, id(stage.host.id())?);
    shooter.closed(1, Duration::from_secs(1)).await?;
    let idle = (resident_kib(enclave), resident_kib(host));
    let peak = peak(&shooter, asked.step).await?;
    let rate = OVERLOAD * peak;
    tell(&format!("{rate:.0} arrivals a second"));
    let crowd = shooter.open(rate, 2 * asked.step).await?;
    let after = shooter.closed(8, asked.step).await?;
    let memory = (peak_kib(enclave), peak_kib(host));
    let ceilings = (
        idle.0 + REMEMBERED_KIB + IN_FLIGHT * MESSAGE_KIB + PROCESS_KIB,
        idle.1 + IN_FLIGHT * HOST_MESSAGE_KIB + PROCESS_KIB,
    );
    say(&format!(
        "peak {peak:.1} right answers a second\n\
         at {rate:.0} arrivals a second: {crowd}\n\
         goodput {:.1} a second, {:.1} % of the peak; afterwards {:.1}, {:.1} %\n\
         memory at most: enclave {} KiB of {} KiB allowed, host {} KiB of {} KiB allowed",
        crowd.per_second(),
        100.0 * crowd.per_second() / peak,
        after.per_second(),
        100.0 * after.per_second() / peak,
        memory.0,
        ceilings.0,
        memory.1,
        ceilings.1,
    ));
    Ok(judge(&crowd, &after, peak, [("enclave", memory.0, ceilings.0), ("host", memory.1, ceilings.1)]))
}

/// Right answers a second where most came, of all numbers of callers.
async fn peak(shooter: &Arc<Shooter>, step: Duration) -> Result<f64, SoakError> {
    let mut peak = 0.0_f64;
    for callers in CALLERS {
        let tally = shooter.closed(*callers, step).await?;
        tell(&format!("{callers} callers: {tally}, {:.1} a second", tally.per_second()));
        peak = peak.max(tally.per_second());
    }
    if peak > 0.0 { Ok(peak) } else { Err(SoakError::unfit("nothing is answered, overload or not")) }
}

fn judge(crowd: &Tally, after: &Tally, peak: f64, memory: [(&str, u64, u64); 2]) -> Vec<String> {
    let mut broken = Vec::new();
    for (when, tally) in [("under overload", crowd), ("afterwards", after)] {
        let share = tally.per_second() / peak;
        if share < GOODPUT_SHARE {
            broken.push(format!("goodput {when} is {:.1} % of the peak", 100.0 * share));
        }
        if tally.wrong > 0 {
            broken.push(format!("{} wrong answers {when}", tally.wrong));
        }
    }
    if crowd.refused.summary().count == 0 {
        broken.push("nobody was refused: it was no overload".into());
    }
    if crowd.without_retry_after > 0 || crowd.otherwise > 0 {
        broken.push(format!(
            "{} refusals without Retry-After, {} requests that ended otherwise: {}",
            crowd.without_retry_after,
            crowd.otherwise,
            crowd.first_otherwise.as_deref().unwrap_or("")
        ));
    }
    let slowest = Duration::from_secs_f64(crowd.refused.summary().max_us / 1e6);
    if slowest > REFUSAL {
        broken.push(format!("a refusal took {} ms", slowest.as_millis()));
    }
    for (party, found, ceiling) in memory {
        if found > ceiling {
            broken.push(format!("memory of the {party}: {found} KiB, {ceiling} KiB are allowed"));
        }
    }
    broken
}

async fn stage(asked: &Asked, model: &Layers, folder: &Path) -> Result<Stage, SoakError> {
    let onnx = folder.join("layers.onnx");
    std::fs::write(&onnx, model.file()).map_err(SoakError::io("model"))?;
    let id = "layers@1".parse().map_err(|_| SoakError::unfit("model name"))?;
    let models = Some(vec![ModelSource { id, onnx, arguments: vec![] }]);
    let enclave = EnclaveOptions { cores: asked.enclave_cores.clone(), ..EnclaveOptions::default() };
    let stage = Stage::set(StageOptions { models, enclave, ..StageOptions::default() }).await?;
    stage.host.wait_until_serving(READY).await?;
    Ok(stage)
}

fn id(process: Option<u32>) -> Result<u32, SoakError> {
    process.ok_or_else(|| SoakError::unfit("a party has ended"))
}
