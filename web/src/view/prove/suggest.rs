//! Asking for suggestions: the policy proposes, Lean runs, the critic scores. Where the models run, the visitor chose.

use std::sync::Arc;

use leptos::prelude::*;
use stepwise_core::critic::ScoreRequest;
use stepwise_core::goal::Goal;
use stepwise_core::outcome::StepOutcome;
use stepwise_core::policy::{Candidate, ProposalRequest};
use stepwise_core::wire::{Body, Op};
use wasm_bindgen_futures::spawn_local;

use super::actions::Halt;
use super::{Prove, Turn};
use crate::models::{ModelStatus, Place};
use crate::suggestions::Suggestions;
use crate::view::browser;
use crate::view::session::Question;

/// Where the choice whether to suggest after every step is kept.
pub(super) const SUGGEST_KEY: &str = "stepwise-suggest";

/// What the pane of suggestions shows and keeps.
#[derive(Clone, Copy)]
pub(super) struct SuggestSignals {
    pub(super) found: RwSignal<Option<Suggestions>>,
    question: StoredValue<Option<Question>, LocalStorage>,
    /// What suggestions were asked for last.
    turn: Turn,
    /// How often suggestions were asked for where the visitor stands. It is the policy's seed: the same state has the same
    /// suggestions, and who asks again gets others.
    pub(super) n_asked: StoredValue<u32>,
    pub(super) always: RwSignal<bool>,
    pub(super) n_samples: RwSignal<u32>,
}

impl SuggestSignals {
    pub(super) fn new() -> Self {
        Self {
            found: RwSignal::new(None),
            question: StoredValue::new_local(None),
            turn: Turn::new(),
            n_asked: StoredValue::new(0),
            always: RwSignal::new(browser::kept(SUGGEST_KEY).is_none_or(|kept| kept != "no")),
            n_samples: RwSignal::new(8),
        }
    }
}

impl Prove {
    /// Asks for suggestions where the visitor stands.
    pub(super) fn suggest(self) {
        self.stop_suggesting();
        let Some(at) =
            self.script.proof.with_untracked(|proof| proof.as_ref().filter(|p| !p.is_closed()).map(|p| p.at()))
        else {
            return;
        };
        let place = self.place.choice.get_untracked();
        if place != Place::Server && !self.models_are_ready() {
            // They are asked as soon as they are.
            return;
        }
        let seed = self.suggest.n_asked.get_value();
        self.clear_suggestions();
        self.suggest.n_asked.set_value(seed + 1);
        self.suggest.found.set(Some(Suggestions::begin(browser::now())));
        let (turn, asked) = (self.script.turn.current(), self.suggest.turn.current());
        spawn_local(async move {
            let result = match self.state(turn, at).await {
                _ if !self.is_wanted(asked) => return,
                Ok(state) if place == Place::Server => self.ask_server(asked, state, seed).await,
                Ok(state) => self.ask_browser(asked, state, seed).await,
                Err(halt) => Err(halt),
            };
            if !self.is_wanted(asked) {
                return;
            }
            self.suggest.question.set_value(None);
            self.show(|suggestions| {
                suggestions.end(browser::now());
                if let Err(Halt::Problem(problem)) = result {
                    suggestions.problem = Some(problem);
                }
            });
            let n_usable = self.suggest.found.with_untracked(|all| all.as_ref().map_or(0, |all| all.usable().len()));
            self.say(format!("{}; {}", stepwise_core::words::count(n_usable, "suggestion"), self.goals_in_words()));
        });
    }

    /// Gives up what was asked for. What is there stays.
    pub(super) fn stop_suggesting(self) {
        if let Some(question) = self.suggest.question.try_update_value(Option::take).flatten() {
            question.cancel();
        }
        // The models in the browser hear of no question: what they answer is passed over.
        if self.suggest.found.with_untracked(|all| all.as_ref().is_some_and(|all| all.running)) {
            self.suggest.turn.begin();
            self.show(|suggestions| suggestions.end(browser::now()));
        }
    }

    /// Takes away the suggestions for a state that is shown no more.
    pub(super) fn clear_suggestions(self) {
        self.stop_suggesting();
        self.suggest.turn.begin();
        self.suggest.n_asked.set_value(0);
        self.suggest.found.set(None);
    }

    fn is_wanted(self, asked: u32) -> bool {
        self.suggest.turn.is(asked)
    }

    /// Takes the suggestion with this number, from 1.
    pub(super) fn take_suggestion(self, number: usize) {
        let chosen = self.suggest.found.with_untracked(|suggestions| {
            suggestions.as_ref()?.usable().get(number.checked_sub(1)?).map(|chosen| (*chosen).clone())
        });
        if let Some(chosen) = chosen
            && let Some(outcome) = &chosen.outcome
        {
            self.take(&chosen.tactic, outcome, chosen.state, chosen.wall_us as f64 / 1000.0);
        }
    }

    /// Whether the models in the browser can be asked.
    pub(super) fn models_are_ready(self) -> bool {
        self.place.status.with_untracked(|status| matches!(status, ModelStatus::Ready { .. }))
    }

    fn goals_in_words(self) -> String {
        let n_goals =
            self.script.proof.with_untracked(|proof| proof.as_ref().map_or(0, |proof| proof.here().goals.len()));
        stepwise_core::words::count(n_goals, "goal")
    }

    async fn ask_server(self, asked: u32, state: u32, seed: u32) -> Result<(), Halt> {
        let samples = self.samples();
        let question = self.session.ask(Op::Suggest { state, samples, seed: seed.into() });
        self.follow_question(asked, question).await
    }

    async fn ask_browser(self, asked: u32, state: u32, seed: u32) -> Result<(), Halt> {
        let models = self.place.models.get_value().ok_or(Halt::Overtaken)?;
        let request = self
            .script
            .proof
            .with_untracked(|proof| {
                let proof = proof.as_ref()?;
                Some(ProposalRequest {
                    theorem: proof.theorem().name.clone(),
                    goals: proof.here().goals.clone(),
                    history: proof.tactics(),
                    samples: self.samples(),
                    pass: 0,
                    seed: seed.into(),
                    without: proof.theorem().without.clone(),
                    declarations: Arc::clone(proof.declarations()),
                    ..ProposalRequest::default()
                })
            })
            .ok_or(Halt::Overtaken)?;
        let started = browser::now();
        let proposals = models.propose(&request).await.map_err(Halt::Problem)?;
        if !self.is_wanted(asked) {
            return Err(Halt::Overtaken);
        }
        self.show(|suggestions| suggestions.proposed(&proposals.candidates, browser::now() - started));
        let tactics = proposals.candidates.into_iter().map(|candidate| candidate.tactic).collect();
        let question = self.session.ask(Op::Try { state, tactics, until_proved: false });
        self.follow_question(asked, question).await?;
        let opened = self.opened_states();
        if opened.is_empty() {
            return Ok(());
        }
        let (states, goals): (Vec<u32>, Vec<Vec<Goal>>) = opened.into_iter().unzip();
        let started = browser::now();
        let scores = models.score(&ScoreRequest { states: goals }).await.map_err(Halt::Problem)?;
        if self.is_wanted(asked) {
            let scored: Vec<_> = states.into_iter().zip(scores.scores).filter(|(_, score)| score.is_finite()).collect();
            self.show(|suggestions| suggestions.scored(&scored, browser::now() - started));
        }
        Ok(())
    }

    async fn follow_question(self, asked: u32, question: Question) -> Result<(), Halt> {
        self.suggest.question.set_value(Some(question.clone()));
        while let Some(body) = question.next().await {
            if !self.is_wanted(asked) {
                return Err(Halt::Overtaken);
            }
            match body {
                Body::Proposed { candidates, wall_us } => {
                    let candidates: Vec<Candidate> = candidates.into_iter().map(Into::into).collect();
                    self.show(|suggestions| suggestions.proposed(&candidates, wall_us as f64 / 1000.0));
                }
                Body::Tried { idx, step } => self.show(|suggestions| {
                    suggestions.tried(idx, step.outcome.into(), step.state, step.cost.wall_us);
                }),
                Body::Scored { scores, wall_us } => {
                    self.show(|suggestions| suggestions.scored(&scores, wall_us as f64 / 1000.0));
                }
                Body::Failed { problem } => return Err(problem.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// The states that the suggestions opened, with their goals.
    fn opened_states(self) -> Vec<(u32, Vec<Goal>)> {
        self.suggest.found.with_untracked(|suggestions| {
            let all = suggestions.as_ref().map_or(&[][..], Suggestions::all);
            let opened = all.iter().filter_map(|suggestion| match &suggestion.outcome {
                Some(StepOutcome::Open { goals, .. }) => Some((suggestion.state?, goals.clone())),
                _ => None,
            });
            opened.collect()
        })
    }

    fn samples(self) -> u32 {
        self.suggest.n_samples.get_untracked().min(self.most_tactics()).max(1)
    }

    /// How many tactics may be run together.
    pub(super) fn most_tactics(self) -> u32 {
        let most = self.session.info.with_untracked(|info| info.as_ref().map_or(64, |info| info.limits.tactics));
        u32::try_from(most).unwrap_or(u32::MAX)
    }

    fn show(self, change: impl FnOnce(&mut Suggestions)) {
        self.suggest.found.update(|suggestions| {
            if let Some(suggestions) = suggestions {
                change(suggestions);
            }
        });
    }
}
