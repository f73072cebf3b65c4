//! The owner's command on real models: what `strongroom seal` checks before anything is encrypted.

use std::fs::File;
use std::path::{Path, PathBuf};

use strongroom_e2e::Stage;
use strongroom_sim::world::{ModelSource, ReleasePlan, WorldError};
use zip::{ZipArchive, ZipWriter};

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name)
}

/// One archive of arrays out of two.
fn merge(into: &Path, inputs: &Path, outputs: &Path) {
    let mut merged = ZipWriter::new(File::create(into).unwrap());
    for part in [inputs, outputs] {
        let mut part = ZipArchive::new(File::open(part).unwrap()).unwrap();
        for index in 0..part.len() {
            merged.raw_copy_file(part.by_index_raw(index).unwrap()).unwrap();
        }
    }
    merged.finish().unwrap();
}

async fn release_checked(stage: &Stage, epoch: u64, samples: &Path) -> Result<(), WorldError> {
    let forest = ModelSource {
        id: "forest@1".parse().unwrap(),
        onnx: model("forest/model.onnx"),
        arguments: vec![format!("--check={}", samples.display())],
    };
    stage.owner.release(&ReleasePlan { epoch, models: vec![forest], policy: None }).await
}

#[tokio::test]
async fn a_model_that_answers_other_than_its_samples_is_not_sealed() {
    let stage = Stage::serving().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let samples = folder.path().join("samples.npz");
    merge(&samples, &model("forest/inputs.npz"), &model("forest/outputs.npz"));
    release_checked(&stage, 2, &samples).await.unwrap();
    let wrong = folder.path().join("wrong.npz");
    merge(&wrong, &model("forest/inputs.npz"), &model("boosted-trees/outputs.npz"));
    let refused = release_checked(&stage, 3, &wrong).await.unwrap_err();
    let WorldError::Command { command, code, stderr } = refused else { panic!("{refused}") };
    assert_eq!((command.as_str(), code), ("strongroom seal", 1), "{stderr}");
    assert!(stderr.contains("differs") || stderr.contains("another type or shape"), "{stderr}");
}

#[tokio::test]
async fn samples_that_cannot_be_read_are_named() {
    let stage = Stage::serving().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (broken, twice) = (folder.path().join("broken.npz"), folder.path().join("twice.npz"));
    std::fs::write(&broken, b"not an archive").unwrap();
    merge(&twice, &model("forest/inputs.npz"), &model("forest/inputs.npz"));
    for (samples, said) in
        [(&broken, ["broken.npz:", "invalid"]), (&twice, ["twice.npz:", "stands in it twice"])]
    {
        let refused = release_checked(&stage, 2, samples).await.unwrap_err();
        let WorldError::Command { command, stderr, .. } = refused else { panic!("{refused}") };
        assert_eq!(command, "strongroom seal");
        // Lines are broken where the words are.
        let words = stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.iter().all(|said| words.contains(said)), "{stderr}");
    }
}

#[tokio::test]
async fn what_is_no_model_is_not_sealed() {
    let stage = Stage::serving().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let onnx = folder.path().join("broken.onnx");
    std::fs::write(&onnx, b"not a model").unwrap();
    let broken = ModelSource { id: "broken@1".parse().unwrap(), onnx, arguments: vec![] };
    let plan = ReleasePlan { epoch: 2, models: vec![broken], policy: None };
    let refused = stage.owner.release(&plan).await.unwrap_err();
    assert!(matches!(refused, WorldError::Command { code: 1, .. }), "{refused}");
}
