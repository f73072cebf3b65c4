//! The outputs that classifiers and regressors have for their rows: labels where there are any, and scores.

use tract_onnx::tract_hir::internal::*;

/// Element type of each output, and its columns where it has any.
pub(super) type Outputs = TVec<(DatumType, Option<usize>)>;

/// The outputs' facts, when so many rows come in.
pub(super) fn facts(outputs: Outputs, rows: &TDim) -> TVec<TypedFact> {
    let fact = |(datum_type, columns): (DatumType, Option<usize>)| {
        let shape = std::iter::once(rows.clone()).chain(columns.map(|columns| columns.to_dim()));
        TypedFact::dt_shape(datum_type, shape.collect::<TVec<_>>())
    };
    outputs.into_iter().map(fact).collect()
}

/// What tract can tell of the outputs before it knows the types.
pub(super) fn rules<'r, 'p: 'r>(
    facts: Outputs,
    solver: &mut Solver<'r>,
    input: &'p TensorProxy,
    outputs: &'p [TensorProxy],
) -> InferenceResult {
    solver.equals(&input.rank, 2)?;
    ensure!(facts.len() == outputs.len(), "a classifier has two outputs, a regressor one");
    for (output, (datum_type, columns)) in outputs.iter().zip(facts) {
        solver.equals(&output.datum_type, datum_type)?;
        solver.equals(&output.rank, if columns.is_some() { 2 } else { 1 })?;
        solver.equals(&output.shape[0], &input.shape[0])?;
        if let Some(columns) = columns {
            solver.equals(&output.shape[1], columns.to_dim())?;
        }
    }
    Ok(())
}
