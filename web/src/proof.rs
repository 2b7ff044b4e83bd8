//! The proof script as a tree: every step that was ever taken stays, so that one can go back to any of them and come
//! forward again on the way that one left.

use stepwise_core::facts::Declarations;
use stepwise_core::goal::Goal;
use stepwise_core::problem::Theorem;

/// A place in the script: 0 is the statement, every other one is behind a tactic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub usize);

/// A tactic, and where it led.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The tactic; empty for the statement.
    pub tactic: String,
    /// The goals after it; none when it closed the last one.
    pub goals: Vec<Goal>,
    /// The session's state; `None` for a closed one, and for one that a new session does not know yet.
    pub state: Option<u32>,
    /// From the key to the answer, in milliseconds.
    pub latency_ms: f64,
    parent: Option<StepId>,
    /// The step after this one that was looked at last: where redo leads.
    next: Option<StepId>,
}

/// A script and where the visitor stands in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    theorem: Theorem,
    declarations: Declarations,
    steps: Vec<Step>,
    at: StepId,
}

impl Proof {
    /// A script without a step. State 0 is the statement's.
    #[must_use]
    pub fn new(theorem: Theorem, goals: Vec<Goal>, latency_ms: f64) -> Self {
        let statement = Step { tactic: String::new(), goals, state: Some(0), latency_ms, parent: None, next: None };
        Self { theorem, declarations: Declarations::default(), steps: vec![statement], at: StepId(0) }
    }

    /// The same, told what is declared before the statement.
    #[must_use]
    pub fn knowing(mut self, declarations: Declarations) -> Self {
        self.declarations = declarations;
        self
    }

    /// What is declared before the statement, as far as Lean tells.
    #[must_use]
    pub fn declarations(&self) -> &Declarations {
        &self.declarations
    }

    /// What is to be proved.
    #[must_use]
    pub fn theorem(&self) -> &Theorem {
        &self.theorem
    }

    /// Where the visitor stands.
    #[must_use]
    pub fn at(&self) -> StepId {
        self.at
    }

    /// A step; the statement for one that does not exist.
    #[must_use]
    pub fn step(&self, id: StepId) -> &Step {
        self.steps.get(id.0).unwrap_or(&self.steps[0])
    }

    /// The step that the visitor stands behind.
    #[must_use]
    pub fn here(&self) -> &Step {
        self.step(self.at)
    }

    /// True when no goal is left.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.here().goals.is_empty()
    }

    /// The goals before the tactic of a step; none for the statement.
    #[must_use]
    pub fn goals_before(&self, id: StepId) -> Option<&[Goal]> {
        self.step(id).parent.map(|parent| self.step(parent).goals.as_slice())
    }

    /// The steps from the statement to a step, itself included and the statement not.
    #[must_use]
    pub fn path(&self, id: StepId) -> Vec<StepId> {
        let mut path = Vec::new();
        let mut at = Some(id);
        while let Some(step) = at.filter(|at| at.0 != 0) {
            path.push(step);
            at = self.step(step).parent;
        }
        path.reverse();
        path
    }

    /// The steps after the visitor's that redo would take.
    #[must_use]
    pub fn ahead(&self) -> Vec<StepId> {
        let next = |step: &StepId| self.step(*step).next;
        std::iter::successors(self.here().next, next).collect()
    }

    /// The tactics up to where the visitor stands.
    #[must_use]
    pub fn tactics(&self) -> Vec<String> {
        self.tactics_to(self.at)
    }

    /// The tactics up to a step.
    #[must_use]
    pub fn tactics_to(&self, id: StepId) -> Vec<String> {
        self.path(id).into_iter().map(|step| self.step(step).tactic.clone()).collect()
    }

    /// Goes behind a new step. A tactic that was taken from here before leads to the step that it led to then.
    pub fn take(&mut self, tactic: &str, state: Option<u32>, goals: Vec<Goal>, latency_ms: f64) -> StepId {
        let id = self.child(self.at, tactic).unwrap_or(StepId(self.steps.len()));
        if id.0 == self.steps.len() {
            let parent = Some(self.at);
            self.steps.push(Step { tactic: tactic.to_owned(), goals, state, latency_ms, parent, next: None });
        } else {
            let step = &mut self.steps[id.0];
            (step.state, step.goals, step.latency_ms) = (state, goals, latency_ms);
        }
        self.go_to(id);
        id
    }

    /// Goes to a step; the way from the statement to it becomes the one that redo follows.
    pub fn go_to(&mut self, id: StepId) {
        if id.0 >= self.steps.len() {
            return;
        }
        for step in self.path(id) {
            if let Some(parent) = self.steps[step.0].parent {
                self.steps[parent.0].next = Some(step);
            }
        }
        self.at = id;
    }

    /// The step before the visitor's.
    #[must_use]
    pub fn undo(&self) -> Option<StepId> {
        self.here().parent
    }

    /// The step after the visitor's that was looked at last.
    #[must_use]
    pub fn redo(&self) -> Option<StepId> {
        self.here().next
    }

    /// Follows tactics from the statement as far as they were taken before, and returns the step and what is left.
    #[must_use]
    pub fn follow<'a>(&self, tactics: &'a [String]) -> (StepId, &'a [String]) {
        let mut at = StepId(0);
        for (done, tactic) in tactics.iter().enumerate() {
            match self.child(at, tactic) {
                Some(child) => at = child,
                None => return (at, &tactics[done..]),
            }
        }
        (at, &[])
    }

    /// What has to be run again before the state of a step is there: the nearest step on its way that has one, or else the
    /// statement, and the tactics from there.
    #[must_use]
    pub fn missing(&self, id: StepId) -> (StepId, Vec<StepId>) {
        let mut path = self.path(id);
        let known = path.iter().rposition(|step| self.step(*step).state.is_some());
        let missing = path.split_off(known.map_or(0, |known| known + 1));
        (path.last().copied().unwrap_or_default(), missing)
    }

    /// Takes in what became of a step's tactic when it was run again.
    pub fn found_again(&mut self, id: StepId, state: Option<u32>, goals: Vec<Goal>) {
        if let Some(step) = self.steps.get_mut(id.0) {
            (step.state, step.goals) = (state, goals);
        }
    }

    /// Another session has other states, and has not even opened the statement.
    pub fn forget_states(&mut self) {
        for step in &mut self.steps {
            step.state = None;
        }
    }

    /// The proof as a file, up to where the visitor stands.
    #[must_use]
    pub fn file(&self) -> String {
        let mut tactics = self.tactics();
        if !self.is_closed() {
            tactics.push("sorry".to_owned());
        }
        self.theorem.file(&tactics)
    }

    fn child(&self, parent: StepId, tactic: &str) -> Option<StepId> {
        let is_it = |step: &Step| step.parent == Some(parent) && step.tactic == tactic;
        self.steps.iter().position(is_it).map(StepId)
    }
}

#[cfg(test)]
mod tests;
