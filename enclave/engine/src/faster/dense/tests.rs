//! Layers against tract's own products.

use tract_onnx::tract_hir::tract_core::ops::math::{add, max};
use tract_onnx::tract_hir::tract_core::ops::nn::sigmoid;

use super::*;

fn cells(length: usize, seed: usize) -> Vec<f32> {
    (0..length).map(|cell| ((cell * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0).collect()
}

fn filled(shape: &[usize], seed: usize) -> Tensor {
    tensor1(&cells(shape.iter().product(), seed)).into_shape(shape).unwrap()
}

/// Layers of these widths, cut at zero between, a sigmoid at the end.
fn perceptron(widths: &[usize], transposed: bool) -> TypedModel {
    let mut model = TypedModel::default();
    let fact = DatumType::F32.fact([model.sym("rows").to_dim(), widths[0].to_dim()]);
    let mut wire = model.add_source("rows", fact).unwrap();
    for (number, pair) in widths.windows(2).enumerate() {
        let shape = if transposed { [pair[1], pair[0]] } else { [pair[0], pair[1]] };
        let weights = model.add_const(format!("weights.{number}"), filled(&shape, number)).unwrap();
        let bias = model.add_const(format!("bias.{number}"), filled(&[1, pair[1]], number + 5)).unwrap();
        let axes = if transposed { "mk,nk->mn" } else { "mk,kn->mn" };
        let product = EinSum::new(axes.parse().unwrap(), DatumType::F32);
        wire = model.wire_node(format!("product.{number}"), product, &[wire, weights]).unwrap()[0];
        wire = model.wire_node(format!("sum.{number}"), add(), &[wire, bias]).unwrap()[0];
        if number + 2 < widths.len() {
            let zero = model.add_const(format!("zero.{number}"), tensor2(&[[0.0_f32]])).unwrap();
            wire = model.wire_node(format!("cut.{number}"), max(), &[wire, zero]).unwrap()[0];
        }
    }
    let wire = model.wire_node("sigmoid", sigmoid(), &[wire]).unwrap();
    model.select_output_outlets(&wire).unwrap();
    model
}

fn run(model: TypedModel, rows: &Tensor) -> Tensor {
    let plan = TypedSimplePlan::new(model.into_optimized().unwrap()).unwrap();
    plan.run(tvec!(rows.clone().into_tvalue())).unwrap().remove(0).into_tensor()
}

fn layers(model: &TypedModel) -> Vec<usize> {
    model.nodes().iter().filter_map(|node| node.op_as::<Dense>()).map(|dense| dense.layers.len()).collect()
}

#[test]
fn perceptrons_answer_as_with_tract() {
    let widths: [&[usize]; 6] =
        [&[30, 96, 48, 1], &[1, 1], &[3, 7, 8], &[17, 16, 33, 2], &[5, 9], &[64, 15, 17, 5]];
    for (widths, transposed) in widths.into_iter().flat_map(|widths| [(widths, false), (widths, true)]) {
        let plain = perceptron(widths, transposed).into_decluttered().unwrap();
        let mut model = plain.clone();
        rewrite(&mut model, Rows::Few).unwrap();
        assert_eq!(layers(&model), [widths.len() - 1], "one operator for all layers");
        for rows in [1, 2, 3, 4, 17] {
            let rows = filled(&[rows, widths[0]], 3);
            let (found, wanted) = (run(model.clone(), &rows), run(plain.clone(), &rows));
            found.close_enough(&wanted, Approximation::Approximate).unwrap();
        }
        assert_eq!(run(model, &filled(&[0, widths[0]], 3)).shape(), [0, widths[widths.len() - 1]]);
    }
}

#[test]
fn only_narrow_layers_are_taken_from_many_rows() {
    let mut model = perceptron(&[30, 96, 48, 1], false).into_decluttered().unwrap();
    rewrite(&mut model, Rows::AsDeclared).unwrap();
    assert_eq!(layers(&model), [1]);
    let mut model = perceptron(&[30, 96, 48, 16], false).into_decluttered().unwrap();
    rewrite(&mut model, Rows::AsDeclared).unwrap();
    assert!(layers(&model).is_empty());
}

/// What is not a number goes through a product into every output of its row, and into no other row.
#[test]
fn what_is_not_finite_answers_as_with_tract() {
    let plain = perceptron(&[5, 9, 2], false).into_decluttered().unwrap();
    let mut model = plain.clone();
    rewrite(&mut model, Rows::Few).unwrap();
    for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut rows = cells(15, 3);
        rows[7] = odd;
        let rows = tensor1(&rows).into_shape(&[3, 5]).unwrap();
        let (found, wanted) = (run(model.clone(), &rows), run(plain.clone(), &rows));
        let finite = |tensor: &Tensor| -> Vec<bool> {
            let plain = tensor.try_as_plain_ram().unwrap();
            plain.as_slice::<f32>().unwrap().iter().map(|cell| cell.is_finite()).collect()
        };
        assert_eq!(finite(&found), finite(&wanted), "{odd} {found:?} {wanted:?}");
    }
}

/// An answer in the middle stays one, and a layer used twice is not drawn into another.
#[test]
fn what_others_use_stays() {
    let mut model = perceptron(&[5, 9, 2], false);
    let middle = model.nodes().iter().find(|node| node.name == "cut.0").unwrap().id;
    let outputs = [middle.into(), model.output_outlets().unwrap()[0]];
    model.select_output_outlets(&outputs).unwrap();
    let plain = model.into_decluttered().unwrap();
    let mut model = plain.clone();
    rewrite(&mut model, Rows::Few).unwrap();
    assert_eq!(layers(&model), [1, 1]);
    let rows = filled(&[2, 5], 3);
    run(model, &rows).close_enough(&run(plain, &rows), Approximation::Approximate).unwrap();
}
