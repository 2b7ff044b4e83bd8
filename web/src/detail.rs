//! All about one item of the outline: its tactic, Lean's answer, its goals and the way to it.

use stepwise_core::goal::Goal;
use stepwise_core::search::{EdgeOutcome, RecheckState, Tree};

use crate::outline::{Item, opened_by};

/// What the details panel shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detail {
    /// Facts in order: a label and a value.
    pub facts: Vec<(&'static str, String)>,
    /// Lean's message, or the recheck's reasons.
    pub message: Option<String>,
    /// The open goals after the tactic.
    pub goals: Vec<Goal>,
    /// The tactics from the statement to here, this one included.
    pub script: Vec<String>,
}

/// Everything about `item`; empty when the item does not exist at this point of the recording.
#[must_use]
pub fn detail(tree: &Tree, item: Item) -> Detail {
    let mut detail = Detail::default();
    let mut shown = opened_by(tree, item).and_then(|state| tree.node(state));
    if let Item::Tactic(id) = item {
        let Some(edge) = tree.edge(id) else { return detail };
        detail.script = tree.path(edge.parent);
        detail.script.push(edge.tactic.clone());
        detail.facts.push(("log-probability", format!("{:.3}", edge.logprob)));
        if edge.n_tokens > 0 {
            detail.facts.push(("tokens", edge.n_tokens.to_string()));
        }
        detail.facts.push(("pass", (edge.pass + 1).to_string()));
        match &edge.outcome {
            EdgeOutcome::Duplicate(known) => {
                detail.facts.push(("same as state", known.0.to_string()));
                shown = tree.node(*known);
            }
            EdgeOutcome::Failed { message } => detail.message = Some(message.clone()),
            EdgeOutcome::Crashed { detail: last_words } => detail.message = Some(last_words.clone()),
            EdgeOutcome::Proved(RecheckState::Refused { reasons }) => detail.message = Some(reasons.join("\n")),
            EdgeOutcome::Child(_) | EdgeOutcome::Proved(_) | EdgeOutcome::Timeout | EdgeOutcome::OutOfMemory => {}
        }
    }
    if let Some(node) = shown {
        detail.facts.push(("state", node.id.0.to_string()));
        detail.facts.push(("depth", node.depth.to_string()));
        detail.facts.push(("priority", format!("{:.3}", node.priority)));
        detail.facts.extend(node.score.map(|score| ("critic's score", format!("{score:.3}"))));
        detail.goals.clone_from(&node.goals);
    }
    detail
}
