//! A store in S3. What is signed is judged in the end-to-end tests; here S3 is what a test wants.

mod bucket;

use std::time::Duration;

use bytes::Bytes;
use strongroom_host::keep::Keeping;
use strongroom_host::limits::S3_ATTEMPTS;
use strongroom_link::Mux;
use strongroom_proto::frame::Kind;
use strongroom_proto::limits::{MAX_CHARTER_BYTES, MAX_RANGE_BYTES};
use strongroom_proto::relay::{BootDocuments, Range};
use tokio::net::TcpListener;

use crate::common::{SOON, Setup, dial, until, write};
use crate::process::{command, finish};
use bucket::{Misdeed, SomeBucket};

const PACKAGE: &str = "eu/packages/fraud@1.sealed";

/// A setup whose store is the bucket, with credentials.
fn setup(bucket: &SomeBucket) -> Setup {
    let mut setup = Setup::new();
    setup.config.store = bucket.place("s3://models/eu");
    credentials(&setup, "2999-01-01T00:00:00Z");
    setup
}

fn credentials(setup: &Setup, expires: &str) {
    let json = format!(
        r#"{{"Version":1,"AccessKeyId":"AKID","SecretAccessKey":"SECRET","SessionToken":"TOKEN","Expiration":"{expires}"}}"#
    );
    write(&setup.path("credentials.json"), json);
}

async fn services(setup: &Setup) -> Mux {
    Mux::new(dial(&setup.config.services).await)
}

/// A range, if the host has it.
async fn range(mux: &Mux, offset: u64, length: usize) -> Option<Bytes> {
    let length = u32::try_from(length).unwrap();
    let range = Range { package: "fraud@1".parse().unwrap(), offset, length };
    let reply = mux.call(Kind::Range, range.encode().unwrap().into(), SOON).await.unwrap();
    (reply.kind == Kind::HostReply).then_some(reply.body)
}

#[tokio::test]
async fn an_enclave_boots_from_a_bucket() {
    let bucket = SomeBucket::start().await;
    let mut setup = setup(&bucket);
    setup.config.keeping = Some(Keeping { directory: setup.path("state"), forward: None });
    let _host = setup.start_host().await;
    let mux = services(&setup).await;
    let boot = async || mux.call(Kind::Boot, Bytes::new(), SOON).await.unwrap();
    assert_eq!(boot().await.kind, Kind::Absent);
    bucket.put("eu/charter.cose", "charter");
    bucket.put("eu/release.bundle", "release");
    mux.call(Kind::State, "state".into(), SOON).await.unwrap();
    let documents = BootDocuments::decode(&boot().await.body).unwrap();
    let (charter, release) = (b"charter".to_vec(), b"release".to_vec());
    assert_eq!(documents, BootDocuments { charter, release, state: b"state".to_vec() });
    bucket.put("eu/charter.cose", vec![0; MAX_CHARTER_BYTES + 1]);
    assert_eq!(boot().await.kind, Kind::Absent, "too long");
    for call in bucket.calls() {
        assert!(call.query.contains("X-Amz-Security-Token=TOKEN"), "{}", call.query);
        assert!(call.query.contains("X-Amz-Credential=AKID%2F"), "{}", call.query);
    }
}

#[tokio::test]
async fn packages_are_read_in_ranges_of_one_object() {
    let bucket = SomeBucket::start().await;
    let setup = setup(&bucket);
    let package: Vec<u8> = (0..MAX_RANGE_BYTES + 1000).map(|n| n as u8).collect();
    bucket.put(PACKAGE, package.clone());
    let host = setup.start_host().await;
    let mux = services(&setup).await;
    let first = range(&mux, 0, MAX_RANGE_BYTES).await.unwrap();
    let rest = range(&mux, MAX_RANGE_BYTES as u64, MAX_RANGE_BYTES).await.unwrap();
    assert!([first, rest].concat() == package);
    assert_eq!(host.metric("package_bytes_total").await, Some(package.len() as u64));
    assert_eq!(range(&mux, package.len() as u64, 4).await.unwrap(), "", "beyond the end");
    assert_eq!(range(&mux, 3, 0).await.unwrap(), "");
    assert!(range(&mux, 0, MAX_RANGE_BYTES + 1).await.is_none());

    bucket.put(PACKAGE, vec![7; 5000]);
    assert!(range(&mux, 1000, 100).await.is_none(), "of another object than the first range");
    assert_eq!(range(&mux, 0, 100).await.unwrap(), vec![7; 100]);
    assert_eq!(range(&mux, 1000, 100).await.unwrap(), vec![7; 100]);
    bucket.remove(PACKAGE);
    assert!(range(&mux, 0, 100).await.is_none());
}

#[tokio::test]
async fn answers_of_another_form_are_refused() {
    let bucket = SomeBucket::start().await;
    let setup = setup(&bucket);
    bucket.put(PACKAGE, vec![7; 5000]);
    let _host = setup.start_host().await;
    let mux = services(&setup).await;
    for misdeed in
        [Misdeed::WholeForRange, Misdeed::ShortRange, Misdeed::LongRange, Misdeed::Chunked, Misdeed::NoTag]
    {
        bucket.misbehave(misdeed);
        assert!(range(&mux, 10, 100).await.is_none(), "{misdeed:?}");
    }
    bucket.misbehave(Misdeed::None);
    assert_eq!(range(&mux, 10, 100).await.unwrap(), vec![7; 100]);
}

#[tokio::test]
async fn what_may_pass_is_asked_again_and_nothing_else() {
    let bucket = SomeBucket::start().await;
    let setup = setup(&bucket);
    bucket.put(PACKAGE, vec![7; 5000]);
    let _host = setup.start_host().await;
    let mux = services(&setup).await;
    let attempts = async |status: u16, times: usize| {
        let before = bucket.gets(PACKAGE);
        bucket.misbehave(Misdeed::StatusOfGets(status, times));
        let got = range(&mux, 0, 100).await.is_some();
        (got, bucket.gets(PACKAGE) - before)
    };
    assert_eq!(attempts(503, 2).await, (true, 3), "slow down, then good");
    assert_eq!(attempts(500, 100).await, (false, S3_ATTEMPTS as usize));
    assert_eq!(attempts(403, 1).await, (false, 1));
    assert_eq!(attempts(404, 1).await, (false, 1));
    bucket.misbehave(Misdeed::BreakOff(1));
    assert_eq!(range(&mux, 0, 100).await.unwrap(), vec![7; 100]);
}

#[tokio::test]
async fn a_new_object_is_pushed_to_the_enclave_once() {
    let bucket = SomeBucket::start().await;
    let setup = setup(&bucket);
    bucket.put("eu/release.bundle", "one");
    let (host, enclave) = setup.start().await;
    let got = || enclave.fake.releases.lock().unwrap().clone();
    until(async || got() == ["one"]).await;
    let looks = bucket.calls().len();
    bucket.put("eu/release.bundle", "two");
    until(async || got() == ["one", "two"]).await;
    assert!(bucket.calls().len() < looks + 5, "looks are rare");
    // An outage of S3 is no reason to do anything.
    bucket.misbehave(Misdeed::Status(503));
    tokio::time::sleep(Duration::from_millis(200)).await;
    host.until_ready(true).await;
    assert_eq!(got(), ["one", "two"]);
}

#[tokio::test]
async fn without_credentials_nothing_is_asked_and_later_ones_are_found() {
    let bucket = SomeBucket::start().await;
    let setup = setup(&bucket);
    bucket.put(PACKAGE, vec![7; 100]);
    std::fs::remove_file(setup.path("credentials.json")).unwrap();
    let _host = setup.start_host().await;
    let mux = services(&setup).await;
    assert!(range(&mux, 0, 100).await.is_none());
    assert!(bucket.calls().is_empty());
    credentials(&setup, "2999-01-01T00:00:00Z");
    assert_eq!(range(&mux, 0, 100).await.unwrap(), vec![7; 100]);
    // Refused ones are dropped, so that the next request is signed with those of the moment.
    bucket.misbehave(Misdeed::StatusOfGets(403, 1));
    assert!(range(&mux, 0, 100).await.is_none());
    std::fs::remove_file(setup.path("credentials.json")).unwrap();
    assert!(range(&mux, 0, 100).await.is_none());
}

#[tokio::test]
async fn an_unreachable_endpoint_is_absence() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let bucket = SomeBucket::at(gone);
    let setup = setup(&bucket);
    let _host = setup.start_host().await;
    assert!(range(&services(&setup).await, 0, 100).await.is_none());
}

#[tokio::test]
async fn the_log_says_what_is_wrong_and_no_secret() {
    let bucket = SomeBucket::start().await;
    let setup = setup(&bucket);
    bucket.misbehave(Misdeed::Status(403));
    let endpoint = bucket.endpoint();
    let more = ["--store", "s3://models/eu", "--s3-region", "eu-central-1", "--s3-endpoint", &endpoint];
    let child = command(&setup, &more).spawn().unwrap();
    until(async || bucket.calls().len() >= 2).await;
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let (code, _, err) = finish(child).await;
    assert_eq!(code, Some(0), "{err}");
    let line = err.lines().find(|line| line.contains("s3: 403")).unwrap();
    assert!(line.contains("the role may not read the object"), "{line}");
    assert_eq!(err.matches("s3: 403").count(), 1, "said once: {err}");
    assert!(!err.contains("SECRET") && !err.contains("TOKEN") && !err.contains("X-Amz"), "{err}");
}
