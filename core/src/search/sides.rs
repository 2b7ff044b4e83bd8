//! How a statement and its negation are searched side by side on one budget.
//!
//! The statement begins, and is never kept waiting. When a tenth of its budget has gone by without a proof, or its search
//! is over, its negation is searched beside it: it may spend a quarter of what the statement's search has spent, a fifth
//! of everything, until that is over, and then what is left. Both searches charge each other with what they spend, so
//! that either ends when the budget of both is used up.

use super::{Budget, CostLedger, SearchConfig};

/// Whether a statement's negation is searched too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disprove {
    /// The statement only.
    #[default]
    Never,
    /// The negation too, once a tenth of the budget has gone by without a proof.
    Auto,
    /// Both from the beginning, each with as much as the other.
    Always,
}

/// One of the two searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Statement,
    Negation,
}

/// The part of the budget after which the negation is searched.
const PATIENCE: f64 = 0.1;

/// Wall time after which it is searched however large the budget is, in milliseconds: who gave ten minutes does not want
/// to wait for one to hear that `n < 5` is false for 5.
const PATIENCE_MS: u64 = 10_000;

/// The statement's search may spend this many times as much as the negation's.
const ODDS: u64 = 4;

/// How one of two searches stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// What it has spent itself.
    pub own: CostLedger,
    /// Whether it has ended.
    pub is_over: bool,
}

/// Whether the search of a statement's negation may begin new work. That of the statement always may.
#[must_use]
pub fn negation_may_begin(disprove: Disprove, budget: &Budget, statement: &Standing, negation: &Standing) -> bool {
    if negation.is_over || disprove == Disprove::Never {
        return false;
    }
    if statement.is_over {
        return true;
    }
    let odds = if disprove == Disprove::Always { 1 } else { ODDS };
    let is_early = disprove == Disprove::Auto
        && statement.own.wall_ms < PATIENCE_MS
        && (statement.own.tactics == 0 || budget.share_spent(&statement.own) < PATIENCE);
    // Work in all, not wall time: the clock goes on for both.
    let is_behind = negation.own.cost_us().saturating_mul(odds) < statement.own.cost_us();
    !is_early && is_behind
}

/// What the negation's search is configured by: a quarter of the expansions, each with so many more candidates, and the
/// same limits, which hold for both searches together.
#[must_use]
pub fn negation_config(statement: &SearchConfig, n_more: u32) -> SearchConfig {
    let mut config = statement.clone();
    config.budget.expansions = config.budget.expansions.div_ceil(4);
    config.budget.samples = config.budget.samples.saturating_add(n_more);
    config.budget.passes = 1;
    config
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::syntax::Withheld;

    fn budget(wall_ms: Option<u64>) -> Budget {
        Budget { wall_ms, ..Budget::new(16, 100) }
    }

    fn standing(wall_ms: u64, cpu_ms: u64, expansions: u64) -> Standing {
        let tactics = expansions * 16;
        let own = CostLedger { wall_ms, lean_cpu_us: cpu_ms * 1000, expansions, tactics, ..CostLedger::default() };
        Standing { own, is_over: false }
    }

    #[test]
    fn the_negation_waits_for_a_tenth_of_the_budget_and_then_gets_a_fifth() {
        let budget = budget(Some(60_000));
        // A simulated machine that halves its time where both have work.
        let (mut s, mut n) = (standing(0, 0, 1), standing(0, 0, 0));
        let mut shown = Vec::new();
        for now in (500..=60_000).step_by(500) {
            let share = if negation_may_begin(Disprove::Auto, &budget, &s, &n) { 250_000 } else { 0 };
            s.own.lean_cpu_us += 500_000 - share;
            n.own.lean_cpu_us += share;
            s.own.wall_ms = now;
            n.own.wall_ms = now;
            if now % 10_000 == 0 || now == 6000 {
                shown.push(format!("{now} ms: {} to {}", s.own.lean_cpu_us / 1000, n.own.lean_cpu_us / 1000));
            }
        }
        expect![[r#"
            6000 ms: 6000 to 0
            10000 ms: 8000 to 2000
            20000 ms: 16000 to 4000
            30000 ms: 24000 to 6000
            40000 ms: 32000 to 8000
            50000 ms: 40000 to 10000
            60000 ms: 48000 to 12000"#]]
        .assert_eq(&shown.join("\n"));
    }

    #[test]
    fn any_limit_and_a_long_wait_end_the_patience() {
        let nothing = Standing::default();
        let begins = |budget: &Budget, s: Standing| negation_may_begin(Disprove::Auto, budget, &s, &nothing);
        assert!(!begins(&budget(None), standing(9_000, 9_000, 9)));
        assert!(begins(&budget(None), standing(9_000, 9_000, 10)));
        assert!(begins(&budget(Some(600_000)), standing(10_000, 9_000, 1)));
        let by_cost = Budget { cost_ms: Some(30_000), ..budget(None) };
        assert!(!begins(&by_cost, standing(100, 2_999, 1)));
        assert!(begins(&by_cost, standing(100, 3_000, 1)));
        // What Lean takes to open the statement is no attempt at it.
        assert!(!begins(&by_cost, standing(5_000, 5_000, 0)));
    }

    #[test]
    fn what_is_over_leaves_the_rest_to_the_other() {
        let over = |standing: Standing| Standing { is_over: true, ..standing };
        let (early, late) = (standing(1, 1, 1), standing(50_000, 50_000, 50));
        let budget = budget(Some(60_000));
        let begins = |disprove, s: &Standing, n: &Standing| negation_may_begin(disprove, &budget, s, n);
        assert!(begins(Disprove::Auto, &over(early), &Standing::default()));
        assert!(!begins(Disprove::Auto, &late, &over(early)));
        assert!(!begins(Disprove::Never, &late, &Standing::default()));
        assert!(begins(Disprove::Always, &early, &Standing::default()));
        assert!(!begins(Disprove::Always, &early, &early));
    }

    #[test]
    fn the_negation_has_a_quarter_of_the_expansions_and_the_same_limits() {
        let budget = Budget { passes: 4, ..budget(Some(5)) };
        let withhold: Withheld = "grind".parse().unwrap();
        let statement = SearchConfig {
            in_flight: 2,
            seed: 3,
            widen: true,
            withhold: withhold.clone(),
            ..SearchConfig::best_first(budget)
        };
        let config = negation_config(&statement, 40);
        assert_eq!((config.budget.expansions, config.budget.samples, config.budget.passes), (25, 56, 1));
        assert_eq!((config.budget.wall_ms, config.in_flight, config.seed), (Some(5), 2, 3));
        assert_eq!(config.withhold, withhold, "what a proof does without, a disproof does without");
    }
}
