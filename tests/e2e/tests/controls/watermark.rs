//! A model that a client copied, row by row, is told from one that nobody copied, and the client is named.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use strongroom_e2e::{Stage, StageOptions};
use strongroom_sim::world::{ModelSource, READY, bundled_folder, bundled_model};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Caller, FRAUD, key_entry, payments, sha256};

const ROWS: usize = 2000;
const CLIENTS: u8 = 3;
const THIEF: u8 = 2;

/// What the thief was told, by the bits of the row: label and probabilities.
type Copied = HashMap<Vec<u32>, (i64, [f32; 2])>;

fn bits(row: &[f32]) -> Vec<u32> {
    row.iter().map(|value| value.to_bits()).collect()
}

/// The copy as a service of the Open Inference Protocol, on loopback.
async fn serve(copied: Copied) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v2/models/copy", listener.local_addr().unwrap());
    let copied = Arc::new(copied);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&copied)));
        }
    });
    url
}

async fn answer(mut stream: TcpStream, copied: Arc<Copied>) {
    let mut bytes = Vec::new();
    let body = loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        if body.len() >= length.unwrap_or(0_usize) {
            break body.to_owned();
        }
    };
    let request: Value = serde_json::from_str(&body).unwrap();
    let values: Vec<f32> =
        request["inputs"][0]["data"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect();
    let told: Vec<_> = values.chunks(30).map(|row| copied[&bits(row)]).collect();
    let labels: Vec<i64> = told.iter().map(|(label, _)| *label).collect();
    let scores: Vec<f32> = told.iter().flat_map(|(_, scores)| *scores).collect();
    let answer = json!({ "model_name": "copy", "outputs": [
        { "name": "label", "datatype": "INT64", "shape": [labels.len()], "data": labels },
        { "name": "probabilities", "datatype": "FP32", "shape": [labels.len(), 2], "data": scores },
    ] });
    let body = answer.to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_gives_itself_and_its_client_away_and_an_innocent_model_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (schema, tracing) = (folder.path().join("schema.toml"), folder.path().join("fraud.tracing"));
    std::fs::write(&schema, "[input.X]\nlengthscale = 300.0\n").unwrap();
    let arguments =
        vec![format!("--schema={}", schema.display()), format!("--tracing-key={}", tracing.display())];
    let model = ModelSource { arguments, ..bundled_model().unwrap() };
    let mut policy = format!(
        "{FRAUD}[model.fraud.watch]\nprofile = \"PROFILE\"\nunlike = \"answered\"\nflips = 0.02\n[treatment.noisy]\nnoise = 0.02\n"
    );
    policy += "[role.client]\nmodels = { fraud = \"noisy\" }\n";
    for number in 1..=CLIENTS {
        policy += &key_entry(number, "");
    }
    let options = StageOptions { models: Some(vec![model]), policy: Some(policy), ..StageOptions::default() };
    let stage = Stage::set(options).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();

    let rows = payments(ROWS);
    let stolen = Caller::new(&stage, THIEF).await.infer("fraud", &rows).await;
    let told = stolen.labels().into_iter().zip(stolen.probabilities());
    let url = serve(rows.iter().map(|row| bits(row)).zip(told).collect()).await;

    let keys: Vec<String> = (1..=CLIENTS).map(|number| format!("--key-sha256={}", sha256(number))).collect();
    let verify = async |suspect: &str| {
        let bundled = bundled_folder().unwrap();
        let file = |option: &str, path: &Path| format!("{option}={}", path.display());
        let mut args = vec![
            "watermark".to_owned(),
            "verify".to_owned(),
            format!("--suspect={suspect}"),
            file("--model", &bundled.join("fraud.onnx")),
            file("--tracing-key", &tracing),
            file("--profile", &stage.owner.profile().await.unwrap()),
            file("--queries", &bundled.join("test.csv")),
            file("--schema", &schema),
            "--share=0.02".to_owned(),
            "--gate=1e-6".to_owned(),
            "--json".to_owned(),
        ];
        args.extend_from_slice(&keys);
        let output = stage.binaries.strongroom(args, &[]).await.unwrap();
        let report: Value =
            serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}", output.stderr));
        (output.code, report)
    };
    let (code, report) = verify(&url).await;
    assert_eq!(code, 0, "{report}");
    let ln_p = |found: &Value| found["ln_p"].as_f64().unwrap();
    assert!(ln_p(&report["dawn"]) < 1e-9_f64.ln(), "{report}");
    let keys = report["field"]["keys"].as_array().unwrap();
    let named = keys.iter().min_by(|a, b| ln_p(a).total_cmp(&ln_p(b))).unwrap();
    assert!(sha256(THIEF).starts_with(named["sha256"].as_str().unwrap()), "{report}");
    assert!(ln_p(named) < 1e-6_f64.ln(), "{report}");
    assert_eq!(keys.iter().filter(|key| ln_p(key) < 0.01_f64.ln()).count(), 1, "{report}");
    assert!(report["field"]["decoys"].as_u64().unwrap() >= 200);

    let innocent = bundled_folder().unwrap().join("fraud.onnx").display().to_string();
    let (code, report) = verify(&innocent).await;
    assert_eq!(code, 17, "nothing reaches the gate: {report}");
    assert!(ln_p(&report["dawn"]) > 0.01_f64.ln());
}
