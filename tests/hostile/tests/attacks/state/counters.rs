//! What is let out over boots.

use std::time::Duration;

use strongroom_attestation::channel::Session;
use strongroom_e2e::{outcome, request};
use strongroom_hostile::{Client, Found, Misdeeds, Scene, SceneOptions};
use strongroom_proto::frame::Kind;
use strongroom_proto::limits::MAX_STATE_BYTES;
use strongroom_proto::relay::BootDocuments;
use strongroom_seal::message::Outcome;
use strongroom_sim::world::{ReleasePlan, bundled_model, wait_for};

const ALLOWANCE: u64 = 10;
/// What the first boot lets out, of which the older state knows less.
const FIRST: u64 = 7;
pub(super) const KEY: [u8; 32] = [1; 32];

/// One key with an allowance; its records are kept.
pub(super) fn policy(role: &str) -> String {
    let sha256 = hex::encode(ring::digest::digest(&ring::digest::SHA256, &KEY));
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
    let client = scene.client().unwrap().with_key(KEY);
    let session = client.session().await.unwrap();
    (client, session)
}

/// Asks row by row, at most so often, and returns how many were answered before the first refusal.
async fn ask(scene: &Scene, most: u64) -> u64 {
    let (client, session) = session(scene).await;
    for answered in 0..most {
        let (message, pending) = session.seal(&request(1)).unwrap();
        let reply = client.send(&message).await;
        let outcome = outcome(&session, &pending, &reply).unwrap();
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

/// Restarts the enclave, and hands this over as the state.
async fn restart(scene: &mut Scene, state: Vec<u8>) {
    scene.host.turns_to(Misdeeds::default().told(move |kind, _, honest| {
        if kind != Kind::Boot {
            return honest;
        }
        let documents = BootDocuments::decode(&honest?).ok()?;
        BootDocuments { state: state.clone(), ..documents }.encode().ok()
    }));
    scene.restart().await.unwrap();
    scene.wait_until_serving().await.unwrap();
}

/// The sum of boots, or that a boot let out more than its allowance.
fn rows(boots: &[u64], count: usize) -> String {
    if boots.iter().sum::<u64>() > ALLOWANCE * count as u64 || boots.iter().any(|rows| *rows > ALLOWANCE) {
        return Found::SUCCEEDED.to_owned();
    }
    let rows: Vec<_> = boots.iter().map(ToString::to_string).collect();
    format!("{} rows in {count} boots of {ALLOWANCE}", rows.join(" + "))
}

/// Lets out a part of the allowance, restarts with what is made of the states so far, and lets out what is left.
async fn over_a_restart(forge: impl FnOnce(&[Vec<u8>]) -> Vec<u8>) -> Found {
    let mut scene = scene(limited()).await;
    let before = states(&scene, 0).await.len();
    let first = ask(&scene, FIRST).await;
    let states = states(&scene, before).await;
    restart(&mut scene, forge(&states)).await;
    let second = drain(&scene).await;
    scene.found(rows(&[first, second], 2))
}

/// The latest state with one byte changed: that so far behind the name of a field.
async fn flipped(field: &'static str, behind: usize) -> Found {
    over_a_restart(move |states| {
        let mut state = states.last().unwrap().clone();
        let at = state.windows(field.len()).position(|window| window == field.as_bytes()).unwrap();
        state[at + field.len() + behind] ^= 1;
        state
    })
    .await
}

pub(super) async fn withheld_state() -> Found {
    over_a_restart(|_| Vec::new()).await
}

pub(super) async fn a_state_of_other_bytes() -> Found {
    over_a_restart(|_| b"garbage".to_vec()).await
}

pub(super) async fn a_truncated_state() -> Found {
    over_a_restart(|states| {
        let mut state = states.last().unwrap().clone();
        state.pop();
        state
    })
    .await
}

pub(super) async fn an_oversized_state() -> Found {
    over_a_restart(|_| vec![0; MAX_STATE_BYTES + 1]).await
}

pub(super) async fn a_state_of_another_boot() -> Found {
    // Behind the head of sixteen bytes.
    flipped("boot", 1).await
}

pub(super) async fn a_state_of_another_number() -> Found {
    flipped("number", 0).await
}

pub(super) async fn a_state_with_a_flipped_bit() -> Found {
    flipped("sealed", 100).await
}

pub(super) async fn a_state_of_another_deployment() -> Found {
    let other = scene(limited()).await;
    let foreign = states(&other, 0).await.pop().unwrap();
    over_a_restart(move |_| foreign).await
}

pub(super) async fn a_state_rolled_back() -> Found {
    over_a_restart(|states| states.first().unwrap().clone()).await
}

pub(super) async fn a_state_handed_over() -> Found {
    let found = over_a_restart(|states| states.last().unwrap().clone()).await;
    // What an honest restart lets out beyond the allowance is lost as well.
    let refusal =
        if found.refusal.starts_with("7 + 10 ") { Found::SUCCEEDED.to_owned() } else { found.refusal };
    Found { refusal, ..found }
}

pub(super) async fn a_restart_storm() -> Found {
    let mut scene = scene(limited()).await;
    let mut boots = vec![drain(&scene).await];
    for _ in 0..2 {
        restart(&mut scene, Vec::new()).await;
        boots.push(drain(&scene).await);
    }
    scene.found(rows(&boots, boots.len()))
}

pub(super) async fn a_state_read_again() -> Found {
    let mut scene = scene(limited()).await;
    let before = states(&scene, 0).await.len();
    let first = ask(&scene, 3).await;
    let latest = states(&scene, before).await.pop().unwrap();
    restart(&mut scene, latest).await;
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
