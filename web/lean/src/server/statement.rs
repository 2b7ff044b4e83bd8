//! The statement that is open, and its states: how each was reached, and whether the host has it.

use std::sync::Arc;

use stepwise_core::facts::Declarations;
use stepwise_core::goal::Goal;
use stepwise_core::problem::Theorem;

/// An opened statement.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) theorem: Theorem,
    pub(super) declarations: Declarations,
    /// By their numbers; the first is the statement's own.
    states: Vec<State>,
}

/// One state.
#[derive(Debug)]
pub(super) struct State {
    /// The state before, and the tactic that led here.
    parent: Option<(u32, String)>,
    pub(super) goals: Arc<[Goal]>,
    /// Its number in the host that runs.
    live: Option<u64>,
}

/// What has to be done for a state to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing: this is its number in the host.
    Live(u64),
    /// The statement has to be opened again.
    Unopened,
    /// This state, on the way to it, has to be reached again: by a tactic from one that is there.
    Lost { state: u32, from: u64, tactic: String },
}

impl Statement {
    pub(super) fn new(theorem: Theorem, declarations: Declarations, goals: Vec<Goal>, live: u64) -> Self {
        let root = State { parent: None, goals: goals.into(), live: Some(live) };
        Self { theorem, declarations, states: vec![root] }
    }

    pub(super) fn state(&self, number: u32) -> Option<&State> {
        self.states.get(number as usize)
    }

    pub(super) fn n_states(&self) -> usize {
        self.states.len()
    }

    /// Adds a state, and gives its number.
    pub(super) fn add(&mut self, parent: u32, tactic: &str, goals: &[Goal], live: u64) -> u32 {
        self.states.push(State { parent: Some((parent, tactic.to_owned())), goals: goals.into(), live: Some(live) });
        (self.states.len() - 1) as u32
    }

    /// Notes that the host has a state again.
    pub(super) fn revive(&mut self, number: u32, live: u64) {
        if let Some(state) = self.states.get_mut(number as usize) {
            state.live = Some(live);
        }
    }

    /// Notes that the host is gone with all states, and gives their numbers in it.
    pub(super) fn lose(&mut self) -> Vec<u64> {
        self.states.iter_mut().filter_map(|state| state.live.take()).collect()
    }

    /// The tactics from the statement to a state.
    pub(super) fn path(&self, number: u32) -> Vec<String> {
        let mut path: Vec<String> =
            self.ancestors(number).filter_map(|state| Some(state.parent.as_ref()?.1.clone())).collect();
        path.reverse();
        path
    }

    fn ancestors(&self, number: u32) -> impl Iterator<Item = &State> {
        std::iter::successors(self.state(number), |state| self.state(state.parent.as_ref()?.0))
    }

    /// What has to be done next for a state to be there. Call it again when that is done.
    pub(super) fn place(&self, number: u32) -> Place {
        let mut wanted = number;
        loop {
            let Some(state) = self.state(wanted) else { return Place::Unopened };
            if let Some(live) = state.live {
                return Place::Live(live);
            }
            let Some((parent, tactic)) = &state.parent else { return Place::Unopened };
            match self.state(*parent).and_then(|parent| parent.live) {
                Some(from) => return Place::Lost { state: wanted, from, tactic: tactic.clone() },
                None => wanted = *parent,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_that_are_lost_come_back_in_their_order() {
        let goals = || vec![Goal::parse("⊢ p")];
        let mut statement = Statement::new(Theorem::default(), Declarations::default(), goals(), 10);
        let first = statement.add(0, "intro", &goals(), 11);
        let second = statement.add(first, "left", &goals(), 12);
        assert_eq!(statement.place(second), Place::Live(12));
        assert_eq!(statement.path(second), ["intro", "left"]);
        assert_eq!(statement.lose(), [10, 11, 12]);
        assert_eq!(statement.place(second), Place::Unopened);
        statement.revive(0, 20);
        let lost = |state, from, tactic: &str| Place::Lost { state, from, tactic: tactic.to_owned() };
        assert_eq!(statement.place(second), lost(first, 20, "intro"));
        statement.revive(first, 21);
        assert_eq!(statement.place(second), lost(second, 21, "left"));
        statement.revive(second, 22);
        assert_eq!(statement.place(second), Place::Live(22));
    }
}
