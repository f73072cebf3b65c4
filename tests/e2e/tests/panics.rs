//! A model that panics costs the request that made it, and is counted where its owner looks.

use strongroom_e2e::onnx::{FLOAT, Message, model};
use strongroom_e2e::{Stage, StageOptions};
use strongroom_sim::world::{ModelSource, READY};

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

fn list(name: &str, dtype: usize, length: usize) -> Message {
    let (mut dimension, mut shape, mut tensor) = (Message::default(), Message::default(), Message::default());
    dimension.number(1, length);
    shape.message(1, &dimension);
    tensor.number(1, dtype).message(2, &shape);
    let (mut kind, mut value) = (Message::default(), Message::default());
    kind.message(1, &tensor);
    value.text(1, name).message(2, &kind);
    value
}

/// The shipped programs: the panic is made by what a client asks, and by nothing inside the enclave.
#[tokio::test]
async fn a_model_that_panics_costs_one_request_and_only_its_owner_can_tell() {
    let folder = tempfile::tempdir().unwrap();
    let onnx = folder.path().join("scatter.onnx");
    std::fs::write(&onnx, scatter()).unwrap();
    let source = ModelSource { id: "scatter@1".parse().unwrap(), onnx, arguments: vec![] };
    let policy =
        "[role.all]\noperations = [\"infer\", \"status\"]\n".to_owned() + &key_entry(1, "role = \"all\"");
    let options =
        StageOptions { models: Some(vec![source]), policy: Some(policy), ..StageOptions::default() };
    let stage = Stage::set(options).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    let api_key = format!("--api-key=@{}", key_file(&stage, 1).display());
    let ask = async |place: i64| {
        let file = stage.ground.layout.owner("places.json");
        let asked =
            format!(r#"{{"inputs":[{{"name":"places","shape":[1],"datatype":"INT64","data":[{place}]}}]}}"#);
        std::fs::write(&file, asked).unwrap();
        let input = format!("--input={}", file.display());
        stage.command("infer", &[api_key.clone(), "--model=scatter".to_owned(), input]).await.unwrap()
    };
    let panics = async || {
        let told = stage.command("status", std::slice::from_ref(&api_key)).await.unwrap();
        let line =
            told.stdout.lines().find_map(|line| line.strip_prefix("lost to a panic: ").map(str::to_owned));
        line.and_then(|count| count.parse::<u64>().ok())
    };
    assert_eq!(panics().await, Some(0));
    for (broken, place) in [(1, 3), (2, 1 << 40), (3, i64::MIN)] {
        let refused = ask(place).await;
        assert_ne!(refused.code, 0);
        assert!(refused.stderr.contains("the model could not process this input"), "{}", refused.stderr);
        let answered = ask(2).await;
        assert_eq!(answered.code, 0, "{}", answered.stderr);
        assert_eq!(panics().await, Some(broken));
    }
    // Whether a model panicked depends on what was asked.
    assert_eq!(stage.status().await.map(|status| status.panics), Some(0));
}
