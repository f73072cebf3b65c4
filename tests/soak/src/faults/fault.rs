//! What can happen to a service, and when it is over.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::record::Record;
use crate::limits::{BOOT_SHARE, IDLE_SHARE, KMS_ATTEMPTS, KMS_OUTAGE, OUTAGE};
use crate::load::{Load, LogId};
use crate::process::{cpu_seconds, go_on, stop};
use crate::world::World;
use crate::{Dice, SoakError};

/// Bytes of answers after which a connection is cut: within the first frames of one.
const CUT_BYTES: u64 = 6000;

/// Time between two looks whether the host says that it is ready.
const LOOK: Duration = Duration::from_millis(100);

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// SIGKILL, and a new process at once.
    KillEnclave,
    KillHost,
    KillKms,
    KillProxy,
    KillClient,
    /// Connections break within an answer, and new ones for a while.
    CutAnswers,
    /// Nothing gets through for a while.
    HoldNetwork,
    /// SIGSTOP and SIGCONT.
    StopHost,
    /// An enclave starts while KMS is down.
    KmsDownAtBoot,
    /// A new release needs keys while KMS is down.
    KmsDownAtRelease,
    /// The disk of audit log and state is full; half of the times the host is killed meanwhile.
    FullDisk,
}

/// A fault that is over.
pub(super) struct Ended {
    /// When.
    pub(super) at: Instant,
    /// Processes that were killed.
    pub(super) kills: u64,
    /// The release that has to come into force now.
    pub(super) epoch: Option<u64>,
    /// The records that have to be acknowledged now.
    pub(super) head: Option<(LogId, u64)>,
}

impl Ended {
    fn now(kills: u64) -> Self {
        Self { at: Instant::now(), kills, epoch: None, head: None }
    }
}

/// Each fault as often as it stands here, of so many.
const SHARES: &[(Fault, u64)] = &[
    (Fault::KillEnclave, 17),
    (Fault::KillHost, 17),
    (Fault::KillKms, 17),
    (Fault::KillProxy, 17),
    (Fault::KillClient, 17),
    (Fault::CutAnswers, 4),
    (Fault::HoldNetwork, 2),
    (Fault::StopHost, 2),
    (Fault::KmsDownAtBoot, 3),
    (Fault::KmsDownAtRelease, 2),
    (Fault::FullDisk, 2),
];

impl Fault {
    /// The next fault. What cannot happen here, or not any more, is another.
    pub(super) fn draw(dice: &mut Dice, world: &World) -> Self {
        loop {
            let mut number = dice.below(SHARES.iter().map(|(_, share)| share).sum());
            let drawn = SHARES.iter().find(|(_, share)| {
                let found = number < *share;
                number = number.saturating_sub(*share);
                found
            });
            match drawn.map(|(fault, _)| *fault) {
                Some(Self::FullDisk) if world.disk.is_none() => {}
                Some(Self::KmsDownAtRelease) if !world.has_next_release() => {}
                Some(fault) => return fault,
                None => {}
            }
        }
    }

    /// Whether it is the death of one party and nothing else.
    pub(super) const fn is_kill(self) -> bool {
        matches!(
            self,
            Self::KillEnclave | Self::KillHost | Self::KillKms | Self::KillProxy | Self::KillClient
        )
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::KillEnclave => "kill -9 of the enclave",
            Self::KillHost => "kill -9 of the host",
            Self::KillKms => "kill -9 of KMS",
            Self::KillProxy => "kill -9 of the proxy",
            Self::KillClient => "kill -9 of a client",
            Self::CutAnswers => "network cut in mid-answer",
            Self::HoldNetwork => "network held up",
            Self::StopHost => "host stopped",
            Self::KmsDownAtBoot => "KMS down at boot",
            Self::KmsDownAtRelease => "KMS down at a release",
            Self::FullDisk => "disk of the host full",
        }
    }

    /// Lets it happen, and returns when it is over.
    pub(super) async fn befall(
        self,
        world: &mut World,
        load: &Load,
        dice: &mut Dice,
        record: &mut Record,
    ) -> Result<Ended, SoakError> {
        let outage = dice.between(OUTAGE.0, OUTAGE.1);
        match self {
            Self::KillEnclave => world.restart_enclave().await?,
            Self::KillProxy => world.restart_proxy().await?,
            Self::KillHost => return kill_host(world).await,
            Self::KillKms => {
                world.kill_kms().await;
                world.start_kms().await?;
            }
            Self::KillClient => {
                let killed = load.killer.kill().await.ok_or_else(|| SoakError::unfit("no client to kill"))?;
                return Ok(Ended { at: killed, ..Ended::now(1) });
            }
            Self::CutAnswers => {
                let bytes = u32::try_from(dice.below(CUT_BYTES)).unwrap_or_default();
                world.relay.cut_after(bytes).await;
                if dice.below(2) == 0 {
                    tokio::time::sleep(outage).await;
                }
                world.relay.restore();
                return Ok(Ended::now(0));
            }
            Self::HoldNetwork => {
                world.relay.hold();
                tokio::time::sleep(outage).await;
                world.relay.restore();
                return Ok(Ended::now(0));
            }
            Self::StopHost => {
                let id = world.host.id().ok_or_else(|| SoakError::unfit("no host to stop"))?;
                stop(id)?;
                tokio::time::sleep(outage).await;
                go_on(id)?;
                return Ok(Ended::now(0));
            }
            Self::KmsDownAtBoot => return kms_down_at_boot(world, dice, record).await,
            Self::KmsDownAtRelease => return kms_down_at_release(world, load, dice, record).await,
            Self::FullDisk => return full_disk(world, load, dice, record).await,
        }
        Ok(Ended::now(1))
    }
}

/// The end is the start of the next host, and not when it listens.
async fn kill_host(world: &mut World) -> Result<Ended, SoakError> {
    world.kill_host().await;
    let ended = Ended::now(1);
    world.start_host().await?;
    Ok(ended)
}

/// Nobody may say ready, and nobody may try without a pause.
async fn kms_down_at_boot(
    world: &mut World,
    dice: &mut Dice,
    record: &mut Record,
) -> Result<Ended, SoakError> {
    let outage = dice.between(KMS_OUTAGE.0, KMS_OUTAGE.1);
    world.kill_kms().await;
    let door = Door::closed(world.kms_address()).await?;
    world.restart_enclave().await?;
    tokio::time::sleep(BOOT_SHARE).await;
    let ids = [("enclave", world.enclave.id()), ("host", world.host.id())];
    let used = || ids.map(|(party, id)| (party, id.map_or(0.0, cpu_seconds)));
    let (before, since) = (used(), Instant::now());
    while since.elapsed() < outage.saturating_sub(BOOT_SHARE) {
        if world.host.is_serving().await {
            record.broken("the host says ready while its enclave has no keys");
        }
        tokio::time::sleep(LOOK).await;
    }
    let seconds = since.elapsed().as_secs_f64();
    for ((party, now), (_, before)) in used().into_iter().zip(before) {
        let share = (now - before) / seconds;
        record.idled(party, share);
        if share > IDLE_SHARE {
            record.broken(format!("KMS down at boot: the {party} used {share:.2} of a core"));
        }
    }
    door.open("KMS down at boot", record).await;
    world.start_kms().await?;
    Ok(Ended::now(2))
}

/// Stands where KMS was, closes what connects, and counts it.
struct Door {
    knocks: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Door {
    async fn closed(address: SocketAddr) -> Result<Self, SoakError> {
        let listener = TcpListener::bind(address).await.map_err(SoakError::io("port of KMS"))?;
        let knocks = Arc::new(AtomicU64::new(0));
        let own = Arc::clone(&knocks);
        let task = tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                own.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ok(Self { knocks, task })
    }

    /// The port is free again. Somebody has connected meanwhile, and not without a pause.
    async fn open(self, fault: &str, record: &mut Record) {
        self.task.abort();
        let _ = self.task.await;
        let knocks = self.knocks.load(Ordering::Relaxed);
        record.knocked(knocks);
        if !(1..=KMS_ATTEMPTS).contains(&knocks) {
            record.broken(format!("{fault}: it was asked {knocks} times"));
        }
    }
}

/// What is served goes on, and the new release comes into force when KMS is back.
async fn kms_down_at_release(
    world: &mut World,
    load: &Load,
    dice: &mut Dice,
    record: &mut Record,
) -> Result<Ended, SoakError> {
    world.kill_kms().await;
    let door = Door::closed(world.kms_address()).await?;
    world.next_release()?;
    let before = load.board.right();
    tokio::time::sleep(dice.between(KMS_OUTAGE.0, KMS_OUTAGE.1)).await;
    if load.board.right() == before {
        record.broken("KMS down at a release: the release in force is not served meanwhile");
    }
    if world.status().await.is_some_and(|status| status.epoch == world.epoch) {
        record.broken("a release came into force without its keys");
    }
    door.open("KMS down at a release", record).await;
    world.start_kms().await?;
    Ok(Ended { epoch: Some(world.epoch), ..Ended::now(1) })
}

/// What is answered meanwhile is recorded afterwards.
async fn full_disk(
    world: &mut World,
    load: &Load,
    dice: &mut Dice,
    record: &mut Record,
) -> Result<Ended, SoakError> {
    let outage = dice.between(KMS_OUTAGE.0, KMS_OUTAGE.1);
    let with_kill = dice.below(2) == 0;
    world.fill_disk(true)?;
    // What was being written is written or refused by now.
    tokio::time::sleep(outage / 4).await;
    let before = world.state_written();
    if with_kill {
        world.kill_host().await;
    }
    tokio::time::sleep(outage * 3 / 4).await;
    if world.state_written() != before {
        record.broken("the disk was not full: state was written");
    }
    world.fill_disk(false)?;
    let ended = Ended::now(u64::from(with_kill));
    if with_kill {
        world.start_host().await?;
    }
    let head = load.heads.latest().map(|(log, head)| (log, head.records));
    Ok(Ended { head, ..ended })
}
