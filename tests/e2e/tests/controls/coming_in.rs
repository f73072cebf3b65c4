//! What may come in: the schema in the manifest, and the transforms that the public controls state.

use strongroom_e2e::{Stage, StageOptions};
use strongroom_seal::message::Refusal;
use strongroom_sim::world::{ModelSource, READY, bundled_model};

use super::{Caller, FRAUD, key_entry, payments, stage};

/// The bundled model twice: with a schema, and as it is.
async fn two_models(schema: &str, policy: String) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("schema.toml");
    std::fs::write(&file, schema).unwrap();
    let strict = ModelSource {
        id: "strict@1".parse().unwrap(),
        arguments: vec![format!("--schema={}", file.display())],
        ..bundled_model().unwrap()
    };
    let models = Some(vec![bundled_model().unwrap(), strict]);
    let options = StageOptions { models, policy: Some(policy), ..StageOptions::default() };
    let stage = Stage::set(options).await.unwrap();
    stage.host.wait_until_serving(READY).await.unwrap();
    stage
}

#[tokio::test]
async fn values_outside_the_schema_never_reach_the_engine() {
    let schema = "max_bytes = 600\n[input.X]\nmin = -1000.0\nmax = 5000.0\n";
    let stage = two_models(schema, FRAUD.to_owned() + &key_entry(1, "")).await;
    let caller = Caller::new(&stage, 1).await;
    assert!(caller.infer("strict", &payments(1)).await.outcome.is_ok());
    let mut far = payments(1);
    far[0][3] = 1.0e6;
    let refused = caller.infer("strict", &far).await;
    assert_eq!(
        *refused.refusal(),
        Refusal::Input("input 'X' is outside the declared range at feature 3".into())
    );
    assert!(caller.infer("fraud", &far).await.outcome.is_ok(), "without a schema it is served");
    let refused = caller.infer("strict", &payments(6)).await;
    assert_eq!(
        *refused.refusal(),
        Refusal::Input("the inputs are larger than is declared for this model".into())
    );
    assert!(caller.infer("fraud", &payments(6)).await.outcome.is_ok());
}

#[tokio::test]
async fn numbers_that_are_not_finite_come_in_only_where_the_schema_says_so() {
    let stage = two_models("[input.X]\nnon_finite = true\n", FRAUD.to_owned() + &key_entry(1, "")).await;
    let caller = Caller::new(&stage, 1).await;
    for bad in [f32::NAN, f32::INFINITY] {
        let mut row = payments(1);
        row[0][0] = bad;
        let refused = caller.infer("fraud", &row).await;
        let expected = Refusal::Input("input 'X' holds a value that is not a finite number".into());
        assert_eq!(*refused.refusal(), expected);
        assert!(caller.infer("strict", &row).await.outcome.is_ok());
    }
}

#[tokio::test]
async fn inputs_are_clipped_and_quantized_as_the_controls_say() {
    let steps =
        "transforms.X = [{ clip = { min = -100000.0, max = 100000.0 } }, { quantize = { step = 50.0 } }]\n";
    let strict = FRAUD.replace("model.fraud", "model.strict") + steps;
    let stage = two_models("", FRAUD.to_owned() + &strict + &key_entry(1, "")).await;
    let caller = Caller::new(&stage, 1).await;
    let rows = payments(20);
    // Moved by less than half a step from the middle of one.
    let on_grid: Vec<Vec<f32>> =
        rows.iter().map(|row| row.iter().map(|value| (value / 50.0).round() * 50.0).collect()).collect();
    let moved: Vec<Vec<f32>> =
        on_grid.iter().map(|row| row.iter().map(|value| value + 11.0).collect()).collect();
    let ask = async |model: &str, rows: &[Vec<f32>]| caller.infer(model, rows).await.probabilities();
    assert_eq!(ask("strict", &on_grid).await, ask("strict", &moved).await, "the model sees the same");
    assert_ne!(ask("fraud", &on_grid).await, ask("fraud", &moved).await, "without the transform it does not");
}

/// A transform of an input that the model does not have is refused, by the owner's command already.
#[tokio::test]
async fn controls_that_do_not_fit_a_model_are_not_released() {
    let stage = stage(FRAUD.to_owned() + &key_entry(1, "")).await;
    let wrong =
        format!("{FRAUD}transforms.Y = [{{ clip = {{ min = 0.0, max = 1.0 }} }}]\n{}", key_entry(1, ""));
    let refused = stage.swap(2, &wrong, vec![bundled_model().unwrap()]).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("Y")), "named by the command");
    assert_eq!(stage.status().await.unwrap().epoch, 1);
}

/// The model sees what a median of neighbours leaves of its input: an outlier between them goes.
#[tokio::test]
async fn inputs_are_smoothed_as_the_controls_say() {
    let smooth = FRAUD.replace("model.fraud", "model.strict")
        + "transforms.X = [{ smooth = { window = 3, axis = 1 } }]\n";
    let stage = two_models("", FRAUD.to_owned() + &smooth + &key_entry(1, "")).await;
    let caller = Caller::new(&stage, 1).await;
    let rows = payments(10);
    let median = |row: &[f32], at: usize| {
        let mut around = row[at.saturating_sub(1)..(at + 2).min(row.len())].to_vec();
        around.sort_unstable_by(f32::total_cmp);
        around[(around.len() - 1) / 2]
    };
    let by_hand: Vec<Vec<f32>> =
        rows.iter().map(|row| (0..row.len()).map(|at| median(row, at)).collect()).collect();
    let smoothed = caller.infer("strict", &rows).await.probabilities();
    assert_eq!(smoothed, caller.infer("fraud", &by_hand).await.probabilities());
    assert_ne!(smoothed, caller.infer("fraud", &rows).await.probabilities());
}
