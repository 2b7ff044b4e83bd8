//! Who proposes tactics and who scores states, for all commands that search.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use stepwise_core::prompt::PromptFormat;

use super::values::{Count, Hosts, at_least_one, or_auto, parse_count, parse_hosts, parse_share, parse_temperature};
use crate::models::{DeviceChoice, PromptChoice, WeightsChoice};

/// Who proposes tactics, who scores states, and where their models run.
#[derive(Clone, Debug, PartialEq, Args)]
#[command(next_help_heading = "Models")]
pub struct ModelArgs {
    #[command(flatten)]
    pub sources: SourceArgs,
    /// Where models run: `auto` takes a GPU that agrees with the CPU on a self-test, else the CPU; the CPU for models that
    /// ship
    #[arg(long, value_name = "DEVICE", env = "STEPWISE_DEVICE", default_value = "auto")]
    pub device: Device,
    /// How weights are held: `f32`, in 16 bits (`f16`), or packed in 8 or 4 (`d8`, `d4`); `auto` takes the largest that
    /// memory has room for, and on a GPU f32. With others than f32 a GPU draws samples, and the CPU does the rest
    #[arg(long, value_name = "auto | f32 | f16 | d8 | d4", env = "STEPWISE_WEIGHTS", default_value = "auto", value_parser = parse_weights)]
    pub weights: WeightsChoice,
    /// Threads of a model on the CPU, or `auto`: one per core
    #[arg(long, value_name = "N", env = "STEPWISE_THREADS", default_value = "auto", value_parser = parse_hosts)]
    pub threads: Hosts,
}

/// Who proposes tactics, and who scores states.
#[derive(Clone, Debug, PartialEq, Args)]
#[command(next_help_heading = "Models")]
pub struct SourceArgs {
    /// Who proposes tactics: `tiny` (a small model that ships), `portfolio` (built in, no model), a model folder as Hugging Face
    /// publishes them, a GGUF file, or the URL of an OpenAI-compatible completions endpoint with log-probabilities (vLLM,
    /// llama.cpp server)
    #[arg(long, value_name = "tiny | portfolio | DIR | FILE | URL", env = "STEPWISE_POLICY", default_value = "portfolio", value_parser = parse_policy, value_hint = ValueHint::AnyPath)]
    pub policy: ModelSource,
    /// Share of the samples that the portfolio gives beside a model, 0 to 1; `auto` is what the policy's folder says, else 0
    #[arg(long, value_name = "SHARE", env = "STEPWISE_MIX", default_value = "auto", value_parser = parse_share_or_auto)]
    pub mix: OwnOr,
    /// Lemmas that the portfolio may use: a file of `stepwise corpus library`; beside a policy that comes with lemmas, those are
    /// the default
    #[arg(long, value_name = "FILE", env = "STEPWISE_PREMISES", value_hint = ValueHint::FilePath)]
    pub premises: Option<PathBuf>,
    /// Share of the portfolio's samples that use such a lemma, 0 to 1
    #[arg(long, value_name = "SHARE", env = "STEPWISE_PREMISES_SHARE", default_value = "0.5", value_parser = parse_share)]
    pub premises_share: f64,
    /// Who scores states for `--search cg` and `bf+cg`: `tiny` (a small model that ships), a folder of a reward model, the
    /// URL of a vLLM server that pools one, or `none`
    #[arg(long, value_name = "tiny | DIR | URL | none", env = "STEPWISE_CRITIC", default_value = "none", value_parser = parse_critic, value_hint = ValueHint::DirPath)]
    pub critic: ModelSource,
    /// The prompt that the policy was trained on; `auto` is what its folder says, StepProver's for InternLM2 and for
    /// URLs, BFS-Prover's for others
    #[arg(long, value_name = "FORMAT", env = "STEPWISE_PROMPT", default_value = "auto", value_parser = parse_prompt)]
    pub prompt: PromptChoice,
    /// Sampling temperature; 0 is beam search, `auto` is what the policy's folder says, else 0.7
    #[arg(long, value_name = "T", env = "STEPWISE_TEMPERATURE", default_value = "auto", value_parser = parse_temperature_or_auto)]
    pub temperature: OwnOr,
    /// Draw only from the N most probable tokens, or `none`
    #[arg(long, value_name = "N", env = "STEPWISE_TOP_K", default_value = "none", value_parser = parse_count)]
    pub top_k: Count,
    /// Draw only from the most probable tokens whose probabilities add up to this
    #[arg(long, value_name = "P", env = "STEPWISE_TOP_P", default_value = "1", value_parser = parse_share)]
    pub top_p: f64,
    /// Tokens of a tactic at most
    #[arg(long, value_name = "N", env = "STEPWISE_TACTIC_TOKENS", default_value = "256", value_parser = at_least_one)]
    pub tactic_tokens: u32,
}

/// Where a policy or a critic comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// `portfolio` for a policy, `none` for a critic.
    BuiltIn,
    /// A model folder, a GGUF file, or the name of a model that ships.
    Folder(PathBuf),
    /// A server.
    Url(String),
}

/// A number, or `auto`: what the policy's folder says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OwnOr(pub Option<f64>);

/// Where models run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// A GPU that can be trusted, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU, or a software adapter that stands in for one.
    Gpu,
}

impl Device {
    /// Its word on the command line.
    pub(in crate::cli) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }

    pub(in crate::cli) fn choice(self) -> DeviceChoice {
        match self {
            Self::Auto => DeviceChoice::Auto,
            Self::Cpu => DeviceChoice::Cpu,
            Self::Gpu => DeviceChoice::Gpu,
        }
    }
}

fn parse_share_or_auto(text: &str) -> Result<OwnOr, String> {
    or_auto(text, parse_share).map(OwnOr)
}

fn parse_temperature_or_auto(text: &str) -> Result<OwnOr, String> {
    or_auto(text, parse_temperature).map(OwnOr)
}

fn parse_prompt(text: &str) -> Result<PromptChoice, String> {
    match PromptFormat::from_name(text) {
        _ if text == "auto" => Ok(PromptChoice::Auto),
        Some(format) => Ok(PromptChoice::Format(format)),
        None => Err(format!("give one of auto, {}", PromptFormat::NAMES.join(", "))),
    }
}

pub(super) fn parse_weights(text: &str) -> Result<WeightsChoice, String> {
    WeightsChoice::from_name(text).ok_or_else(|| format!("give one of {}", WeightsChoice::NAMES.join(", ")))
}

fn parse_policy(text: &str) -> Result<ModelSource, String> {
    parse_source(text, "portfolio")
}

fn parse_critic(text: &str) -> Result<ModelSource, String> {
    parse_source(text, "none")
}

fn parse_source(text: &str, built_in: &str) -> Result<ModelSource, String> {
    Ok(match text {
        "" => return Err(format!("give `tiny`, a folder, a URL or `{built_in}`")),
        _ if text == built_in => ModelSource::BuiltIn,
        _ if text.starts_with("http://") || text.starts_with("https://") => ModelSource::Url(text.to_owned()),
        _ => ModelSource::Folder(PathBuf::from(text)),
    })
}
