//! A search driven by hand, with answers as Lean and the models give them.

use expect_test::{Expect, expect};
use stepwise_core::cost::{LeanCost, ModelCost};
use stepwise_core::critic::Scores;
use stepwise_core::facts::Declarations;
use stepwise_core::goal::Goal;
use stepwise_core::outcome::Verdict;
use stepwise_core::policy::{Candidate, Proposals};
use stepwise_core::problem::Theorem;
use stepwise_core::search::{Budget, NodeId, Order, SearchConfig};
use stepwise_core::wire::log::LogHeader;
use stepwise_core::wire::{self, Outcome, Step};

use super::{Driver, Progress, Task, ending};

fn header(order: Order) -> LogHeader {
    let budget = Budget { wall_ms: Some(1000), ..Budget::new(4, 10) };
    LogHeader {
        theorem: Theorem { name: "t".into(), statement: "theorem t : p ∧ q".into(), ..Theorem::default() },
        prefix: vec!["intro".into()],
        config: SearchConfig { order, ..SearchConfig::best_first(budget) },
        policy: "p".into(),
        critic: None,
        lean: "l".into(),
    }
}

fn step(tactic: &str, state: Option<u32>, outcome: Outcome) -> Step {
    Step { tactic: tactic.into(), state, outcome, cost: wire::Cost { cpu_us: 100, wall_us: 200 } }
}

fn open(text: &str) -> Outcome {
    Outcome::Open(vec![wire::Goal::from(&Goal::parse(text))])
}

fn proposals(tactics: &[&str]) -> Proposals {
    let candidate = |tactic: &&str| Candidate { tactic: (*tactic).into(), logprob: -1.0, n_tokens: 2 };
    Proposals { candidates: tactics.iter().map(candidate).collect(), cost: ModelCost::default() }
}

fn check(task: Option<Task>, expected: Expect) {
    let shown = match task {
        Some(Task::Propose { node, request }) => format!("propose for {} after {:?}", node.0, request.history),
        Some(Task::Look { node, state, tactics }) => format!("look {tactics:?} for {} in state {state}", node.0),
        Some(Task::Check { node, state, tactics }) => format!("check {tactics:?} for {} in state {state}", node.0),
        Some(Task::Score { node, request }) => format!("score {} after {}", request.states.len(), node.0),
        Some(Task::Recheck { node, proof }) => format!("recheck {proof:?} for {}", node.0),
        None => "nothing".to_owned(),
    };
    expected.assert_eq(&shown);
}

#[test]
fn a_search_that_finds_a_proof() {
    let header = header(Order::CriticGuided);
    let mut driver = Driver::begin(&header, 7, vec![Goal::parse("⊢ p ∧ q")], Declarations::default());
    check(driver.next_task(), expect![[r#"propose for 0 after ["intro"]"#]]);
    driver.proposed(5, NodeId(0), proposals(&["simp", "constructor", "left"]));
    check(driver.next_task(), expect![[r#"check ["simp", "constructor", "left"] for 0 in state 7"#]]);
    let steps = vec![
        step("simp", None, Outcome::Failed("no".into())),
        step("constructor", Some(8), open("⊢ p")),
        step("left", Some(9), open("⊢ q")),
    ];
    driver.checked(9, NodeId(0), steps);
    check(driver.next_task(), expect!["score 2 after 0"]);
    driver.scored(12, NodeId(0), Scores { scores: vec![0.5, 2.0], cost: ModelCost::default() });
    assert_eq!(
        Progress::of(driver.search()),
        Progress { expansions: 2, tactics: 3, states: 3, best: Some(("constructor".into(), 0.5)), elapsed_ms: 12 }
    );
    check(driver.next_task(), expect![[r#"propose for 2 after ["intro", "left"]"#]]);
    driver.proposed(15, NodeId(2), proposals(&["exact hq"]));
    check(driver.next_task(), expect![[r#"check ["exact hq"] for 2 in state 9"#]]);
    driver.checked(18, NodeId(2), vec![step("exact hq", None, Outcome::Proved)]);
    check(driver.next_task(), expect![[r#"recheck ["intro", "left", "exact hq"] for 2"#]]);
    let verdict = Verdict {
        accepted: true,
        reasons: vec![],
        checker: "c".into(),
        lean_version: "4.28.0".into(),
        axioms: vec![],
        unopened: 0,
        notes: vec![],
    };
    driver.rechecked(20, NodeId(2), verdict, LeanCost::default());
    check(driver.next_task(), expect!["nothing"]);
    expect!["Proof found: 3 tactics"].assert_eq(&ending(driver.search()));
    // What was told makes the same tree again.
    let mut again = header.search();
    for event in driver.take_news() {
        again.handle(event);
    }
    assert_eq!(&again, driver.search());
    assert!(driver.take_news().is_empty());
}

#[test]
fn what_only_searches_is_replaced_by_what_it_finds() {
    let mut driver = Driver::begin(&header(Order::BestFirst), 7, vec![Goal::parse("⊢ p ∧ q")], Declarations::default());
    driver.next_task();
    driver.proposed(5, NodeId(0), proposals(&["simp", "exact?", "apply?"]));
    check(driver.next_task(), expect![[r#"look ["exact?", "apply?"] for 0 in state 7"#]]);
    let found = "`exact?` only searches, and is not kept in a proof. Try this:\n  [apply] exact foo";
    let steps = [("exact?", found), ("apply?", "nothing applies")];
    let steps = steps.map(|(tactic, message)| step(tactic, None, Outcome::Failed(message.into())));
    driver.looked(9, NodeId(0), steps.to_vec());
    check(driver.next_task(), expect![[r#"check ["simp", "exact foo", "apply?"] for 0 in state 7"#]]);
}

#[test]
fn time_ends_a_search() {
    let mut driver = Driver::begin(&header(Order::BestFirst), 7, vec![Goal::parse("⊢ p ∧ q")], Declarations::default());
    driver.tick(999);
    assert!(driver.search().end().is_none());
    driver.tick(1000);
    expect!["Not proved: the time is used up"].assert_eq(&ending(driver.search()));
    check(driver.next_task(), expect!["nothing"]);
}

#[test]
fn a_refused_proof_is_told_with_its_reason() {
    let mut driver = Driver::begin(&header(Order::BestFirst), 7, vec![Goal::parse("⊢ p ∧ q")], Declarations::default());
    driver.next_task();
    driver.proposed(5, NodeId(0), proposals(&["exact foo"]));
    driver.next_task();
    driver.checked(9, NodeId(0), vec![step("exact foo", None, Outcome::Proved)]);
    check(driver.next_task(), expect![[r#"recheck ["intro", "exact foo"] for 0"#]]);
    let verdict = Verdict {
        accepted: false,
        reasons: vec!["it rests on the axiom foo".into()],
        checker: "c".into(),
        lean_version: "4.28.0".into(),
        axioms: vec![],
        unopened: 0,
        notes: vec![],
    };
    driver.rechecked(20, NodeId(0), verdict, LeanCost::default());
    for told in [ending(driver.search()), crate::status::of_search(driver.search())] {
        expect![
            "Not proved: the recheck refused the proof that was found: it rests on the axiom foo; besides, no open state is left"
        ]
        .assert_eq(&told);
    }
}
