//! Plans, carried out by an executor that invents what happens.

use expect_test::expect;
use proptest::prelude::*;
use stepwise_core::problem::Theorem;
use stepwise_core::record::{ProblemRecord, Run};
use stepwise_core::search::{Event as SearchEvent, Search, SearchConfig, TimedEvent};

use super::*;
use crate::run::{Preference, Relation, Step};

fn settings(rounds: u32) -> Settings {
    Settings {
        rounds,
        seed: 3,
        scan: Budget::new(8, 10),
        deep: Budget::new(8, 100),
        ramp: 2.0,
        deep_share: 0.5,
        shorten_share: 0.5,
        detail_share: 1.0,
        eval: Budget::new(8, 20),
        concurrency: 2,
    }
}

fn statements(n: usize) -> Vec<Statement> {
    (0..n).map(|idx| Statement { name: format!("p{idx}"), has_negation: idx % 2 == 0 }).collect()
}

/// A search that came to this, by a proof of so many tactics where it is proved.
fn trial(stage: Stage, side: Side, name: &str, status: Status, length: u64) -> Trial {
    let config = SearchConfig::best_first(Budget::new(1, 1));
    let run = Run::new(&config, "test", None, "none");
    let mut search = Search::new(Theorem::default(), config);
    search.handle(TimedEvent { at_ms: 0, event: SearchEvent::Started });
    search.handle(TimedEvent { at_ms: 0, event: SearchEvent::Cancelled });
    let record = ProblemRecord::of(name, &search, &run).expect("a cancelled search has ended");
    let proof_length = (status == Status::Proved).then_some(length);
    let record = ProblemRecord { status, proof_length, seconds: 4.0, ..record };
    let (steps, preferences) = match status {
        Status::Proved => (
            vec![Step {
                theorem: name.to_owned(),
                history: Vec::new(),
                state: format!("⊢ {name}"),
                tactic: "simp".to_owned(),
                distance: 1,
            }],
            vec![Preference { relation: Relation::Path, better: "no goals".to_owned(), worse: format!("⊢ {name}") }],
        ),
        _ => (Vec::new(), Vec::new()),
    };
    Trial { stage, side, root: Some(format!("⊢ {name}")), steps, preferences, record }
}

/// Carries a plan out; `invent` says what each search comes to. Gives the commands as they came.
fn carried_out(
    settings: Settings,
    statements: Vec<Statement>,
    solved: &[u64],
    mut invent: impl FnMut(&Searches, &str, Side) -> Option<(Status, u64)>,
) -> (Vec<Command>, Vec<Event>) {
    let names: Vec<String> = statements.iter().map(|statement| statement.name.clone()).collect();
    let (mut plan, mut commands) = Plan::begin(settings, statements);
    let (mut all, mut events) = (commands.clone(), Vec::new());
    let mut tell = |plan: &mut Plan, event: Event| {
        events.push(event.clone());
        let commands = plan.handle(event);
        all.extend(commands.clone());
        commands
    };
    while let Some(command) = commands.pop() {
        // Of the commands that come together all but the last ask for nothing.
        commands = match command {
            Command::Seed(searches) => {
                let mut cancelled = BTreeSet::new();
                for (idx, side) in &searches.order {
                    let name = &names[*idx];
                    if cancelled.contains(name) {
                        continue;
                    }
                    let Some((status, length)) = invent(&searches, name, *side) else { continue };
                    let trial = trial(searches.stage, *side, name, status, length);
                    for command in tell(&mut plan, Event::Trial(Box::new(trial))) {
                        let Command::Cancel(name) = command else { panic!("{command:?} in the middle of a stage") };
                        cancelled.insert(name);
                    }
                }
                tell(&mut plan, Event::Ended)
            }
            Command::Rank { names, .. } => {
                let scores = names.iter().map(|name| (name.clone(), name.len() as f64)).collect();
                tell(&mut plan, Event::Ranked(scores))
            }
            Command::Train(train) => {
                let accuracy = Some(0.5 + 0.1 * f64::from(train.round % 2));
                tell(
                    &mut plan,
                    Event::Trained(Training { accuracy, accuracy_before: Some(0.6), ..Training::default() }),
                )
            }
            Command::Evaluate(evaluate) => {
                let solved = solved[evaluate.round as usize - 1];
                let rates = evaluate.configurations.iter().map(|configuration| configuration.name.to_owned());
                let rates = rates.map(|name| (name, PassRate { solved, total: 10 })).collect();
                let pass_rates = PassRates::from([("held-out".to_owned(), rates)]);
                tell(&mut plan, Event::Evaluated(Evaluation { pass_rates, cost: StageCost::default() }))
            }
            Command::Finish(_) | Command::Cancel(_) => Vec::new(),
        };
    }
    (all, events)
}

fn shown(command: &Command) -> String {
    match command {
        Command::Seed(Searches { round, stage, order, budget, policy, critic, .. }) => {
            let sides = |side| order.iter().filter(|(_, of)| *of == side).count();
            format!(
                "round {round}: {} of {} and {} negations, {} expansions, by {policy:?} and {critic:?}",
                stage.name(),
                sides(Side::Statement),
                sides(Side::Negation),
                budget.expansions
            )
        }
        Command::Cancel(name) => format!("cancel {name}"),
        Command::Rank { names, critic } => format!("rank {} by {critic:?}", names.len()),
        Command::Train(TrainModel { round, role, best }) => format!("round {round}: train a {role:?}, best {best:?}"),
        Command::Evaluate(Evaluate { round, configurations, .. }) => {
            let names: Vec<&str> = configurations.iter().map(|configuration| configuration.name).collect();
            format!("round {round}: evaluate {}", names.join(", "))
        }
        Command::Finish(round) => format!(
            "round {}: {} open, {} proved, {} disproved, {} shortened, {:?} steps, policy {}, critic {}",
            round.round,
            round.open,
            round.proved,
            round.disproved,
            round.shortened,
            round.steps,
            round.policy_kept,
            round.critic_kept
        ),
    }
}

/// Some are proved at once, some by the longer search, one is false, and a second search finds a shorter proof.
fn some(searches: &Searches, name: &str, side: Side) -> Option<(Status, u64)> {
    Some(match (searches.stage, side, name) {
        (Stage::Scan, Side::Statement, "p1" | "p3") => (Status::Proved, 3),
        (Stage::Scan, Side::Negation, "p4") => (Status::Proved, 1),
        (Stage::Deep, Side::Statement, "p0" | "p2" | "p5") if searches.round == 1 => (Status::Proved, 2),
        (Stage::Shorten, ..) => (Status::Proved, 1),
        (Stage::Detail, ..) => (Status::Proved, 5),
        _ => (Status::OutOfBudget, 0),
    })
}

#[test]
fn rounds_go_through_their_stages() {
    let (commands, _) = carried_out(settings(2), statements(8), &[5, 4], some);
    let shown: Vec<String> = commands.iter().map(shown).collect();
    expect![[r#"
        round 1: scan of 8 and 4 negations, 10 expansions, by Beginning and None
        cancel p1
        cancel p3
        cancel p4
        rank 5 by Beginning
        round 1: deep of 3 and 3 negations, 100 expansions, by Beginning and Some(Beginning)
        cancel p0
        cancel p2
        round 1: shorten of 2 and 0 negations, 10 expansions, by Beginning and None
        round 1: detail of 4 and 0 negations, 100 expansions, by Beginning and None
        round 1: train a Policy, best Beginning
        round 1: train a Critic, best Beginning
        round 1: evaluate bf, bf+cg, portfolio
        round 1: 8 open, 4 proved, 1 disproved, 2 shortened, 5 steps, policy true, critic true
        round 2: scan of 3 and 1 negations, 10 expansions, by Round(1) and None
        rank 3 by Round(1)
        round 2: deep of 2 and 0 negations, 200 expansions, by Round(1) and Some(Round(1))
        round 2: shorten of 1 and 0 negations, 10 expansions, by Round(1) and None
        round 2: detail of 4 and 0 negations, 100 expansions, by Round(1) and None
        round 2: train a Policy, best Round(1)
        round 2: train a Critic, best Round(1)
        round 2: evaluate bf, bf+cg
        round 2: 3 open, 0 proved, 0 disproved, 1 shortened, 5 steps, policy false, critic false"#]]
    .assert_eq(&shown.join("\n"));
}

#[test]
fn without_pairs_there_is_no_critic_and_a_better_policy_is_kept() {
    let (commands, _) = carried_out(settings(3), statements(4), &[2, 1, 2], |_, _, _| Some((Status::Exhausted, 0)));
    let is_critics = |command: &&Command| matches!(command, Command::Train(train) if train.role == Role::Critic);
    assert_eq!(commands.iter().filter(is_critics).count(), 0);
    let best: Vec<Origin> = commands
        .iter()
        .filter_map(|command| match command {
            Command::Train(train) => Some(train.best),
            _ => None,
        })
        .collect();
    assert_eq!(best, [Origin::Beginning, Origin::Round(1), Origin::Round(1)]);
}

#[test]
fn events_that_nobody_waits_for_change_nothing() {
    let (mut plan, _) = Plan::begin(settings(1), statements(2));
    let before = format!("{plan:?}");
    for event in
        [Event::Ranked(BTreeMap::new()), Event::Trained(Training::default()), Event::Evaluated(Evaluation::default())]
    {
        assert_eq!(plan.handle(event), []);
    }
    assert_eq!(format!("{plan:?}"), before);
    assert_eq!(Plan::begin(settings(0), statements(2)).1, []);
}

proptest! {
    #[test]
    fn told_the_same_a_new_plan_commands_the_same(seed in any::<u64>(), n in 1..30_usize) {
        let mut random = SplitMix64::new(seed);
        let invent = move |_: &Searches, _: &str, _: Side| match random.below(6) {
            0 => Some((Status::Proved, 1 + random.below(4) as u64)),
            1 => Some((Status::BadStatement, 0)),
            2 => None,
            _ => Some((Status::OutOfBudget, 0)),
        };
        let (commands, events) = carried_out(settings(3), statements(n), &[3, 5, 4], invent);
        let (mut plan, mut again) = Plan::begin(settings(3), statements(n));
        for event in events {
            again.extend(plan.handle(event));
        }
        prop_assert_eq!(&again, &commands);

        // What is solved or refused is not searched again, but for what is wanted of a solved one.
        let mut closed = BTreeSet::new();
        for command in &commands {
            match command {
                Command::Cancel(name) => prop_assert!(closed.insert(name.clone()), "{} is closed twice", name),
                Command::Seed(searches) => for (idx, side) in &searches.order {
                    let is_again = matches!(searches.stage, Stage::Shorten | Stage::Detail);
                    prop_assert_eq!(is_again, closed.contains(&format!("p{idx}")));
                    prop_assert!(*side == Side::Statement || !is_again && idx % 2 == 0);
                },
                _ => {}
            }
        }
        let n_finished = commands.iter().filter(|command| matches!(command, Command::Finish(_))).count();
        prop_assert_eq!(n_finished, 3);
    }
}
