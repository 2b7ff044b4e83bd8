//! The search tree as an outline: which lines are visible, and what each key does to selection and folding.
//!
//! The keys are those of the tree pattern of the WAI-ARIA Authoring Practices. Lines are small and hold no text, because
//! there are ten thousand of them: [`row`](super::row) reads the text of the few that are in sight.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeSet;

use stepwise_core::search::{EdgeId, EdgeOutcome, NodeId, Tree};

use super::family::Family;
use super::row::text;

/// Children that a state shows at once. One more is shown too: a line that says so would take its place.
const N_BEST: usize = 8;

/// An item of the outline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    #[default]
    Root,
    /// A tactic, with the state that it opened, if any.
    Tactic(EdgeId),
    /// The tactics of a state that are not among its best.
    More(NodeId),
}

/// One visible line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    pub item: Item,
    /// The line of what it hangs on; the root's is its own.
    pub parent: u32,
    /// 1 for the root.
    pub level: u32,
    /// 1-based place among its visible siblings.
    pub place: u32,
    /// How many visible siblings there are, itself included.
    pub n_siblings: u32,
    /// `None` for a leaf, otherwise whether its children are shown.
    pub unfolded: Option<bool>,
    /// For a state, children that the filter hides; for [`Item::More`], those that hang on it.
    pub n_hidden: u32,
}

/// What the visitor chose: the selection, what is folded, and whether dead ends are shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outline {
    /// The item that was selected last; [`Outline::active`] says which line stands for it.
    pub selected: Item,
    show_dead_ends: bool,
    folded: BTreeSet<Item>,
    /// States whose lesser tactics are shown.
    in_full: BTreeSet<NodeId>,
    n_reshaped: usize,
}

impl Outline {
    /// The visible lines, top to bottom; none before the statement was opened.
    #[must_use]
    pub fn lines(&self, tree: &Tree, family: &Family) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        if tree.nodes().is_empty() {
            return lines;
        }
        // What is still to be shown, topmost last: the item, the line it hangs on, its place and how many siblings it has.
        let mut pending = vec![(Item::Root, 0_u32, 1, 1)];
        while let Some((item, parent, place, n_siblings)) = pending.pop() {
            // More lines than this number holds would not fit into memory.
            let at = lines.len() as u32;
            let state = opened_by(tree, item);
            let (shown, more, n_hidden) = match (state, item) {
                (None, _) => (Cow::Borrowed(&[][..]), None, 0),
                (Some(state), Item::More(_)) => {
                    let (_, rest) = self.ranked(tree, family, state);
                    let n_rest = rest.len();
                    (Cow::Owned(rest), None, n_rest)
                }
                (Some(state), _) => {
                    let (best, rest) = self.ranked(tree, family, state);
                    let n_hidden = family.children(state).len() - best.len() - rest.len();
                    (best, (!rest.is_empty()).then_some(Item::More(state)), n_hidden)
                }
            };
            let unfolded = (!shown.is_empty()).then(|| self.is_unfolded(item));
            if unfolded == Some(true) {
                let children = shown.iter().map(|child| Item::Tactic(*child)).chain(more);
                let n_children = (shown.len() + usize::from(more.is_some())) as u32;
                let first = pending.len();
                pending.extend(children.zip(1..).map(|(child, place)| (child, at, place, n_children)));
                pending[first..].reverse();
            }
            let level = if at == 0 { 1 } else { lines[parent as usize].level + 1 };
            lines.push(Line { item, parent, level, place, n_siblings, unfolded, n_hidden: n_hidden as u32 });
        }
        lines
    }

    /// The index of the line that stands for the selection: its own, or that of what it hangs on where a fold hides it.
    /// The first one where the selected item does not exist at this point of the recording.
    #[must_use]
    pub fn active(&self, tree: &Tree, lines: &[Line]) -> usize {
        let mut item = Some(self.selected);
        while let Some(sought) = item {
            if let Some(at) = lines.iter().position(|line| line.item == sought) {
                return at;
            }
            item = above(tree, sought);
        }
        0
    }

    /// Does what a key means in a tree; false when it means nothing there. `lines` are the lines as they stand.
    pub fn press(&mut self, key: &str, tree: &Tree, lines: &[Line]) -> bool {
        let at = self.active(tree, lines);
        let Some(line) = lines.get(at) else { return false };
        // Where the selection was hidden, the line that stands for it takes it over.
        self.selected = line.item;
        let is_child = at > 0;
        let target = match key {
            "ArrowUp" => at.checked_sub(1),
            "ArrowDown" => Some(at + 1),
            "Home" => Some(0),
            "End" => Some(lines.len() - 1),
            "PageUp" => Some(at.saturating_sub(10)),
            "PageDown" => Some((at + 10).min(lines.len() - 1)),
            "ArrowRight" => match line.unfolded {
                Some(false) => {
                    self.set_unfolded(line.item, true);
                    None
                }
                Some(true) => Some(at + 1),
                None => None,
            },
            "ArrowLeft" => {
                if line.unfolded == Some(true) {
                    self.set_unfolded(line.item, false);
                    None
                } else {
                    is_child.then_some(line.parent as usize)
                }
            }
            "Enter" | " " => {
                self.toggle(line);
                None
            }
            "*" => {
                // Unfolds the line and its siblings, as the pattern has it. The lesser tactics are asked for one by one.
                let is_sibling = |other: &&Line| is_child && other.parent == line.parent && other.level == line.level;
                let siblings = lines.iter().filter(is_sibling).chain([line]);
                for sibling in siblings.filter(|other| !matches!(other.item, Item::More(_))) {
                    self.set_unfolded(sibling.item, true);
                }
                None
            }
            _ => return false,
        };
        if let Some(line) = target.and_then(|target| lines.get(target)) {
            self.selected = line.item;
        }
        true
    }

    /// Goes to the next line below, or from the top, whose text begins with a letter; false where there is none.
    pub fn seek(&mut self, letter: char, tree: &Tree, lines: &[Line], name: &str) -> bool {
        let at = self.active(tree, lines);
        let begins = |line: &&Line| {
            let first = text(tree, line, name).chars().next();
            first.is_some_and(|first| first.eq_ignore_ascii_case(&letter))
        };
        let (above, below) = lines.split_at((at + 1).min(lines.len()));
        let Some(line) = below.iter().chain(above).find(begins) else { return false };
        self.selected = line.item;
        true
    }

    /// What a click on a line does: the first one selects, the next one folds, because a click must not hide what the
    /// visitor looks at.
    pub fn click(&mut self, line: &Line) {
        if self.selected == line.item {
            self.toggle(line);
        } else {
            self.selected = line.item;
        }
    }

    /// Folds or unfolds a line that has children.
    pub fn toggle(&mut self, line: &Line) {
        if let Some(unfolded) = line.unfolded {
            self.set_unfolded(line.item, !unfolded);
        }
    }

    /// Folds every branch that no accepted proof goes through, and shows only the best tactics of each state.
    pub fn fold_all(&mut self, tree: &Tree, family: &Family, lines: &[Line]) {
        for line in lines.iter().skip(1).filter(|line| line.unfolded == Some(true)) {
            let is_on_proof = opened_by(tree, line.item).is_some_and(|state| family.is_on_proof(state));
            if !is_on_proof || matches!(line.item, Item::More(_)) {
                self.set_unfolded(line.item, false);
            }
        }
        self.n_reshaped += 1;
    }

    /// Unfolds every branch; the lesser tactics stay where they are.
    pub fn unfold_all(&mut self) {
        self.folded.clear();
        self.n_reshaped += 1;
    }

    /// Whether failed and duplicate tactics have lines.
    #[must_use]
    pub fn shows_dead_ends(&self) -> bool {
        self.show_dead_ends
    }

    /// Shows or hides failed and duplicate tactics.
    pub fn set_dead_ends(&mut self, shown: bool) {
        self.show_dead_ends = shown;
        self.n_reshaped += 1;
    }

    /// Grows whenever other lines may be visible, and stays when only the selection moves.
    #[must_use]
    pub fn n_reshaped(&self) -> usize {
        self.n_reshaped
    }

    fn is_unfolded(&self, item: Item) -> bool {
        match item {
            Item::More(state) => self.in_full.contains(&state),
            _ => !self.folded.contains(&item),
        }
    }

    fn set_unfolded(&mut self, item: Item, unfolded: bool) {
        match (item, unfolded) {
            (Item::More(state), true) => self.in_full.insert(state),
            (Item::More(state), false) => self.in_full.remove(&state),
            (_, true) => self.folded.remove(&item),
            (_, false) => self.folded.insert(item),
        };
        self.n_reshaped += 1;
    }

    /// The tactics of a state that are shown at once and those that a line "n more" stands for, both in their order.
    fn ranked<'a>(&self, tree: &Tree, family: &'a Family, state: NodeId) -> (Cow<'a, [EdgeId]>, Vec<EdgeId>) {
        let shown = if self.show_dead_ends { family.children(state) } else { family.fruitful(state) };
        if shown.len() <= N_BEST + 1 {
            return (Cow::Borrowed(shown), Vec::new());
        }
        let mut best = shown.to_vec();
        // The proof first, then what opened a state, then the rest; among equals what the policy finds likelier.
        best.sort_by_cached_key(|id| {
            let edge = tree.edge(*id);
            let child = opened_by(tree, Item::Tactic(*id));
            let is_closer = edge.is_some_and(|edge| matches!(edge.outcome, EdgeOutcome::Proved(_)));
            let is_on_proof = is_closer || child.is_some_and(|child| family.is_on_proof(child));
            // Log-probabilities are finite and at most 0, so that their bits are ordered as they fall.
            let unlikeliness = edge.map_or(u64::MAX, |edge| edge.logprob.abs().to_bits());
            (Reverse(is_on_proof), Reverse(child.is_some()), unlikeliness)
        });
        let mut rest = best.split_off(N_BEST);
        best.sort_unstable();
        rest.sort_unstable();
        (Cow::Owned(best), rest)
    }
}

/// The state that an item stands for: the root's, the one that the tactic opened, or the one whose tactics are many.
#[must_use]
pub fn opened_by(tree: &Tree, item: Item) -> Option<NodeId> {
    match item {
        Item::Root => tree.nodes().first().map(|root| root.id),
        Item::Tactic(id) => match tree.edge(id)?.outcome {
            EdgeOutcome::Child(node) => Some(node),
            _ => None,
        },
        Item::More(state) => Some(state),
    }
}

/// What an item hangs on when every branch is unfolded and every tactic shown.
fn above(tree: &Tree, item: Item) -> Option<Item> {
    let state = match item {
        Item::Root => return None,
        Item::Tactic(id) => tree.edge(id)?.parent,
        Item::More(state) => state,
    };
    Some(tree.node(state)?.parent.map_or(Item::Root, Item::Tactic))
}

#[cfg(test)]
mod tests;
