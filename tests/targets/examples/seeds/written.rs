//! Seeds that are written down: frames, JSON, and ONNX files field by field.

use strongroom_proto::frame::{Header, Kind};

use crate::seed;

pub(crate) fn all() {
    connections();
    answers_of_kms();
    bodies();
    files();
}

fn frame(kind: Kind, id: u32, body: &[u8]) -> Vec<u8> {
    [&Header::new(kind, id, body.len()).unwrap().to_bytes()[..], body].concat()
}

fn connections() {
    let requests =
        [frame(Kind::Hello, 1, &[3; 32]), frame(Kind::Message, 2, b"sealed"), frame(Kind::Status, 3, &[])];
    seed("link", "requests", &requests.concat());
    seed("link", "release", &frame(Kind::Release, 7, b"bundle"));
    let replies =
        [frame(Kind::Reply, 9, &[0]), frame(Kind::Reply, 1, b"\0sealed"), frame(Kind::Reply, 2, &[3])];
    seed("link", "replies", &replies.concat());
}

/// Answers in the form of the KMS API reference, behind the number of the operation.
fn answers_of_kms() {
    let arn = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555";
    let key = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=";
    let answers = [
        ("data-key", format!(r#"{{"CiphertextBlob":"AQIDBA==","Plaintext":"{key}","KeyId":"{arn}"}}"#)),
        (
            "description",
            format!(
                r#"{{"KeyMetadata":{{"AWSAccountId":"111122223333","KeyId":"11111111-2222-3333-4444-555555555555",
                    "Arn":"{arn}","CreationDate":1.8E9,"Enabled":true,"Description":"","KeyUsage":"ENCRYPT_DECRYPT",
                    "KeyState":"Enabled","Origin":"AWS_KMS","KeyManager":"CUSTOMER","KeySpec":"SYMMETRIC_DEFAULT",
                    "EncryptionAlgorithms":["SYMMETRIC_DEFAULT"],"MultiRegion":false}}}}"#
            ),
        ),
        (
            "policy",
            r#"{"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[]}","PolicyName":"default"}"#.to_owned(),
        ),
        (
            "grants",
            format!(
                r#"{{"Grants":[{{"KeyId":"{arn}","GrantId":"a1","GranteePrincipal":"arn:aws:iam::111122223333:role/r",
                    "IssuingAccount":"111122223333","Operations":["Decrypt"],
                    "Constraints":{{"EncryptionContextSubset":{{"a":"b"}}}}}}],"Truncated":false}}"#
            ),
        ),
        (
            "decrypted",
            format!(
                r#"{{"CiphertextForRecipient":"{key}","EncryptionAlgorithm":"SYMMETRIC_DEFAULT","KeyId":"{arn}"}}"#
            ),
        ),
        (
            "signature",
            format!(r#"{{"KeyId":"{arn}","Signature":"MAYCAQECAQI=","SigningAlgorithm":"ECDSA_SHA_384"}}"#),
        ),
    ];
    for (number, (name, json)) in (0..).zip(answers) {
        seed("kms", name, &[&[number], json.as_bytes()].concat());
    }
}

/// Requests and responses of the Open Inference Protocol.
fn bodies() {
    let request = r#"{"id":"7","inputs":[{"name":"X","shape":[2,2],"datatype":"FP32","data":[[1.5,-2],[1e3,0]]},
        {"name":"text","shape":[2],"datatype":"BYTES","data":["one","z\u00fcrich \"2\""]}],"outputs":[{"name":"label"}]}"#;
    seed("oip", "request", request.as_bytes());
    let typed = r#"{"inputs":[{"name":"a","shape":[2],"datatype":"UINT64","data":[18446744073709551615,0]},
        {"name":"b","shape":[1],"datatype":"BOOL","data":[true]},{"name":"c","shape":[0],"datatype":"FP64","data":[]},
        {"name":"d","shape":[],"datatype":"INT8","data":[-128]}]}"#;
    seed("oip", "types", typed.as_bytes());
    let deep =
        r#"{"inputs":[{"name":"x","shape":[1,1,1,1,1,1,1,1],"datatype":"INT8","data":[[[[[[[[7]]]]]]]]}]}"#;
    seed("oip", "dimensions", deep.as_bytes());
    let json = r#"{"inputs":[{"name":"X","shape":[1,2],"datatype":"FP16","parameters":{"binary_data_size":4}}],
        "parameters":{"binary_data_output":true,"risk.amount":12.5},
        "outputs":[{"name":"p","parameters":{"binary_data":false}}]}"#;
    seed("oip", "binary", &[json.as_bytes(), &[0], &[0, 60, 0, 188]].concat());
    let response = r#"{"model_name":"fraud","model_version":"1","id":"7","outputs":[{"name":"probabilities","datatype":"FP32",
        "shape":[1,2],"data":[0.25,0.75]}]}"#;
    seed("oip", "response", response.as_bytes());
}

/// Small ONNX files (`onnx.proto` of IR version 8), the numbers being those of its fields.
fn files() {
    let product = node("MatMul", &["x", "w"], "y", &[]);
    seed("onnx", "product", &model(&product, &[tensor("w", &[2, 3])]));
    let transposed = field(5, &[text(1, "transB"), number(3, 1), number(20, 2)].concat());
    let gemm = [node("Gemm", &["x", "w"], "z", &transposed), node("Relu", &["z"], "y", &[])].concat();
    seed("onnx", "layer", &model(&gemm, &[tensor("w", &[3, 2])]));
    let inner = [node("Identity", &["x"], "y", &[]), text(2, "inner"), field(12, &value("y"))].concat();
    let branch = |name: &str| field(5, &[text(1, name), field(6, &inner), number(20, 5)].concat());
    let both = [branch("then_branch"), branch("else_branch")].concat();
    seed("onnx", "branches", &model(&node("If", &["c"], "y", &both), &[]));
}

fn model(nodes: &[u8], tensors: &[Vec<u8>]) -> Vec<u8> {
    let tensors: Vec<u8> = tensors.iter().flat_map(|tensor| field(5, tensor)).collect();
    let graph = [nodes, &text(2, "g"), &tensors, &field(11, &value("x")), &field(12, &value("y"))].concat();
    [number(1, 8), field(8, &number(2, 17)), field(7, &graph)].concat()
}

fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[u8]) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|input| text(1, input)).collect();
    field(1, &[&inputs, &text(2, output), &text(4, operator), attributes].concat())
}

/// A tensor of ones.
fn tensor(name: &str, dims: &[u64]) -> Vec<u8> {
    let elements = usize::try_from(dims.iter().product::<u64>()).unwrap();
    let dims: Vec<u8> = dims.iter().flat_map(|dim| number(1, *dim)).collect();
    [dims, number(2, 1), text(8, name), field(9, &1.0_f32.to_le_bytes().repeat(elements))].concat()
}

/// An input or output of two dimensions, the first of them a symbol.
fn value(name: &str) -> Vec<u8> {
    let shape = [field(1, &text(2, "batch")), field(1, &number(1, 2))].concat();
    let tensor = [number(1, 1), field(2, &shape)].concat();
    [text(1, name), field(2, &field(1, &tensor))].concat()
}

fn text(number: u64, text: &str) -> Vec<u8> {
    field(number, text.as_bytes())
}

fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn number(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
