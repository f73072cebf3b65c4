//! What a loaded model does with requests: good ones, wrong ones, and ones that break tract.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "helpers of tests fail with the test, and measurements are shown"
)]

mod graphs;

use std::sync::Arc;

use graphs::{
    as_f32s, f32s, file, floats, gather, i64s, identity, load, matmul, model, node, options, run, texts,
    value,
};
use strongroom_engine::{Mismatch, Model, RunError, Tolerance, check_samples, derive};
use strongroom_seal::model::InterfaceError;
use strongroom_seal::tensor::{DType, Tensor};
use tract_onnx::pb::tensor_proto::DataType;

#[test]
fn models_are_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Model>();
    fn moved<T: Send>() {}
    moved::<strongroom_engine::ValidInputs>();
}

#[test]
fn one_plan_serves_every_batch() {
    let model = load(&matmul());
    assert!(model.compiled_for_all_shapes());
    let one = run(&model, &[f32s("x", &[1, 2], &[1.0, 1.0])]);
    assert_eq!((as_f32s(&one[0]), one[0].shape.as_slice()), (vec![5.0, 7.0, 9.0], [1, 3].as_slice()));
    let two = run(&model, &[f32s("x", &[2, 2], &[1.0, 0.0, 0.0, 1.0])]);
    assert_eq!(as_f32s(&two[0]), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
}

#[test]
fn every_type_passes_through_unchanged() {
    let types = [
        (DataType::Bool, DType::Bool),
        (DataType::Uint8, DType::Uint8),
        (DataType::Uint16, DType::Uint16),
        (DataType::Uint32, DType::Uint32),
        (DataType::Uint64, DType::Uint64),
        (DataType::Int8, DType::Int8),
        (DataType::Int16, DType::Int16),
        (DataType::Int32, DType::Int32),
        (DataType::Int64, DType::Int64),
        (DataType::Float16, DType::Fp16),
        (DataType::Float, DType::Fp32),
        (DataType::Double, DType::Fp64),
    ];
    for (onnx, dtype) in types {
        let model = load(&identity(onnx, &["batch", "2"]));
        let bytes = (0..dtype.element_bytes().unwrap() * 6).map(|byte| (byte % 2) as u8).collect::<Vec<_>>();
        let input = Tensor { name: "x".into(), dtype, shape: vec![3, 2], data: bytes.clone().into() };
        let output = run(&model, &[input]);
        assert_eq!((output[0].dtype, output[0].shape.as_slice()), (dtype, [3, 2].as_slice()));
        assert!(*output[0].data == bytes[..], "{dtype}");
    }
}

#[test]
fn strings_pass_and_must_be_text() {
    let graph = identity(DataType::String, &["n"]);
    let stated = strongroom_seal::model::AnswerBound {
        names_bytes: 65,
        bytes_per_request_kib: 1024,
        max_bytes: 1 << 20,
    };
    let options = strongroom_engine::DeriveOptions { answer: Some(stated), ..Default::default() };
    let (interface, _) = derive(file(&graph), &options).unwrap();
    let model = Model::load(file(&graph), &interface).unwrap();
    let input = texts("x", &[b"key", "schlüssel".as_bytes(), b""]);
    let output = run(&model, std::slice::from_ref(&input));
    assert!(output[0].data == input.data && output[0].shape == [3]);
    let refused = model.admit(&[texts("x", &[b"\xff"])], &[]).err();
    assert_eq!(refused, Some(RunError::Text("x".into())));
}

#[test]
fn outputs_are_given_by_name_in_the_order_asked_for() {
    let graph = model(
        vec![value("x", DataType::Float, &["1"])],
        vec![node("Neg", &["x"], &["minus"]), node("Identity", &["x"], &["same"])],
        vec![value("same", DataType::Float, &["1"]), value("minus", DataType::Float, &["1"])],
        vec![],
    );
    let model = load(&graph);
    let ask = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let answers = model.run(model.admit(&[f32s("x", &[1], &[2.0])], &names)?)?;
        Ok::<_, RunError>(answers.iter().map(|answer| as_f32s(answer)[0]).collect::<Vec<_>>())
    };
    assert_eq!(ask(&[]), Ok(vec![2.0, -2.0]));
    assert_eq!(ask(&["minus", "same"]), Ok(vec![-2.0, 2.0]));
    assert_eq!(ask(&["minus"]), Ok(vec![-2.0]));
    assert_eq!(ask(&["same", "other"]), Err(InterfaceError::UnknownOutput(1).into()));
    assert_eq!(ask(&["same", "same"]), Err(InterfaceError::UnknownOutput(1).into()));
}

#[test]
fn inputs_that_are_not_the_declared_ones_never_reach_the_model() {
    let model = load(&matmul());
    let admit = |tensor: Tensor<'static>| model.admit(&[tensor], &[]).err().unwrap();
    assert_eq!(admit(f32s("z", &[1, 2], &[0.0; 2])), InterfaceError::Unknown(0).into());
    assert_eq!(admit(f32s("x", &[1, 3], &[0.0; 3])), InterfaceError::Shape("x".into()).into());
    assert_eq!(admit(f32s("x", &[1, 2], &[0.0; 3])), InterfaceError::Bytes("x".into()).into());
    let expected = InterfaceError::DType { input: "x".into(), expected: DType::Fp32 };
    assert_eq!(admit(i64s("x", &[1, 2], &[0; 2])), expected.into());
    let empty = InterfaceError::Symbol { input: "x".into(), symbol: "batch".into() };
    assert_eq!(admit(f32s("x", &[0, 2], &[])), empty.into());
}

#[test]
fn inputs_admitted_to_one_model_do_not_run_in_another() {
    let (one, other) = (load(&matmul()), load(&matmul()));
    let valid = one.admit(&[f32s("x", &[1, 2], &[0.0; 2])], &[]).unwrap();
    assert!(matches!(other.run(valid), Err(RunError::OtherModel)));
}

#[test]
fn a_panic_costs_one_request() {
    let model = Arc::new(load(&gather()));
    for broken in [3, 1 << 40, 1 << 62, i64::MAX, i64::MIN] {
        let shared = Arc::clone(&model);
        // Whatever tract makes of the index, the process stays and the next request is served.
        let _ = std::thread::spawn(move || {
            shared.run(shared.admit(&[i64s("ids", &[1], &[broken])], &[]).unwrap()).map(|_| ())
        })
        .join()
        .unwrap();
        assert_eq!(as_f32s(&run(&model, &[i64s("ids", &[2], &[2, 0])])[0]), [12.0, 10.0]);
    }
    let outside = model.run(model.admit(&[i64s("ids", &[1], &[3])], &[]).unwrap());
    assert_eq!(outside.err(), Some(RunError::Value));
}

#[test]
fn samples_are_compared_within_the_tolerance() {
    let model = load(&matmul());
    let inputs = [f32s("x", &[1, 2], &[1.0, 1.0])];
    let check = |expected: Tensor<'static>| check_samples(&model, &inputs, &[expected], Tolerance::default());
    let report = check(f32s("y", &[1, 3], &[5.0, 7.0, 9.000_01])).unwrap();
    assert_eq!((report.outputs[0].name.as_str(), report.outputs[0].elements), ("y", 3));
    assert!(report.outputs[0].largest_difference < 2e-5);
    let wrong = check(f32s("y", &[1, 3], &[5.0, 7.5, 9.0]));
    assert_eq!(wrong, Err(Mismatch::Values { output: "y".into(), elements: 1, largest: 0.5 }));
    assert!(matches!(
        check(f32s("y", &[1, 3], &[5.0, f32::NAN, 9.0])),
        Err(Mismatch::Values { elements: 1, .. })
    ));
    assert_eq!(check(f32s("y", &[3], &[5.0, 7.0, 9.0])), Err(Mismatch::Shape { output: "y".into() }));
    assert_eq!(check(i64s("y", &[1, 3], &[5, 7, 9])), Err(Mismatch::Shape { output: "y".into() }));
    assert_eq!(check(f32s("x", &[1, 2], &[1.0, 1.0])), Err(Mismatch::Names));
    assert_eq!(check_samples(&model, &inputs, &[], Tolerance::default()), Err(Mismatch::Names));
}

/// Rows of so many numbers become rows of 1024, and then of one.
fn wide() -> Model {
    let weights = vec![0.5; 8 * 1024];
    let graph = model(
        vec![value("x", DataType::Float, &["batch", "steps", "8"])],
        vec![
            node("MatMul", &["x", "w"], &["h"]),
            node("Sigmoid", &["h"], &["s"]),
            node("MatMul", &["s", "v"], &["y"]),
        ],
        vec![value("y", DataType::Float, &["batch", "steps", "1"])],
        vec![floats("w", &[8, 1024], &weights), floats("v", &[1024, 1], &vec![0.5; 1024])],
    );
    let bytes = file(&graph);
    let ranges = options(&[("batch", 1, 512), ("steps", 1, 512)]);
    let interface = derive(bytes, &ranges).unwrap().0;
    Model::load(file(&graph), &interface).unwrap()
}

#[test]
fn what_a_run_holds_is_told_and_little_is_told_as_nothing() {
    let model = wide();
    let held = |batch: u64, steps: u64| {
        let elements = usize::try_from(batch * steps * 8).unwrap();
        model.held(&[f32s("x", &[batch, steps, 8], &vec![0.0; elements])]).unwrap()
    };
    for (batch, steps) in [(1, 1), (512, 1), (1, 512), (32, 32), (512, 3), (3, 512)] {
        assert_eq!(held(batch, steps), 0, "{batch} × {steps}");
    }
    let rows = |rows: u64| rows * 1024 * 4;
    // Long ones go one by one.
    let by_one = held(512, 512);
    assert!((8 << 20..24 << 20).contains(&by_one) || by_one == 0, "{by_one} bytes");
    for (batch, steps) in [(512, 63), (400, 60), (512, 40)] {
        let (held, layer) = (held(batch, steps), rows(batch * steps));
        assert!((layer..3 * layer).contains(&held), "{batch} × {steps}: {held} bytes, {layer} of a layer");
    }
    assert_eq!(model.held(&[f32s("x", &[1, 8], &[0.0; 8])]), Some(0), "what is not admitted is not run");
    assert!(model.most_held().unwrap() >= rows(512 * 512));
}
