//! Takes every second pixel before a product over channels, not after it.
//!
//! tract moves a stride from where it was written to before everything that works pixel by pixel, but
//! stops at a convolution of single pixels, which it has made a product of matrices by then. The last
//! convolutions of each stage of a residual network then compute four times what is used of them.
//! Results are the same to the bit where the products are added up in the same order.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::Downsample;
use tract_onnx::tract_hir::tract_core::ops::einsum::EinSum;

/// Moves strides up, and lets tract move them on from there.
pub(super) fn rewrite(model: &mut TypedModel) -> TractResult<()> {
    let stuck = |node: &TypedNode| {
        let product = node.inputs.iter().any(|input| model.node(input.node).op_is::<EinSum>());
        node.op_is::<Downsample>() && product
    };
    if !model.nodes().iter().any(stuck) {
        return Ok(());
    }
    Rewriter::default().with_rule_for::<Downsample>("strides first", strides_first).rewrite(&(), model)?;
    model.declutter()
}

/// `Downsample(EinSum(x, y))` becomes `EinSum(Downsample(x), y)` where only `x` has the axis.
fn strides_first(
    _context: &(),
    model: &TypedModel,
    node: &TypedNode,
    name: &str,
    down: &Downsample,
) -> TractResult<Option<TypedModelPatch>> {
    let Some(product) = model.linear_prec(node.id)? else { return Ok(None) };
    let Some(sum) = product.op_as::<EinSum>().filter(|sum| sum.q_params.is_none()) else { return Ok(None) };
    let axis = sum.axes.axis((InOut::Out(0), down.axis))?;
    let length = length_of(model, product.id.into(), down.axis)?;
    let mut patch = TypedModelPatch::new("strides first");
    let mut wires = tvec!();
    for (slot, (input, own)) in product.inputs.iter().zip(&axis.inputs).enumerate() {
        let tap = patch.tap_model(model, *input)?;
        match own.as_slice() {
            [] => wires.push(tap),
            // An axis of length one is there for all places.
            [axis] if length_of(model, *input, *axis)? == length => {
                let down = Downsample { axis: *axis, ..down.clone() };
                wires.extend(patch.wire_node(format!("{name}.{slot}"), down, &[tap])?);
            }
            _ => return Ok(None),
        }
    }
    let outputs = patch.wire_node(&product.name, sum.clone(), &wires)?;
    for output in outputs {
        patch.shunt_outside(model, node.id.into(), output)?;
    }
    Ok(Some(patch))
}

fn length_of(model: &TypedModel, outlet: OutletId, axis: usize) -> TractResult<Option<TDim>> {
    Ok(model.outlet_fact(outlet)?.shape.get(axis).cloned())
}
