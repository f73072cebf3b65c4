//! Layers of a perceptron for few rows, one after another in one operator.
//!
//! With one row, the arithmetic of a small perceptron takes less than a microsecond, and what tract does
//! around each product takes several: it packs the row, makes a tensor, looks a kernel up. Here a row goes
//! through all layers at once, each with its bias and its cut at zero. Many rows stay with tract, whose
//! kernels are wider, but for layers of so few outputs that most of a kernel's work would be thrown away.
//! Sums differ as sums in another order do.

mod layer;

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_onnx::tract_hir::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};
use tract_onnx::tract_hir::tract_core::ops::math::{Add, Max, Tanh};
use tract_onnx::tract_hir::tract_core::ops::nn::Sigmoid;

use crate::limits::{FEW_ROWS, MAX_LAYER_WEIGHTS};
use layer::Layer;

/// How many rows a plan is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Those that the graph says, or any number.
    #[default]
    AsDeclared,
    /// [`FEW_ROWS`] at most.
    Few,
}

/// Replaces the layers of a decluttered model.
pub(super) fn rewrite(model: &mut TypedModel, rows: Rows) -> TractResult<()> {
    Rewriter::default().with_rule_for::<EinSum>("layer", one_layer).rewrite(&rows, model)?;
    Rewriter::default().with_rule_for::<Dense>("layers", after_another).rewrite(&(), model)
}

/// Whether a model has such layers.
pub(crate) fn found(model: &TypedModel) -> bool {
    model.nodes().iter().any(|node| node.op_is::<Dense>())
}

/// A product, what is added to it, and what follows cell by cell.
fn one_layer(
    rows: &Rows,
    model: &TypedModel,
    node: &TypedNode,
    name: &str,
    product: &EinSum,
) -> TractResult<Option<TypedModelPatch>> {
    let [row, weights] = *node.inputs.as_slice() else { return Ok(None) };
    let Some(mut layer) = layer_of(model, product, [row, weights])? else { return Ok(None) };
    let declared = model.outlet_fact(row)?.shape.first().and_then(|rows| rows.as_i64());
    let few = *rows == Rows::Few || declared.is_some_and(|rows| rows <= FEW_ROWS.cast_signed());
    if !layer.is_narrow() && !few {
        return Ok(None);
    }
    let mut end = node;
    if let Some((next, bias)) = then_constant::<Add>(model, end)?
        && layer.add(&bias)?
    {
        end = next;
    }
    if let Some((next, floor)) = then_constant::<Max>(model, end)?
        && floor.try_as_plain_ram()?.as_slice::<f32>()? == [0.0]
    {
        layer.cut();
        end = next;
    }
    let mut last = None;
    if let Some(next) = only_user(model, end)?
        && let Some(op) = next.op_as::<ElementWiseOp>().filter(|op| op.1.is_none() && in_place(&*op.0))
    {
        (last, end) = (Some(op.0.clone()), next);
    }
    let mut patch = TypedModelPatch::new("layer");
    let row = patch.tap_model(model, row)?;
    for output in patch.wire_node(name, Dense { layers: vec![layer], last, columns: false }, &[row])? {
        patch.shunt_outside(model, end.id.into(), output)?;
    }
    Ok(Some(patch))
}

/// The product as a layer, if it is one of rows with constant weights.
fn layer_of(model: &TypedModel, product: &EinSum, inputs: [OutletId; 2]) -> TractResult<Option<Layer>> {
    let [row, weights] = inputs.map(|input| model.outlet_fact(input));
    let (row, weights) = (row?, weights?);
    let floats = [row.datum_type, weights.datum_type, product.operating_dt] == [DatumType::F32; 3];
    let Some(constant) = weights.konst.as_ref() else { return Ok(None) };
    if !floats || product.q_params.is_some() || row.rank() != 2 || product.axes.rank(InOut::Out(0)) != 2 {
        return Ok(None);
    }
    let axis = |end: InOut, axis: usize| product.axes.axis((end, axis));
    let (rows, from, to) = (axis(InOut::Out(0), 0)?, axis(InOut::In(0), 1)?, axis(InOut::Out(0), 1)?);
    let of = |axis: &Axis, input: usize| axis.inputs.get(input).cloned().unwrap_or_default();
    let plain = of(rows, 0).as_slice() == [0] && of(rows, 1).is_empty() && of(to, 0).is_empty();
    let summed = from.outputs.iter().all(|own| own.is_empty());
    let transposed = match (of(from, 1).as_slice(), of(to, 1).as_slice(), constant.rank()) {
        ([0], [], 1) | ([0], [1], 2) => false,
        ([1], [0], 2) => true,
        _ => return Ok(None),
    };
    let fits = (1..=MAX_LAYER_WEIGHTS).contains(&constant.len());
    if plain && summed && fits { Layer::new(constant, transposed).map(Some) } else { Ok(None) }
}

/// The only user of a node's only output, where that is no answer itself.
fn only_user<'a>(model: &'a TypedModel, node: &TypedNode) -> TractResult<Option<&'a TypedNode>> {
    if model.output_outlets()?.contains(&node.id.into()) {
        return Ok(None);
    }
    model.single_succ(node.id)
}

/// The only user, if it combines the node's output with a constant of floats and keeps the shape.
fn then_constant<'a, T: BinMiniOp>(
    model: &'a TypedModel,
    node: &TypedNode,
) -> TractResult<Option<(&'a TypedNode, Arc<Tensor>)>> {
    let Some(next) = only_user(model, node)? else { return Ok(None) };
    let known = next.op_as::<TypedBinOp>().is_some_and(|op| op.0.is::<T>() && op.1.is_none());
    let Some(other) = next.inputs.iter().find(|input| input.node != node.id) else { return Ok(None) };
    let other = model.outlet_fact(*other)?;
    let same = model.outlet_fact(next.id.into())?.shape == model.outlet_fact(node.id.into())?.shape;
    let constant = other.konst.clone().filter(|_| known && same && other.datum_type == DatumType::F32);
    Ok(constant.map(|constant| (next, constant)))
}

/// Activations that tract computes in place.
fn in_place(op: &dyn ElementWiseMiniOp) -> bool {
    op.is::<Sigmoid>() || op.is::<Tanh>()
}

/// Layers that follow others join them.
fn after_another(
    _context: &(),
    model: &TypedModel,
    node: &TypedNode,
    name: &str,
    dense: &Dense,
) -> TractResult<Option<TypedModelPatch>> {
    let [input] = *node.inputs.as_slice() else { return Ok(None) };
    let before = model.node(input.node);
    let Some(first) = before.op_as::<Dense>().filter(|first| first.last.is_none()) else { return Ok(None) };
    if only_user(model, before)?.is_none() {
        return Ok(None);
    }
    let layers = first.layers.iter().chain(&dense.layers).cloned().collect();
    let mut patch = TypedModelPatch::new("layers");
    let inputs = patch.taps(model, &before.inputs)?;
    for output in
        patch.wire_node(name, Dense { layers, last: dense.last.clone(), columns: first.columns }, &inputs)?
    {
        patch.shunt_outside(model, node.id.into(), output)?;
    }
    Ok(Some(patch))
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dense {
    /// Never none.
    layers: Vec<Layer>,
    /// What the last layer's cells go through.
    last: Option<Box<dyn ElementWiseMiniOp>>,
    /// Whether the input is columns, not rows.
    columns: bool,
}

impl Dense {
    /// The same for columns, if the first layer takes them.
    pub(super) fn of_columns(&self) -> Option<Self> {
        let takes = !self.columns && self.layers.first().is_some_and(Layer::is_narrow);
        takes.then(|| Self { columns: true, ..self.clone() })
    }
}

impl Op for Dense {
    fn name(&self) -> StaticName {
        "Dense".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Dense {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let (&[rows, width], Some((last, before))) = (input.shape(), self.layers.split_last()) else {
            bail!("layers take rows")
        };
        let (rows, width) = if self.columns { (width, rows) } else { (rows, width) };
        ensure!(self.layers.first().is_some_and(|first| first.inputs() == width), "rows of another width");
        let given = input.try_as_plain_ram()?.as_slice::<f32>()?;
        let mut cells: Option<Vec<f32>> = None;
        let apply = |layer: &Layer, from: Option<&[f32]>, into: &mut [f32]| match from {
            Some(from) => layer.apply(from, into),
            None if self.columns => layer.apply_to_columns(given, rows, into),
            None => layer.apply(given, into),
        };
        for layer in before {
            let mut next = vec![0.0; rows * layer.outputs()];
            apply(layer, cells.as_deref(), &mut next)?;
            cells = Some(next);
        }
        let mut answer = Tensor::zero::<f32>(&[rows, last.outputs()])?;
        apply(last, cells.as_deref(), answer.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?)?;
        if let Some(op) = &self.last {
            op.eval_in_place(&mut answer, None)?;
        }
        Ok(tvec!(answer.into_tvalue()))
    }
}

impl TypedOp for Dense {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let ([input], Some(last)) = (inputs, self.layers.last()) else { bail!("layers take one input") };
        let rows = input.shape.get(usize::from(self.columns)).cloned().context("layers take rows")?;
        Ok(tvec!(DatumType::F32.fact([rows, last.outputs().to_dim()])))
    }

    as_op!();
}

#[cfg(test)]
mod tests;
