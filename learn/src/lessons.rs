//! What trials taught, put together: each lesson once, some kept apart to see whether a model has learnt it.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::run::{Preference, Step, Trial};
use stepwise_core::digest::sha256_of_parts;
use stepwise_core::goal::Goal;
use stepwise_core::policy::ProposalRequest;
use stepwise_core::prompt::{Message, Prompt, PromptFormat, Role, critic_prompt, policy_prompt};

/// One problem in so many is kept for validation, with all that its searches taught.
const VALIDATION_SHARE: u8 = 16;

/// Distinct lessons, in an order that depends on the lessons alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lessons {
    /// Steps of proofs, no two with the same state and tactic.
    pub steps: Vec<Step>,
    /// Pairs of states.
    pub preferences: Vec<Preference>,
}

impl Lessons {
    /// What these trials taught, and what is kept apart for validation. A problem's trials are all on one side.
    #[must_use]
    pub fn of<'a>(trials: impl IntoIterator<Item = &'a Trial>) -> (Self, Self) {
        let (mut training, mut validation) = (Collector::default(), Collector::default());
        for trial in trials {
            let side = if is_for_validation(&trial.record.name) { &mut validation } else { &mut training };
            side.add(trial);
        }
        // Two problems may teach the same lesson: what is trained on validates nothing.
        validation.seen.retain(|lesson| !training.seen.contains(lesson));
        validation.preferences.retain(|lesson| !training.preferences.contains(lesson));
        (training.finish(), validation.finish())
    }

    /// The steps as lines of JSON with `prompt` and `completion`, which fine-tuning tools read as the
    /// prompt-completion format (Hugging Face's TRL among them); a chat's prompt comes as `messages`.
    pub fn policy_lines(&self, format: PromptFormat) -> impl Iterator<Item = String> {
        self.steps.iter().map(move |step| {
            let value = match policy_prompt(format, &request(step)) {
                Prompt::Text(prompt) => json!({ "prompt": prompt, "completion": step.tactic }),
                Prompt::Chat(mut messages) => {
                    messages.push(Message { role: Role::Assistant, content: step.tactic.clone() });
                    json!({ "messages": turns(&messages) })
                }
            };
            format!("{value}\n")
        })
    }

    /// The preferences as lines of JSON with `prompt`, `chosen` and `rejected`, TRL's preference format, which its reward
    /// trainer reads; the prompt is the question of StepProver's critic.
    pub fn critic_lines(&self) -> impl Iterator<Item = String> {
        self.preferences.iter().map(|preference| {
            let [chosen, rejected] = [&preference.better, &preference.worse].map(|state| {
                let messages = critic_prompt(state.clone());
                messages.split_first().map(|(question, answer)| (turns(std::slice::from_ref(question)), turns(answer)))
            });
            let (prompt, chosen) = chosen.unwrap_or_default();
            let rejected = rejected.map(|(_, answer)| answer).unwrap_or_default();
            format!("{}\n", json!({ "prompt": prompt, "chosen": chosen, "rejected": rejected }))
        })
    }
}

/// What a policy is asked when it is to find this step.
#[must_use]
pub fn request(step: &Step) -> ProposalRequest {
    ProposalRequest {
        theorem: step.theorem.clone(),
        goals: vec![goal(&step.state)],
        history: step.history.clone(),
        samples: 1,
        ..ProposalRequest::default()
    }
}

/// A printed state as one goal: prompts need no more than its text.
#[must_use]
pub fn goal(state: &str) -> Goal {
    Goal { case: None, hypotheses: Vec::new(), target: String::new(), text: state.to_owned(), facts: None }
}

fn turns(messages: &[Message]) -> Vec<Value> {
    messages.iter().map(|message| json!({ "role": message.role.name(), "content": message.content })).collect()
}

/// Drawn by the problem's name, so that it stays on its side in every round.
fn is_for_validation(problem: &str) -> bool {
    let hash = sha256_of_parts(["validation", problem]);
    u8::from_str_radix(&hash[..2], 16).is_ok_and(|byte| byte % VALIDATION_SHARE == 0)
}

#[derive(Default)]
struct Collector {
    seen: BTreeSet<(String, String)>,
    steps: Vec<Step>,
    preferences: BTreeSet<Preference>,
}

impl Collector {
    fn add(&mut self, trial: &Trial) {
        for step in &trial.steps {
            if self.seen.insert((step.state.clone(), step.tactic.clone())) {
                self.steps.push(step.clone());
            }
        }
        self.preferences.extend(trial.preferences.iter().cloned());
    }

    fn finish(mut self) -> Lessons {
        self.steps.retain(|step| self.seen.contains(&(step.state.clone(), step.tactic.clone())));
        self.steps.sort();
        Lessons { steps: self.steps, preferences: self.preferences.into_iter().collect() }
    }
}
