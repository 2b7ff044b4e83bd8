//! The search tree as an outline: which rows are visible, and what each key does to selection and folding.
//!
//! The keys are those of the tree pattern of the WAI-ARIA Authoring Practices.

use std::collections::BTreeSet;

use stepwise_core::search::{EdgeId, EdgeOutcome, NodeId, RecheckState, Tree};

use crate::status::{Status, of_leaf, of_node};

/// Rows past this are not drawn: a page with more of them no longer follows the keyboard.
pub const MAX_ROWS: usize = 2000;

/// An item of the outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// The statement.
    Root,
    /// A tactic, with the state that it opened, if any.
    Tactic(EdgeId),
}

/// One visible line.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it shows.
    pub item: Item,
    /// 1 for the root.
    pub level: u32,
    /// 1-based place among its visible siblings.
    pub place: usize,
    /// How many visible siblings there are, itself included.
    pub n_siblings: usize,
    /// The statement's name or the tactic's text.
    pub text: String,
    /// Where it stands.
    pub status: Status,
    /// `None` for a leaf, otherwise whether its children are shown.
    pub unfolded: Option<bool>,
    /// Children that the filter hides.
    pub n_hidden: usize,
}

/// What the visitor chose: the selection, what is folded, and whether dead ends are shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// The selected item.
    pub selected: Item,
    /// Whether failed and duplicate tactics have rows.
    pub show_dead_ends: bool,
    folded: BTreeSet<Item>,
}

impl Default for Outline {
    fn default() -> Self {
        Self { selected: Item::Root, show_dead_ends: false, folded: BTreeSet::new() }
    }
}

impl Outline {
    /// The visible rows, top to bottom, at most [`MAX_ROWS`]; none before the statement was opened.
    #[must_use]
    pub fn rows(&self, tree: &Tree, name: &str) -> Vec<Row> {
        let Some(root) = tree.nodes().first() else { return Vec::new() };
        let family = Family::of(tree);
        let mut rows = Vec::new();
        // What is still to be shown, topmost last: the item, its level, its place and the number of its siblings.
        let mut pending = vec![(Item::Root, 1, 1, 1)];
        while let Some((item, level, place, n_siblings)) = pending.pop() {
            if rows.len() == MAX_ROWS {
                break;
            }
            let (text, status, state) = match item {
                Item::Root => {
                    (name.to_owned(), of_node(root.status, family.on_proof.contains(&root.id)), Some(root.id))
                }
                Item::Tactic(id) => {
                    let Some(edge) = tree.edge(id) else { continue };
                    let state = opened_by(tree, item);
                    let status = state.and_then(|state| tree.node(state)).map_or_else(
                        || of_leaf(edge).unwrap_or(Status::Open),
                        |node| of_node(node.status, family.on_proof.contains(&node.id)),
                    );
                    (edge.tactic.clone(), status, state)
                }
            };
            let all = state.map_or(&[][..], |state| family.children(state));
            let shown = self.visible(tree, all);
            let unfolded = (!shown.is_empty()).then(|| !self.folded.contains(&item));
            if unfolded == Some(true) {
                let n_shown = shown.len();
                let places = shown.iter().enumerate().rev();
                pending.extend(places.map(|(idx, child)| (Item::Tactic(*child), level + 1, idx + 1, n_shown)));
            }
            let n_hidden = all.len() - shown.len();
            rows.push(Row { item, level, place, n_siblings, text, status, unfolded, n_hidden });
        }
        rows
    }

    /// Does what a key means in a tree; false when it means nothing there. `rows` are the rows as they stand.
    pub fn press(&mut self, key: &str, rows: &[Row]) -> bool {
        let Some(at) = rows.iter().position(|row| row.item == self.selected) else {
            // The selected row is gone (a filter, an earlier event): any key of the tree starts from the top.
            self.selected = Item::Root;
            return matches!(key, "ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight" | "Home" | "End");
        };
        let row = &rows[at];
        let target = match key {
            "ArrowUp" => at.checked_sub(1),
            "ArrowDown" => Some(at + 1),
            "Home" => Some(0),
            "End" => Some(rows.len() - 1),
            "PageUp" => Some(at.saturating_sub(10)),
            "PageDown" => Some((at + 10).min(rows.len() - 1)),
            "ArrowRight" => match row.unfolded {
                Some(false) => {
                    self.folded.remove(&row.item);
                    None
                }
                Some(true) => Some(at + 1),
                None => None,
            },
            "ArrowLeft" => {
                if row.unfolded == Some(true) {
                    self.folded.insert(row.item);
                    None
                } else {
                    rows[..at].iter().rposition(|above| above.level < row.level)
                }
            }
            "Enter" | " " => {
                self.toggle(row);
                None
            }
            "*" => {
                // Unfolds the row and its siblings, as the pattern has it.
                let parent =
                    rows[..at].iter().rposition(|above| above.level < row.level).map_or(0, |parent| parent + 1);
                let siblings = rows[parent..].iter().take_while(|other| other.level >= row.level);
                for sibling in siblings.filter(|other| other.level == row.level) {
                    self.folded.remove(&sibling.item);
                }
                None
            }
            _ => return false,
        };
        if let Some(row) = target.and_then(|target| rows.get(target)) {
            self.selected = row.item;
        }
        true
    }

    /// Folds or unfolds a row that has children.
    pub fn toggle(&mut self, row: &Row) {
        match row.unfolded {
            Some(true) => {
                self.folded.insert(row.item);
            }
            Some(false) => {
                self.folded.remove(&row.item);
            }
            None => {}
        }
    }

    fn visible(&self, tree: &Tree, children: &[EdgeId]) -> Vec<EdgeId> {
        let is_shown =
            |id: &&EdgeId| self.show_dead_ends || !tree.edge(**id).and_then(of_leaf).is_some_and(Status::is_dead_end);
        children.iter().filter(is_shown).copied().collect()
    }
}

/// The state that an item stands for: the root's, or the one that the tactic opened.
#[must_use]
pub fn opened_by(tree: &Tree, item: Item) -> Option<NodeId> {
    match item {
        Item::Root => tree.nodes().first().map(|root| root.id),
        Item::Tactic(id) => match tree.edge(id)?.outcome {
            EdgeOutcome::Child(node) => Some(node),
            _ => None,
        },
    }
}

/// Who comes from whom, and which states lie on the way to an accepted proof.
struct Family {
    children: Vec<Vec<EdgeId>>,
    on_proof: BTreeSet<NodeId>,
}

impl Family {
    fn of(tree: &Tree) -> Self {
        let mut children = vec![Vec::new(); tree.nodes().len()];
        let mut on_proof = BTreeSet::new();
        for edge in tree.edges() {
            if let Some(siblings) = children.get_mut(edge.parent.0 as usize) {
                siblings.push(edge.id);
            }
            if edge.outcome == EdgeOutcome::Proved(RecheckState::Accepted) {
                let mut state = tree.node(edge.parent);
                while let Some(node) = state {
                    on_proof.insert(node.id);
                    state = node.parent.and_then(|edge| tree.edge(edge)).and_then(|edge| tree.node(edge.parent));
                }
            }
        }
        Self { children, on_proof }
    }

    fn children(&self, state: NodeId) -> &[EdgeId] {
        self.children.get(state.0 as usize).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests;
