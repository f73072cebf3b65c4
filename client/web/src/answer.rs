//! An answer for JavaScript: which tensors there are as JSON, and the elements of all of them as bytes.

use serde::Serialize;
use strongroom_core::InferAnswer;
use strongroom_core::oip::{self, OipError, ResponseBody};
use strongroom_seal::tensor::Tensor;

use crate::{Failure, describe};

/// An answer whose receipt was judged, taken apart. No `Debug`: it is plaintext.
pub struct Parts {
    body: ResponseBody,
    receipt: String,
    document: Vec<u8>,
}

/// One output without its elements.
#[derive(Serialize)]
struct Output<'a> {
    name: &'a str,
    datatype: &'static str,
    shape: &'a [u64],
    bytes: usize,
}

impl Parts {
    /// Takes an answer apart; the id is the one of the request.
    #[must_use]
    pub fn new(id: Option<String>, answer: InferAnswer) -> Self {
        let receipt = describe::receipt(&answer.receipt);
        let InferAnswer { model, version, outputs, receipt_document: document, .. } = answer;
        Self { body: ResponseBody { id, model, version, outputs }, receipt, document }
    }

    /// Which model answered.
    #[must_use]
    pub fn model(&self) -> &str {
        self.body.model.as_str()
    }

    /// Which version of it.
    #[must_use]
    pub fn version(&self) -> &str {
        self.body.version.as_str()
    }

    /// Names, datatypes, shapes and lengths of the outputs, as JSON.
    #[must_use]
    pub fn outputs(&self) -> String {
        let each = self.body.outputs.iter().map(output);
        describe::json(&each.collect::<Vec<_>>())
    }

    /// The elements of all outputs, one after the other, little-endian.
    #[must_use]
    pub fn elements(&self) -> Vec<u8> {
        self.body.outputs.iter().flat_map(|output| output.data.iter().copied()).collect()
    }

    /// The whole response of the Open Inference Protocol in JSON.
    ///
    /// # Errors
    /// [`Failure`] for elements that JSON cannot hold: FP16, BF16, NaN and the infinities.
    pub fn text(&self) -> Result<String, Failure> {
        let unwritable = |error: OipError| Failure { status: 502, kind: "other", ..error.into() };
        oip::write_response(&self.body).map_err(unwritable)
    }

    /// What the receipt says, as JSON.
    #[must_use]
    pub fn receipt(&self) -> &str {
        &self.receipt
    }

    /// The receipt as it was signed.
    #[must_use]
    pub fn document(&self) -> &[u8] {
        &self.document
    }
}

fn output<'a>(tensor: &'a Tensor<'static>) -> Output<'a> {
    Output {
        name: &tensor.name,
        datatype: tensor.dtype.name(),
        shape: &tensor.shape,
        bytes: tensor.data.len(),
    }
}
