//! What `verify` and `infer` do before anybody answers.

use std::net::TcpListener;

use strongroom_attestation::evidence::{CharterDemand, ControlsDemand, ModelDemand};
use strongroom_attestation::{ImagePcrs, Pcr, TrustRoot};
use strongroom_client::{Demands, TrustFile};
use strongroom_seal::digest::CharterDigest;
use tempfile::TempDir;

use crate::common::{Ran, strongroom, text};

/// A folder with a trust file, an API key and a request.
pub(crate) fn client() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let pcr = Pcr::new([1; 48]);
    let demands = Demands {
        root: TrustRoot::aws_nitro_g1(),
        images: vec![ImagePcrs { pcr0: pcr, pcr1: pcr, pcr2: pcr }],
        charter: CharterDemand::Exactly(CharterDigest::of(b"c")),
        least_epoch: 0,
        models: ModelDemand::OwnerMayChange,
        controls: ControlsDemand::OwnerDecides,
        max_age: std::time::Duration::from_secs(300),
    };
    let trust = TrustFile::new(demands).unwrap().to_toml();
    std::fs::write(folder.path().join("trust.toml"), trust).unwrap();
    std::fs::write(folder.path().join("request.json"), r#"{"inputs": []}"#).unwrap();
    let key = folder.path().join("api-key");
    assert_eq!(strongroom(&["api-key", "--out", text(&key)]).code, 0);
    folder
}

fn nobody() -> String {
    format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

fn infer(folder: &TempDir, url: &str) -> Ran {
    let file = |name: &str| text(&folder.path().join(name)).to_owned();
    let key = format!("@{}", file("api-key"));
    let (trust, input) = (file("trust.toml"), file("request.json"));
    strongroom(&[
        "infer",
        "--url",
        url,
        "--trust",
        &trust,
        "--api-key",
        &key,
        "--model",
        "m",
        "--input",
        &input,
    ])
}

#[test]
fn a_host_that_is_not_there_is_unreachable() {
    let folder = client();
    let ran = infer(&folder, &nobody());
    assert_eq!((ran.code, ran.out.as_str()), (40, ""), "{}", ran.err);
    let trust = folder.path().join("trust.toml");
    assert_eq!(strongroom(&["verify", "--url", &nobody(), "--trust", text(&trust)]).code, 40);
}

#[test]
fn what_the_caller_gave_wrong_is_usage() {
    let folder = client();
    assert_eq!(infer(&folder, "127.0.0.1:80").code, 2, "not a URL");
    let write = |name: &str, bytes: &str| std::fs::write(folder.path().join(name), bytes).unwrap();
    write(
        "request.json",
        r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": ["7777"]}]}"#,
    );
    let ran = infer(&folder, &nobody());
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("inputs[0].data") && !ran.err.contains("7777"), "{}", ran.err);
    write("request.json", r#"{"inputs": []}"#);
    write("api-key", "sr_short");
    assert_eq!(infer(&folder, &nobody()).code, 2);
    write("trust.toml", "simulation = true");
    assert_eq!(infer(&folder, &nobody()).code, 2);
    let absent = strongroom(&["verify", "--url", &nobody(), "--trust", "absent.toml"]);
    assert_eq!(absent.code, 1);
}

#[test]
fn no_key_at_all_is_usage() {
    let folder = client();
    let (trust, input) = (folder.path().join("trust.toml"), folder.path().join("request.json"));
    let url = nobody();
    let ran = strongroom(&[
        "infer",
        "--url",
        &url,
        "--trust",
        text(&trust),
        "--model",
        "m",
        "--input",
        text(&input),
    ]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("STRONGROOM_API_KEY"));
}
