//! Details and jumps: a search that begins after tactics, and tactics that failed.

use expect_test::{Expect, expect};
use stepwise_core::search::EdgeId;

use super::*;
use crate::tree::sample;

fn replay() -> Replay {
    let (header, events) = sample::search(2, 3, true);
    let mut replay = Replay::begin(header);
    events.into_iter().for_each(|event| replay.push(event));
    replay
}

fn check(item: Item, expected: Expect) {
    let replay = replay();
    let detail = detail(&replay, &Family::of(replay.search().tree()), item);
    let facts: Vec<String> = detail.facts.iter().map(|(label, value)| format!("{label}: {value}")).collect();
    let jump = detail.jump.map_or("nowhere".into(), |jump| {
        format!("{} {}", if jump.is_before { "before" } else { "to" }, jump.tactics.join("; "))
    });
    let goals: Vec<&str> = detail.goals.iter().map(|goal| goal.target.as_str()).collect();
    let (facts, script) = (facts.join(", "), detail.script.join("; "));
    expected.assert_eq(&format!("{facts}\n{script}\n{:?} {goals:?}\njump {jump}\n", detail.message));
}

#[test]
fn the_way_begins_with_the_tactics_before_the_search() {
    check(
        Item::Root,
        expect![[r#"
        state: 0, depth: 0, visits: 2, priority: 0.000
        intro n
        None ["n + 1 < 2 ^ n * 1"]
        jump to intro n
    "#]],
    );
    check(
        Item::Tactic(EdgeId(0)),
        expect![[r#"
        log-probability: -0.870, tokens: 9, run at: 0.060 s, Lean took: 0.005 s for 3 tactics, pass: 1, state: 1, depth: 1, visits: 1, priority: -0.870
        intro n; rw [lemma_0_0]
        None ["n + 2 < 2 ^ n * 2"]
        jump to intro n; rw [lemma_0_0]
    "#]],
    );
}

#[test]
fn a_failed_tactic_leads_to_the_state_that_it_was_run_in() {
    let replay = replay();
    let edges = replay.search().tree().edges();
    let failed = edges.iter().find(|edge| matches!(edge.outcome, EdgeOutcome::Failed { .. })).unwrap().id;
    check(
        Item::Tactic(failed),
        expect![[r#"
        log-probability: -2.040, tokens: 9, run at: 0.060 s, Lean took: 0.005 s for 3 tactics, pass: 1
        intro n; rw [lemma_0_1]
        Some("unsolved goals & <more>") []
        jump before intro n
    "#]],
    );
}

#[test]
fn a_tactic_that_closed_the_last_goal_belongs_to_the_way() {
    let closer = replay().search().tree().edges().last().unwrap().id;
    check(
        Item::Tactic(closer),
        expect![[r#"
        log-probability: -3.850, tokens: 9, run at: 0.100 s, Lean took: 0.005 s for 3 tactics, pass: 1
        intro n; rw [lemma_0_0]; rw [lemma_1_2]
        None []
        jump to intro n; rw [lemma_0_0]; rw [lemma_1_2]
    "#]],
    );
}

#[test]
fn an_item_that_does_not_exist_yet_has_nothing_to_tell() {
    check(
        Item::Tactic(EdgeId(99)),
        expect![[r#"


        None []
        jump nowhere
    "#]],
    );
}
