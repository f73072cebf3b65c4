//! Neither the weights nor a client's data are anywhere on the host: not in its memory, not in a core dump of it, not in its
//! files, its log at the most talkative level or a file without a name that it holds open, and not in anything that
//! crosses between it and the enclave.
//!
//! The test looks for real bytes, as they are and encoded: every window of the plain model's weights, its data key, the API
//! key, a request made of numbers that occur nowhere else, and its answer. That the same search finds the weights inside
//! the enclave shows that finding nothing outside means something. Swap needs no search of its own: what is read of a process's
//! memory is all of it, wherever the kernel keeps it at that moment.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers of tests fail with the test, and what was searched is shown"
)]

mod forgotten;
mod wire;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use strongroom_proto::name::PackageId;
use strongroom_seal::package::Header;
use strongroom_sim::kms::ciphertext;
use strongroom_sim::memory::{Needle, Needles, files_below, is_telling, memory_of, open_files_of};
use strongroom_sim::world::{
    Binaries, EnclaveOptions, EnclaveProcess, Ground, HostOptions, HostProcess, ModelSource, Owner, READY,
    ReleasePlan, Sockets, bundled_folder, bundled_model, wait_for,
};
use wire::{Recorder, Valve};

/// Bytes of weights that count as having leaked them.
const WINDOW_BYTES: usize = 64;

/// Different windows of the weights that an enclave with the model must hold for the search to be trusted.
const LEAST_FOUND_INSIDE: usize = 3;

/// Rows of the request, and numbers in each.
const SHAPE: [usize; 2] = [8, 30];

/// A deployment whose host and enclave meet only through a recorder of everything that passes.
struct Scene {
    ground: Ground,
    binaries: Binaries,
    owner: Owner,
    enclave: EnclaveProcess,
    host: HostProcess,
    recorder: Recorder,
    sockets: [Sockets; 2],
    directory: tempfile::TempDir,
}

impl Scene {
    async fn set() -> Self {
        Self::set_with(vec![bundled_model().unwrap()], Valve::closed_beyond(usize::MAX)).await
    }

    /// With these models, and a valve in what the host gives to the enclave.
    async fn set_with(models: Vec<ModelSource>, valve: Valve) -> Self {
        let binaries = Binaries::beside_this_one().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let ground = Ground::prepare(directory.path()).await.unwrap();
        let owner = Owner::establish(&ground, &binaries).await.unwrap();
        owner.release(&ReleasePlan::first(models)).await.unwrap();
        let [inside, outside] = [Sockets::fresh().unwrap(), Sockets::fresh().unwrap()];
        // The host calls the enclave; the enclave calls the host's services and its tunnel to KMS.
        let recorder = Recorder::default();
        recorder.pass(outside.path().join("enclave"), inside.path().join("enclave"));
        recorder.pass_through(inside.path().join("host"), outside.path().join("host"), valve);
        recorder.pass(inside.path().join("kms"), outside.path().join("kms"));
        let enclave = EnclaveProcess::start(&binaries, &ground, &inside, &EnclaveOptions::default()).unwrap();
        let working = directory.path().join("working");
        std::fs::create_dir(&working).unwrap();
        let options = HostOptions {
            arguments: ["--log-level=debug", "--log-format=json"].map(str::to_owned).to_vec(),
            log: Some(directory.path().join("host.log")),
            directory: Some(working),
            ..HostOptions::default()
        };
        let host = HostProcess::start(&binaries, &ground, &outside, &options).await.unwrap();
        host.wait_until_serving(READY).await.unwrap();
        Self { ground, binaries, owner, enclave, host, recorder, sockets: [inside, outside], directory }
    }

    async fn infer(&self, input: &Path) -> Value {
        let layout = &self.ground.layout;
        let arguments = [
            "infer".to_owned(),
            format!("--url={}", self.host.url()),
            format!("--trust={}", layout.trust().display()),
            format!("--api-key=@{}", layout.api_key().display()),
            "--model=fraud".to_owned(),
            format!("--input={}", input.display()),
        ];
        let state = layout.owner("client-state").display().to_string();
        let output = self.binaries.strongroom(arguments, &[("XDG_STATE_HOME", &state)]).await.unwrap();
        assert_eq!(output.code, 0, "{}", output.stderr);
        serde_json::from_str(&output.stdout).expect("JSON alone on stdout")
    }

    /// Every file but the owner's own, the client's among them, and the client's API key.
    fn files(&self) -> Vec<PathBuf> {
        let (owner, key) = (self.ground.layout.owner(""), self.ground.layout.api_key());
        let folders = [self.directory.path(), self.sockets[0].path(), self.sockets[1].path()];
        let files = folders.iter().flat_map(|folder| files_below(folder));
        files.filter(|file| !file.starts_with(&owner) && *file != key).collect()
    }

    /// The data key of a package, which the simulated KMS can tell.
    fn data_key(&self, id: &PackageId) -> Vec<u8> {
        let package = std::fs::read(self.owner.package(id)).unwrap();
        let wrapped = Header::split(&package).unwrap().0.wrapped_key;
        let mut kms_key = None;
        self.ground.kms.alter(self.owner.key().as_str(), |key| kms_key = Some(key.clone())).unwrap();
        let kms_key = kms_key.unwrap();
        let open = |context| ciphertext::open(&kms_key.id, &kms_key.material, &context, &wrapped).ok();
        self.ground.kms.calls().into_iter().find_map(|call| open(call.context)).expect("KMS made it")
    }

    /// The API key as it crosses the channel.
    fn api_key(&self) -> [u8; 32] {
        use base64::Engine as _;
        let text = std::fs::read_to_string(self.ground.layout.api_key()).unwrap();
        let coded = text.trim().strip_prefix("sr_").unwrap();
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(coded).unwrap().try_into().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_the_wire_and_the_disk_hold_neither_weights_nor_requests_nor_answers() {
    let scene = Scene::set().await;
    let client = tempfile::tempdir().unwrap();
    let request = Request::fresh();
    let input = client.path().join("input.json");
    std::fs::write(&input, request.json.to_string()).unwrap();
    let answer = scene.infer(&input).await;
    assert_eq!(answer["id"], request.json["id"]);

    let weights = weights();
    let fraud = bundled_model().unwrap().id;
    let keys = [("the data key", scene.data_key(&fraud)), ("the API key", scene.api_key().to_vec())];
    let keys = keys.iter().flat_map(|(what, key)| Needle::in_all_forms(what, key));
    let encoded = weights.iter().step_by(8).flat_map(Needle::forms);
    let needles = weights.iter().cloned().chain(encoded).chain(keys);
    let secrets = Needles::new(needles.chain(request.needles()).chain(answer_needles(&answer)));
    let host = memory_of(scene.host.id().expect("the host runs"));
    let wire = scene.recorder.streams();
    let files = scene.files();
    let held = open_files_of(scene.host.id().expect("the host runs"));
    eprintln!(
        "searched for {} secrets in {} KiB of the host's memory, {} KiB on the wire, {} files and {} that are open",
        secrets.len(),
        host.iter().map(Vec::len).sum::<usize>() / 1024,
        wire.iter().map(Vec::len).sum::<usize>() / 1024,
        files.len(),
        held.len()
    );
    assert_found(&secrets, "the host's memory", &host);
    assert_found(&secrets, "what crossed the vsock and the tunnel", &wire);
    for file in &files {
        assert_found(&secrets, &file.display().to_string(), &[std::fs::read(file).unwrap()]);
    }
    for (name, content) in held {
        assert_found(&secrets, &format!("the open file {}", name.display()), &[content]);
    }
    the_searches_find_what_is_there(&scene, [&host, &wire], &files);
    the_enclave_holds_the_weights(&scene, weights);
    a_core_dump_holds_no_more(scene, &secrets).await;
}

/// Has the host end with a core dump, as somebody with its machine can, and looks into that.
async fn a_core_dump_holds_no_more(scene: Scene, secrets: &Needles) {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    if pattern.starts_with(['|', '/']) {
        eprintln!(
            "SKIPPED: core dumps of this machine go elsewhere; the memory of which they are made was searched"
        );
        return;
    }
    let (host, working) = (scene.host.id().unwrap(), scene.directory.path().join("working"));
    let run = |program: &str, arguments: &[&str]| {
        let status = std::process::Command::new(program).args(arguments).args([host.to_string()]).status();
        assert!(status.unwrap().success(), "{program}");
    };
    run("prlimit", &["--core=unlimited:unlimited", "--pid"]);
    run("kill", &["-ABRT"]);
    let dead =
        async || std::fs::read_to_string(format!("/proc/{host}/maps")).map_or(true, |maps| maps.is_empty());
    assert!(wait_for(READY, dead).await, "the host lives on");
    let [core] = files_below(&working).try_into().expect("one core dump and nothing else");
    let core = vec![std::fs::read(&core).unwrap()];
    eprintln!("a core dump of {} KiB", core[0].len() / 1024);
    assert_found(secrets, "a core dump of the host", &core);
    let ready = scene.sockets[1].path().join("ready").display().to_string();
    let known = Needles::new([Needle::new("its own arguments", ready.as_bytes())]);
    assert_eq!(known.found_in(&core).len(), 1, "that is no dump of the host's memory");
}

#[track_caller]
fn assert_found(secrets: &Needles, place: &str, haystacks: &[Vec<u8>]) {
    let found = secrets.found_in(haystacks);
    assert!(found.is_empty(), "{place} holds {found:?}");
}

/// The counterpart inside: without it, a search for the wrong bytes would pass.
fn the_enclave_holds_the_weights(scene: &Scene, weights: Vec<Needle>) {
    let memory = memory_of(scene.enclave.id().expect("the enclave runs"));
    let found = Needles::new(weights).found_in(&memory);
    eprintln!("the enclave's memory holds {} windows of the weights", found.len());
    assert!(
        found.len() >= LEAST_FOUND_INSIDE,
        "the search does not find the weights where they must be: {found:?}"
    );
}

/// The counterpart outside: memory, wire and disk were really read, for each shows what it must.
fn the_searches_find_what_is_there(scene: &Scene, [host, wire]: [&[Vec<u8>]; 2], files: &[PathBuf]) {
    let path = scene.owner.package(&bundled_model().unwrap().id);
    assert!(
        files.iter().any(|file| file.canonicalize().unwrap() == path.canonicalize().unwrap()),
        "{files:?}"
    );
    let package = std::fs::read(&path).unwrap();
    let sealed = package.chunks_exact(WINDOW_BYTES).last().unwrap();
    let sealed = Needles::new([Needle::new("the sealed package's last bytes", sealed)]);
    assert_eq!(sealed.found_in(wire).len(), 1, "the recorder missed the package");
    let url = scene.host.address().to_string();
    let ready = scene.sockets[1].path().join("ready").display().to_string();
    let known = Needles::new([Needle::new("its own arguments", ready.as_bytes())]);
    assert_eq!(known.found_in(host).len(), 1, "the memory of the host at {url} was not read");
}

/// A request of numbers that occur nowhere else: ordinary payments, each number moved a little at random.
struct Request {
    json: Value,
    data: Vec<f32>,
}

impl Request {
    fn fresh() -> Self {
        let ordinary = std::fs::read(bundled_folder().unwrap().join("request.json")).unwrap();
        let ordinary: Value = serde_json::from_slice(&ordinary).unwrap();
        let ordinary = ordinary["inputs"][0]["data"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap());
        let random = strongroom_e2e::random::<{ SHAPE[0] * SHAPE[1] * 4 }>();
        let moved = |(value, random): (f64, &[u8])| {
            let share = f64::from(u32::from_le_bytes(random.try_into().unwrap())) / f64::from(u32::MAX);
            rounded(value + (share + 0.01) * 0.01 * value.abs().max(1.0))
        };
        let data: Vec<f32> =
            ordinary.collect::<Vec<_>>().into_iter().cycle().zip(random.chunks_exact(4)).map(moved).collect();
        // JSON gives each the shortest text of its exact value.
        let numbers: Vec<f64> = data.iter().copied().map(f64::from).collect();
        let input = json!({ "name": "X", "datatype": "FP32", "shape": SHAPE, "data": numbers });
        let marker = hex::encode(strongroom_e2e::random::<16>());
        Self { json: json!({ "id": format!("secret-order-{marker}"), "inputs": [input] }), data }
    }

    fn needles(&self) -> Vec<Needle> {
        let text = self.json["inputs"][0]["data"].to_string();
        let text = text.trim_matches(['[', ']']).split(',').collect::<Vec<_>>();
        let mut needles = vec![Needle::new("the request's id", self.json["id"].as_str().unwrap().as_bytes())];
        for (number, row) in self.data.chunks_exact(SHAPE[1]).enumerate() {
            needles.extend(Needle::in_all_forms(&format!("row {number} of the request"), &floats(row)));
            needles.push(Needle::new(format!("row {number} of the request, first half"), &floats(&row[..4])));
            needles.push(Needle::new(
                format!("row {number} of the request, second half"),
                &floats(&row[15..19]),
            ));
        }
        for (number, row) in text.chunks_exact(SHAPE[1]).enumerate() {
            needles.push(Needle::new(
                format!("row {number} of the request as text"),
                row[..3].join(",").as_bytes(),
            ));
        }
        needles
    }
}

fn rounded(value: f64) -> f32 {
    value as f32
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The answer's numbers as the engine gives them, and as the client prints them.
fn answer_needles(answer: &Value) -> Vec<Needle> {
    let outputs = answer["outputs"].as_array().expect("outputs");
    let scores = outputs.iter().find(|output| output["datatype"] == "FP32").expect("an output of scores");
    let numbers: Vec<f64> = scores["data"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    let values: Vec<f32> = numbers.iter().copied().map(rounded).collect();
    assert!(values.len() >= 16, "{answer}");
    let mut needles = Needle::in_all_forms("the answer's scores", &floats(&values));
    needles.push(Needle::new("the answer's scores as text", scores["data"].to_string().as_bytes()));
    needles
}

/// Every window of the plain model's weights.
fn weights() -> Vec<Needle> {
    let onnx = std::fs::read(bundled_folder().unwrap().join("fraud.onnx")).unwrap();
    let mut windows = Vec::new();
    for graph in fields(&onnx, 7) {
        for (tensor, initializer) in fields(graph, 5).into_iter().enumerate() {
            let data = [fields(initializer, 4), fields(initializer, 9)].concat();
            let telling =
                data.iter().flat_map(|data| data.chunks_exact(WINDOW_BYTES)).filter(|w| is_telling(w));
            for (number, window) in telling.enumerate() {
                windows.push(Needle::new(format!("window {number} of weight tensor {tensor}"), window));
            }
        }
    }
    assert!(windows.len() > 100, "only {} windows of weights found in the ONNX file", windows.len());
    windows
}

/// Fields of this number and of variable length in a protobuf message. onnx.proto: a model's graph is 7, its
/// initializers are 5, whose numbers are 4 or, raw, 9.
fn fields(mut message: &[u8], wanted: u64) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message);
        let skip = match tag & 7 {
            0 => {
                varint(&mut message);
                0
            }
            1 => 8,
            2 => usize::try_from(varint(&mut message)).unwrap(),
            5 => 4,
            other => panic!("wire type {other}"),
        };
        let (value, rest) = message.split_at(skip);
        if tag == wanted << 3 | 2 {
            found.push(value);
        }
        message = rest;
    }
    found
}

fn varint(message: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = message[0];
        *message = &message[1..];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}
