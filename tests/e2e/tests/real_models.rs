//! Real models through the whole path: equal to the engine run directly, and to stored references of
//! another engine.

#[path = "../../../enclave/engine/tests/references/mod.rs"]
mod references;

use std::collections::BTreeMap;
use std::time::Instant;

use references::Reference;
use strongroom_e2e::{RawClient, Stage, StageOptions, outcome, random};
use strongroom_engine::{Model, Tolerance, derive};
use strongroom_proto::limits::MAX_OPENING_BYTES;
use strongroom_seal::message::{Ask, Outcome, Refusal, Request, RequestId};
use strongroom_seal::tensor::{DType, Tensor};
use strongroom_sim::world::{ModelSource, READY};
use zeroize::Zeroizing;

fn source(name: &str, reference: &Reference) -> ModelSource {
    let dim = |(symbol, range): (&String, &strongroom_seal::model::DimRange)| {
        format!("--dim={symbol}={}..{}", range.min, range.max)
    };
    ModelSource {
        id: format!("{name}@1").parse().unwrap(),
        onnx: reference.model.clone(),
        arguments: reference.options.symbols.iter().map(dim).collect(),
    }
}

async fn serve_and_compare(names: &[&str]) {
    let references: Vec<(&str, Reference)> =
        names.iter().map(|name| (*name, references::read(name))).collect();
    let models = references.iter().map(|(name, reference)| source(name, reference)).collect();
    let options = StageOptions { models: Some(models), ..StageOptions::default() };
    let stage = Stage::set(options).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    let client = stage.client().unwrap();
    for (name, reference) in references {
        let start = Instant::now();
        let sealed = ask(&client, name, &reference.inputs).await;
        println!("{name}: {:.2?} through the whole path, first request", start.elapsed());
        let direct = direct(&reference);
        assert!(direct.len() == sealed.len(), "{name}");
        for (ours, plain) in sealed.iter().zip(&direct) {
            assert!(ours == plain, "{name}: '{}' differs from the engine run directly", plain.name);
        }
        for expected in &reference.outputs {
            let ours = sealed.iter().find(|output| output.name == expected.name).unwrap();
            compare(name, ours, expected, reference.tolerance);
        }
    }
}

/// The same engine without anything around it.
fn direct(reference: &Reference) -> Vec<Tensor<'static>> {
    let file = std::fs::read(&reference.model).unwrap();
    let (interface, _) = derive(Zeroizing::new(file.clone()), &reference.options).unwrap();
    let model = Model::load(Zeroizing::new(file), &interface).unwrap();
    model.run(model.admit(&reference.inputs, &[]).unwrap()).unwrap()
}

async fn ask(client: &RawClient, name: &str, inputs: &[Tensor<'static>]) -> Vec<Tensor<'static>> {
    try_ask(client, name, inputs).await.unwrap_or_else(|refusal| panic!("{name}: {refusal}"))
}

async fn try_ask(
    client: &RawClient,
    name: &str,
    inputs: &[Tensor<'static>],
) -> Result<Vec<Tensor<'static>>, Refusal> {
    let request = Request {
        id: RequestId::new(random()),
        model: name.parse().unwrap(),
        version: None,
        inputs: inputs.to_vec(),
        outputs: vec![],
        risk: BTreeMap::new(),
    };
    let request = Ask::Infer(request).encode().unwrap();
    assert!(request.len() < MAX_OPENING_BYTES, "{name} fits an opening");
    let session = client.session().await.unwrap();
    let (message, pending) = session.seal(&request).unwrap();
    let reply = client.send(&message).await;
    assert_eq!(reply.status, 200, "{name}");
    let outcome = outcome(&session, &pending, &reply).unwrap();
    match Outcome::decode(&outcome).ok().unwrap() {
        Outcome::Answer(answer) => Ok(answer.outputs.into_iter().map(Tensor::into_owned).collect()),
        Outcome::Refused(refusal) => Err(refusal),
        _ => panic!("{name}: no answer"),
    }
}

fn compare(name: &str, ours: &Tensor<'_>, expected: &Tensor<'_>, tolerance: Tolerance) {
    assert_eq!((ours.dtype, &ours.shape), (expected.dtype, &expected.shape), "{name}: '{}'", expected.name);
    if ours.dtype != DType::Fp32 {
        assert!(ours.data == expected.data, "{name}: '{}' differs", expected.name);
        return;
    }
    let (mine, theirs) = (floats(&ours.data), floats(&expected.data));
    for (position, (a, b)) in mine.zip(theirs).enumerate() {
        let allowed = tolerance.absolute + tolerance.relative * b.abs();
        assert!((a - b).abs() <= allowed, "{name}: '{}'[{position}] is {a}, expected {b}", expected.name);
    }
}

fn floats(data: &[u8]) -> impl Iterator<Item = f64> {
    data.as_chunks::<4>().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes)))
}

#[tokio::test]
async fn tree_ensembles_keep_their_labels_and_tables_their_columns() {
    serve_and_compare(&["boosted-trees", "forest", "table"]).await;
}

#[tokio::test]
#[ignore = "needs the files of scripts/fetch-models; scripts/test --models runs it"]
async fn fetched_models_are_served_together() {
    serve_and_compare(&["magika", "opennsfw", "silero", "ocr-detector", "minilm", "minilm-int8"]).await;
}

/// Ids that no token has. Without a schema, -1 is the last row of a table, as ONNX has it, and answered; the others are
/// refused by the engine, which cannot say whose they are. With one, input and reason are named.
#[tokio::test]
#[ignore = "needs the files of scripts/fetch-models; scripts/test --models runs it"]
async fn ids_outside_a_vocabulary_never_reach_the_engine() {
    let reference = references::read("minilm");
    let ids = reference.inputs[0].name.clone().into_owned();
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("schema.toml");
    std::fs::write(&schema, format!("[input.{ids}]\nvocabulary = 30522\n")).unwrap();
    let mut strict = source("strict", &reference);
    strict.arguments.push(format!("--schema={}", schema.display()));
    let models = vec![source("minilm", &reference), strict];
    let options = StageOptions { models: Some(models), ..StageOptions::default() };
    let stage = Stage::set(options).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    let client = stage.client().unwrap();
    assert!(try_ask(&client, "strict", &reference.inputs).await.is_ok());
    for bad in [-1_i64, 30_522, 1 << 62] {
        let mut inputs = reference.inputs.clone();
        inputs[0].data.to_mut()[..8].copy_from_slice(&bad.to_le_bytes());
        let refused = Refusal::Input(format!("input '{ids}' holds an id outside the vocabulary"));
        assert_eq!(try_ask(&client, "strict", &inputs).await.err(), Some(refused), "{bad}");
        let unchecked = try_ask(&client, "minilm", &inputs).await.err();
        let unnamed =
            Refusal::Input("the input holds a length, a step or a number that the model cannot take".into());
        assert_eq!(unchecked, (bad != -1).then_some(unnamed), "{bad}");
    }
}
