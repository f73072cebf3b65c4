//! Steps that every block of a tensor goes through.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::element_wise::ElementWiseMiniOp;

use crate::cells::Operation;

/// Cells of a block: the results of a dozen steps fit in the first-level cache.
const BLOCK_CELLS: usize = 1024;

/// Where a step takes its cells from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Input(usize),
    /// The result of an earlier step.
    Step(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    One(Box<dyn ElementWiseMiniOp>, Source),
    Two(Operation, Source, Source),
}

/// The answer is that of the last step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    steps: Vec<Step>,
}

impl Program {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        Self { steps }
    }
}

impl Op for Program {
    fn name(&self) -> StaticName {
        "Stream".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        Ok(vec![format!("{:?}", self.steps)])
    }

    op_as_typed_op!();
}

impl EvalOp for Program {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let longest =
            inputs.iter().max_by_key(|input| (input.len() != 1, input.rank())).context("no input")?;
        let (shape, total): (TVec<usize>, _) = (longest.shape().into(), longest.len());
        ensure!(inputs.iter().all(|input| input.len() == total || input.len() == 1), "shapes differ");
        let mut answer = Tensor::zero::<f32>(&shape)?;
        let mut plain = answer.try_as_plain_ram_mut()?;
        let into = plain.as_slice_mut::<f32>()?;
        let size = total.min(BLOCK_CELLS);
        let registers = (0..self.steps.len()).map(|_| Tensor::zero::<f32>(&[size]));
        let mut registers = registers.collect::<TractResult<Vec<_>>>()?;
        let cells = inputs.iter().map(|input| input.try_as_plain_ram()?.as_slice::<f32>());
        let cells = cells.collect::<TractResult<Vec<_>>>()?;
        let mut start = 0;
        while start < total {
            // The last block is a whole one too: some cells are computed twice.
            let from = start.min(total - size);
            for (number, step) in self.steps.iter().enumerate() {
                let (done, rest) = registers.split_at_mut(number);
                let Some(result) = rest.first_mut() else { continue };
                let known = Known { inputs: &cells, block: from..from + size, done };
                step.run(&known, result)?;
            }
            let result = registers.last().context("no step")?.try_as_plain_ram()?;
            into.get_mut(from..from + size).unwrap_or_default().copy_from_slice(result.as_slice::<f32>()?);
            start += size;
        }
        Ok(tvec!(answer.into_tvalue()))
    }
}

impl TypedOp for Program {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let longest = inputs.iter().max_by_key(|input| (!input.shape.volume().is_one(), input.rank()));
        Ok(tvec!(DatumType::F32.fact(longest.context("no input")?.shape.clone())))
    }

    as_op!();
}

/// What a step may use.
struct Known<'a> {
    inputs: &'a [&'a [f32]],
    block: std::ops::Range<usize>,
    done: &'a [Tensor],
}

/// A cell for each place of the block, or one for all.
enum Cells<'a> {
    Each(&'a [f32]),
    All(f32),
}

impl<'a> Known<'a> {
    fn of(&self, source: Source) -> TractResult<Cells<'a>> {
        match source {
            Source::Input(input) => match self.inputs.get(input).context("no such input")? {
                [one] => Ok(Cells::All(*one)),
                cells => cells.get(self.block.clone()).map(Cells::Each).context("no such block"),
            },
            Source::Step(step) => {
                Ok(Cells::Each(self.done.get(step).context("no such step")?.try_as_plain_ram()?.as_slice()?))
            }
        }
    }
}

impl Step {
    fn run(&self, known: &Known<'_>, result: &mut Tensor) -> TractResult<()> {
        match self {
            Self::One(op, source) => {
                let mut plain = result.try_as_plain_ram_mut()?;
                let into = plain.as_slice_mut::<f32>()?;
                match known.of(*source)? {
                    Cells::Each(cells) => into.copy_from_slice(cells),
                    Cells::All(cell) => into.fill(cell),
                }
                op.eval_in_place(result, None)
            }
            Self::Two(operation, left, right) => {
                let mut plain = result.try_as_plain_ram_mut()?;
                let into = plain.as_slice_mut::<f32>()?;
                let (left, right) = (known.of(*left)?, known.of(*right)?);
                match operation {
                    Operation::Add => each(into, left, right, |x, y| x + y),
                    Operation::Sub => each(into, left, right, |x, y| x - y),
                    Operation::SubFrom => each(into, left, right, |x, y| y - x),
                    Operation::Mul => each(into, left, right, |x, y| x * y),
                    Operation::Div => each(into, left, right, |x, y| x / y),
                    Operation::Max => each(into, left, right, |x, y| if x < y { y } else { x }),
                    Operation::Min => each(into, left, right, |x, y| if x > y { y } else { x }),
                }
                Ok(())
            }
        }
    }
}

fn each(into: &mut [f32], left: Cells<'_>, right: Cells<'_>, operation: impl Fn(f32, f32) -> f32) {
    match (left, right) {
        (Cells::Each(xs), Cells::Each(ys)) => {
            into.iter_mut().zip(xs).zip(ys).for_each(|((cell, x), y)| *cell = operation(*x, *y));
        }
        (Cells::Each(xs), Cells::All(y)) => {
            into.iter_mut().zip(xs).for_each(|(cell, x)| *cell = operation(*x, y));
        }
        (Cells::All(x), Cells::Each(ys)) => {
            into.iter_mut().zip(ys).for_each(|(cell, y)| *cell = operation(x, *y));
        }
        (Cells::All(x), Cells::All(y)) => into.fill(operation(x, y)),
    }
}
