//! What one line of the outline shows: text, status and numbers, for the eye and for the ear.

use std::fmt::Write as _;

use stepwise_core::search::{EdgeOutcome, Tree};

use super::family::Family;
use super::outline::{Item, Line, opened_by};
use crate::status::{Status, of_leaf, of_node};
use stepwise_core::markup::escape_into;

/// One line, with all that it shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its index among the visible lines.
    pub at: usize,
    pub line: Line,
    /// The statement's name, the tactic's text, or how many more there are.
    pub text: String,
    /// Where it stands; `None` for a line that stands for several tactics.
    pub status: Option<Status>,
    /// The policy's log-probability of the tactic.
    pub logprob: Option<f64>,
    /// The critic's score of the state that it opened.
    pub score: Option<f64>,
    /// States expanded at the state and below it.
    pub visits: Option<u32>,
}

impl Row {
    /// The line at an index, as the tree stands.
    #[must_use]
    pub fn of(at: usize, line: &Line, tree: &Tree, family: &Family, name: &str) -> Self {
        let status = status(tree, family, line.item);
        let text = text(tree, line, name);
        let (mut logprob, mut score, mut visits) = (None, None, None);
        if let Item::Tactic(id) = line.item {
            logprob = tree.edge(id).map(|edge| edge.logprob);
        }
        if let Some(state) = opened_by(tree, line.item).filter(|_| status.is_some()) {
            score = tree.node(state).and_then(|node| node.score);
            visits = Some(family.visits(state));
        }
        Self { at, line: *line, text, status, logprob, score, visits }
    }

    /// One character for its status.
    #[must_use]
    pub fn glyph(&self) -> char {
        self.status.map_or('⋯', Status::glyph)
    }

    /// What stands in the row, as HTML. Glyphs are for the eye and words for the ear, and each number says to those who
    /// do not see the head of its column what it is.
    #[must_use]
    pub fn html(&self) -> String {
        let fold = match self.line.unfolded {
            Some(true) => "▾",
            Some(false) => "▸",
            None => "",
        };
        let (glyph, word) = (self.glyph(), self.status.map_or("", Status::word));
        // Writing into a string does not fail.
        let mut out = format!(
            "<span class=\"row-text\"><span class=\"fold\" aria-hidden=\"true\">{fold}</span>\
            <span class=\"glyph\" aria-hidden=\"true\" title=\"{word}\">{glyph}</span>"
        );
        if self.status.is_some() {
            let _ = write!(out, "<span class=\"spoken\">{word}: </span>");
        }
        out.push_str("<code title=\"");
        escape_into(&mut out, &self.text);
        out.push_str("\">");
        escape_into(&mut out, &self.text);
        out.push_str("</code>");
        if self.line.n_hidden > 0 && self.status.is_some() {
            let n_hidden = self.line.n_hidden;
            let _ = write!(
                out,
                "<span class=\"hidden-count\" title=\"{n_hidden} hidden\">+{n_hidden}<span class=\"spoken\"> hidden</span></span>"
            );
        }
        out.push_str("</span>");
        let decimal = |number: Option<f64>| number.map(|number| format!("{number:.2}"));
        let numbers = [
            ("number", "log-probability", decimal(self.logprob)),
            ("number critic", "critic's score", decimal(self.score)),
            ("number", "visits", self.visits.map(|visits| visits.to_string())),
        ];
        for (class, what, number) in numbers {
            let _ = write!(out, "<span class=\"{class}\">");
            if let Some(number) = number {
                let _ = write!(out, "<span class=\"spoken\">, {what} </span>{number}");
            }
            out.push_str("</span>");
        }
        out
    }

    /// The style sheet's class.
    #[must_use]
    pub fn class(&self) -> &'static str {
        self.status.map_or("faint", Status::class)
    }
}

/// The text of a line.
#[must_use]
pub fn text(tree: &Tree, line: &Line, name: &str) -> String {
    match line.item {
        Item::Root => name.to_owned(),
        Item::Tactic(id) => tree.edge(id).map_or_else(String::new, |edge| edge.tactic.clone()),
        Item::More(_) => format!("{} more", line.n_hidden),
    }
}

/// Where an item stands; `None` for one that stands for several tactics.
#[must_use]
pub fn status(tree: &Tree, family: &Family, item: Item) -> Option<Status> {
    let of_state = |state| tree.node(state).map(|node| of_node(node.status, family.is_on_proof(state)));
    match item {
        Item::Root => opened_by(tree, item).and_then(of_state),
        Item::Tactic(id) => {
            let edge = tree.edge(id)?;
            if let EdgeOutcome::Child(state) = edge.outcome { of_state(state) } else { of_leaf(edge) }
        }
        Item::More(_) => None,
    }
}

#[cfg(test)]
mod tests;
