//! The shipped command, started for one request again and again, and killed where somebody orders it.

use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_sim::world::{Binaries, Layout};
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot};

use super::board::Channel;
use crate::Dice;
use crate::limits::COMMAND_PAUSE;
use crate::reference::{Known, Reference};
use crate::world::World;

/// Exit codes that no fault explains: those of refused evidence or answers, and of misuse. Nobody answered, or the enclave
/// still worked on an earlier attempt, are others.
const UNEXPLAINED: &[i32] = &[2, 10, 11, 12, 13, 14, 21];

/// Longest part of a command's life after which it is killed.
const LIFE: Duration = Duration::from_millis(40);

/// An order to kill the client, answered when it was killed.
type Order = oneshot::Sender<Instant>;

/// Whoever kills the client.
pub(crate) struct Killer(mpsc::Sender<Order>);

impl Killer {
    pub(super) fn new() -> (Self, mpsc::Receiver<Order>) {
        let (sender, orders) = mpsc::channel(1);
        (Self(sender), orders)
    }

    /// Kills a client while it works, and says when that was.
    pub(crate) async fn kill(&self) -> Option<Instant> {
        let (order, killed) = oneshot::channel();
        self.0.send(order).await.ok()?;
        killed.await.ok()
    }
}

/// The command, and what it is asked.
pub(super) struct Shipped {
    binaries: Binaries,
    layout: Layout,
    url: String,
    reference: Arc<Reference>,
    channel: Arc<Channel>,
}

impl Shipped {
    pub(super) fn new(world: &World, reference: Arc<Reference>, channel: Arc<Channel>) -> Self {
        let (binaries, layout) = (world.binaries.clone(), world.ground.layout.clone());
        Self { binaries, layout, url: world.relay.url(), reference, channel }
    }

    /// Never returns.
    pub(super) async fn ask(self, mut orders: mpsc::Receiver<Order>, mut dice: Dice) {
        let mut due = None;
        loop {
            if let Some(known) = self.reference.at(dice.place(self.reference.len())) {
                let life = dice.between(Duration::ZERO, LIFE);
                due = self.once(known, &mut orders, due, life).await;
            }
            tokio::time::sleep(COMMAND_PAUSE).await;
        }
    }

    /// Runs it once; kills it when an order is due. An order that came too late for this one is returned.
    async fn once(
        &self,
        known: &Known,
        orders: &mut mpsc::Receiver<Order>,
        due: Option<Order>,
        life: Duration,
    ) -> Option<Order> {
        let input = self.layout.owner("soak-request.json");
        if std::fs::write(&input, known.json()).is_err() {
            self.channel.unexplained("the request could not be written");
            return due;
        }
        let sent = Instant::now();
        let mut running = Box::pin(self.command(&input).output());
        let order = match due {
            Some(order) => order,
            None => tokio::select! {
                output = &mut running => {
                    self.note(sent, known, output);
                    return None;
                }
                Some(order) = orders.recv() => order,
            },
        };
        let ended = tokio::time::timeout(life, &mut running).await;
        match ended {
            // It was quicker.
            Ok(output) => {
                self.note(sent, known, output);
                Some(order)
            }
            // What is dropped is killed.
            Err(_) => {
                drop(running);
                self.channel.none("killed");
                let _ = order.send(Instant::now());
                None
            }
        }
    }

    fn command(&self, input: &Path) -> Command {
        let mut command = Command::new(self.binaries.path("strongroom"));
        command
            .arg("infer")
            .arg(format!("--url={}", self.url))
            .arg(format!("--trust={}", self.layout.trust().display()))
            .arg(format!("--api-key=@{}", self.layout.api_key().display()))
            .arg("--model=fraud")
            .arg(format!("--input={}", input.display()))
            .env("XDG_STATE_HOME", self.layout.owner("soak-client"))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    fn note(&self, sent: Instant, known: &Known, output: std::io::Result<Output>) {
        let Ok(output) = output else { return self.channel.unexplained("the command could not be started") };
        match output.status.code() {
            Some(0) => {
                self.channel.answered(sent, known.is_told(&String::from_utf8_lossy(&output.stdout)));
            }
            Some(code) if UNEXPLAINED.contains(&code) => {
                self.channel.unexplained(format!("exit code {code}"))
            }
            Some(code) => self.channel.none(format!("exit code {code}")),
            None => self.channel.none("killed"),
        }
    }
}
