//! A test executor that invents outcomes from a seed. It is no Lean: it only gives the machine something to search.

use std::collections::VecDeque;

use super::{Command, Event, NodeId, Search, TimedEvent};
use crate::cost::{LeanCost, ModelCost};
use crate::facts::Declarations;
use crate::goal::Goal;
use crate::outcome::{StepOutcome, Verdict};
use crate::policy::Candidate;

/// Answers commands first in, first out. Its answers depend on the seed and the command alone, so that two executors
/// with one seed agree whatever happened to them before.
pub struct SimulatedExecutor {
    pub(super) seed: u64,
    /// How many different states there are: few make duplicates common.
    pub n_states: u64,
    /// One outcome in this many closes the last goal; 0 never.
    pub proved_every: u64,
    /// One recheck in this many is refused; 0 never.
    pub refuse_every: u64,
    pub(super) queue: VecDeque<Command>,
    pub(super) at_ms: u64,
}

impl SimulatedExecutor {
    /// One that invents 200 states, closes every 97th, and refuses half of the proofs.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, n_states: 200, proved_every: 97, refuse_every: 2, queue: VecDeque::new(), at_ms: 0 }
    }

    /// Runs the search to its end from where it stands. Returns every event with the commands that it led to.
    pub fn run(&mut self, search: &mut Search) -> Vec<(TimedEvent, Vec<Command>)> {
        let mut trace = Vec::new();
        if search.tree().nodes().is_empty() && self.queue.is_empty() && search.end().is_none() {
            self.feed(search, Event::Started, &mut trace);
        }
        while let Some(command) = self.queue.pop_front() {
            // What was dropped meanwhile is answered too, but takes no time: a search resumed here does not know of it.
            let is_awaited = search.outstanding().contains(&command);
            if let Some(event) = self.answer(search, &command) {
                self.feed(search, event, &mut trace);
                self.at_ms -= u64::from(!is_awaited);
            }
            assert!(trace.len() < 100_000, "the search does not end");
        }
        trace
    }

    fn feed(&mut self, search: &mut Search, event: Event, trace: &mut Vec<(TimedEvent, Vec<Command>)>) {
        let event = TimedEvent { at_ms: self.at_ms, event };
        self.at_ms += 1;
        let commands = search.handle(event.clone());
        self.queue.extend(commands.iter().cloned());
        trace.push((event, commands));
    }

    fn answer(&self, search: &Search, command: &Command) -> Option<Event> {
        Some(match command {
            Command::Open => Event::Opened {
                outcome: StepOutcome::Open { state: (), goals: vec![goal(0)] },
                declarations: Declarations::default(),
                cost: LeanCost { cpu_us: 1000, wall_us: 1200 },
            },
            Command::Propose { node, request } => {
                let n_candidates = self.draw(&format!("{}", request.seed)) % (u64::from(request.samples) + 2);
                let candidate = |idx: u64| {
                    let logprob = -((self.draw(&format!("{idx} {}", request.seed)) % 400) as f64) / 100.0;
                    // Repeats within an expansion and blanks occur, as they do with sampled tactics.
                    let tactic = match self.draw(&format!("{:?} {idx}", request.history)) % 9 {
                        0 => "  ".to_owned(),
                        draw => format!(" tactic_{draw} "),
                    };
                    Candidate { tactic, logprob, n_tokens: 7 }
                };
                // More tokens than the candidates have between them, as when equal samples were merged.
                let cost =
                    ModelCost { prompt_tokens: 40, generated_tokens: 7 * n_candidates + 5, device_us: 700, failed: 0 };
                Event::Proposed { node: *node, candidates: (0..n_candidates).map(candidate).collect(), cost }
            }
            Command::Check { node, tactics } => {
                let cost = LeanCost { cpu_us: 500 * tactics.len() as u64, wall_us: 600 };
                let outcomes = tactics.iter().map(|tactic| self.outcome(search, *node, tactic)).collect();
                Event::Checked { node: *node, outcomes, cost }
            }
            Command::Score { node, request, .. } => {
                // Equal scores are common, some are no numbers, and at times the last one is missing.
                let mut scores: Vec<f64> = request.states.iter().map(|goals| self.score(goals)).collect();
                if self.draw(&format!("{:?}", request.states)).is_multiple_of(7) {
                    scores.pop();
                }
                let n_states = request.states.len() as u64;
                let cost = ModelCost {
                    prompt_tokens: 30 * n_states,
                    generated_tokens: 0,
                    device_us: 90 * n_states,
                    failed: 0,
                };
                Event::Scored { node: *node, scores, cost }
            }
            Command::Recheck { node, proof } => {
                let accepted =
                    self.refuse_every == 0 || !self.draw(&format!("{proof:?}")).is_multiple_of(self.refuse_every);
                Event::Rechecked {
                    node: *node,
                    verdict: verdict(accepted),
                    cost: LeanCost { cpu_us: 9000, wall_us: 9000 },
                }
            }
            Command::Forget { .. } | Command::Finish { .. } => return None,
        })
    }

    fn outcome(&self, search: &Search, node: NodeId, tactic: &str) -> StepOutcome<()> {
        let draw = self.draw(&format!("{:?} {tactic}", search.goals(node)));
        if self.proved_every > 0 && draw.is_multiple_of(self.proved_every) {
            return StepOutcome::Proved;
        }
        match draw / 97 % 16 {
            0..=2 => StepOutcome::Failed { message: format!("{tactic} failed\n  at ‹node {}›", node.0) },
            3 => StepOutcome::Timeout,
            4 => StepOutcome::Crashed { detail: "INTERNAL PANIC".into() },
            5 => StepOutcome::OutOfMemory,
            _ => StepOutcome::Open { state: (), goals: vec![goal(draw / 2000 % self.n_states)] },
        }
    }

    fn score(&self, goals: &[Goal]) -> f64 {
        match self.draw(&format!("score {goals:?}")) % 12 {
            0 => f64::NAN,
            1 => f64::INFINITY,
            draw => draw as f64 / 2.0 - 3.0,
        }
    }

    /// FNV-1a over the seed and the text, finished by SplitMix64's mixing.
    fn draw(&self, text: &str) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325 ^ self.seed;
        for byte in text.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 31)
    }
}

/// A goal with the number `n` in it.
pub(super) fn goal(n: u64) -> Goal {
    Goal { case: None, hypotheses: Vec::new(), target: format!("P {n}"), text: format!("⊢ P {n}"), facts: None }
}

pub(super) fn verdict(accepted: bool) -> Verdict {
    Verdict {
        accepted,
        reasons: if accepted { Vec::new() } else { vec!["refused by the simulation".into()] },
        checker: "simulated".into(),
        lean_version: "none".into(),
        axioms: Vec::new(),
        unopened: 0,
        notes: Vec::new(),
    }
}
