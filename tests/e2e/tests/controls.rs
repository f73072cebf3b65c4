//! Every control, on and off, through the running binaries.

mod audit;
mod coming_in;
mod going_out;
mod how_much;
mod incident;
mod restarts;
mod routes;
mod telemetry;
mod trust;
mod watching;
mod watermark;
mod who;

use std::collections::BTreeMap;
use std::path::PathBuf;

use ring::digest::{SHA256, digest};
use strongroom_attestation::channel::Session;
use strongroom_attestation::receipt::Receipt;
use strongroom_e2e::{RawClient, Stage, StageOptions, judged, random};
use strongroom_seal::message::{Ask, Outcome, Refusal, Request, RequestId};
use strongroom_seal::tensor::{DType, Tensor};
use strongroom_sim::world::READY;

/// The API key of a number, and the SHA-256 that a policy names it by.
pub(crate) fn key(number: u8) -> [u8; 32] {
    [number; 32]
}

fn sha256(number: u8) -> String {
    hex::encode(digest(&SHA256, &key(number)))
}

/// A `[[key]]` of a policy.
pub(crate) fn key_entry(number: u8, rest: &str) -> String {
    format!("[[key]]\nsha256 = \"{}\"\n{rest}\n", sha256(number))
}

/// A key of this test as a file for the shipped command.
pub(crate) fn key_file(stage: &Stage, number: u8) -> PathBuf {
    use base64::Engine as _;
    let path = stage.ground.layout.owner(&format!("key-{number}"));
    let coded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key(number));
    std::fs::write(&path, format!("sr_{coded}\n")).unwrap();
    path
}

/// The outputs of the bundled model, named for what they are.
pub(crate) const FRAUD: &str = "[model.fraud]\nlabel = [\"label\"]\nprobabilities = [\"probabilities\"]\n";

pub(crate) async fn stage(policy: String) -> Stage {
    let options = StageOptions { policy: Some(policy), ..StageOptions::default() };
    let stage = Stage::set(options).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    stage
}

/// An open session of one API key.
pub(crate) struct Caller {
    pub(crate) client: RawClient,
    pub(crate) session: Session,
}

/// What came back: an answer's outputs or a refusal, the receipt, and the size that the host saw.
pub(crate) struct Got {
    pub(crate) outcome: Result<Vec<Tensor<'static>>, Refusal>,
    receipt: Receipt,
    pub(crate) bytes: usize,
}

impl Caller {
    pub(crate) async fn new(stage: &Stage, number: u8) -> Self {
        let client = stage.client().unwrap().with_key(key(number));
        let opened = client.open(client.verify().await.unwrap(), &[]).unwrap();
        let reply = client.send(&opened.message).await;
        assert_eq!(reply.status, 200);
        Self { client, session: opened.session }
    }

    pub(crate) async fn ask(&self, ask: &Ask<'_>) -> Got {
        let (message, pending) = self.session.seal(&ask.encode().unwrap()).unwrap();
        let reply = self.client.send(&message).await;
        assert_eq!(reply.status, 200);
        let (outcome, receipt) = judged(&self.session, &pending, &reply).unwrap();
        let outcome = match Outcome::decode(&outcome).unwrap_or_else(|error| panic!("{error}")) {
            Outcome::Answer(answer) => Ok(answer.outputs.into_iter().map(Tensor::into_owned).collect()),
            Outcome::Refused(refusal) => Err(refusal),
            _ => Ok(vec![]),
        };
        Got { outcome, receipt, bytes: reply.body.len() }
    }

    pub(crate) async fn infer(&self, model: &str, rows: &[Vec<f32>]) -> Got {
        self.ask(&Ask::Infer(request(model, rows))).await
    }

    async fn infer_with(&self, model: &str, rows: &[Vec<f32>], risk: &[(&str, f64)]) -> Got {
        let risk = risk.iter().map(|(name, value)| (name.parse().unwrap(), *value)).collect();
        self.ask(&Ask::Infer(Request { risk, ..request(model, rows) })).await
    }
}

impl Got {
    pub(crate) fn refusal(&self) -> &Refusal {
        self.outcome.as_ref().err().expect("refused")
    }

    fn output(&self, name: &str) -> &Tensor<'static> {
        let outputs = self.outcome.as_ref().unwrap_or_else(|refusal| panic!("{refusal}"));
        outputs.iter().find(|output| output.name == name).unwrap()
    }

    /// The probabilities, in rows of two.
    fn probabilities(&self) -> Vec<[f32; 2]> {
        let data = &self.output("probabilities").data;
        let values: Vec<f32> =
            data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        values.as_chunks::<2>().0.to_vec()
    }

    pub(crate) fn labels(&self) -> Vec<i64> {
        let data = &self.output("label").data;
        data.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()
    }
}

pub(crate) fn request(model: &str, rows: &[Vec<f32>]) -> Request<'static> {
    let data: Vec<u8> = rows.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    let shape = vec![rows.len() as u64, 30];
    let input = Tensor { name: "X".into(), dtype: DType::Fp32, shape, data: data.into() };
    Request {
        id: RequestId::new(random()),
        model: model.parse().unwrap(),
        version: None,
        inputs: vec![input],
        outputs: vec![],
        risk: BTreeMap::new(),
    }
}

/// The first payments of the held-out set of the bundled model.
pub(crate) fn payments(count: usize) -> Vec<Vec<f32>> {
    let folder = strongroom_sim::world::bundled_folder().unwrap();
    let text = std::fs::read_to_string(folder.join("test.csv")).unwrap();
    let numbers =
        |line: &str| -> Option<Vec<f32>> { line.split(',').map(|field| field.parse().ok()).collect() };
    let rows: Vec<Vec<f32>> =
        text.lines().filter_map(numbers).map(|row| row[..30].to_vec()).take(count).collect();
    assert_eq!(rows.len(), count);
    rows
}
