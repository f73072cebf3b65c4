//! Trees in flat arrays, and the sums of their leaves over blocks of rows.
//!
//! All comparisons become `feature <= threshold` or `feature == threshold`, so that a step is one
//! comparison and one choice between two positions, without a branch that a processor would have to
//! guess. A leaf is its own child: several trees go down side by side, each as many steps as the
//! highest of them, and one that is done stays where it is.

use std::hint::select_unpredictable;

use tract_onnx::tract_hir::internal::*;

use super::super::finish::{Aggregate, Scores};
use super::super::real::Real;
use super::grow::{Grown, GrownNode, Mode};

/// Rows that are scored together: every tree is fetched once for a block.
pub(super) const BLOCK_ROWS: usize = 64;

/// Trees that go down side by side.
const LANES: usize = 8;

/// Steps between two looks at whether all trees are at a leaf.
const STRIDE: u32 = 4;

/// One node. A leaf has itself as both children.
#[derive(Clone, Copy, Debug, Default)]
struct Node<T> {
    threshold: T,
    /// The feature compared, and above it [`EQUAL`] and [`NAN_FIRST`].
    feature: u32,
    /// Where to go when the comparison holds.
    first: u32,
    second: u32,
}

/// The comparison is `==` instead of `<=`.
const EQUAL: u32 = 1 << 31;

/// What is not a number goes to the first child.
const NAN_FIRST: u32 = 1 << 30;

/// The leaves of all nodes.
#[derive(Debug)]
enum Leaves<T> {
    /// Every leaf adds one weight to the same score. By node.
    One(Vec<T>),
    /// Score and weight, where each node's begin, and one more.
    Many(Vec<(u32, T)>, Vec<u32>),
}

/// Checked trees, ready to run.
#[derive(Debug)]
pub(super) struct Ensemble<T> {
    nodes: Vec<Node<T>>,
    /// Roots of [`LANES`] trees at a time, how many of them count, and the steps that the highest takes.
    groups: Vec<([u32; LANES], usize, u32)>,
    leaves: Leaves<T>,
    /// Which score a leaf adds to when all add to one.
    only: usize,
    scores: usize,
    features: usize,
    trees: usize,
    /// Some node has a flag above its feature.
    flagged: bool,
}

impl<T: Real> Ensemble<T> {
    /// # Errors
    /// When thresholds or weights are doubles and the input is not, or a feature is out of range.
    pub(super) fn new(grown: &Grown, scores: usize) -> TractResult<Self> {
        ensure!(grown.features <= NAN_FIRST as usize, "a tree ensemble has too many features");
        let node = |(node, at): (&GrownNode, u32)| flatten(*node, at);
        let nodes: Vec<Node<T>> = grown.nodes.iter().zip(0..).map(node).collect::<TractResult<_>>()?;
        let flagged = nodes.iter().any(|node| node.feature & (EQUAL | NAN_FIRST) != 0);
        let group = |trees: &[(u32, u32)]| {
            let mut roots = [0; LANES];
            roots.iter_mut().zip(trees).for_each(|(lane, (root, _))| *lane = *root);
            (roots, trees.len(), trees.iter().map(|(_, height)| *height).max().unwrap_or(0))
        };
        let groups = grown.roots.chunks(LANES).map(group).collect();
        let (leaves, only) = leaves(grown)?;
        let (features, trees) = (grown.features, grown.roots.len());
        Ok(Self { nodes, groups, leaves, only, scores, features, trees, flagged })
    }

    /// How many columns a row must have.
    pub(super) fn features(&self) -> usize {
        self.features
    }

    pub(super) fn trees(&self) -> usize {
        self.trees
    }

    /// Scores rows of so many columns, in the order of the trees.
    pub(super) fn score(&self, cells: &[T], columns: usize, aggregate: Aggregate, scores: &mut Scores<T>) {
        let rows = cells.len().checked_div(columns).unwrap_or(0);
        scores.clear(rows * self.scores);
        for (roots, trees, steps) in &self.groups {
            let sums = scores.values.chunks_exact_mut(self.scores);
            let sums = sums.zip(scores.seen.chunks_exact_mut(self.scores));
            for (row, (values, seen)) in cells.chunks_exact(columns).zip(sums) {
                let reached = if self.flagged {
                    self.descend(*roots, *steps, |node| flagged_step(node, row))
                } else {
                    self.descend(*roots, *steps, |node| plain_step(node, row))
                };
                for at in reached.iter().take(*trees) {
                    self.collect(*at as usize, aggregate, values, seen);
                }
            }
        }
    }

    #[inline(always)]
    fn descend(&self, mut at: [u32; LANES], mut steps: u32, step: impl Fn(&Node<T>) -> u32) -> [u32; LANES] {
        while steps > 0 {
            let before = at;
            for _ in 0..steps.min(STRIDE) {
                for lane in &mut at {
                    *lane = self.nodes.get(*lane as usize).map_or(0, &step);
                }
            }
            if at == before {
                break;
            }
            steps = steps.saturating_sub(STRIDE);
        }
        at
    }

    #[inline(always)]
    fn collect(&self, at: usize, aggregate: Aggregate, values: &mut [T], seen: &mut [bool]) {
        let mut add = |score: usize, weight: T| {
            if let (Some(value), Some(seen)) = (values.get_mut(score), seen.get_mut(score)) {
                match aggregate {
                    Aggregate::Sum | Aggregate::Average => *value += weight,
                    Aggregate::Min if *seen && *value <= weight => {}
                    Aggregate::Max if *seen && *value >= weight => {}
                    Aggregate::Min | Aggregate::Max => *value = weight,
                }
                *seen = true;
            }
        };
        match &self.leaves {
            Leaves::One(weights) => add(self.only, weights.get(at).copied().unwrap_or_default()),
            Leaves::Many(all, starts) => {
                let range = starts.get(at).zip(starts.get(at + 1));
                let own = range.and_then(|(start, end)| all.get(*start as usize..*end as usize));
                own.unwrap_or_default().iter().for_each(|(score, weight)| add(*score as usize, *weight));
            }
        }
    }
}

/// `x < t` is `x <= before(t)`; `>` and `>=` are their opposites with the children exchanged, and
/// what is not a number, which compares as false, then has to go to the first.
fn flatten<T: Real>(node: GrownNode, at: u32) -> TractResult<Node<T>> {
    let GrownNode::Branch { mode, feature, threshold, nan_is_true, if_true, if_false } = node else {
        return Ok(Node { threshold: T::LARGEST, feature: 0, first: at, second: at });
    };
    let number = T::exactly(threshold).context("a tree ensemble of doubles needs an input of doubles")?;
    let (threshold, exchanged, equal) = match mode {
        // A threshold that is not a number: no comparison holds but "not equal".
        Mode::Leq | Mode::Lt | Mode::Gt | Mode::Gte if threshold.is_nan() => (number, false, false),
        Mode::Leq => (number, false, false),
        Mode::Lt => (number.before(), false, false),
        Mode::Gt => (number, true, false),
        Mode::Gte => (number.before(), true, false),
        Mode::Eq => (number, false, true),
        Mode::Neq => (number, true, true),
    };
    // What is not a number is equal to nothing: "not equal" holds, and its false child is the first.
    let nan_first = if mode == Mode::Neq { false } else { nan_is_true != exchanged };
    let (first, second) = if exchanged { (if_false, if_true) } else { (if_true, if_false) };
    let flags = if equal { EQUAL } else { 0 } | if nan_first { NAN_FIRST } else { 0 };
    Ok(Node { threshold, feature: feature | flags, first, second })
}

fn leaves<T: Real>(grown: &Grown) -> TractResult<(Leaves<T>, usize)> {
    let exactly =
        |weight: f64| T::exactly(weight).context("a tree ensemble of doubles needs an input of doubles");
    let nodes = || grown.nodes.iter().zip(&grown.weights);
    let mut ids = grown.weights.iter().flatten().map(|(score, _)| *score);
    let only = ids.next().unwrap_or(0);
    let one = |(node, weights): (&GrownNode, &Vec<_>)| !matches!(node, GrownNode::Leaf) || weights.len() == 1;
    if ids.all(|score| score == only) && nodes().all(one) {
        let weight = |weights: &Vec<(u32, f64)>| exactly(weights.first().map_or(0.0, |(_, weight)| *weight));
        let weights = grown.weights.iter().map(weight).collect::<TractResult<_>>()?;
        return Ok((Leaves::One(weights), only as usize));
    }
    let (mut all, mut starts) = (Vec::new(), vec![0]);
    for weights in &grown.weights {
        for (score, weight) in weights {
            all.push((*score, exactly(*weight)?));
        }
        starts.push(u32::try_from(all.len())?);
    }
    Ok((Leaves::Many(all, starts), 0))
}

#[inline(always)]
fn plain_step<T: Real>(node: &Node<T>, row: &[T]) -> u32 {
    let feature = row.get(node.feature as usize).copied().unwrap_or_default();
    select_unpredictable(feature <= node.threshold, node.first, node.second)
}

#[inline(always)]
#[allow(clippy::eq_op, reason = "only what is not a number differs from itself")]
fn flagged_step<T: Real>(node: &Node<T>, row: &[T]) -> u32 {
    let feature = row.get((node.feature & !(EQUAL | NAN_FIRST)) as usize).copied().unwrap_or_default();
    let equal = node.feature & EQUAL != 0;
    let holds = ((feature <= node.threshold) & !equal) | (feature == node.threshold);
    let holds = holds | ((feature != feature) & (node.feature & NAN_FIRST != 0));
    select_unpredictable(holds, node.first, node.second)
}
