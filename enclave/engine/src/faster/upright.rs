//! Hands what is between two layers on column by column, where many rows go through both.
//!
//! A kernel wants the cells of several rows side by side. Rows that lie one after another have to be taken
//! apart for that, cell by cell; columns are copied as they are. Results are the same to the bit where
//! products are added up in the same order.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_hir::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::tract_core::ops::math::{Add, Max};

use super::dense::Dense;

/// Applies the rewrite to a decluttered model.
pub(super) fn rewrite(model: &mut TypedModel) -> TractResult<()> {
    Rewriter::default().with_rule_for::<EinSum>("columns between layers", columns_between).rewrite(&(), model)
}

fn columns_between(
    _context: &(),
    model: &TypedModel,
    node: &TypedNode,
    name: &str,
    product: &EinSum,
) -> TractResult<Option<TypedModelPatch>> {
    let Some((rows_first, weights)) = layer(model, node, product)? else { return Ok(None) };
    if product.axes.to_string() != format!("{rows_first},{weights}->mn") {
        return Ok(None);
    }
    let mut between: TVec<&TypedNode> = tvec!();
    let mut end = node;
    let (next, of_columns) = loop {
        let used = model.output_outlets()?.contains(&end.id.into());
        let Some(next) = model.single_succ(end.id)?.filter(|_| !used) else { return Ok(None) };
        if let Some(of_columns) =
            of_columns(model, next)?.filter(|_| next.inputs.first() == Some(&end.id.into()))
        {
            break (next, of_columns);
        }
        if !cell_by_cell(model, end, next)? {
            return Ok(None);
        }
        between.push(next);
        end = next;
    };
    let mut patch = TypedModelPatch::new("columns between layers");
    let inputs = patch.taps(model, &node.inputs)?;
    let flipped = EinSum::new(format!("{rows_first},{weights}->nm").parse()?, DatumType::F32);
    let mut wire = patch.wire_node(name, flipped, &inputs)?;
    for step in between {
        let mut operands = tvec!();
        for input in &step.inputs {
            match model.outlet_fact(*input)?.konst.as_ref() {
                Some(constant) => {
                    let column = constant.as_ref().clone().permute_axes(&[1, 0])?;
                    let name = format!("{}.column.{}", step.name, operands.len());
                    operands.push(patch.add_const(name, column)?);
                }
                None => operands.extend(wire.first().copied()),
            }
        }
        wire = patch.wire_node(&step.name, step.op.clone(), &operands)?;
    }
    wire.extend(patch.taps(model, next.inputs.get(1..).unwrap_or_default())?);
    for output in patch.wire_node(&next.name, of_columns, &wire)? {
        patch.shunt_outside(model, next.id.into(), output)?;
    }
    Ok(Some(patch))
}

/// The operator that does the same with columns.
fn of_columns(model: &TypedModel, next: &TypedNode) -> TractResult<Option<Box<dyn TypedOp>>> {
    if let Some(dense) = next.op_as::<Dense>() {
        return Ok(dense.of_columns().map(|dense| Box::new(dense) as Box<dyn TypedOp>));
    }
    let Some(product) = next.op_as::<EinSum>() else { return Ok(None) };
    let Some((_, weights)) = layer(model, next, product)? else { return Ok(None) };
    if product.axes.to_string() != format!("mk,{weights}->mn") {
        return Ok(None);
    }
    Ok(Some(Box::new(EinSum::new(format!("km,{weights}->mn").parse()?, DatumType::F32))))
}

/// How a product of known rows with constant weights names the axes of both.
fn layer(
    model: &TypedModel,
    node: &TypedNode,
    product: &EinSum,
) -> TractResult<Option<(&'static str, &'static str)>> {
    let [rows, weights] = *node.inputs.as_slice() else { return Ok(None) };
    let (rows, weights) = (model.outlet_fact(rows)?, model.outlet_fact(weights)?);
    let floats = [rows.datum_type, weights.datum_type, product.operating_dt] == [DatumType::F32; 3];
    let known = rows.shape.is_concrete() && weights.konst.is_some() && product.q_params.is_none();
    let axes = product.axes.to_string();
    let (Some((rows, rest)), true) = (axes.split_once(','), floats && known) else { return Ok(None) };
    let rows = ["mk", "km"].into_iter().find(|known| *known == rows);
    let weights = ["kn", "nk"].into_iter().find(|weights| rest.split("->").next() == Some(weights));
    Ok(rows.zip(weights))
}

/// Whether a node combines another's cells with constants of two axes, and keeps their shape.
fn cell_by_cell(model: &TypedModel, node: &TypedNode, next: &TypedNode) -> TractResult<bool> {
    let known =
        next.op_as::<TypedBinOp>().is_some_and(|op| (op.0.is::<Add>() || op.0.is::<Max>()) && op.1.is_none());
    let same = model.outlet_fact(next.id.into())?.shape == model.outlet_fact(node.id.into())?.shape;
    let mut constants = 0;
    for input in next.inputs.iter().filter(|input| input.node != node.id) {
        let fact = model.outlet_fact(*input)?;
        constants += usize::from(fact.konst.is_some() && fact.rank() == 2);
    }
    Ok(known && same && constants == 1)
}

#[cfg(test)]
mod tests {
    use tract_onnx::tract_hir::tract_core::ops::math::{add, max};

    use super::super::{Rows, dense};
    use super::*;

    fn filled(shape: &[usize], seed: usize) -> Tensor {
        let length: usize = shape.iter().product();
        let cells: Vec<f32> =
            (0..length).map(|cell| ((cell * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0).collect();
        tensor1(&cells).into_shape(shape).unwrap()
    }

    /// Layers of these widths for so many rows, cut at zero after each.
    fn perceptron(rows: impl ToDim, widths: &[usize], weights: &str) -> TypedModel {
        let mut model = TypedModel::default();
        let fact = DatumType::F32.fact([rows.to_dim(), widths[0].to_dim()]);
        let mut wire = model.add_source("rows", fact).unwrap();
        for (number, pair) in widths.windows(2).enumerate() {
            let shape = if weights == "kn" { [pair[0], pair[1]] } else { [pair[1], pair[0]] };
            let constant = model.add_const(format!("weights.{number}"), filled(&shape, number)).unwrap();
            let bias = model.add_const(format!("bias.{number}"), filled(&[1, pair[1]], number + 5)).unwrap();
            let zero = model.add_const(format!("zero.{number}"), tensor2(&[[0.0_f32]])).unwrap();
            let product = EinSum::new(format!("mk,{weights}->mn").parse().unwrap(), DatumType::F32);
            wire = model.wire_node(format!("product.{number}"), product, &[wire, constant]).unwrap()[0];
            wire = model.wire_node(format!("sum.{number}"), add(), &[wire, bias]).unwrap()[0];
            wire = model.wire_node(format!("cut.{number}"), max(), &[zero, wire]).unwrap()[0];
        }
        model.select_output_outlets(&[wire]).unwrap();
        model
    }

    fn run(model: TypedModel, rows: &Tensor) -> Tensor {
        let plan = TypedSimplePlan::new(model.into_optimized().unwrap()).unwrap();
        plan.run(tvec!(rows.clone().into_tvalue())).unwrap().remove(0).into_tensor()
    }

    /// Products of columns, and layers of columns.
    fn of_columns(model: &TypedModel) -> usize {
        let columns = |node: &&TypedNode| {
            let product = node.op_as::<EinSum>().is_some_and(|sum| sum.axes.to_string().starts_with("km"));
            product || node.op_as::<Dense>().is_some_and(|dense| dense.of_columns().is_none())
        };
        model.nodes().iter().filter(columns).count()
    }

    #[test]
    fn layers_answer_as_before() {
        let widths: [&[usize]; 4] = [&[30, 96, 48, 1], &[5, 9, 8, 3, 8], &[16, 17, 33], &[3, 1, 1]];
        for (code, widths) in (0..4 * 8).map(|code| (code, widths[code % 4])) {
            let (rows, weights) = ([1, 5, 17, 64][code / 4 % 4], ["kn", "nk"][code / 16]);
            let plain = perceptron(rows, widths, weights);
            let mut model = plain.clone();
            dense::rewrite(&mut model, Rows::AsDeclared).unwrap();
            rewrite(&mut model).unwrap();
            let cells = filled(&[rows, widths[0]], 3);
            let (found, wanted) = (run(model, &cells), run(plain, &cells));
            found.close_enough(&wanted, Approximation::Approximate).unwrap();
        }
    }

    #[test]
    fn columns_are_handed_on_where_rows_are_known() {
        let mut model = perceptron(64, &[30, 96, 48, 1], "kn");
        dense::rewrite(&mut model, Rows::AsDeclared).unwrap();
        rewrite(&mut model).unwrap();
        assert_eq!(of_columns(&model), 2);
        let mut model = TypedModel::default();
        let rows = model.sym("rows");
        model = perceptron(rows, &[30, 96, 48, 16], "kn");
        rewrite(&mut model).unwrap();
        assert_eq!(of_columns(&model), 0);
    }

    /// A row that is not finite spoils no other.
    #[test]
    fn what_is_not_finite_stays_in_its_row() {
        let plain = perceptron(17, &[5, 9, 8, 2], "kn");
        let mut model = plain.clone();
        dense::rewrite(&mut model, Rows::AsDeclared).unwrap();
        rewrite(&mut model).unwrap();
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut rows = filled(&[17, 5], 3);
            rows.try_as_plain_ram_mut().unwrap().as_slice_mut::<f32>().unwrap()[7] = odd;
            let finite = |tensor: Tensor| -> Vec<bool> {
                let plain = tensor.try_as_plain_ram().unwrap();
                plain.as_slice::<f32>().unwrap().iter().map(|cell| cell.is_finite()).collect()
            };
            assert_eq!(finite(run(model.clone(), &rows)), finite(run(plain.clone(), &rows)));
        }
    }
}
