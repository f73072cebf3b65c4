//! The bodies of the Open Inference Protocol: JSON, and binary tensors behind it.

use strongroom_core::oip::{read_infer, read_request, read_response, write_request, write_response};
use strongroom_seal::tensor::Tensor;

/// Reads `bytes` as an infer request and as a response. What follows the first zero byte, which JSON cannot hold, stands
/// behind the JSON.
///
/// Tensors that are read agree with themselves; of binary data no byte is lost or made up. What came as JSON alone is
/// written as JSON that reads back as the same, number by number.
pub fn oip(bytes: &[u8]) -> bool {
    let mut halves = bytes.splitn(2, |byte| *byte == 0);
    let json = halves.next().unwrap_or_default();
    let behind = halves.next().unwrap_or_default();
    infer(json, behind) | request(json) | response(json)
}

fn infer(json: &[u8], behind: &[u8]) -> bool {
    let Ok(asked) = read_infer(json, behind) else { return false };
    checked(&asked.body.inputs);
    let held: usize = asked.body.inputs.iter().map(|input| input.data.len()).sum();
    assert!(held >= behind.len(), "bytes behind the JSON are lost");
    assert!(asked.risk.values().all(|value| value.is_finite()), "a risk that is no number");
    true
}

fn request(json: &[u8]) -> bool {
    let Ok(body) = read_request(json) else { return false };
    checked(&body.inputs);
    let written = write_request(&body);
    assert!(written.is_ok(), "what came as JSON has a JSON form");
    assert!(written.is_ok_and(|text| read_request(text.as_bytes()).is_ok_and(|again| again == body)));
    true
}

fn response(json: &[u8]) -> bool {
    let Ok(body) = read_response(json) else { return false };
    checked(&body.outputs);
    let written = write_response(&body);
    assert!(written.is_ok_and(|text| read_response(text.as_bytes()).is_ok_and(|again| again == body)));
    true
}

fn checked(tensors: &[Tensor<'_>]) {
    assert!(tensors.iter().all(|tensor| tensor.check().is_ok()), "a tensor contradicts itself");
}
