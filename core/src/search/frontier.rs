//! Open states in the order in which one guide expands them.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::{Guide, Node, NodeId};

/// Open states in a guide's order; [`Guide`] says which that is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frontier {
    guide: Guide,
    open: BTreeSet<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Higher first; the second one decides between equals.
    ranks: [f64; 2],
    depth: u32,
    node: NodeId,
}

impl Frontier {
    pub(super) fn new(guide: Guide) -> Self {
        Self { guide, open: BTreeSet::new() }
    }

    pub(super) fn guide(&self) -> Guide {
        self.guide
    }

    pub(super) fn push(&mut self, node: &Node) {
        self.open.insert(self.entry(node));
    }

    pub(super) fn pop(&mut self) -> Option<NodeId> {
        self.open.pop_first().map(|entry| entry.node)
    }

    /// The state that [`Frontier::pop`] would give.
    pub(super) fn first(&self) -> Option<NodeId> {
        self.open.first().map(|entry| entry.node)
    }

    pub(super) fn remove(&mut self, node: &Node) {
        self.open.remove(&self.entry(node));
    }

    pub(super) fn contains(&self, node: &Node) -> bool {
        self.open.contains(&self.entry(node))
    }

    /// All states, in order.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.open.iter().map(|entry| entry.node)
    }

    /// A node's place; its score must be final when it is pushed.
    fn entry(&self, node: &Node) -> Entry {
        let ranks = match self.guide {
            Guide::BestFirst => [node.priority, 0.0],
            Guide::Critic => [node.score.unwrap_or(f64::NEG_INFINITY), node.sum_logprob],
        };
        Entry { ranks, depth: node.depth, node: node.id }
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        other.ranks[0]
            .total_cmp(&self.ranks[0])
            .then(other.ranks[1].total_cmp(&self.ranks[1]))
            .then(self.depth.cmp(&other.depth))
            .then(self.node.cmp(&other.node))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}
