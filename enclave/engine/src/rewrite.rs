//! Rewrites a graph that tract has simplified, where tract leaves work in it that need not be done at every run.
//!
//! Embeddings of quantized weights: tract turns the whole table into floats at each run and then
//! takes a few rows, since it does not keep a constant that is larger than what it is made from.
//! Here the rows are taken first. The table stays small, and what is computed is the same.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::array::Gather;
use tract_onnx::tract_hir::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_hir::tract_core::ops::cast::Cast;
use tract_onnx::tract_hir::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_hir::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_hir::tract_core::ops::konst::Const;

/// Applies the rewrites to a decluttered model.
pub(crate) fn rewrite(model: &mut TypedModel) -> TractResult<()> {
    Rewriter::default().with_rule_for::<Gather>("rows first", rows_first).rewrite(&(), model)
}

/// `Gather(f(table, …), ids)` becomes `f(Gather(table, ids), …)` where `f` works cell by cell on constants.
fn rows_first(
    _context: &(),
    model: &TypedModel,
    node: &TypedNode,
    name: &str,
    gather: &Gather,
) -> TractResult<Option<TypedModelPatch>> {
    let (&[table, ids], 0, None) = (node.inputs.as_slice(), gather.axis, gather.output_type) else {
        return Ok(None);
    };
    let made_by = model.node(table.node);
    if !cell_by_cell(made_by) || !constant(model, made_by)? {
        return Ok(None);
    }
    let (rows, ids_rank) = (model.outlet_fact(table)?.shape.first().cloned(), model.outlet_fact(ids)?.rank());
    let mut patch = TypedModelPatch::new("rows first");
    let ids = patch.tap_model(model, ids)?;
    let mut inputs = tvec!();
    for (number, input) in made_by.inputs.iter().enumerate() {
        let own_rows = model.outlet_fact(*input)?.shape.first().cloned();
        let mut wire = tvec!(patch.tap_model(model, *input)?);
        if own_rows == rows {
            wire.push(ids);
            wire = patch.wire_node(format!("{name}.rows.{number}"), gather.clone(), &wire)?;
        } else {
            // One row for all: as many axes as the rows now have before the cells.
            for axis in 1..ids_rank {
                wire = patch.wire_node(format!("{name}.axis.{number}.{axis}"), AxisOp::Add(0), &wire)?;
            }
            if ids_rank == 0 {
                wire = patch.wire_node(format!("{name}.axis.{number}"), AxisOp::Rm(0), &wire)?;
            }
        }
        inputs.extend(wire);
    }
    let outputs = patch.wire_node(name, made_by.op.clone(), &inputs)?;
    for output in outputs {
        patch.shunt_outside(model, node.id.into(), output)?;
    }
    Ok(Some(patch))
}

fn cell_by_cell(node: &TypedNode) -> bool {
    node.op_is::<Cast>() || node.op_is::<TypedBinOp>() || node.op_is::<ElementWiseOp>()
}

/// Whether a node works on constants alone, directly or through others that work cell by cell.
fn constant(model: &TypedModel, node: &TypedNode) -> TractResult<bool> {
    for input in &node.inputs {
        let made_by = model.node(input.node);
        let known = made_by.op_is::<Const>() || (cell_by_cell(made_by) && constant(model, made_by)?);
        if !known {
            return Ok(false);
        }
    }
    Ok(!node.inputs.is_empty())
}
