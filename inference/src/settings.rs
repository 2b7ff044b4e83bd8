//! stepwise.json: what a model folder says about its policy's use that Hugging Face has no file for.

use serde::Deserialize;

use super::Scoring;
use super::config::Architecture;
use stepwise_core::prompt::PromptFormat;

/// How a folder's policy is used. What the file does not say is `None`, or the default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Settings {
    /// The prompt that it was trained on.
    pub prompt: Option<PromptFormat>,
    /// By what its tactics are ordered.
    pub scoring: Scoring,
    /// At what its tokens are best chosen; 0 for beam search.
    pub temperature: Option<f64>,
    /// The share of the samples that the portfolio is best given beside it.
    pub mix: Option<f64>,
}

/// Why stepwise.json cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It is no JSON, or has fields that nobody knows.
    #[error("{0}; it may hold `prompt`, `logprob`, `temperature` and `mix`")]
    Json(#[from] serde_json::Error),
    /// No prompt has this name.
    #[error("`{0}` is no prompt; choose one of {names}", names = PromptFormat::NAMES.join(", "))]
    Prompt(String),
    /// No way of scoring has this name.
    #[error("`{0}` is no log-probability; choose one of {names}", names = Scoring::NAMES.join(", "))]
    Logprob(String),
    /// The temperature is out of its range.
    #[error("a temperature of {0}; give one from 0 to 100")]
    Temperature(f64),
    /// The mix is no share.
    #[error("a mix of {0}; give a share from 0 to 1")]
    Mix(f64),
}

impl Settings {
    /// Reads the file's bytes.
    ///
    /// # Errors
    /// It is broken, or says something that makes no sense.
    pub fn from_json(json: &[u8]) -> Result<Self, SettingsError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            prompt: Option<String>,
            logprob: Option<String>,
            temperature: Option<f64>,
            mix: Option<f64>,
        }
        let File { prompt, logprob, temperature, mix } = serde_json::from_slice(json)?;
        let prompt = match prompt {
            Some(name) => Some(PromptFormat::from_name(&name).ok_or(SettingsError::Prompt(name))?),
            None => None,
        };
        let scoring = match logprob {
            Some(name) => Scoring::from_name(&name).ok_or(SettingsError::Logprob(name))?,
            None => Scoring::default(),
        };
        if let Some(temperature) = temperature.filter(|temperature| !(0.0..=100.0).contains(temperature)) {
            return Err(SettingsError::Temperature(temperature));
        }
        if let Some(mix) = mix.filter(|mix| !(0.0..=1.0).contains(mix)) {
            return Err(SettingsError::Mix(mix));
        }
        Ok(Self { prompt, scoring, temperature, mix })
    }

    /// The prompt that the folder's policy was trained on: unless the file names one, StepProver's for InternLM2 and
    /// BFS-Prover's for others.
    #[must_use]
    pub fn format(&self, architecture: Architecture) -> PromptFormat {
        match (self.prompt, architecture) {
            (Some(format), _) => format,
            (None, Architecture::InternLm2) => PromptFormat::StepProver,
            (None, _) => PromptFormat::BfsProver,
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(json: &str, expected: Expect) {
        expected.assert_eq(&match Settings::from_json(json.as_bytes()) {
            Ok(settings) => format!("{settings:?}"),
            Err(e) => e.to_string(),
        });
    }

    #[test]
    fn settings_are_read_or_refused_in_one_line() {
        check(
            r#"{"prompt": "plain", "logprob": "sum", "temperature": 0, "mix": 0.33}"#,
            expect!["Settings { prompt: Some(Plain), scoring: Sum, temperature: Some(0.0), mix: Some(0.33) }"],
        );
        check("{}", expect!["Settings { prompt: None, scoring: Mean, temperature: None, mix: None }"]);
        check(r#"{"prompt": "poem"}"#, expect!["`poem` is no prompt; choose one of step-prover, bfs-prover, plain"]);
        check(r#"{"logprob": "product"}"#, expect!["`product` is no log-probability; choose one of mean, sum"]);
        check(r#"{"temperature": -1}"#, expect!["a temperature of -1; give one from 0 to 100"]);
        check(r#"{"mix": 2}"#, expect!["a mix of 2; give a share from 0 to 1"]);
        check(
            r#"{"temprature": 1}"#,
            expect![
                "unknown field `temprature`, expected one of `prompt`, `logprob`, `temperature`, `mix` at line 1 column 13; it may hold `prompt`, `logprob`, `temperature` and `mix`"
            ],
        );
    }

    #[test]
    fn the_prompt_follows_from_the_architecture_where_it_is_not_named() {
        let named = Settings { prompt: Some(PromptFormat::Plain), ..Settings::default() };
        assert_eq!(named.format(Architecture::InternLm2), PromptFormat::Plain);
        assert_eq!(Settings::default().format(Architecture::InternLm2), PromptFormat::StepProver);
        assert_eq!(Settings::default().format(Architecture::Llama), PromptFormat::BfsProver);
    }
}
