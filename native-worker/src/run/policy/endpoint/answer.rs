//! Reads the answer of a completions endpoint, in the three shapes that servers give log-probabilities in.

use serde_json::Value;

/// The log-probability that stands for minus infinity, as vLLM writes it (`-9999.0`).
const FLOOR: f64 = -9999.0;

/// What one question brought.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) completions: Vec<Completion>,
    pub(super) prompt_tokens: u64,
    /// Of all completions.
    pub(super) generated_tokens: u64,
}

/// One sampled text.
#[derive(Debug, PartialEq)]
pub(super) struct Completion {
    pub(super) text: String,
    /// Finite and at most 0.
    pub(super) mean_logprob: f64,
    pub(super) n_tokens: u32,
}

/// What is wrong with an answer.
#[derive(Debug, PartialEq)]
pub(super) enum Flaw {
    /// There are texts without log-probabilities.
    NoLogprobs,
    /// Something else that belongs into it is missing.
    Lacks(&'static str),
}

/// Reads an answer; completions after the first `max_completions` are left out, and so is what the server claims to
/// have generated beyond `max_tokens`.
///
/// - OpenAI's classic shape, which vLLM has: `choices[].logprobs.token_logprobs[]`
/// - llama.cpp's server under `/v1/completions`: `choices[].logprobs.content[].logprob`
/// - older llama.cpp servers, which answer there as under `/completion`: `content` with
///   `completion_probabilities[].logprob`, one text
pub(super) fn read(answer: &Value, max_completions: usize, max_tokens: u64) -> Result<Answer, Flaw> {
    let completions = match (&answer["choices"], &answer["content"]) {
        (Value::Array(choices), _) => choices
            .iter()
            .take(max_completions)
            .map(|choice| {
                let text = choice["text"].as_str().ok_or(Flaw::Lacks("a `text` in each of its `choices`"))?;
                completion(text, logprobs_of_choice(&choice["logprobs"]))
            })
            .collect::<Result<Vec<_>, _>>()?,
        (_, Value::String(text)) => {
            let logprobs = answer["completion_probabilities"].as_array();
            Vec::from([completion(text, logprobs.map(|tokens| logprobs_of_tokens(tokens)))?])
        }
        _ => return Err(Flaw::Lacks("a list `choices`")),
    };
    if completions.is_empty() {
        return Err(Flaw::Lacks("anything in `choices`"));
    }
    let count = |names: [&Value; 2]| names.into_iter().find_map(Value::as_u64).unwrap_or_default();
    let usage = &answer["usage"];
    let counted: u64 = completions.iter().map(|completion| u64::from(completion.n_tokens)).sum();
    // llama.cpp's server counts the tokens of one completion only, when it made several. Where it reports several
    // tokens as one entry, its count is right and ours is not.
    let claimed = count([&usage["completion_tokens"], &answer["tokens_predicted"]]).min(max_tokens);
    Ok(Answer {
        prompt_tokens: count([&usage["prompt_tokens"], &answer["tokens_evaluated"]]).min(u64::from(u32::MAX)),
        generated_tokens: counted.max(claimed),
        completions,
    })
}

/// The tokens' log-probabilities in either shape; `None` when there are none.
fn logprobs_of_choice(logprobs: &Value) -> Option<Vec<f64>> {
    match (&logprobs["token_logprobs"], &logprobs["content"]) {
        (Value::Array(numbers), _) => Some(numbers.iter().filter_map(Value::as_f64).collect()),
        (_, Value::Array(tokens)) => Some(logprobs_of_tokens(tokens)),
        _ => None,
    }
}

fn logprobs_of_tokens(tokens: &[Value]) -> Vec<f64> {
    tokens.iter().filter_map(|token| token["logprob"].as_f64()).collect()
}

/// A text without any token is a completion that ended at once, and impossible to be wrong about.
fn completion(text: &str, logprobs: Option<Vec<f64>>) -> Result<Completion, Flaw> {
    let logprobs = logprobs.unwrap_or_default();
    if logprobs.is_empty() && !text.is_empty() {
        return Err(Flaw::NoLogprobs);
    }
    // Rounding makes some a little positive.
    let sum: f64 = logprobs.iter().map(|logprob| logprob.clamp(FLOOR, 0.0)).sum();
    let mean_logprob = if logprobs.is_empty() { 0.0 } else { sum / logprobs.len() as f64 };
    let n_tokens = u32::try_from(logprobs.len()).unwrap_or(u32::MAX);
    Ok(Completion { text: text.to_owned(), mean_logprob, n_tokens })
}
