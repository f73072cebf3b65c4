//! From the sums of leaves to labels and probabilities.
//!
//! The standard leaves much of it open; this is what onnxruntime does:
//!
//! | | |
//! |---|---|
//! | three or more classes | base values are added, the label is that of the first largest score that a leaf or a base value added to |
//! | two classes, one score for each row | a base value is added if a leaf added to the score; the rest is below |
//! | linear classifiers of two classes with one score | the label is the second above 0, and the first's probability 1 minus the second's |
//! | targets | a base value is added to a target that a leaf added to, and always to an only target; an only target is transformed by PROBIT alone |
//!
//! | two classes | label of the second class when | probability of the second class | of the first |
//! |---|---|---|---|
//! | no weight negative | score > 0.5 | score, or sigmoid(score) with LOGISTIC | 1 minus the second |
//! | some weight negative | score > 0 | the same | minus the second, or 1 minus it with LOGISTIC |
//!
//! Two classes of which leaves score the second, or both, with two base values or with PROBIT, mean
//! different things to different engines, and are refused.

use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_ndarray::Array2;

use super::attributes::Attributes;
use super::outputs::Outputs;
use super::post::{self, Post};
use super::real::Real;
use crate::limits::MAX_TARGETS;

/// How leaves add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

/// Sums of a block of rows: `scores` of them for each row.
#[derive(Debug, Default)]
pub(super) struct Scores<T> {
    pub(super) values: Vec<T>,
    /// Whether a leaf added to the sum.
    pub(super) seen: Vec<bool>,
}

/// The labels of a classifier.
#[derive(Debug)]
pub(super) enum Labels {
    Numbers(Vec<i64>),
    Texts(Vec<String>),
}

#[derive(Debug)]
enum Kind {
    /// One score: the second class wins above a half, or above zero; the first class's probability is
    /// one minus the second's, or its negative.
    TwoClasses {
        half: bool,
        of_one: bool,
    },
    Classes,
    Targets,
}

/// What is done with the sums.
#[derive(Debug)]
pub(super) struct Finish {
    kind: Kind,
    labels: Labels,
    /// How many scores a row has.
    scores: usize,
    base: Vec<f64>,
    aggregate: Aggregate,
    post: Post,
}

/// An answer while its rows are added.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    finish: &'a Finish,
    /// Of each row, the position of its label.
    winners: Vec<usize>,
    scores: Vec<f32>,
}

impl<T: Real> Scores<T> {
    pub(super) fn clear(&mut self, length: usize) {
        self.values.clear();
        self.values.resize(length, T::default());
        self.seen.clear();
        self.seen.resize(length, false);
    }
}

impl Labels {
    /// Labels that are numbers have another name in each operator.
    pub(super) fn read(attributes: &Attributes<'_>, numbers: &str) -> TractResult<Self> {
        let (numbers, texts) = (attributes.ints(numbers), attributes.texts("classlabels_strings")?);
        let labels = match (numbers, texts.as_slice()) {
            (numbers, []) => Self::Numbers(numbers.to_vec()),
            ([], texts) => Self::Texts(texts.iter().map(|text| (*text).to_owned()).collect()),
            _ => bail!("a classifier has labels of two kinds"),
        };
        ensure!(labels.len() > 1, "a classifier has fewer than two classes");
        Ok(labels)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Texts(texts) => texts.len(),
        }
    }

    pub(super) fn datum_type(&self) -> DatumType {
        match self {
            Self::Numbers(_) => DatumType::I64,
            Self::Texts(_) => DatumType::String,
        }
    }

    /// The labels at these positions.
    pub(super) fn pick(&self, winners: &[usize]) -> Tensor {
        match self {
            Self::Numbers(numbers) => tensor1(&pick(numbers, winners)),
            Self::Texts(texts) => tensor1(&pick(texts, winners)),
        }
    }
}

impl Finish {
    pub(super) fn classifier(attributes: &Attributes<'_>) -> TractResult<Self> {
        let labels = Labels::read(attributes, "classlabels_int64s")?;
        let scores = labels.len();
        let base = attributes.numbers("base_values")?;
        let post = Post::read(attributes)?;
        let kind = if scores == 2 { two_classes(attributes, &base, post)? } else { Kind::Classes };
        ensure!(
            scores == 2 || base.is_empty() || base.len() == scores,
            "a tree ensemble has neither no base value nor one for each class"
        );
        Ok(Self { kind, labels, scores, base, aggregate: Aggregate::Sum, post })
    }

    /// `LinearClassifier`, whose scores include the intercepts.
    pub(super) fn linear(attributes: &Attributes<'_>, models: usize) -> TractResult<Self> {
        let labels = Labels::read(attributes, "classlabels_ints")?;
        let (scores, post) = (labels.len(), Post::read(attributes)?);
        let kind = match models {
            1 if scores == 2 && post != Post::Probit => Kind::TwoClasses { half: false, of_one: true },
            models if models == scores => Kind::Classes,
            _ => bail!("a linear classifier has not one score for each class"),
        };
        Ok(Self { kind, labels, scores, base: Vec::new(), aggregate: Aggregate::Sum, post })
    }

    pub(super) fn regressor(attributes: &Attributes<'_>) -> TractResult<Self> {
        let scores = usize::try_from(attributes.int("n_targets").unwrap_or(1))?;
        ensure!((1..=MAX_TARGETS).contains(&scores), "a tree ensemble has no target, or too many");
        let aggregate = match attributes.text("aggregate_function", "SUM")? {
            "SUM" => Aggregate::Sum,
            "AVERAGE" => Aggregate::Average,
            "MIN" => Aggregate::Min,
            "MAX" => Aggregate::Max,
            _ => bail!("a tree ensemble has an unknown aggregate function"),
        };
        let base = attributes.numbers("base_values")?;
        ensure!(
            base.is_empty() || base.len() == scores,
            "a tree ensemble has neither no base value nor one for each target"
        );
        let post = match Post::read(attributes)? {
            Post::Probit => Post::Probit,
            _ if scores == 1 => Post::None,
            post => post,
        };
        Ok(Self { kind: Kind::Targets, labels: Labels::Numbers(Vec::new()), scores, base, aggregate, post })
    }

    pub(super) fn scores(&self) -> usize {
        self.scores
    }

    pub(super) fn aggregate(&self) -> Aggregate {
        self.aggregate
    }

    pub(super) fn outputs(&self) -> Outputs {
        let scores = (DatumType::F32, Some(self.scores));
        match &self.kind {
            Kind::Targets => tvec!(scores),
            _ => tvec!((self.labels.datum_type(), None), scores),
        }
    }

    pub(super) fn begin(&self, rows: usize) -> Answer<'_> {
        let scores = Vec::with_capacity(rows.saturating_mul(self.scores));
        Answer { finish: self, winners: Vec::with_capacity(rows), scores }
    }
}

// Boosted trees and forests of two classes have one score for each row; all else is refused.
fn two_classes(attributes: &Attributes<'_>, base: &[f64], post: Post) -> TractResult<Kind> {
    let first = attributes.ints("class_ids").iter().all(|id| *id == 0);
    ensure!(
        first && base.len() < 2 && post != Post::Probit,
        "engines disagree on two classes of which leaves score more than the first, with two base values or PROBIT"
    );
    let positive = !attributes.numbers("class_weights")?.iter().any(|weight| *weight < 0.0);
    Ok(Kind::TwoClasses { half: positive, of_one: positive })
}

impl Answer<'_> {
    /// Adds a block of rows, of `width` sums each.
    pub(super) fn add<T: Real>(&mut self, block: &Scores<T>, width: usize, trees: usize) -> TractResult<()> {
        let finish = self.finish;
        let rows = block.values.chunks_exact(width).zip(block.seen.chunks_exact(width));
        for (values, seen) in rows {
            match finish.kind {
                Kind::TwoClasses { half, of_one } => self.add_two(values, seen, half, of_one),
                Kind::Classes => self.add_classes(values, seen)?,
                Kind::Targets => self.add_targets(values, seen, trees),
            }
        }
        Ok(())
    }

    fn add_two<T: Real>(&mut self, values: &[T], seen: &[bool], half: bool, of_one: bool) {
        let base = self.finish.base.first().filter(|_| seen.first() == Some(&true));
        let sum = values.first().copied().unwrap_or_default().plus(base.copied().unwrap_or(0.0));
        self.winners.push(usize::from(if half { sum > T::HALF } else { sum > T::default() }));
        let logistic = self.finish.post == Post::Logistic;
        let second = if logistic { post::logistic(sum.narrow()) } else { sum.narrow() };
        let first = if logistic {
            post::logistic(-sum.narrow())
        } else if of_one {
            1.0 - second
        } else {
            -second
        };
        self.scores.extend([first, second]);
    }

    fn add_classes<T: Real>(&mut self, values: &[T], seen: &[bool]) -> TractResult<()> {
        let based = !self.finish.base.is_empty();
        let base = self.finish.base.iter().copied().chain(std::iter::repeat(0.0));
        let start = self.scores.len();
        let mut winner: Option<(usize, T)> = None;
        for (class, ((value, seen), base)) in values.iter().zip(seen).zip(base).enumerate() {
            let value = value.plus(base);
            if (*seen || based) && winner.is_none_or(|(_, largest)| value > largest) {
                winner = Some((class, value));
            }
            self.scores.push(value.narrow());
        }
        let (winner, _) = winner.context("no leaf of a tree ensemble adds to any class")?;
        self.winners.push(winner);
        self.finish.post.apply(self.scores.get_mut(start..).unwrap_or_default());
        Ok(())
    }

    fn add_targets<T: Real>(&mut self, values: &[T], seen: &[bool], trees: usize) {
        let base = self.finish.base.iter().copied().chain(std::iter::repeat(0.0));
        let start = self.scores.len();
        for ((value, seen), base) in values.iter().zip(seen).zip(base) {
            let value =
                if self.finish.aggregate == Aggregate::Average { value.over(trees as f64) } else { *value };
            let value = if *seen || self.finish.scores == 1 { value.plus(base) } else { value };
            self.scores.push(value.narrow());
        }
        self.finish.post.apply(self.scores.get_mut(start..).unwrap_or_default());
    }

    /// The outputs: labels where there are any, and scores.
    pub(super) fn into_tensors(self) -> TractResult<TVec<TValue>> {
        let rows = self.scores.len() / self.finish.scores;
        let scores = Array2::from_shape_vec((rows, self.finish.scores), self.scores)?.into_tvalue();
        Ok(match self.finish.kind {
            Kind::Targets => tvec!(scores),
            _ => tvec!(self.finish.labels.pick(&self.winners).into_tvalue(), scores),
        })
    }
}

fn pick<L: Clone + Default>(labels: &[L], winners: &[usize]) -> Vec<L> {
    winners.iter().map(|winner| labels.get(*winner).cloned().unwrap_or_default()).collect()
}
