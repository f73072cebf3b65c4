//! What the time of an answer tells the host: of the class that was predicted, and of whether there was an answer at all.
//!
//! The times are those that a host sees, taken on its own connection to the enclave, with nothing else asked meanwhile. Two kinds
//! of request take turns at random, so that whatever else goes on in the machine is the same for both. `scripts/leaks` takes
//! thousands of each and prints the table; here a few hundred show that the grid holds, and that without it the same
//! instrument tells kinds apart.

use std::time::{Duration, Instant};

use bytes::Bytes;
use strongroom_attestation::channel::{Pending, Session};
use strongroom_e2e::leak::{LEAST_JUDGED, Told};
use strongroom_e2e::{Reply, Stage, outcome, random};
use strongroom_link::Mux;
use strongroom_proto::Code;
use strongroom_proto::frame::Kind;
use strongroom_seal::message::{Ask, Outcome, Refusal};
use strongroom_sim::world::bundled_folder;

use crate::controls::{FRAUD, Got, key, key_entry, payments, request, stage};

/// AUC up to which times tell nothing that matters.
const BOUND: f64 = 0.55;

/// What dudect calls definitely told apart.
const CERTAIN: f64 = 10.0;

/// The grid of the table.
const QUANTUM: Duration = Duration::from_millis(10);

/// The grid where other tests keep the cores busy: what takes long there still fits into one.
const WIDE: Duration = Duration::from_millis(25);

/// Measurements of a kind where other tests run.
const FEW: usize = 100;

/// Measurements of a kind that are not counted: caches fill, the machine wakes up.
const WARM_UP: usize = 20;

const LIMIT: Duration = Duration::from_secs(20);

/// A kind of request, by what comes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asked {
    /// Answered, with payments of which each gets this class.
    Class(u8),
    /// Answered, with this many payments.
    Rows(usize),
    /// The same, of a key whose quota is used up.
    OverQuota(usize),
    /// Payments that lack a feature.
    WrongShape,
    /// Of a model that is not there.
    UnknownModel,
    /// With an API key that is not listed.
    UnknownKey,
}

/// What is measured beside what.
const PAIRS: &[[Asked; 2]] = &[
    [Asked::Class(0), Asked::Class(1)],
    [Asked::Rows(1), Asked::OverQuota(1)],
    [Asked::Rows(1), Asked::WrongShape],
    [Asked::Rows(1), Asked::UnknownModel],
    [Asked::Rows(1), Asked::UnknownKey],
    [Asked::Rows(64), Asked::OverQuota(64)],
];

/// A serving enclave, and what a host has: a connection, and messages that it cannot read.
struct Watched {
    _stage: Stage,
    link: Mux,
    listed: Session,
    used_up: Session,
    unlisted: Session,
    /// Payments of either class.
    classes: [Vec<Vec<f32>>; 2],
}

impl Watched {
    async fn set(quantum: Option<Duration>) -> Self {
        let grid = quantum.map(|quantum| format!("answer_quantum_ms = {}\n", quantum.as_millis()));
        let policy = grid.unwrap_or_default()
            + FRAUD
            + "[role.trial]\nrows = 1\n"
            + &key_entry(1, "")
            + &key_entry(2, "role = \"trial\"");
        let stage = stage(policy).await;
        let client = stage.client().unwrap();
        let stated = client.verify().await.unwrap().release().controls().answer_quantum();
        assert_eq!(stated, quantum, "every client is told");
        let session = async |number| {
            let client = stage.client().unwrap().with_key(key(number));
            let opened = client.open(client.verify().await.unwrap(), &[]).unwrap();
            assert_eq!(client.send(&opened.message).await.status, 200);
            opened.session
        };
        let link = Mux::new(stage.sockets.endpoint("enclave").connect(LIMIT).await.unwrap());
        let watched = Self {
            link,
            listed: session(1).await,
            used_up: session(2).await,
            unlisted: session(3).await,
            classes: classes(),
            _stage: stage,
        };
        assert_eq!(watched.ask(Asked::OverQuota(1), 0).await.1, None, "the one row that it had");
        watched
    }

    fn session(&self, asked: Asked) -> &Session {
        match asked {
            Asked::OverQuota(_) => &self.used_up,
            Asked::UnknownKey => &self.unlisted,
            _ => &self.listed,
        }
    }

    /// A message that nobody has sent yet.
    fn message(&self, asked: Asked, number: usize) -> (Vec<u8>, Pending) {
        let rows = |count: usize| {
            let rows = self.classes[0].iter().cycle().skip(number).take(count);
            rows.cloned().collect::<Vec<_>>()
        };
        let request = match asked {
            Asked::Class(class) => {
                let class = &self.classes[usize::from(class)];
                request("fraud", std::slice::from_ref(&class[number % class.len()]))
            }
            Asked::Rows(count) | Asked::OverQuota(count) => request("fraud", &rows(count)),
            Asked::UnknownKey => request("fraud", &rows(1)),
            Asked::UnknownModel => request("other", &rows(1)),
            Asked::WrongShape => {
                let mut request = request("fraud", &rows(1));
                let input = &mut request.inputs[0];
                input.shape = vec![1, 29];
                input.data = input.data[..29 * 4].to_vec().into();
                request
            }
        };
        self.session(asked).seal(&Ask::Infer(request).encode().unwrap()).unwrap()
    }

    /// How long an answer took, and what it refused.
    async fn ask(&self, asked: Asked, number: usize) -> (Duration, Option<Refusal>) {
        let (message, pending) = self.message(asked, number);
        let message = Bytes::from(message);
        let sent = Instant::now();
        let reply = self.link.call(Kind::Message, message, LIMIT).await.unwrap();
        let took = sent.elapsed();
        let (code, body) = reply.into_coded().unwrap();
        assert_eq!(code, Code::Ok);
        let reply = Reply { status: 200, body: body.to_vec() };
        let outcome = outcome(self.session(asked), &pending, &reply).unwrap();
        match Outcome::decode(&outcome).unwrap_or_else(|error| panic!("{error}")) {
            Outcome::Refused(refusal) => (took, Some(refusal)),
            _ => (took, None),
        }
    }

    /// So many times of either kind in microseconds, in random turns.
    async fn times(&self, pair: [Asked; 2], each: usize) -> [Vec<f64>; 2] {
        let mut times = [Vec::new(), Vec::new()];
        while times.iter().any(|times| times.len() < each + WARM_UP) {
            let [turn] = random::<1>();
            let kind = usize::from(turn & 1);
            let (took, refusal) = self.ask(pair[kind], times[kind].len()).await;
            assert_eq!(refusal.is_some(), is_refused(pair[kind]), "{:?}: {refusal:?}", pair[kind]);
            times[kind].push(took.as_secs_f64() * 1e6);
        }
        times.map(|times| times[WARM_UP..].to_vec())
    }
}

fn is_refused(asked: Asked) -> bool {
    !matches!(asked, Asked::Class(_) | Asked::Rows(_))
}

/// Held-out payments by the class that the model gives them.
fn classes() -> [Vec<Vec<f32>>; 2] {
    let expected = std::fs::read_to_string(bundled_folder().unwrap().join("expected.csv")).unwrap();
    let expected: Vec<usize> =
        expected.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
    let mut classes = [Vec::new(), Vec::new()];
    for (row, class) in payments(expected.len()).into_iter().zip(expected) {
        classes[class].push(row);
    }
    assert!(classes.iter().all(|rows| rows.len() > 50));
    classes
}

fn told([first, second]: &[Vec<f64>; 2]) -> Told {
    Told::of(first, second).unwrap()
}

/// Times of a kind by class have to mean the class.
#[tokio::test]
async fn the_payments_of_either_kind_get_the_class_they_stand_for() {
    let stage = stage(FRAUD.to_owned() + &key_entry(1, "")).await;
    let caller = crate::controls::Caller::new(&stage, 1).await;
    for (class, rows) in classes().iter().enumerate() {
        let got: Got = caller.infer("fraud", &rows[..50]).await;
        assert!(got.labels().iter().all(|label| usize::try_from(*label).unwrap() == class));
    }
}

/// The instrument: without a grid, a run that takes long is told from a refusal that runs nothing.
#[tokio::test]
async fn without_a_quantum_the_host_can_tell_a_refusal_by_its_time() {
    let watched = Watched::set(None).await;
    let told = told(&watched.times([Asked::Rows(1024), Asked::OverQuota(1024)], FEW).await);
    println!("without a quantum, 1024 rows against over quota: {told}");
    assert!(told.t > CERTAIN && told.threshold > BOUND, "the instrument sees nothing: {told}");
}

#[tokio::test]
async fn on_a_grid_the_host_can_tell_neither_class_nor_refusal() {
    let watched = Watched::set(Some(WIDE)).await;
    for pair in [PAIRS[0], PAIRS[1], [Asked::Rows(1024), Asked::OverQuota(1024)]] {
        let times = watched.times(pair, FEW).await;
        let told = told(&times);
        println!("on a grid of {WIDE:?}, {pair:?}: {told}");
        let least = times.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        assert!(least >= WIDE.as_secs_f64() * 1e6, "{pair:?}: one left after {least} µs");
        assert!(!told.apart(BOUND), "{pair:?}: {told}");
    }
}

/// An opening is a message like any other.
#[tokio::test]
async fn sessions_open_on_the_grid_as_well() {
    let stage = stage("answer_quantum_ms = 200\n".to_owned() + FRAUD + &key_entry(1, "")).await;
    for number in [1, 2] {
        let client = stage.client().unwrap().with_key(key(number));
        let opened = client.open(client.verify().await.unwrap(), &[]).unwrap();
        let sent = Instant::now();
        assert_eq!(client.send(&opened.message).await.status, 200);
        assert!(sent.elapsed() >= Duration::from_millis(200), "{:?}", sent.elapsed());
    }
}

/// Measurements of a kind in the table, unless `STRONGROOM_LEAK_TIMES` says otherwise.
const IN_THE_TABLE: usize = 2000;

#[tokio::test]
#[ignore = "needs a quiet machine and minutes: scripts/leaks"]
async fn the_table_of_what_times_tell() {
    let each = std::env::var("STRONGROOM_LEAK_TIMES").ok().map_or(IN_THE_TABLE, |each| each.parse().unwrap());
    let mut leaks = Vec::new();
    println!("| answers leave | kinds | AUC | at least | best threshold | largest \\|t\\| |");
    println!("|---|---|---|---|---|---|");
    for quantum in [None, Some(QUANTUM)] {
        let watched = Watched::set(quantum).await;
        let leave = quantum.map_or("when ready".to_owned(), |quantum| format!("every {quantum:?}"));
        for pair in PAIRS {
            let told = told(&watched.times(*pair, each).await);
            let Told { auc, auc_at_least, threshold, t, .. } = told;
            let [one, other] = pair;
            println!(
                "| {leave} | {one:?}, {other:?} | {auc:.3} | {auc_at_least:.3} | {threshold:.3} | {t:.1} |"
            );
            if quantum.is_some() && told.leaks(BOUND) {
                leaks.push(format!("{one:?}, {other:?}: {told}"));
            }
        }
    }
    println!("{each} measurements of each kind");
    if each < LEAST_JUDGED {
        println!("fewer than {LEAST_JUDGED} may be told apart by chance: nothing was judged");
        return;
    }
    assert!(leaks.is_empty(), "times on the grid tell kinds apart: {leaks:?}");
}
