//! Packs rows into the narrow panels that a kernel reads, one pass over a panel in place of one for each of its rows.
//!
//! Where the number of rows is a symbol, tract multiplies by kernels whose panels are three or six rows
//! wide, and packs what four does not divide row by row: each cell is stored by itself, a panel's width
//! from the one before. Bytes are those of tract.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::matmul::pack::{DynPackedExoticFact, OptMatMulPack};
use tract_onnx::tract_hir::tract_core::tract_linalg::mmm::{
    EagerPackedInput, MMMInputValue, PackedMatrixStorage,
};
use tract_onnx::tract_hir::tract_core::tract_linalg::pack::PackedFormat;

/// Cells of a row that are moved at once.
const CELLS: usize = 4;

/// A cell as it is stored.
type Cell = [u8; size_of::<f32>()];

/// Puts the operator in the place of tract's, where rows of floats lie one after another.
pub(super) fn take_over(model: &mut TypedModel) -> TractResult<()> {
    for id in 0..model.nodes().len() {
        if let Some(format) = format(model, model.node(id))? {
            let inner = model.node(id).op.clone();
            model.node_mut(id).op = Box::new(Panels { format, inner });
        }
    }
    Ok(())
}

/// How a node packs rows, if it does and its panels are of a width that is filled here.
fn format(model: &TypedModel, node: &TypedNode) -> TractResult<Option<PackedFormat>> {
    if !node.op_is::<OptMatMulPack>() {
        return Ok(None);
    }
    let (inputs, outputs) = model.node_facts(node.id)?;
    let ([input], [output]) = (&*inputs, &*outputs) else { return Ok(None) };
    let axes = node.op.axes_mapping(&inputs, &outputs)?;
    let is_last = |axis: char, behind: usize| {
        let place = axes.axis(axis)?.inputs.first().and_then(|places| places.first().copied());
        Ok::<_, TractError>(place.is_some_and(|place| place + behind + 1 == input.rank()))
    };
    let in_rows = is_last('K', 0)? && is_last('M', 1)?;
    let packed = output.exotic_fact().and_then(|fact| fact.downcast_ref::<DynPackedExoticFact>());
    // Of two, the first is for a single row, which it only copies.
    let last = packed.and_then(|fact| fact.packers.last());
    let format = last.and_then(|format| format.downcast_ref::<PackedFormat>()).filter(|format| {
        in_rows && [format.dt, input.datum_type] == [DatumType::F32; 2] && fill(format.r).is_some()
    });
    Ok(format.cloned())
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Panels {
    format: PackedFormat,
    /// tract's own.
    inner: Box<dyn TypedOp>,
}

/// Rows of so many cells, which lie one after another, as a kernel reads them.
fn pack(format: &PackedFormat, cells: &[f32], [rows, depth]: [usize; 2]) -> TractResult<EagerPackedInput> {
    let fill = fill(format.r).context("panels of another width")?;
    let mut packed = format.new_packed_buffer(depth, rows)?;
    let bytes = Arc::get_mut(&mut packed.packed).context("a new buffer is nobody else's")?.as_bytes_mut();
    let panels = bytes.chunks_exact_mut(packed.panel_bytes.max(1));
    for (into, rows) in panels.zip(cells.chunks((format.r * depth).max(1))) {
        fill(rows, depth, into);
    }
    Ok(packed)
}

/// Fills a panel, whose bytes are zero, with rows of so many cells.
type Fill = fn(&[f32], usize, &mut [u8]);

/// For widths that tract stores cell by cell, all or in part.
fn fill(width: usize) -> Option<Fill> {
    match width {
        3 => Some(panel::<1>),
        6 => Some(panel::<2>),
        _ => None,
    }
}

/// Three rows at a time, of so many times three, and of each some cells at a time, which stay in registers.
fn panel<const THREES: usize>(rows: &[f32], depth: usize, into: &mut [u8]) {
    let cells = into.as_chunks_mut::<{ size_of::<Cell>() }>().0;
    let places = cells.as_chunks_mut::<3>().0.as_chunks_mut::<THREES>().0;
    let places = places.get_mut(..depth).unwrap_or_default();
    if rows.len() < 3 * THREES * depth {
        return cell_by_cell(rows.chunks_exact(depth.max(1)), places);
    }
    let (tiles, rest) = places.as_chunks_mut::<CELLS>();
    for (three, rows) in rows.chunks_exact((3 * depth).max(1)).enumerate() {
        let mut rows = rows.chunks_exact(depth.max(1)).map(|row| row.as_chunks::<CELLS>().0.iter());
        let (Some(first), Some(second), Some(third)) = (rows.next(), rows.next(), rows.next()) else {
            return;
        };
        for (tile, ((first, second), third)) in tiles.iter_mut().zip(first.zip(second).zip(third)) {
            let [a, b, c] = [first, second, third].map(|cells| cells.map(f32::to_ne_bytes));
            let turned = a.into_iter().zip(b).zip(c).map(|((a, b), c)| [a, b, c]);
            let places = tile.iter_mut().filter_map(|place| place.get_mut(three));
            places.zip(turned).for_each(|(into, three)| *into = three);
        }
    }
    cell_by_cell(rows.chunks_exact(depth.max(1)).map(|row| row.as_chunks::<CELLS>().1), rest);
}

fn cell_by_cell<'a, const THREES: usize>(
    rows: impl Iterator<Item = &'a [f32]>,
    places: &mut [[[Cell; 3]; THREES]],
) {
    for (place, row) in rows.enumerate() {
        let places = places.iter_mut().filter_map(|three| three.as_flattened_mut().get_mut(place));
        places.zip(row).for_each(|(into, cell)| *into = cell.to_ne_bytes());
    }
}

impl Op for Panels {
    fn name(&self) -> StaticName {
        "Panels".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Panels {
    op_out_of_plan!();

    fn eval(&self, ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [input] = &*inputs else { bail!("one input is packed") };
        let &[ref batch @ .., rows, depth] = input.shape() else { bail!("panels are of rows") };
        if rows < 2 || depth == 0 {
            return self.inner.eval(ctx, inputs);
        }
        let plain = input.try_as_plain_ram()?;
        let each = plain.as_slice::<f32>()?.chunks_exact(rows * depth);
        let boxed = |packed| Box::new(packed) as Box<dyn MMMInputValue>;
        let packed = each.map(|cells| pack(&self.format, cells, [rows, depth]).map(boxed));
        let packed = packed.collect::<TractResult<_>>()?;
        let packed = PackedMatrixStorage::new_batched(batch, packed).into_tensor(DatumType::F32);
        Ok(tvec!(packed.into_tvalue()))
    }
}

impl TypedOp for Panels {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.inner.output_facts(inputs)
    }

    as_op!();
}

#[cfg(test)]
mod tests {
    use tract_onnx::tract_hir::tract_core::ops::einsum::EinSum;
    use tract_onnx::tract_hir::tract_core::tract_linalg::mmm::MMMInputFormat;

    use super::*;

    /// Without what stands behind the last cell of each row, which nobody reads.
    fn read(packed: &EagerPackedInput, [width, depth]: [usize; 2]) -> Vec<&[u8]> {
        let panels = packed.packed.as_bytes().chunks_exact(packed.panel_bytes);
        panels.map(|panel| &panel[..width * depth * size_of::<Cell>()]).collect()
    }

    #[test]
    fn panels_are_those_of_tract() {
        let widths: Vec<usize> = (1..=16).filter(|width| fill(*width).is_some()).collect();
        assert_eq!(widths, [3, 6]);
        for (width, rows) in widths.into_iter().flat_map(|width| (2..=14).map(move |rows| (width, rows))) {
            let format = PackedFormat::new(DatumType::F32, width, 32);
            for depth in 1..=19 {
                let cells: Vec<f32> = (1..=rows * depth).map(|cell| cell as f32).collect();
                let tensor = tensor1(&cells).into_shape(&[rows, depth]).unwrap();
                let wanted = format.prepare_one(&tensor, 1, 0).unwrap();
                let wanted = wanted.downcast_ref::<EagerPackedInput>().unwrap();
                let found = pack(&format, &cells, [rows, depth]).unwrap();
                assert_eq!(
                    read(&found, [width, depth]),
                    read(wanted, [width, depth]),
                    "{width} {rows} {depth}"
                );
                assert_eq!((&found.fact, found.mn), (&wanted.fact, wanted.mn));
            }
        }
    }

    /// A product of some matrices of rows, whose number is a symbol, with weights of so many columns.
    fn product(columns: usize) -> TractResult<TypedModel> {
        let mut model = TypedModel::default();
        let shape = [2.to_dim(), model.symbols.sym("rows").to_dim(), 10.to_dim()];
        let rows = model.add_source("rows", DatumType::F32.fact(&shape))?;
        let weights: Vec<f32> = (0..10 * columns).map(|cell| (cell % 70) as f32 / 8.0 - 4.0).collect();
        let weights = model.add_const("weights", tensor1(&weights).into_shape(&[10, columns])?)?;
        let product = EinSum::new("bmk,kn->bmn".parse()?, DatumType::F32);
        let product = model.wire_node("product", product, &[rows, weights])?;
        model.select_output_outlets(&product)?;
        model.into_decluttered()?.into_optimized()
    }

    #[test]
    fn products_are_those_of_tract() {
        let mut taken = 0;
        for columns in [7, 384, 1536] {
            let (theirs, mut ours) = (product(columns).unwrap(), product(columns).unwrap());
            take_over(&mut ours).unwrap();
            taken += ours.nodes().iter().filter(|node| node.op_is::<Panels>()).count();
            let (theirs, ours) = (theirs.into_runnable().unwrap(), ours.into_runnable().unwrap());
            for rows in 1..=13 {
                let cells: Vec<f32> = (0..2 * rows * 10).map(|cell| (cell % 17) as f32 - 8.0).collect();
                let input = tensor1(&cells).into_shape(&[2, rows, 10]).unwrap().into_tvalue();
                let (ours, theirs) = (ours.run(tvec!(input.clone())), theirs.run(tvec!(input)));
                assert_eq!(ours.unwrap(), theirs.unwrap(), "{rows} rows, {columns} columns");
            }
        }
        #[cfg(target_arch = "x86_64")]
        let widths_are_known = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        #[cfg(not(target_arch = "x86_64"))]
        let widths_are_known = false;
        assert!(taken > 0 || !widths_are_known, "no product took a kernel whose panels are filled here");
    }
}
