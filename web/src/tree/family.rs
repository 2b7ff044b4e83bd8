//! Who comes from whom in a search tree, kept up to date at the cost of what is new.
//!
//! A search adds states and tactics at the end and never takes any away, so only those are looked at that were not there
//! before; going back in the recording starts anew.

use stepwise_core::search::{EdgeId, EdgeOutcome, NodeId, NodeStatus, RecheckState, Tree};

use crate::status::{Status, of_leaf};

/// What the drawings of a tree need and the tree itself does not hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Family {
    children: Vec<Vec<EdgeId>>,
    /// The children that are no dead ends.
    fruitful: Vec<Vec<EdgeId>>,
    /// The tactics that closed the last goal: what the recheck says of them changes.
    closers: Vec<EdgeId>,
    on_proof: Vec<bool>,
    visits: Vec<u32>,
    n_edges: usize,
}

impl Family {
    /// The family of a tree.
    #[must_use]
    pub fn of(tree: &Tree) -> Self {
        let mut family = Self::default();
        family.update(tree);
        family
    }

    /// Takes in how a tree stands now: the one that was told of before, earlier or later. Another tree needs another
    /// family.
    pub fn update(&mut self, tree: &Tree) {
        let (n_nodes, n_edges) = (tree.nodes().len(), tree.edges().len());
        if n_nodes < self.children.len() || n_edges < self.n_edges {
            *self = Self::default();
        }
        self.children.resize_with(n_nodes, Vec::new);
        self.fruitful.resize_with(n_nodes, Vec::new);
        for edge in &tree.edges()[self.n_edges..] {
            let parent = edge.parent.0 as usize;
            self.children[parent].push(edge.id);
            if !is_dead_end(tree, edge.id) {
                self.fruitful[parent].push(edge.id);
            }
            if matches!(edge.outcome, EdgeOutcome::Proved(_)) {
                self.closers.push(edge.id);
            }
        }
        self.n_edges = n_edges;
        self.judge(tree);
        self.count_visits(tree);
    }

    /// All tactics that were run in a state, in their order.
    #[must_use]
    pub fn children(&self, state: NodeId) -> &[EdgeId] {
        self.children.get(state.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// Those that opened a new state or closed the last goal.
    #[must_use]
    pub fn fruitful(&self, state: NodeId) -> &[EdgeId] {
        self.fruitful.get(state.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// Whether an accepted proof goes through a state.
    #[must_use]
    pub fn is_on_proof(&self, state: NodeId) -> bool {
        self.on_proof.get(state.0 as usize).is_some_and(|is| *is)
    }

    /// How often the search came through a state: the states expanded at it and below it.
    #[must_use]
    pub fn visits(&self, state: NodeId) -> u32 {
        self.visits.get(state.0 as usize).copied().unwrap_or(0)
    }

    /// Reads anew what the recheck said: it may have spoken since, and in a recording it may not have spoken yet.
    fn judge(&mut self, tree: &Tree) {
        self.on_proof.clear();
        self.on_proof.resize(self.children.len(), false);
        for closer in &self.closers {
            let Some(edge) = tree.edge(*closer) else { continue };
            let siblings = &mut self.fruitful[edge.parent.0 as usize];
            match (siblings.binary_search(closer), is_dead_end(tree, *closer)) {
                (Ok(place), true) => {
                    siblings.remove(place);
                }
                (Err(place), false) => siblings.insert(place, *closer),
                _ => {}
            }
            if edge.outcome == EdgeOutcome::Proved(RecheckState::Accepted) {
                let mut state = tree.node(edge.parent);
                while let Some(node) = state {
                    self.on_proof[node.id.0 as usize] = true;
                    state = node.parent.and_then(|edge| tree.edge(edge)).and_then(|edge| tree.node(edge.parent));
                }
            }
        }
    }

    fn count_visits(&mut self, tree: &Tree) {
        self.visits.clear();
        self.visits.extend(tree.nodes().iter().map(|node| u32::from(node.status == NodeStatus::Expanded)));
        // A state is younger than the one it comes from: from the end on, each is complete when it is added.
        for node in tree.nodes().iter().rev() {
            if let Some(edge) = node.parent.and_then(|edge| tree.edge(edge)) {
                self.visits[edge.parent.0 as usize] += self.visits[node.id.0 as usize];
            }
        }
    }
}

fn is_dead_end(tree: &Tree, edge: EdgeId) -> bool {
    tree.edge(edge).and_then(of_leaf).is_some_and(Status::is_dead_end)
}
