//! From the flags to a policy and a critic: the portfolio, a model folder, an endpoint, or a mixture.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Parser;
use flate2::Compression;
use flate2::write::GzEncoder;
use stepwise_core::goal::Goal;
use stepwise_core::policy::portfolio;
use stepwise_core::problem::{Problem, read_jsonl};
use stepwise_core::prompt::{Message, Prompt, PromptFormat, clean_tactic, critic_prompt, policy_prompt, state_text};
use stepwise_core::search::SearchConfig;
use stepwise_core::wire::campaign::{ModelFiles, Proposer};
use stepwise_inference::chat::ChatTemplate;
use stepwise_inference::tokenizer::Segment;
use stepwise_inference::{Decoding, Draw, Sampling};

use super::args::{Cli, Command, LeanArgs, ModelArgs, ModelSource, SourceArgs};
use super::input;
use super::progress::Progress;
use super::project::has_mathlib;
use crate::blobs::Blobs;
use crate::models::folder::LEMMAS;
use crate::models::local::own_mix;
use crate::models::recipe::{self, Composed};
use crate::models::{DeviceChoice, LocalCritic, LocalPolicy, ModelDevice, PolicyUse, PromptChoice, Role, shipped};
use crate::run::MissingCritic;
use crate::run::critic::Critic;
use crate::run::critic::endpoint::EndpointCritic;
use crate::run::model_server::ServerOptions;
use crate::run::policy::endpoint::{self, Endpoint, EndpointOptions};
use crate::run::policy::premises::LemmaPolicy;
use crate::run::policy::{self, Policy};

/// The token at which InternLM2's reward models are read, as text: `reward_token_id` 92527 of their config.json.
const REWARD_TOKEN: &str = "[UNUSED_TOKEN_130]";

/// Who proposes and who scores.
pub(super) struct Models {
    pub(super) policy: Arc<dyn Policy>,
    /// Only where the search needs one.
    pub(super) critic: Option<Arc<dyn Critic>>,
}

impl Models {
    /// Opens what the flags name. A critic that the search does not need is not loaded.
    ///
    /// # Errors
    /// A folder or an endpoint cannot be used, or the search needs a critic and none is named.
    pub(super) async fn open(
        args: &ModelArgs,
        lean: &LeanArgs,
        config: &SearchConfig,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        Self::open_for(args, lean, config.order.needs_critic(), progress).await
    }

    /// Opens what the flags name, for searches of which some need a critic, or none.
    ///
    /// # Errors
    /// As [`Models::open`].
    pub(super) async fn open_for(
        args: &ModelArgs,
        lean: &LeanArgs,
        is_needed: bool,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        let sources = &args.sources;
        if is_needed && sources.critic == ModelSource::BuiltIn {
            return Err(MissingCritic).context("name a critic with --critic, or choose `--search bf`");
        }
        let mut own_lemmas = None;
        let model: Option<(Arc<dyn Policy>, Option<f64>)> = match &sources.policy {
            ModelSource::BuiltIn => None,
            ModelSource::Folder(folder) => {
                let device = device(args, progress).await?;
                let (folder, use_as) = (folder.clone(), policy_use(sources));
                let loaded = load(progress, "policy", move |told| LocalPolicy::open(&folder, device, use_as, told));
                let loaded: LocalPolicy = loaded.await?;
                loaded.notices().iter().for_each(|notice| progress.say(notice));
                own_lemmas = loaded.lemmas().cloned();
                let own_mix = loaded.own_mix();
                Some((Arc::new(loaded), own_mix))
            }
            ModelSource::Url(url) => {
                let server = ServerOptions::new(url);
                let options = EndpointOptions { server, sampling: sampling(sources), wording: wording(sources)? };
                if options.sampling.decoding == Decoding::Beam {
                    progress.say("an endpoint has no beam search: at temperature 0 it gives one tactic for each state");
                }
                Some((Arc::new(Endpoint::connect(options).await?), None))
            }
        };
        let lemmas: Option<Arc<dyn Policy>> = match &sources.premises {
            None => own_lemmas.map(|lemmas| Arc::new(lemmas) as _),
            Some(file) => Some(Arc::new(LemmaPolicy::open(file).with_context(|| of_premises(file))?)),
        };
        let policy = put_together(sources, model, policy::portfolio(portfolio_options(lean)), lemmas);
        let critic: Option<Arc<dyn Critic>> = match &sources.critic {
            _ if !is_needed => None,
            ModelSource::BuiltIn => None,
            ModelSource::Folder(folder) => {
                let device = device(args, progress).await?;
                let folder = folder.clone();
                let loaded = load(progress, "critic", move |told| LocalCritic::open(&folder, device, told));
                let loaded: LocalCritic = loaded.await?;
                if let Some(notice) = loaded.notice() {
                    progress.say(notice);
                }
                Some(Arc::new(loaded))
            }
            ModelSource::Url(url) => {
                let template = ChatTemplate::internlm2()?;
                let text =
                    move |goals: &[Goal]| chat_text(&template, &critic_prompt(state_text(goals)), false) + REWARD_TOKEN;
                Some(Arc::new(EndpointCritic::connect(ServerOptions::new(url), Box::new(text)).await?))
            }
        };
        Ok(Self { policy, critic })
    }

    /// The critic's name for logs and records.
    pub(super) fn critic_name(&self) -> Option<String> {
        self.critic.as_ref().map(|critic| critic.name().to_owned())
    }
}

/// What `stepwise prove` asks when it is given these flags: its policy, and its critic if its search needs one.
///
/// # Errors
/// `prove` has no such flags, or what they name cannot be opened.
pub async fn of_prove(flags: &[String]) -> anyhow::Result<(Arc<dyn Policy>, Option<Arc<dyn Critic>>)> {
    let line = ["stepwise", "prove"].into_iter().map(str::to_owned).chain(flags.iter().cloned());
    let Command::Prove(args) = Cli::try_parse_from(line)?.command else { bail!("this is no `prove`") };
    let config = args.budget.config(1);
    let models = Models::open(&args.models, &args.lean, &config, &Progress::new(0)).await?;
    Ok((models.policy, models.critic))
}

/// What a campaign's recipes say of the models that the flags name.
pub(super) struct Published {
    pub(super) proposer: Proposer,
    /// Only where the search needs one.
    pub(super) scorer: Option<ModelFiles>,
}

/// Copies what the flags name to where a campaign's donors download it.
///
/// # Errors
/// It is no model, donors could not use it, or the search needs a critic and none is named.
pub(super) async fn publish(
    sources: &SourceArgs,
    config: &SearchConfig,
    blobs: Blobs,
    progress: &Progress,
) -> anyhow::Result<Published> {
    if let Some(ModelSource::Url(url)) =
        [&sources.policy, &sources.critic].into_iter().find(|source| matches!(source, ModelSource::Url(_)))
    {
        bail!("donors run their models themselves, and {url} is a server: name a folder");
    }
    if config.order.needs_critic() && sources.critic == ModelSource::BuiltIn {
        return Err(MissingCritic).context("name a critic with --critic, or choose `--search bf`");
    }
    let (sources, needs_critic) = (sources.clone(), config.order.needs_critic());
    progress.update(|| "copying the models' files".to_owned());
    let published = tokio::task::spawn_blocking(move || publish_now(&sources, needs_critic, &blobs));
    published.await.context("copying died")?
}

fn publish_now(sources: &SourceArgs, needs_critic: bool, blobs: &Blobs) -> anyhow::Result<Published> {
    let model = match &sources.policy {
        ModelSource::Folder(folder) => Some((recipe::publish(folder, Role::Policy, blobs)?, own_mix(folder)?)),
        ModelSource::BuiltIn | ModelSource::Url(_) => None,
    };
    let lemmas = match &sources.premises {
        None => model.as_ref().and_then(|(files, _)| files.files.get(LEMMAS).cloned()),
        Some(file) => {
            let packed = packed_lemmas(file).with_context(|| of_premises(file))?;
            Some(blobs.keep_bytes(&packed)?)
        }
    };
    let draws = recipe::draws(&policy_use(sources));
    let model = model.map(|(files, own_mix)| (Proposer::Model { files, draws }, own_mix));
    let lemmas = lemmas.map(|file| Proposer::Lemmas { file });
    let proposer = put_together(sources, model, Proposer::Portfolio, lemmas);
    let scorer = match &sources.critic {
        ModelSource::Folder(folder) if needs_critic => Some(recipe::publish(folder, Role::Critic, blobs)?),
        _ => None,
    };
    Ok(Published { proposer, scorer })
}

/// Lemmas of a file as model folders have them: names and statements, compressed.
///
/// # Errors
/// It cannot be read, or is no file of problems.
pub(super) fn packed_lemmas(path: &Path) -> anyhow::Result<Vec<u8>> {
    let text = input::read_text(path)?;
    let problems = read_jsonl(&path.display().to_string(), &text, &stepwise_core::problem::Defaults::default())?;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    for Problem { name, theorem, .. } in problems {
        writeln!(packed, "{}", serde_json::json!({ "name": name, "statement": theorem.statement }))?;
    }
    Ok(packed.finish()?)
}

fn of_premises(file: &Path) -> String {
    format!("`--premises {}`", file.display())
}

/// Who proposes, of a model with the share that its folder would have the portfolio give beside it, of the portfolio, and of
/// lemmas.
fn put_together<P: Composed>(
    sources: &SourceArgs,
    model: Option<(P, Option<f64>)>,
    portfolio: P,
    lemmas: Option<P>,
) -> P {
    let portfolio = match lemmas {
        None => portfolio,
        Some(lemmas) => P::mixture(portfolio, lemmas, sources.premises_share),
    };
    let Some((model, own_mix)) = model else { return portfolio };
    match sources.mix.0.or(own_mix).unwrap_or(0.0) {
        mix if mix > 0.0 => P::mixture(model, portfolio, mix),
        _ => P::widening(model, portfolio),
    }
}

/// What the portfolio may assume about the Lean that the flags choose.
pub(super) fn portfolio_options(lean: &LeanArgs) -> portfolio::Options {
    portfolio::Options { mathlib: lean.lean_project.as_deref().is_some_and(has_mathlib) }
}

/// The device that the flags choose.
///
/// # Errors
/// The GPU is asked for and cannot be used.
pub(super) async fn device(args: &ModelArgs, progress: &Progress) -> anyhow::Result<ModelDevice> {
    let sources = [&args.sources.policy, &args.sources.critic];
    let is_small = |source: &ModelSource| match source {
        ModelSource::BuiltIn | ModelSource::Url(_) => true,
        ModelSource::Folder(folder) => shipped::is_name(folder),
    };
    let choice = match args.device.choice() {
        // To look for a GPU and to test it takes longer than a small model needs.
        DeviceChoice::Auto if sources.into_iter().all(is_small) => DeviceChoice::Cpu,
        choice => choice,
    };
    if choice != DeviceChoice::Cpu {
        progress.update(|| "looking for a GPU".to_owned());
    }
    let device = ModelDevice::choose(choice, args.threads.0.map(|n| n as usize)).await?;
    if device.is_software_gpu {
        progress.say(&format!("{} is a program on the CPU: `--device cpu` is faster", device.name));
    }
    Ok(device.with_weights(args.weights))
}

/// Loads a model off the async threads, and shows how far it is.
async fn load<M: Send + 'static, E: std::error::Error + Send + Sync + 'static>(
    progress: &Progress,
    role: &'static str,
    open: impl FnOnce(&mut dyn FnMut(u64, u64)) -> Result<M, E> + Send + 'static,
) -> anyhow::Result<M> {
    let progress = progress.clone();
    let loaded = tokio::task::spawn_blocking(move || {
        open(&mut |done, total| {
            let percent = (100 * done).checked_div(total).unwrap_or(100);
            progress.update(|| format!("loading the {role}: {percent}% of {:.1} GB", total as f64 / 1e9));
        })
    });
    Ok(loaded.await.context("loading died")??)
}

fn policy_use(args: &SourceArgs) -> PolicyUse {
    PolicyUse { prompt: args.prompt, sampling: sampling(args), own_temperature: args.temperature.0.is_none() }
}

fn sampling(args: &SourceArgs) -> Sampling {
    let draw = Draw {
        temperature: args.temperature.0.unwrap_or(Draw::default().temperature),
        top_k: args.top_k.0.map(|k| usize::try_from(k).unwrap_or(usize::MAX)),
        top_p: args.top_p,
    };
    Sampling { decoding: Decoding::of_draw(draw), max_tokens: args.tactic_tokens as usize, stop: Vec::new() }
}

/// What an endpoint's model reads. Its server has the template of chats, but completions bypass it, so it is written
/// out here.
fn wording(args: &SourceArgs) -> anyhow::Result<endpoint::Wording> {
    let format = match args.prompt {
        PromptChoice::Auto => PromptFormat::StepProver,
        PromptChoice::Format(format) => format,
    };
    let template = ChatTemplate::internlm2()?;
    Ok(endpoint::Wording {
        prompt: Box::new(move |request| match policy_prompt(format, request) {
            Prompt::Text(text) => text,
            Prompt::Chat(messages) => chat_text(&template, &messages, true),
        }),
        stop: format.stop().iter().map(|stop| (*stop).to_owned()).collect(),
        tactic: Box::new(move |text| clean_tactic(format, text)),
    })
}

/// A chat as text, without the beginning-of-text token, which completions endpoints put in front themselves.
fn chat_text(template: &ChatTemplate, messages: &[Message], to_be_answered: bool) -> String {
    // The built-in template takes any messages.
    let segments = template.render(messages, to_be_answered).unwrap_or_default();
    let text: String = segments.iter().map(Segment::text).collect();
    text.strip_prefix("<s>").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use stepwise_core::policy::mixture::LEMMAS_SHARE;

    use super::*;

    #[test]
    fn what_no_flag_changes_is_what_a_browser_does() {
        let cli = Cli::try_parse_from(["stepwise", "prove"]).unwrap();
        let Command::Prove(args) = cli.command else { panic!("this is no `prove`") };
        assert_eq!(args.models.sources.premises_share, LEMMAS_SHARE);
        let PolicyUse { prompt, sampling, own_temperature } = policy_use(&args.models.sources);
        assert_eq!((prompt, sampling, own_temperature), (PromptChoice::Auto, Sampling::default(), true));
        assert!(args.models.sources.mix.0.is_none() && args.models.sources.premises.is_none());
    }
}
