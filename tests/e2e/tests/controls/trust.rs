//! What a client can demand of controls, and how `verify` judges it.

use strongroom_e2e::{Stage, StageOptions};
use strongroom_sim::world::{READY, bundled_model};

use super::{FRAUD, key_entry, stage};

async fn verify(stage: &Stage, demands: &str) -> (i32, String) {
    let path = stage.ground.layout.trust();
    let text = std::fs::read_to_string(&path).unwrap();
    let plain = text.split("\n[controls]").next().unwrap().replace("owner_decides_controls = true\n", "");
    std::fs::write(&path, format!("{plain}\n[controls]\n{demands}\n")).unwrap();
    let output = stage.command("verify", &[]).await.unwrap();
    (output.code, output.stdout + &output.stderr)
}

#[tokio::test]
async fn verify_judges_each_demanded_control_on_a_line_of_its_own() {
    let digest = "ab".repeat(32);
    let declared = format!(
        "[[model.fraud.provenance]]\nclaim = \"labels\"\nkind = \"declared\"\nsha256 = \"{digest}\"\n"
    );
    let policy = "audit_key = \"AUDIT\"\n".to_owned()
        + FRAUD
        + &declared
        + "[treatment.coarse]\ndecimals = 2\n[role.client]\nmodels = { fraud = \"coarse\" }\nrows_per_day = 5\n"
        + "[role.public]\nmodels = { fraud = \"label_only\" }\nrows_per_day = 5\n"
        + &key_entry(1, "role = \"public\"");
    let folder = tempfile::tempdir().unwrap();
    let claims = folder.path().join("provenance.toml");
    let privacy = "[dp_sgd]\nnoise_multiplier = 1.1\nsampling_rate = 0.004\nsteps = 14063\ndelta = 1e-5\n";
    std::fs::write(&claims, privacy).unwrap();
    let mut model = bundled_model().unwrap();
    model.arguments = vec!["--provenance".into(), claims.display().to_string()];
    let options = StageOptions { policy: Some(policy), models: Some(vec![model]), ..StageOptions::default() };
    let stage = Stage::set(options).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    let all = "outputs = [\"label_only\", \"rounded\"]\ninputs = \"not_recorded\"\naudit = true\nlimits = true\n\
               provenance = [\"declared\", \"recomputed\"]";
    let (code, said) = verify(&stage, all).await;
    assert_eq!(code, 0, "{said}");
    for id in ["outputs", "inputs", "audit", "limits", "provenance"] {
        assert!(said.contains(&format!("PASS control-{id}: ")), "{id}: {said}");
    }
    assert!(said.contains("PASS controls: 5 demanded, all of them met"), "{said}");
    for (demand, id) in
        [("outputs = [\"label_only\"]", "outputs"), ("provenance = [\"measured\"]", "provenance")]
    {
        let (code, said) = verify(&stage, &format!("audit = true\n{demand}")).await;
        assert_eq!(code, 14, "{said}");
        assert!(said.contains(&format!("FAIL control-{id}: ")), "{said}");
        assert!(said.contains("PASS control-audit: "), "the others are judged all the same: {said}");
    }
}

#[tokio::test]
async fn controls_that_are_not_on_are_refused_by_who_demands_them() {
    let stage = stage(FRAUD.to_owned() + &key_entry(1, "")).await;
    for (demand, id) in [
        ("audit = true", "audit"),
        ("limits = true", "limits"),
        ("outputs = [\"label_only\", \"rounded\"]", "outputs"),
        ("provenance = [\"declared\"]", "provenance"),
    ] {
        let (code, said) = verify(&stage, demand).await;
        assert_eq!(code, 14, "{said}");
        assert!(said.contains(&format!("FAIL control-{id}: ")), "{said}");
    }
    let (code, said) = verify(&stage, "inputs = \"not_recorded\"").await;
    assert_eq!(code, 0, "{said}");
}
