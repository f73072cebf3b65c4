//! From the attributes of a node to trees whose every reference has been checked.
//!
//! 1. all lists of nodes, and all lists of leaves, are equally long;
//! 2. a tree's nodes stand together, and no two share an id; the first is the root;
//! 3. children exist, in the same tree, and no path comes back to where it was;
//! 4. a leaf's weight names a leaf and one of the scores.
//!
//! Two parents may share a child: converters write membership of a set that way.

use std::collections::{HashMap, VecDeque};

use tract_onnx::tract_hir::internal::*;

use super::super::attributes::Attributes;

/// How a node compares; the true child is taken when `feature MODE threshold`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Leq,
    Lt,
    Gte,
    Gt,
    Eq,
    Neq,
}

/// A node whose children are positions in [`Grown::nodes`].
#[derive(Clone, Copy, Debug)]
pub(super) enum GrownNode {
    Branch { mode: Mode, feature: u32, threshold: f64, nan_is_true: bool, if_true: u32, if_false: u32 },
    Leaf,
}

/// Checked trees, each from its root down level by level.
#[derive(Debug, Default)]
pub(super) struct Grown {
    pub(super) nodes: Vec<GrownNode>,
    /// Position and height of each tree's root.
    pub(super) roots: Vec<(u32, u32)>,
    /// Score and weight of each node's leaves, by node.
    pub(super) weights: Vec<Vec<(u32, f64)>>,
    /// One more than the largest feature.
    pub(super) features: usize,
}

/// Reads and checks the trees; `leaf` is the prefix of the leaves' attributes.
pub(super) fn grow(attributes: &Attributes<'_>, leaf: &str, scores: usize) -> TractResult<Grown> {
    let listed = Listed::read(attributes)?;
    let mut grown = Grown::default();
    let mut positions = HashMap::new();
    for tree in listed.trees()? {
        listed.plant(&tree, &mut grown, &mut positions)?;
    }
    ensure!(!grown.roots.is_empty(), "a tree ensemble has no trees");
    hang_leaves(attributes, leaf, scores, &positions, &mut grown)?;
    Ok(grown)
}

/// The nodes as the file lists them.
struct Listed<'a> {
    trees: &'a [i64],
    ids: &'a [i64],
    if_true: &'a [i64],
    if_false: &'a [i64],
    nodes: Vec<Option<(Mode, u32, f64, bool)>>,
}

/// One tree's nodes: where in the lists, and where each id is.
struct Tree {
    first: usize,
    by_id: HashMap<i64, usize>,
}

impl<'a> Listed<'a> {
    // 1
    fn read(attributes: &Attributes<'a>) -> TractResult<Self> {
        let trees = attributes.ints("nodes_treeids");
        let ints = |name: &str| {
            let ints = attributes.ints(name);
            ensure!(ints.len() == trees.len(), "the lists of a tree ensemble's nodes differ in length");
            Ok(ints)
        };
        let (features, values) = (ints("nodes_featureids")?, attributes.numbers("nodes_values")?);
        let modes = attributes.texts("nodes_modes")?;
        let nan = attributes.ints("nodes_missing_value_tracks_true");
        let all = [values.len(), modes.len(), if nan.is_empty() { trees.len() } else { nan.len() }];
        ensure!(all == [trees.len(); 3], "the lists of a tree ensemble's nodes differ in length");
        // Positions and one more than the largest must fit.
        ensure!(u32::try_from(trees.len()).is_ok_and(|nodes| nodes < u32::MAX), "too many nodes");
        let nan = nan.iter().map(|flag| *flag != 0).chain(std::iter::repeat(false));
        let node = |(((mode, feature), value), nan): (((&&str, &i64), &f64), bool)| {
            let Some(mode) = mode_of(mode)? else { return Ok(None) };
            let feature = u32::try_from(*feature).context("a tree ensemble names a negative feature")?;
            Ok(Some((mode, feature, *value, nan)))
        };
        let nodes = modes.iter().zip(features).zip(&values).zip(nan).map(node).collect::<TractResult<_>>()?;
        let [ids, if_true, if_false] = ["nodes_nodeids", "nodes_truenodeids", "nodes_falsenodeids"].map(ints);
        Ok(Self { trees, ids: ids?, if_true: if_true?, if_false: if_false?, nodes })
    }

    // 2
    fn trees(&self) -> TractResult<Vec<Tree>> {
        let mut seen = std::collections::HashSet::new();
        let mut trees = Vec::new();
        let mut first = 0;
        for run in self.trees.chunk_by(|one, next| one == next) {
            ensure!(run.first().is_some_and(|id| seen.insert(*id)), "a tree's nodes stand apart");
            let mut by_id = HashMap::new();
            for (position, id) in self.ids.iter().enumerate().skip(first).take(run.len()) {
                ensure!(by_id.insert(*id, position).is_none(), "two nodes of a tree have one id");
            }
            trees.push(Tree { first, by_id });
            first += run.len();
        }
        Ok(trees)
    }

    /// The places in the lists of a branch's two children.
    // 3
    fn children(&self, tree: &Tree, at: usize) -> TractResult<Option<[usize; 2]>> {
        if !matches!(self.nodes.get(at), Some(Some(_))) {
            return Ok(None);
        }
        let child = |ids: &[i64]| {
            let child = ids.get(at).and_then(|id| tree.by_id.get(id)).copied();
            child.context("a tree has no such child")
        };
        Ok(Some([child(self.if_true)?, child(self.if_false)?]))
    }

    /// Heights of all nodes below the root, each counted once. Without recursion: trees may be chains.
    // 3
    fn heights(&self, tree: &Tree) -> TractResult<HashMap<usize, u32>> {
        let mut heights: HashMap<usize, u32> = HashMap::new();
        let mut open = std::collections::HashSet::new();
        let mut stack = vec![tree.first];
        while let Some(&at) = stack.last() {
            let Some(children) = self.children(tree, at)? else {
                heights.insert(at, 0);
                stack.pop();
                continue;
            };
            let known = children.map(|child| heights.get(&child).copied());
            if let [Some(one), Some(other)] = known {
                heights.insert(at, one.max(other).saturating_add(1));
                open.remove(&at);
                stack.pop();
                continue;
            }
            ensure!(open.insert(at), "a path in a tree comes back to where it was");
            stack.extend(
                children.iter().zip(known).filter(|(_, known)| known.is_none()).map(|(child, _)| child),
            );
        }
        Ok(heights)
    }

    /// Appends a tree to `grown`, its root first, then level by level.
    fn plant(
        &self,
        tree: &Tree,
        grown: &mut Grown,
        positions: &mut HashMap<(i64, i64), u32>,
    ) -> TractResult<()> {
        let heights = self.heights(tree)?;
        let height = heights.get(&tree.first).copied().unwrap_or(0);
        let start = u32::try_from(grown.nodes.len())?;
        grown.roots.push((start, height));
        let mut placed = HashMap::from([(tree.first, start)]);
        let mut waiting = VecDeque::from([tree.first]);
        let mut next = start + 1;
        let mut place = |child: usize, waiting: &mut VecDeque<usize>| {
            *placed.entry(child).or_insert_with(|| {
                waiting.push_back(child);
                next += 1;
                next - 1
            })
        };
        while let Some(at) = waiting.pop_front() {
            if let (Some(tree_id), Some(id)) = (self.trees.get(at), self.ids.get(at)) {
                positions.insert((*tree_id, *id), u32::try_from(grown.nodes.len())?);
            }
            let node = match (self.nodes.get(at).copied().flatten(), self.children(tree, at)?) {
                (Some((mode, feature, threshold, nan_is_true)), Some([yes, no])) => {
                    grown.features = grown.features.max(feature as usize + 1);
                    let (if_true, if_false) = (place(yes, &mut waiting), place(no, &mut waiting));
                    GrownNode::Branch { mode, feature, threshold, nan_is_true, if_true, if_false }
                }
                _ => GrownNode::Leaf,
            };
            grown.nodes.push(node);
        }
        Ok(())
    }
}

fn mode_of(mode: &str) -> TractResult<Option<Mode>> {
    Ok(Some(match mode {
        "BRANCH_LEQ" => Mode::Leq,
        "BRANCH_LT" => Mode::Lt,
        "BRANCH_GTE" => Mode::Gte,
        "BRANCH_GT" => Mode::Gt,
        "BRANCH_EQ" => Mode::Eq,
        "BRANCH_NEQ" => Mode::Neq,
        "LEAF" => return Ok(None),
        _ => bail!("a tree ensemble has a node of an unknown mode"),
    }))
}

// 1, 4
fn hang_leaves(
    attributes: &Attributes<'_>,
    leaf: &str,
    scores: usize,
    positions: &HashMap<(i64, i64), u32>,
    grown: &mut Grown,
) -> TractResult<()> {
    let [trees, nodes, ids] =
        ["treeids", "nodeids", "ids"].map(|part| attributes.ints(&format!("{leaf}_{part}")));
    let weights = attributes.numbers(&format!("{leaf}_weights"))?;
    let same = [trees.len(), nodes.len(), ids.len()] == [weights.len(); 3];
    ensure!(same && !weights.is_empty(), "the lists of a tree ensemble's leaves differ in length");
    grown.weights = vec![Vec::new(); grown.nodes.len()];
    for (((tree, node), id), weight) in trees.iter().zip(nodes).zip(ids).zip(weights) {
        let score = usize::try_from(*id).ok().filter(|score| *score < scores);
        let score = score.context("a leaf of a tree ensemble adds to a score that is not there")?;
        // What no path reaches needs no weight.
        let Some(position) = positions.get(&(*tree, *node)).map(|position| *position as usize) else {
            continue;
        };
        ensure!(matches!(grown.nodes.get(position), Some(GrownNode::Leaf)), "a weight is not that of a leaf");
        if let Some(hung) = grown.weights.get_mut(position) {
            hung.push((u32::try_from(score)?, weight));
        }
    }
    // An only target's leaf without a weight counts as a zero, which matters to MIN and MAX.
    if leaf == "target" && scores == 1 {
        grown.weights.iter_mut().filter(|hung| hung.is_empty()).for_each(|hung| hung.push((0, 0.0)));
    }
    Ok(())
}
