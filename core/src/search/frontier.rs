//! The open states of one pass, best first.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::NodeId;

/// Open states in order of expansion: higher priority, then fewer steps, then the older node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Frontier(BTreeSet<Entry>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    priority: f64,
    depth: u32,
    node: NodeId,
}

impl Frontier {
    pub(super) fn push(&mut self, node: NodeId, priority: f64, depth: u32) {
        self.0.insert(Entry { priority, depth, node });
    }

    pub(super) fn pop(&mut self) -> Option<NodeId> {
        self.0.pop_first().map(|entry| entry.node)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Empties the frontier; the nodes come in order of expansion.
    pub(super) fn drain(&mut self) -> Vec<NodeId> {
        std::mem::take(&mut self.0).into_iter().map(|entry| entry.node).collect()
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        other.priority.total_cmp(&self.priority).then(self.depth.cmp(&other.depth)).then(self.node.cmp(&other.node))
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
