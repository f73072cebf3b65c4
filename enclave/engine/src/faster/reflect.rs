//! Continues rows at their ends with their own reflection, as a sound's spectrum asks for.
//!
//! tract takes each cell of a reflection for a slice of an array. Results are the same to the bit.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::array::{Pad, PadMode};

/// Puts the operator in the place of tract's, where cells are floats and only rows get longer.
pub(super) fn take_over(model: &mut TypedModel) -> TractResult<()> {
    for node in 0..model.nodes().len() {
        let Some(pad) = model.node(node).op_as::<Pad>() else { continue };
        let Some((&(before, after), others)) = pad.pads.split_last() else { continue };
        let rows = pad.mode == PadMode::Reflect && others.iter().all(|pad| *pad == (0, 0));
        let floats = model.node_input_facts(node)?.iter().all(|fact| fact.datum_type == DatumType::F32);
        if rows && floats {
            model.node_mut(node).op = Box::new(Reflect { before, after });
        }
    }
    Ok(())
}

/// Cells to add before and after each row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reflect {
    before: usize,
    after: usize,
}

impl Op for Reflect {
    fn name(&self) -> StaticName {
        "Reflect".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Reflect {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let mut shape: TVec<usize> = input.shape().into();
        let length = shape.pop().context("no axis")?;
        ensure!(self.before.max(self.after) < length, "more is reflected than there is");
        shape.push(self.before + length + self.after);
        let mut answer = Tensor::zero::<f32>(&shape)?;
        let mut plain = answer.try_as_plain_ram_mut()?;
        let rows = plain.as_slice_mut::<f32>()?.chunks_exact_mut(self.before + length + self.after);
        for (into, row) in rows.zip(input.try_as_plain_ram()?.as_slice::<f32>()?.chunks_exact(length)) {
            // The cell at the end is not repeated.
            let before = row.iter().skip(1).take(self.before).rev();
            let after = row.iter().rev().skip(1).take(self.after);
            into.iter_mut().zip(before.chain(row).chain(after)).for_each(|(into, cell)| *into = *cell);
        }
        Ok(tvec!(answer.into_tvalue()))
    }
}

impl TypedOp for Reflect {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let rank = inputs.first().context("no input")?.rank();
        let mut pads = vec![(0, 0); rank.saturating_sub(1)];
        pads.push((self.before, self.after));
        Pad { pads, mode: PadMode::Reflect }.output_facts(inputs)
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reflections_are_those_of_tract() {
        let cells: Vec<f32> = (0..3 * 5).map(|cell| cell as f32).collect();
        let input = tensor1(&cells).into_shape(&[3, 5]).unwrap().into_tvalue();
        for (before, after) in (0..5).flat_map(|before| (0..5).map(move |after| (before, after))) {
            let pad = Pad { pads: vec![(0, 0), (before, after)], mode: PadMode::Reflect };
            let wanted = pad.eval_out_of_plan(tvec!(input.clone())).unwrap();
            let found = Reflect { before, after }.eval_out_of_plan(tvec!(input.clone())).unwrap();
            assert_eq!(found, wanted, "{before} {after}");
        }
    }
}
