//! Which live state of the pool belongs to which node of the search tree, and how a lost one is made again.

use std::collections::HashMap;
use std::sync::Arc;

use stepwise_core::cost::LeanCost;
use stepwise_core::goal::{Goal, state_key};
use stepwise_core::outcome::StepOutcome;
use stepwise_core::search::{NodeId, Search};

use crate::lean::host::Costed;
use crate::lean::pool::{PoolError, Session, StateId};

/// The live states of one search.
#[derive(Debug)]
pub(super) struct States {
    session: Arc<Session>,
    /// The state of the search's root.
    root: StateId,
    by_node: HashMap<NodeId, StateId>,
}

/// How to come to a node's state: from a known state along tactics, each with the node it leads to. Without steps the
/// state is known.
#[derive(Debug, PartialEq)]
pub(super) struct Route {
    from: StateId,
    steps: Vec<RouteStep>,
}

#[derive(Debug, PartialEq)]
struct RouteStep {
    node: NodeId,
    tactic: String,
    /// What the state must look like: a tactic that behaves differently now must not pass for the old one.
    goals: Vec<Goal>,
}

/// The end of a route.
#[derive(Debug)]
pub(super) struct Walked {
    /// The states that were made again.
    pub(super) made: Vec<(NodeId, StateId)>,
    /// The state, or why it cannot be reached any more.
    pub(super) state: Result<StateId, String>,
    /// What the walk cost.
    pub(super) cost: LeanCost,
}

impl States {
    /// The states of a search that has only its root.
    pub(super) fn new(session: Session, root: StateId) -> Self {
        Self { session: Arc::new(session), root, by_node: HashMap::from([(NodeId(0), root)]) }
    }

    pub(super) fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session)
    }

    /// The shortest way to `node` from what is known.
    pub(super) fn route(&self, search: &Search, node: NodeId) -> Route {
        let tree = search.tree();
        let mut steps = Vec::new();
        let mut at = node;
        let from = loop {
            if let Some(state) = self.by_node.get(&at) {
                break *state;
            }
            let Some(edge) = tree.node(at).and_then(|n| n.parent).and_then(|edge| tree.edge(edge)) else {
                break self.root;
            };
            steps.push(RouteStep { node: at, tactic: edge.tactic.clone(), goals: search.goals(at).to_vec() });
            at = edge.parent;
        };
        steps.reverse();
        Route { from, steps }
    }

    /// Notes the states that a walk or a check made; those that no node stands for are let go.
    pub(super) fn note(&mut self, made: impl IntoIterator<Item = (Option<NodeId>, StateId)>) {
        let mut unwanted = Vec::new();
        for (node, state) in made {
            match node {
                Some(node) => {
                    if let Some(old) = self.by_node.insert(node, state)
                        && old != state
                    {
                        unwanted.push(old);
                    }
                }
                None => unwanted.push(state),
            }
        }
        if !unwanted.is_empty() {
            self.session.forget(&unwanted);
        }
    }

    /// Lets a node's live state go. The pool can still replay it by its id, so the id is kept.
    pub(super) fn forget(&self, node: NodeId) {
        if let Some(state) = self.by_node.get(&node) {
            self.session.forget(&[*state]);
        }
    }
}

impl Route {
    /// Goes the way, one tactic at a time. A step that times out or dies is tried once more, since the machine may
    /// have been busy; one that Lean refuses, or that leads elsewhere than before, ends the walk.
    pub(super) async fn walk(self, session: &Session) -> Result<Walked, PoolError> {
        let mut walked = Walked { made: Vec::new(), state: Ok(self.from), cost: LeanCost::default() };
        let mut state = self.from;
        for step in self.steps {
            let mut outcome = apply_one(session, state, &step.tactic, &mut walked.cost).await?;
            if matches!(outcome, StepOutcome::Timeout | StepOutcome::Crashed { .. } | StepOutcome::OutOfMemory) {
                outcome = apply_one(session, state, &step.tactic, &mut walked.cost).await?;
            }
            match outcome {
                StepOutcome::Open { state: next, goals } if state_key(&goals) == state_key(&step.goals) => {
                    walked.made.push((step.node, next));
                    state = next;
                    walked.state = Ok(next);
                }
                other => {
                    let what = match other {
                        StepOutcome::Proved => "proves the theorem".to_owned(),
                        StepOutcome::Open { .. } => "leads to other goals".to_owned(),
                        StepOutcome::Failed { message } => format!("fails: {message}"),
                        StepOutcome::Timeout => "runs out of time".to_owned(),
                        StepOutcome::Crashed { detail } => format!("crashes Lean: {detail}"),
                        StepOutcome::OutOfMemory => "runs out of memory".to_owned(),
                    };
                    walked.state = Err(format!("`{}`, which led here before, now {what}", step.tactic));
                    break;
                }
            }
        }
        Ok(walked)
    }
}

/// Runs one tactic and adds its cost.
pub(super) async fn apply_one(
    session: &Session,
    state: StateId,
    tactic: &str,
    cost: &mut LeanCost,
) -> Result<StepOutcome<StateId>, PoolError> {
    let Costed { value, cost: spent } = session.apply(state, &[tactic.to_owned()]).await?;
    *cost += spent;
    Ok(value.into_iter().next().unwrap_or(StepOutcome::Crashed { detail: "the pool gave no outcome".into() }))
}
