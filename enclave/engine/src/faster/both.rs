//! The probabilities of two classes from that of the second, side by side at once.
//!
//! Exporters of classifiers write `concat(1 - p, p)`: two operators and a tensor between them. Results are
//! the same to the bit.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::array::TypedConcat;
use tract_onnx::tract_hir::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_hir::tract_core::ops::math::Sub;

/// Applies the rewrite to a decluttered model.
pub(super) fn rewrite(model: &mut TypedModel) -> TractResult<()> {
    Rewriter::default().with_rule_for::<TypedConcat>("both classes", both_classes).rewrite(&(), model)
}

fn both_classes(
    _context: &(),
    model: &TypedModel,
    node: &TypedNode,
    name: &str,
    concat: &TypedConcat,
) -> TractResult<Option<TypedModelPatch>> {
    let [first, second] = *node.inputs.as_slice() else { return Ok(None) };
    let difference = model.node(first.node);
    let subtracts = difference.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<Sub>() && op.1.is_none());
    let &[one, rest] = difference.inputs.as_slice() else { return Ok(None) };
    let (fact, one) = (model.outlet_fact(second)?, model.outlet_fact(one)?);
    let alike = fact.shape == model.outlet_fact(first)?.shape && fact.datum_type == DatumType::F32;
    let single = fact.shape.last().is_some_and(|dim| dim.is_one()) && concat.axis + 1 == fact.rank();
    if !subtracts || rest != second || !alike || !single || !is_one(one)? {
        return Ok(None);
    }
    let mut patch = TypedModelPatch::new("both classes");
    let second = patch.tap_model(model, second)?;
    for output in patch.wire_node(name, Both, &[second])? {
        patch.shunt_outside(model, node.id.into(), output)?;
    }
    Ok(Some(patch))
}

fn is_one(fact: &TypedFact) -> TractResult<bool> {
    let Some(constant) = fact.konst.as_ref().filter(|_| fact.datum_type == DatumType::F32) else {
        return Ok(false);
    };
    Ok(constant.try_as_plain_ram()?.as_slice::<f32>()? == [1.0])
}

/// What is missing to one, and the cell itself, along a last axis of length one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Both;

impl Op for Both {
    fn name(&self) -> StaticName {
        "Both".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Both {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let mut shape: TVec<usize> = input.shape().into();
        *shape.last_mut().context("no last axis")? = 2;
        let mut answer = Tensor::zero::<f32>(&shape)?;
        let mut plain = answer.try_as_plain_ram_mut()?;
        let (into, _) = plain.as_slice_mut::<f32>()?.as_chunks_mut::<2>();
        let cells = input.try_as_plain_ram()?.as_slice::<f32>()?;
        into.iter_mut().zip(cells).for_each(|(into, cell)| *into = [1.0 - cell, *cell]);
        Ok(tvec!(answer.into_tvalue()))
    }
}

impl TypedOp for Both {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [input] = inputs else { bail!("one input") };
        let axis = input.rank().checked_sub(1).context("no last axis")?;
        let mut shape = input.shape.clone();
        shape.set(axis, 2.to_dim());
        Ok(tvec!(DatumType::F32.fact(shape)))
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use tract_onnx::tract_hir::tract_core::ops::math::sub;

    use super::*;

    #[test]
    fn cells_are_those_of_the_definition() {
        for shape in [vec![0, 1], vec![1, 1], vec![3, 1], vec![2, 2, 1]] {
            let length: usize = shape.iter().product();
            let cells: Vec<f32> =
                [0.25, f32::NAN, f32::INFINITY, 1.0].into_iter().cycle().take(length).collect();
            let input = tensor1(&cells).into_shape(&shape).unwrap().into_tvalue();
            let found = Both.eval_out_of_plan(tvec!(input)).unwrap().unwrap();
            let wanted: Vec<u32> =
                cells.iter().flat_map(|cell| [1.0 - cell, *cell]).map(f32::to_bits).collect();
            let plain = found[0].try_as_plain_ram().unwrap();
            let found: Vec<u32> =
                plain.as_slice::<f32>().unwrap().iter().map(|cell| cell.to_bits()).collect();
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn only_what_is_missing_to_one_is_taken() {
        for (one, taken) in [(1.0_f32, true), (2.0, false)] {
            let mut model = TypedModel::default();
            let rows = model.sym("rows").to_dim();
            let second = model.add_source("second", DatumType::F32.fact([rows, 1.to_dim()])).unwrap();
            let one = model.add_const("one", tensor2(&[[one]])).unwrap();
            let first = model.wire_node("first", sub(), &[one, second]).unwrap()[0];
            let both = model.wire_node("both", TypedConcat { axis: 1 }, &[first, second]).unwrap();
            model.select_output_outlets(&both).unwrap();
            rewrite(&mut model).unwrap();
            assert_eq!(model.nodes().iter().any(|node| node.op_is::<Both>()), taken);
        }
    }
}
