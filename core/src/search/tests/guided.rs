//! Searches that a critic guides: their order, their shares of the budget, and what they cost.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::*;

const ORDERS: [Order; 4] = [Order::BestFirst, Order::CriticGuided, Order::SharedTree, Order::TwoTrees];

fn guided(order: Order) -> SearchConfig {
    SearchConfig { order, ..config() }
}

#[test]
fn the_highest_score_is_expanded_first() {
    let mut hand = ByHand::opened(guided(Order::CriticGuided));
    hand.proposed(0, &[("a", -0.1), ("b", -3.0), ("c", -2.0)]);
    check(
        &hand.checked(0, vec![open(1), open(2), open(3)]),
        &expect![[r#"
        forget 0
        score [1, 2, 3] of 0"#]],
    );
    check(&show(&hand.search.outstanding()), &expect!["score [1, 2, 3] of 0"]);
    check(&hand.scored(0, &[-1.0, 2.5, 2.5]), &expect![[r#"propose 3 after ["c"]"#]]);
    // No new state, nothing to score; a policy without ideas leads to no state either.
    hand.proposed(3, &[("same", -0.1), ("bad", -0.1)]);
    check(
        &hand.checked(3, vec![open(1), failed()]),
        &expect![[r#"
        forget 3
        propose 2 after ["b"]"#]],
    );
    check(
        &hand.proposed(2, &[]),
        &expect![[r#"
        forget 2
        propose 1 after ["a"]"#]],
    );
    check(
        &hand.proposed(1, &[]),
        &expect![[r#"
        forget 1
        finish: Exhausted"#]],
    );
    let scores: Vec<_> = hand.search.tree().nodes().iter().map(|node| node.score).collect();
    assert_eq!(scores, [None, Some(-1.0), Some(2.5), Some(2.5)]);
    let ledger = hand.search.ledger();
    assert_eq!((ledger.tokens, ledger.prompt_tokens, ledger.critic_tokens), (48, 80, 32));
    assert_eq!((ledger.device_us, ledger.cost_us()), (2500, 2500 + 3 * COST.cpu_us));
}

#[test]
fn states_without_a_usable_score_come_last() {
    let mut hand = ByHand::opened(guided(Order::CriticGuided));
    hand.proposed(0, &[("a", -0.3), ("b", -0.1), ("c", -0.2), ("d", -9.0)]);
    hand.checked(0, vec![open(1), open(2), open(3), open(4)]);
    // The third has no score at all, and neither has the fourth.
    let mut order = vec![hand.scored(0, &[f64::NAN, f64::INFINITY])];
    for node in [2, 3, 1] {
        order.push(hand.proposed(node, &[]));
    }
    check(
        &order.join("\n"),
        &expect![[r#"
            propose 2 after ["b"]
            forget 2
            propose 3 after ["c"]
            forget 3
            propose 1 after ["a"]
            forget 1
            propose 4 after ["d"]"#]],
    );
    let mut hand = ByHand::opened(guided(Order::CriticGuided));
    hand.proposed(0, &[("a", -0.3), ("b", -0.1)]);
    hand.checked(0, vec![open(1), open(2)]);
    check(&hand.scored(0, &[f64::MIN, f64::NAN, 1.0]), &expect![[r#"propose 1 after ["a"]"#]]);
}

#[test]
fn nothing_is_scored_while_a_proof_is_rechecked() {
    let outcomes = || vec![open(1), StepOutcome::Proved];
    let mut hand = ByHand::opened(guided(Order::CriticGuided));
    hand.proposed(0, &[("a", -0.1), ("trick", -0.2)]);
    check(
        &hand.checked(0, outcomes()),
        &expect![[r#"
        forget 0
        recheck 0 ["trick"]"#]],
    );
    check(&hand.rechecked(0, false), &expect!["score [1] of 0"]);
    check(&hand.scored(0, &[0.5]), &expect![[r#"propose 1 after ["a"]"#]]);

    let mut hand = ByHand::opened(guided(Order::CriticGuided));
    hand.proposed(0, &[("a", -0.1), ("trick", -0.2)]);
    hand.checked(0, outcomes());
    check(&hand.rechecked(0, true), &expect![[r#"finish: proved by ["trick"]"#]]);
    assert_eq!(hand.search.ledger().critic_tokens, 0);
}

#[test]
fn one_tree_serves_both_orders_in_turn() {
    let mut hand = ByHand::opened(guided(Order::SharedTree));
    hand.proposed(0, &[("a", -0.1), ("b", -0.2), ("c", -0.3)]);
    hand.checked(0, vec![open(1), open(2), open(3)]);
    // The critic's turn, then best-first's, then the critic's again: what one expanded the other leaves alone.
    let mut order = vec![hand.scored(0, &[5.0, 1.0, 9.0])];
    for node in [3, 1, 2] {
        order.push(hand.proposed(node, &[]));
    }
    check(
        &order.join("\n"),
        &expect![[r#"
            propose 3 after ["c"]
            forget 3
            propose 1 after ["a"]
            forget 1
            propose 2 after ["b"]
            forget 2
            finish: Exhausted"#]],
    );
}

#[test]
fn best_first_goes_on_while_the_critic_thinks() {
    let mut hand = ByHand::opened(SearchConfig { in_flight: 2, ..guided(Order::SharedTree) });
    hand.proposed(0, &[("a", -0.1), ("b", -0.2)]);
    check(
        &hand.checked(0, vec![open(1), open(2)]),
        &expect![[r#"
            forget 0
            score [1, 2] of 0
            propose 1 after ["a"]"#]],
    );
    // State 1 is on its way already, so its score, the best, opens nothing.
    check(&hand.scored(0, &[9.0, 1.0]), &expect![[r#"propose 2 after ["b"]"#]]);
    check(&hand.proposed(1, &[]), &expect!["forget 1"]);

    // Nothing is left but what the critic has still to say: that is no end.
    let mut hand = ByHand::opened(SearchConfig { in_flight: 2, ..guided(Order::CriticGuided) });
    hand.proposed(0, &[("a", -0.1)]);
    check(
        &hand.checked(0, vec![open(1)]),
        &expect![[r#"
        forget 0
        score [1] of 0"#]],
    );
    check(&hand.feed(Event::Tick), &expect![""]);
    check(&hand.scored(0, &[]), &expect![[r#"propose 1 after ["a"]"#]]);
}

#[test]
fn two_trees_share_only_the_root() {
    let mut hand = ByHand::opened(SearchConfig { in_flight: 2, ..guided(Order::TwoTrees) });
    check(&hand.proposed(0, &[("a", -0.1)]), &expect![[r#"check 0 ["a"]"#]]);
    // Best-first's states are not scored, and only now is the root free for the other tree.
    check(
        &hand.checked(0, vec![open(1)]),
        &expect![[r#"
            propose 0 after []
            propose 1 after ["a"]"#]],
    );
    hand.proposed(0, &[("a", -0.1), ("b", -0.2)]);
    check(
        &hand.checked(0, vec![open(1), open(2)]),
        &expect![[r#"
            forget 0
            score [2, 3] of 0"#]],
    );
    assert_eq!(hand.search.children_of_check(NodeId(0)), [Some(NodeId(2)), Some(NodeId(3))]);
    let guides: Vec<_> = hand.search.tree().edges().iter().map(|edge| edge.guide).collect();
    assert_eq!(guides, [Guide::BestFirst, Guide::Critic, Guide::Critic]);
    check(&hand.proposed(1, &[]), &expect!["forget 1"]);
    check(
        &hand.scored(0, &[1.0, 2.0]),
        &expect![[r#"
        propose 3 after ["b"]
        propose 2 after ["a"]"#]],
    );
}

#[test]
fn tokens_and_all_costs_together_are_budgets() {
    let after_check = |tokens, cost_ms| {
        let budget = Budget { tokens, cost_ms, ..config().budget };
        let mut hand = ByHand::opened(SearchConfig { budget, ..guided(Order::CriticGuided) });
        hand.proposed(0, &[("a", -1.0)]);
        let commands = hand.checked(0, vec![open(1)]);
        (hand, commands)
    };
    check(
        &after_check(Some(12), None).1,
        &expect![[r#"
        forget 0
        finish: OutOfBudget { what: "tokens" }"#]],
    );
    // To open the statement and to check cost 2 ms each, the policy 0.5 ms.
    check(
        &after_check(None, Some(4)).1,
        &expect![[r#"
        forget 0
        finish: OutOfBudget { what: "cost" }"#]],
    );
    // The critic's 0.5 ms make 5 ms.
    let (mut hand, _) = after_check(None, Some(5));
    check(&hand.scored(0, &[0.0]), &expect![[r#"finish: OutOfBudget { what: "cost" }"#]]);
    let (mut hand, _) = after_check(Some(13), Some(6));
    check(&hand.scored(0, &[0.0]), &expect![[r#"propose 1 after ["a"]"#]]);
}

/// Runs a search in which every tactic opens a new state, to its end; the guides of the expansions in order.
fn expansions(config: SearchConfig) -> (Search, Vec<Guide>) {
    let mut search = Search::new(theorem(), config);
    let mut commands = search.handle(TimedEvent { at_ms: 0, event: Event::Started });
    let mut n_states = 0;
    while !commands.is_empty() {
        let event = match commands.remove(0) {
            Command::Open => Event::Opened { outcome: open(0), declarations: Declarations::default(), cost: COST },
            Command::Propose { node, .. } => {
                let candidate = |tactic: &str| Candidate { tactic: tactic.into(), logprob: -1.0, n_tokens: 1 };
                Event::Proposed { node, candidates: ["a", "b"].map(candidate).into(), cost: MODEL_COST }
            }
            Command::Check { node, .. } => {
                n_states += 2;
                Event::Checked { node, outcomes: vec![open(n_states), open(n_states + 1)], cost: COST }
            }
            Command::Score { node, .. } => Event::Scored { node, scores: vec![0.0, 1.0], cost: MODEL_COST },
            Command::Recheck { .. } | Command::Forget { .. } | Command::Finish { .. } => continue,
        };
        commands.extend(search.handle(TimedEvent { at_ms: 0, event }));
    }
    // Two edges per expansion.
    let guides = search.tree().edges().iter().step_by(2).map(|edge| edge.guide).collect();
    (search, guides)
}

#[test]
fn the_expansions_are_split_exactly_and_in_turn() {
    for (order, in_flight, n) in ORDERS
        .into_iter()
        .flat_map(|order| (1..4).flat_map(move |in_flight| (0..8).map(move |n| (order, in_flight, n))))
    {
        let budget = Budget { passes: 2, expansions: n, ..config().budget };
        let (search, guides) = expansions(SearchConfig { in_flight, budget, ..guided(order) });
        assert_eq!(search.end(), Some(&SearchEnd::OutOfBudget { what: "expansions" }));
        assert_eq!(search.ledger().expansions, 2 * u64::from(n));
        let (passes, n) = (search.tree().edges().chunk_by(|a, b| a.pass == b.pass), n as usize);
        for pass in passes {
            let n_guided = pass.iter().filter(|edge| edge.guide == Guide::Critic).count() / 2;
            let expected = match order {
                Order::BestFirst => 0,
                Order::CriticGuided => n,
                Order::SharedTree | Order::TwoTrees => n / 2,
            };
            assert_eq!((pass.len() / 2, n_guided), (n, expected), "{order:?}, {in_flight} in flight");
        }
        if in_flight == 1 && matches!(order, Order::SharedTree | Order::TwoTrees) {
            let in_turn = [Guide::BestFirst, Guide::Critic].into_iter().cycle().take(n);
            assert_eq!(guides, in_turn.clone().chain(in_turn).collect::<Vec<_>>());
        }
    }
}

/// `Less` when `a` comes before `b` in the guide's order.
fn order(guide: Guide, a: &Node, b: &Node) -> Ordering {
    let score = |node: &Node| node.score.unwrap_or(f64::NEG_INFINITY);
    let by_guide = match guide {
        Guide::BestFirst => b.priority.total_cmp(&a.priority),
        Guide::Critic => score(b).total_cmp(&score(a)).then(b.sum_logprob.total_cmp(&a.sum_logprob)),
    };
    by_guide.then(a.depth.cmp(&b.depth)).then(a.id.cmp(&b.id))
}

proptest! {
    /// What is expanded was the first of the open states in its guide's order, and nothing is expanded twice.
    #[test]
    fn every_expansion_was_the_best_one(config in configs(), seed in any::<u64>()) {
        let mut live = Search::new(theorem(), config.clone());
        let trace = SimulatedExecutor::new(seed).run(&mut live);
        let edges = live.tree().edges();
        // An expansion that ran no tactic has left no word of its guide.
        let guides: BTreeMap<(u32, NodeId), Guide> =
            edges.iter().map(|edge| ((edge.pass, edge.parent), edge.guide)).collect();
        let made_by = |node: &Node| node.parent.and_then(|edge| live.tree().edge(edge)).map(|edge| edge.guide);

        let mut shadow = Search::new(theorem(), config.clone());
        let mut times = BTreeMap::<(u32, NodeId), u32>::new();
        for (event, commands) in trace {
            shadow.handle(event);
            for command in &commands {
                let Command::Propose { node, request } = command else { continue };
                *times.entry((request.pass, *node)).or_default() += 1;
                let Some(node) = shadow.tree().node(*node).filter(|node| node.parent.is_some()) else { continue };
                prop_assert_eq!(node.pass, request.pass);
                let Some(guide) = guides.get(&(node.pass, node.id)).copied() else { continue };
                // The critic's guide cannot choose what the critic has not answered for yet.
                let outstanding = shadow.outstanding();
                let is_unscored = |rival: &Node| outstanding.iter().any(|command| {
                    matches!(command, Command::Score { children, .. } if children.contains(&rival.id))
                });
                for rival in shadow.tree().nodes() {
                    let is_open = rival.status == NodeStatus::Open && rival.parent.is_some() && rival.pass == node.pass;
                    let is_eligible = is_open && !(guide == Guide::Critic && is_unscored(rival));
                    if is_eligible && (config.order != Order::TwoTrees || made_by(rival) == Some(guide)) {
                        prop_assert_eq!(order(guide, node, rival), Ordering::Less);
                    }
                }
            }
        }
        for ((_, node), times) in times {
            prop_assert!(times == 1 || (times == 2 && node == NodeId(0) && config.order == Order::TwoTrees));
        }
        let all = config.budget.expansions;
        let share = |guide| match (config.order, guide) {
            (Order::BestFirst, Guide::BestFirst) | (Order::CriticGuided, Guide::Critic) => all,
            (Order::BestFirst, Guide::Critic) | (Order::CriticGuided, Guide::BestFirst) => 0,
            (_, Guide::BestFirst) => all.div_ceil(2),
            (_, Guide::Critic) => all / 2,
        };
        let mut n_made = BTreeMap::<(u32, Guide), u32>::new();
        for ((pass, _), guide) in guides {
            *n_made.entry((pass, guide)).or_default() += 1;
        }
        for ((_, guide), n_made) in n_made {
            prop_assert!(n_made <= share(guide));
        }
    }

    /// A search ends as exhausted exactly when it has expanded everything, and a limit that it names was reached.
    #[test]
    fn searches_end_for_the_reason_that_they_name(config in configs(), seed in any::<u64>()) {
        let mut search = Search::new(theorem(), config.clone());
        SimulatedExecutor { proved_every: 0, ..SimulatedExecutor::new(seed) }.run(&mut search);
        let is_open = search.tree().nodes().iter().any(|node| node.status != NodeStatus::Expanded);
        let (ledger, budget) = (search.ledger(), &config.budget);
        let reached = |limit: Option<u64>, spent| limit.is_some_and(|limit| spent >= limit);
        match search.end() {
            Some(SearchEnd::Exhausted) => prop_assert!(!is_open),
            Some(SearchEnd::OutOfBudget { what: "expansions" }) => {
                prop_assert!(is_open);
                // With one order all must be used up; of two, one may have run dry.
                let n_orders = match config.order {
                    Order::BestFirst | Order::CriticGuided => 1,
                    Order::SharedTree | Order::TwoTrees => 2,
                };
                prop_assert!(ledger.expansions >= u64::from(budget.expansions / n_orders));
            }
            Some(SearchEnd::OutOfBudget { what }) => {
                let is_reached = match *what {
                    "wall" => reached(budget.wall_ms, ledger.wall_ms),
                    "tactics" => reached(budget.tactics, ledger.tactics),
                    "tokens" => reached(budget.tokens, ledger.tokens),
                    "lean-cpu" => reached(budget.lean_cpu_ms, ledger.lean_cpu_us / 1000),
                    "cost" => reached(budget.cost_ms, ledger.cost_us() / 1000),
                    _ => false,
                };
                prop_assert!(is_reached, "{}", what);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    /// The ledger is the sum of what the answers cost that the search waited for.
    #[test]
    fn the_ledger_adds_up(config in configs(), seed in any::<u64>()) {
        // A wall clock that runs out drops what is in flight, and its costs with it.
        let config = SearchConfig { budget: Budget { wall_ms: None, ..config.budget }, ..config };
        let mut search = Search::new(theorem(), config.clone());
        let trace = SimulatedExecutor::new(seed).run(&mut search);
        let mut shadow = Search::new(theorem(), config);
        let (mut lean, mut policy, mut critic) = (0, ModelCost::default(), ModelCost::default());
        for (event, _) in trace {
            if shadow.end().is_some() {
                break;
            }
            match &event.event {
                Event::Opened { cost, .. } | Event::Checked { cost, .. } | Event::Rechecked { cost, .. } => {
                    lean += cost.cpu_us;
                }
                Event::Proposed { cost, .. } => policy += *cost,
                Event::Scored { cost, .. } => critic += *cost,
                Event::Started | Event::Charged { .. } | Event::Tick | Event::Cancelled => {}
            }
            shadow.handle(event);
        }
        let ledger = search.ledger();
        prop_assert_eq!((ledger.tokens, ledger.prompt_tokens), (policy.generated_tokens, policy.prompt_tokens));
        prop_assert_eq!(ledger.critic_tokens, critic.prompt_tokens);
        prop_assert_eq!(ledger.device_us, policy.device_us + critic.device_us);
        prop_assert_eq!(ledger.cost_us(), lean + ledger.device_us);
    }

    /// A tick that is not due can be left out of the log, and one that is due acts once.
    #[test]
    fn ticks_that_are_not_due_change_nothing(config in configs(), seed in any::<u64>()) {
        let mut live = Search::new(theorem(), config.clone());
        let trace = SimulatedExecutor::new(seed).run(&mut live);
        let mut shadow = Search::new(theorem(), config);
        for (event, _) in trace {
            let mut ticked = shadow.clone();
            let is_due = ticked.is_tick_due(event.at_ms);
            let commands = ticked.handle(TimedEvent { at_ms: event.at_ms, event: Event::Tick });
            if is_due {
                prop_assert!(!ticked.is_tick_due(event.at_ms));
                prop_assert!(ticked.end().is_some() || ticked.outstanding().len() == 1);
            } else {
                prop_assert!(commands.is_empty());
                ticked.handle(event.clone());
            }
            shadow.handle(event);
            prop_assert!(is_due || ticked == shadow);
        }
    }
}

#[test]
fn a_guided_search_has_its_own_lines_in_the_log() {
    let budget = Budget { tokens: Some(9), cost_ms: Some(8), ..config().budget };
    let with_critic = LogHeader {
        critic: Some("simulated critic 1".into()),
        ..header(SearchConfig { budget, ..guided(Order::SharedTree) })
    };
    let scored = Event::Scored { node: NodeId(0), scores: vec![-0.25, f64::NAN], cost: MODEL_COST };
    let candidates = vec![Candidate { tactic: "a".into(), logprob: -0.1, n_tokens: 2 }];
    let proposed = Event::Proposed { node: NodeId(0), candidates, cost: MODEL_COST };
    let events = [proposed, scored].map(|event| log::event_line(&TimedEvent { at_ms: 5, event }));
    let text = format!("{}{}", with_critic.to_line(), events.concat());
    check(
        &text,
        &expect![[r#"
        {"stepwise_log":1,"theorem":{"name":"t","imports":["Init"],"preamble":"open Nat","statement":"theorem t : ∀ n : ℕ, n = n"},"config":{"search":"shared_tree","rule":"sum","passes":1,"samples":4,"expansions":10,"wall_ms":null,"tactics":null,"tokens":9,"lean_cpu_ms":null,"cost_ms":8,"in_flight":1,"seed":7},"policy":"simulated 1","critic":"simulated critic 1","lean":"none"}
        {"at_ms":5,"event":"proposed","node":0,"candidates":[{"tactic":"a","logprob":-0.1,"n_tokens":2}],"cost":{"prompt_tokens":20,"generated_tokens":12,"device_us":500}}
        {"at_ms":5,"event":"scored","node":0,"scores":[-0.25,null],"cost":{"prompt_tokens":20,"generated_tokens":12,"device_us":500}}
    "#]],
    );
    let read = log::read(text.as_bytes()).unwrap();
    assert_eq!(read.header, with_critic);
    // Not a number is not equal to itself, so the lines are compared.
    let again: Vec<String> = read.events.iter().map(log::event_line).collect();
    assert_eq!(again, events);
}
