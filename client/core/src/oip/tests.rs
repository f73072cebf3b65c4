use proptest::prelude::*;

use strongroom_seal::tensor::push_string;

use super::*;

fn body(inputs: &str) -> Result<InferBody, OipError> {
    read_request(format!(r#"{{"inputs": [{inputs}]}}"#).as_bytes())
}

fn one(dtype: &str, shape: &str, data: &str) -> Result<Tensor<'static>, OipError> {
    let input = format!(r#"{{"name": "x", "datatype": "{dtype}", "shape": {shape}, "data": {data}}}"#);
    body(&input).map(|body| body.inputs.into_iter().next().unwrap())
}

fn fault(result: Result<Tensor<'static>, OipError>) -> (String, Fault) {
    match result.err() {
        Some(OipError::Field { field, fault }) => (field, fault),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_datatype_becomes_its_bytes() {
    for (dtype, data, bytes) in [
        ("BOOL", "[true, false]", vec![1, 0]),
        ("UINT8", "[0, 255]", vec![0, 255]),
        ("INT8", "[-128, 127]", vec![0x80, 0x7f]),
        ("UINT16", "[1, 65535]", vec![1, 0, 255, 255]),
        ("INT16", "[-1, 256]", vec![255, 255, 0, 1]),
        ("INT32", "[-2, 1]", vec![254, 255, 255, 255, 1, 0, 0, 0]),
        ("FP32", "[1, -0.5]", [1_f32.to_le_bytes(), (-0.5_f32).to_le_bytes()].concat()),
        ("FP64", "[0.1, 1e300]", [0.1_f64.to_le_bytes(), 1e300_f64.to_le_bytes()].concat()),
        ("UINT64", "[18446744073709551615, 0]", [u64::MAX.to_le_bytes(), [0; 8]].concat()),
        ("INT64", "[-9223372036854775808, 9]", [i64::MIN.to_le_bytes(), 9_i64.to_le_bytes()].concat()),
        ("BYTES", r#"["é", ""]"#, vec![2, 0, 0, 0, 0xc3, 0xa9, 0, 0, 0, 0]),
    ] {
        let tensor = one(dtype, "[2, 1]", data).unwrap_or_else(|error| panic!("{dtype}: {error}"));
        assert_eq!((tensor.data.as_ref(), &tensor.shape), (bytes.as_slice(), &vec![2, 1]), "{dtype}");
    }
}

#[test]
fn each_misfit_names_its_field_and_no_value() {
    let at = "inputs[0].data".to_owned();
    for (dtype, shape, data, expected) in [
        ("INT8", "[1]", "[128]", Fault::Range { index: 0 }),
        ("UINT8", "[2]", "[1, -1]", Fault::Range { index: 1 }),
        ("UINT64", "[1]", "[-1]", Fault::Range { index: 0 }),
        ("INT64", "[1]", "[9223372036854775808]", Fault::Range { index: 0 }),
        ("INT32", "[1]", "[1.0]", Fault::Element { index: 0, expected: "an integer" }),
        ("FP32", "[1]", "[1e39]", Fault::Range { index: 0 }),
        ("FP32", "[1]", "[\"NaN\"]", Fault::Element { index: 0, expected: "a number" }),
        ("FP32", "[1]", "[null]", Fault::Element { index: 0, expected: "a number" }),
        ("BOOL", "[1]", "[1]", Fault::Element { index: 0, expected: "a boolean" }),
        ("BYTES", "[1]", "[1]", Fault::Element { index: 0, expected: "a string" }),
        ("FP32", "[2]", "[1]", Fault::Count),
        ("FP32", "[1, 2]", "[[1, 2]]", Fault::Nested),
        ("FP32", "[]", "3", Fault::Type("a list")),
    ] {
        assert_eq!(fault(one(dtype, shape, data)), (at.clone(), expected), "{dtype} {data}");
    }
    let datatype = "inputs[0].datatype".to_owned();
    assert_eq!(fault(one("FP16", "[1]", "[1]")), (datatype.clone(), Fault::NoJsonForm));
    assert_eq!(fault(one("STRING", "[1]", "[1]")), (datatype, Fault::Datatype));
    let shape = "inputs[0].shape".to_owned();
    assert_eq!(fault(one("FP32", "[-1]", "[1]")), (shape.clone(), Fault::Type("a list of sizes")));
    let overflow = fault(one("FP32", "[18446744073709551615, 2]", "[1]"));
    assert_eq!(overflow, (shape, Fault::Tensor(TensorError::Shape)));
}

#[test]
fn what_would_be_ignored_is_refused() {
    let fault_of = |json: &str| read_request(json.as_bytes()).err();
    assert_eq!(fault_of(r#"{"inputs": [], "model": 1}"#), Some(Fault::Unknown.at("request")));
    assert_eq!(
        fault_of(r#"{"inputs": [], "parameters": {"a": 1}}"#),
        Some(Fault::Parameters.at("parameters"))
    );
    assert_eq!(
        fault_of(r#"{"inputs": [], "outputs": [{"name": 1}]}"#),
        Some(Fault::Type("a string").at("outputs[0].name"))
    );
    assert_eq!(fault_of("{}"), Some(Fault::Missing.at("inputs")));
    assert_eq!(fault_of("[]"), Some(Fault::Type("an object").at("body")));
    assert!(matches!(fault_of(r#"{"inputs": [NaN]}"#), Some(OipError::Syntax { line: 1, .. })));
    assert!(
        read_request(br#"{"id": "a", "parameters": {}, "inputs": [], "outputs": [{"name": "y"}]}"#).is_ok()
    );
}

#[test]
fn what_json_cannot_carry_is_not_written() {
    let write = |dtype, data: &[u8]| {
        let output = Tensor { name: "y".into(), dtype, shape: vec![1], data: data.to_vec().into() };
        let (model, version) = ("m".parse().unwrap(), "1".parse().unwrap());
        write_response(&ResponseBody { id: None, model, version, outputs: vec![output] })
    };
    let at = |fault: Fault| Err(fault.at("outputs[0].data"));
    assert_eq!(write(DType::Fp32, &f32::NAN.to_le_bytes()), at(Fault::Unwritable { index: 0 }));
    assert_eq!(write(DType::Fp64, &f64::INFINITY.to_le_bytes()), at(Fault::Unwritable { index: 0 }));
    assert_eq!(write(DType::Bytes, &[1, 0, 0, 0, 0xff]), at(Fault::Unwritable { index: 0 }));
    assert_eq!(write(DType::Fp16, &[0, 0]), Err(Fault::NoJsonForm.at("outputs[0].datatype")));
    let json = write(DType::Fp32, &0.1_f32.to_le_bytes()).unwrap();
    assert!(json.contains(r#""datatype":"FP32","shape":[1],"data":[0.1]"#), "{json}");
}

fn json_types() -> impl Strategy<Value = DType> {
    proptest::sample::select(DType::ALL.into_iter().filter(|dtype| has_json_form(*dtype)).collect::<Vec<_>>())
}

#[expect(clippy::cast_precision_loss, reason = "any float will do")]
fn tensor(dtype: DType, seeds: &[u64]) -> Tensor<'static> {
    let mut data = Vec::new();
    for seed in seeds {
        match dtype {
            DType::Bool => data.push(u8::from(seed % 2 == 0)),
            DType::Fp32 => data.extend((*seed as f32).to_le_bytes()),
            DType::Fp64 => data.extend((*seed as f64 / 3.0).to_le_bytes()),
            DType::Bytes => push_string(&mut data, seed.to_string().as_bytes()).unwrap(),
            _ => data.extend(seed.to_le_bytes().iter().take(dtype.element_bytes().unwrap())),
        }
    }
    Tensor { name: "t".into(), dtype, shape: vec![seeds.len() as u64], data: data.into() }
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        parts in proptest::collection::vec((json_types(), proptest::collection::vec(any::<u64>(), 0..6)), 0..4),
    ) {
        let tensors: Vec<_> = parts.iter().map(|(dtype, seeds)| tensor(*dtype, seeds)).collect();
        let request = InferBody { id: Some("a".into()), inputs: tensors.clone(), outputs: vec!["y".into()] };
        prop_assert!(read_request(write_request(&request).unwrap().as_bytes()).unwrap() == request);
        let (model, version) = ("m".parse().unwrap(), "1".parse().unwrap());
        let response = ResponseBody { id: None, model, version, outputs: tensors };
        prop_assert!(read_response(write_response(&response).unwrap().as_bytes()).unwrap() == response);
    }

    #[test]
    fn any_fp32_reads_back_to_its_bits(bits: u32) {
        let value = f32::from_bits(bits);
        prop_assume!(value.is_finite());
        let tensor = Tensor { name: "t".into(), dtype: DType::Fp32, shape: vec![1], data: value.to_le_bytes().to_vec().into() };
        let body = InferBody { id: None, inputs: vec![tensor], outputs: vec![] };
        prop_assert!(read_request(write_request(&body).unwrap().as_bytes()).unwrap() == body);
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = read_request(&bytes).is_ok();
        let _ = read_response(&bytes).is_ok();
    }
}
