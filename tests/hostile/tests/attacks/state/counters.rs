//! What is let out over boots.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::json;
use strongroom_attestation::channel::Session;
use strongroom_attestation::charter::SignedCharter;
use strongroom_e2e::request;
use strongroom_hostile::{Client, Found, Misdeeds, Scene, SceneOptions};
use strongroom_proto::cbor;
use strongroom_proto::frame::Kind;
use strongroom_proto::limits::MAX_STATE_BYTES;
use strongroom_proto::relay::BootDocuments;
use strongroom_seal::message::Outcome;
use strongroom_seal::record::Bound;
use strongroom_seal::secret::StateKey;
use strongroom_sim::world::{EnclaveOptions, EnclaveProcess, READY, ReleasePlan, bundled_model, wait_for};

const ALLOWANCE: u64 = 10;
/// What the first boot lets out, of which the older state knows less.
const FIRST: u64 = 7;
/// The one key that the policy lists.
pub(super) static KEY: LazyLock<[u8; 32]> = LazyLock::new(strongroom_e2e::random);

/// One key with an allowance; its records are kept.
pub(super) fn policy(role: &str) -> String {
    let sha256 = hex::encode(ring::digest::digest(&ring::digest::SHA256, &*KEY));
    format!(
        "audit_key = \"AUDIT\"\n\
         [model.fraud]\nlabel = [\"label\"]\nprobabilities = [\"probabilities\"]\n\
         {role}[[key]]\nsha256 = \"{sha256}\"\n"
    )
}

fn limited() -> String {
    policy(&format!("[role.trial]\nrows = {ALLOWANCE}\n")) + "role = \"trial\"\n"
}

pub(super) async fn scene(policy: String) -> Scene {
    let options = SceneOptions { policy: Some(policy), ..SceneOptions::default() };
    let scene = Scene::set_with(options, async |_, _| Ok(())).await.unwrap();
    scene.wait_until_serving().await.unwrap();
    scene
}

/// A client with an open session.
pub(super) async fn session(scene: &Scene) -> (Client, Session) {
    let client = scene.client_with(*KEY).unwrap();
    let session = client.session().await.unwrap();
    (client, session)
}

/// Asks row by row, at most so often, and returns how many were answered before the first refusal.
async fn ask(scene: &Scene, most: u64) -> u64 {
    let (client, session) = session(scene).await;
    for answered in 0..most {
        let (message, pending) = session.seal(&request(1)).unwrap();
        let reply = client.send(&message).await;
        let outcome = scene.outcome(&session, &pending, &reply).unwrap();
        if !matches!(Outcome::decode(&outcome), Ok(Outcome::Answer(_))) {
            return answered;
        }
    }
    most
}

/// Asks until it is refused, or far beyond any allowance.
async fn drain(scene: &Scene) -> u64 {
    ask(scene, 3 * ALLOWANCE).await
}

/// Waits until the enclave has handed over all that it has to, and returns it.
async fn states(scene: &Scene, more_than: usize) -> Vec<Vec<u8>> {
    // Longer than the pause between two hand-overs.
    const QUIET: Duration = Duration::from_millis(1300);
    let kept = || scene.host.kept(Kind::State);
    assert!(wait_for(Duration::from_secs(10), async || kept().len() > more_than).await, "a state");
    loop {
        let before = kept().len();
        tokio::time::sleep(QUIET).await;
        if kept().len() == before {
            return kept();
        }
    }
}

/// Restarts the enclave, hands this over as the state, and says whether it serves again.
async fn restart(scene: &mut Scene, state: Vec<u8>) -> bool {
    scene.host.turns_to(Misdeeds::default().told(move |kind, _, honest| {
        if kind != Kind::Boot {
            return honest;
        }
        let documents = BootDocuments::decode(&honest?).ok()?;
        BootDocuments { state: state.clone(), ..documents }.encode().ok()
    }));
    scene.restart().await.unwrap();
    scene.wait_until_serving().await.is_ok()
}

/// What the enclave logged of the state that this boot was handed, in a word.
fn read(scene: &Scene) -> &'static str {
    let words = [
        ("counters go on where", "read"),
        ("cannot be read: counters begin anew", "not read"),
        ("no state of an earlier boot", "none"),
    ];
    let lines = scene.host.kept(Kind::Log);
    let word = |line: &Vec<u8>| {
        let line = String::from_utf8_lossy(line);
        words.iter().find(|(text, _)| line.contains(text)).map(|(_, word)| *word)
    };
    lines.iter().rev().find_map(word).unwrap_or("unknown")
}

/// The sum of boots, or that a boot let out more than its allowance.
fn rows(boots: &[u64], count: usize) -> String {
    if boots.iter().sum::<u64>() > ALLOWANCE * count as u64 || boots.iter().any(|rows| *rows > ALLOWANCE) {
        return Found::SUCCEEDED.to_owned();
    }
    let rows: Vec<_> = boots.iter().map(ToString::to_string).collect();
    format!("{} rows in {count} boots of {ALLOWANCE}", rows.join(" + "))
}

/// What two boots let out, and what the second one made of the state that it was handed.
fn told(scene: &Scene, boots: &[u64; 2]) -> String {
    let rows = rows(boots, boots.len());
    if rows == Found::SUCCEEDED { rows } else { format!("{}: {rows}", read(scene)) }
}

/// Lets out a part of the allowance, restarts with what is made of the states so far, and lets out what is left.
async fn over_a_restart(forge: impl FnOnce(&[Vec<u8>]) -> Vec<u8>) -> Found {
    let mut scene = scene(limited()).await;
    let before = states(&scene, 0).await.len();
    let first = ask(&scene, FIRST).await;
    let states = states(&scene, before).await;
    if !restart(&mut scene, forge(&states)).await {
        return scene.found(Found::SUCCEEDED);
    }
    let second = drain(&scene).await;
    scene.found(told(&scene, &[first, second]))
}

/// The same with a state that must not be read: where the enclave goes on from it, it has believed the host.
async fn forged(forge: impl FnOnce(&[Vec<u8>]) -> Vec<u8>) -> Found {
    let found = over_a_restart(forge).await;
    let refusal =
        if found.refusal.starts_with("read: ") { Found::SUCCEEDED.to_owned() } else { found.refusal };
    Found { refusal, ..found }
}

/// The latest state with some bits of one byte changed: that so far behind the name of a field.
async fn flipped(field: &'static str, behind: usize, bits: u8) -> Found {
    forged(move |states| {
        let mut state = states.last().unwrap().clone();
        let at = state.windows(field.len()).position(|window| window == field.as_bytes()).unwrap();
        state[at + field.len() + behind] ^= bits;
        state
    })
    .await
}

pub(super) async fn withheld_state() -> Found {
    over_a_restart(|_| Vec::new()).await
}

pub(super) async fn a_state_of_other_bytes() -> Found {
    forged(|_| b"garbage".to_vec()).await
}

pub(super) async fn a_truncated_state() -> Found {
    forged(|states| {
        let mut state = states.last().unwrap().clone();
        state.pop();
        state
    })
    .await
}

pub(super) async fn an_oversized_state() -> Found {
    forged(|_| vec![0; MAX_STATE_BYTES + 1]).await
}

pub(super) async fn a_state_of_another_boot() -> Found {
    // Behind the head of sixteen bytes.
    flipped("boot", 1, 1).await
}

pub(super) async fn a_state_of_another_number() -> Found {
    flipped("number", 0, 1).await
}

/// The count of rows stands where it stands in every state with one key. What is encrypted by adding a stream of bits can be
/// changed bit by bit by whoever knows where: 7 rows become 3.
pub(super) async fn a_state_with_a_flipped_bit() -> Found {
    /// Bytes of the state before the count: the padding's length, names of fields, the key's digest, and its day.
    const BEFORE: usize = 62;
    /// The head of a string of bytes that has 256 or more of them.
    const HEAD: usize = 3;
    flipped("sealed", HEAD + BEFORE, 4).await
}

pub(super) async fn a_state_of_another_deployment() -> Found {
    let other = scene(limited()).await;
    let foreign = states(&other, 0).await.pop().unwrap();
    forged(move |_| foreign).await
}

/// The state from after some of the rows that the boot let out: what came later is let out once more, and no more than that.
pub(super) async fn a_state_rolled_back() -> Found {
    const KNOWN: u64 = 3;
    let mut scene = scene(limited()).await;
    let before = states(&scene, 0).await.len();
    let mut first = ask(&scene, KNOWN).await;
    let older = states(&scene, before).await;
    first += ask(&scene, FIRST - KNOWN).await;
    let latest = states(&scene, older.len()).await;
    assert_ne!(older.last(), latest.last(), "there is a newer one");
    assert!(restart(&mut scene, older.last().unwrap().clone()).await);
    let second = drain(&scene).await;
    scene.found(told(&scene, &[first, second]))
}

/// A second enclave of the deployment has counted nothing: what the first let out, it lets out once more from that state.
pub(super) async fn a_state_of_a_replica() -> Found {
    let mut scene = scene(limited()).await;
    let own = states(&scene, 0).await.len();
    let service = scene.sockets.endpoint("replica");
    let options = EnclaveOptions { service: Some(service), ..EnclaveOptions::default() };
    let replica = EnclaveProcess::start(&scene.binaries, &scene.ground, &scene.sockets, &options).unwrap();
    let serves = async || scene.status_at("replica").await.is_some_and(|status| status.serving);
    assert!(wait_for(READY, serves).await);
    let of_replica = states(&scene, own).await;
    let first = ask(&scene, FIRST).await;
    assert!(
        states(&scene, of_replica.len()).await.len() > of_replica.len(),
        "the first enclave's newer state"
    );
    drop(replica);
    assert!(restart(&mut scene, of_replica.last().unwrap().clone()).await);
    let second = drain(&scene).await;
    let rows = rows(&[first, second], 3);
    scene.found(if rows == Found::SUCCEEDED { rows } else { format!("{}: {rows}", read(&scene)) })
}

pub(super) async fn a_state_handed_over() -> Found {
    let found = over_a_restart(|states| states.last().unwrap().clone()).await;
    // What an honest restart lets out beyond the allowance is lost as well.
    let refusal =
        if found.refusal.starts_with("read: 7 + 10 ") { Found::SUCCEEDED.to_owned() } else { found.refusal };
    Found { refusal, ..found }
}

pub(super) async fn a_restart_storm() -> Found {
    let mut scene = scene(limited()).await;
    let mut boots = vec![drain(&scene).await];
    for _ in 1..8 {
        assert!(restart(&mut scene, Vec::new()).await);
        boots.push(drain(&scene).await);
    }
    scene.found(rows(&boots, boots.len()))
}

/// What the owner's history and the host's disk allow together: the state of this boot is read, and another one sealed in its
/// place, after which nothing was counted. It is believed, and lets out no more than none at all does.
pub(super) async fn a_forged_state() -> Found {
    let mut scene = scene(limited()).await;
    let before = states(&scene, 0).await.len();
    let first = ask(&scene, FIRST).await;
    let latest = states(&scene, before).await.pop().unwrap();
    let forged = emptied(&scene, latest);
    assert!(restart(&mut scene, forged).await);
    let second = drain(&scene).await;
    scene.found(told(&scene, &[first, second]))
}

/// A state, opened and sealed again under its own name and number without its counters.
fn emptied(scene: &Scene, mut state: Vec<u8>) -> Vec<u8> {
    let behind = |name: &str| {
        state.windows(name.len()).position(|window| window == name.as_bytes()).unwrap() + name.len()
    };
    // Each behind its head: sixteen bytes, a number that is its own head, and more than 255 bytes, which are the last.
    let (boot, number, sealed) = (behind("boot") + 1, behind("number"), behind("sealed") + 3);
    let boot: [u8; 16] = state[boot..boot + 16].try_into().unwrap();
    let number = u64::from(state[number]);
    assert!(number < 24, "few states were handed over");
    let store = scene.ground.layout.store();
    let charter = SignedCharter::open(&std::fs::read(store.join("charter.cose")).unwrap()).unwrap();
    let deployment = Bound(charter.charter().deployment.as_str().as_bytes());
    let text = std::fs::read_to_string(scene.owner.history().join("state.key")).unwrap();
    let mut key = <[u8; 32]>::try_from(hex::decode(text.trim()).unwrap()).unwrap();
    let key = StateKey::take(&mut key).record_key(&boot).unwrap();
    assert!(key.open(number, deployment, &state[sealed..]).is_ok(), "the state of this boot is read");
    let counters = json!({ "keys": [], "organisations": [], "models": [], "enclave": 0 });
    let nothing = cbor::encode(&json!({ "counters": counters, "audit": null })).unwrap();
    let record = key.seal(number, deployment, &[&nothing], state.len() - sealed).unwrap();
    state.truncate(sealed);
    state.extend(record);
    state
}

/// One request for the whole allowance, which its client makes again under the same id: no boot remembers what another one
/// answered, and each charges it.
pub(super) async fn a_request_made_again_in_another_boot() -> Found {
    let mut scene = scene(limited()).await;
    let (asked, mut boots) = (request(usize::try_from(ALLOWANCE).unwrap()), Vec::new());
    for boot in 0..2 {
        assert!(boot == 0 || restart(&mut scene, Vec::new()).await);
        let (client, session) = session(&scene).await;
        let (message, pending) = session.seal(&asked).unwrap();
        let outcome = scene.outcome(&session, &pending, &client.send(&message).await).unwrap();
        assert!(matches!(Outcome::decode(&outcome), Ok(Outcome::Answer(_))), "it is served in each boot");
        boots.push(ALLOWANCE + drain(&scene).await);
    }
    scene.found(rows(&boots, boots.len()))
}

pub(super) async fn a_state_read_again() -> Found {
    let mut scene = scene(limited()).await;
    let before = states(&scene, 0).await.len();
    let first = ask(&scene, 3).await;
    let latest = states(&scene, before).await.pop().unwrap();
    assert!(restart(&mut scene, latest).await);
    let second = drain(&scene).await;
    let policy = Some(scene.ground.layout.owner("policy.toml"));
    let plan = ReleasePlan { epoch: 2, models: vec![bundled_model().unwrap()], policy };
    scene.owner.release(&plan).await.unwrap();
    let bundle = std::fs::read(scene.ground.layout.store().join("release.bundle")).unwrap();
    assert_eq!(scene.hand_over(bundle).await.unwrap(), Found::SUCCEEDED, "the owner's newer release");
    let third = drain(&scene).await;
    let over = second + third > ALLOWANCE;
    let said = rows(&[first, second, third], 2);
    scene.found(if over { Found::SUCCEEDED.to_owned() } else { said })
}
