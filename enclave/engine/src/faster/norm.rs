//! Layer normalization row by row, with the addition before it, so that a row stays in the cache throughout.
//!
//! tract runs it as six operators, each over the whole tensor: two tensors added, their sum along the row,
//! the mean, what differs from it, that scaled to a variance of one, and a scale and a shift for each
//! column. Sums differ as sums in another order do.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_onnx::tract_hir::tract_core::ops::math::{Add, Mul, Sub};
use tract_onnx::tract_hir::tract_core::ops::nn::{Reduce, Reducer, RmsNorm};

/// Cells of a row added up side by side.
const LANES: usize = 16;

/// Applies the rewrite to a decluttered model.
pub(super) fn rewrite(model: &mut TypedModel) -> TractResult<()> {
    Rewriter::default().with_rule_for::<RmsNorm>("norm of rows", norm_of_rows).rewrite(&(), model)
}

fn norm_of_rows(
    _context: &(),
    model: &TypedModel,
    node: &TypedNode,
    name: &str,
    rms: &RmsNorm,
) -> TractResult<Option<TypedModelPatch>> {
    let [differences] = *node.inputs.as_slice() else { return Ok(None) };
    let fact = model.outlet_fact(differences)?;
    let last = rms.axis + 1 == fact.rank() && fact.datum_type == DatumType::F32;
    let width = fact.shape.last().and_then(|width| width.to_usize().ok()).filter(|width| *width > 0);
    let (Some(width), true) = (width, last) else { return Ok(None) };
    let Some(rows) = rows_less_their_mean(model, differences, width)? else { return Ok(None) };
    let mut end = node;
    let mut scale = tensor1(&vec![1.0_f32; width]);
    let mut shift = tensor1(&vec![0.0_f32; width]);
    if let Some((next, constant)) = then_constant::<Mul>(model, end, width)? {
        (end, scale) = (next, constant);
    }
    if let Some((next, constant)) = then_constant::<Add>(model, end, width)? {
        (end, shift) = (next, constant);
    }
    // Without the addition tract's own operators are as fast.
    let Some(added) = sum_of_two(model, rows)? else { return Ok(None) };
    let norm = Norm { epsilon: rms.eps.clone(), scale: scale.into(), shift: shift.into() };
    let mut patch = TypedModelPatch::new("norm of rows");
    let inputs = patch.taps(model, &added)?;
    for output in patch.wire_node(name, norm, &inputs)? {
        patch.shunt_outside(model, end.id.into(), output)?;
    }
    Ok(Some(patch))
}

/// `x` where this is `x - sum(x) / width` along the last axis.
fn rows_less_their_mean(
    model: &TypedModel,
    differences: OutletId,
    width: usize,
) -> TractResult<Option<OutletId>> {
    let Some([rows, mean]) = operands::<Sub>(model, differences) else { return Ok(None) };
    let Some([one, other]) = operands::<Mul>(model, mean) else { return Ok(None) };
    for (sum, share) in [(one, other), (other, one)] {
        let reduce = model.node(sum.node);
        let axis = model.outlet_fact(rows)?.rank().saturating_sub(1);
        let sums = reduce
            .op_as::<Reduce>()
            .is_some_and(|reduce| reduce.reducer == Reducer::Sum && reduce.axes.as_slice() == [axis]);
        let share = single(model, share)?.is_some_and(|share| share == 1.0 / width as f32);
        let alone = only_user(model, differences)? && only_user(model, mean)? && only_user(model, sum)?;
        let whole = model.outlet_fact(rows)?.shape == model.outlet_fact(differences)?.shape;
        if sums && share && alone && whole && reduce.inputs.as_slice() == [rows] {
            return Ok(Some(rows));
        }
    }
    Ok(None)
}

/// What is added up to rows that nothing else uses. Where all shapes are known, tract adds while it multiplies.
fn sum_of_two(model: &TypedModel, rows: OutletId) -> TractResult<Option<TVec<OutletId>>> {
    let Some(added) = operands::<Add>(model, rows) else { return Ok(None) };
    let fact = model.outlet_fact(rows)?;
    // The two users are the sum and the differences.
    let unused = model.outlet_successors(rows).len() == 2 && !model.output_outlets()?.contains(&rows);
    for input in added {
        let other = model.outlet_fact(input)?;
        if other.shape != fact.shape || other.datum_type != DatumType::F32 {
            return Ok(None);
        }
    }
    Ok((unused && !fact.shape.is_concrete()).then(|| added.into_iter().collect()))
}

fn operands<T: BinMiniOp>(model: &TypedModel, outlet: OutletId) -> Option<[OutletId; 2]> {
    let node = model.node(outlet.node);
    let known = node.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<T>() && op.1.is_none());
    if known { <[OutletId; 2]>::try_from(node.inputs.as_slice()).ok() } else { None }
}

fn single(model: &TypedModel, outlet: OutletId) -> TractResult<Option<f32>> {
    let fact = model.outlet_fact(outlet)?;
    let Some(constant) = fact.konst.as_ref().filter(|_| fact.datum_type == DatumType::F32) else {
        return Ok(None);
    };
    let plain = constant.try_as_plain_ram()?;
    let cells = plain.as_slice::<f32>()?;
    Ok(if let [cell] = cells { Some(*cell) } else { None })
}

fn only_user(model: &TypedModel, outlet: OutletId) -> TractResult<bool> {
    Ok(model.outlet_successors(outlet).len() == 1 && !model.output_outlets()?.contains(&outlet))
}

/// The only user, if it combines each row with the same constants, one for each column.
fn then_constant<'a, T: BinMiniOp>(
    model: &'a TypedModel,
    node: &TypedNode,
    width: usize,
) -> TractResult<Option<(&'a TypedNode, Tensor)>> {
    if !only_user(model, node.id.into())? {
        return Ok(None);
    }
    let Some(next) = model.single_succ(node.id)? else { return Ok(None) };
    let Some([one, other]) = operands::<T>(model, next.id.into()) else { return Ok(None) };
    let other = if one.node == node.id { other } else { one };
    let fact = model.outlet_fact(other)?;
    let along = fact.datum_type == DatumType::F32 && fact.shape.last() == Some(&width.to_dim());
    let same = model.outlet_fact(next.id.into())?.shape == model.outlet_fact(node.id.into())?.shape;
    let constant = fact.konst.as_ref().filter(|constant| along && same && constant.len() == width);
    constant.map(|constant| Ok((next, constant.as_ref().clone().into_shape(&[width])?))).transpose()
}

/// Of the sum of two tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Norm {
    epsilon: Arc<Tensor>,
    scale: Arc<Tensor>,
    shift: Arc<Tensor>,
}

impl Op for Norm {
    fn name(&self) -> StaticName {
        "Norm".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Norm {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut inputs = inputs.into_iter();
        let mut rows = inputs.next().context("no input")?.into_tensor();
        let other = inputs.next();
        ensure!(other.as_ref().is_none_or(|other| other.shape() == rows.shape()), "shapes differ");
        let scale = self.scale.try_as_plain_ram()?.as_slice::<f32>()?;
        let shift = self.shift.try_as_plain_ram()?.as_slice::<f32>()?;
        let epsilon = self.epsilon.cast_to_scalar::<f32>()?;
        let width = scale.len().max(1);
        ensure!(rows.shape().last() == Some(&width), "rows of another width");
        let mut plain = rows.try_as_plain_ram_mut()?;
        let into = plain.as_slice_mut::<f32>()?.chunks_exact_mut(width);
        let other = other.as_ref().map(|other| other.try_as_plain_ram()?.as_slice::<f32>()).transpose()?;
        let mut others = other.map(|other| other.chunks_exact(width));
        let rms_norm = tract_linalg::routines::rms_norm_f32()?;
        for row in into {
            let sum = match others.as_mut().and_then(Iterator::next) {
                Some(other) => add(row, other),
                None => sum(row),
            };
            let mean = sum / width as f32;
            row.iter_mut().for_each(|cell| *cell -= mean);
            rms_norm(row, epsilon);
            let columns = scale.iter().zip(shift);
            row.iter_mut().zip(columns).for_each(|(cell, (scale, shift))| *cell = *cell * scale + shift);
        }
        Ok(tvec!(rows.into_tvalue()))
    }
}

fn sum(row: &[f32]) -> f32 {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, cell)| *lane += *cell);
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// Adds cell by cell, and gives the sum of the row.
fn add(row: &mut [f32], other: &[f32]) -> f32 {
    let (chunks, rest) = row.as_chunks_mut::<LANES>();
    let (others, last) = other.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (chunk, others) in chunks.iter_mut().zip(others) {
        chunk.iter_mut().zip(others).for_each(|(cell, other)| *cell += other);
        lanes.iter_mut().zip(chunk).for_each(|(lane, cell)| *lane += *cell);
    }
    rest.iter_mut().zip(last).for_each(|(cell, other)| *cell += other);
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

impl TypedOp for Norm {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let rows = inputs.first().context("no input")?;
        Ok(tvec!(DatumType::F32.fact(rows.shape.clone())))
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use tract_onnx::tract_hir::tract_core::ops::math::{add, mul, sub};

    use super::*;

    fn filled(shape: &[usize], seed: usize) -> Tensor {
        let length: usize = shape.iter().product();
        let cells: Vec<f32> =
            (0..length).map(|cell| ((cell * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0).collect();
        tensor1(&cells).into_shape(shape).unwrap()
    }

    /// The norm of a sum as tract writes it, and what it takes a mean to be.
    fn written(width: usize, share: f32, columns: bool) -> TypedModel {
        let mut model = TypedModel::default();
        let fact = DatumType::F32.fact([2.to_dim(), model.sym("rows").to_dim(), width.to_dim()]);
        let one = model.add_source("one", fact.clone()).unwrap();
        let other = model.add_source("other", fact).unwrap();
        let rows = model.wire_node("rows", add(), &[one, other]).unwrap()[0];
        let reduce = Reduce { axes: tvec!(2), reducer: Reducer::Sum };
        let sum = model.wire_node("sum", reduce, &[rows]).unwrap()[0];
        let share = model.add_const("share", tensor3(&[[[share]]])).unwrap();
        let mean = model.wire_node("mean", mul(), &[sum, share]).unwrap()[0];
        let rest = model.wire_node("rest", sub(), &[rows, mean]).unwrap()[0];
        let rms = RmsNorm { axis: 2, eps: tensor0(1e-6_f32).into() };
        let mut norm = model.wire_node("norm", rms, &[rest]).unwrap()[0];
        if columns {
            let scale = model.add_const("scale", filled(&[1, 1, width], 3)).unwrap();
            let shift = model.add_const("shift", filled(&[1, 1, width], 4)).unwrap();
            norm = model.wire_node("scaled", mul(), &[scale, norm]).unwrap()[0];
            norm = model.wire_node("shifted", add(), &[norm, shift]).unwrap()[0];
        }
        model.select_output_outlets(&[norm]).unwrap();
        model
    }

    fn run(model: TypedModel, inputs: &[Tensor]) -> Tensor {
        let plan = TypedSimplePlan::new(model.into_optimized().unwrap()).unwrap();
        let inputs = inputs.iter().map(|input| input.clone().into_tvalue()).collect();
        plan.run(inputs).unwrap().remove(0).into_tensor()
    }

    fn norms(model: &TypedModel) -> Vec<usize> {
        model.nodes().iter().filter(|node| node.op_is::<Norm>()).map(|node| node.inputs.len()).collect()
    }

    #[test]
    fn norms_are_those_of_tract() {
        for (width, columns) in [(1, true), (2, false), (15, true), (16, false), (17, true), (384, true)] {
            let plain = written(width, 1.0 / width as f32, columns);
            let mut model = plain.clone();
            rewrite(&mut model).unwrap();
            assert_eq!(norms(&model), [2], "both that are added");
            for rows in [0, 1, 2, 5] {
                let shape = [2, rows, width];
                let inputs = [filled(&shape, 1), filled(&shape, 2)];
                let (found, wanted) = (run(model.clone(), &inputs), run(plain.clone(), &inputs));
                found.close_enough(&wanted, Approximation::Approximate).unwrap();
            }
        }
    }

    /// One odd cell spoils its row and no other.
    #[test]
    fn what_is_not_finite_stays_in_its_row() {
        let plain = written(17, 1.0 / 17.0, true);
        let mut model = plain.clone();
        rewrite(&mut model).unwrap();
        for odd in [f32::NAN, f32::INFINITY] {
            let (mut one, other) = (filled(&[2, 3, 17], 1), filled(&[2, 3, 17], 2));
            one.try_as_plain_ram_mut().unwrap().as_slice_mut::<f32>().unwrap()[20] = odd;
            let inputs = [one, other];
            let finite = |tensor: Tensor| -> Vec<bool> {
                let plain = tensor.try_as_plain_ram().unwrap();
                plain.as_slice::<f32>().unwrap().iter().map(|cell| cell.is_finite()).collect()
            };
            assert_eq!(finite(run(model.clone(), &inputs)), finite(run(plain.clone(), &inputs)));
        }
    }

    #[test]
    fn what_is_no_mean_is_left_alone() {
        let mut model = written(16, 0.5, true);
        rewrite(&mut model).unwrap();
        assert!(norms(&model).is_empty());
    }

    #[test]
    fn rows_that_others_use_stay() {
        let mut model = written(16, 1.0 / 16.0, true);
        let rows = model.nodes().iter().find(|node| node.name == "rows").unwrap().id;
        let outputs = [model.output_outlets().unwrap()[0], rows.into()];
        model.select_output_outlets(&outputs).unwrap();
        rewrite(&mut model).unwrap();
        assert!(norms(&model).is_empty());
    }
}
