//! Sends sealed messages one by one and tries nothing again, so that each refusal is seen.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use strongroom_attestation::channel::Session;
use strongroom_bench::Arrivals;
use strongroom_e2e::{Reply, Stage, outcome, random};
use strongroom_proto::name::Name;
use strongroom_seal::message::{Ask, Outcome, Request, RequestId};
use strongroom_seal::tensor::{DType, Tensor};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::tally::{Fate, Tally};
use crate::SoakError;
use crate::onnx::{Layers, WIDTH, is_same};

/// Connections, each with a session of its own: a host carries 128 requests on one at most.
const CONNECTIONS: usize = 16;

/// Rows that are asked in turns.
const ROWS: u32 = 4;

/// Time of an open loop before answers are counted: the queue is empty at first.
const WARM: Duration = Duration::from_secs(3);

/// Time for what is under way at the end.
const DRAIN: Duration = Duration::from_secs(30);

/// Clients of one host.
pub(super) struct Shooter {
    lines: Vec<Line>,
    rows: Vec<(Vec<u8>, Vec<f32>)>,
    model: Name,
    url: String,
    turn: AtomicUsize,
}

struct Line {
    http: Client<HttpConnector, Full<Bytes>>,
    session: Session,
}

impl Shooter {
    /// Verifies the enclave and opens the sessions.
    pub(super) async fn new(stage: &Stage, model: &Layers) -> Result<Self, SoakError> {
        let client = stage.client()?;
        let mut lines = Vec::new();
        for _ in 0..CONNECTIONS {
            let session = client.session().await.ok_or_else(|| SoakError::unfit("no session opens"))?;
            let mut tcp = HttpConnector::new();
            tcp.set_nodelay(true);
            lines.push(Line {
                http: Client::builder(TokioExecutor::new()).http2_only(true).build(tcp),
                session,
            });
        }
        let row = |number| {
            let row = Layers::row(number);
            (row.iter().flat_map(|value| value.to_le_bytes()).collect(), model.answer(&row))
        };
        let model = "layers".parse().map_err(|_| SoakError::unfit("model name"))?;
        let url = format!("{}/v1/message", stage.host.url());
        Ok(Self { lines, rows: (0..ROWS).map(row).collect(), model, url, turn: AtomicUsize::new(0) })
    }

    /// So many callers, each of whom asks again when it has its answer.
    pub(super) async fn closed(
        self: &Arc<Self>,
        callers: usize,
        lasting: Duration,
    ) -> Result<Tally, SoakError> {
        let (board, start) = (Arc::new(Mutex::new(Tally::over(lasting)?)), Instant::now());
        let mut tasks = JoinSet::new();
        for _ in 0..callers {
            let (shooter, board) = (Arc::clone(self), Arc::clone(&board));
            tasks.spawn(async move {
                while start.elapsed() < lasting {
                    let (fate, took) = shooter.shoot().await;
                    let within = start.elapsed() < lasting;
                    board.lock().unwrap_or_else(PoisonError::into_inner).note(fate, took, within);
                }
            });
        }
        while tasks.join_next().await.is_some() {}
        take(&board, lasting)
    }

    /// Arrivals at this rate, whatever becomes of those before.
    pub(super) async fn open(self: &Arc<Self>, rate: f64, lasting: Duration) -> Result<Tally, SoakError> {
        let board = Arc::new(Mutex::new(Tally::over(lasting)?));
        let (shooter, own, handle) = (Arc::clone(self), Arc::clone(&board), Handle::current());
        // A thread of its own: the runtime's timer knows milliseconds.
        let tasks = tokio::task::spawn_blocking(move || shooter.come(rate, lasting, &own, &handle));
        let mut tasks = tasks.await.map_err(|error| SoakError::unfit(error.to_string()))?;
        let all = async { while tasks.join_next().await.is_some() {} };
        let drained = tokio::time::timeout(DRAIN, all).await;
        drained.map_err(|_| SoakError::unfit("requests were neither answered nor refused"))?;
        take(&board, lasting)
    }

    fn come(
        self: &Arc<Self>,
        rate: f64,
        lasting: Duration,
        board: &Arc<Mutex<Tally>>,
        handle: &Handle,
    ) -> JoinSet<()> {
        let (mut tasks, start) = (JoinSet::new(), Instant::now());
        for at in Arrivals::new(rate, 1).take_while(|at| *at < WARM + lasting) {
            std::thread::sleep((start + at).saturating_duration_since(Instant::now()));
            let (shooter, board) = (Arc::clone(self), Arc::clone(board));
            let shot = async move {
                let (fate, took) = shooter.shoot().await;
                let within = (WARM..WARM + lasting).contains(&start.elapsed());
                board.lock().unwrap_or_else(PoisonError::into_inner).note(fate, took, within);
            };
            tasks.spawn_on(shot, handle);
            while tasks.try_join_next().is_some() {}
        }
        tasks
    }

    /// One request, and how long it took until its answer was here, or the head of its refusal.
    async fn shoot(&self) -> (Fate, Duration) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let (Some(line), Some((row, expected))) =
            (self.lines.get(turn % CONNECTIONS), self.rows.get(turn / CONNECTIONS % self.rows.len().max(1)))
        else {
            return (Fate::Otherwise("no connection".into()), Duration::ZERO);
        };
        let Ok(ask) = self.ask(row).encode() else {
            return (Fate::Otherwise("the request cannot be written".into()), Duration::ZERO);
        };
        let Ok((message, pending)) = line.session.seal(&ask) else {
            return (Fate::Otherwise("the request cannot be sealed".into()), Duration::ZERO);
        };
        let sent = Instant::now();
        let reply = match post(line, &self.url, message).await {
            Ok(Posted::Reply(reply)) => reply,
            Ok(Posted::Refused { retry_after }) => return (Fate::Refused { retry_after }, sent.elapsed()),
            Err(what) => return (Fate::Otherwise(what), sent.elapsed()),
        };
        let took = sent.elapsed();
        let Some(outcome) = outcome(&line.session, &pending, &reply) else {
            return (Fate::Otherwise(format!("status {} without an answer", reply.status)), took);
        };
        (judge(&outcome, expected), took)
    }

    fn ask<'a>(&self, row: &'a [u8]) -> Ask<'a> {
        let input =
            Tensor { name: "x".into(), dtype: DType::Fp32, shape: vec![1, WIDTH as u64], data: row.into() };
        Ask::Infer(Request {
            id: RequestId::new(random()),
            model: self.model.clone(),
            version: None,
            inputs: vec![input],
            outputs: vec![],
            risk: BTreeMap::new(),
        })
    }
}

/// What a host says to a message.
enum Posted {
    Reply(Reply),
    Refused { retry_after: bool },
}

async fn post(line: &Line, url: &str, message: Vec<u8>) -> Result<Posted, String> {
    let request = http::Request::post(url).body(Full::new(Bytes::from(message)));
    let request = request.map_err(|error| error.to_string())?;
    let response = line.http.request(request).await.map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    if matches!(status, 429 | 503) {
        return Ok(Posted::Refused { retry_after: response.headers().contains_key(RETRY_AFTER) });
    }
    let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
    Ok(Posted::Reply(Reply { status, body: body.to_bytes().to_vec() }))
}

fn judge(outcome: &[u8], expected: &[f32]) -> Fate {
    match Outcome::decode(outcome) {
        Ok(Outcome::Answer(answer)) => {
            let data = answer.outputs.first().map(|output| output.data.as_chunks::<4>().0);
            let found: Vec<f32> =
                data.unwrap_or_default().iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
            if is_same(&found, expected) { Fate::Right } else { Fate::Wrong }
        }
        Ok(Outcome::Refused(refusal)) => Fate::Otherwise(refusal.to_string()),
        _ => Fate::Otherwise("an answer to something else".into()),
    }
}

fn take(board: &Mutex<Tally>, lasting: Duration) -> Result<Tally, SoakError> {
    let mut tally = board.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::replace(&mut *tally, Tally::over(lasting)?))
}
