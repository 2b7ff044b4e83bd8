//! What a search teaches: the steps of its proof for the policy, and which of its states are closer to done for the critic.
//!
//! Pairs of states are those of arXiv 2410.15700, section 2.3. *Path pairs*: of two states on the proof's path the later
//! one is better. *Sibling pairs*: the child on the path is better than its siblings off it. Every path ends in
//! `no goals`, which would be in most pairs, so that only a share of those is kept.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::run::{Preference, Relation, Step};
use stepwise_core::prompt::{NO_GOALS, state_text};
use stepwise_core::random::SplitMix64;
use stepwise_core::search::{EdgeId, EdgeOutcome, NodeId, RecheckState, Search, Tree};

/// Of the pairs with `no goals`, one in so many is kept.
const NO_GOALS_KEPT: usize = 10;

/// Siblings of one state that are paired at most: a state with sixty children would outvote all others.
const MAX_SIBLINGS: usize = 8;

/// The proof that passed the recheck, as a path through the tree.
struct Path<'a> {
    tree: &'a Tree,
    /// The states from the root on.
    nodes: Vec<NodeId>,
    /// The tactic run in each.
    edges: Vec<EdgeId>,
}

/// The steps of the proof that a search found, first one first; none where it found none.
#[must_use]
pub fn steps(search: &Search) -> Vec<Step> {
    let Some(path) = Path::of(search.tree()) else { return Vec::new() };
    let tactics: Vec<&str> =
        path.edges.iter().filter_map(|edge| Some(path.tree.edge(*edge)?.tactic.as_str())).collect();
    let step = |(idx, node): (usize, &NodeId)| Step {
        theorem: search.theorem().name.clone(),
        history: tactics[..idx].iter().map(|tactic| (*tactic).to_owned()).collect(),
        state: path.state(*node),
        tactic: tactics[idx].to_owned(),
        distance: (tactics.len() - idx) as u32,
    };
    path.nodes.iter().enumerate().map(step).collect()
}

/// What the proof that a search found says about the tree's states; nothing where it found none. Pairs of equal texts are
/// left out, and so is a pair whose better state is known to be the worse one of another.
///
/// `seed` draws the pairs with `no goals` that are kept.
#[must_use]
pub fn preferences(search: &Search, seed: u64) -> Vec<Preference> {
    let Some(path) = Path::of(search.tree()) else { return Vec::new() };
    let mut states: Vec<String> = path.nodes.iter().map(|node| path.state(*node)).collect();
    states.push(NO_GOALS.to_owned());
    let mut random = SplitMix64::new(seed);
    let mut found = Vec::new();
    for (later, better) in states.iter().enumerate() {
        for worse in &states[..later] {
            found.push((Relation::Path, better, worse.clone()));
        }
    }
    for (idx, node) in path.nodes.iter().enumerate() {
        let mut siblings: Vec<NodeId> = path.children(*node).filter(|child| !path.nodes.contains(child)).collect();
        random.shuffle(&mut siblings);
        siblings.truncate(MAX_SIBLINGS);
        found.extend(siblings.into_iter().map(|sibling| (Relation::Sibling, &states[idx + 1], path.state(sibling))));
    }
    let on_path: BTreeSet<&str> = states.iter().map(String::as_str).collect();
    let mut kept = BTreeSet::new();
    for (relation, better, worse) in found {
        // A sibling whose text is a state of the path, in the other tree of a search with two, is no worse than it.
        let is_contradiction = relation == Relation::Sibling && on_path.contains(worse.as_str());
        let is_drawn = better != NO_GOALS || random.below(NO_GOALS_KEPT) == 0;
        if *better != worse && is_drawn && !is_contradiction {
            kept.insert(Preference { relation, better: better.clone(), worse });
        }
    }
    kept.into_iter().collect()
}

impl<'a> Path<'a> {
    fn of(tree: &'a Tree) -> Option<Self> {
        let accepted = |outcome: &EdgeOutcome| matches!(outcome, EdgeOutcome::Proved(RecheckState::Accepted));
        let mut edge = tree.edges().iter().find(|edge| accepted(&edge.outcome));
        let mut path = Self { tree, nodes: Vec::new(), edges: Vec::new() };
        edge?;
        while let Some(taken) = edge {
            path.edges.push(taken.id);
            path.nodes.push(taken.parent);
            edge = tree.node(taken.parent).and_then(|node| node.parent).and_then(|parent| tree.edge(parent));
        }
        path.edges.reverse();
        path.nodes.reverse();
        Some(path)
    }

    fn state(&self, node: NodeId) -> String {
        self.tree.node(node).map_or_else(String::new, |node| state_text(&node.goals))
    }

    /// The states that tactics opened in `node`.
    fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        self.tree.edges().iter().filter(move |edge| edge.parent == node).filter_map(|edge| match edge.outcome {
            EdgeOutcome::Child(child) => Some(child),
            _ => None,
        })
    }
}
