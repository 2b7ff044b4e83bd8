//! Drives the search machine over the states of a session: which state stands for which node, and what is to be done next.
//!
//! The clock is an input. Whoever carries the tasks out tells how they ended, and every event that this makes goes into
//! the search's log as well.

use std::collections::{BTreeMap, VecDeque};

use super::log::LogHeader;
use super::{Outcome, Step};
use crate::cost::LeanCost;
use crate::critic::{ScoreRequest, Scores};
use crate::facts::Declarations;
use crate::goal::Goal;
use crate::outcome::{StepOutcome, Verdict};
use crate::policy::searches::{replaced, searches};
use crate::policy::{ProposalRequest, Proposals};
use crate::search::{Command, Event, NodeId, Search, TimedEvent};

/// What is to be done for the search; each is answered by the method of the same name.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// Ask the policy; answered by [`Driver::proposed`].
    Propose { node: NodeId, request: ProposalRequest },
    /// Have Lean run tactics that only search, all of them; answered by [`Driver::looked`].
    Look {
        node: NodeId,
        /// The session's state.
        state: u32,
        tactics: Vec<String>,
    },
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
    /// Proposals with tactics that only search, until it is known what these find.
    proposed: BTreeMap<NodeId, Proposals>,
    /// What that took of Lean, until it is told.
    extra_cost: LeanCost,
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
            proposed: BTreeMap::new(),
            extra_cost: LeanCost::default(),
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

    /// The policy answered. What only searches is run first, and replaced by what it finds, as natively.
    pub fn proposed(&mut self, at_ms: u64, node: NodeId, proposals: Proposals) {
        let tactics = searches(&proposals.candidates);
        match self.states.get(&node) {
            Some(&state) if !tactics.is_empty() => {
                self.proposed.insert(node, proposals);
                self.tasks.push_front(Task::Look { node, state, tactics });
            }
            _ => self.tell(at_ms, Event::Proposed { node, candidates: proposals.candidates, cost: proposals.cost }),
        }
    }

    /// Lean answered: the tactics that only search, in order.
    pub fn looked(&mut self, at_ms: u64, node: NodeId, steps: Vec<Step>) {
        let Some(Proposals { candidates, cost }) = self.proposed.remove(&node) else { return };
        steps.iter().for_each(|step| self.extra_cost += step.cost.into());
        let refusals = steps.into_iter().map(|step| match step.outcome {
            Outcome::Failed(message) => Some(message),
            _ => None,
        });
        let candidates = replaced(candidates, refusals);
        self.tell(at_ms, Event::Proposed { node, candidates, cost });
    }

    /// Lean answered: the tactics that it ran, in order.
    pub fn checked(&mut self, at_ms: u64, node: NodeId, steps: Vec<Step>) {
        let mut cost = std::mem::take(&mut self.extra_cost);
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
