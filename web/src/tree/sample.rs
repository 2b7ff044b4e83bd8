//! Large searches for tests: a real machine, driven by invented answers. They are no Lean, they only give it a tree.

use stepwise_core::cost::{LeanCost, ModelCost};
use stepwise_core::facts::Declarations;
use stepwise_core::goal::Goal;
use stepwise_core::outcome::{StepOutcome, Verdict};
use stepwise_core::policy::Candidate;
use stepwise_core::problem::Theorem;
use stepwise_core::random::SplitMix64;
use stepwise_core::search::{Budget, Command, Event, Search, SearchConfig, TimedEvent};
use stepwise_core::wire::log::LogHeader;

/// The header and the events of a search that makes so many expansions of so many tactics each. With a proof, the last
/// tactic that is run closes the last goal.
pub(crate) fn search(expansions: u32, samples: u32, with_proof: bool) -> (LogHeader, Vec<TimedEvent>) {
    let theorem =
        Theorem { name: "large".into(), statement: "theorem large (n : Nat) : n < 2 ^ n".into(), ..Theorem::default() };
    let config = SearchConfig::best_first(Budget::new(samples, expansions));
    let header = LogHeader {
        theorem,
        prefix: vec!["intro n".into()],
        config,
        policy: "invented".into(),
        critic: None,
        lean: "none".into(),
    };
    let events = run(header.search(), expansions, with_proof);
    (header, events)
}

fn run(mut search: Search, expansions: u32, with_proof: bool) -> Vec<TimedEvent> {
    let mut random = SplitMix64::new(7);
    let mut events = Vec::new();
    let (mut n_goals, mut n_checks) = (0, 0);
    let mut queue = vec![Event::Started];
    while let Some(event) = queue.pop() {
        let event = TimedEvent { at_ms: 20 * events.len() as u64, event };
        events.push(event.clone());
        for command in search.handle(event) {
            let cost = LeanCost { cpu_us: 4000, wall_us: 5000 };
            let mut state = || {
                n_goals += 1;
                StepOutcome::Open { state: (), goals: vec![goal(n_goals)] }
            };
            let answer = match command {
                Command::Open => Event::Opened { outcome: state(), declarations: Declarations::default(), cost },
                Command::Propose { node, request } => {
                    let candidate = |idx| Candidate {
                        tactic: format!("rw [lemma_{}_{idx}]", node.0),
                        logprob: -((random.next_u64() % 400) as f64) / 100.0,
                        n_tokens: 9,
                    };
                    let candidates = (0..request.samples).map(candidate).collect();
                    Event::Proposed { node, candidates, cost: ModelCost::default() }
                }
                Command::Check { node, tactics } => {
                    n_checks += 1;
                    let mut outcome = |idx: usize| match random.next_u64() % 3 {
                        _ if with_proof && n_checks == expansions && idx + 1 == tactics.len() => StepOutcome::Proved,
                        // The first one always opens a state, so that no search dies out.
                        draw if draw == 0 || idx == 0 => state(),
                        _ => StepOutcome::Failed { message: "unsolved goals & <more>".into() },
                    };
                    let outcomes = (0..tactics.len()).map(&mut outcome).collect();
                    Event::Checked { node, outcomes, cost }
                }
                Command::Recheck { node, .. } => {
                    let verdict = Verdict {
                        accepted: true,
                        reasons: Vec::new(),
                        checker: "none".into(),
                        lean_version: "none".into(),
                        axioms: Vec::new(),
                        unopened: 0,
                        notes: Vec::new(),
                    };
                    Event::Rechecked { node, verdict, cost }
                }
                Command::Score { .. } | Command::Forget { .. } | Command::Finish { .. } => continue,
            };
            queue.push(answer);
        }
    }
    events
}

fn goal(n: u64) -> Goal {
    Goal::parse(&format!("n : Nat\nh : n < {n}\n⊢ n + {n} < 2 ^ n * {n}"))
}
