//! The speed of a model on a device: reading a prompt, generating samples that share it, scoring states.
//!
//! The loads are those of a proof search and of `tests/reference/bench_llama.py`, so that the two can be compared.

use std::path::Path;
use std::time::Instant;

use anyhow::bail;
use stepwise_inference::ModelError;
use stepwise_inference::config::Head;
use stepwise_inference::engine::{Engine, STEPS, Text};
use stepwise_inference::generate::rows;
use stepwise_inference::network::{Network, Prefix};
use stepwise_inference::reward_model::rewards;
use stepwise_inference::sampling::{self, Draw};
use stepwise_inference::weights::Checkpoint;

use super::{ModelDevice, ModelFolder};
use super::{Role, kernels, shipped};
use crate::measured::Row;

/// Runs before those that count: memory is touched for the first time, and a GPU's kernels are compiled.
const WARM_UP: u32 = 1;

/// The loads.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Tokens of the prompt.
    pub n_prompt: u32,
    /// Samples that share it.
    pub n_samples: u32,
    /// Steps, each of one token per sample.
    pub n_steps: u32,
    /// States for the critic.
    pub n_states: u32,
    /// Tokens of each state.
    pub n_state_tokens: u32,
    pub runs: u32,
}

/// Measures the model in a folder, and tells `say` what is under way.
///
/// # Errors
/// The folder holds no model that can be run, or the device fails.
pub async fn run(
    folder: &Path,
    device: &ModelDevice,
    plan: &Plan,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<Vec<Row>> {
    measure(&shipped::open(folder, Role::Policy)?, device, plan, say).await
}

async fn measure(
    folder: &ModelFolder,
    device: &ModelDevice,
    plan: &Plan,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<Vec<Row>> {
    say("loading");
    let checkpoint = Checkpoint::new(&folder.config, folder)?;
    let chosen = device.weights.settle(&checkpoint, device)?;
    if let Some(reason) = &chosen.reason {
        tracing::warn!("{reason}");
    }
    let network = Network::load_as(
        chosen.format,
        &folder.config,
        &checkpoint,
        &device.compute_for(chosen.format),
        &mut |_, _| (),
    )?;
    let bench = Bench { network: &network, plan, say };
    match network.config().head {
        Head::Reward { .. } => bench.critic().await,
        _ => {
            let mut rows = bench.policy().await?;
            if let Some(gpu) = device.gpu() {
                match kernels::engine(folder, gpu, chosen.format).await {
                    Ok(mut engine) => rows.extend(bench.kernels(&mut engine).await?),
                    Err(why) => say(&format!("without kernels of our own: {why}")),
                }
            }
            Ok(rows)
        }
    }
}

/// As [`run`], for a folder that must hold a reward model.
///
/// # Errors
/// As [`run`], or it holds a language model.
pub async fn run_critic(
    folder: &Path,
    device: &ModelDevice,
    plan: &Plan,
    say: &(dyn Fn(&str) + Sync),
) -> anyhow::Result<Vec<Row>> {
    let opened = shipped::open(folder, Role::Critic)?;
    if !matches!(opened.config.head, Head::Reward { .. }) {
        bail!("{} holds a language model; name the folder of a reward model after --critic", folder.display());
    }
    measure(&opened, device, plan, say).await
}

struct Bench<'a> {
    network: &'a Network,
    plan: &'a Plan,
    say: &'a (dyn Fn(&str) + Sync),
}

/// The seconds of one run of the policy's load.
struct PolicyRun {
    prefill: f64,
    /// Logits are read back, but the next tokens are known before, as `bench_llama.py` has it.
    given: f64,
    /// The next tokens are drawn from the logits.
    sampled: f64,
}

impl Bench<'_> {
    async fn policy(&self) -> anyhow::Result<Vec<Row>> {
        let mut measured = Vec::new();
        for run in 0..WARM_UP + self.plan.runs {
            (self.say)(&format!("policy, run {run} of {}", self.plan.runs));
            measured.push(self.policy_run().await?);
        }
        let n_made = f64::from(self.plan.n_samples * self.plan.n_steps);
        let n_prompt = f64::from(self.plan.n_prompt);
        let row = |name: &str, speed: &dyn Fn(&PolicyRun) -> f64| {
            let speeds: Vec<f64> = measured.iter().skip(WARM_UP as usize).map(speed).collect();
            Row::new(name, "tokens/s", WARM_UP, &speeds)
        };
        Ok(vec![
            row("prompt", &|run| n_prompt / run.prefill),
            row("samples, tokens given", &|run| n_made / run.given),
            row("prompt and samples, tokens given", &|run| n_made / (run.prefill + run.given)),
            row("samples", &|run| n_made / run.sampled),
            row("prompt and samples", &|run| n_made / (run.prefill + run.sampled)),
        ])
    }

    async fn policy_run(&self) -> Result<PolicyRun, ModelError> {
        let Plan { n_prompt, n_samples, n_steps, .. } = *self.plan;
        let prompt = self.tokens(n_prompt, 0);
        let begun = Instant::now();
        let (prefix, logits) = self.network.extend(Prefix::default(), &prompt);
        let first = rows(logits).await?;
        let prefill = begun.elapsed().as_secs_f64();

        let steps: Vec<Vec<u32>> = (1..=n_steps).map(|step| self.tokens(n_samples, step)).collect();
        let begun = Instant::now();
        let mut branches = self.network.branches(n_samples as usize);
        for tokens in &steps {
            rows(self.network.step(tokens, &prefix, &mut branches)).await?;
        }
        let given = begun.elapsed().as_secs_f64();

        let begun = Instant::now();
        let mut rngs: Vec<_> = (0..n_samples as usize).map(|idx| sampling::rng(0, idx)).collect();
        let mut branches = self.network.branches(n_samples as usize);
        let mut logits = first.repeat(n_samples as usize);
        for _ in 0..n_steps {
            let picks = logits.chunks_exact(first.len()).zip(&mut rngs);
            let picks = picks.map(|(row, rng)| sampling::pick(row, &Draw::default(), rng));
            let tokens: Option<Vec<u32>> = picks.map(|pick| Some(pick?.token)).collect();
            let tokens = tokens.ok_or(ModelError::NotFinite)?;
            logits = rows(self.network.step(&tokens, &prefix, &mut branches)).await?;
        }
        Ok(PolicyRun { prefill, given, sampled: begun.elapsed().as_secs_f64() })
    }

    /// The policy's load by the decode engine, whose tokens are drawn on the device.
    async fn kernels(&self, engine: &mut Engine) -> anyhow::Result<Vec<Row>> {
        let mut measured = Vec::new();
        for run in 0..WARM_UP + self.plan.runs {
            (self.say)(&format!("policy in kernels of our own, run {run} of {}", self.plan.runs));
            measured.push(self.kernels_run(engine).await?);
        }
        let n_made = f64::from(self.plan.n_samples * self.plan.n_steps);
        let n_prompt = f64::from(self.plan.n_prompt);
        let row = |name: &str, speed: &dyn Fn(&[f64; 2]) -> f64| {
            let speeds: Vec<f64> = measured.iter().skip(WARM_UP as usize).map(speed).collect();
            Row::new(name, "tokens/s", WARM_UP, &speeds)
        };
        Ok(vec![
            row("prompt, own kernels", &|[prefill, _]| n_prompt / prefill),
            row("samples, own kernels", &|[_, sampled]| n_made / sampled),
            row("prompt and samples, own kernels", &|[prefill, sampled]| n_made / (prefill + sampled)),
        ])
    }

    /// The seconds of reading the prompt, and of drawing behind it.
    async fn kernels_run(&self, engine: &mut Engine) -> Result<[f64; 2], ModelError> {
        let Plan { n_prompt, n_samples, n_steps, .. } = *self.plan;
        let prompt = self.tokens(n_prompt, 0);
        let begun = Instant::now();
        let (text, logits) = engine.extend(&Text::default(), &prompt).await?;
        engine.fetch(&logits).await?;
        let prefill = begun.elapsed().as_secs_f64();

        let begun = Instant::now();
        // One token more than steps: the first is the prompt's.
        let n_tokens = n_steps as usize + 1;
        let n = n_samples as usize;
        let mut siblings = engine.siblings(&text, &logits, n, &Draw::default(), n_tokens).await?;
        let uniforms: Vec<f32> = (0..n_tokens * n).map(|idx| (idx * 7919 % 10_007) as f32 / 10_007.0).collect();
        for uniforms in uniforms.chunks(STEPS * n) {
            siblings.draw(uniforms).await?;
        }
        Ok([prefill, begun.elapsed().as_secs_f64()])
    }

    async fn critic(&self) -> anyhow::Result<Vec<Row>> {
        let states: Vec<Vec<u32>> =
            (0..self.plan.n_states).map(|state| self.tokens(self.plan.n_state_tokens, state)).collect();
        let states: Vec<&[u32]> = states.iter().map(Vec::as_slice).collect();
        let mut speeds = Vec::new();
        for run in 0..WARM_UP + self.plan.runs {
            (self.say)(&format!("critic, run {run} of {}", self.plan.runs));
            let begun = Instant::now();
            rewards(self.network, &Prefix::default(), &states).await?;
            speeds.push(f64::from(self.plan.n_states) / begun.elapsed().as_secs_f64());
        }
        Ok(vec![Row::new("critic", "states/s", WARM_UP, &speeds[WARM_UP as usize..])])
    }

    /// Some tokens of the vocabulary, others for each `text`.
    fn tokens(&self, n: u32, text: u32) -> Vec<u32> {
        let vocab = self.network.config().vocab_size as u64;
        let hash = |idx: u32| (u64::from(text) << 32 | u64::from(idx)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        (1..=n).map(|idx| (hash(idx) % vocab) as u32).collect()
    }
}
