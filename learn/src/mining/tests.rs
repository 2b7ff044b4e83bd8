//! What proofs teach, on searches that the simulated executor makes.

use super::*;
use stepwise_core::problem::Theorem;
use stepwise_core::search::simulated::SimulatedExecutor;
use stepwise_core::search::{Budget, Order, SearchConfig, SearchEnd};

/// A search among states that the simulation invents; the simulation decides nothing about what is mined.
fn searched(seed: u64, order: Order) -> Search {
    let budget = Budget { passes: 2, ..Budget::new(8, 60) };
    let config = SearchConfig { order, seed, ..SearchConfig::best_first(budget) };
    let mut search = Search::new(Theorem { name: "t".into(), ..Theorem::default() }, config);
    SimulatedExecutor::new(seed).run(&mut search);
    search
}

fn searches() -> impl Iterator<Item = Search> {
    let orders = [Order::BestFirst, Order::CriticGuided, Order::SharedTree, Order::TwoTrees];
    (0..60).map(move |seed| searched(seed, orders[seed as usize % 4]))
}

#[test]
fn steps_are_the_accepted_proof_with_the_states_that_it_passes() {
    let mut n_proved = 0;
    for search in searches() {
        let steps = steps(&search);
        let Some(SearchEnd::Proved { proof, .. }) = search.end() else {
            assert!(steps.is_empty() && preferences(&search, 0).is_empty(), "only proofs teach");
            continue;
        };
        n_proved += 1;
        let tactics: Vec<&str> = steps.iter().map(|step| step.tactic.as_str()).collect();
        assert_eq!(tactics, proof.iter().map(String::as_str).collect::<Vec<_>>());
        let root = search.tree().nodes().first().map(|root| state_text(&root.goals));
        assert_eq!(steps.first().map(|step| step.state.clone()), root);
        for (idx, step) in steps.iter().enumerate() {
            assert_eq!(step.history, proof[..idx]);
            assert_eq!(step.distance as usize, proof.len() - idx);
        }
    }
    assert!(n_proved > 10, "{n_proved} of 60 simulated searches end with a proof");
}

#[test]
fn pairs_put_what_is_on_the_path_and_later_first() {
    let (mut n_path, mut n_sibling) = (0, 0);
    for search in searches() {
        let states: Vec<String> = steps(&search).into_iter().map(|step| step.state).collect();
        let place = |state: &str| match state {
            NO_GOALS => Some(states.len()),
            other => states.iter().position(|known| known == other),
        };
        for pair in preferences(&search, 1) {
            let better = place(&pair.better).expect("the better state is on the path");
            match pair.relation {
                Relation::Path => {
                    n_path += 1;
                    assert!(better > place(&pair.worse).expect("both are on the path"), "{pair:?}");
                }
                Relation::Sibling => {
                    n_sibling += 1;
                    assert_eq!(place(&pair.worse), None, "{pair:?}");
                }
            }
        }
    }
    assert!(n_path > 10 && n_sibling > 30, "{n_path} path pairs, {n_sibling} sibling pairs");
}

#[test]
fn one_pair_with_no_goals_in_ten_is_kept() {
    let proved: Vec<Search> = searches().filter(|search| !steps(search).is_empty()).collect();
    let count = |kept: fn(&Preference) -> bool| {
        let of_all = (0..200).flat_map(|seed| proved.iter().flat_map(move |search| preferences(search, seed)));
        of_all.filter(kept).count() as f64
    };
    // A path pair of each state of the path but the last with the end.
    let n_candidates: usize =
        proved.iter().map(|search| BTreeSet::from_iter(steps(search).into_iter().map(|s| s.state)).len()).sum();
    let kept = count(|pair| pair.better == NO_GOALS && pair.relation == Relation::Path);
    let share = kept / (200 * n_candidates) as f64;
    assert!((0.08..0.12).contains(&share), "{share}");
}
