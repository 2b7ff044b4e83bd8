//! The machine's behaviour, step by step and under random searches.

mod guided;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::simulated::{SimulatedExecutor, goal, verdict};
use super::*;
use crate::cost::LeanCost;
use crate::cost::ModelCost;
use crate::facts::Declarations;
use crate::outcome::StepOutcome;
use crate::policy::Candidate;
use crate::problem::Theorem;
use crate::wire::log::{self, LogError, LogHeader};

fn theorem() -> Theorem {
    Theorem {
        name: "t".into(),
        imports: vec!["Init".into()],
        preamble: "open Nat".into(),
        statement: "theorem t : ∀ n : ℕ, n = n".into(),
        without: Vec::new(),
    }
}

fn config() -> SearchConfig {
    SearchConfig { seed: 7, ..SearchConfig::best_first(Budget::new(4, 10)) }
}

fn header(config: SearchConfig) -> LogHeader {
    LogHeader {
        theorem: theorem(),
        prefix: Vec::new(),
        config,
        policy: "simulated 1".into(),
        critic: None,
        lean: "none".into(),
    }
}

const COST: LeanCost = LeanCost { cpu_us: 2000, wall_us: 3000 };
const MODEL_COST: ModelCost = ModelCost { prompt_tokens: 20, generated_tokens: 12, device_us: 500, failed: 0 };

/// A search by hand: events in, commands out as short lines.
struct ByHand {
    search: Search,
    at_ms: u64,
}

impl ByHand {
    fn opened(config: SearchConfig) -> Self {
        let mut hand = Self { search: Search::new(theorem(), config), at_ms: 0 };
        hand.feed(Event::Started);
        let opened = hand.feed(Event::Opened { outcome: open(0), declarations: Declarations::default(), cost: COST });
        assert_eq!(opened, "propose 0 after []");
        hand
    }

    fn feed(&mut self, event: Event) -> String {
        self.at_ms += 10;
        show(&self.search.handle(TimedEvent { at_ms: self.at_ms, event }))
    }

    fn proposed(&mut self, node: u32, tactics: &[(&str, f64)]) -> String {
        let candidate = |&(tactic, logprob): &(&str, f64)| Candidate { tactic: tactic.into(), logprob, n_tokens: 3 };
        let candidates = tactics.iter().map(candidate).collect();
        self.feed(Event::Proposed { node: NodeId(node), candidates, cost: MODEL_COST })
    }

    fn scored(&mut self, node: u32, scores: &[f64]) -> String {
        self.feed(Event::Scored { node: NodeId(node), scores: scores.to_vec(), cost: MODEL_COST })
    }

    fn checked(&mut self, node: u32, outcomes: Vec<StepOutcome<()>>) -> String {
        self.feed(Event::Checked { node: NodeId(node), outcomes, cost: COST })
    }

    fn rechecked(&mut self, node: u32, accepted: bool) -> String {
        self.feed(Event::Rechecked { node: NodeId(node), verdict: verdict(accepted), cost: COST })
    }
}

fn open(n: u64) -> StepOutcome<()> {
    StepOutcome::Open { state: (), goals: vec![goal(n)] }
}

fn failed() -> StepOutcome<()> {
    StepOutcome::Failed { message: "no".into() }
}

fn show(commands: &[Command]) -> String {
    let show = |command: &Command| match command {
        Command::Open => "open".to_owned(),
        Command::Propose { node, request } => format!("propose {} after {:?}", node.0, request.history),
        Command::Check { node, tactics } => format!("check {} {tactics:?}", node.0),
        Command::Score { node, children, request } => {
            assert_eq!(children.len(), request.states.len());
            let children: Vec<u32> = children.iter().map(|child| child.0).collect();
            format!("score {children:?} of {}", node.0)
        }
        Command::Recheck { node, proof } => format!("recheck {} {proof:?}", node.0),
        Command::Forget { node } => format!("forget {}", node.0),
        Command::Finish { end: SearchEnd::Proved { proof, .. } } => format!("finish: proved by {proof:?}"),
        Command::Finish { end } => format!("finish: {end:?}"),
    };
    commands.iter().map(show).collect::<Vec<_>>().join("\n")
}

fn check(actual: &str, expected: &Expect) {
    expected.assert_eq(actual);
}

#[test]
fn a_proof_is_found_rechecked_and_reported() {
    let mut hand = ByHand { search: Search::new(theorem(), config()), at_ms: 0 };
    check(&hand.feed(Event::Started), &expect![["open"]]);
    check(
        &hand.feed(Event::Opened { outcome: open(0), declarations: Declarations::default(), cost: COST }),
        &expect![["propose 0 after []"]],
    );
    check(
        &hand.proposed(0, &[(" intro n", -0.1), ("intro n ", -0.2), (" ", -0.3), ("simp", -2.0)]),
        &expect![[r#"check 0 ["intro n", "simp"]"#]],
    );
    check(
        &hand.checked(0, vec![open(1), failed()]),
        &expect![[r#"
            forget 0
            propose 1 after ["intro n"]"#]],
    );
    assert_eq!(hand.search.children_of_check(NodeId(0)), [Some(NodeId(1)), None]);
    check(&hand.proposed(1, &[("rfl", -0.5)]), &expect![[r#"check 1 ["rfl"]"#]]);
    check(
        &hand.checked(1, vec![StepOutcome::Proved]),
        &expect![[r#"
            forget 1
            recheck 1 ["intro n", "rfl"]"#]],
    );
    check(&show(&hand.search.outstanding()), &expect![[r#"recheck 1 ["intro n", "rfl"]"#]]);
    check(&hand.rechecked(1, true), &expect![[r#"finish: proved by ["intro n", "rfl"]"#]]);
    check(&hand.rechecked(1, true), &expect![[""]]);
    assert!(hand.search.outstanding().is_empty());
    expect![[r#"
        CostLedger {
            expansions: 2,
            tactics: 3,
            tokens: 24,
            prompt_tokens: 40,
            critic_tokens: 0,
            device_us: 1000,
            lean_cpu_us: 8000,
            wall_ms: 70,
            timeouts: 0,
            crashes: 0,
            rechecks: 1,
            refused: 0,
            policy_failures: 0,
        }
    "#]]
    .assert_debug_eq(&hand.search.ledger());
}

#[test]
fn a_refused_proof_does_not_end_the_search() {
    let mut hand = ByHand::opened(config());
    hand.proposed(0, &[("trick", -0.1), ("trick'", -0.2), ("intro n", -0.3)]);
    check(
        &hand.checked(0, vec![StepOutcome::Proved, StepOutcome::Proved, open(1)]),
        &expect![[r#"
            forget 0
            recheck 0 ["trick"]"#]],
    );
    check(&hand.rechecked(0, false), &expect![[r#"recheck 0 ["trick'"]"#]]);
    check(&hand.rechecked(0, false), &expect![[r#"propose 1 after ["intro n"]"#]]);
    let refused = EdgeOutcome::Proved(RecheckState::Refused { reasons: vec!["refused by the simulation".into()] });
    assert_eq!(hand.search.tree().edges()[0].outcome, refused);
}

#[test]
fn duplicates_are_recorded_and_not_expanded() {
    let mut hand = ByHand::opened(config());
    hand.proposed(0, &[("a", -0.1), ("b", -0.2), ("c", -0.3)]);
    check(
        &hand.checked(0, vec![open(1), open(1), open(0)]),
        &expect![[r#"
            forget 0
            propose 1 after ["a"]"#]],
    );
    let outcomes: Vec<_> = hand.search.tree().edges().iter().map(|edge| edge.outcome.clone()).collect();
    assert_eq!(
        outcomes,
        [EdgeOutcome::Child(NodeId(1)), EdgeOutcome::Duplicate(NodeId(1)), EdgeOutcome::Duplicate(NodeId(0))]
    );
    check(
        &hand.proposed(1, &[]),
        &expect![[r#"
        forget 1
        finish: Exhausted"#]],
    );
}

#[test]
fn the_three_rules_expand_in_their_own_order() {
    // After `long` at -1 and its child at -0.1, and `short` at -1.05: the sum prefers the short path, the average the
    // long one.
    let expanded_third = |priority| {
        let mut hand = ByHand::opened(SearchConfig { priority, ..config() });
        hand.proposed(0, &[("long", -1.0), ("short", -1.05)]);
        hand.checked(0, vec![open(1), open(2)]);
        hand.proposed(1, &[("more", -0.1)]);
        hand.checked(1, vec![open(3)])
    };
    check(
        &expanded_third(Priority::Sum),
        &expect![[r#"
        forget 1
        propose 2 after ["short"]"#]],
    );
    check(
        &expanded_third(Priority::Average),
        &expect![[r#"
        forget 1
        propose 3 after ["long", "more"]"#]],
    );
    check(
        &expanded_third(Priority::LengthNormalised { alpha: 0.5 }),
        &expect![[r#"
            forget 1
            propose 3 after ["long", "more"]"#]],
    );
    let priority = Priority::LengthNormalised { alpha: 0.0 };
    assert_eq!(priority.priority(-1.1, 2).to_bits(), Priority::Sum.priority(-1.1, 2).to_bits());
    let priority = Priority::LengthNormalised { alpha: 1.0 };
    assert_eq!(priority.priority(-1.1, 2).to_bits(), Priority::Average.priority(-1.1, 2).to_bits());
}

#[test]
fn equal_priorities_go_to_the_shorter_path_then_to_the_older_node() {
    let mut hand = ByHand::opened(config());
    hand.proposed(0, &[("a", 0.0), ("b", 0.0), ("odd", f64::NAN)]);
    check(
        &hand.checked(0, vec![open(1), open(2), open(9)]),
        &expect![[r#"
        forget 0
        propose 1 after ["a"]"#]],
    );
    hand.proposed(1, &[("c", 0.0)]);
    check(
        &hand.checked(1, vec![open(3)]),
        &expect![[r#"
        forget 1
        propose 2 after ["b"]"#]],
    );
    check(
        &hand.proposed(2, &[]),
        &expect![[r#"
        forget 2
        propose 4 after ["a", "c"]"#]],
    );
    check(
        &hand.proposed(4, &[]),
        &expect![[r#"
        forget 4
        propose 3 after ["odd"]"#]],
    );
}

#[test]
fn a_search_that_runs_dry_asks_for_other_tactics_until_nothing_new_comes() {
    let mut hand = ByHand::opened(SearchConfig { widen: true, ..config() });
    hand.proposed(0, &[("a", -1.0), ("b", -2.0)]);
    check(&hand.checked(0, vec![open(1), failed()]), &expect![[r#"propose 1 after ["a"]"#]]);
    // State 1 has no idea, so that the root is asked again, and then state 1.
    check(&hand.proposed(1, &[]), &expect!["propose 0 after []"]);
    let Some(Command::Propose { request, .. }) = hand.search.outstanding().pop() else { panic!("nothing is asked") };
    assert_eq!((request.widening, request.tried), (1, vec!["a".to_owned(), "b".to_owned()]));
    // What was tried is not run again.
    check(&hand.proposed(0, &[("b", -1.0), ("c", -2.0)]), &expect![[r#"check 0 ["c"]"#]]);
    check(&hand.checked(0, vec![failed()]), &expect![[r#"propose 1 after ["a"]"#]]);
    check(&hand.proposed(1, &[]), &expect!["propose 0 after []"]);
    check(&hand.proposed(0, &[("a", -1.0), ("c", -2.0)]), &expect!["finish: Exhausted"]);
    assert_eq!(hand.search.ledger().expansions, 5);
}

#[test]
fn widening_ends_with_the_expansions() {
    let budget = Budget { expansions: 2, ..config().budget };
    let mut hand = ByHand::opened(SearchConfig { budget, widen: true, ..config() });
    hand.proposed(0, &[("a", -1.0)]);
    check(&hand.checked(0, vec![failed()]), &expect!["propose 0 after []"]);
    hand.proposed(0, &[("b", -1.0)]);
    check(&hand.checked(0, vec![failed()]), &expect![[r#"finish: OutOfBudget { what: "expansions" }"#]]);
}

#[test]
fn what_is_withheld_is_told_to_the_policy_and_not_run() {
    let withhold: Withheld = "omega,simp".parse().unwrap();
    let mut hand = ByHand::opened(SearchConfig { withhold: withhold.clone(), ..config() });
    let Some(Command::Propose { request, .. }) = hand.search.outstanding().pop() else { panic!("nothing is asked") };
    assert_eq!(request.withheld, withhold);
    let proposed = [("omega", -0.1), ("cases n <;> simp [h]", -0.2), ("intro h", -1.0), ("simp_all", -2.0)];
    check(&hand.proposed(0, &proposed), &expect![[r#"check 0 ["intro h", "simp_all"]"#]]);
    hand.checked(0, vec![open(1), failed()]);
    // As if it had no idea.
    check(
        &hand.proposed(1, &[("omega", -0.1)]),
        &expect![[r#"
        forget 1
        finish: Exhausted"#]],
    );
    assert_eq!(hand.search.ledger().tactics, 2);
}

#[test]
fn siblings_of_a_refused_proof_are_run() {
    let mut hand = ByHand::opened(SearchConfig { widen: true, ..config() });
    hand.proposed(0, &[("a", -1.0), ("trick", -2.0), ("b", -3.0), ("c", -4.0)]);
    check(&hand.checked(0, vec![failed(), StepOutcome::Proved]), &expect![[r#"recheck 0 ["trick"]"#]]);
    check(&hand.rechecked(0, false), &expect![[r#"check 0 ["b", "c"]"#]]);
    check(&hand.checked(0, vec![open(1), failed()]), &expect![[r#"propose 1 after ["b"]"#]]);
    assert_eq!(hand.search.ledger().tactics, 4);
}

#[test]
fn what_is_declared_reaches_the_policy() {
    let declared: Declarations = vec![crate::facts::Declaration { name: "f".into(), ..Default::default() }].into();
    let mut search = Search::new(theorem(), config());
    search.handle(TimedEvent { at_ms: 0, event: Event::Started });
    let opened = Event::Opened { outcome: open(0), declarations: declared.clone(), cost: COST };
    let commands = search.handle(TimedEvent { at_ms: 1, event: opened });
    let [Command::Propose { request, .. }] = commands.as_slice() else { panic!("{commands:?}") };
    assert_eq!(request.declarations, declared);
}

#[test]
fn passes_start_from_the_root_again() {
    let budget = Budget { passes: 2, expansions: 1, ..config().budget };
    let mut hand = ByHand::opened(SearchConfig { budget, ..config() });
    hand.proposed(0, &[("a", -1.0), ("b", -2.0)]);
    check(
        &hand.checked(0, vec![open(1), open(2)]),
        &expect![[r#"
        forget 1
        forget 2
        propose 0 after []"#]],
    );
    hand.proposed(0, &[("a", -1.0)]);
    check(
        &hand.checked(0, vec![open(1)]),
        &expect![[r#"
        forget 0
        finish: OutOfBudget { what: "expansions" }"#]],
    );
    assert_eq!(hand.search.children_of_check(NodeId(0)), [Some(NodeId(3))]);
    assert_eq!(hand.search.tree().nodes()[3].pass, 1);
    assert_eq!(hand.search.path(NodeId(3)), ["a"]);
}

#[test]
fn several_expansions_may_be_in_flight() {
    let mut hand = ByHand::opened(SearchConfig { in_flight: 2, ..config() });
    hand.proposed(0, &[("a", -1.0), ("b", -2.0), ("c", -3.0)]);
    check(
        &hand.checked(0, vec![open(1), open(2), open(3)]),
        &expect![[r#"
        forget 0
        propose 1 after ["a"]
        propose 2 after ["b"]"#]],
    );
    check(&hand.proposed(2, &[("x", -1.0)]), &expect![[r#"check 2 ["x"]"#]]);
    check(
        &show(&hand.search.outstanding()),
        &expect![[r#"
        propose 1 after ["a"]
        check 2 ["x"]"#]],
    );
    // While the proof is rechecked nothing new begins, and what is in flight goes on.
    check(
        &hand.checked(2, vec![StepOutcome::Proved]),
        &expect![[r#"
        forget 2
        recheck 2 ["b", "x"]"#]],
    );
    check(&hand.proposed(1, &[("y", -1.0)]), &expect![[r#"check 1 ["y"]"#]]);
    check(&hand.checked(1, vec![failed()]), &expect![["forget 1"]]);
    check(&hand.rechecked(2, false), &expect![[r#"propose 3 after ["c"]"#]]);
}

#[test]
fn tactics_beyond_the_budget_are_not_sent() {
    let budget = Budget { tactics: Some(3), ..config().budget };
    let mut hand = ByHand::opened(SearchConfig { budget, ..config() });
    hand.proposed(0, &[("a", -1.0), ("b", -2.0)]);
    hand.checked(0, vec![open(1), open(2)]);
    check(&hand.proposed(1, &[("c", -1.0), ("d", -1.0)]), &expect![[r#"check 1 ["c"]"#]]);
    check(
        &hand.checked(1, vec![open(3)]),
        &expect![[r#"
        forget 1
        finish: OutOfBudget { what: "tactics" }"#]],
    );
}

#[test]
fn lean_time_is_a_budget() {
    let budget = Budget { lean_cpu_ms: Some(4), ..config().budget };
    let mut hand = ByHand::opened(SearchConfig { budget, ..config() });
    hand.proposed(0, &[("a", -1.0)]);
    check(
        &hand.checked(0, vec![open(1)]),
        &expect![[r#"
        forget 0
        finish: OutOfBudget { what: "lean-cpu" }"#]],
    );
}

#[test]
fn a_tick_ends_the_search_when_time_is_up_and_lets_a_recheck_finish() {
    let budget = Budget { wall_ms: Some(60), ..config().budget };
    let mut hand = ByHand::opened(SearchConfig { budget: budget.clone(), ..config() });
    hand.proposed(0, &[("a", -1.0)]);
    check(&hand.feed(Event::Tick), &expect![[""]]);
    hand.feed(Event::Tick);
    check(&hand.feed(Event::Tick), &expect![[r#"finish: OutOfBudget { what: "wall" }"#]]);

    let mut hand = ByHand::opened(SearchConfig { budget, ..config() });
    hand.proposed(0, &[("a", -1.0)]);
    hand.feed(Event::Tick);
    check(
        &hand.checked(0, vec![StepOutcome::Proved]),
        &expect![[r#"
        forget 0
        recheck 0 ["a"]"#]],
    );
    check(&hand.feed(Event::Tick), &expect![[""]]);
    check(&hand.rechecked(0, true), &expect![[r#"finish: proved by ["a"]"#]]);
}

#[test]
fn crashes_and_timeouts_are_ordinary_failures() {
    let mut hand = ByHand::opened(config());
    hand.proposed(0, &[("a", -1.0), ("b", -1.0), ("c", -1.0), ("d", -1.0)]);
    let crashed = StepOutcome::Crashed { detail: "panic".into() };
    // The fourth has no outcome: it was not run, which costs nothing and does not stop the search.
    check(
        &hand.checked(0, vec![crashed, StepOutcome::Timeout, StepOutcome::OutOfMemory]),
        &expect![[r#"
        forget 0
        finish: Exhausted"#]],
    );
    let ledger = hand.search.ledger();
    assert_eq!((ledger.crashes, ledger.timeouts, ledger.tactics), (2, 1, 3));
}

#[test]
fn statements_that_do_not_open_end_the_search() {
    let end = |outcome| {
        let mut hand = ByHand { search: Search::new(theorem(), config()), at_ms: 0 };
        hand.feed(Event::Started);
        hand.feed(Event::Opened { outcome, declarations: Declarations::default(), cost: COST })
    };
    check(
        &end(StepOutcome::Failed { message: "unknown identifier".into() }),
        &expect![[r#"finish: BadStatement { message: "unknown identifier" }"#]],
    );
    check(
        &end(StepOutcome::Timeout),
        &expect![[r#"finish: HostFailed { message: "Lean did not elaborate the statement in time" }"#]],
    );
}

#[test]
fn unexpected_events_are_ignored() {
    let mut hand = ByHand { search: Search::new(theorem(), config()), at_ms: 0 };
    check(
        &hand.feed(Event::Opened { outcome: open(0), declarations: Declarations::default(), cost: COST }),
        &expect![[""]],
    );
    check(&hand.feed(Event::Tick), &expect![[""]]);
    let mut hand = ByHand::opened(config());
    let before = hand.search.tree().clone();
    check(&hand.feed(Event::Started), &expect![[""]]);
    check(&hand.checked(0, vec![StepOutcome::Proved]), &expect![[""]]);
    check(&hand.proposed(99, &[("a", 0.0)]), &expect![[""]]);
    check(&hand.rechecked(0, true), &expect![[""]]);
    assert_eq!(hand.search.tree(), &before);
    assert!(hand.search.path(NodeId(99)).is_empty() && hand.search.goals(NodeId(99)).is_empty());
    check(&hand.feed(Event::Cancelled), &expect![["finish: Cancelled"]]);
}

#[test]
fn a_log_is_one_header_and_one_line_per_event() {
    let events = [
        TimedEvent { at_ms: 0, event: Event::Started },
        TimedEvent {
            at_ms: 3,
            event: Event::Opened { outcome: open(0), declarations: Declarations::default(), cost: COST },
        },
        TimedEvent {
            at_ms: 4,
            event: Event::Proposed {
                node: NodeId(0),
                candidates: vec![Candidate { tactic: "a".into(), logprob: -0.1, n_tokens: 2 }],
                cost: ModelCost { generated_tokens: 2, ..ModelCost::default() },
            },
        },
        TimedEvent {
            at_ms: 5,
            event: Event::Checked { node: NodeId(0), outcomes: vec![StepOutcome::Proved], cost: COST },
        },
        TimedEvent { at_ms: 6, event: Event::Rechecked { node: NodeId(0), verdict: verdict(true), cost: COST } },
    ];
    let text: String = std::iter::once(header(config()).to_line()).chain(events.iter().map(log::event_line)).collect();
    check(
        &text,
        &expect![[r#"
            {"stepwise_log":1,"theorem":{"name":"t","imports":["Init"],"preamble":"open Nat","statement":"theorem t : ∀ n : ℕ, n = n"},"config":{"rule":"sum","passes":1,"samples":4,"expansions":10,"wall_ms":null,"tactics":null,"lean_cpu_ms":null,"in_flight":1,"seed":7},"policy":"simulated 1","lean":"none"}
            {"at_ms":0,"event":"started"}
            {"at_ms":3,"event":"opened","outcome":{"open":[{"target":"P 0","text":"⊢ P 0"}]},"cost":{"cpu_us":2000,"wall_us":3000}}
            {"at_ms":4,"event":"proposed","node":0,"candidates":[{"tactic":"a","logprob":-0.1,"n_tokens":2}]}
            {"at_ms":5,"event":"checked","node":0,"outcomes":["proved"],"cost":{"cpu_us":2000,"wall_us":3000}}
            {"at_ms":6,"event":"rechecked","node":0,"verdict":{"accepted":true,"reasons":[],"checker":"simulated","lean_version":"none","axioms":[]},"cost":{"cpu_us":2000,"wall_us":3000}}
        "#]],
    );
    let read = log::read(text.as_bytes()).unwrap();
    assert_eq!((read.header.clone(), read.events.as_slice(), read.torn), (header(config()), events.as_slice(), false));
    assert!(matches!(read.replay().end(), Some(SearchEnd::Proved { .. })));
    assert_eq!(read.last_ms(), 6);
}

#[test]
fn damage_is_told_from_a_torn_end() {
    let start =
        format!("{}{}", header(config()).to_line(), log::event_line(&TimedEvent { at_ms: 0, event: Event::Started }));
    let torn = log::read(&[start.as_bytes(), b"{\"at_ms\":1,\"ev\xe2\x80"].concat()).unwrap();
    assert_eq!((torn.events.len(), torn.good_bytes, torn.torn), (1, start.len(), true));

    let error = |bytes: &[u8]| log::read(bytes).unwrap_err().to_string();
    check(
        &error(format!("{start}{{\"at_ms\":1}}\n").as_bytes()),
        &expect!["line 3 is damaged: missing field `event`; cut the file before this line to keep what precedes it"],
    );
    check(
        &error(b"{\"stepwise_log\":1,\"theo"),
        &expect!["the log has no complete first line: nothing was recorded, start the search anew"],
    );
    check(
        &error(b"{\"stepwise_log\":2}\n"),
        &expect!["the log has format version 2, and this stepwise reads version 1: use the stepwise that wrote it"],
    );
    check(
        &error(b"hello\n"),
        &expect!["line 1 is not the header of a stepwise log: expected value at line 1 column 1"],
    );
    assert!(matches!(log::read(b""), Err(LogError::Empty)));
}

fn configs() -> impl Strategy<Value = SearchConfig> {
    let priority = prop_oneof![
        Just(Priority::Sum),
        Just(Priority::Average),
        (0.0..1.0).prop_map(|alpha| Priority::LengthNormalised { alpha }),
    ];
    let order =
        prop_oneof![Just(Order::BestFirst), Just(Order::CriticGuided), Just(Order::SharedTree), Just(Order::TwoTrees)];
    let limit = |most: u64| prop_oneof![5 => Just(None), 1 => (0..most).prop_map(Some)];
    let size = (0_u32..3, 0_u32..8, 0_u32..20);
    let limits = (limit(80), limit(60), limit(900), limit(60), limit(60));
    let budget = (size, limits).prop_map(|((passes, samples, expansions), limits)| {
        let (wall_ms, tactics, tokens, lean_cpu_ms, cost_ms) = limits;
        Budget { passes, samples, expansions, wall_ms, tactics, tokens, lean_cpu_ms, cost_ms }
    });
    (order, priority, budget, 0_u32..4, any::<u64>()).prop_map(|(order, priority, budget, in_flight, seed)| {
        SearchConfig { order, priority, in_flight, seed, ..SearchConfig::best_first(budget) }
    })
}

proptest! {
    /// Every prefix of the log rebuilds the machine that wrote it, and a search resumed there ends as if nothing had
    /// happened, through JSON and with a torn line at the end.
    #[test]
    fn every_prefix_of_a_log_rebuilds_and_resumes(config in configs(), seed in any::<u64>()) {
        let mut live = Search::new(theorem(), config.clone());
        let trace = SimulatedExecutor::new(seed).run(&mut live);
        prop_assert!(live.end().is_some());
        prop_assert!(live.outstanding().is_empty());

        let mut shadow = Search::new(theorem(), config.clone());
        let mut text = header(config).to_line();
        for (n_events, (event, commands)) in trace.iter().enumerate() {
            let bytes = [text.as_bytes(), b"{\"torn"].concat();
            let log = log::read(&bytes).unwrap();
            prop_assert_eq!((log.good_bytes, log.events.len()), (text.len(), n_events));
            let rebuilt = log.replay();
            prop_assert_eq!(&rebuilt, &shadow);

            let mut resumed = rebuilt;
            let mut executor = SimulatedExecutor::new(seed);
            executor.at_ms = event.at_ms;
            executor.queue.extend(resumed.outstanding());
            executor.run(&mut resumed);
            prop_assert_eq!(&resumed, &live);

            prop_assert_eq!(&shadow.handle(event.clone()), commands);
            text.push_str(&log::event_line(event));
        }
        prop_assert_eq!(log::read(text.as_bytes()).unwrap().replay(), live);
    }

    /// What every search must keep, whatever happens in it.
    #[test]
    fn searches_keep_their_budgets(config in configs(), seed in any::<u64>()) {
        let mut search = Search::new(theorem(), config.clone());
        let trace = SimulatedExecutor::new(seed).run(&mut search);
        let ledger = search.ledger();
        let budget = &config.budget;
        prop_assert!(ledger.expansions <= u64::from(budget.passes.max(1)) * u64::from(budget.expansions));
        prop_assert!(budget.tactics.is_none_or(|limit| ledger.tactics <= limit));
        let mut shadow = Search::new(theorem(), config.clone());
        for (event, commands) in &trace {
            shadow.handle(event.clone());
            for command in commands {
                if let Command::Check { tactics, .. } = command {
                    prop_assert!(tactics.len() <= budget.samples as usize);
                    prop_assert!((1..tactics.len()).all(|idx| !tactics[..idx].contains(&tactics[idx])));
                }
            }
            let outstanding = shadow.outstanding();
            let expansions = outstanding.iter().filter(|command| !matches!(command, Command::Recheck { .. }));
            prop_assert!(expansions.count() <= config.in_flight.max(1) as usize);
        }
        let finishes = trace.iter().flat_map(|(_, commands)| commands);
        prop_assert_eq!(finishes.filter(|command| matches!(command, Command::Finish { .. })).count(), 1);
        for node in search.tree().nodes() {
            prop_assert_eq!(search.path(node.id).len(), node.depth as usize);
        }
        if let Some(SearchEnd::Proved { proof, verdict }) = search.end() {
            prop_assert!(verdict.accepted && !proof.is_empty());
        }
    }
}

#[test]
fn the_simulation_meets_every_kind_of_end_and_edge() {
    let mut kinds = std::collections::BTreeMap::<String, u32>::new();
    for seed in 0..400_u64 {
        let limit = |every: u64, limit: u64| seed.is_multiple_of(every).then_some(limit);
        let budget = Budget {
            passes: 2,
            samples: 6,
            expansions: 12,
            wall_ms: limit(5, 20),
            tactics: limit(7, 30),
            tokens: limit(13, 150),
            lean_cpu_ms: limit(11, 12),
            cost_ms: limit(17, 14),
        };
        let order = if seed.is_multiple_of(3) { Order::SharedTree } else { Order::BestFirst };
        let mut search = Search::new(theorem(), SearchConfig { order, budget, in_flight: 2, ..config() });
        SimulatedExecutor::new(seed).run(&mut search);
        let end = match search.end() {
            Some(SearchEnd::OutOfBudget { what }) => (*what).to_owned(),
            Some(end) => format!("{end:?}"),
            None => "none".into(),
        };
        let edges = search.tree().edges().iter().map(|edge| format!("{:?}", edge.outcome));
        for kind in edges.chain([end]) {
            let word = kind.split(|c: char| !c.is_alphanumeric() && c != '-').next().unwrap_or_default();
            *kinds.entry(word.to_owned()).or_default() += 1;
        }
    }
    expect![[r#"
        {
            "Child": 6791,
            "Crashed": 692,
            "Duplicate": 322,
            "Exhausted": 78,
            "Failed": 2160,
            "OutOfMemory": 773,
            "Proved": 148,
            "Timeout": 725,
            "cost": 15,
            "expansions": 142,
            "lean-cpu": 22,
            "tactics": 23,
            "tokens": 23,
            "wall": 52,
        }
    "#]]
    .assert_debug_eq(&kinds);
}
