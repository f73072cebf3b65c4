//! Genuine evidence of a genuine enclave, whose release is not what the client demands.

use strongroom_hostile::{Found, Scene};

use super::attacks;

attacks! { Evidence;
    /// sends a client that demands one model to an enclave that serves another
    another_model_than_demanded("which model answers", "exit 14: models", "models-demanded");
    /// sends a client that demands certain controls to an enclave with others
    other_controls_than_demanded("how a request is treated", "exit 14: controls", "controls-demanded");
    /// sends a client that demands rounded answers to an enclave that gives exact ones
    exact_answers("how much of the model an answer tells", "exit 14: control-outputs", "control-requirements");
    /// sends a client that demands an audit log to an enclave that keeps none
    no_audit_log("who was answered, and what about", "exit 14: control-audit", "control-requirements");
    /// sends a client that demands limits to an enclave that has none
    no_limits("how much of the model its other clients take", "exit 14: control-limits", "control-requirements");
    /// sends a client that demands a measured statement of how a model was made to an enclave that has none
    no_provenance("how the model was made", "exit 14: control-provenance", "control-requirements");
}

/// A client that demands this in place of what its trust file waives.
async fn demanding(waived: &str, demanded: &str) -> Found {
    let scene = Scene::serving().await.unwrap();
    let trust = scene.ground.layout.trust();
    let text = std::fs::read_to_string(&trust).unwrap();
    assert!(text.contains(waived));
    std::fs::write(&trust, text.replace(waived, "") + demanded).unwrap();
    scene.found(scene.verdict().await.unwrap())
}

async fn controls(demanded: &str) -> Found {
    demanding("owner_decides_controls = true", &format!("\n[controls]\n{demanded}\n")).await
}

async fn another_model_than_demanded() -> Found {
    let digest = "07".repeat(48);
    let model = format!("\n[[model]]\nname = \"fraud\"\nversion = \"1\"\ndigest = \"{digest}\"\n");
    demanding("owner_may_change_models = true", &model).await
}

async fn other_controls_than_demanded() -> Found {
    controls(&format!("digest = \"{}\"", "07".repeat(48))).await
}

async fn exact_answers() -> Found {
    controls("outputs = [\"rounded\"]").await
}

async fn no_audit_log() -> Found {
    controls("audit = true").await
}

async fn no_limits() -> Found {
    controls("limits = true").await
}

async fn no_provenance() -> Found {
    controls("provenance = [\"measured\"]").await
}
