//! The label of each row's largest score, at once.
//!
//! Exporters of classifiers write: the place of the largest, the number at that place in a list, another
//! shape, another type. tract's type for whole numbers in answers is one that can hold symbols, which costs
//! an allocation or a comparison for each. Labels are the same.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::array::Gather;
use tract_onnx::tract_hir::tract_core::ops::cast::Cast;
use tract_onnx::tract_hir::tract_core::ops::change_axes::IntoShape;
use tract_onnx::tract_hir::tract_core::ops::nn::{Reduce, Reducer};

/// Applies the rewrite to an optimized model.
pub(super) fn rewrite(model: &mut TypedModel) -> TractResult<()> {
    for id in 0..model.nodes().len() {
        let Some((labels, end)) = labels(model, id)? else { continue };
        let scores = model.node(id).inputs.first().copied().context("no scores")?;
        let fact = DatumType::I64.fact(model.outlet_fact(end.into())?.shape.clone());
        // The end keeps its place: what was before it is used by nothing now.
        model.add_edge(scores, InletId::new(end, 0))?;
        model.node_mut(end).op = Box::new(labels);
        model.set_outlet_fact(end.into(), fact)?;
    }
    model.compact()
}

/// The operator for what begins at this node, and the node where that ends: an answer of whole numbers of 64
/// bits.
fn labels(model: &TypedModel, id: usize) -> TractResult<Option<(Labels, usize)>> {
    let Some(last) = largest_of_row(model, id)? else { return Ok(None) };
    let Some(gather) = next(model, id)?.filter(|gather| gather.op_is::<Gather>()) else { return Ok(None) };
    let Some(numbers) = numbers(model, id, gather)? else { return Ok(None) };
    let mut end = gather;
    while let Some(after) = next(model, end.id)?.filter(|after| keeps_numbers(after)) {
        end = after;
    }
    let answer = model.outlet_fact(end.id.into())?;
    let rows = model.outlet_fact(id.into())?.shape.first();
    let (flat, first) = match answer.shape.dims() {
        [rows] => (true, Some(rows)),
        [rows, one] if one.is_one() => (false, Some(rows)),
        _ => (false, None),
    };
    let whole = matches!(answer.datum_type, DatumType::TDim | DatumType::I64);
    let unused = end.outputs.iter().all(|output| output.successors.is_empty());
    let known = first == rows && whole && unused && end.id != gather.id;
    let known = known && model.output_outlets()?.contains(&end.id.into());
    Ok(known.then_some((Labels { numbers, last, flat }, end.id)))
}

/// Whether a node hands numbers on in their order. Of one axis that counts, nothing that moves axes changes it.
fn keeps_numbers(node: &TypedNode) -> bool {
    let wide = |cast: &Cast| matches!(cast.to, DatumType::TDim | DatumType::I64);
    let moves = node.op_is::<AxisOp>() || node.op_is::<IntoShape>();
    node.inputs.len() == 1 && (moves || node.op_as::<Cast>().is_some_and(wide))
}

/// Whether the node finds the largest float of each row, and if so, whether it is the last of several.
fn largest_of_row(model: &TypedModel, id: usize) -> TractResult<Option<bool>> {
    let node = model.node(id);
    let Some(reduce) = node.op_as::<Reduce>().filter(|reduce| reduce.axes.as_slice() == [1]) else {
        return Ok(None);
    };
    let facts = model.node_input_facts(id)?;
    let rows = facts.iter().all(|fact| fact.rank() == 2 && fact.datum_type == DatumType::F32);
    Ok(if let (Reducer::ArgMax(last), true) = (reduce.reducer, rows) { Some(last) } else { None })
}

/// The list of labels, if it has one for each score.
fn numbers(model: &TypedModel, scores: usize, gather: &TypedNode) -> TractResult<Option<Vec<i64>>> {
    let [list, _] = *gather.inputs.as_slice() else { return Ok(None) };
    let Some(list) = &model.outlet_fact(list)?.konst else { return Ok(None) };
    let classes = model.node_input_facts(scores)?.first().and_then(|fact| fact.shape.get(1)?.to_usize().ok());
    let enough = classes.is_some_and(|classes| (1..=list.len()).contains(&classes));
    if list.rank() != 1 || !matches!(list.datum_type(), DatumType::I32 | DatumType::I64) || !enough {
        return Ok(None);
    }
    let list = list.cast_to::<i64>()?;
    Ok(Some(list.try_as_plain_ram()?.as_slice::<i64>()?.to_vec()))
}

/// The only user of a node's output, where that is no answer itself.
fn next(model: &TypedModel, id: usize) -> TractResult<Option<&TypedNode>> {
    if model.output_outlets()?.contains(&id.into()) { Ok(None) } else { model.single_succ(id) }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Labels {
    numbers: Vec<i64>,
    /// Of several largest, the last.
    last: bool,
    /// Whether the answer has one axis, or two.
    flat: bool,
}

impl Op for Labels {
    fn name(&self) -> StaticName {
        "Labels".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Labels {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let &[rows, classes] = input.shape() else { bail!("scores have two axes") };
        let shape: &[usize] = if self.flat { &[rows] } else { &[rows, 1] };
        let mut answer = Tensor::zero::<i64>(shape)?;
        let mut plain = answer.try_as_plain_ram_mut()?;
        let scores = input.try_as_plain_ram()?.as_slice::<f32>()?.chunks_exact(classes.max(1));
        for (into, scores) in plain.as_slice_mut::<i64>()?.iter_mut().zip(scores) {
            *into = self.numbers.get(largest(scores, self.last)).copied().context("no such label")?;
        }
        Ok(tvec!(answer.into_tvalue()))
    }
}

/// As tract finds it: what is not a number is never the largest, and without any the first is.
fn largest(scores: &[f32], last: bool) -> usize {
    let (mut place, mut largest) = (0, f32::MIN);
    for (number, score) in scores.iter().enumerate() {
        if *score > largest || (last && *score == largest) {
            (place, largest) = (number, *score);
        }
    }
    place
}

impl TypedOp for Labels {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [input] = inputs else { bail!("one input") };
        let rows = input.shape.first().cloned().context("scores have rows")?;
        let shape: TVec<TDim> = if self.flat { tvec!(rows) } else { tvec!(rows, 1.to_dim()) };
        Ok(tvec!(DatumType::I64.fact(shape)))
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(shape: [usize; 2]) -> Tensor {
        let cells = [0.5, f32::NAN, 0.5, f32::NEG_INFINITY, -1.0, f32::INFINITY, 0.0];
        let cells: Vec<f32> = (0..shape[0] * shape[1]).map(|cell| cells[cell * 5 % 7]).collect();
        tensor1(&cells).into_shape(&shape).unwrap()
    }

    /// What exporters write, for rows of so many scores.
    fn written(classes: usize, last: bool, flat: bool) -> TypedModel {
        let mut model = TypedModel::default();
        let fact = DatumType::F32.fact([model.sym("rows").to_dim(), classes.to_dim()]);
        let scores = model.add_source("scores", fact).unwrap();
        let list = model.add_const("list", tensor1(&[7_i32, -3, 9])).unwrap();
        let reduce = Reduce { axes: tvec!(1), reducer: Reducer::ArgMax(last) };
        let place = model.wire_node("place", reduce, &[scores]).unwrap()[0];
        let gather = Gather { axis: 0, output_type: None };
        let mut label = model.wire_node("label", gather, &[list, place]).unwrap();
        if flat {
            label = model.wire_node("flat", AxisOp::Rm(1), &label).unwrap();
        }
        let cast = Cast { to: DatumType::I64 };
        let label = model.wire_node("cast", cast, &label).unwrap();
        model.select_output_outlets(&label).unwrap();
        model
    }

    fn run(model: TypedModel, scores: Tensor) -> Tensor {
        let plan = TypedSimplePlan::new(model).unwrap();
        plan.run(tvec!(scores.into_tvalue())).unwrap().remove(0).into_tensor()
    }

    #[test]
    fn labels_are_those_of_tract() {
        for code in 0..3 * 5 * 4 {
            let (classes, rows) = (code % 3 + 1, [0, 1, 2, 7, 8][code / 3 % 5]);
            let (last, flat) = (code / 15 % 2 == 0, code / 30 == 0);
            let plain = written(classes, last, flat);
            let mut model = plain.clone();
            rewrite(&mut model).unwrap();
            assert!(model.nodes().iter().any(|node| node.op_is::<Labels>()));
            let scores = scores([rows, classes]);
            let (found, wanted) = (run(model, scores.clone()), run(plain, scores));
            assert_eq!(found, wanted, "{classes} {rows} {last} {flat}");
        }
    }

    /// A list that is too short is a failure in tract, and stays one.
    #[test]
    fn lists_that_are_too_short_are_left_alone() {
        let mut model = written(4, false, true);
        rewrite(&mut model).unwrap();
        assert!(!model.nodes().iter().any(|node| node.op_is::<Labels>()));
    }
}
