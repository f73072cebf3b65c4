//! `FeatureVectorizer`: the columns of several inputs beside one another, as floats. tract has none.

use tract_onnx::model::OnnxOpRegister;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::array::TypedConcat;
use tract_onnx::tract_hir::tract_core::ops::cast::cast;

use super::attributes::Attributes;

/// Axis of the columns.
const COLUMNS: usize = 1;

pub(super) fn register(operators: &mut OnnxOpRegister) {
    operators.insert("FeatureVectorizer", |_, node| {
        let widths = Attributes(node).ints("inputdimensions").iter().copied().map(usize::try_from);
        let widths = widths.collect::<Result<Vec<_>, _>>()?;
        ensure!(!widths.is_empty(), "a vectorizer says of no input how many columns it has");
        let sum = widths.iter().try_fold(0_usize, |sum, width| sum.checked_add(*width));
        let columns = sum.context("a vectorizer has more columns than can be counted")?;
        Ok((expand(Vectorizer { widths, columns }), vec![]))
    });
}

/// Columns of each input. Where one has others, onnxruntime would cut them or fill up with zeros.
#[derive(Clone, Debug)]
struct Vectorizer {
    widths: Vec<usize>,
    /// Their sum.
    columns: usize,
}

impl Expansion for Vectorizer {
    fn name(&self) -> StaticName {
        "FeatureVectorizer".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let [output] = outputs else { bail!("a vectorizer has one output") };
        ensure!(inputs.len() == self.widths.len(), "a vectorizer has a number of columns for each input");
        solver.equals(&output.datum_type, DatumType::F32)?;
        solver.equals(&output.rank, 2)?;
        solver.equals(&output.shape[COLUMNS], self.columns.to_dim())?;
        for (input, width) in inputs.iter().zip(&self.widths) {
            solver.equals(&input.rank, 2)?;
            solver.equals(&input.shape[COLUMNS], width.to_dim())?;
            solver.equals(&input.shape[0], &output.shape[0])?;
        }
        Ok(())
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let mut columns = TVec::new();
        for (number, input) in inputs.iter().enumerate() {
            let datum_type = model.outlet_fact(*input)?.datum_type;
            let taken = [DatumType::F32, DatumType::F64, DatumType::I32, DatumType::I64];
            ensure!(taken.contains(&datum_type), "a vectorizer takes floats, doubles, int32 and int64");
            let floats = cast(DatumType::F32);
            columns.extend(model.wire_node(format!("{prefix}.floats_{number}"), floats, &[*input])?);
        }
        model.wire_node(prefix, TypedConcat::new(COLUMNS), &columns)
    }
}
