//! Drives the search machine inside the page, where the models run in the browser and Lean on the server: which state of
//! the session stands for which node, and what is to be done next.
//!
//! The clock is an input. Whoever carries the tasks out tells how they ended, and every event that this makes goes into
//! the search's log as well.

use std::collections::{BTreeMap, VecDeque};

use stepwise_core::cost::LeanCost;
use stepwise_core::critic::{ScoreRequest, Scores};
use stepwise_core::facts::Declarations;
use stepwise_core::goal::Goal;
use stepwise_core::outcome::{StepOutcome, Verdict};
use stepwise_core::policy::{ProposalRequest, Proposals};
use stepwise_core::search::{Command, Event, NodeId, Search, SearchEnd, TimedEvent};
use stepwise_core::wire::Step;
use stepwise_core::wire::log::LogHeader;
use stepwise_core::words;

/// What is to be done for the search; each is answered by the method of the same name.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Ask the policy; answered by [`Driver::proposed`].
    Propose { node: NodeId, request: ProposalRequest },
    /// Have Lean run tactics until one closes the last goal; answered by [`Driver::checked`].
    Check {
        node: NodeId,
        /// The session's state.
        state: u32,
        tactics: Vec<String>,
    },
    /// Ask the critic; answered by [`Driver::scored`].
    Score {
        /// For the children of this node.
        node: NodeId,
        request: ScoreRequest,
    },
    /// Have a whole proof judged; answered by [`Driver::rechecked`].
    Recheck {
        node: NodeId,
        /// The tactics from the statement on.
        proof: Vec<String>,
    },
}

/// A search, and the session's states of its nodes.
#[derive(Clone, Debug)]
pub struct Driver {
    search: Search,
    states: BTreeMap<NodeId, u32>,
    tasks: VecDeque<Task>,
    /// What the machine took in and nobody has fetched yet.
    news: Vec<TimedEvent>,
}

impl Driver {
    /// Begins a search from a state whose goals are known.
    #[must_use]
    pub fn begin(header: &LogHeader, state: u32, goals: Vec<Goal>, declarations: Declarations) -> Self {
        let mut driver = Self {
            search: header.search(),
            states: BTreeMap::from([(NodeId(0), state)]),
            tasks: VecDeque::new(),
            news: Vec::new(),
        };
        driver.tell(0, Event::Started);
        let outcome = StepOutcome::Open { state: (), goals };
        driver.tell(0, Event::Opened { outcome, declarations, cost: LeanCost::default() });
        driver
    }

    /// The next thing to do; `None` when the search is over.
    pub fn next_task(&mut self) -> Option<Task> {
        self.tasks.pop_front().filter(|_| self.search.end().is_none())
    }

    /// The events since the last call, for the log.
    pub fn take_news(&mut self) -> Vec<TimedEvent> {
        std::mem::take(&mut self.news)
    }

    /// The machine.
    #[must_use]
    pub fn search(&self) -> &Search {
        &self.search
    }

    /// The policy answered.
    pub fn proposed(&mut self, at_ms: u64, node: NodeId, proposals: Proposals) {
        self.tell(at_ms, Event::Proposed { node, candidates: proposals.candidates, cost: proposals.cost });
    }

    /// Lean answered: the tactics that it ran, in order.
    pub fn checked(&mut self, at_ms: u64, node: NodeId, steps: Vec<Step>) {
        let mut cost = LeanCost::default();
        let mut states = Vec::with_capacity(steps.len());
        let mut outcomes = Vec::with_capacity(steps.len());
        for step in steps {
            cost += step.cost.into();
            states.push(step.state);
            outcomes.push(step.outcome.into());
        }
        self.search_takes(at_ms, Event::Checked { node, outcomes, cost }, |driver| {
            let children = driver.search.children_of_check(node);
            let known = children.into_iter().zip(states).filter_map(|(child, state)| Some((child?, state?)));
            driver.states.extend(known);
        });
    }

    /// The critic answered.
    pub fn scored(&mut self, at_ms: u64, node: NodeId, scores: Scores) {
        self.tell(at_ms, Event::Scored { node, scores: scores.scores, cost: scores.cost });
    }

    /// The recheck judged.
    pub fn rechecked(&mut self, at_ms: u64, node: NodeId, verdict: Verdict, cost: LeanCost) {
        self.tell(at_ms, Event::Rechecked { node, verdict, cost });
    }

    /// Time passed.
    pub fn tick(&mut self, at_ms: u64) {
        if self.search.is_tick_due(at_ms) {
            self.tell(at_ms, Event::Tick);
        }
    }

    fn tell(&mut self, at_ms: u64, event: Event) {
        self.search_takes(at_ms, event, |_| {});
    }

    fn search_takes(&mut self, at_ms: u64, event: Event, before_commands: impl FnOnce(&mut Self)) {
        let timed = TimedEvent { at_ms, event };
        self.news.push(timed.clone());
        let commands = self.search.handle(timed);
        before_commands(self);
        for command in commands {
            let task = self.task(command);
            self.tasks.extend(task);
        }
    }

    fn task(&self, command: Command) -> Option<Task> {
        Some(match command {
            Command::Propose { node, request } => Task::Propose { node, request },
            // A node without a state cannot be: the machine checks only nodes that a check has opened, and the root.
            Command::Check { node, tactics } => Task::Check { node, state: *self.states.get(&node)?, tactics },
            Command::Score { node, request, .. } => Task::Score { node, request },
            Command::Recheck { node, proof } => Task::Recheck { node, proof },
            // States stay: the session lets them go with the statement.
            Command::Open | Command::Forget { .. } | Command::Finish { .. } => return None,
        })
    }
}

/// How far a search is, for the line that tells of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Expansions so far.
    pub expansions: u64,
    /// Tactics that Lean ran.
    pub tactics: u64,
    /// States that were opened.
    pub states: usize,
    /// The best state that waits: the tactics to it, and its priority or score.
    pub best: Option<(String, f64)>,
    /// Milliseconds since the search began.
    pub elapsed_ms: u64,
}

impl Progress {
    /// Reads it off a machine.
    #[must_use]
    pub fn of(search: &Search) -> Self {
        use stepwise_core::search::{Node, NodeStatus};
        let by_critic = search.config().order == stepwise_core::search::Order::CriticGuided;
        let worth = |node: &Node| if by_critic { node.score.unwrap_or(f64::NEG_INFINITY) } else { node.priority };
        let open = search.tree().nodes().iter().filter(|node| node.status == NodeStatus::Open);
        let best = open.max_by(|a, b| worth(a).total_cmp(&worth(b)));
        let ledger = search.ledger();
        Self {
            expansions: ledger.expansions,
            tactics: ledger.tactics,
            states: search.tree().nodes().len(),
            best: best.map(|node| (search.tree().path(node.id).join("; "), worth(node))),
            elapsed_ms: ledger.wall_ms,
        }
    }
}

/// How a search ended, as a sentence for the visitor; nothing while it has not.
#[must_use]
pub fn ending(search: &Search) -> String {
    match search.end() {
        // Lean has the last word on it, and then the page says more.
        Some(SearchEnd::Proved { proof, .. }) => format!("Proof found: {}", words::count(proof.len(), "tactic")),
        _ => words::capitalised(&words::of_search(search).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests;
