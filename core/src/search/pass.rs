//! One pass: the states that its trees know, and whose turn it is to expand one.

use std::collections::{BTreeMap, BTreeSet};

use super::frontier::Frontier;
use super::{Guide, Node, NodeId, NodeStatus, Order, Tree};
use crate::goal::state_key;

/// What one pass keeps for itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pass {
    idx: u32,
    /// One per guide of the search's order.
    lanes: Vec<Lane>,
    /// The states of each tree by their key. All trees begin at the search's one root.
    known: Vec<BTreeMap<String, NodeId>>,
}

/// One guide's part of a pass.
#[derive(Clone, Debug, PartialEq)]
struct Lane {
    frontier: Frontier,
    tree_idx: usize,
    /// Expansions that it may make.
    share: u32,
    /// Expansions that it has made.
    n_made: u32,
    /// States that it has expanded, with how often, without those for which nothing new was proposed.
    expanded: BTreeMap<NodeId, u32>,
}

impl Pass {
    /// A pass in which only the root is known, open to every guide.
    pub(super) fn begin(idx: u32, order: Order, expansions: u32, root: &Node) -> Self {
        let mut pass = Self { idx, ..Self::default() };
        for (guide, tree_idx, share) in order.shares(expansions) {
            let mut frontier = Frontier::new(guide);
            frontier.push(root);
            pass.lanes.push(Lane { frontier, tree_idx, share, n_made: 0, expanded: BTreeMap::new() });
            pass.known.resize_with(tree_idx + 1, || BTreeMap::from([(state_key(&root.goals), root.id)]));
        }
        pass
    }

    /// Its number, from 0.
    pub(super) fn idx(&self) -> u32 {
        self.idx
    }

    /// The guide that expands next: of those that may and can, the one that has had fewest turns.
    ///
    /// Two trees share the root, and the executor answers by node: while one of them expands it the other waits.
    pub(super) fn next_guide(&self, tree: &Tree) -> Option<Guide> {
        let is_idle = |node| tree.node(node).is_some_and(|node| node.status != NodeStatus::InFlight);
        let can = |lane: &&Lane| lane.n_made < lane.share && lane.frontier.first().is_some_and(is_idle);
        self.lanes.iter().filter(can).min_by_key(|lane| lane.n_made).map(|lane| lane.frontier.guide())
    }

    /// Takes the state that `guide` expands next from every frontier of its tree.
    pub(super) fn take(&mut self, guide: Guide, tree: &Tree) -> Option<NodeId> {
        let lane = self.lanes.iter_mut().find(|lane| lane.frontier.guide() == guide)?;
        let node = tree.node(lane.frontier.pop()?)?;
        lane.n_made += 1;
        *lane.expanded.entry(node.id).or_insert(0) += 1;
        let tree_idx = lane.tree_idx;
        for other in self.lanes.iter_mut().filter(|other| other.tree_idx == tree_idx) {
            other.frontier.remove(node);
        }
        Some(node.id)
    }

    /// How often the guide has expanded the state before the expansion that is under way.
    pub(super) fn widening(&self, guide: Guide, node: NodeId) -> u32 {
        let lane = self.lanes.iter().find(|lane| lane.frontier.guide() == guide);
        lane.and_then(|lane| lane.expanded.get(&node)).map_or(0, |n| n.saturating_sub(1))
    }

    /// Nothing new was proposed for the state: it is not opened again.
    pub(super) fn dry(&mut self, guide: Guide, node: NodeId) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.frontier.guide() == guide) {
            lane.expanded.remove(&node);
        }
    }

    /// Whether states are left that could be expanded once more.
    pub(super) fn could_widen(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.expanded.is_empty())
    }

    /// Opens the expanded states once more to the guides that expanded them and have expansions left. Returns them.
    pub(super) fn widen(&mut self, tree: &Tree) -> BTreeSet<NodeId> {
        let mut opened = BTreeSet::new();
        for lane in self.lanes.iter_mut().filter(|lane| lane.n_made < lane.share) {
            for node in lane.expanded.keys().filter_map(|node| tree.node(*node)) {
                lane.frontier.push(node);
                opened.insert(node.id);
            }
        }
        opened
    }

    /// The state with this key in the tree that `guide` works on, if the tree knows it.
    pub(super) fn known(&self, guide: Guide, key: &str) -> Option<NodeId> {
        self.known.get(self.tree_idx(guide))?.get(key).copied()
    }

    /// Adds a new state to the tree that `guide` works on, and opens it to best-first there; the critic's guide waits
    /// for the state's score.
    pub(super) fn add(&mut self, guide: Guide, key: String, node: &Node) {
        let tree_idx = self.tree_idx(guide);
        self.known[tree_idx].insert(key, node.id);
        if self.tree_has(tree_idx, Guide::BestFirst) {
            self.push(Guide::BestFirst, node);
        }
    }

    /// Whether new states of the tree that `guide` works on have to be scored.
    pub(super) fn wants_scores(&self, guide: Guide) -> bool {
        self.tree_has(self.tree_idx(guide), Guide::Critic)
    }

    /// Opens a state to the critic's guide, now that it was scored.
    pub(super) fn add_scored(&mut self, node: &Node) {
        self.push(Guide::Critic, node);
    }

    /// Whether some guide has still to expand the state.
    pub(super) fn is_open(&self, node: &Node) -> bool {
        self.lanes.iter().any(|lane| lane.frontier.contains(node))
    }

    /// The states that some guide has still to expand, in the order of their ids.
    pub(super) fn open_nodes(&self) -> BTreeSet<NodeId> {
        self.lanes.iter().flat_map(|lane| lane.frontier.nodes()).collect()
    }

    /// The index of the tree that a guide works on.
    pub(super) fn tree_idx(&self, guide: Guide) -> usize {
        self.lanes.iter().find(|lane| lane.frontier.guide() == guide).map_or(0, |lane| lane.tree_idx)
    }

    fn tree_has(&self, tree_idx: usize, guide: Guide) -> bool {
        self.lanes.iter().any(|lane| lane.tree_idx == tree_idx && lane.frontier.guide() == guide)
    }

    fn push(&mut self, guide: Guide, node: &Node) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.frontier.guide() == guide) {
            lane.frontier.push(node);
        }
    }
}
