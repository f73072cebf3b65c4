use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use axum::Router;
use axum::routing::{get, put};
use http::{HeaderMap, StatusCode};
use strongroom_proto::limits::MAX_CHARTER_BYTES;
use tokio::net::TcpListener;

use super::*;

/// A machine on which everything is as it should be, and settings that fit it.
struct Machine {
    root: tempfile::TempDir,
    settings: Settings,
    /// Stands for KMS.
    _kms: TcpListener,
}

impl Machine {
    async fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("dev/nitro_enclaves", ""),
            ("dev/vsock", ""),
            ("etc/nitro_enclaves/allocator.yaml", "memory_mib: 1024\ncpu_count: 2\n"),
            ("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "256\n"),
            ("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "1\n"),
            ("sys/module/nitro_enclaves/parameters/ne_cpus", "1,3\n"),
            ("sys/devices/system/cpu/online", "0,2\n"),
            ("var/log/messages", ""),
            ("store/charter.cose", "charter"),
            ("store/release.bundle", "release"),
            ("store/packages/fraud@1.sealed", "package"),
            ("credentials.json", CREDENTIALS),
        ] {
            write(root.path(), path, text);
        }
        fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        let stand_in = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/nitro-cli");
        symlink(stand_in, root.path().join("usr/bin/nitro-cli")).unwrap();
        let kms = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = Settings {
            listen: "127.0.0.1:0".parse().ok(),
            metrics: "127.0.0.1:0".parse().ok(),
            kms: kms.local_addr().unwrap().to_string().parse().ok(),
            store: root.path().join("store").to_str().unwrap().parse().ok(),
            credentials_file: Some(root.path().join("credentials.json")),
            state_dir: Some(root.path().join("state")),
            ..Settings::default()
        };
        Self { root, settings, _kms: kms }
    }

    fn write(&self, path: &str, text: &str) {
        write(self.root.path(), path, text);
    }

    fn remove(&self, path: &str) {
        let path = self.root.path().join(path);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }

    async fn report(&self) -> Report {
        examine(&self.settings, &System::at(self.root.path())).await
    }

    async fn line(&self, id: &str) -> Line {
        self.report().await.checks.into_iter().find(|line| line.id == id).unwrap()
    }
}

const CREDENTIALS: &str = r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"SECRET","SessionToken":"TOKEN",
    "Expiration":"2999-01-01T00:00:00Z"}"#;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A metadata service in `region`, which may take requests without a token.
async fn imds(region: &'static str, version_1: bool) -> String {
    let known = |headers: &HeaderMap| headers.get("x-aws-ec2-metadata-token").is_some_and(|t| t == "token");
    let root = async move || if version_1 { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    let place = async move |headers: HeaderMap| {
        if known(&headers) { (StatusCode::OK, region) } else { (StatusCode::UNAUTHORIZED, "") }
    };
    let role = "/latest/meta-data/iam/security-credentials/";
    let router = Router::new()
        .route("/latest/api/token", put(async || "token"))
        .route("/latest/meta-data/", get(root))
        .route("/latest/meta-data/placement/region", get(place))
        .route(role, get(async || "host"))
        .route(&format!("{role}host"), get(async || CREDENTIALS.replace("SessionToken", "Token")));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// An address at which nobody listens any more.
async fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}

#[tokio::test]
async fn a_good_machine_passes() {
    let machine = Machine::new().await;
    let report = machine.report().await;
    let skipped = ["enclave-start", "region", "imds", "clock", "tls"];
    for line in &report.checks {
        let expected = if skipped.contains(&line.id) { Status::Skip } else { Status::Pass };
        // The disk and the limits are this machine's own.
        let free = matches!(line.id, "disk" | "open-files");
        assert!(line.status == expected || free, "{line:?}");
        assert_eq!(line.remedy.is_some(), matches!(line.status, Status::Warn | Status::Fail), "{line:?}");
    }
    assert_eq!(report.checks.len(), 19);
    assert_eq!(machine.line("nitro-cli").await.found, "Nitro CLI 1.4.2");
    let text = format!("{report}{}", report.json());
    assert!(!text.contains("SECRET") && !text.contains("TOKEN"), "{text}");
}

#[tokio::test]
async fn what_a_machine_lacks_fails_its_line() {
    for (id, remove) in [
        ("nitro-cli", "usr/bin/nitro-cli"),
        ("nitro-device", "dev/nitro_enclaves"),
        ("hugepages", "sys/kernel/mm/hugepages/hugepages-1048576kB"),
        ("hugepages", "sys/kernel/mm"),
        ("enclave-cpus", "sys/module/nitro_enclaves/parameters/ne_cpus"),
        ("vsock", "dev/vsock"),
        ("credentials", "credentials.json"),
        ("store", "store"),
        ("store", "store/charter.cose"),
        ("store", "store/release.bundle"),
        ("store", "store/packages/fraud@1.sealed"),
    ] {
        let machine = Machine::new().await;
        machine.remove(remove);
        let line = machine.line(id).await;
        assert!(line.status == Status::Fail && line.remedy.is_some(), "{remove}: {line:?}");
        assert!(!machine.report().await.is_good());
    }
}

/// A container has its node's memory and CPUs before it, and not the node's file.
#[tokio::test]
async fn without_the_allocators_file_what_is_set_aside_decides() {
    let machine = Machine::new().await;
    machine.remove("etc/nitro_enclaves/allocator.yaml");
    assert_eq!(machine.line("allocator").await.status, Status::Skip);
    assert!(machine.report().await.is_good());
    machine.remove("sys/module/nitro_enclaves/parameters/ne_cpus");
    let line = machine.line("allocator").await;
    assert!(line.status == Status::Fail && line.remedy.is_some(), "{line:?}");
}

#[tokio::test]
async fn what_a_machine_has_wrong_fails_its_line() {
    let large = "x".repeat(MAX_CHARTER_BYTES + 1);
    for (id, path, text) in [
        ("allocator", "etc/nitro_enclaves/allocator.yaml", "memory_mib: 0\ncpu_count: 0\n"),
        ("hugepages", "etc/nitro_enclaves/allocator.yaml", "memory_mib: 2048\ncpu_count: 2\n"),
        ("enclave-cpus", "etc/nitro_enclaves/allocator.yaml", "memory_mib: 1024\ncpu_count: 4\n"),
        ("enclave-cpus", "sys/module/nitro_enclaves/parameters/ne_cpus", "\n"),
        ("enclave-cpus", "sys/devices/system/cpu/online", "0-3\n"),
        ("credentials", "credentials.json", "{}"),
        ("credentials", "credentials.json", &CREDENTIALS.replace("2999", "2001")),
        ("store", "store/charter.cose", ""),
        ("store", "store/charter.cose", &large),
    ] {
        let machine = Machine::new().await;
        machine.write(path, text);
        let line = machine.line(id).await;
        assert!(line.status == Status::Fail && line.remedy.is_some(), "{path}: {line:?}");
    }
    let machine = Machine::new().await;
    machine.remove("usr/bin/nitro-cli");
    symlink("/bin/false", machine.root.path().join("usr/bin/nitro-cli")).unwrap();
    assert_eq!(machine.line("nitro-cli").await.status, Status::Fail);
    machine.remove("sys/kernel/mm");
    machine.write("proc/meminfo", "MemTotal: 8000000 kB\nHugetlb:         1048576 kB\n");
    assert_eq!(machine.line("hugepages").await.status, Status::Pass, "a kernel that shows the sum alone");
}

#[tokio::test]
async fn settings_that_do_not_fit_fail_their_line() {
    type Change = fn(&mut Settings);
    let changes: [(&str, Change); 10] = [
        ("config", |settings| settings.max_requests = Some(0)),
        ("kms", |settings| settings.kms = None),
        ("credentials", |settings| settings.credentials_file = None),
        ("store", |settings| settings.store = None),
        ("store", |settings| settings.store = "s3://models".parse().ok()),
        ("state", |settings| settings.state_dir = Some("/no/such/folder".into())),
        ("state", |settings| settings.state_dir = Some("/dev/null".into())),
        ("tls", |settings| settings.tls_cert = Some("/no/such/file".into())),
        ("open-files", |settings| settings.max_connections = Some(usize::MAX)),
        ("enclave-start", |settings| settings.enclave_start = Some(vec!["no-such-program".into()])),
    ];
    for (id, change) in changes {
        let mut machine = Machine::new().await;
        change(&mut machine.settings);
        let line = machine.line(id).await;
        assert!(line.status == Status::Fail && line.remedy.is_some(), "{line:?}");
    }
    let mut machine = Machine::new().await;
    machine.settings.enclave_start = Some(vec!["nitro-cli".into(), "run-enclave".into()]);
    assert_eq!(machine.line("enclave-start").await.status, Status::Pass);
}

#[tokio::test]
async fn things_are_kept_where_a_directory_is_set() {
    let mut machine = Machine::new().await;
    assert!(machine.line("state").await.found.contains("will be made"));
    assert!(!machine.root.path().join("state").exists(), "the doctor changes nothing");
    machine.write("state/state.sealed", "state");
    assert!(machine.line("state").await.found.contains("can be written"));
    machine.settings.state_dir = None;
    assert_eq!(machine.line("state").await.status, Status::Skip);
}

#[tokio::test]
async fn a_simulated_enclave_needs_no_nitro() {
    let mut machine = Machine::new().await;
    machine.settings.enclave = "unix:e".parse().ok();
    for folder in ["dev", "etc", "sys", "usr"] {
        machine.remove(folder);
    }
    for id in ["nitro-cli", "nitro-device", "allocator", "hugepages", "enclave-cpus", "vsock"] {
        assert_eq!(machine.line(id).await.status, Status::Skip, "{id}");
    }
}

#[tokio::test]
async fn the_metadata_service_gives_region_time_and_credentials() {
    let mut machine = Machine::new().await;
    machine.settings.credentials_file = None;
    let mut with = async |url: String| {
        machine.settings.credentials_imds = url.parse().ok();
        machine.report().await
    };
    let status = |report: &Report, id: &str| report.checks.iter().find(|line| line.id == id).unwrap().status;
    let report = with(imds("eu-central-1", false).await).await;
    for id in ["imds", "region", "clock", "credentials"] {
        assert_eq!(status(&report, id), Status::Pass, "{report}");
    }
    let report = with(imds("eu-central-1", true).await).await;
    assert_eq!(status(&report, "imds"), Status::Warn, "{report}");
    assert!(report.is_good());
    let report = with(format!("http://{}", nobody().await)).await;
    assert_eq!((status(&report, "imds"), status(&report, "credentials")), (Status::Fail, Status::Fail));
    assert!(report.to_string().contains("--http-put-response-hop-limit 2"), "{report}");
}

#[tokio::test]
async fn a_pods_agent_gives_credentials_and_nothing_else() {
    let mut machine = Machine::new().await;
    let agent = Router::new().route(
        "/v1/credentials",
        get(async |headers: HeaderMap| {
            let known = headers.get("authorization").is_some_and(|token| token == "token");
            let status = if known { StatusCode::OK } else { StatusCode::NOT_FOUND };
            (status, CREDENTIALS.replace("SessionToken", "Token"))
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/credentials", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, agent).await });
    machine.settings.credentials_file = None;
    machine.settings.credentials_container = url.parse().ok();
    let line = machine.line("credentials").await;
    assert!(line.status == Status::Fail && line.found.contains("need each other"), "{line:?}");
    machine.settings.credentials_container_token_file = Some(machine.root.path().join("token"));
    for (token, said, remedy) in [
        (None, "cannot be read: entity not found", "create-pod-identity-association"),
        (Some("two words"), "holds no token", "create-pod-identity-association"),
        (Some("another"), "answers 404", "list-pod-identity-associations"),
    ] {
        token.inspect(|token| machine.write("token", token));
        let line = machine.line("credentials").await;
        assert!(line.status == Status::Fail && line.found.contains(said), "{line:?}");
        assert!(line.remedy.unwrap().contains(remedy), "{said}");
    }
    machine.write("token", "token\n");
    let report = machine.report().await;
    let status = |id: &str| report.checks.iter().find(|line| line.id == id).unwrap().status;
    assert_eq!((status("config"), status("credentials")), (Status::Pass, Status::Pass), "{report}");
    assert_eq!((status("imds"), status("region")), (Status::Skip, Status::Skip), "{report}");
    machine.settings.credentials_container = format!("http://{}/", nobody().await).parse().ok();
    let line = machine.line("credentials").await;
    assert!(line.status == Status::Fail && line.remedy.unwrap().contains("eks-pod-identity-agent"));
}

#[tokio::test]
async fn everything_is_in_one_region() {
    let mut machine = Machine::new().await;
    machine.settings.kms = "kms.eu-central-1.amazonaws.com:443".parse().ok();
    let survey = |region: &str| {
        let region = region.parse().ok();
        imds::Survey::Said { date: None, region, takes_version_1: false }
    };
    let check = |settings: &Settings, region: &str| region::check(settings, &survey(region)).status;
    assert_eq!(check(&machine.settings, "eu-central-1"), Status::Pass);
    assert_eq!(check(&machine.settings, ""), Status::Pass, "one that is unknown");
    assert_eq!(check(&machine.settings, "eu-west-1"), Status::Fail);
    machine.settings.s3_region = "us-east-1".parse().ok();
    assert_eq!(check(&machine.settings, "eu-central-1"), Status::Fail);
}

#[tokio::test]
async fn kms_is_dialled_and_asked_for_tls_where_it_has_a_name() {
    let mut machine = Machine::new().await;
    assert!(machine.line("kms").await.found.contains("no name to check"));
    machine.settings.kms = nobody().await.parse().ok();
    assert_eq!(machine.line("kms").await.status, Status::Fail);
    // Something that takes a connection and speaks no TLS.
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    machine.settings.kms = format!("localhost:{}", plain.local_addr().unwrap().port()).parse().ok();
    tokio::spawn(async move {
        while let Ok((stream, _)) = plain.accept().await {
            drop(stream);
        }
    });
    let line = machine.line("kms").await;
    assert!(line.status == Status::Fail && line.found.contains("no TLS"), "{line:?}");
    let reached = kms::Reach::Tls { date: Some("Thu, 01 Jan 1970 00:00:00 GMT".into()) };
    assert_eq!(kms::check(&machine.settings, &reached).status, Status::Pass);
    assert_eq!(clock::check(&imds::Survey::NotUsed, &reached).status, Status::Fail, "half a century off");
}

#[tokio::test]
async fn ports_are_free_or_a_hosts() {
    let mut machine = Machine::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    machine.settings.listen = taken.local_addr().ok();
    let line = machine.line("ports").await;
    assert!(line.status == Status::Fail && line.found.contains("listen"), "{line:?}");
    drop(taken);
    let metrics = TcpListener::bind("127.0.0.1:0").await.unwrap();
    machine.settings.metrics = metrics.local_addr().ok();
    let router = Router::new().route("/metrics", get(async || "strongroom_host_enclave_up 1\n"));
    tokio::spawn(async move { axum::serve(metrics, router).await });
    let line = machine.line("ports").await;
    assert!(line.status == Status::Pass && line.found.contains("runs already"), "{line:?}");
    machine.settings.metrics = "192.0.2.1:1".parse().ok();
    assert_eq!(machine.line("ports").await.status, Status::Fail, "no address of this machine");
}

#[tokio::test]
async fn a_bucket_is_looked_at_and_not_listed() {
    let mut machine = Machine::new().await;
    machine.settings.store = "s3://models/eu".parse().ok();
    machine.settings.s3_region = "eu-central-1".parse().ok();
    let with = async |machine: &mut Machine, charter: usize, release: StatusCode| {
        let object = move |status: StatusCode, bytes: usize| (status, [("etag", "\"t\"")], "x".repeat(bytes));
        let router = Router::new()
            .route("/models/eu/charter.cose", get(async move || object(StatusCode::OK, charter)))
            .route("/models/eu/release.bundle", get(async move || object(release, 5)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        machine.settings.s3_endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().ok();
        tokio::spawn(async move { axum::serve(listener, router).await });
        machine.line("store").await
    };
    let line = with(&mut machine, 5, StatusCode::OK).await;
    assert_eq!((line.status, line.found.as_str()), (Status::Pass, "charter and release at s3://models/eu/"));
    for (charter, release, said) in [
        (5, StatusCode::FORBIDDEN, "release.bundle: 403"),
        (5, StatusCode::NOT_FOUND, "release.bundle: 404"),
        (0, StatusCode::OK, "charter.cose has 0 bytes"),
        (MAX_CHARTER_BYTES + 1, StatusCode::OK, "which no enclave takes"),
    ] {
        let line = with(&mut machine, charter, release).await;
        assert!(line.status == Status::Fail && line.found.contains(said), "{line:?}");
    }
}

#[test]
fn a_report_has_two_forms() {
    let report = Report::new([
        ("one", Finding::pass("good\x1b[2J\nforged")),
        ("two", Finding::warn("odd", "look")),
        ("three", Finding::skip("nothing")),
    ]);
    assert!(report.is_good());
    let text = report.to_string();
    let expected = "PASS one: good[2Jforged\nWARN two: odd\n     do: look\nSKIP three: nothing\n\
        verdict: 0 of 3 failed, 1 to look at\n";
    assert_eq!(text, expected);
    let report = Report::new([("one", Finding::fail("bad", "mend"))]);
    let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
    let line = serde_json::json!({"id": "one", "status": "fail", "found": "bad", "remedy": "mend"});
    assert_eq!(json, serde_json::json!({"verdict": "fail", "checks": [line]}));
    assert!(!report.is_good());
}
