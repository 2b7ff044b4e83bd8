//! What a run is about: the statements that it learns from, and the sets of problems that it is measured on.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwise_core::problem::Problem;
use stepwise_learn::corpus::is_known_to_hold;
use stepwise_learn::plan::Statement;
use stepwise_ledger::operations::NewProblem;

/// The name of the part of a ledger's problems that is trained on.
pub const TRAIN: &str = "train";

/// Problems that are never trained on.
#[derive(Clone, Debug)]
pub struct EvalSet {
    /// Its name, which is also that of a part of the ledger's problems.
    pub name: String,
    pub problems: Vec<Problem>,
}

/// The statements of a run and its evaluation sets, numbered as in its ledger: from 1, the statements first.
#[derive(Clone, Debug)]
pub struct Problems {
    all: Arc<Vec<Problem>>,
    n_statements: usize,
    /// Each evaluation set's name, and how many problems it has.
    sets: Vec<(String, usize)>,
}

impl Problems {
    /// Puts them in order.
    #[must_use]
    pub fn new(statements: Vec<Problem>, sets: Vec<EvalSet>) -> Self {
        let n_statements = statements.len();
        let sizes = sets.iter().map(|set| (set.name.clone(), set.problems.len())).collect();
        let mut all = statements;
        all.extend(sets.into_iter().flat_map(|set| set.problems));
        Self { all: Arc::new(all), n_statements, sets: sizes }
    }

    /// All of them, by their numbers less one.
    #[must_use]
    pub fn all(&self) -> Arc<Vec<Problem>> {
        Arc::clone(&self.all)
    }

    /// The statements that are trained on.
    #[must_use]
    pub fn statements(&self) -> &[Problem] {
        &self.all[..self.n_statements]
    }

    /// The evaluation sets, each with the number of its first problem.
    pub fn sets(&self) -> impl Iterator<Item = (&str, u64, &[Problem])> {
        let mut begin = self.n_statements;
        self.sets.iter().map(move |(name, n)| {
            let first = begin;
            begin += n;
            (name.as_str(), first as u64 + 1, &self.all[first..begin])
        })
    }

    /// The statements as a plan knows them. Negations are searched that can be stated, of what is not known to hold.
    #[must_use]
    pub fn planned(&self) -> Vec<Statement> {
        let statement = |problem: &Problem| Statement {
            name: problem.name.clone(),
            has_negation: !is_known_to_hold(problem) && problem.theorem.negation().is_some(),
        };
        self.statements().iter().map(statement).collect()
    }

    /// All of them as a ledger is given them.
    #[must_use]
    pub fn for_ledger(&self) -> Vec<NewProblem> {
        let new = |split: &str, problem: &Problem| NewProblem {
            split: split.to_owned(),
            name: problem.name.clone(),
            theorem: problem.theorem.clone(),
        };
        let mut problems: Vec<NewProblem> = self.statements().iter().map(|problem| new(TRAIN, problem)).collect();
        problems.extend(self.sets().flat_map(|(set, _, of_set)| of_set.iter().map(move |problem| new(set, problem))));
        problems
    }

    /// What each theorem that is trained on does without, by its name in Lean; of those only that do.
    #[must_use]
    pub fn without(&self) -> BTreeMap<String, Vec<String>> {
        let theorems = self.statements().iter().map(|problem| &problem.theorem);
        let theorems = theorems.filter(|theorem| !theorem.without.is_empty());
        let both = theorems.flat_map(|theorem| std::iter::once(theorem.clone()).chain(theorem.negation()));
        both.map(|theorem| (theorem.name, theorem.without)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(name: &str) -> Problem {
        Problem { name: name.to_owned(), ..Problem::default() }
    }

    #[test]
    fn numbers_go_through_the_statements_and_then_the_sets() {
        let set = |name: &str, names: &[&str]| EvalSet {
            name: name.to_owned(),
            problems: names.iter().map(|name| problem(name)).collect(),
        };
        let problems =
            Problems::new(vec![problem("a"), problem("b")], vec![set("held-out", &["c"]), set("test", &["a", "d"])]);
        let sets: Vec<(&str, u64, usize)> =
            problems.sets().map(|(name, first, set)| (name, first, set.len())).collect();
        assert_eq!(sets, [("held-out", 3, 1), ("test", 4, 2)]);
        let new = problems.for_ledger();
        let named: Vec<(&str, &str)> = new.iter().map(|new| (new.split.as_str(), new.name.as_str())).collect();
        assert_eq!(named, [("train", "a"), ("train", "b"), ("held-out", "c"), ("test", "a"), ("test", "d")]);
        assert_eq!(problems.all().len(), 5);
    }
}
