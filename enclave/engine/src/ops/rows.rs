//! A tensor seen as rows of equally many columns.

use tract_onnx::tract_hir::internal::*;

/// Rows of a tensor of two dimensions.
pub(super) struct Rows<'a, T> {
    cells: &'a [T],
    columns: usize,
}

impl<'a, T: Datum> Rows<'a, T> {
    /// Refuses tensors of another number of dimensions, and rows narrower than `at_least`.
    pub(super) fn of(tensor: &'a Tensor, at_least: usize) -> TractResult<Self> {
        let [_, columns] = *tensor.shape() else { bail!("expected rows and columns") };
        ensure!(columns >= at_least, "a row has too few columns");
        Ok(Self { cells: tensor.try_as_plain_ram()?.as_slice::<T>()?, columns })
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len().checked_div(self.columns).unwrap_or(0)
    }

    /// Some rows at a time, one after the other in each slice.
    pub(super) fn blocks(&self, rows: usize) -> impl Iterator<Item = &'a [T]> {
        self.cells.chunks(self.columns.saturating_mul(rows).max(1))
    }
}
