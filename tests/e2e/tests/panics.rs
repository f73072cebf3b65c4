//! A model that panics costs the request that made it, and is counted where its owner looks; one that is asked for too much says so.

use strongroom_e2e::onnx::{FLOAT, Message, model};
use strongroom_e2e::{Stage, StageOptions};
use strongroom_sim::world::{ModelSource, Output, READY};

use crate::controls::{key_entry, key_file};
use crate::memory::tensor;

/// ONNX's number for a tensor of i64.
const INT64: usize = 7;

/// `y = ScatterElements(table, places, cells)`: a place outside the table of three makes tract panic.
fn scatter() -> Vec<u8> {
    let (mut node, mut graph) = (Message::default(), Message::default());
    node.text(1, "table").text(1, "places").text(1, "cells").text(2, "y").text(4, "ScatterElements");
    graph.message(1, &node).text(2, "scatter");
    graph.message(5, &tensor("table", &[3], 1)).message(5, &tensor("cells", &[1], 2));
    graph.message(11, &list("places", INT64, 1)).message(12, &list("y", FLOAT, 3));
    model(&graph)
}

/// `y = ReduceMax(Range(0, places, 1))`: as many numbers as are asked for, and the largest of them.
fn count() -> Vec<u8> {
    let (mut range, mut largest, mut graph) = (Message::default(), Message::default(), Message::default());
    range.text(1, "start").text(1, "places").text(1, "step").text(2, "numbers").text(4, "Range");
    largest.text(1, "numbers").text(2, "y").text(4, "ReduceMax");
    graph.message(1, &range).message(1, &largest).text(2, "count");
    graph.message(5, &number("start", 0)).message(5, &number("step", 1));
    graph.message(11, &shaped("places", INT64, &[])).message(12, &shaped("y", INT64, &[1]));
    model(&graph)
}

fn number(name: &str, value: i64) -> Message {
    let mut number = Message::default();
    number.number(2, INT64).text(8, name).bytes(9, &value.to_le_bytes());
    number
}

fn list(name: &str, dtype: usize, length: usize) -> Message {
    shaped(name, dtype, &[length])
}

fn shaped(name: &str, dtype: usize, sizes: &[usize]) -> Message {
    let (mut shape, mut tensor) = (Message::default(), Message::default());
    for size in sizes {
        let mut dimension = Message::default();
        dimension.number(1, *size);
        shape.message(1, &dimension);
    }
    tensor.number(1, dtype).message(2, &shape);
    let (mut kind, mut value) = (Message::default(), Message::default());
    kind.message(1, &tensor);
    value.text(1, name).message(2, &kind);
    value
}

/// A stage that serves a model of one input to the key of number 1.
async fn stage(name: &str, file: Vec<u8>) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let onnx = folder.path().join("model.onnx");
    std::fs::write(&onnx, file).unwrap();
    let source = ModelSource { id: format!("{name}@1").parse().unwrap(), onnx, arguments: vec![] };
    let policy =
        "[role.all]\noperations = [\"infer\", \"status\"]\n".to_owned() + &key_entry(1, "role = \"all\"");
    let options =
        StageOptions { models: Some(vec![source]), policy: Some(policy), ..StageOptions::default() };
    let stage = Stage::set(options).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    stage
}

/// Asks the model about a number, with the shipped command.
async fn ask(stage: &Stage, model: &str, shape: &str, place: i64) -> Output {
    let file = stage.ground.layout.owner("places.json");
    let asked =
        format!(r#"{{"inputs":[{{"name":"places","shape":{shape},"datatype":"INT64","data":[{place}]}}]}}"#);
    std::fs::write(&file, asked).unwrap();
    let (key, input) = (key_file(stage, 1), format!("--input={}", file.display()));
    let arguments = [format!("--api-key=@{}", key.display()), format!("--model={model}"), input];
    stage.command("infer", &arguments).await.unwrap()
}

/// The shipped programs: too much is asked for by a client, and by nothing inside the enclave.
#[tokio::test]
async fn an_input_that_asks_for_too_much_is_told_so() {
    let stage = stage("count", count()).await;
    let refused = ask(&stage, "count", "[]", i64::MAX).await;
    assert_ne!(refused.code, 0);
    assert!(refused.stderr.contains("the model cannot take"), "{}", refused.stderr);
    let answered = ask(&stage, "count", "[]", 5).await;
    assert_eq!(answered.code, 0, "{}", answered.stderr);
}

/// The shipped programs: the panic is made by what a client asks, and by nothing inside the enclave.
#[tokio::test]
async fn a_model_that_panics_costs_one_request_and_only_its_owner_can_tell() {
    let stage = stage("scatter", scatter()).await;
    let api_key = format!("--api-key=@{}", key_file(&stage, 1).display());
    let panics = async || {
        let told = stage.command("status", std::slice::from_ref(&api_key)).await.unwrap();
        let line =
            told.stdout.lines().find_map(|line| line.strip_prefix("lost to a panic: ").map(str::to_owned));
        line.and_then(|count| count.parse::<u64>().ok())
    };
    assert_eq!(panics().await, Some(0));
    for (broken, place) in [(1, 3), (2, 1 << 40), (3, i64::MIN)] {
        let refused = ask(&stage, "scatter", "[1]", place).await;
        assert_ne!(refused.code, 0);
        assert!(refused.stderr.contains("the model could not process this input"), "{}", refused.stderr);
        let answered = ask(&stage, "scatter", "[1]", 2).await;
        assert_eq!(answered.code, 0, "{}", answered.stderr);
        assert_eq!(panics().await, Some(broken));
    }
    // Whether a model panicked depends on what was asked.
    assert_eq!(stage.status().await.map(|status| status.panics), Some(0));
}
