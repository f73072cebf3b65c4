//! `ArrayFeatureExtractor`: columns by number. tract's loses the axis of the columns where one number stands alone.

use tract_onnx::model::OnnxOpRegister;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::array::Gather;

pub(super) fn register(operators: &mut OnnxOpRegister) {
    operators.insert("ArrayFeatureExtractor", |_, _| Ok((expand(Extractor), vec![])));
}

#[derive(Clone, Copy, Debug)]
struct Extractor;

impl Expansion for Extractor {
    fn name(&self) -> StaticName {
        "ArrayFeatureExtractor".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let ([table, numbers], [output]) = (inputs, outputs) else {
            bail!("columns are taken from one table, by one list of numbers")
        };
        solver.equals(&output.datum_type, &table.datum_type)?;
        solver.equals(&numbers.datum_type, DatumType::I64)?;
        solver.given_2(&table.shape, &numbers.shape, move |solver, mut shape, numbers| {
            ensure!(shape.pop().is_some(), "a table has no columns");
            if shape.is_empty() {
                shape.push(1.to_dim());
            }
            shape.push(numbers.iter().product());
            solver.equals(&output.shape, shape)
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let &[table, numbers] = inputs else { bail!("columns are taken from one table") };
        let (columns, list) = (model.outlet_fact(table)?.rank(), model.outlet_fact(numbers)?.shape.to_tvec());
        let (mut table, mut numbers) = (tvec!(table), tvec!(numbers));
        if columns == 1 {
            table = model.wire_node(format!("{prefix}.row"), AxisOp::Add(0), &table)?;
        }
        let flat = match list.len() {
            0 => Some(AxisOp::Add(0)),
            1 => None,
            _ => Some(AxisOp::Reshape(0, list.clone(), tvec!(list.iter().product()))),
        };
        if let Some(flat) = flat {
            numbers = model.wire_node(format!("{prefix}.list"), flat, &numbers)?;
        }
        let both: TVec<OutletId> = table.into_iter().chain(numbers).collect();
        model.wire_node(prefix, Gather::new(columns.max(2) - 1), &both)
    }
}
