//! A stage of searches: which statements and negations are searched in which order, and what each search leaves.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use stepwise_core::problem::Problem;
use stepwise_core::prompt::state_text;
use stepwise_core::record::ProblemRecord;
use stepwise_core::search::Search;
use stepwise_learn::corpus::is_known_to_hold;
use stepwise_learn::mining;
use stepwise_learn::progress::Progress;
use stepwise_learn::run::{Side, Stage, Trial};

use super::folder::Lines;
use crate::run::eval::{Eval, EvalError, Step, Turn, run_turns};

/// The statements of a run with their negations.
#[derive(Debug)]
pub struct Statements {
    /// The statements, and behind them, in the same order, their negations under the statements' names.
    problems: Vec<Problem>,
    n_statements: usize,
    /// Which negations are searched: those that can be stated, of statements that are not known to hold.
    has_negation: Vec<bool>,
}

/// One stage of a round.
pub struct StageRun<'a> {
    pub stage: Stage,
    /// The statements to search, by index, in this order; then their negations, but for what is solved.
    pub order: Vec<usize>,
    /// What searches the statements, and what searches the negations.
    pub evals: [Eval; 2],
    /// Where trials are written.
    pub trials: &'a mut Lines,
    /// What is known so far; grows as searches end.
    pub progress: &'a mut Progress,
}

impl Statements {
    /// States the negations.
    #[must_use]
    pub fn new(statements: Vec<Problem>) -> Self {
        let n_statements = statements.len();
        let negations: Vec<Option<Problem>> = statements
            .iter()
            .map(|problem| {
                let theorem = if is_known_to_hold(problem) { None } else { problem.theorem.negation() };
                theorem.map(|theorem| Problem { theorem, ..problem.clone() })
            })
            .collect();
        let has_negation = negations.iter().map(Option::is_some).collect();
        let mut problems = statements;
        problems.extend(negations.into_iter().map(Option::unwrap_or_default));
        Self { problems, n_statements, has_negation }
    }

    /// The statements.
    #[must_use]
    pub fn all(&self) -> &[Problem] {
        &self.problems[..self.n_statements]
    }

    /// What each theorem does without, by its name in Lean; of those only that do.
    #[must_use]
    pub fn without(&self) -> BTreeMap<String, Vec<String>> {
        let theorems = self.problems.iter().map(|problem| &problem.theorem);
        let theorems = theorems.filter(|theorem| !theorem.without.is_empty());
        theorems.map(|theorem| (theorem.name.clone(), theorem.without.clone())).collect()
    }

    /// Runs a stage and returns true when the caller stopped it. `ended` is told of each trial. What this round has
    /// searched already, and what is solved by the time that its turn comes, is not searched.
    ///
    /// # Errors
    /// A search cannot run, or a trial cannot be written.
    pub async fn search(
        &self,
        run: StageRun<'_>,
        ended: &mut dyn FnMut(&Trial),
        show: Arc<dyn Fn(Step) + Send + Sync>,
    ) -> Result<bool, EvalError> {
        let StageRun { stage, order, evals, trials, progress } = run;
        let seed = evals[0].config.seed;
        // What is solved already is searched again, by its solved side.
        let is_again = matches!(stage, Stage::Shorten | Stage::Detail);
        let progress = RefCell::new(progress);
        // Asked as a turn comes up, when other searches may have solved it.
        let is_wanted = |side: Side, idx: usize| {
            let progress = progress.borrow();
            let name = &self.problems[idx].name;
            let is_open = is_again || progress.standing(name).is_open();
            is_open && !progress.is_done(stage, side, name)
        };
        let statements = order.iter().filter(|idx| is_wanted(Side::Statement, **idx));
        let statements = statements.map(|idx| Turn { eval_idx: 0, problem_idx: *idx });
        let negations = order.iter().filter(|idx| !is_again && self.has_negation[**idx]);
        let negations = negations.filter(|idx| is_wanted(Side::Negation, **idx));
        let negations = negations.map(|idx| Turn { eval_idx: 1, problem_idx: self.n_statements + idx });
        let sink = |turn: Turn, record: ProblemRecord, search: &Search| {
            let side = if turn.problem_idx < self.n_statements { Side::Statement } else { Side::Negation };
            let root = search.tree().nodes().first().filter(|_| side == Side::Statement);
            let trial = Trial {
                stage,
                side,
                root: root.map(|root| state_text(&root.goals)),
                // The policy is not to learn the long way.
                steps: if stage == Stage::Detail { Vec::new() } else { mining::steps(search) },
                preferences: mining::preferences(search, seed),
                record,
            };
            trials.append(&trial)?;
            progress.borrow_mut().add(&trial);
            ended(&trial);
            Ok(())
        };
        run_turns(&evals, &self.problems, statements.chain(negations), sink, show).await
    }
}
