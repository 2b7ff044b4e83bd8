//! `stepwise learn`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueHint};
use stepwise_core::syntax::Withheld;

use super::campaign::CoordinatorArgs;
use super::lean::LeanArgs;
use super::models::{Device, parse_weights};
use super::values::{Hosts, Seconds, at_least_one, parse_hosts, parse_seconds, parse_share, parse_temperature};
use crate::models::WeightsChoice;

/// `stepwise learn`.
#[derive(Clone, Debug, Args)]
pub struct LearnArgs {
    /// The run's folder; a run that was interrupted goes on from it
    #[arg(value_name = "RUN", value_hint = ValueHint::DirPath)]
    pub run: PathBuf,
    /// Problems to learn from: files of `stepwise corpus`, or of anybody, one JSON object a line
    #[arg(long, value_name = "FILE.jsonl", num_args = 1.., value_hint = ValueHint::FilePath)]
    pub problems: Vec<PathBuf>,
    /// Problems to be measured with. Problems to learn from that are or resemble one of them are left out
    #[arg(long, value_name = "FILE.jsonl", num_args = 1.., value_hint = ValueHint::FilePath)]
    pub eval: Vec<PathBuf>,
    /// Rounds of searching and learning
    #[arg(long, value_name = "N", default_value = "3", value_parser = at_least_one)]
    pub rounds: u32,
    /// Share of the problems that is held out and measured with instead, drawn by the hash of the statement
    #[arg(long, value_name = "SHARE", default_value = "0.1", value_parser = parse_share)]
    pub held_out: f64,
    /// Held-out problems that each round is measured on at most
    #[arg(long, value_name = "N", default_value = "200", value_parser = at_least_one)]
    pub held_out_limit: u32,
    /// Problems to learn from at most, drawn from all files
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub limit: Option<u32>,
    /// The seed of everything that is drawn
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: u64,
    #[command(flatten)]
    pub searches: LearnSearchArgs,
    #[command(flatten)]
    pub models: LearnModelArgs,
    #[command(flatten)]
    pub training: TrainingArgs,
    #[command(flatten)]
    pub lean: LeanArgs,
    /// Let others lend their machines to the run's searches: be their coordinator at this address and port, as `stepwise
    /// campaign serve` is
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    #[command(flatten)]
    pub coordinator: CoordinatorArgs,
    /// Searches at once [default: hosts + 1]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub concurrency: Option<u32>,
    /// Print the finished rounds as one JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// What the searches of a round may spend.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Searches")]
pub struct LearnSearchArgs {
    /// Tactics tried per expansion
    #[arg(long, value_name = "S", default_value = "16", value_parser = at_least_one)]
    pub samples: u32,
    /// Tactics that are neither offered nor run, with commas between: `grind,omega`; `automation` for all that decide or
    /// search by themselves; or `none`
    #[arg(long, value_name = "TACTICS", default_value = "none")]
    pub withhold: Withheld,
    /// Expansions of the quick scan, on each open statement and on each negation
    #[arg(long, value_name = "K", default_value = "10", value_parser = at_least_one)]
    pub scan_expansions: u32,
    /// Lean CPU time and model device time of the quick scan, in seconds, or `none`
    #[arg(long, value_name = "SECS", default_value = "5", value_parser = parse_seconds)]
    pub scan_cost: Seconds,
    /// Expansions of the longer search in the first round
    #[arg(long, value_name = "K", default_value = "50", value_parser = at_least_one)]
    pub deep_expansions: u32,
    /// Lean CPU time and model device time of the longer search in the first round, in seconds, or `none`
    #[arg(long, value_name = "SECS", default_value = "20", value_parser = parse_seconds)]
    pub deep_cost: Seconds,
    /// What the longer search may spend grows by this factor from round to round
    #[arg(long, value_name = "FACTOR", default_value = "2", value_parser = parse_factor)]
    pub ramp: f64,
    /// Share of the open statements that goes on to the longer search: those that the critic puts first
    #[arg(long, value_name = "SHARE", default_value = "0.5", value_parser = parse_share)]
    pub deep_share: f64,
    /// Share of the proofs of two tactics and more that are searched again for a shorter one
    #[arg(long, value_name = "SHARE", default_value = "0.5", value_parser = parse_share)]
    pub shorten_share: f64,
    /// Share of the proved statements that is searched again for a proof in more steps, from which the critic learns
    #[arg(long, value_name = "SHARE", default_value = "0.2", value_parser = parse_share)]
    pub detail_share: f64,
    /// Share of the samples that the portfolio (with --premises) gives beside the trained policy
    #[arg(long, value_name = "SHARE", default_value = "0.5", value_parser = parse_share)]
    pub explore: f64,
    /// Lemmas to explore with, and for a new policy to point at: a file of `stepwise corpus library`
    #[arg(long, value_name = "FILE.jsonl", value_hint = ValueHint::FilePath)]
    pub premises: Option<PathBuf>,
    /// Expansions per problem when a round is measured
    #[arg(long, value_name = "K", default_value = "100", value_parser = at_least_one)]
    pub eval_expansions: u32,
    /// Lean CPU time and model device time per problem when a round is measured, in seconds, or `none`
    #[arg(long, value_name = "SECS", default_value = "10", value_parser = parse_seconds)]
    pub eval_cost: Seconds,
    /// Share of the samples that the portfolio gives beside the trained policy when a round is measured
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = parse_share)]
    pub eval_mix: f64,
}

/// What is trained and where it runs.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Models")]
pub struct LearnModelArgs {
    /// The policy to begin with: a model folder, a GGUF file, or `new`
    #[arg(long, value_name = "DIR | FILE | new", default_value = "new", value_hint = ValueHint::AnyPath)]
    pub policy: String,
    /// The critic to begin with: a folder of a reward model, or `new`
    #[arg(long, value_name = "DIR | new", default_value = "new", value_hint = ValueHint::DirPath)]
    pub critic: String,
    /// Width of a new policy, a multiple of 64
    #[arg(long, value_name = "N", default_value = "192", value_parser = parse_width)]
    pub hidden: u32,
    /// Layers of a new policy
    #[arg(long, value_name = "N", default_value = "4", value_parser = at_least_one)]
    pub layers: u32,
    /// Width of a new critic, a multiple of 64
    #[arg(long, value_name = "N", default_value = "128", value_parser = parse_width)]
    pub critic_hidden: u32,
    /// Layers of a new critic
    #[arg(long, value_name = "N", default_value = "3", value_parser = at_least_one)]
    pub critic_layers: u32,
    /// Tokens of the tokenizer of new models
    #[arg(long, value_name = "N", default_value = "2048", value_parser = parse_vocabulary)]
    pub vocab: u32,
    /// Positions of new models: longer states are not read
    #[arg(long, value_name = "N", default_value = "1024", value_parser = at_least_one)]
    pub positions: u32,
    /// Where models are trained and run: `auto` takes a GPU that agrees with the CPU on a self-test, else the CPU
    #[arg(long, value_name = "DEVICE", env = "STEPWISE_DEVICE", default_value = "auto")]
    pub device: Device,
    /// How weights are held while models search, not while they learn: `f32`, in 16 bits (`f16`), or packed in 8 or 4
    /// (`d8`, `d4`); `auto` takes the largest that memory has room for, and on a GPU f32. With others than f32 a GPU draws
    /// samples, and the CPU does the rest
    #[arg(long, value_name = "auto | f32 | f16 | d8 | d4", env = "STEPWISE_WEIGHTS", default_value = "auto", value_parser = parse_weights)]
    pub weights: WeightsChoice,
    /// Threads of a model on the CPU, or `auto`: one per core
    #[arg(long, value_name = "N", env = "STEPWISE_THREADS", default_value = "auto", value_parser = parse_hosts)]
    pub threads: Hosts,
    /// Sampling temperature in searches; 0 is beam search
    #[arg(long, value_name = "T", default_value = "0", value_parser = parse_temperature)]
    pub temperature: f64,
    /// Tokens of a tactic at most
    #[arg(long, value_name = "N", default_value = "64", value_parser = at_least_one)]
    pub tactic_tokens: u32,
}

/// How models learn.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Training")]
pub struct TrainingArgs {
    /// How often the policy reads every step that was found
    #[arg(long, value_name = "N", default_value = "4", value_parser = at_least_one)]
    pub epochs: u32,
    /// How often the critic reads every pair that was found
    #[arg(long, value_name = "N", default_value = "3", value_parser = at_least_one)]
    pub critic_epochs: u32,
    /// Tokens of a batch
    #[arg(long, value_name = "N", default_value = "4096", value_parser = at_least_one)]
    pub batch_tokens: u32,
    /// Peak learning rate of AdamW for the policy, after a linear warm-up and before a cosine decay
    #[arg(long, value_name = "RATE", default_value = "0.001", value_parser = parse_rate)]
    pub learning_rate: f64,
    /// The same for the critic, which has fewer lessons
    #[arg(long, value_name = "RATE", default_value = "0.0005", value_parser = parse_rate)]
    pub critic_learning_rate: f64,
    /// Train low-rank adapters of this rank instead of all weights (arXiv 2106.09685); they are merged into the model
    #[arg(long, value_name = "RANK", value_parser = at_least_one)]
    pub lora: Option<u32>,
}

fn parse_factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if (1.0..=100.0).contains(&factor) => Ok(factor),
        _ => Err("give a number from 1 to 100".into()),
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 1.0 => Ok(rate),
        _ => Err("give a number above 0 and up to 1".into()),
    }
}

fn parse_width(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        Ok(width) if width > 0 && width % 64 == 0 && width <= 65_536 => Ok(width),
        _ => Err("give a multiple of 64".into()),
    }
}

fn parse_vocabulary(text: &str) -> Result<u32, String> {
    match text.parse::<u32>() {
        // 256 bytes and the special tokens.
        Ok(n) if (300..=1_000_000).contains(&n) => Ok(n),
        _ => Err("give a number from 300 to 1000000".into()),
    }
}
