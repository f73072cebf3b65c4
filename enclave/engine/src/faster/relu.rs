//! Lets a convolution cut off what is negative while it stores, not in a pass of its own.
//!
//! tract does so where the cut follows the product of matrices at once, but a convolution's product is
//! followed by its shape. Results are the same to the bit.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::binary::OptBinByScalar;
use tract_onnx::tract_hir::tract_core::ops::change_axes::IntoShape;
use tract_onnx::tract_hir::tract_core::ops::konst::Const;
use tract_onnx::tract_hir::tract_core::ops::matmul::optimized::{OptMatMul, ProtoFusedSpec};

/// Applies the rewrite to an optimized model.
pub(super) fn rewrite(model: &mut TypedModel) -> TractResult<()> {
    Rewriter::default()
        .with_rule_for::<OptBinByScalar>("cut while storing", cut_while_storing)
        .rewrite(&(), model)
}

/// `ByScalar(IntoShape(OptMatMul(…)), x)` becomes `IntoShape(OptMatMul(…, x))`.
fn cut_while_storing(
    _context: &(),
    model: &TypedModel,
    node: &TypedNode,
    name: &str,
    by_scalar: &OptBinByScalar,
) -> TractResult<Option<TypedModelPatch>> {
    let [shaped, scalar] = *node.inputs.as_slice() else { return Ok(None) };
    let shape = model.node(shaped.node);
    let (true, &[product]) = (shape.op_is::<IntoShape>(), shape.inputs.as_slice()) else { return Ok(None) };
    if !used_once(model, shaped)? || !used_once(model, product)? {
        return Ok(None);
    }
    let product = model.node(product.node);
    let (Some(op), Some(binop)) = (product.op_as::<OptMatMul>(), by_scalar.binop.as_linalg_binop()) else {
        return Ok(None);
    };
    let Some(store) = op.micro_ops.len().checked_sub(1) else { return Ok(None) };
    let fact = model.outlet_fact(scalar)?;
    let single = model.node(scalar.node).op_is::<Const>() && fact.shape.volume().is_one();
    let floats = fact.datum_type == DatumType::F32 && op.c_fact.datum_type == DatumType::F32;
    let known = op.mmm.iter().all(|mmm| mmm.internal_type() == DatumType::F32);
    if !single || !floats || !known {
        return Ok(None);
    }
    let mut micro_ops = op.micro_ops.clone();
    // Micro-operators put the scalar first.
    micro_ops.insert(store, ProtoFusedSpec::BinScalar(product.inputs.len(), binop.flip()));
    let fused = OptMatMul::new(
        op.mmm.clone(),
        op.mode_picker.clone(),
        op.c_fact.clone(),
        op.c_m_axis,
        op.c_n_axis,
        micro_ops,
        op.trivial_packing,
    )?;
    let mut patch = TypedModelPatch::new("cut while storing");
    let mut inputs = patch.taps(model, &product.inputs)?;
    inputs.push(patch.tap_model(model, scalar)?);
    let stored = patch.wire_node(&product.name, fused, &inputs)?;
    let shaped = patch.wire_node(name, shape.op.clone(), &stored)?;
    for output in shaped {
        patch.shunt_outside(model, node.id.into(), output)?;
    }
    Ok(Some(patch))
}

fn used_once(model: &TypedModel, outlet: OutletId) -> TractResult<bool> {
    Ok(model.outlet_successors(outlet).len() == 1 && !model.output_outlets()?.contains(&outlet))
}
