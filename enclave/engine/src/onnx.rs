//! From bytes to a graph that has passed the gates, and from that to tract's own form.
//!
//! Decoding is ours so that the file's buffer can be wiped before tract copies the weights, and so
//! that nothing that tract would ignore reaches it unseen.

mod allowed;
mod attributes;
mod gate;
mod ignored;
mod names;
mod wipe;
mod zipmap;

use std::sync::LazyLock;

use bytes::Bytes;
use prost::Message as _;
use tract_onnx::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::InferenceModel;
use zeroize::Zeroizing;

use crate::ceiling;
use crate::compile;
use crate::error::LoadError;
use crate::limits::MAX_MODEL_BYTES;
use crate::ops;
pub use allowed::OPERATORS_VERSION;

/// What reads a decoded file: tract's operators and ours. Made once, for there are hundreds and each has its name allocated.
static READER: LazyLock<Onnx> = LazyLock::new(|| {
    // The value info of a file repeats what tract infers, and contradicts it in quantized models.
    let mut onnx = tract_onnx::onnx().with_ignore_value_info(true);
    ops::register(&mut onnx.op_register);
    onnx
});

/// A decoded ONNX file that passed every gate. Its weights are wiped when it is dropped.
pub(crate) struct Graph {
    proto: ModelProto,
}

impl Graph {
    /// Decodes the file, which may hold `further` operators, wipes and frees its buffer, takes out what an answer in tensors cannot hold, and applies the gates.
    pub(crate) fn decode(file: Zeroizing<Vec<u8>>, further: &[String]) -> Result<Self, LoadError> {
        if file.len() as u64 > MAX_MODEL_BYTES {
            return Err(LoadError::Size);
        }
        // Slices of `Bytes` share the buffer; prost copies every tensor twice from a plain slice, and
        // leaves the first copy unwiped. The last owner to go wipes the buffer.
        let file = Bytes::from_owner(file);
        let mut graph = Self { proto: ModelProto::decode(file).map_err(|_| LoadError::Format)? };
        zipmap::take_out(&mut graph.proto);
        gate::check(&graph.proto, &READER.op_register, further)?;
        names::make_unique(&mut graph.proto);
        Ok(graph)
    }

    /// The file's own description of its inputs, outputs and weights.
    pub(crate) fn proto(&self) -> &ModelProto {
        &self.proto
    }

    /// tract's form of the graph. The decoded file is wiped before this returns.
    pub(crate) fn parse(self) -> Result<InferenceModel, LoadError> {
        // Without a path tract has nowhere to look for external data.
        let parsed = compile::attempt(|| READER.parse(&self.proto, None))?;
        if !parsed.unresolved_inputs.is_empty() {
            return Err(LoadError::Format);
        }
        let mut model = parsed.model;
        ceiling::watch(&mut model);
        Ok(model)
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        wipe::model(&mut self.proto);
    }
}
