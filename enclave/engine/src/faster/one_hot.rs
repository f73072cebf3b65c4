//! Looks rows of a table up where a graph multiplies it by ones and zeros.
//!
//! Exporters of JAX write an embedding as `table × (ids == 0, 1, 2, …)`. The product adds up one row
//! and many zeros, so the row alone is the same number; what equals no number of a row is zeros.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_hir::tract_core::ops::cast::Cast;
use tract_onnx::tract_hir::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::tract_core::ops::logic::CompEq;

/// Applies the rewrite to a decluttered model.
pub(super) fn rewrite(model: &mut TypedModel) -> TractResult<()> {
    Rewriter::default().with_rule_for::<EinSum>("look up", look_up).rewrite(&(), model)
}

fn look_up(
    _context: &(),
    model: &TypedModel,
    node: &TypedNode,
    name: &str,
    product: &EinSum,
) -> TractResult<Option<TypedModelPatch>> {
    let [ones, table] = *node.inputs.as_slice() else { return Ok(None) };
    if !rows_by_numbers(model, product, [ones, table])? || !finite(model, table)? {
        return Ok(None);
    }
    let rows = model.outlet_fact(table)?.shape.first().cloned();
    let Some((ids, first)) = ids(model, ones, rows)? else { return Ok(None) };
    let mut patch = TypedModelPatch::new("look up");
    let inputs = patch.taps(model, &[ids, table])?;
    let outputs = patch.wire_node(name, LookUp { first }, &inputs)?;
    for output in outputs {
        patch.shunt_outside(model, node.id.into(), output)?;
    }
    Ok(Some(patch))
}

/// Whether this is `…k,kn->…n`, with axes in order and of floats.
fn rows_by_numbers(model: &TypedModel, product: &EinSum, inputs: [OutletId; 2]) -> TractResult<bool> {
    let [ones, table] = inputs.map(|input| model.outlet_fact(input));
    let (ones, table) = (ones?, table?);
    let floats = [ones.datum_type, table.datum_type, product.operating_dt] == [DatumType::F32; 3];
    if !floats || product.q_params.is_some() || table.rank() != 2 || ones.rank() == 0 {
        return Ok(false);
    }
    let last = ones.rank() - 1;
    let place = |end: InOut, axis: usize| -> TractResult<[Option<usize>; 3]> {
        let axis = product.axes.axis((end, axis))?;
        let only = |own: Option<&TVec<usize>>| own.and_then(|own| own.first().copied());
        Ok([only(axis.inputs.first()), only(axis.inputs.get(1)), only(axis.outputs.first())])
    };
    let mut plain = place(InOut::In(0), last)? == [Some(last), Some(0), None]
        && place(InOut::In(1), 1)? == [None, Some(1), Some(last)];
    for axis in 0..last {
        plain = plain && place(InOut::In(0), axis)? == [Some(axis), None, Some(axis)];
    }
    Ok(plain)
}

/// A row that is not finite would spoil the sums of all others, which a look-up does not show.
fn finite(model: &TypedModel, table: OutletId) -> TractResult<bool> {
    let Some(table) = &model.outlet_fact(table)?.konst else { return Ok(false) };
    Ok(table.try_as_plain_ram()?.as_slice::<f32>()?.iter().all(|cell| cell.is_finite()))
}

/// What is compared with the numbers of all rows, and the first number, if that is what `ones` says.
fn ids(model: &TypedModel, ones: OutletId, rows: Option<TDim>) -> TractResult<Option<(OutletId, i64)>> {
    let cast = model.node(ones.node);
    let Some(compared) = cast.op_is::<Cast>().then(|| cast.inputs.first()).flatten() else { return Ok(None) };
    let compared = model.node(compared.node);
    let equal = compared.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<CompEq>() && op.1.is_none());
    let [one, other] = *compared.inputs.as_slice() else { return Ok(None) };
    if !equal {
        return Ok(None);
    }
    for (ids, numbers) in [(one, other), (other, one)] {
        let fact = model.outlet_fact(ids)?;
        let single = fact.shape.last().is_some_and(|dim| dim.is_one());
        let whole = matches!(fact.datum_type, DatumType::I32 | DatumType::I64);
        let Some(numbers) = model.outlet_fact(numbers)?.konst.as_ref().filter(|_| single && whole) else {
            continue;
        };
        let along = numbers.shape().last().map(|length| TDim::from(*length));
        if along == rows && numbers.shape().last() == Some(&numbers.len()) {
            return Ok(consecutive(numbers)?.map(|first| (ids, first)));
        }
    }
    Ok(None)
}

fn consecutive(numbers: &Tensor) -> TractResult<Option<i64>> {
    let numbers = numbers.cast_to::<i64>()?;
    let numbers = numbers.try_as_plain_ram()?.as_slice::<i64>()?.to_vec();
    let Some(first) = numbers.first().copied() else { return Ok(None) };
    Ok(numbers.iter().zip(first..).all(|(number, wanted)| *number == wanted).then_some(first))
}

/// Rows of a table by number, the first row's number being `first`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LookUp {
    first: i64,
}

impl Op for LookUp {
    fn name(&self) -> StaticName {
        "LookUp".into()
    }

    op_as_typed_op!();
}

impl EvalOp for LookUp {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (ids, table) = args_2!(inputs);
        let width = table.shape().get(1).copied().context("a table has rows and columns")?;
        let cells = table.try_as_plain_ram()?.as_slice::<f32>()?;
        let numbers = ids.cast_to::<i64>()?;
        let mut shape: TVec<usize> = ids.shape().into();
        shape.pop();
        shape.push(width);
        // What is no row's number stays zeros.
        let mut rows = Tensor::zero::<f32>(&shape)?;
        let mut plain = rows.try_as_plain_ram_mut()?;
        let into = plain.as_slice_mut::<f32>()?.chunks_exact_mut(width.max(1));
        for (into, number) in into.zip(numbers.try_as_plain_ram()?.as_slice::<i64>()?) {
            let row = number.checked_sub(self.first).and_then(|row| usize::try_from(row).ok());
            let start = row.and_then(|row| row.checked_mul(width));
            if let Some(row) = start.and_then(|start| cells.get(start..start.checked_add(width)?)) {
                into.copy_from_slice(row);
            }
        }
        Ok(tvec!(rows.into_tvalue()))
    }
}

impl TypedOp for LookUp {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let (&[ids, table], 2) = (inputs, inputs.len()) else { bail!("two inputs") };
        let mut shape: TVec<TDim> = ids.shape.iter().cloned().collect();
        shape.pop();
        shape.extend(table.shape.last().cloned());
        Ok(tvec!(DatumType::F32.fact(shape)))
    }

    as_op!();
}
