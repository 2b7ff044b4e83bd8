//! The texts that models read: the published prompts of policies and critics, byte for byte.

mod sequence;
#[cfg(test)]
mod tests;

pub use self::sequence::split_tactics;
use crate::goal::Goal;
use crate::policy::ProposalRequest;

/// What a critic reads for a state without goals (arXiv 2410.15700).
pub const NO_GOALS: &str = "no goals";

/// The question of the critic's prompt (arXiv 2410.15700).
const CRITIC_QUESTION: &str = "Which state is closer to 'no goals'?";

/// Who speaks in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    System,
    /// The one who asks.
    User,
    Assistant,
}

impl Role {
    /// The role's name in chat templates.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One turn of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub role: Role,
    /// What is said; never trusted to hold a model's markers.
    pub content: String,
}

/// What a model is to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Turns for the model's own chat template.
    Chat(Vec<Message>),
    /// Text as it is, behind the tokenizer's own beginning of text; never trusted to hold a model's markers.
    Text(String),
}

/// The format of prompts that a policy was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptFormat {
    /// InternLM2.5-StepProver (arXiv 2410.15700): a chat that names the theorem and the tactics so far.
    StepProver,
    /// BFS-Prover (arXiv 2502.03438): the state and `:::`, as its model card shows
    /// (<https://huggingface.co/ByteDance-Seed/BFS-Prover-V1-7B>).
    BfsProver,
    /// For small models of our own: the state, a line `:=` and the tactic, ended by the end-of-text token.
    ///
    /// A state never has a line of its own that is `:=`, so the marker costs two characters and is unambiguous. Name and
    /// history are left out, so a prompt depends on the state alone and its answer can be cached under it.
    Plain,
}

impl PromptFormat {
    /// What [`PromptFormat::from_name`] understands.
    pub const NAMES: [&str; 3] = ["step-prover", "bfs-prover", "plain"];

    /// The format of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let formats = [Self::StepProver, Self::BfsProver, Self::Plain];
        formats.into_iter().zip(Self::NAMES).find(|(_, known)| *known == name).map(|(format, _)| format)
    }

    /// Its name, which [`PromptFormat::from_name`] understands.
    #[must_use]
    pub fn name(self) -> &'static str {
        let [step_prover, bfs_prover, plain] = Self::NAMES;
        match self {
            Self::StepProver => step_prover,
            Self::BfsProver => bfs_prover,
            Self::Plain => plain,
        }
    }

    /// Where a policy's text ends, besides the model's own end-of-text token.
    #[must_use]
    pub fn stop(self) -> &'static [&'static str] {
        match self {
            Self::StepProver => &["<|im_end|>", "\n---\n"],
            Self::BfsProver => &[":::"],
            Self::Plain => &["\n:=\n"],
        }
    }
}

/// The state as Lean prints several goals: separated by a blank line; [`NO_GOALS`] when there are none.
#[must_use]
pub fn state_text(goals: &[Goal]) -> String {
    if goals.is_empty() {
        return NO_GOALS.to_owned();
    }
    goals.iter().map(|goal| goal.text.as_str()).collect::<Vec<_>>().join("\n\n")
}

/// What a policy reads to propose the next tactic.
#[must_use]
pub fn policy_prompt(format: PromptFormat, request: &ProposalRequest) -> Prompt {
    let state = state_text(&request.goals);
    match format {
        PromptFormat::StepProver => {
            let (name, history) = (&request.theorem, request.history.join("\n"));
            Prompt::Chat(vec![Message {
                role: Role::User,
                content: format!(
                    "---\nNAME: {name}\n\n---\nPROOF_BEFORE: {history}\n\n---\nSTATE_BEFORE: {state}\n\n---\nTACTIC: "
                ),
            }])
        }
        PromptFormat::BfsProver => Prompt::Text(state + ":::"),
        PromptFormat::Plain => Prompt::Text(state + "\n:=\n"),
    }
}

/// What StepProver's critic reads to score a state, given as it is printed: the question and the state as its answer
/// (arXiv 2410.15700).
#[must_use]
pub fn critic_prompt(state: String) -> Vec<Message> {
    vec![
        Message { role: Role::User, content: CRITIC_QUESTION.to_owned() },
        Message { role: Role::Assistant, content: state },
    ]
}

/// What a critic reads to score a state that is known as printed: StepProver's chat for a model with a chat template, the
/// state alone for others.
#[must_use]
pub fn critic_text(has_template: bool, state: String) -> Prompt {
    match has_template {
        true => Prompt::Chat(critic_prompt(state)),
        false => Prompt::Text(state),
    }
}

/// The tactic in a text that a policy wrote: without code fences, cut at the format's stop markers, its lines kept and
/// brought to the left margin together. `None` when nothing is left, or only comments of Lean's.
#[must_use]
pub fn clean_tactic(format: PromptFormat, generated: &str) -> Option<String> {
    let mut text = generated;
    if let Some((before, after)) = text.split_once("```")
        && before.trim().is_empty()
    {
        // The rest of the fence's line names the language.
        text = after.split_once('\n').map_or("", |(_, body)| body);
    }
    let ends = format.stop().iter().copied().chain(["```", "</s>", "<|endoftext|>"]);
    let end = ends.filter_map(|stop| text.find(stop)).min().unwrap_or(text.len());
    let lines: Vec<&str> = text[..end].lines().map(str::trim_end).skip_while(|line| line.is_empty()).collect();
    let margin = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let first = margin(lines.first()?);
    let mut tactic = String::new();
    for line in lines {
        tactic.push_str(&line[margin(line).min(first)..]);
        tactic.push('\n');
    }
    let tactic = tactic.trim();
    let says_something = tactic.lines().any(|line| !line.trim().is_empty() && !line.trim().starts_with("--"));
    says_something.then(|| tactic.to_owned())
}
