//! Answers that come too late, from a host that takes its time.

use std::time::{Duration, Instant};

use strongroom_client::{Client, ClientError, Options, TrustFile, api_key};
use strongroom_hostile::{Found, Misdeeds, Scene};
use strongroom_proto::frame::Kind;

/// What the client gives the host, and how long the host holds back what it has.
const DEADLINE: Duration = Duration::from_secs(1);
const HELD: Duration = Duration::from_secs(4);

/// The client's library, which the command, the proxy and Python share.
fn client(scene: &Scene) -> Client {
    let layout = &scene.ground.layout;
    let trust = TrustFile::parse(&std::fs::read(layout.trust()).unwrap()).unwrap();
    let key = std::fs::read_to_string(layout.api_key()).unwrap();
    let options = Options { deadline: DEADLINE, ..Options::default() };
    Client::connect(&scene.host.url(), trust, api_key::parse(key.trim()).unwrap(), options).unwrap()
}

/// How a call ends whose answers of this kind are held back. What ends when the answer is there has waited for it.
async fn held<T>(kind: Kind, call: impl AsyncFnOnce(&Client) -> Result<T, ClientError>) -> Found {
    let scene = Scene::serving().await.unwrap();
    scene.host.turns_to(Misdeeds::default().relayed(move |relay| {
        if relay.kind == kind && !relay.inbound {
            relay.held = HELD;
        }
    }));
    let started = Instant::now();
    let ended = call(&client(&scene)).await;
    let waited = started.elapsed() >= HELD;
    scene.found(match ended {
        Err(error) if !waited => error.to_string(),
        _ => Found::SUCCEEDED.to_owned(),
    })
}

pub(super) async fn evidence_past_the_deadline() -> Found {
    held(Kind::Hello, async |client| client.verify().await).await
}

pub(super) async fn an_answer_past_the_deadline() -> Found {
    held(Kind::Message, async |client| client.status().await).await
}
