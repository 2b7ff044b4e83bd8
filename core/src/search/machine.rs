//! The machine itself: what it keeps between events, and how each event moves it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::pass::Pass;
use super::priority::usable_logprob;
use super::tree::{Edge, EdgeId, EdgeOutcome, NodeId, NodeStatus, RecheckState, Tree};
use super::{Command, CostLedger, Event, Guide, SearchConfig, SearchEnd, TimedEvent};
use crate::cost::{LeanCost, ModelCost};
use crate::critic::ScoreRequest;
use crate::facts::Declarations;
use crate::goal::{Goal, state_key};
use crate::outcome::{StepOutcome, Verdict};
use crate::policy::{Candidate, ProposalRequest};
use crate::problem::Theorem;
use crate::random::SplitMix64;

/// The machine.
///
/// Each pass is a search from the root that knows nothing of the others; the root's Lean state is opened once and
/// serves all of them. While a found proof is rechecked no expansion begins and nothing is scored: nearly every recheck
/// accepts, and then the work would have been in vain.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    theorem: Theorem,
    /// The tactics that were run before the search began; its root is the state that they lead to.
    prefix: Vec<String>,
    config: SearchConfig,
    /// What stands before the statement, as far as Lean tells.
    declarations: Declarations,
    tree: Tree,
    ledger: CostLedger,
    /// What of the ledger another search has spent.
    charged: CostLedger,
    /// Commands that wait for their answer, in the order in which they were given.
    pending: Vec<Pending>,
    started: bool,
    pass: Pass,
    /// True once a pass has used up its expansions while states were open.
    capped: bool,
    /// New states that wait to be scored, with the node whose check opened them.
    unscored: VecDeque<(NodeId, Vec<NodeId>)>,
    /// Edges that closed the last goal and wait for their recheck.
    proofs: VecDeque<EdgeId>,
    /// Siblings that were not run because a proof came first: what is left to do if the recheck refuses it.
    not_run: VecDeque<(NodeId, Guide, Vec<Candidate>)>,
    /// The limit that ended expansion.
    stop: Option<&'static str>,
    end: Option<SearchEnd>,
}

/// What [`SearchEnd::OutOfBudget`] says when time is up.
const WALL: &str = "wall";

/// A command that was given and not answered.
#[derive(Clone, Debug, PartialEq)]
enum Pending {
    Open,
    Propose { node: NodeId, guide: Guide, request: ProposalRequest },
    Check { node: NodeId, guide: Guide, candidates: Vec<Candidate> },
    Score { node: NodeId, children: Vec<NodeId>, request: ScoreRequest },
    Recheck { edge: EdgeId, node: NodeId, proof: Vec<String> },
}

impl Search {
    /// A search for a proof of `theorem` that has not started.
    #[must_use]
    pub fn new(theorem: Theorem, config: SearchConfig) -> Self {
        Self {
            theorem,
            prefix: Vec::new(),
            config,
            declarations: Declarations::default(),
            tree: Tree::default(),
            ledger: CostLedger::default(),
            charged: CostLedger::default(),
            pending: Vec::new(),
            started: false,
            pass: Pass::default(),
            capped: false,
            unscored: VecDeque::new(),
            proofs: VecDeque::new(),
            not_run: VecDeque::new(),
            stop: None,
            end: None,
        }
    }

    /// The same search, begun not at the statement but at the state that these tactics lead to. `Opened` then tells that
    /// state's goals, and the tactics precede those that the search finds in every proof and every history.
    #[must_use]
    pub fn after(mut self, prefix: Vec<String>) -> Self {
        self.prefix = prefix;
        self
    }

    /// Takes in what happened and says what to do next. Events for commands that were not given are ignored.
    pub fn handle(&mut self, event: TimedEvent) -> Vec<Command> {
        let mut commands = Vec::new();
        let is_start = matches!(event.event, Event::Started);
        // `Started` counts once, and everything else only after it.
        if self.end.is_some() || is_start == self.started {
            return commands;
        }
        self.ledger.advance_to(event.at_ms);
        match event.event {
            Event::Started => {
                self.started = true;
                self.pending.push(Pending::Open);
                commands.push(Command::Open);
            }
            Event::Opened { outcome, declarations, cost } => self.opened(outcome, declarations, cost, &mut commands),
            Event::Proposed { node, candidates, cost } => self.proposed(node, candidates, cost, &mut commands),
            Event::Checked { node, outcomes, cost } => self.checked(node, outcomes, cost, &mut commands),
            Event::Scored { node, scores, cost } => self.scored(node, scores, cost),
            Event::Rechecked { node, verdict, cost } => self.rechecked(node, verdict, cost, &mut commands),
            Event::Charged { spent } => {
                let spent = CostLedger { wall_ms: 0, ..spent };
                self.ledger.add(&spent);
                self.charged.add(&spent);
            }
            Event::Tick => {}
            Event::Cancelled => self.finish(SearchEnd::Cancelled, &mut commands),
        }
        self.go_on(&mut commands);
        commands
    }

    /// The commands that were given and not answered, in the order in which they were given: what a resumed search
    /// has to do again.
    #[must_use]
    pub fn outstanding(&self) -> Vec<Command> {
        self.pending.iter().map(Pending::command).collect()
    }

    /// Whether a `Tick` at this time would end the search or drop what is in flight. Any other tick only moves the
    /// clock, as the next event will, so that a log can do without it.
    #[must_use]
    pub fn is_tick_due(&self, at_ms: u64) -> bool {
        let is_over = self.end.is_some() || self.stop == Some(WALL);
        self.started && !is_over && self.config.budget.wall_is_out(at_ms)
    }

    /// The tactics from the statement to `node`, those before the search included.
    #[must_use]
    pub fn path(&self, node: NodeId) -> Vec<String> {
        let mut path = self.prefix.clone();
        path.extend(self.tree.path(node));
        path
    }

    /// The tactics that were run before the search began.
    #[must_use]
    pub fn prefix(&self) -> &[String] {
        &self.prefix
    }

    /// The children that the last `Checked` event for `node` created, one per outcome: `None` where the outcome
    /// opened no new state (failed, proved, or a duplicate of a known state).
    #[must_use]
    pub fn children_of_check(&self, node: NodeId) -> Vec<Option<NodeId>> {
        let child = |edge: &Edge| match edge.outcome {
            EdgeOutcome::Child(child) => Some(child),
            _ => None,
        };
        self.tree.last_checked(node).iter().map(child).collect()
    }

    /// What was spent so far.
    #[must_use]
    pub fn ledger(&self) -> CostLedger {
        self.ledger
    }

    /// What of that another search has spent on the same budget.
    #[must_use]
    pub fn charged(&self) -> CostLedger {
        self.charged
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn end(&self) -> Option<&SearchEnd> {
        self.end.as_ref()
    }

    /// The goals of a node; none for a node that does not exist.
    #[must_use]
    pub fn goals(&self, node: NodeId) -> &[Goal] {
        self.tree.node(node).map_or(&[], |node| &node.goals)
    }

    /// All states and tactics so far.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// What is to be proved.
    #[must_use]
    pub fn theorem(&self) -> &Theorem {
        &self.theorem
    }

    /// What the search was configured by.
    #[must_use]
    pub fn config(&self) -> &SearchConfig {
        &self.config
    }

    /// The pass that is under way (0-based).
    #[must_use]
    pub fn pass(&self) -> u32 {
        self.pass.idx()
    }

    fn opened(
        &mut self,
        outcome: StepOutcome<()>,
        declarations: Declarations,
        cost: LeanCost,
        commands: &mut Vec<Command>,
    ) {
        let Some(_) = self.answer(|pending| matches!(pending, Pending::Open)) else { return };
        self.ledger.charge(cost);
        self.declarations = declarations;
        let end = match outcome {
            StepOutcome::Open { state: (), goals } => {
                let priority = self.config.priority.priority(0.0, 0);
                let root = self.tree.add_node(0, None, (0.0, priority, 0), goals).id;
                self.begin_pass(0, root);
                return;
            }
            StepOutcome::Proved => SearchEnd::HostFailed { message: "Lean opened the statement without a goal".into() },
            StepOutcome::Failed { message } => SearchEnd::BadStatement { message },
            StepOutcome::Timeout => {
                SearchEnd::HostFailed { message: "Lean did not elaborate the statement in time".into() }
            }
            StepOutcome::Crashed { detail } => {
                SearchEnd::HostFailed { message: format!("Lean crashed on the statement: {detail}") }
            }
            StepOutcome::OutOfMemory => {
                SearchEnd::HostFailed { message: "Lean ran out of memory on the statement".into() }
            }
        };
        self.finish(end, commands);
    }

    fn proposed(&mut self, node: NodeId, mut candidates: Vec<Candidate>, cost: ModelCost, commands: &mut Vec<Command>) {
        let is_it = |pending: &Pending| matches!(pending, Pending::Propose { node: asked, .. } if *asked == node);
        let Some(Pending::Propose { guide, .. }) = self.answer(is_it) else { return };
        self.ledger.charge_policy(cost);
        if self.stop.is_some() {
            self.tree.set_status(node, NodeStatus::Open);
            return;
        }
        let widening = self.pass.widening(guide, node);
        let tried = if widening > 0 { self.tried(node) } else { Vec::new() };
        candidates.retain(|candidate| !self.config.withhold.is_used_in(&candidate.tactic));
        let mut candidates = distinct(candidates, &tried, self.config.budget.samples as usize);
        if candidates.is_empty() && widening > 0 {
            self.pass.dry(guide, node);
        }
        let left = self.config.budget.tactics_left(self.tactics_sent());
        if candidates.len() > left {
            candidates.truncate(left);
            self.stop = Some("tactics");
        }
        if candidates.is_empty() {
            self.close(node, commands);
            return;
        }
        self.give(Pending::Check { node, guide, candidates }, commands);
    }

    fn checked(&mut self, node: NodeId, outcomes: Vec<StepOutcome<()>>, cost: LeanCost, commands: &mut Vec<Command>) {
        let is_it = |pending: &Pending| matches!(pending, Pending::Check { node: asked, .. } if *asked == node);
        let Some(Pending::Check { guide, candidates, .. }) = self.answer(is_it) else { return };
        self.ledger.charge(cost);
        let first = self.tree.next_edge();
        // An executor that answers too little has not run the rest, because a sibling has closed the last goal already:
        // they wait for the recheck, or count as refusals, and cost nothing.
        outcomes.iter().take(candidates.len()).for_each(|outcome| self.ledger.count_tactic(outcome));
        let mut candidates = candidates;
        if self.config.widen && outcomes.len() < candidates.len() {
            let rest = candidates.split_off(outcomes.len());
            self.not_run.push_back((node, guide, rest));
        }
        let not_run = || StepOutcome::Failed { message: "not run".into() };
        let outcomes = outcomes.into_iter().chain(std::iter::repeat_with(not_run));
        for (candidate, outcome) in candidates.into_iter().zip(outcomes) {
            self.add_edge(node, guide, candidate, outcome);
        }
        self.tree.set_checked(node, first);
        let children: Vec<NodeId> = self.children_of_check(node).into_iter().flatten().collect();
        if !children.is_empty() && self.pass.wants_scores(guide) {
            self.unscored.push_back((node, children));
        }
        self.close(node, commands);
    }

    fn add_edge(&mut self, parent: NodeId, guide: Guide, candidate: Candidate, outcome: StepOutcome<()>) {
        let id = self.tree.next_edge();
        let logprob = usable_logprob(candidate.logprob);
        let outcome = match outcome {
            StepOutcome::Proved => {
                self.proofs.push_back(id);
                EdgeOutcome::Proved(RecheckState::Waiting)
            }
            StepOutcome::Open { state: (), goals } => self.add_child(parent, guide, id, logprob, goals),
            StepOutcome::Failed { message } => EdgeOutcome::Failed { message },
            StepOutcome::Timeout => EdgeOutcome::Timeout,
            StepOutcome::Crashed { detail } => EdgeOutcome::Crashed { detail },
            StepOutcome::OutOfMemory => EdgeOutcome::OutOfMemory,
        };
        let Candidate { tactic, n_tokens, .. } = candidate;
        self.tree.add_edge(Edge { id, pass: self.pass.idx(), guide, parent, tactic, logprob, n_tokens, outcome });
    }

    fn add_child(&mut self, parent: NodeId, guide: Guide, edge: EdgeId, logprob: f64, goals: Vec<Goal>) -> EdgeOutcome {
        let key = state_key(&goals);
        if let Some(known) = self.pass.known(guide, &key) {
            return EdgeOutcome::Duplicate(known);
        }
        let (sum, depth) = match self.tree.node(parent) {
            Some(parent) => (parent.sum_logprob + logprob, parent.depth + 1),
            None => (logprob, 1),
        };
        let priority = self.config.priority.priority(sum, depth);
        let child = self.tree.add_node(self.pass.idx(), Some(edge), (sum, priority, depth), goals);
        self.pass.add(guide, key, child);
        EdgeOutcome::Child(child.id)
    }

    fn scored(&mut self, node: NodeId, scores: Vec<f64>, cost: ModelCost) {
        let is_it = |pending: &Pending| matches!(pending, Pending::Score { node: asked, .. } if *asked == node);
        let Some(Pending::Score { children, .. }) = self.answer(is_it) else { return };
        self.ledger.charge_critic(cost);
        // A critic that answers too little has no opinion on the rest, and none is what a number that is not finite says.
        let scores = scores.into_iter().map(|score| score.is_finite().then_some(score));
        for (child, score) in children.into_iter().zip(scores.chain(std::iter::repeat(None))) {
            let child = self.tree.set_score(child, score);
            // In a shared tree best-first may have come first.
            if child.status == NodeStatus::Open {
                self.pass.add_scored(child);
            }
        }
    }

    fn rechecked(&mut self, node: NodeId, verdict: Verdict, cost: LeanCost, commands: &mut Vec<Command>) {
        let is_it = |pending: &Pending| matches!(pending, Pending::Recheck { node: asked, .. } if *asked == node);
        let Some(Pending::Recheck { edge, proof, .. }) = self.answer(is_it) else { return };
        self.ledger.charge(cost);
        self.ledger.rechecks += 1;
        if verdict.accepted {
            self.tree.set_recheck(edge, RecheckState::Accepted);
            self.finish(SearchEnd::Proved { proof, verdict }, commands);
        } else {
            self.ledger.refused += 1;
            self.tree.set_recheck(edge, RecheckState::Refused { reasons: verdict.reasons });
        }
    }

    /// Gives out whatever the new state of things allows: a recheck, expansions, the next pass, or the end.
    fn go_on(&mut self, commands: &mut Vec<Command>) {
        while self.end.is_none() {
            self.start_recheck(commands);
            let rechecking = self.pending.iter().any(|pending| matches!(pending, Pending::Recheck { .. }));
            if self.config.budget.wall_is_out(self.ledger.wall_ms) {
                self.stop = Some(WALL);
                self.drop_work_in_flight();
            }
            if rechecking {
                return;
            }
            if let Some(what) = self.stop {
                if self.pending.is_empty() {
                    self.finish(SearchEnd::OutOfBudget { what }, commands);
                }
                return;
            }
            // Without a root there is nothing to expand yet; without a free place, not now.
            let Some(root) = self.tree.nodes().first().map(|root| root.id) else { return };
            if self.pending.len() >= self.config.in_flight.max(1) as usize {
                return;
            }
            let next = self.pass.next_guide(&self.tree);
            if next.is_none() && self.unscored.is_empty() && self.not_run.is_empty() {
                if !self.pending.is_empty() {
                    return;
                }
                if !self.widen() {
                    self.end_pass(root, commands);
                }
            } else if let Some(what) = self.config.budget.forbids_more(&self.ledger, self.tactics_sent()) {
                self.stop = Some(what);
            } else if let Some((node, guide, candidates)) = self.not_run.pop_front() {
                self.run_the_rest(node, guide, candidates, commands);
            } else if let Some((node, children)) = self.unscored.pop_front() {
                self.score(node, children, commands);
            } else if let Some(guide) = next {
                self.expand(guide, commands);
            }
        }
    }

    fn start_recheck(&mut self, commands: &mut Vec<Command>) {
        if self.pending.iter().any(|pending| matches!(pending, Pending::Recheck { .. })) {
            return;
        }
        let Some(edge) = self.proofs.pop_front() else { return };
        let Some(Edge { parent, tactic, .. }) = self.tree.edge(edge) else { return };
        let mut proof = self.path(*parent);
        proof.push(tactic.clone());
        self.give(Pending::Recheck { edge, node: *parent, proof }, commands);
    }

    /// The siblings of a proof that was refused.
    fn run_the_rest(
        &mut self,
        node: NodeId,
        guide: Guide,
        mut candidates: Vec<Candidate>,
        commands: &mut Vec<Command>,
    ) {
        candidates.truncate(self.config.budget.tactics_left(self.tactics_sent()));
        self.tree.set_status(node, NodeStatus::InFlight);
        self.give(Pending::Check { node, guide, candidates }, commands);
    }

    /// Opens the states again that were expanded, for other tactics, when none is left to expand. False when there are
    /// none, when no expansions are left for them, or when another pass follows, which tries other tactics anyway.
    fn widen(&mut self) -> bool {
        if !self.config.widen || self.another_pass_follows() {
            return false;
        }
        let opened = self.pass.widen(&self.tree);
        for node in &opened {
            self.tree.set_status(*node, NodeStatus::Open);
        }
        !opened.is_empty()
    }

    /// The tactics that were run in a state in this pass.
    fn tried(&self, node: NodeId) -> Vec<String> {
        let is_here = |edge: &&Edge| edge.parent == node && edge.pass == self.pass.idx();
        self.tree.edges().iter().filter(is_here).map(|edge| edge.tactic.clone()).collect()
    }

    fn score(&mut self, node: NodeId, children: Vec<NodeId>, commands: &mut Vec<Command>) {
        let states = children.iter().map(|child| self.goals(*child).to_vec()).collect();
        self.give(Pending::Score { node, children, request: ScoreRequest { states } }, commands);
    }

    fn expand(&mut self, guide: Guide, commands: &mut Vec<Command>) {
        let Some(node) = self.pass.take(guide, &self.tree) else { return };
        self.ledger.expansions += 1;
        self.tree.set_status(node, NodeStatus::InFlight);
        let widening = self.pass.widening(guide, node);
        let request = ProposalRequest {
            theorem: self.theorem.name.clone(),
            goals: self.goals(node).to_vec(),
            history: self.path(node),
            samples: self.config.budget.samples,
            pass: self.pass.idx(),
            seed: derive_seed(self.config.seed, self.pass.idx(), self.pass.tree_idx(guide), node, widening),
            without: self.theorem.without.clone(),
            withheld: self.config.withhold.clone(),
            declarations: Arc::clone(&self.declarations),
            widening,
            tried: if widening > 0 { self.tried(node) } else { Vec::new() },
        };
        self.give(Pending::Propose { node, guide, request }, commands);
    }

    fn begin_pass(&mut self, idx: u32, root: NodeId) {
        let root = self.tree.set_status(root, NodeStatus::Open);
        self.pass = Pass::begin(idx, self.config.order, self.config.budget.expansions, root);
    }

    fn end_pass(&mut self, root: NodeId, commands: &mut Vec<Command>) {
        let left_open = self.pass.open_nodes();
        self.capped |= !left_open.is_empty() || (self.config.widen && self.pass.could_widen());
        if self.another_pass_follows() {
            // The executor may let go of this pass's open states; the root lives on.
            commands.extend(left_open.into_iter().filter(|node| *node != root).map(|node| Command::Forget { node }));
            self.begin_pass(self.pass.idx() + 1, root);
        } else if self.capped {
            self.finish(SearchEnd::OutOfBudget { what: "expansions" }, commands);
        } else {
            self.finish(SearchEnd::Exhausted, commands);
        }
    }

    /// The node's expansion is over.
    fn close(&mut self, node: NodeId, commands: &mut Vec<Command>) {
        let node = self.tree.set_status(node, NodeStatus::Expanded);
        let (id, is_root) = (node.id, node.parent.is_none());
        // Only the root can be: two trees expand it once each.
        if self.pass.is_open(node) {
            self.tree.set_status(id, NodeStatus::Open);
        } else if self.another_pass_follows() {
            if !is_root {
                commands.push(Command::Forget { node: id });
            }
        } else if !self.config.widen {
            // A state that may be expanded once more stays alive.
            commands.push(Command::Forget { node: id });
        }
    }

    fn another_pass_follows(&self) -> bool {
        self.pass.idx() + 1 < self.config.budget.passes
    }

    fn give(&mut self, pending: Pending, commands: &mut Vec<Command>) {
        commands.push(pending.command());
        self.pending.push(pending);
    }

    /// Takes the first pending command that `is_it` off the list.
    fn answer(&mut self, is_it: impl Fn(&Pending) -> bool) -> Option<Pending> {
        let place = self.pending.iter().position(is_it)?;
        Some(self.pending.remove(place))
    }

    /// Gives up everything in flight but a recheck.
    fn drop_work_in_flight(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            match pending {
                Pending::Recheck { .. } => self.pending.push(pending),
                Pending::Propose { node, .. } | Pending::Check { node, .. } => {
                    self.tree.set_status(node, NodeStatus::Open);
                }
                Pending::Open | Pending::Score { .. } => {}
            }
        }
    }

    fn tactics_sent(&self) -> u64 {
        let in_flight = self.pending.iter().map(|pending| match pending {
            Pending::Check { candidates, .. } => candidates.len() as u64,
            _ => 0,
        });
        self.ledger.tactics + in_flight.sum::<u64>()
    }

    fn finish(&mut self, end: SearchEnd, commands: &mut Vec<Command>) {
        self.pending.clear();
        commands.push(Command::Finish { end: end.clone() });
        self.end = Some(end);
    }
}

impl Pending {
    fn command(&self) -> Command {
        match self {
            Self::Open => Command::Open,
            Self::Propose { node, request, .. } => Command::Propose { node: *node, request: request.clone() },
            Self::Check { node, candidates, .. } => Command::Check {
                node: *node,
                tactics: candidates.iter().map(|candidate| candidate.tactic.clone()).collect(),
            },
            Self::Score { node, children, request } => {
                Command::Score { node: *node, children: children.clone(), request: request.clone() }
            }
            Self::Recheck { node, proof, .. } => Command::Recheck { node: *node, proof: proof.clone() },
        }
    }
}

/// The candidates without blank ones, repeats and those that were tried, at most `limit`, each trimmed; the first of equals stays.
fn distinct(candidates: Vec<Candidate>, tried: &[String], limit: usize) -> Vec<Candidate> {
    let mut kept: Vec<Candidate> = Vec::new();
    for mut candidate in candidates {
        if kept.len() == limit {
            break;
        }
        candidate.tactic = candidate.tactic.trim().to_owned();
        let is_new = !tried.contains(&candidate.tactic);
        if is_new && !candidate.tactic.is_empty() && kept.iter().all(|earlier| earlier.tactic != candidate.tactic) {
            kept.push(candidate);
        }
    }
    kept
}

/// A seed for one expansion: SplitMix64 (Steele, Lea and Flood 2014) over the search's seed, the pass, the tree, the node
/// and how often it was expanded; both trees of a pass expand the root.
fn derive_seed(seed: u64, pass: u32, tree_idx: usize, node: NodeId, widening: u32) -> u64 {
    let place = ((tree_idx as u64) << 63) ^ (u64::from(pass) << 32) ^ u64::from(node.0);
    let again = u64::from(widening).wrapping_mul(0xD1B5_4A32_D192_ED03);
    SplitMix64::new(seed.wrapping_add(place).wrapping_add(again)).next_u64()
}
