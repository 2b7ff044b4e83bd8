//! The search tree: states as nodes, tactics as edges, in the order in which they were made.

use std::ops::Range;

use super::Guide;
use crate::goal::Goal;

/// A node of the search tree; the root is 0. Ids are given in order of creation and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// An edge of the search tree: one tactic that was run in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeId(pub u32);

/// One proof state.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its id, which is also its place in [`Tree::nodes`].
    pub id: NodeId,
    /// The pass that made it. The root is made once, in pass 0, and is the root of every pass.
    pub pass: u32,
    /// Tactics from the root.
    pub depth: u32,
    /// The edge that led here first; `None` for the root.
    pub parent: Option<EdgeId>,
    /// Sum of the path's log-probabilities.
    pub sum_logprob: f64,
    /// The priority that the search gives it.
    pub priority: f64,
    /// The critic's score; `None` where none was asked for, or none came that is a finite number.
    pub score: Option<f64>,
    /// The open goals, the one to work on first.
    pub goals: Vec<Goal>,
    pub status: NodeStatus,
    /// The edges that its last check made.
    checked: Range<u32>,
}

/// Where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeStatus {
    /// Waits for its expansion. The root is open again for every tree of every pass.
    Open,
    /// The policy or Lean is at work on it.
    InFlight,
    /// Its tactics were run.
    Expanded,
}

/// One tactic and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// Its id, which is also its place in [`Tree::edges`].
    pub id: EdgeId,
    /// The pass that ran it.
    pub pass: u32,
    /// What chose to expand the state that it was run in.
    pub guide: Guide,
    pub parent: NodeId,
    pub tactic: String,
    /// The policy's log-probability as the search reckons with it (finite, at most 0).
    pub logprob: f64,
    /// Tokens generated for it.
    pub n_tokens: u32,
    /// What Lean answered.
    pub outcome: EdgeOutcome,
}

/// What became of an edge.
#[derive(Clone, Debug, PartialEq)]
pub enum EdgeOutcome {
    /// It opened a new state.
    Child(NodeId),
    /// It led to a state that this pass's tree knows already.
    Duplicate(NodeId),
    /// It closed the last goal.
    Proved(RecheckState),
    /// Lean refused it.
    Failed {
        message: String,
    },
    Timeout,
    /// It crashed Lean.
    Crashed {
        /// The process's last words.
        detail: String,
    },
    /// It ran out of memory.
    OutOfMemory,
}

/// Where the recheck of a found proof stands.
#[derive(Clone, Debug, PartialEq)]
pub enum RecheckState {
    /// Not judged yet.
    Waiting,
    /// Accepted: the proof is one.
    Accepted,
    Refused {
        /// The recheck's reasons.
        reasons: Vec<String>,
    },
}

/// All that a search knows, of all its passes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

impl Tree {
    /// All nodes, in order of creation; the first is the root.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// All edges, in order of creation.
    #[must_use]
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// A node, if it exists.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// An edge, if it exists.
    #[must_use]
    pub fn edge(&self, id: EdgeId) -> Option<&Edge> {
        self.edges.get(id.0 as usize)
    }

    /// The edges that the last check of a node made, in the order of its tactics.
    #[must_use]
    pub fn last_checked(&self, id: NodeId) -> &[Edge] {
        self.node(id).map_or(&[], |node| &self.edges[node.checked.start as usize..node.checked.end as usize])
    }

    /// The greatest depth of any node.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.nodes.iter().map(|node| node.depth).max().unwrap_or(0)
    }

    /// The tactics from the root to a node; empty for the root and for a node that does not exist.
    #[must_use]
    pub fn path(&self, id: NodeId) -> Vec<String> {
        let mut tactics = Vec::new();
        let mut parent = self.node(id).and_then(|node| node.parent);
        while let Some(edge) = parent.and_then(|edge| self.edge(edge)) {
            tactics.push(edge.tactic.clone());
            parent = self.node(edge.parent).and_then(|node| node.parent);
        }
        tactics.reverse();
        tactics
    }

    /// Adds an open node. The ids of a search that fills them would need more memory than there is.
    pub(super) fn add_node(
        &mut self,
        pass: u32,
        parent: Option<EdgeId>,
        (sum_logprob, priority, depth): (f64, f64, u32),
        goals: Vec<Goal>,
    ) -> &Node {
        let id = NodeId(next_id(self.nodes.len()));
        self.nodes.push(Node {
            id,
            pass,
            depth,
            parent,
            sum_logprob,
            priority,
            score: None,
            goals,
            status: NodeStatus::Open,
            checked: 0..0,
        });
        &self.nodes[id.0 as usize]
    }

    pub(super) fn next_edge(&self) -> EdgeId {
        EdgeId(next_id(self.edges.len()))
    }

    pub(super) fn add_edge(&mut self, edge: Edge) {
        debug_assert_eq!(edge.id, self.next_edge(), "edges are added in the order of their ids");
        self.edges.push(edge);
    }

    /// Notes that the edges from `first` on are what the last check of `node` made.
    pub(super) fn set_checked(&mut self, node: NodeId, first: EdgeId) {
        let end = self.next_edge().0;
        self.nodes[node.0 as usize].checked = first.0..end;
    }

    pub(super) fn set_status(&mut self, node: NodeId, status: NodeStatus) -> &Node {
        let node = &mut self.nodes[node.0 as usize];
        node.status = status;
        node
    }

    pub(super) fn set_score(&mut self, node: NodeId, score: Option<f64>) -> &Node {
        let node = &mut self.nodes[node.0 as usize];
        node.score = score;
        node
    }

    pub(super) fn set_recheck(&mut self, edge: EdgeId, state: RecheckState) {
        self.edges[edge.0 as usize].outcome = EdgeOutcome::Proved(state);
    }
}

fn next_id(len: usize) -> u32 {
    u32::try_from(len).expect("four thousand million states do not fit in memory")
}
