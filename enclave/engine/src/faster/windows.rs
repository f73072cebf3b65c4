//! Convolutions along a row of vectors as one product of matrices, each row of which is a window as it lies in memory.
//!
//! Where the channels of a place lie side by side, so do those of a window. tract gathers them number
//! by number, in the order in which the weights are kept; here the weights are put into the order of
//! the memory once, and windows are copied whole. Sums differ as sums in another order do.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::cnn::{Conv, KernelFormat, PaddingSpec};
use tract_onnx::tract_hir::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::tract_core::ops::math;
use tract_onnx::tract_hir::tract_core::ops::nn::DataFormat;

/// Channels from which on copying windows beats gathering numbers.
const MIN_CHANNELS: usize = 16;

/// Applies the rewrite to a decluttered model.
pub(super) fn rewrite(model: &mut TypedModel) -> TractResult<()> {
    Rewriter::default().with_rule_for::<Conv>("whole windows", whole_windows).rewrite(&(), model)
}

fn whole_windows(
    _context: &(),
    model: &TypedModel,
    node: &TypedNode,
    name: &str,
    conv: &Conv,
) -> TractResult<Option<TypedModelPatch>> {
    let [row, kernel, bias] = *node.inputs.as_slice() else { return Ok(None) };
    let Some(length) = fits(conv, model.outlet_fact(row)?) else { return Ok(None) };
    let (kernel, bias) = (&model.outlet_fact(kernel)?.konst, &model.outlet_fact(bias)?.konst);
    let (Some(kernel), Some(bias)) = (kernel, bias) else { return Ok(None) };
    let outputs = conv.output_channels();
    if kernel.datum_type() != DatumType::F32 || bias.datum_type() != DatumType::F32 || bias.len() != outputs {
        return Ok(None);
    }
    // From output, input, place to place, input, output.
    let weights = kernel.as_ref().clone().permute_axes(&[2, 1, 0])?;
    let weights = weights.into_shape(&[length * conv.input_channels(), outputs])?;
    let bias = bias.as_ref().clone().into_shape(&[1, 1, outputs])?;
    let mut patch = TypedModelPatch::new("whole windows");
    let row = patch.tap_model(model, row)?;
    let weights = patch.add_const(format!("{name}.weights"), weights)?;
    let bias = patch.add_const(format!("{name}.bias"), bias)?;
    let windows = patch.wire_node(format!("{name}.windows"), Windows { length }, &[row])?;
    let product = EinSum::new("nwk,ko->nwo".parse()?, DatumType::F32);
    let mut wires: TVec<_> = windows.into_iter().chain([weights]).collect();
    wires = patch.wire_node(format!("{name}.product"), product, &wires)?;
    wires.push(bias);
    for output in patch.wire_node(name, math::add(), &wires)? {
        patch.shunt_outside(model, node.id.into(), output)?;
    }
    Ok(Some(patch))
}

/// Places in a window, if windows of such a row lie in memory as they are.
fn fits(conv: &Conv, row: &TypedFact) -> Option<usize> {
    let spec = &conv.pool_spec;
    let [length] = *spec.kernel_shape.as_slice() else { return None };
    let plain = conv.group == 1 && conv.q_params.is_none() && conv.kernel_fmt == KernelFormat::OIHW;
    let unpadded = match &spec.padding {
        PaddingSpec::Valid => true,
        PaddingSpec::Explicit(before, after) => before.iter().chain(after).all(|pad| *pad == 0),
        _ => false,
    };
    let every = spec.dilations().iter().chain(spec.strides().iter()).all(|step| *step == 1);
    let vectors = spec.data_format == DataFormat::NHWC && row.rank() == 3 && row.datum_type == DatumType::F32;
    let fits = plain && unpadded && every && vectors && length > 1 && conv.input_channels() >= MIN_CHANNELS;
    fits.then_some(length)
}

/// All windows of so many neighbouring vectors, each as one long vector.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Windows {
    length: usize,
}

impl Op for Windows {
    fn name(&self) -> StaticName {
        "Windows".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Windows {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let &[rows, places, width] = input.shape() else { bail!("a row of vectors has three axes") };
        ensure!(places >= self.length, "the row is shorter than a window");
        let windows = places + 1 - self.length;
        let mut answer = Tensor::zero::<f32>(&[rows, windows, self.length * width])?;
        let mut plain = answer.try_as_plain_ram_mut()?;
        let into = plain.as_slice_mut::<f32>()?.chunks_exact_mut((windows * self.length * width).max(1));
        let cells = input.try_as_plain_ram()?.as_slice::<f32>()?;
        for (into, row) in into.zip(cells.chunks_exact((places * width).max(1))) {
            let windows = row.windows((self.length * width).max(1)).step_by(width.max(1));
            let into = into.chunks_exact_mut((self.length * width).max(1));
            into.zip(windows).for_each(|(into, window)| into.copy_from_slice(window));
        }
        Ok(tvec!(answer.into_tvalue()))
    }
}

impl TypedOp for Windows {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [row] = inputs else { bail!("one input") };
        let [rows, places, width] = row.shape.dims() else { bail!("a row of vectors has three axes") };
        let windows = places.clone() + 1 - self.length;
        Ok(tvec!(DatumType::F32.fact([rows.clone(), windows, width.clone() * self.length])))
    }

    as_op!();
}
