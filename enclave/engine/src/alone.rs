//! Runs images one by one where a batch of them would be slower.
//!
//! tract copies and transposes around every convolution of a batch, which costs more than the
//! convolution: eight images take it twice as long together as one after the other. So a model with
//! convolutions of images is compiled for one, provided that
//!
//! 1. one symbol is the first dimension of every input and every output, and stands nowhere else;
//! 2. every operator on its way is one that is known to compute nothing across that dimension;
//! 3. nothing that the model computes with is the number of images.

use strongroom_seal::model::{Dim, DimRange, Interface, TensorSpec};
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::Downsample;
use tract_onnx::tract_hir::tract_core::ops::array::{Gather, Pad, TypedConcat};
use tract_onnx::tract_hir::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_hir::tract_core::ops::cast::Cast;
use tract_onnx::tract_hir::tract_core::ops::cnn::{Conv, Deconv, MaxPool, SumPool};
use tract_onnx::tract_hir::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_hir::tract_core::ops::nn::resize::NearestUpsample;
use tract_onnx::tract_hir::tract_core::ops::nn::{Reduce, RmsNorm, Softmax};

use crate::compile::{self, SymbolValues};
use crate::limits::{PROBE_VALUES, TRIAL_VALUE};

/// Cells of a constant up to which it is compared: weights do not follow from the number of images.
const SMALL_CONSTANT: usize = 1024;

/// The symbol that counts the images, if the model should run them one by one.
pub(crate) fn symbol(graph: &InferenceModel, interface: &Interface) -> Option<String> {
    if !graph.nodes().iter().any(|node| node.op.name().contains("Conv")) {
        return None;
    }
    let (symbol, typed) = independent_rows(graph, interface)?;
    has_images(&typed).then_some(symbol)
}

/// The symbol that counts rows none of which has to do with another, and the graph for a few of them.
pub(crate) fn independent_rows(
    graph: &InferenceModel,
    interface: &Interface,
) -> Option<(String, TypedModel)> {
    let symbol = first_everywhere(interface)?;
    // Axes of length one could be taken for one another.
    let mut probes = PROBE_VALUES.iter().filter(|probe| **probe > 1);
    let few = |probe: &u64| Some((*probe, decluttered(graph, interface, &symbol, TRIAL_VALUE, *probe)?));
    let (probe, typed) = probes.find_map(few)?;
    if !independent(&typed).unwrap_or(false) {
        return None;
    }
    let more = decluttered(graph, interface, &symbol, TRIAL_VALUE + 1, probe)?;
    same_constants(&typed, &more).then_some((symbol, typed))
}

/// Whether two models hold the same small constants: one that is the number of rows would differ.
// 3
fn same_constants(one: &TypedModel, other: &TypedModel) -> bool {
    let constants = |model: &TypedModel| -> Vec<Arc<Tensor>> {
        let facts = model.nodes().iter().flat_map(|node| &node.outputs).map(|output| &output.fact);
        facts
            .filter_map(|fact| fact.konst.clone())
            .filter(|constant| constant.len() <= SMALL_CONSTANT)
            .collect()
    };
    constants(one) == constants(other)
}

// 1
fn first_everywhere(interface: &Interface) -> Option<String> {
    let Dim::Symbol(symbol) = interface.inputs.first()?.shape.first()? else { return None };
    let counts = |dim: &Dim| matches!(dim, Dim::Symbol(found) if found == symbol);
    // Exporters often call the same dimension something else at the other end.
    let may_count = |dim: &Dim| matches!(dim, Dim::Symbol(found) if found == symbol || !interface.symbols.contains_key(found));
    let elsewhere = |spec: &TensorSpec| spec.shape.iter().skip(1).any(counts);
    let input = |spec: &TensorSpec| spec.shape.first().is_some_and(counts) && !elsewhere(spec);
    let output = |spec: &TensorSpec| spec.shape.first().is_some_and(may_count) && !elsewhere(spec);
    (interface.inputs.iter().all(input) && interface.outputs.iter().all(output)).then(|| symbol.clone())
}

/// The graph for a few images, all other symbols at a value that is tried.
fn decluttered(
    graph: &InferenceModel,
    interface: &Interface,
    symbol: &str,
    rows: u64,
    probe: u64,
) -> Option<TypedModel> {
    let value = |(name, range): (&String, &DimRange)| {
        let value = if name == symbol { rows } else { probe.clamp(range.min, range.max) };
        (name.clone(), value)
    };
    let values: SymbolValues = interface.symbols.iter().map(value).collect();
    let wired = compile::wire(graph.clone(), interface, Some(&values)).ok()?;
    compile::attempt(|| compile::typed(wired)?.into_decluttered()).ok()
}

fn has_images(model: &TypedModel) -> bool {
    let image = |conv: &Conv| conv.pool_spec.kernel_shape.len() > 1;
    model.nodes().iter().any(|node| node.op_as::<Conv>().is_some_and(image))
}

/// Follows the images' axis from the inputs on: every operator must hand it on, to one axis of each
/// output, and meet it in other inputs only where they have it too, or have one row for all images.
// 2
fn independent(model: &TypedModel) -> TractResult<bool> {
    let mut axes: HashMap<OutletId, usize> = model.input_outlets()?.iter().map(|input| (*input, 0)).collect();
    for id in model.eval_order()? {
        let node = model.node(id);
        let found = node.inputs.iter().enumerate().find_map(|(slot, input)| Some((slot, *axes.get(input)?)));
        let Some((slot, axis)) = found else { continue };
        if axis == 0 && keeps_first(model, node)? {
            axes.insert(OutletId::new(id, 0), 0);
            continue;
        }
        match conduct(node.op.as_ref(), axis) {
            Conduct::SamePlace => drop(axes.insert(OutletId::new(id, 0), axis)),
            Conduct::Mapped if mapped(model, node, (slot, axis), &mut axes)? => {}
            Conduct::Mapped | Conduct::Unknown => return Ok(false),
        }
    }
    Ok(model.output_outlets()?.iter().all(|output| axes.get(output) == Some(&0)))
}

/// Whether a node gives the cells another shape of the same first length: they keep their order.
fn keeps_first(model: &TypedModel, node: &TypedNode) -> TractResult<bool> {
    let (Some(AxisOp::Reshape(..)), [input]) = (node.op_as::<AxisOp>(), node.inputs.as_slice()) else {
        return Ok(false);
    };
    let first = model.outlet_fact(*input)?.shape.first();
    Ok(first == model.outlet_fact(node.id.into())?.shape.first())
}

/// What an operator does with an axis of its input.
enum Conduct {
    /// It computes place by place, and says where the axis goes.
    Mapped,
    /// It computes place by place, and leaves the axis where it is.
    SamePlace,
    /// It computes across the axis, or nothing is known of it.
    Unknown,
}

fn conduct(op: &dyn TypedOp, axis: usize) -> Conduct {
    let place_by_place = op.is::<Conv>()
        || op.is::<Deconv>()
        || op.is::<TypedBinOp>()
        || op.is::<ElementWiseOp>()
        || op.is::<AxisOp>()
        || op.is::<EinSum>()
        || op.is::<Cast>()
        || op.is::<Gather>()
        || op.downcast_ref::<RmsNorm>().is_some_and(|norm| norm.axis != axis)
        || op.downcast_ref::<Reduce>().is_some_and(|reduce| !reduce.axes.contains(&axis))
        || op.downcast_ref::<Softmax>().is_some_and(|softmax| !softmax.axes.contains(&axis))
        || op.downcast_ref::<TypedConcat>().is_some_and(|concat| concat.axis != axis)
        || op.downcast_ref::<Pad>().is_some_and(|pad| pad.pads.get(axis) == Some(&(0, 0)));
    let pool = op.downcast_ref::<MaxPool>().map(|pool| &pool.pool_spec);
    let pool = pool.or(op.downcast_ref::<SumPool>().map(|pool| &pool.pool_spec));
    let stays = pool.is_some_and(|pool| axis == 0 && pool.data_format.has_n())
        || op.downcast_ref::<Downsample>().is_some_and(|down| down.axis != axis)
        || op.downcast_ref::<NearestUpsample>().is_some_and(|up| up.scales.get(axis) == Some(&1));
    match (place_by_place, stays) {
        (true, _) => Conduct::Mapped,
        (false, true) => Conduct::SamePlace,
        (false, false) => Conduct::Unknown,
    }
}

/// Marks the axis in the outputs; false where an input or output does not fit.
fn mapped(
    model: &TypedModel,
    node: &TypedNode,
    (slot, axis): (usize, usize),
    axes: &mut HashMap<OutletId, usize>,
) -> TractResult<bool> {
    let (inputs, outputs) = model.node_facts(node.id)?;
    let mapping = node.op.axes_mapping(&inputs, &outputs)?;
    let images = mapping.axis((InOut::In(slot), axis))?;
    let fits = |((input, own), fact): ((&OutletId, &TVec<usize>), &TypedFact)| match axes.get(input) {
        Some(axis) => own.as_slice() == [*axis],
        None => own.iter().all(|axis| fact.shape.get(*axis).is_some_and(|dim| dim.is_one())),
    };
    if !node.inputs.iter().zip(&images.inputs).zip(inputs).all(fits) {
        return Ok(false);
    }
    for (slot, own) in images.outputs.iter().enumerate() {
        let [axis] = own.as_slice() else { return Ok(false) };
        axes.insert(OutletId::new(node.id, slot), *axis);
    }
    Ok(true)
}
