//! Known outputs of a model that ships: with them a device shows that it computes this very model as it should.
//!
//! The file lies beside the weights as `known.json`. It was computed on the CPU, and a test of the worker computes it again.

use serde::{Deserialize, Serialize};

use super::error::ModelError;
use super::generate::rows;
use super::network::Network;

/// The greatest outputs of a row that are kept.
const N_TOP: usize = 16;
/// Beside them every one at these steps.
const STEP: usize = 32;

/// Some texts, and what the model says at the end of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    cases: Vec<Case>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Case {
    tokens: Vec<u32>,
    /// The least output at the last token, and the greatest; 0 and 1 for a reward, which has no range of its own.
    range: [f64; 2],
    /// Outputs at the last token: the numbers of the tokens that they are about (0 for a reward), and the outputs.
    outputs: Vec<(usize, f64)>,
}

impl Known {
    /// What a network computes for these texts.
    ///
    /// # Errors
    /// A text is empty or has tokens that the model has not, or the device fails.
    pub async fn compute(network: &Network, texts: &[Vec<u32>]) -> Result<Self, ModelError> {
        let mut cases = Vec::with_capacity(texts.len());
        for tokens in texts {
            let row = last_row(network, tokens).await?;
            let mut by_size: Vec<usize> = (0..row.len()).collect();
            by_size.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
            let range = match row.len() {
                1 => [0.0, 1.0],
                n => [rounded(row[by_size[n - 1]]), rounded(row[by_size[0]])],
            };
            let kept = by_size.iter().take(N_TOP).copied();
            let sample = (0..row.len()).step_by(STEP).filter(|id| !by_size.iter().take(N_TOP).any(|top| top == id));
            let outputs = kept.chain(sample).map(|id| (id, rounded(row[id]))).collect();
            cases.push(Case { tokens: tokens.clone(), range, outputs });
        }
        Ok(Self { cases })
    }

    /// Reads known.json.
    ///
    /// # Errors
    /// It is something else, or has nothing to compare with.
    pub fn from_json(json: &str) -> Result<Self, ModelError> {
        let broken =
            |detail: String| ModelError::Unsuited(format!("known.json is broken ({detail}); download it again"));
        let known: Self = serde_json::from_str(json).map_err(|e| broken(e.to_string()))?;
        let has_range = |case: &Case| case.range[0] < case.range[1] && !case.outputs.is_empty();
        match known.cases.iter().all(has_range) && !known.cases.is_empty() {
            true => Ok(known),
            false => Err(broken("it has nothing to compare with".to_owned())),
        }
    }

    /// As [`Known::from_json`] reads it, a line for each text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let line = |case: &Case| serde_json::to_string(case).unwrap_or_default();
        format!("{{\"cases\":[\n{}\n]}}\n", self.cases.iter().map(line).collect::<Vec<String>>().join(",\n"))
    }

    /// The texts.
    pub fn texts(&self) -> impl Iterator<Item = &[u32]> {
        self.cases.iter().map(|case| case.tokens.as_slice())
    }

    /// How far a network's outputs are from those that are known: the greatest difference, as a share of the outputs'
    /// range.
    ///
    /// # Errors
    /// The file is another model's, or the device fails or computes what is no number.
    pub async fn error(&self, network: &Network) -> Result<f32, ModelError> {
        let mut greatest = 0.0_f64;
        for Case { tokens, range: [low, high], outputs } in &self.cases {
            let row = last_row(network, tokens).await?;
            for (id, known) in outputs {
                let output = row.get(*id).copied().filter(|output| output.is_finite()).ok_or(ModelError::NotFinite)?;
                greatest = greatest.max((f64::from(output) - known).abs() / (high - low));
            }
        }
        Ok(greatest as f32)
    }
}

/// The outputs at the last token of a text.
async fn last_row(network: &Network, tokens: &[u32]) -> Result<Vec<f32>, ModelError> {
    let config = network.config();
    if let Some(token) = tokens.iter().find(|token| **token as usize >= config.vocab_size) {
        return Err(ModelError::Token { token: *token, vocab_size: config.vocab_size });
    }
    if tokens.is_empty() || tokens.len() > config.max_positions {
        return Err(ModelError::Length { n_tokens: tokens.len(), n_positions: config.max_positions });
    }
    let mut all = rows(network.logits(tokens)).await?;
    let width = all.len() / tokens.len();
    Ok(all.split_off(all.len() - width))
}

/// Digits beyond these differ between machines.
fn rounded(output: f32) -> f64 {
    (f64::from(output) * 1e5).round() / 1e5
}
