use bytes::Bytes;
use proptest::prelude::*;
use strongroom_seal::tensor::{DType, Tensor, push_string};

use super::generated::infer_parameter::ParameterChoice;
use super::generated::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use super::generated::{InferParameter, InferTensorContents, ModelInferRequest};
use super::request::{Form, read};
use super::{answer, contents};
use crate::failure::{Failure, Fault};
use crate::oip::tests::answered;

/// What must never come back in an error.
const CANARY: &str = "canary-7b1f";

fn input(datatype: &str, shape: &[i64], contents: Option<InferTensorContents>) -> InferInputTensor {
    let (datatype, shape) = (datatype.to_owned(), shape.to_vec());
    InferInputTensor { name: CANARY.into(), datatype, shape, contents, ..InferInputTensor::default() }
}

fn request(inputs: Vec<InferInputTensor>, raw: &[&[u8]]) -> ModelInferRequest {
    ModelInferRequest {
        model_name: "m".into(),
        inputs,
        raw_input_contents: raw.iter().map(|raw| Bytes::copy_from_slice(raw)).collect(),
        ..ModelInferRequest::default()
    }
}

fn parameter(choice: ParameterChoice) -> InferParameter {
    InferParameter { parameter_choice: Some(choice) }
}

fn refused(request: ModelInferRequest) -> Failure {
    read(request).err().expect("is refused")
}

#[test]
fn raw_and_typed_inputs_are_read() {
    let raw = read(request(vec![input("FP16", &[2], None)], &[&[1, 2, 3, 4]])).unwrap();
    assert_eq!(raw.form, Form::Raw);
    assert!(raw.question.inputs[0].data.as_ref() == [1, 2, 3, 4]);
    let list = InferTensorContents { fp32_contents: vec![0.5], ..InferTensorContents::default() };
    let mut typed = request(vec![input("FP32", &[1], Some(list))], &[]);
    typed.model_version = "2".into();
    typed.outputs = vec![InferRequestedOutputTensor { name: "y".into(), ..Default::default() }];
    typed.parameters.insert("risk.amount".into(), parameter(ParameterChoice::DoubleParam(9.5)));
    typed.parameters.insert("timeout".into(), parameter(ParameterChoice::Int64Param(1)));
    let typed = read(typed).unwrap();
    assert_eq!(typed.form, Form::Typed);
    assert_eq!(typed.question.version.unwrap().as_str(), "2");
    assert_eq!(typed.question.risk.into_iter().next().map(|(_, value)| value), Some(9.5));
    assert!(typed.question.inputs[0].data.as_ref() == 0.5_f32.to_le_bytes());
}

#[test]
fn each_misfit_names_its_field_and_repeats_nothing() {
    let fp32 = |values: &[f32]| {
        Some(InferTensorContents { fp32_contents: values.to_vec(), ..InferTensorContents::default() })
    };
    let ints = |values: &[i32]| {
        Some(InferTensorContents { int_contents: values.to_vec(), ..InferTensorContents::default() })
    };
    let mut elsewhere = request(vec![input("FP32", &[1], fp32(&[1.0]))], &[]);
    elsewhere.parameters.insert("shared_memory_region".into(), parameter(ParameterChoice::BoolParam(true)));
    let mut risky = request(vec![], &[]);
    risky.parameters.insert("risk.amount".into(), parameter(ParameterChoice::DoubleParam(f64::NAN)));
    let mut classes = request(vec![], &[]);
    let classification = [("classification".to_owned(), parameter(ParameterChoice::Int64Param(3)))].into();
    classes.outputs = vec![InferRequestedOutputTensor { name: CANARY.into(), parameters: classification }];
    for (wrong, field) in [
        (request(vec![input("FP32", &[-1], fp32(&[1.0]))], &[]), "inputs[0].shape"),
        (request(vec![input("FLOAT", &[1], fp32(&[1.0]))], &[]), "inputs[0].datatype"),
        (request(vec![input("FP32", &[2], fp32(&[1.0]))], &[]), "inputs[0]"),
        (request(vec![input("FP32", &[1], ints(&[1]))], &[]), "inputs[0].contents"),
        (request(vec![input("INT8", &[1], ints(&[128]))], &[]), "inputs[0].contents"),
        (request(vec![input("FP16", &[1], fp32(&[1.0]))], &[]), "inputs[0].contents"),
        (request(vec![input("FP32", &[1], None)], &[&[0; 3]]), "inputs[0]"),
        (request(vec![input("FP32", &[1], None)], &[&[0; 4], &[0; 4]]), "raw_input_contents"),
        (request(vec![input("FP32", &[1], fp32(&[1.0]))], &[&[0; 4]]), "inputs[0].contents"),
        (
            request(vec![input("INT8", &[1], None), input("INT8", &[1], None)], &[&[0], &[0]]),
            "inputs[1].name",
        ),
        (request(vec![input("BYTES", &[1], None)], &[&[9, 0, 0, 0, 1]]), "inputs[0]"),
        (request(vec![input("BOOL", &[1], None)], &[&[2]]), "inputs[0]"),
        (elsewhere, "parameters.shared_memory_region"),
        (risky, "parameters"),
        (classes, "outputs[0].parameters.classification"),
    ] {
        let failure = refused(wrong);
        assert_eq!(failure.fault, Fault::Request, "{failure}");
        assert!(failure.message.starts_with(&format!("{field}:")), "{failure}: {field}");
        assert!(!failure.message.contains(CANARY), "{failure}");
    }
    let mut unknown = request(vec![], &[]);
    unknown.model_name = CANARY.to_uppercase();
    assert_eq!(refused(unknown).fault, Fault::Unknown);
}

#[test]
fn a_failure_has_its_code_and_when_to_try_again() {
    let limit = Failure {
        fault: Fault::Limit,
        message: "used up".into(),
        retry_after: Some(std::time::Duration::from_millis(1)),
    };
    let status = tonic::Status::from(limit);
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    assert_eq!(status.metadata().get("retry-after").unwrap(), "1");
    assert_eq!(tonic::Status::from(Failure::unknown_model()).code(), tonic::Code::NotFound);
}

/// All outputs of an answer have one form.
#[test]
fn an_output_without_a_list_makes_its_answer_raw() {
    let tensor = |name: &'static str, dtype, data: &'static [u8]| Tensor {
        name: name.into(),
        dtype,
        shape: vec![1],
        data: data.into(),
    };
    let (byte, half) = (tensor("a", DType::Uint8, &[7]), tensor("b", DType::Fp16, &[8, 9]));
    let typed = answer::write(answered(vec![byte.clone()]), String::new(), Form::Typed);
    assert_eq!(typed.outputs[0].contents.as_ref().unwrap().uint_contents, [7]);
    assert!(typed.raw_output_contents.is_empty());
    let mixed = answer::write(answered(vec![byte, half]), String::new(), Form::Typed);
    assert!(mixed.outputs.iter().all(|output| output.contents.is_none()));
    assert_eq!(mixed.raw_output_contents, [&[7][..], &[8, 9]]);
}

fn with_list() -> impl Strategy<Value = DType> {
    let listed = |dtype: &DType| !matches!(dtype, DType::Fp16 | DType::Bf16);
    proptest::sample::select(DType::ALL.into_iter().filter(listed).collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn typed_lists_read_back(dtype in with_list(), seeds in proptest::collection::vec(any::<u64>(), 0..9)) {
        let mut data = Vec::new();
        for seed in &seeds {
            match dtype {
                DType::Bool => data.push(u8::from(seed % 2 == 0)),
                DType::Bytes => push_string(&mut data, &seed.to_le_bytes()).unwrap(),
                _ => data.extend(seed.to_le_bytes().iter().take(dtype.element_bytes().unwrap())),
            }
        }
        let list = contents::write(dtype, &data).unwrap();
        let again = contents::read(dtype, &list).unwrap();
        // A NaN may come back as another NaN; every other value as it was.
        let tensor = |data: Vec<u8>| Tensor { name: "x".into(), dtype, shape: vec![seeds.len() as u64], data: data.into() };
        prop_assert!(tensor(again.clone()).check().is_ok());
        prop_assert!(again == data);
    }
}
