//! Arithmetic of two tensors cell by cell, along whatever shapes they have when a plan runs.
//!
//! tract decides while compiling how to run along two shapes. Where symbols keep it from deciding, or
//! both shapes repeat along some axis in the middle, it takes a general path that costs some
//! nanoseconds a cell: half of a small transformer's time. This operator decides at every run, from
//! the shapes that are there. Results are the same to the bit.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::broadcast::multi_broadcast;
use tract_onnx::tract_hir::tract_core::ops::binary::{
    BinMiniOp, OptBinByScalar, OptBinChain, OptBinUnicast, TypedBinOp,
};
use tract_onnx::tract_hir::tract_core::ops::math::{Add, Div, Max, Min, Mul, Sub, SubF};

/// Puts the operator in the place of tract's, where cells are floats and tract has nothing better.
pub(crate) fn take_over(model: &mut TypedModel) -> TractResult<()> {
    for node in 0..model.nodes().len() {
        let Some(steps) = steps(model.node(node).op.as_ref()) else { continue };
        let facts = model.node_input_facts(node)?;
        let floats = facts.iter().all(|fact| fact.datum_type == DatumType::F32);
        let undecided =
            model.node(node).op_is::<TypedBinOp>() || facts.iter().any(|fact| !fact.shape.is_concrete());
        let ours = floats && undecided && facts.len() == steps.len() + 1;
        drop(facts);
        if ours {
            model.node_mut(node).op = Box::new(Cells { steps });
        }
    }
    Ok(())
}

/// The operations of one of tract's operators, if they are all known here.
pub(crate) fn steps(op: &dyn TypedOp) -> Option<TVec<Operation>> {
    if let Some(chain) = op.downcast_ref::<OptBinChain>() {
        return chain.steps.iter().map(|step| operation(&*step.binop)).collect();
    }
    let plain = op.downcast_ref::<TypedBinOp>().filter(|plain| plain.1.is_none()).map(|plain| &plain.0);
    let scalar = op.downcast_ref::<OptBinByScalar>().map(|scalar| &scalar.binop);
    let cast = op.downcast_ref::<OptBinUnicast>().map(|cast| &cast.binop);
    operation(&**plain.or(scalar).or(cast)?).map(|operation| tvec!(operation))
}

fn operation(binop: &dyn BinMiniOp) -> Option<Operation> {
    [
        (binop.is::<Add>(), Operation::Add),
        (binop.is::<Sub>(), Operation::Sub),
        (binop.is::<SubF>(), Operation::SubFrom),
        (binop.is::<Mul>(), Operation::Mul),
        (binop.is::<Div>(), Operation::Div),
        (binop.is::<Max>(), Operation::Max),
        (binop.is::<Min>(), Operation::Min),
    ]
    .into_iter()
    .find_map(|(is, operation)| is.then_some(operation))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Add,
    Sub,
    /// The second minus the first.
    SubFrom,
    Mul,
    Div,
    /// As tract does: a first cell that is not a number stays so, a second one gives way to the first.
    Max,
    Min,
}

/// The first input, combined with each of the others in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cells {
    steps: TVec<Operation>,
}

impl Op for Cells {
    fn name(&self) -> StaticName {
        "Cells".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Cells {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let mut inputs = inputs.into_iter();
        let mut left = inputs.next().context("no input")?.into_tensor();
        for (operation, right) in self.steps.iter().zip(inputs) {
            left = match operation {
                Operation::Add => combine(left, &right, |x, y| x + y),
                Operation::Sub => combine(left, &right, |x, y| x - y),
                Operation::SubFrom => combine(left, &right, |x, y| y - x),
                Operation::Mul => combine(left, &right, |x, y| x * y),
                Operation::Div => combine(left, &right, |x, y| x / y),
                Operation::Max => combine(left, &right, |x, y| if x < y { y } else { x }),
                Operation::Min => combine(left, &right, |x, y| if x > y { y } else { x }),
            }?;
        }
        Ok(tvec!(left.into_tvalue()))
    }
}

impl TypedOp for Cells {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let shapes: TVec<_> = inputs.iter().map(|input| input.shape.clone()).collect();
        let shape = multi_broadcast(&shapes)?;
        Ok(tvec!(DatumType::F32.fact(shape)))
    }

    as_op!();
}

fn combine(mut left: Tensor, right: &Tensor, operation: impl Fn(f32, f32) -> f32) -> TractResult<Tensor> {
    let walk = Walk::along(left.shape(), right.shape())?;
    let from = right.try_as_plain_ram()?.as_slice::<f32>()?;
    if walk.shape.as_slice() == left.shape() {
        let mut plain = left.try_as_plain_ram_mut()?;
        let into = plain.as_slice_mut::<f32>()?;
        walk.each(|at, other| {
            let run = into.get_mut(at..at + walk.inner).unwrap_or_default();
            match walk.run(from, other, walk.right_moves) {
                Run::Cells(ys) => run.iter_mut().zip(ys).for_each(|(x, y)| *x = operation(*x, *y)),
                Run::One(y) => run.iter_mut().for_each(|x| *x = operation(*x, y)),
            }
        });
        return Ok(left);
    }
    let first = left.try_as_plain_ram()?.as_slice::<f32>()?;
    let mut cells = Vec::with_capacity(walk.shape.iter().product());
    walk.each(|one, other| {
        match (walk.run(first, one, walk.left_moves), walk.run(from, other, walk.right_moves)) {
            (Run::Cells(xs), Run::Cells(ys)) => {
                cells.extend(xs.iter().zip(ys).map(|(x, y)| operation(*x, *y)))
            }
            (Run::Cells(xs), Run::One(y)) => cells.extend(xs.iter().map(|x| operation(*x, y))),
            (Run::One(x), Run::Cells(ys)) => cells.extend(ys.iter().map(|y| operation(x, *y))),
            (Run::One(x), Run::One(y)) => cells.extend(std::iter::repeat_n(operation(x, y), walk.inner)),
        }
    });
    tensor1(&cells).into_shape(&walk.shape)
}

/// One side of an innermost run: a cell for each place, or one for all.
enum Run<'a> {
    Cells(&'a [f32]),
    One(f32),
}

/// How to go along two shapes of which axes of length one are repeated.
struct Walk {
    shape: TVec<usize>,
    /// Length and both steps of every axis around the innermost run.
    outer: TVec<[usize; 3]>,
    inner: usize,
    left_moves: bool,
    right_moves: bool,
}

impl Walk {
    fn along(left: &[usize], right: &[usize]) -> TractResult<Self> {
        let shape = multi_broadcast(&[left, right])?;
        ensure!([left.len(), right.len()] == [shape.len(); 2], "the inputs differ in their number of axes");
        let (mut left_step, mut right_step) = (1, 1);
        // From the last axis on; an axis joins the one inside it where both sides just go on.
        let mut axes: TVec<[usize; 3]> = tvec!();
        for ((length, left), right) in
            shape.iter().zip(left).zip(right).rev().filter(|((length, _), _)| **length != 1)
        {
            let steps = [if *left == 1 { 0 } else { left_step }, if *right == 1 { 0 } else { right_step }];
            (left_step, right_step) = (left_step * left, right_step * right);
            match axes.last_mut() {
                Some([inner, one, other]) if steps == [*one * *inner, *other * *inner] => *inner *= length,
                _ => axes.push([*length, steps[0], steps[1]]),
            }
        }
        let [inner, one, other] = if axes.is_empty() { [1, 1, 1] } else { axes.remove(0) };
        axes.reverse();
        Ok(Self { shape, outer: axes, inner, left_moves: one != 0, right_moves: other != 0 })
    }

    /// Calls with the places in both sides where each innermost run begins, in order.
    fn each(&self, mut run: impl FnMut(usize, usize)) {
        let mut places: TVec<usize> = self.outer.iter().map(|_| 0).collect();
        if self.inner == 0 || self.outer.iter().any(|[length, ..]| *length == 0) {
            return;
        }
        let (mut left, mut right) = (0, 0);
        loop {
            run(left, right);
            let mut axes = places.iter_mut().zip(&self.outer).rev();
            let stepped = axes.any(|(place, [length, one, other])| {
                *place += 1;
                (left, right) = (left + one, right + other);
                let within = *place < *length;
                if !within {
                    (left, right) = (left - one * length, right - other * length);
                    *place = 0;
                }
                within
            });
            if !stepped {
                return;
            }
        }
    }

    fn run<'a>(&self, cells: &'a [f32], at: usize, moves: bool) -> Run<'a> {
        if moves {
            Run::Cells(cells.get(at..at + self.inner).unwrap_or_default())
        } else {
            Run::One(cells.get(at).copied().unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of shapes of up to three axes, against the definition.
    #[test]
    fn cells_are_those_of_the_definition() {
        let shapes: Vec<[usize; 3]> =
            (0..64).map(|i| [[1, 2, 3, 0][i % 4], [1, 2, 3, 5][i / 4 % 4], [1, 2, 3, 7][i / 16]]).collect();
        let filled = |shape: &[usize; 3], first: f32| {
            let cells: Vec<f32> = (0..shape.iter().product()).map(|i: usize| first + i as f32).collect();
            tensor1(&cells).into_shape(shape).unwrap()
        };
        let fits = |(left, right): (&usize, &usize)| left == right || *left == 1 || *right == 1;
        let mut pairs = 0;
        for left in &shapes {
            for right in shapes.iter().filter(|right| left.iter().zip(*right).all(fits)) {
                let (one, other) = (filled(left, 1.0), filled(right, 100.0));
                let found = combine(one.clone(), &other, |x, y| x - 2.0 * y).unwrap();
                let one = one.to_plain_array_view::<f32>().unwrap();
                let other = other.to_plain_array_view::<f32>().unwrap();
                let shape = found.shape().to_vec();
                let wanted = one.broadcast(shape.clone()).unwrap().to_owned()
                    - 2.0 * &other.broadcast(shape).unwrap().to_owned();
                assert!(found.to_plain_array_view::<f32>().unwrap() == wanted, "{left:?} {right:?}");
                pairs += 1;
            }
        }
        assert_eq!(pairs, 1000);
    }
}
