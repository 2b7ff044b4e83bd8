//! A critic behind vLLM's `/pooling` endpoint with a reward model.
//!
//! vLLM serves `InternLM2ForRewardModel` as a token-wise classifier
//! (docs.vllm.ai, "Reward Usage" and "Pooling API"): `POST /pooling` with `input` a list of texts answers
//! `data[].data`, for each text a list with one list of scores per token; other reward models give one list of scores
//! per text. Either way the last number is the score at the last token, where a reward model is read.
//! `use_activation: false` asks for the score itself and not its sigmoid, which would be the same order with ties.
//!
//! llama.cpp's server is no critic: its `/rerank` wants a query and documents and builds the text itself, and its
//! `/embeddings` normalises what it returns (tools/server/README.md), which makes one number plus or minus one.

#[cfg(test)]
mod tests;

use std::fmt;

use async_trait::async_trait;
use serde_json::{Value, json};
use stepwise_core::cost::ModelCost;
use stepwise_core::critic::{ScoreRequest, Scores};
use stepwise_core::goal::Goal;

use super::{Critic, CriticError};
use crate::run::model_server::{ModelServer, ServerError, ServerOptions};

const POOLING: &str = "/pooling";
/// Texts in one question.
const BATCH: usize = 64;

/// What a reward model reads for a state, up to the token at which it is read.
pub type StateText = Box<dyn Fn(&[Goal]) -> String + Send + Sync>;

/// A reward model behind an endpoint.
pub struct EndpointCritic {
    server: ModelServer,
    text: StateText,
    name: String,
}

impl fmt::Debug for EndpointCritic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointCritic").field("server", &self.server).finish_non_exhaustive()
    }
}

impl EndpointCritic {
    /// Asks the server for its models.
    ///
    /// # Errors
    /// When there is no such server, key or model.
    pub async fn connect(options: ServerOptions, text: StateText) -> Result<Self, ServerError> {
        let server = ModelServer::connect(options).await?;
        let name = format!("{} at {}", server.model(), server.url());
        Ok(Self { server, text, name })
    }

    async fn ask(&self, states: &[Vec<Goal>]) -> Result<Scores, ServerError> {
        let texts: Vec<String> = states.iter().map(|goals| (self.text)(goals)).collect();
        let answer = self.server.post(POOLING, json!({ "input": texts, "use_activation": false })).await?;
        read(&answer, texts.len()).map_err(|lacks| self.server.strange(POOLING, lacks))
    }
}

#[async_trait]
impl Critic for EndpointCritic {
    /// The model and the address.
    fn name(&self) -> &str {
        &self.name
    }

    async fn score(&self, request: &ScoreRequest) -> Result<Scores, CriticError> {
        let mut all = Scores::default();
        for states in request.states.chunks(BATCH) {
            let Scores { scores, cost } = self.ask(states).await.map_err(|error| CriticError {
                critic: self.name.clone(),
                message: error.to_string(),
                cause: None,
            })?;
            all.scores.extend(scores);
            all.cost += cost;
        }
        Ok(all)
    }
}

/// The scores of `n_texts` texts, in their order; or what the answer lacks.
fn read(answer: &Value, n_texts: usize) -> Result<Scores, &'static str> {
    let data = answer["data"].as_array().ok_or("a list `data`")?;
    let mut scores = vec![None; n_texts];
    for (place, item) in data.iter().enumerate() {
        let idx = item["index"].as_u64().map_or(Some(place), |idx| usize::try_from(idx).ok());
        let slot = idx.and_then(|idx| scores.get_mut(idx)).ok_or("one entry in `data` for each text")?;
        let last = item["data"].as_array().and_then(|numbers| numbers.last());
        let score = match last {
            Some(Value::Array(of_last_token)) => of_last_token.last().and_then(Value::as_f64),
            Some(number) => number.as_f64(),
            None => None,
        };
        *slot = Some(score.ok_or("a score in each entry of `data`")?);
    }
    let scores = scores.into_iter().collect::<Option<Vec<f64>>>().ok_or("one entry in `data` for each text")?;
    let prompt_tokens = answer["usage"]["prompt_tokens"].as_u64().unwrap_or_default().min(u64::from(u32::MAX));
    Ok(Scores { scores, cost: ModelCost { prompt_tokens, ..ModelCost::default() } })
}
