//! The package store in S3: the host signs for real, the simulated S3 judges the signatures, the enclave
//! judges what comes.

use std::path::PathBuf;
use std::time::Duration;

use strongroom_e2e::{Stage, StageOptions};
use strongroom_sim::kms::{Caller, SimCredential};
use strongroom_sim::s3::{S3Call, S3ErrorKind, S3Server, SimS3Config};
use strongroom_sim::world::{
    ACCOUNT, Ground, HostOptions, READY, REGION, ReleasePlan, WorldError, bundled_model, wait_for,
};

const BUCKET: &str = "strongroom-models";
const PREFIX: &str = "fraud/eu/";
const SWAP: Duration = Duration::from_secs(60);

/// A stage whose host reads from the bucket, which holds what the owner made.
struct Scene {
    stage: Stage,
    server: S3Server,
    credential: SimCredential,
    log: PathBuf,
    _logs: tempfile::TempDir,
}

impl Scene {
    /// Whether S3 accepts the host's credentials from the start is the test's business.
    async fn set(accepted: bool) -> Self {
        let config =
            SimS3Config { region: REGION.to_owned(), bucket: BUCKET.to_owned(), credentials: vec![] };
        let server = S3Server::start(config).await.unwrap();
        let logs = tempfile::tempdir().unwrap();
        let log = logs.path().join("host.log");
        let host = HostOptions {
            // The host takes the prefix with or without its slash.
            store: Some(format!("s3://{BUCKET}/{}", PREFIX.trim_end_matches('/'))),
            arguments: vec![
                format!("--s3-region={REGION}"),
                format!("--s3-endpoint={}", server.endpoint()),
                "--log-level=debug".to_owned(),
            ],
            log: Some(log.clone()),
            ..HostOptions::default()
        };
        let mut credential = None;
        let stage = Stage::set_with(StageOptions { host, ..StageOptions::default() }, async |ground, _| {
            let host = host_credential(ground)?;
            if accepted {
                server.s3.accept(host.clone());
            }
            credential = Some(host);
            publish(&server, ground)
        });
        let stage = stage.await.unwrap();
        Self { stage, server, credential: credential.unwrap(), log, _logs: logs }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

/// Copies the owner's store into the bucket, as `aws s3 sync` would.
fn publish(server: &S3Server, ground: &Ground) -> Result<(), WorldError> {
    let put = server.s3.put_directory(PREFIX, &ground.layout.store());
    put.map_err(|error| WorldError::Io { what: "bucket".to_owned(), error })
}

/// The credentials that the host reads, as S3 knows them.
fn host_credential(ground: &Ground) -> Result<SimCredential, WorldError> {
    let text = std::fs::read_to_string(ground.layout.host_credentials());
    let text = text.map_err(|error| WorldError::Io { what: "host credentials".to_owned(), error })?;
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let field = |name: &str| json[name].as_str().unwrap().to_owned();
    Ok(SimCredential {
        access_key_id: field("AccessKeyId"),
        secret_access_key: field("SecretAccessKey"),
        session_token: Some(field("SessionToken")),
        expires: None,
        caller: Caller::role(ACCOUNT, "strongroom-host", "i-0123456789abcdef0", &[]),
    })
}

#[tokio::test]
async fn an_enclave_serves_a_model_from_a_bucket_and_takes_over_a_new_release() {
    let scene = Scene::set(true).await;
    scene.stage.host.wait_until_serving(READY).await.unwrap();
    let output = scene.stage.infer().await.unwrap();
    assert_eq!(output.code, 0, "{}", output.stderr);

    let calls = scene.server.s3.calls();
    // The enclave looks whether a package ends where it should.
    let fine = |call: &S3Call| matches!(call.outcome, Ok(()) | Err(S3ErrorKind::InvalidRange));
    assert!(calls.iter().all(fine), "{calls:?}");
    let package = format!("{PREFIX}packages/fraud@1.sealed");
    let ranges: Vec<_> = calls.iter().filter(|call| call.key.as_deref() == Some(&package)).collect();
    assert!(!ranges.is_empty() && ranges.iter().all(|call| call.range.is_some()), "{ranges:?}");
    let later = ranges.iter().filter(|call| !call.range.as_deref().unwrap().starts_with("bytes=0-"));
    assert!(later.clone().all(|call| call.conditional), "every later range is of the same object");

    let plan = ReleasePlan { epoch: 2, ..ReleasePlan::first(vec![bundled_model().unwrap()]) };
    scene.stage.owner.release(&plan).await.unwrap();
    assert_eq!(scene.stage.status().await.unwrap().epoch, 1, "what is not in the bucket is not seen");
    publish(&scene.server, &scene.stage.ground).unwrap();
    let swapped = async || scene.stage.status().await.is_some_and(|status| status.epoch == 2);
    assert!(wait_for(SWAP, swapped).await, "{:?}", scene.stage.status().await);
    assert_eq!(scene.stage.infer().await.unwrap().code, 0);

    // Neither a secret nor a signed URL is ever logged, at any level.
    let (log, credential) = (scene.log(), &scene.credential);
    assert!(!log.is_empty());
    for secret in
        [credential.secret_access_key.as_str(), credential.session_token.as_deref().unwrap(), "X-Amz-"]
    {
        assert!(!log.contains(secret), "the log says {secret}");
    }
}

#[tokio::test]
async fn refused_credentials_are_said_clearly_and_better_ones_help() {
    let scene = Scene::set(false).await;
    let said = async || scene.log().contains("s3: 403: the role may not read the object");
    assert!(wait_for(READY, said).await, "{}", scene.log());
    assert!(!scene.stage.host.is_serving().await);
    let refused = scene.server.s3.calls();
    assert!(refused.iter().all(|call| call.outcome == Err(S3ErrorKind::InvalidAccessKeyId)), "{refused:?}");

    let wrong = SimCredential { secret_access_key: "another".to_owned(), ..scene.credential.clone() };
    scene.server.s3.accept(wrong);
    let judged = async || {
        let calls = scene.server.s3.calls();
        calls.iter().any(|call| call.outcome == Err(S3ErrorKind::SignatureDoesNotMatch))
    };
    assert!(wait_for(READY, judged).await);

    scene.server.s3.accept(scene.credential.clone());
    scene.stage.host.wait_until_serving(READY).await.unwrap();
    assert_eq!(scene.stage.infer().await.unwrap().code, 0);
}

#[tokio::test]
async fn a_bucket_that_slows_down_is_asked_again() {
    let scene = Scene::set(true).await;
    scene.server.s3.fail(S3ErrorKind::SlowDown, 2);
    scene.stage.host.wait_until_serving(READY).await.unwrap();
    assert_eq!(scene.stage.infer().await.unwrap().code, 0);
}
