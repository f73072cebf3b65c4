//! The very image, booted: production binary, real guest kernel, `/dev/nsm` and AF_VSOCK under QEMU's machine
//! `nitro-enclave`. `scripts/nitro-test` builds what this needs and runs it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail with the test")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use strongroom_attestation::{ImagePcrs, Pcr, PcrIndex, Statement};
use strongroom_e2e::onnx::{self, Message, row as row_of};
use strongroom_eif::archive::{Entry, EntryKind, entries};
use strongroom_link::Mux;
use strongroom_proto::frame::Kind;
use strongroom_proto::hello::Evidence;
use strongroom_sim::kms::ErrorKind;
use strongroom_sim::nitro::{Bridge, EmulatedEnclave, Emulator, Resigner};
use strongroom_sim::world::{
    Binaries, Documents, Ground, HostOptions, HostProcess, ModelSource, Output, Owner, ReleasePlan, Sockets,
    bundled_folder, bundled_model, wait_for,
};

use crate::load::{client, row};
use crate::memory::linear_model;

/// Where `scripts/nitro-test` says the emulator and the static binary are.
const EMULATOR: &str = "STRONGROOM_EMULATOR";
const STATIC_ENCLAVE: &str = "STRONGROOM_STATIC_ENCLAVE";

/// The emulated device lets guests reach the parent as CID 2 as well, and shows the parent's calls as coming
/// from there.
const PARENT_CID: &str = "2";
const MEMORY: &str = "1G";
/// nitro-cli gives an enclave no less than four times the size of its image.
const LITTLE_MEMORY: &str = "160M";
/// Exit code of `verify` for a document that nobody vouches for.
const NOT_AUTHENTIC: i32 = 10;
/// Software emulation on a shared machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// A guest that has come up has done so by then.
const BOOT: Duration = Duration::from_secs(45);

/// An image and everything outside it.
struct Rig {
    emulator: Emulator,
    binaries: Binaries,
    ground: Ground,
    owner: Owner,
    sockets: Sockets,
    folder: tempfile::TempDir,
}

impl Rig {
    async fn set_up() -> Self {
        let emulator = Emulator::in_folder(&from_environment(EMULATOR)).unwrap();
        let binaries = Binaries::beside_this_one().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ground = Ground::prepare_for(&folder.path().join("state"), Documents::Resigned).await.unwrap();
        let owner = Owner::establish(&ground, &binaries).await.unwrap();
        Self { emulator, binaries, ground, owner, sockets: Sockets::fresh().unwrap(), folder }
    }

    /// Builds an image around a binary, for this simulation's KMS, and measures it with the shipped command.
    async fn image(&self, name: &str, init: &Path) -> (PathBuf, ImagePcrs) {
        self.image_with(name, init, &self.emulator.command_line()).await
    }

    async fn image_with(&self, name: &str, init: &Path, command_line: &Path) -> (PathBuf, ImagePcrs) {
        let image = self.folder.path().join(name);
        let args = [
            "image".to_owned(),
            format!("--init={}", init.display()),
            format!("--kernel={}", self.emulator.kernel().display()),
            format!("--cmdline={}", command_line.display()),
            format!("--parent-cid={PARENT_CID}"),
            format!("--pin-kms-roots={}", self.ground.layout.kms_roots().display()),
            format!("--output={}", image.display()),
        ];
        let built = self.strongroom(&args).await;
        let measured = self.strongroom(&["measure".to_owned(), image.display().to_string()]).await;
        assert_eq!(built.stdout, measured.stdout, "what was built is what is measured");
        (image, measurements(&measured.stdout))
    }

    async fn strongroom(&self, args: &[String]) -> Output {
        let output = self.binaries.strongroom(args.to_vec(), &[]).await.unwrap();
        assert_eq!(output.code, 0, "{}", output.stderr);
        output
    }

    fn prepare(&self, image: &Path, append: &str) -> EmulatedEnclave {
        self.prepare_with(image, append, MEMORY)
    }

    fn prepare_with(&self, image: &Path, append: &str, memory: &str) -> EmulatedEnclave {
        EmulatedEnclave::prepare(&self.emulator, image, &self.sockets, append, memory).unwrap()
    }

    fn bridge(&self, vm: &EmulatedEnclave) -> Bridge {
        let resigner = Resigner::new(std::sync::Arc::clone(&self.ground.pki));
        Bridge::start(&self.sockets.endpoint("enclave"), &vm.device(), Some(resigner)).unwrap()
    }

    async fn host(&self, options: HostOptions) -> HostProcess {
        HostProcess::start(&self.binaries, &self.ground, &self.sockets, &options).await.unwrap()
    }

    async fn command(&self, host: &HostProcess, command: &str, more: &[String]) -> Output {
        let mut all = vec![
            command.to_owned(),
            format!("--url={}", host.url()),
            format!("--trust={}", self.ground.layout.trust().display()),
        ];
        all.extend_from_slice(more);
        let state = self.ground.layout.owner("client-state").display().to_string();
        self.binaries.strongroom(all, &[("XDG_STATE_HOME", state.as_str())]).await.unwrap()
    }

    async fn infer(&self, host: &HostProcess) -> Output {
        self.infer_with(host, "fraud", &bundled_folder().unwrap().join("request.json")).await
    }

    async fn infer_with(&self, host: &HostProcess, model: &str, input: &Path) -> Output {
        let key = format!("--api-key=@{}", self.ground.layout.api_key().display());
        let (model, input) = (format!("--model={model}"), format!("--input={}", input.display()));
        self.command(host, "infer", &[key, model, input]).await
    }

    /// What the enclave says when asked directly, without anyone who signs in between.
    async fn raw_evidence(&self, vm: &EmulatedEnclave) -> Evidence {
        let endpoint = self.sockets.endpoint("direct");
        let _bridge = Bridge::start(&endpoint, &vm.device(), None).unwrap();
        let limit = Duration::from_secs(30);
        let mux = Mux::new(endpoint.connect(limit).await.unwrap());
        let reply = mux.call(Kind::Hello, vec![7; 32].into(), limit).await.unwrap();
        Evidence::decode(&reply.into_coded().unwrap().1).unwrap()
    }
}

fn from_environment(name: &str) -> PathBuf {
    std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run scripts/nitro-test")).into()
}

fn measurements(json: &str) -> ImagePcrs {
    let parsed: serde_json::Value = serde_json::from_str(json).unwrap();
    let pcr = |name: &str| parsed["Measurements"][name].as_str().unwrap().parse::<Pcr>().unwrap();
    ImagePcrs { pcr0: pcr("PCR0"), pcr1: pcr("PCR1"), pcr2: pcr("PCR2") }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs scripts/nitro-test"]
async fn the_measured_image_boots_attests_and_answers() {
    let rig = Rig::set_up().await;
    let (image, pcrs) = rig.image("strongroom.eif", &from_environment(STATIC_ENCLAVE)).await;
    rig.owner.allow(&rig.ground, &[pcrs]).await.unwrap();
    rig.owner.release(&ReleasePlan::first(vec![bundled_model().unwrap()])).await.unwrap();

    let mut vm = rig.prepare(&image, "");
    let _bridge = rig.bridge(&vm);
    let mut host = rig.host(HostOptions::default()).await;
    let start = Instant::now();
    vm.boot_until_it_listens(BOOT).await.unwrap();
    let serving = host.wait_until_serving(PATIENCE).await;
    assert!(serving.is_ok(), "{}", vm.console());
    let serving = start.elapsed();
    let verified = rig.command(&host, "verify", &[]).await;
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    let answer = rig.infer(&host).await;
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert!(answer.stdout.contains("\"model_name\""), "{}", answer.stdout);
    let bytes = std::fs::metadata(&image).unwrap().len();
    eprintln!("boot to serving {serving:?}, to first answer {:?}, image {bytes} bytes", start.elapsed());

    // What the module itself states, before anyone signs it.
    let evidence = rig.raw_evidence(&vm).await;
    let stated = Statement::peek_unverified(&evidence.document).unwrap();
    assert_eq!(stated.pcr(PcrIndex::IMAGE), Some(pcrs.pcr0));
    assert_eq!(stated.pcr(PcrIndex::KERNEL), Some(pcrs.pcr1));
    assert_eq!(stated.pcr(PcrIndex::APPLICATION), Some(pcrs.pcr2));
    let charter = std::fs::read(rig.ground.layout.store().join("charter.cose")).unwrap();
    let charter = strongroom_attestation::charter::SignedCharter::open(&charter).unwrap();
    // A document lists locked registers only.
    assert_eq!(stated.pcr(PcrIndex::CHARTER), Some(charter.pcr16()));

    // The production verifier refuses that document as it is.
    let document = rig.folder.path().join("document");
    std::fs::write(&document, &evidence.document).unwrap();
    let refused = rig.binaries.strongroom(
        [
            "verify".to_owned(),
            format!("--document={}", document.display()),
            format!("--at-ms={}", stated.timestamp().as_millis()),
            format!("--pcr=0={}", pcrs.pcr0),
        ],
        &[],
    );
    let refused = refused.await.unwrap();
    assert_eq!(refused.code, NOT_AUTHENTIC, "{}", refused.stderr);
    assert!(
        refused.stdout.lines().any(|line| line.contains("format") && line.contains("FAIL")),
        "{}",
        refused.stdout
    );
    let direct = rig.sockets.endpoint("unsigned");
    let _unsigned = Bridge::start(&direct, &vm.device(), None).unwrap();
    // Waited for: until its last write is on the disk, its sockets are in use.
    host.stop().await;
    let host = rig.host(HostOptions { enclave: Some(direct), ..HostOptions::default() }).await;
    host.wait_until_serving(PATIENCE).await.unwrap();
    let refused = rig.command(&host, "verify", &[]).await;
    assert_eq!(refused.code, NOT_AUTHENTIC, "an unsigned document was accepted: {}", refused.stdout);
    vm.kill().await;
}

/// Numbers of a request that makes a model hold a square of them, 256 MiB: more than there is with [`LITTLE_MEMORY`].
const GREEDY: usize = 8192;

/// Numbers in a row of a model with weights of 64 MiB, whose loading takes more than there is.
const HEAVY: usize = 4096;

/// As much memory as the promises page says, with the bundled model; and a request, or a model, that would take more costs
/// nobody else.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs scripts/nitro-test"]
async fn a_small_model_is_served_in_little_memory() {
    let rig = Rig::set_up().await;
    let (image, pcrs) = rig.image("strongroom.eif", &from_environment(STATIC_ENCLAVE)).await;
    rig.owner.allow(&rig.ground, &[pcrs]).await.unwrap();
    let greedy = rig.folder.path().join("greedy.onnx");
    std::fs::write(&greedy, greedy_model()).unwrap();
    let greedy = ModelSource { id: "greedy@1".parse().unwrap(), onnx: greedy, arguments: vec![] };
    let heavy = rig.folder.path().join("heavy.onnx");
    std::fs::write(&heavy, linear_model(HEAVY)).unwrap();
    let heavy = ModelSource { id: "heavy@1".parse().unwrap(), onnx: heavy, arguments: vec![] };
    rig.owner.release(&ReleasePlan::first(vec![bundled_model().unwrap(), greedy, heavy])).await.unwrap();
    let mut vm = rig.prepare_with(&image, "", LITTLE_MEMORY);
    let _bridge = rig.bridge(&vm);
    let log = rig.folder.path().join("host.log");
    let host = rig.host(HostOptions { log: Some(log.clone()), ..HostOptions::default() }).await;
    vm.boot_until_it_listens(BOOT).await.unwrap();
    assert!(host.wait_until_serving(PATIENCE).await.is_ok(), "{}", vm.console());
    assert_eq!(rig.infer(&host).await.code, 0);
    let boots = vm.console().matches("Linux version").count();
    let refused = "heavy@1: loading it takes more memory than is free";
    let refused = async || std::fs::read_to_string(&log).unwrap().contains(refused);
    assert!(wait_for(PATIENCE, refused).await, "{}", std::fs::read_to_string(&log).unwrap());

    let numbers = serde_json::json!({
        "inputs": [{ "name": "x", "datatype": "FP32", "shape": [1, GREEDY], "data": vec![0.5; GREEDY] }]
    });
    let input = rig.folder.path().join("greedy.json");
    std::fs::write(&input, numbers.to_string()).unwrap();
    let refused = rig.infer_with(&host, "greedy", &input).await;
    assert_ne!(refused.code, 0, "{}", refused.stdout);
    assert!(refused.stderr.contains("the model would take more memory"), "{}", refused.stderr);
    assert_eq!(rig.infer(&host).await.code, 0, "{}", vm.console());
    assert_eq!(vm.console().matches("Linux version").count(), boots, "the enclave ended: {}", vm.console());
    vm.kill().await;
}

/// The ONNX file of the largest product of any two numbers of a row.
fn greedy_model() -> Vec<u8> {
    let node = |operator: &str, inputs: &[&str], output: &str| {
        let mut node = Message::default();
        for input in inputs {
            node.text(1, input);
        }
        node.text(2, output).text(4, operator);
        node
    };
    let mut graph = Message::default();
    graph.message(1, &node("Transpose", &["x"], "t"));
    graph.message(1, &node("MatMul", &["t", "x"], "p"));
    graph.message(1, &node("ReduceMax", &["p"], "y")).text(2, "greedy");
    graph.message(11, &row_of("x", GREEDY)).message(12, &row_of("y", 1));
    onnx::model(&graph)
}

/// One byte of the kernel's command line differs, so nothing that runs does, and KMS still refuses.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs scripts/nitro-test"]
async fn an_image_with_one_changed_byte_gets_no_key() {
    let rig = Rig::set_up().await;
    let init = from_environment(STATIC_ENCLAVE);
    let (image, pcrs) = rig.image("strongroom.eif", &init).await;
    let line = std::fs::read_to_string(rig.emulator.command_line()).unwrap();
    let changed_line = rig.folder.path().join("cmdline");
    std::fs::write(&changed_line, line.replace("panic=30", "panic=31")).unwrap();
    let (changed, changed_pcrs) = rig.image_with("changed.eif", &init, &changed_line).await;
    let bytes = |path: &Path| std::fs::read(path).unwrap();
    let (one, other) = (bytes(&image), bytes(&changed));
    let differing = one.iter().zip(&other).skip(548).filter(|(a, b)| a != b).count();
    assert_eq!((one.len(), differing), (other.len(), 1), "one byte behind the header");
    assert_ne!(pcrs.pcr0, changed_pcrs.pcr0);

    // The release lists both, so that it is KMS that refuses: its policy pins the other image alone.
    rig.owner.allow(&rig.ground, &[pcrs, changed_pcrs]).await.unwrap();
    rig.owner.release(&ReleasePlan::first(vec![bundled_model().unwrap()])).await.unwrap();
    rig.owner.allow(&rig.ground, &[pcrs]).await.unwrap();
    let mut vm = rig.prepare(&changed, "");
    let _bridge = rig.bridge(&vm);
    let host = rig.host(HostOptions::default()).await;
    vm.boot_until_it_listens(BOOT).await.unwrap();
    let refused = async || {
        let calls = rig.ground.kms.calls();
        calls.iter().any(|call| call.operation == "Decrypt" && call.outcome == Err(ErrorKind::AccessDenied))
    };
    assert!(wait_for(PATIENCE, refused).await, "{}", vm.console());
    assert!(!host.is_serving().await);
    vm.kill().await;
}

/// What a host could append to the command line, were it not measured, becomes arguments and environment of
/// process 1. Neither is a way in.
const APPENDED: &str = "TOKIO_WORKER_THREADS=0 RUST_MIN_STACK=1 RUST_LOG=trace RUST_BACKTRACE=full \
                        SSLKEYLOGFILE=/dev/console AWS_ENDPOINT_URL_KMS=http://127.0.0.1:1 AWS_REGION=x \
                        STRONGROOM_PARENT_CID=7 STRONGROOM_KMS_ROOTS=/tmp/roots strongroom.parent_cid=7 \
                        --parent-cid=7 --help /tmp/roots";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs scripts/nitro-test"]
async fn neither_environment_nor_kernel_command_line_is_a_way_in() {
    let rig = Rig::set_up().await;
    let (image, pcrs) = rig.image("strongroom.eif", &from_environment(STATIC_ENCLAVE)).await;
    rig.owner.allow(&rig.ground, &[pcrs]).await.unwrap();
    rig.owner.release(&ReleasePlan::first(vec![bundled_model().unwrap()])).await.unwrap();
    let mut vm = rig.prepare(&image, APPENDED);
    let _bridge = rig.bridge(&vm);
    let host = rig.host(HostOptions::default()).await;
    vm.boot_until_it_listens(BOOT).await.unwrap();
    let serving = host.wait_until_serving(PATIENCE).await;
    assert!(vm.console().contains("STRONGROOM_PARENT_CID=7"), "the guest never saw it: {}", vm.console());
    assert!(serving.is_ok(), "{}", vm.console());
    assert_eq!(rig.infer(&host).await.code, 0);
    let said: Vec<String> =
        vm.console().lines().filter(|line| line.contains("strongroom-enclave:")).map(str::to_owned).collect();
    assert!(said.is_empty(), "{said:?}");
    vm.kill().await;
}

/// Without the byte's echo nobody waits for this enclave, and it ends with a reason.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs scripts/nitro-test"]
async fn an_enclave_that_cannot_start_reboots_with_a_reason() {
    let rig = Rig::set_up().await;
    let (image, _) = rig.image("strongroom.eif", &from_environment(STATIC_ENCLAVE)).await;
    let mut vm = rig.prepare(&image, "");
    vm.be_silent();
    vm.boot().unwrap();
    assert!(vm.ended(PATIENCE).await, "{}", vm.console());
    let console = vm.console();
    assert!(console.contains("strongroom-enclave: heartbeat: "), "{console}");
    assert!(console.contains("reboot: "), "{console}");
}

/// The host starts its enclave, and again when it was killed; clients notice nothing but time.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs scripts/nitro-test"]
async fn a_killed_enclave_is_restarted_and_clients_attest_anew_by_themselves() {
    let rig = Rig::set_up().await;
    let (image, pcrs) = rig.image("strongroom.eif", &from_environment(STATIC_ENCLAVE)).await;
    rig.owner.allow(&rig.ground, &[pcrs]).await.unwrap();
    rig.owner.release(&ReleasePlan::first(vec![bundled_model().unwrap()])).await.unwrap();
    let vm = rig.prepare(&image, "");
    let _bridge = rig.bridge(&vm);
    let arguments = vec![
        format!("--enclave-start={}", vm.boot_script().display()),
        format!("--enclave-stop={}", vm.end_script().display()),
    ];
    let host = rig.host(HostOptions { arguments, ..HostOptions::default() }).await;
    host.wait_until_serving(PATIENCE).await.unwrap();
    let client = client(&rig.ground.layout, &host.url());
    let before = client.infer(row(0)).await.ok().unwrap();

    let started = Instant::now();
    vm.kill_from_outside();
    assert!(wait_for(PATIENCE, async || !host.is_serving().await).await);
    host.wait_until_serving(PATIENCE).await.unwrap();
    let after = client.infer(row(0)).await.ok().unwrap();
    eprintln!("killed to next answer {:?}", started.elapsed());
    assert_ne!(before.receipt.boot, after.receipt.boot);
    assert!(before.outputs == after.outputs);
}

/// Everything that is in the image. Whatever is added here is measured, and has to earn its place.
#[tokio::test]
#[ignore = "needs scripts/nitro-test"]
async fn the_image_holds_the_binary_its_settings_and_nothing_else() {
    let rig = Rig::set_up().await;
    let init = from_environment(STATIC_ENCLAVE);
    let (image, _) = rig.image("strongroom.eif", &init).await;
    let bytes = std::fs::read(&image).unwrap();
    let image = strongroom_eif::Image::read(&bytes).unwrap();
    let disks: Vec<_> = image.ramdisks().map(|disk| entries(disk).unwrap()).collect();
    let files = |disk: &[Entry<'_>]| {
        let files = disk.iter().filter(|entry| entry.kind != EntryKind::Directory);
        files.map(|entry| entry.path.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(disks.len(), 2);
    assert_eq!(files(&disks[0]), ["dev/console", "dev/null"]);
    let settings = ["etc/strongroom/kms-roots.pem", "etc/strongroom/parent-cid"];
    assert_eq!(files(&disks[1]), [settings.as_slice(), &["init"]].concat());
    let content = |path: &str| disks[1].iter().find(|entry| entry.path == path).unwrap().content;
    assert!(content("init") == std::fs::read(&init).unwrap(), "the production binary, byte for byte");
    assert_eq!(content("etc/strongroom/parent-cid"), format!("{PARENT_CID}\n").as_bytes());
    assert!(disks.iter().flatten().all(|entry| entry.permissions & 0o022 == 0 || entry.path == "dev/null"));
}
