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
    /// Finite and at most 0; `None` where the server gives none for it, or not for all of its tokens.
    pub(super) mean_logprob: Option<f64>,
    pub(super) n_tokens: u32,
    /// Whether it ends because it became too long.
    pub(super) is_cut: bool,
}

/// What an answer lacks.
#[derive(Debug, PartialEq)]
pub(super) struct Lacks(pub(super) &'static str);

/// Reads an answer; completions after the first `max_completions` are left out, and so is what the server claims to
/// have generated beyond `max_tokens`.
///
/// - OpenAI's classic shape, which vLLM has: `choices[].logprobs.token_logprobs[]`
/// - llama.cpp's server under `/v1/completions`: `choices[].logprobs.content[].logprob`
/// - older llama.cpp servers, which answer there as under `/completion`: `content` with
///   `completion_probabilities[].logprob`, one text
pub(super) fn read(answer: &Value, max_completions: usize, max_tokens: u64) -> Result<Answer, Lacks> {
    let completions: Vec<Completion> = match (&answer["choices"], &answer["content"]) {
        (Value::Array(choices), _) if choices.is_empty() => return Err(Lacks("anything in `choices`")),
        (Value::Array(choices), _) => {
            let text = |choice: &'_ Value| {
                choice["text"].as_str().or(choice["message"]["content"].as_str()).map(str::to_owned)
            };
            if choices.iter().all(|choice| text(choice).is_none()) {
                return Err(Lacks("a `text` in any of its `choices`"));
            }
            let choices = choices.iter().take(max_completions);
            // One without a text is a sample that came to nothing.
            choices
                .map(|choice| {
                    let is_cut = choice["finish_reason"] == "length";
                    completion(text(choice).unwrap_or_default(), logprobs_of_choice(&choice["logprobs"]), is_cut)
                })
                .collect()
        }
        (_, Value::String(text)) => {
            let logprobs = answer["completion_probabilities"].as_array();
            let is_cut = answer["stopped_limit"] == true || answer["stop_type"] == "limit";
            vec![completion(text.clone(), logprobs.and_then(|tokens| logprobs_of_tokens(tokens)), is_cut)]
        }
        _ => return Err(Lacks("a list `choices`")),
    };
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

/// The tokens' log-probabilities in either shape; `None` when there are none, or not for each token.
fn logprobs_of_choice(logprobs: &Value) -> Option<Vec<f64>> {
    match (&logprobs["token_logprobs"], &logprobs["content"]) {
        (Value::Array(numbers), _) => {
            let is_whole = logprobs["tokens"].as_array().is_none_or(|tokens| tokens.len() == numbers.len());
            numbers.iter().map(Value::as_f64).collect::<Option<_>>().filter(|_| is_whole)
        }
        (_, Value::Array(tokens)) => logprobs_of_tokens(tokens),
        _ => None,
    }
}

fn logprobs_of_tokens(tokens: &[Value]) -> Option<Vec<f64>> {
    tokens.iter().map(|token| token["logprob"].as_f64()).collect()
}

/// A text without any token is a completion that ended at once, and impossible to be wrong about.
fn completion(text: String, logprobs: Option<Vec<f64>>, is_cut: bool) -> Completion {
    let logprobs = logprobs.unwrap_or_default();
    // Rounding makes some a little positive.
    let sum: f64 = logprobs.iter().map(|logprob| logprob.clamp(FLOOR, 0.0)).sum();
    let mean_logprob = match (logprobs.len(), text.is_empty()) {
        (0, true) => Some(0.0),
        (0, false) => None,
        (n, _) => Some(sum / n as f64),
    };
    let n_tokens = u32::try_from(logprobs.len()).unwrap_or(u32::MAX);
    Completion { text, mean_logprob, n_tokens, is_cut }
}
