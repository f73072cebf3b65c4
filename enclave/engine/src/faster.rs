//! Puts operators of our own where profiles of real models show that tract's take much longer than the work needs.
//!
//! Some changes are made to the simplified graph, where operators still say what they compute, and
//! some to the optimized one, where tract has decided how. Each is for what it recognizes and leaves
//! everything else to tract; each says whether its results are those of tract to the bit.

mod argmax;
mod both;
mod columns;
mod dense;
mod extremes;
mod labels;
mod norm;
mod one_hot;
mod panels;
mod pick;
mod pool;
mod reflect;
mod relu;
mod stream;
mod strides;
mod upright;
mod windows;

use tract_onnx::tract_hir::internal::*;

use crate::cells;
pub(crate) use dense::{Rows, found as has_layers};

/// Changes a simplified graph.
pub(crate) fn before(model: &mut TypedModel, rows: Rows) -> TractResult<()> {
    one_hot::rewrite(model)?;
    windows::rewrite(model)?;
    strides::rewrite(model)?;
    both::rewrite(model)?;
    norm::rewrite(model)?;
    dense::rewrite(model, rows)?;
    upright::rewrite(model)
}

/// Changes an optimized graph.
pub(crate) fn after(model: &mut TypedModel) -> TractResult<()> {
    relu::rewrite(model)?;
    stream::rewrite(model)?;
    panels::take_over(model)?;
    pool::take_over(model)?;
    pick::take_over(model)?;
    reflect::take_over(model)?;
    columns::take_over(model)?;
    extremes::take_over(model)?;
    labels::rewrite(model)?;
    argmax::take_over(model)?;
    cells::take_over(model)
}
