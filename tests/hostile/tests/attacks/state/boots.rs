//! Boots: what they leave behind at clients, and what they do without a log that is kept.

use strongroom_e2e::request;
use strongroom_hostile::{Client, Found, Misdeeds};
use strongroom_proto::frame::Kind;

use super::audit::{first_failure, infer_keeping, kept_files};
use super::counters::{policy, scene, session};

/// More records than any enclave holds.
const FAR_BEYOND: usize = 20_000;
const AT_ONCE: usize = 64;

pub(super) async fn records_never_confirmed() -> Found {
    let scene = scene(policy("")).await;
    let ignored = |kind, _: &[u8], honest| if kind == Kind::Audit { None } else { honest };
    scene.host.turns_to(Misdeeds::default().told(ignored));
    let (client, session) = session(&scene).await;
    // What is refused is recorded as well, and costs less.
    let ask = || session.seal(&request(0)).unwrap().0;
    for _ in 0..FAR_BEYOND / AT_ONCE {
        let messages: Vec<_> = (0..AT_ONCE).map(|_| ask()).collect();
        if let Some(status) = at_once(&client, &messages).await {
            return scene.found(status.to_string());
        }
    }
    scene.found(Found::SUCCEEDED)
}

/// Sends all of them, and returns the first status that is not that of an answer.
async fn at_once(client: &Client, messages: &[Vec<u8>]) -> Option<u16> {
    let mut pending: Vec<_> = messages.iter().map(|message| Box::pin(client.send(message))).collect();
    let mut odd = None;
    std::future::poll_fn(|context| {
        pending.retain_mut(|sent| match sent.as_mut().poll(context) {
            std::task::Poll::Ready(reply) => {
                odd = odd.or((reply.status != 200).then_some(reply.status));
                false
            }
            std::task::Poll::Pending => true,
        });
        if pending.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    odd
}

pub(super) async fn a_receipt_of_an_earlier_boot() -> Found {
    let mut scene = scene(policy("")).await;
    let (before, after) = (scene.file("before"), scene.file("after"));
    infer_keeping(&scene, &before).await;
    scene.restart().await.unwrap();
    scene.wait_until_serving().await.unwrap();
    infer_keeping(&scene, &after).await;
    let receipt = kept_files(&before, "receipt").remove(0).display().to_string();
    let evidence = format!("--evidence={}", kept_files(&after, "evidence").remove(0).display());
    let trust = format!("--trust={}", scene.ground.layout.trust().display());
    let arguments = ["receipt", "verify", &receipt, &evidence, &trust].map(ToOwned::to_owned).to_vec();
    let output = scene.binaries.strongroom(arguments, &[]).await.unwrap();
    scene.found(first_failure(&output))
}
