//! `stepwise learn`: expert iteration over files of problems, and `stepwise export`: what it learnt, for others to train on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use clap::ArgMatches;
use sha2::{Digest, Sha256};
use stepwise_core::problem::{Problem, read_jsonl};
use stepwise_core::prompt::PromptFormat;
use stepwise_core::random::SplitMix64;
use stepwise_core::search::Budget;
use stepwise_core::wire::campaign::Proposer;
use stepwise_inference::Sampling;
use stepwise_inference::train::{LoraConfig, TrainConfig};
use stepwise_learn::corpus::contamination::EvaluationSet;
use stepwise_learn::corpus::normalise::statement_key;
use stepwise_learn::corpus::split::{Split, split_of};
use stepwise_learn::layout;
use stepwise_learn::lessons::Lessons;
use stepwise_learn::plan::Settings;
use stepwise_learn::run::{Manifest, Round, Trial, VERSION};

use stepwise_ledger::{Address, Ledger};

use super::args::{ExportArgs, LearnArgs, LearnModelArgs, Seconds};
use super::coordinator::OfRun;
use super::models::{packed_lemmas, portfolio_options};
use super::outcome::Outcome;
use super::progress::Progress;
use super::{input, interrupt, lean, output};
use crate::campaign;
use crate::campaign::folder::CampaignFolder;
use crate::lean::pool::Pool;
use crate::learn::folder::{Lines, RunFolder, write_json, write_whole};
use crate::learn::remains;
use crate::learn::sharing::Sharing;
use crate::learn::statements::{EvalSet, Problems, TRAIN};
use crate::learn::training::Shape;
use crate::learn::{Beginning, Learn, LearnOptions, Reporter, Resources, revision};
use crate::models::ModelDevice;
use crate::models::recipe::{Composed, Sayable};
use crate::run::policy::premises::LemmaPolicy;
use crate::run::policy::{self, Policy};

/// The name of the set of held-out problems.
const HELD_OUT: &str = "held-out";
/// The model to begin with that is none yet.
const NEW: &str = "new";

/// Settings that may change when a run goes on: they say how far and how fast, not what.
const FREE: [&str; 15] = [
    "rounds",
    "hosts",
    "threads",
    "device",
    "weights",
    "concurrency",
    "json",
    "problems",
    "color",
    "verbose",
    "listen",
    "public-url",
    "verifiers",
    "verify-timeout",
    "no-sandbox",
];

/// Runs what is not done yet. `settings` are the parsed flags.
pub(super) async fn run(args: &LearnArgs, settings: &ArgMatches, verbose: u8) -> anyhow::Result<Outcome> {
    let folder = RunFolder::open(&args.run)?;
    let progress = Progress::new(verbose);
    let manifest = folder.manifest()?;
    let stop = interrupt::listen(&progress)?;
    let pool = lean::start_pool(&args.lean).await?;
    progress.update(|| "starting Lean".to_owned());
    let lean = {
        let info = pool.info().await?;
        info.to_string()
    };
    let settings = settings_of(settings);
    let problems = match manifest {
        Some(manifest) => resumed(args, &folder, &manifest, &settings, &lean)?,
        None => begun(args, &folder, settings, &lean, &progress)?,
    };
    let ledger = Ledger::open(&Address::File(folder.ledger_path())).await?;
    let others = others(args, &progress).await?;
    let sharing = others.as_ref().map(|(campaign, of_run)| Sharing::new(campaign.blobs(), of_run.teaching.clone()));
    let resources = resources(args, pool.clone(), lean, stop, sharing.as_ref(), &progress).await?;
    let learn = learn(args, (folder, ledger), problems, resources, sharing, &progress).await?;
    learn.found().await?;
    let served = others.map(|(_, of_run)| of_run.serve(learn.ledger.clone(), &progress));
    let ran = learn.run().await;
    if let Some(served) = served {
        served.end().await;
    }
    progress.finish();
    pool.shutdown().await;
    let (rounds, interrupted) = ran?;
    if args.json {
        output::print_json(&serde_json::json!({ "stepwise_learn": VERSION, "rounds": rounds }))?;
    } else {
        output::print(&table(&rounds))?;
    }
    if interrupted {
        output::eprint("interrupted; the same command goes on from here");
        return Ok(Outcome::Interrupted);
    }
    Ok(Outcome::Proved)
}

/// The coordinator through which others work for the run, where they may.
async fn others(args: &LearnArgs, progress: &Progress) -> anyhow::Result<Option<(CampaignFolder, OfRun)>> {
    let Some(listen) = args.listen else { return Ok(None) };
    if args.lean.lean_project.is_some() {
        bail!(
            "others' machines have the built-in Lean, and native Lean would give their proofs your rights; leave \
             --lean-project or --listen out"
        );
    }
    let mut campaign = CampaignFolder::open(&args.run)?;
    if args.coordinator.public_url.is_some() && args.coordinator.public_url != campaign.settings.public_url {
        campaign.settings.public_url.clone_from(&args.coordinator.public_url);
        campaign.save()?;
    }
    let of_run = OfRun::prepare(listen, &args.coordinator, args.lean.modules, &campaign, progress).await?;
    Ok(Some((campaign, of_run)))
}

/// Writes what a run taught as files that other trainers read.
pub(super) async fn export(args: &ExportArgs) -> anyhow::Result<Outcome> {
    if !args.run.join(layout::MANIFEST).is_file() {
        bail!("{} is no run of `stepwise learn`: it has no manifest.json", args.run.display());
    }
    let trials = match trials_in_files(&args.run)? {
        Some(trials) => trials,
        None => remains::trials(&remains::open(&args.run).await?).await?,
    };
    let (training, validation) = Lessons::of(&trials);
    for (lessons, suffix) in [(&training, ""), (&validation, ".validation")] {
        let write = |name: &str, lines: &mut dyn Iterator<Item = String>| {
            write_whole(&args.output.join(format!("{name}{suffix}.jsonl")), lines.collect::<String>().as_bytes())
        };
        write("policy", &mut lessons.policy_lines(PromptFormat::Plain))?;
        write("policy-chat", &mut lessons.policy_lines(PromptFormat::StepProver))?;
        write("critic", &mut lessons.critic_lines())?;
    }
    output::eprint(&format!(
        "{} steps and {} preferences to learn from, {} and {} for validation",
        training.steps.len(),
        training.preferences.len(),
        validation.steps.len(),
        validation.preferences.len()
    ));
    Ok(Outcome::Proved)
}

/// The trials of a run from before runs had a ledger; `None` of another.
fn trials_in_files(run: &Path) -> anyhow::Result<Option<Vec<Trial>>> {
    let file = |number: u32| run.join(layout::round(number)).join(layout::TRIALS);
    if !file(1).is_file() {
        return Ok(None);
    }
    let mut trials = Vec::new();
    for path in (1..).map(file).take_while(|path| path.is_file()) {
        trials.extend(Lines::read::<Trial>(&path)?);
    }
    Ok(Some(trials))
}

/// Every flag's value as it was parsed.
fn settings_of(matches: &ArgMatches) -> BTreeMap<String, serde_json::Value> {
    let value = |id: &str| {
        let raw = matches.try_get_raw(id).ok().flatten()?;
        Some(raw.map(|text| text.to_string_lossy()).collect::<Vec<_>>().join(" "))
    };
    // Groups of flags are no flags: they are named as their types are.
    let is_flag = |id: &str| id != "run" && !id.contains(char::is_uppercase);
    let ids = matches.ids().map(|id| id.as_str()).filter(|id| is_flag(id));
    ids.filter_map(|id| Some((id.replace('_', "-"), value(id)?.into()))).collect()
}

/// A new run: splits the problems, leaves out what resembles a problem of the evaluation sets, and writes both down.
fn begun(
    args: &LearnArgs,
    folder: &RunFolder,
    settings: BTreeMap<String, serde_json::Value>,
    lean: &str,
    progress: &Progress,
) -> anyhow::Result<Vec<Problem>> {
    if args.problems.is_empty() {
        bail!("a new run needs problems to learn from: name files of them with --problems");
    }
    if folder.ledger_path().exists() {
        bail!("{} is the ledger of something else: name another folder", folder.ledger_path().display());
    }
    let mut files = BTreeMap::new();
    let mut problems: Vec<Problem> = Vec::new();
    let mut names = BTreeSet::new();
    for path in &args.problems {
        let text = input::read_text(path)?;
        files.insert(path.display().to_string(), hex::encode(Sha256::digest(text.as_bytes())));
        for problem in input::problems(path, &args.lean, false)?.0 {
            if !names.insert(problem.name.clone()) {
                bail!("two files have a problem named {}: rename one of them", problem.name);
            }
            problems.push(problem);
        }
    }
    let n_all = problems.len();
    let mut keys = BTreeSet::new();
    problems.retain(|problem| keys.insert(statement_key(&problem.theorem)));
    let n_distinct = problems.len();
    for path in &args.eval {
        let text = input::read_text(path)?;
        files.insert(path.display().to_string(), hex::encode(Sha256::digest(text.as_bytes())));
        let set = EvaluationSet::new(&input::problems(path, &args.lean, false)?.0);
        problems.retain(|problem| set.find(problem).is_none());
    }
    let n_clean = problems.len();
    for problem in &mut problems {
        let split = match split_of(&statement_key(&problem.theorem), args.seed, args.held_out) {
            Split::Train => TRAIN,
            Split::HeldOut => HELD_OUT,
        };
        problem.split = Some(split.to_owned());
    }
    SplitMix64::new(args.seed).shuffle(&mut problems);
    let mut left: BTreeMap<&str, usize> = BTreeMap::from([
        (TRAIN, args.limit.map_or(usize::MAX, |n| n as usize)),
        (HELD_OUT, args.held_out_limit as usize),
    ]);
    problems.retain(|problem| {
        let left = problem.split.as_deref().and_then(|split| left.get_mut(split));
        left.is_some_and(|left| std::mem::replace(left, left.saturating_sub(1)) > 0)
    });
    let held_out: Vec<&Problem> = problems.iter().filter(|problem| is_held_out(problem)).collect();
    // Near-duplicates have other hashes, and could stand on both sides.
    let set = EvaluationSet::new(held_out.iter().copied());
    let resembles = |problem: &Problem| !is_held_out(problem) && set.find(problem).is_some();
    let near: BTreeSet<String> = problems.iter().filter(|p| resembles(p)).map(|p| p.name.clone()).collect();
    problems.retain(|problem| !near.contains(&problem.name));
    let n_held_out = problems.iter().filter(|problem| is_held_out(problem)).count();
    progress.say(&format!(
        "{n_all} problems: {} said twice, {} like one to be measured with, {} like a held-out one; {} to learn from, \
         {n_held_out} held out",
        n_all - n_distinct,
        n_distinct - n_clean,
        near.len(),
        problems.len() - n_held_out,
    ));
    if problems.len() == n_held_out {
        bail!("no problem is left to learn from: give more with --problems, or hold out fewer");
    }
    let lines: String = problems.iter().map(Problem::to_line).collect();
    write_whole(&folder.problems_path(), lines.as_bytes())?;
    let manifest = Manifest {
        stepwise_learn: VERSION,
        started_s: std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
        seed: args.seed,
        stepwise: env!("CARGO_PKG_VERSION").to_owned(),
        git: revision::around_program(),
        lean: lean.to_owned(),
        config: settings,
        files,
        splits: BTreeMap::from([
            (TRAIN.to_owned(), (problems.len() - n_held_out) as u64),
            (HELD_OUT.to_owned(), n_held_out as u64),
        ]),
    };
    // A campaign's folder, so that `stepwise campaign` can look at it and pause it.
    if let Err(campaign::folder::FolderError::None(_)) = CampaignFolder::open(&args.run) {
        CampaignFolder::create(&args.run, None, None)?.save()?;
    }
    write_json(&folder.manifest_path(), &manifest)?;
    Ok(problems)
}

/// The problems of a run that goes on.
fn resumed(
    args: &LearnArgs,
    folder: &RunFolder,
    manifest: &Manifest,
    settings: &BTreeMap<String, serde_json::Value>,
    lean: &str,
) -> anyhow::Result<Vec<Problem>> {
    let differs = |key: &&String| !FREE.contains(&key.as_str()) && manifest.config.get(*key) != settings.get(*key);
    let keys: BTreeSet<&String> = manifest.config.keys().chain(settings.keys()).collect();
    if let Some(key) = keys.into_iter().find(differs) {
        let value =
            |of: &BTreeMap<String, serde_json::Value>| of.get(key).map_or("nothing".to_owned(), ToString::to_string);
        bail!(
            "the run in {} was begun with --{key} {}, and now it is {}: give the same, or name a new folder",
            args.run.display(),
            value(&manifest.config),
            value(settings)
        );
    }
    if manifest.lean != lean {
        bail!("the run was begun with {}, and this is {lean}: name a new folder", manifest.lean);
    }
    let path = folder.problems_path();
    let text = input::read_text(&path)?;
    Ok(read_jsonl(&path.display().to_string(), &text, &stepwise_core::problem::Defaults::default())?)
}

/// The run that the flags ask for.
async fn learn(
    args: &LearnArgs,
    (folder, ledger): (RunFolder, Ledger),
    problems: Vec<Problem>,
    resources: Resources,
    sharing: Option<Sharing>,
    progress: &Progress,
) -> anyhow::Result<Learn> {
    let (held_out, training): (Vec<Problem>, Vec<Problem>) = problems.into_iter().partition(is_held_out);
    let mut sets = Vec::new();
    if !held_out.is_empty() {
        sets.push(EvalSet { name: HELD_OUT.to_owned(), problems: held_out });
    }
    for path in &args.eval {
        let (problems, _) = input::problems(path, &args.lean, false)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if sets.iter().any(|set: &EvalSet| set.name == stem) {
            bail!("two evaluation sets are named {stem}: rename one of the files");
        }
        sets.push(EvalSet { name: stem, problems });
    }
    Ok(Learn {
        ledger,
        folder,
        problems: Problems::new(training, sets),
        options: options(args, lemmas(args)?),
        resources,
        sharing,
        reporter: Arc::new(Teller(progress.clone())),
    })
}

fn options(args: &LearnArgs, lemmas: Option<Arc<Vec<u8>>>) -> LearnOptions {
    let (searches, models, training) = (&args.searches, &args.models, &args.training);
    let millis = |limit: Seconds| limit.0.map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
    let budget =
        |expansions: u32, cost: Seconds| Budget { cost_ms: millis(cost), ..Budget::new(searches.samples, expansions) };
    let shape = |hidden: u32, layers: u32| Shape {
        hidden: hidden as usize,
        n_layers: layers as usize,
        n_positions: models.positions as usize,
    };
    let train = |epochs: u32, learning_rate: f64, seed: u64| TrainConfig {
        epochs: u64::from(epochs),
        batch_tokens: training.batch_tokens as usize,
        learning_rate,
        seed,
        lora: training.lora.map(|rank| LoraConfig { rank: rank as usize, alpha: 2.0 * f64::from(rank) }),
        ..TrainConfig::default()
    };
    LearnOptions {
        plan: Settings {
            rounds: args.rounds,
            seed: args.seed,
            scan: budget(searches.scan_expansions, searches.scan_cost),
            deep: budget(searches.deep_expansions, searches.deep_cost),
            ramp: searches.ramp,
            deep_share: searches.deep_share,
            shorten_share: searches.shorten_share,
            detail_share: searches.detail_share,
            eval: budget(searches.eval_expansions, searches.eval_cost),
            concurrency: args.concurrency.map_or(lean::n_hosts(&args.lean) + 1, |n| n as usize),
        },
        explore: searches.explore,
        eval_mix: searches.eval_mix,
        withhold: searches.withhold.clone(),
        sampling: sampling(models),
        policy: beginning(&models.policy, shape(models.hidden, models.layers)),
        critic: beginning(&models.critic, shape(models.critic_hidden, models.critic_layers)),
        lemmas,
        vocab_size: models.vocab as usize,
        train_policy: train(training.epochs, training.learning_rate, args.seed),
        train_critic: train(training.critic_epochs, training.critic_learning_rate, args.seed + 1),
    }
}

/// The lemmas of `--premises` as a new model's folder has them: their names and statements, compressed. A folder that is
/// trained on has its own.
fn lemmas(args: &LearnArgs) -> anyhow::Result<Option<Arc<Vec<u8>>>> {
    let Some(path) = args.searches.premises.as_ref().filter(|_| args.models.policy == NEW) else { return Ok(None) };
    Ok(Some(Arc::new(packed_lemmas(path)?)))
}

fn sampling(models: &LearnModelArgs) -> Sampling {
    Sampling {
        decoding: Sampling::default().decoding.at(models.temperature),
        max_tokens: models.tactic_tokens as usize,
        stop: Vec::new(),
    }
}

fn beginning(text: &str, shape: Shape) -> Beginning {
    if text == NEW { Beginning::New(shape) } else { Beginning::Folder(text.into()) }
}

async fn resources(
    args: &LearnArgs,
    pool: Pool,
    lean: String,
    stop: crate::stop::Stop,
    sharing: Option<&Sharing>,
    progress: &Progress,
) -> anyhow::Result<Resources> {
    let device = ModelDevice::choose(args.models.device.choice(), args.models.threads.0.map(|n| n as usize)).await?;
    let device = device.with_weights(args.models.weights);
    if device.is_software_gpu {
        progress.say(&format!("{} is a program on the CPU: `--device cpu` is faster", device.name));
    }
    let portfolio = policy::portfolio(portfolio_options(&args.lean));
    let explorer: Sayable = (Arc::clone(&portfolio), sharing.map(|_| Proposer::Portfolio));
    let explorer = match &args.searches.premises {
        None => explorer,
        Some(path) => {
            let lemmas: Arc<dyn Policy> = Arc::new(LemmaPolicy::open(path)?);
            let said = match sharing {
                None => None,
                Some(sharing) => Some(Proposer::Lemmas { file: sharing.publish_bytes(&packed_lemmas(path)?)? }),
            };
            Composed::mixture(explorer, (lemmas, said), 0.5)
        }
    };
    Ok(Resources { pool, lean, device, portfolio, explorer, stop })
}

fn is_held_out(problem: &Problem) -> bool {
    problem.split.as_deref() == Some(HELD_OUT)
}

/// The rounds for a person.
fn table(rounds: &[Round]) -> String {
    let mut rows = vec![
        ["round", "open", "proved", "disproved", "shorter", "solved so far", "steps", "pairs", "critic"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for round in rounds {
        let percent = |accuracy: f64| format!("{:.1}%", 100.0 * accuracy);
        rows.push(vec![
            round.round.to_string(),
            round.open.to_string(),
            round.proved.to_string(),
            round.disproved.to_string(),
            round.shortened.to_string(),
            format!("{} of {}", round.solved_so_far, round.statements),
            round.steps.to_string(),
            round.preferences.to_string(),
            round.critic_accuracy.map_or("-".to_owned(), percent),
        ]);
    }
    let mut text = output::table(&rows, &[]);
    for round in rounds {
        for (set, rates) in &round.pass_rates {
            for (name, rate) in rates {
                text.push_str(&format!("round {}, {set}: {name} {} of {}\n", round.round, rate.solved, rate.total));
            }
        }
    }
    text
}

/// Tells the run's progress on standard error.
struct Teller(Progress);

impl Reporter for Teller {
    fn say(&self, line: &str) {
        self.0.say(line);
    }

    fn update(&self, line: &dyn Fn() -> String) {
        self.0.update(line);
    }
}
