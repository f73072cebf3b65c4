//! Plaintext of sealed records: what an authenticated but hostile peer can say.

use strongroom_seal::message::{Ask, Outcome, split_answer, split_opening};
use strongroom_seal::model::{Dim, DimRange, Interface, TensorSpec};
use strongroom_seal::tensor::{DType, Tensor, strings};

use crate::rewrite::reads_back;

/// Reads `bytes` as the body of an opening, a request and an answer, and offers what it asks to a model.
///
/// Whatever parses must survive being written; tensors that pass their check must hold what they claim; a
/// model's interface must admit only such.
pub fn request(bytes: &[u8]) -> bool {
    let mut read = read_request(bytes) | read_outcome(bytes);
    if let Some((_, request)) = split_opening(bytes) {
        read |= read_request(request);
    }
    if let Some(parts) = split_answer(bytes) {
        assert_eq!(
            4 + parts.outcome.len() + parts.receipt.len(),
            bytes.len(),
            "no byte of an answer is lost"
        );
        read |= read_outcome(parts.outcome);
    }
    read
}

fn read_request(bytes: &[u8]) -> bool {
    let Ok(ask) = Ask::decode(bytes) else { return false };
    reads_back(&ask, ask.encode(), |bytes, first| Ok(Ask::decode(bytes)? == *first));
    let Ask::Infer(request) = &ask else { return true };
    request.inputs.iter().for_each(tensor);
    if interface().admit(&request.inputs).is_ok() {
        let checked = request.inputs.iter().all(|input| input.check().is_ok());
        assert!(checked, "an admitted tensor agrees with itself");
    }
    true
}

fn read_outcome(bytes: &[u8]) -> bool {
    let Ok(outcome) = Outcome::decode(bytes) else { return false };
    reads_back(&outcome, outcome.encode(), |bytes, first| Ok(Outcome::decode(bytes)? == *first));
    if let Outcome::Answer(answer) = &outcome {
        answer.outputs.iter().for_each(tensor);
    }
    true
}

fn tensor(tensor: &Tensor<'_>) {
    if tensor.check().is_err() {
        return;
    }
    let Ok(elements) = tensor.elements() else {
        assert!(tensor.elements().is_ok(), "a checked tensor can count its elements");
        return;
    };
    match tensor.dtype.element_bytes() {
        Some(width) => assert_eq!(elements * width, tensor.data.len()),
        None => assert_eq!(strings(&tensor.data).filter(Result::is_ok).count(), elements),
    }
}

/// A model that takes numbers in batches, and texts.
fn interface() -> Interface {
    let spec = |name: &str, dtype, shape| TensorSpec { name: name.to_owned(), dtype, shape };
    let batch = || Dim::Symbol("batch".to_owned());
    Interface {
        inputs: vec![
            spec("x", DType::Fp32, vec![batch(), Dim::Fixed(2)]),
            spec("text", DType::Bytes, vec![batch()]),
        ],
        outputs: vec![spec("y", DType::Int64, vec![batch()])],
        symbols: [("batch".to_owned(), DimRange { min: 1, max: 8 })].into(),
    }
}
