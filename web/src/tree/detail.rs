//! All about one item of the outline: its tactic, Lean's answer, its goals and the way to it.

use stepwise_core::goal::Goal;
use stepwise_core::search::{EdgeOutcome, RecheckState, Search};
use stepwise_core::words::count;

use super::family::Family;
use super::outline::{Item, opened_by};
use crate::replay::{Replay, seconds};

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
    /// How the Prove page comes to it.
    pub jump: Option<Jump>,
}

/// Where the Prove page can go on from an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jump {
    /// The tactics from the statement on, those before the search included.
    pub tactics: Vec<String>,
    /// True where the item's own tactic failed, and the state is the one that it was run in.
    pub is_before: bool,
}

/// Everything about `item`; empty when the item does not exist at this point of the recording.
#[must_use]
pub fn detail(replay: &Replay, family: &Family, item: Item) -> Detail {
    let search = replay.search();
    let mut detail = Detail { jump: jump(search, item), ..Detail::default() };
    let tree = search.tree();
    let mut shown = opened_by(tree, item).and_then(|state| tree.node(state));
    if let Item::Tactic(id) = item {
        let Some(edge) = tree.edge(id) else { return detail };
        detail.script = search.path(edge.parent);
        detail.script.push(edge.tactic.clone());
        detail.facts.push(("log-probability", format!("{:.3}", edge.logprob)));
        if edge.n_tokens > 0 {
            detail.facts.push(("tokens", edge.n_tokens.to_string()));
        }
        if let Some(check) = replay.check_of(id) {
            detail.facts.push(("run at", seconds(check.at_ms)));
            let took = seconds(check.cost.wall_us / 1000);
            detail.facts.push(("Lean took", format!("{took} for {}", count(check.n_tactics, "tactic"))));
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
    } else if let Some(node) = shown {
        detail.script = search.path(node.id);
    }
    if let Some(node) = shown {
        detail.facts.push(("state", node.id.0.to_string()));
        detail.facts.push(("depth", node.depth.to_string()));
        detail.facts.push(("visits", family.visits(node.id).to_string()));
        detail.facts.push(("priority", format!("{:.3}", node.priority)));
        detail.facts.extend(node.score.map(|score| ("critic's score", format!("{score:.3}"))));
        detail.goals.clone_from(&node.goals);
    }
    detail
}

/// How the Prove page comes to an item's state; `None` where there is no such item.
#[must_use]
pub fn jump(search: &Search, item: Item) -> Option<Jump> {
    let tree = search.tree();
    let Item::Tactic(id) = item else {
        return opened_by(tree, item).map(|state| Jump { tactics: search.path(state), is_before: false });
    };
    let edge = tree.edge(id)?;
    let mut tactics = search.path(edge.parent);
    let is_before = !matches!(
        edge.outcome,
        EdgeOutcome::Child(_)
            | EdgeOutcome::Duplicate(_)
            | EdgeOutcome::Proved(RecheckState::Accepted | RecheckState::Waiting)
    );
    if !is_before {
        tactics.push(edge.tactic.clone());
    }
    Some(Jump { tactics, is_before })
}

#[cfg(test)]
mod tests;
