//! What the classifiers and regressors of `ai.onnx.ml` do to their scores at the end.

use tract_onnx::tract_hir::internal::*;

use super::attributes::Attributes;

/// The attribute `post_transform`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Post {
    None,
    Softmax,
    Logistic,
    SoftmaxZero,
    Probit,
}

/// Scores nearer to zero stay zero in [`Post::SoftmaxZero`]; onnxruntime's number.
const ZERO: f32 = 1e-7;

impl Post {
    pub(super) fn read(attributes: &Attributes<'_>) -> TractResult<Self> {
        Ok(match attributes.text("post_transform", "NONE")? {
            "NONE" => Self::None,
            "SOFTMAX" => Self::Softmax,
            "LOGISTIC" => Self::Logistic,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            "PROBIT" => Self::Probit,
            _ => bail!("unknown post_transform"),
        })
    }

    /// Transforms the scores of one row.
    pub(super) fn apply(self, scores: &mut [f32]) {
        match self {
            Self::None => {}
            Self::Logistic => scores.iter_mut().for_each(|score| *score = logistic(*score)),
            Self::Probit => scores.iter_mut().for_each(|score| *score = probit(*score)),
            Self::Softmax => softmax(scores, |score, largest| (score - largest).exp()),
            Self::SoftmaxZero => softmax(scores, |score, largest| {
                if score.abs() > ZERO { (score - largest).exp() } else { score * (-largest).exp() }
            }),
        }
    }
}

fn softmax(scores: &mut [f32], one: impl Fn(f32, f32) -> f32) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|score| *score = one(*score, largest));
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}

/// `1 / (1 + e^-x)`, without overflow.
pub(super) fn logistic(x: f32) -> f32 {
    let positive = 1.0 / (1.0 + (-x.abs()).exp());
    if x < 0.0 { 1.0 - positive } else { positive }
}

/// The quantile of the normal distribution, as near as onnxruntime computes it: Winitzki's inverse
/// of the error function.
fn probit(p: f32) -> f32 {
    const A: f32 = 0.147;
    let x = 2.0 * p - 1.0;
    let log = f64::from((1.0 - x) * (1.0 + x)).ln() as f32;
    // In this order: near a half the difference below loses most of its digits.
    let half = 2.0 / (std::f32::consts::PI * A) + 0.5 * log;
    let inverse = (-half + (half * half - 1.0 / A * log).sqrt()).sqrt();
    std::f32::consts::SQRT_2 * if x < 0.0 { -inverse } else { inverse }
}
