//! Operators of `ai.onnx.ml` that tract lacks, computes wrongly or computes slowly, as operators of our own.
//!
//! They are registered where tract looks operators up, so that a graph needs no rewriting. What the
//! standard leaves open they answer as onnxruntime does, since that is what owners test against.
//! Attributes are checked once, while loading: a run can neither index outside an operator's tables
//! nor loop without end.

mod attributes;
mod columns;
mod extractor;
mod finish;
mod label_encoder;
mod linear;
mod normalizer;
mod one_hot_encoder;
mod outputs;
mod places;
mod post;
mod real;
mod rows;
mod svm;
mod trees;
mod vectorizer;

use tract_onnx::model::OnnxOpRegister;

/// Puts the operators into tract's register, some of them in place of tract's own.
pub(crate) fn register(operators: &mut OnnxOpRegister) {
    trees::register(operators);
    columns::register(operators);
    linear::register(operators);
    normalizer::register(operators);
    label_encoder::register(operators);
    one_hot_encoder::register(operators);
    svm::register(operators);
    extractor::register(operators);
    vectorizer::register(operators);
}
