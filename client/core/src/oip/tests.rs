use proptest::prelude::*;

use strongroom_seal::limits::MAX_RANK;
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
        ("FP32", "[1]", "[1, 2]", Fault::Count),
        ("FP32", "[2]", "[[1, 2]]", Fault::Nested),
        ("FP32", "[2, 1]", "[[1, 2]]", Fault::Nested),
        ("FP32", "[2, 1]", "[[1], 2]", Fault::Nested),
        ("FP32", "[2, 1]", "[1, [2]]", Fault::Nested),
        ("FP32", "[2, 1]", "[[1]]", Fault::Nested),
        ("FP32", "[1, 1]", "[[[1]]]", Fault::Nested),
        ("FP32", "[1]", "[{}]", Fault::Element { index: 0, expected: "a number" }),
        ("FP32", "[]", "3", Fault::Type("a list")),
    ] {
        assert_eq!(fault(one(dtype, shape, data)), (at.clone(), expected), "{dtype} {data}");
    }
    let datatype = "inputs[0].datatype".to_owned();
    assert_eq!(fault(one("FP16", "[1]", "[1]")), (datatype.clone(), Fault::NoJsonForm));
    assert_eq!(fault(one("STRING", "[1]", "[1]")), (datatype, Fault::Datatype));
    let shape = "inputs[0].shape".to_owned();
    assert_eq!(fault(one("FP32", "[-1]", "[1]")), (shape.clone(), Fault::Type("a list of sizes")));
    let huge = fault(one("FP32", "[1000000000]", "[1]"));
    assert_eq!(huge, (shape.clone(), Fault::TooLong));
    let overflow = fault(one("FP32", "[18446744073709551615, 2]", "[1]"));
    assert_eq!(overflow, (shape, Fault::Tensor(TensorError::Shape)));
}

#[test]
fn what_would_be_ignored_is_refused() {
    let fault_of = |json: &str| read_request(json.as_bytes()).err();
    assert_eq!(fault_of(r#"{"inputs": [], "model": 1}"#), Some(Fault::Unknown.at("request")));
    assert_eq!(fault_of(r#"{"inputs": [], "model_name": "m"}"#), None, "KServe's client repeats it");
    for parameters in [r#"{"risk.amount": 1}"#, r#"{"binary_data_output": true}"#] {
        let json = format!(r#"{{"inputs": [], "parameters": {parameters}}}"#);
        assert_eq!(fault_of(&json), Some(Fault::Parameters.at("parameters")));
    }
    assert_eq!(
        fault_of(r#"{"inputs": [], "outputs": [{"name": 1}]}"#),
        Some(Fault::Type("a string").at("outputs[0].name"))
    );
    assert_eq!(fault_of("{}"), Some(Fault::Missing.at("inputs")));
    assert_eq!(fault_of("[]"), Some(Fault::Type("an object").at("body")));
    assert!(matches!(fault_of(r#"{"inputs": [NaN]}"#), Some(OipError::Syntax { line: 1, .. })));
    let torn = r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "data": [1, "a}]}"#;
    assert!(matches!(fault_of(torn), Some(OipError::Syntax { .. })));
    let torn = torn.replace(r#""a"#, "]");
    assert!(
        matches!(fault_of(&torn), Some(OipError::Syntax { line: 1, column: 73 })),
        "{:?}",
        fault_of(&torn)
    );
    let twice = r#"{"name": "x", "datatype": "FP32", "shape": [0], "data": []}"#;
    let twice = format!(r#"{{"inputs": [{twice}, {twice}]}}"#);
    assert_eq!(fault_of(&twice), Some(Fault::Twice.at("inputs[1].name")));
    assert_eq!(
        fault_of(r#"{"inputs": [], "outputs": [{"name": "y"}, {"name": "y"}]}"#),
        Some(Fault::Twice.at("outputs[1].name"))
    );
    assert!(
        read_request(br#"{"id": "a", "parameters": {}, "inputs": [], "outputs": [{"name": "y"}]}"#).is_ok()
    );
}

#[test]
fn what_is_json_alone_has_no_binary_tensor_not_even_an_empty_one() {
    let empty = r#"{"name": "x", "datatype": "FP16", "shape": [0], "parameters": {"binary_data_size": 0}}"#;
    let request = format!(r#"{{"inputs": [{empty}]}}"#);
    let short = |side: &str| Some(Fault::Short.at(format!("{side}[0].parameters.binary_data_size")));
    assert_eq!(read_request(request.as_bytes()).err(), short("inputs"));
    assert!(read_infer(request.as_bytes(), &[]).is_ok());
    let response = format!(r#"{{"model_name": "m", "model_version": "1", "outputs": [{empty}]}}"#);
    assert_eq!(read_response(response.as_bytes()).err(), short("outputs"));
}

#[test]
fn lists_may_be_nested_as_the_shape_says() {
    for (shape, nested, flat) in [
        ("[2, 2]", "[[1, 2], [3, 4]]", "[1, 2, 3, 4]"),
        ("[1, 2, 1]", "[ [[1],[2]] ]", "[1, 2]"),
        ("[2, 0]", "[[], []]", "[]"),
        ("[0, 2]", "[]", "[]"),
        ("[]", "[7]", "[7]"),
    ] {
        let (nested, flat) = (one("INT64", shape, nested).unwrap(), one("INT64", shape, flat).unwrap());
        assert!(nested == flat, "{shape}");
    }
}

/// A shape of ones, and one element in as many lists.
fn deep(rank: usize) -> (String, String) {
    (format!("{:?}", vec![1; rank]), format!("{}7{}", "[".repeat(rank), "]".repeat(rank)))
}

#[test]
fn dimensions_are_bounded_before_any_list_is_followed() {
    let (shape, data) = deep(MAX_RANK);
    assert!(one("INT8", &shape, &data).is_ok());
    // The most that the bound of values admits: a call for each of them would end the process.
    for rank in [MAX_RANK + 1, 16_360] {
        let (shape, data) = deep(rank);
        let refused = Fault::Tensor(TensorError::Rank);
        for data in [data.as_str(), "[7]"] {
            assert_eq!(fault(one("INT8", &shape, data)), ("inputs[0].shape".to_owned(), refused), "{rank}");
        }
        let output = format!(r#"{{"name": "y", "datatype": "INT8", "shape": {shape}, "data": {data}}}"#);
        let response = format!(r#"{{"model_name": "m", "model_version": "1", "outputs": [{output}]}}"#);
        assert_eq!(read_response(response.as_bytes()).err(), Some(refused.at("outputs[0].shape")));
        let input = behind("x", "INT8", &shape, "1");
        assert_eq!(binary(&input, "", &[7]).err(), Some(refused.at("inputs[0].shape")));
    }
    let (_, data) = deep(100_000);
    assert_eq!(fault(one("INT8", "[1, 1]", &data)), ("inputs[0].data".to_owned(), Fault::Nested));
}

fn binary(inputs: &str, rest: &str, behind: &[u8]) -> Result<Asked, OipError> {
    read_infer(format!(r#"{{"inputs": [{inputs}]{rest}}}"#).as_bytes(), behind)
}

fn behind(name: &str, dtype: &str, shape: &str, bytes: &str) -> String {
    format!(
        r#"{{"name": "{name}", "datatype": "{dtype}", "shape": {shape}, "parameters": {{"binary_data_size": {bytes}}}}}"#
    )
}

#[test]
fn bytes_behind_the_json_belong_to_the_inputs_in_order() {
    let inputs = [
        behind("a", "FP16", "[2]", "4"),
        r#"{"name": "j", "datatype": "BOOL", "shape": [1], "data": [true]}"#.to_owned(),
        behind("b", "BYTES", "[1]", "5"),
        behind("c", "BF16", "[0]", "0"),
    ];
    let asked = binary(&inputs.join(","), "", &[1, 2, 3, 4, 1, 0, 0, 0, b'x']).unwrap();
    let data: Vec<_> = asked.body.inputs.iter().map(|input| input.data.to_vec()).collect();
    assert_eq!(data, [vec![1, 2, 3, 4], vec![1], vec![1, 0, 0, 0, b'x'], vec![]]);
}

#[test]
fn a_misfit_behind_the_json_names_its_field() {
    let size = "inputs[0].parameters.binary_data_size".to_owned();
    for (input, bytes, field, fault) in [
        (behind("a", "FP32", "[1]", "4"), 3, size.as_str(), Fault::Short),
        (behind("a", "FP32", "[1]", "4"), 5, "body", Fault::Surplus),
        (behind("a", "FP32", "[1]", "3"), 3, &size, Fault::Tensor(TensorError::Length)),
        (behind("a", "FP32", "[2]", "4"), 4, &size, Fault::Tensor(TensorError::Length)),
        (behind("a", "BYTES", "[1]", "3"), 3, &size, Fault::Tensor(TensorError::Length)),
        (behind("a", "BOOL", "[1]", "1"), 1, &size, Fault::Tensor(TensorError::Bool)),
        (behind("a", "FP32", "[1]", "-4"), 4, &size, Fault::Type("a number of bytes")),
        (behind("a", "FP32", "[1]", "\"4\""), 4, &size, Fault::Type("a number of bytes")),
        (behind("a", "FP32", "[-1]", "4"), 4, "inputs[0].shape", Fault::Type("a list of sizes")),
        (behind("a", "FP99", "[1]", "4"), 4, "inputs[0].datatype", Fault::Datatype),
        (behind("a", "FP32", "[99999999]", "4"), 4, "inputs[0].shape", Fault::TooLong),
        (
            r#"{"name": "a", "datatype": "UINT8", "shape": [1], "data": [1], "parameters": {"binary_data_size": 1}}"#
                .to_owned(),
            1,
            "inputs[0].data",
            Fault::Both,
        ),
        (r#"{"name": "a", "datatype": "UINT8", "shape": [1]}"#.to_owned(), 0, "inputs[0].data", Fault::Missing),
    ] {
        assert_eq!(binary(&input, "", &vec![2; bytes]).err(), Some(fault.at(field)), "{input}");
    }
}

#[test]
fn parameters_that_count_are_read_and_those_that_cannot_be_obeyed_are_named() {
    let rest = r#", "id": "7", "parameters": {"binary_data_output": true, "risk.amount": 2.5, "priority": 1, "own": "x",
        "sequence_id": 0, "sequence_start": false}, "outputs": [{"name": "y"},
        {"name": "z", "parameters": {"binary_data": false}}]"#;
    let asked = binary("", rest, &[]).unwrap();
    assert_eq!(asked.risk, [("amount".parse().unwrap(), 2.5)].into());
    assert!(asked.binary.binary("y") && !asked.binary.binary("z"));
    let asked =
        binary("", r#", "outputs": [{"name": "z", "parameters": {"binary_data": true}}]"#, &[]).unwrap();
    assert!(asked.binary.binary("z") && !asked.binary.binary("y"));
    let request = |parameters: &str| binary("", &format!(r#", "parameters": {parameters}"#), &[]).err();
    for (parameters, field, fault) in [
        (r#"{"sequence_id": 3}"#, "parameters.sequence_id", Fault::Parameter),
        (r#"{"sequence_end": true}"#, "parameters.sequence_end", Fault::Parameter),
        (r#"{"binary_data": true}"#, "parameters.binary_data", Fault::Parameter),
        (r#"{"binary_data_output": 1}"#, "parameters.binary_data_output", Fault::Type("a boolean")),
        (r#"{"risk.amount": "1"}"#, "parameters", Fault::Risk),
        (r#"{"risk.amount": 1e999}"#, "parameters", Fault::Risk),
        (r#"{"risk.": 1}"#, "parameters", Fault::Risk),
        ("[]", "parameters", Fault::Type("an object")),
    ] {
        assert_eq!(request(parameters), Some(fault.at(field)), "{parameters}");
    }
    let output = |parameters: &str| {
        binary("", &format!(r#", "outputs": [{{"name": "y", "parameters": {parameters}}}]"#), &[]).err()
    };
    for name in ["classification", "shared_memory_region"] {
        let field = format!("outputs[0].parameters.{name}");
        assert_eq!(output(&format!(r#"{{"{name}": 1}}"#)), Some(Fault::Parameter.at(field)));
    }
    assert_eq!(output(r#"{"risk.a": 1}"#), Some(Fault::Risk.at("outputs[0].parameters")));
}

#[test]
fn an_output_wanted_in_binary_leaves_its_size_alone_in_the_json() {
    let output = Tensor { name: "y".into(), dtype: DType::Fp16, shape: vec![2], data: vec![0; 4].into() };
    let (model, version) = ("m".parse().unwrap(), "1".parse().unwrap());
    let body = ResponseBody { id: None, model, version, outputs: vec![output] };
    let all = Wanted::new(Some(true), BTreeMap::new());
    let json = write_answer(&body, &all).unwrap();
    assert!(json.contains(r#""shape":[2],"parameters":{"binary_data_size":4}}"#), "{json}");
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
        let name = |(index, (dtype, seeds)): (usize, &(DType, Vec<u64>))| {
            Tensor { name: format!("t{index}").into(), ..tensor(*dtype, seeds) }
        };
        let tensors: Vec<_> = parts.iter().enumerate().map(name).collect();
        let request = InferBody { id: Some("a".into()), inputs: tensors.clone(), outputs: vec!["y".into()] };
        prop_assert!(read_request(write_request(&request).unwrap().as_bytes()).unwrap() == request);
        let (model, version) = ("m".parse().unwrap(), "1".parse().unwrap());
        let response = ResponseBody { id: None, model, version, outputs: tensors };
        prop_assert!(read_response(write_response(&response).unwrap().as_bytes()).unwrap() == response);
    }

    #[test]
    fn what_stands_behind_the_json_reads_as_what_stands_in_it(
        parts in proptest::collection::vec((json_types(), proptest::collection::vec(any::<u64>(), 0..6)), 0..4),
    ) {
        let name = |(index, (dtype, seeds)): (usize, &(DType, Vec<u64>))| {
            Tensor { name: format!("t{index}").into(), ..tensor(*dtype, seeds) }
        };
        let inputs: Vec<_> = parts.iter().enumerate().map(name).collect();
        let (mut listed, mut tail) = (Vec::new(), Vec::new());
        for input in &inputs {
            listed.push(behind(&input.name, input.dtype.name(), &format!("{:?}", input.shape), &input.data.len().to_string()));
            tail.extend_from_slice(&input.data);
        }
        let body = InferBody { id: None, inputs, outputs: vec![] };
        prop_assert!(binary(&listed.join(","), "", &tail).unwrap().body == body);
        prop_assert!(read_request(write_request(&body).unwrap().as_bytes()).unwrap() == body);
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

    #[test]
    fn any_data_parameters_and_bytes_behind_are_read_or_refused_without_panic(
        shape in r#"\[[0-9,\- ]{0,8}\]"#,
        data in r#"\[[\[\]{}",:0-9e. \\-]{0,24}"#,
        parameters in r#"\{"(binary_data_size|risk.a|sequence_id)":[0-9"\[\]-]{0,3}\}"#,
        behind in proptest::collection::vec(any::<u8>(), 0..16),
    ) {
        for dtype in DType::ALL.map(DType::name) {
            let input = format!(r#"{{"name":"x","datatype":"{dtype}","shape":{shape},"data":{data}}}"#);
            let _ = binary(&input, "", &behind).is_ok();
            let input = format!(r#"{{"name":"x","datatype":"{dtype}","shape":{shape},"parameters":{parameters}}}"#);
            let _ = binary(&input, &format!(r#","parameters":{parameters}"#), &behind).is_ok();
        }
    }
}
