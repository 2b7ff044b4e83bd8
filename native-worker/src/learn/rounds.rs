//! The rounds themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stepwise_core::critic::ScoreRequest;
use stepwise_core::random::SplitMix64;
use stepwise_core::record::Status;
use stepwise_core::search::sides::Disprove;
use stepwise_core::search::{Order, SearchConfig};
use stepwise_inference::tokenizer::train_byte_level_bpe;
use stepwise_learn::layout;
use stepwise_learn::lessons::{Lessons, goal};
use stepwise_learn::progress::{Progress, best};
use stepwise_learn::run::{PassRate, Round, Side, Stage, StageCost, Trial};

use super::evaluation::{Candidate, PassRates, cost_of, evaluate};
use super::folder::{Lines, RunFolder, read_json, write_json, write_whole};
use super::searches::{StageRun, Statements};
use super::training::{END, Measured, REWARD, Start, Trained, TrainingJob, WrittenStep};
use super::{Beginning, EvalSet, LearnError, LearnOptions, Reporter, Resources};
use crate::models::Role;
use crate::models::local::unpacked_premises;
use crate::models::{LocalCritic, LocalPolicy, PolicyUse, PromptChoice};
use crate::run::critic::Critic;
use crate::run::eval::{Eval, Step};
use crate::run::policy::Policy;
use crate::run::policy::detail::Detail;
use crate::run::policy::mixture::Mixture;
use crate::stop::StopLevel;

/// Statements whose root states the critic scores in one request.
const RANKED_AT_ONCE: usize = 32;

/// A run: its folder, its statements, what it is evaluated on, and what it works with.
pub struct Learn {
    pub folder: RunFolder,
    /// The statements that are trained on.
    pub statements: Statements,
    /// The sets of problems that are not.
    pub sets: Vec<EvalSet>,
    pub options: LearnOptions,
    /// What it works with.
    pub resources: Resources,
    pub reporter: Arc<dyn Reporter>,
}

/// The models that the next round begins with.
#[derive(Clone, Debug, Default)]
struct Kept {
    policy: Option<PathBuf>,
    critic: Option<PathBuf>,
    /// What the policy solved of the held-out problems.
    solved: Option<u64>,
}

/// What a round has come to so far.
struct Running {
    number: u32,
    open: u64,
    solved_before: (u64, u64),
    trials: Vec<Trial>,
    lines: Lines,
}

impl Learn {
    /// Runs what is not done yet. Returns the finished rounds, and whether the caller stopped it.
    ///
    /// # Errors
    /// A search, a training or a file fails; what is written stays good, and the same call goes on from there.
    pub async fn run(&self) -> Result<(Vec<Round>, bool), LearnError> {
        let mut rounds: Vec<Round> = Vec::new();
        let mut kept = Kept {
            policy: self.options.policy.folder().map(Path::to_owned),
            critic: self.options.critic.folder().map(Path::to_owned),
            solved: None,
        };
        let names = self.statements.all().iter().map(|problem| problem.name.clone());
        let mut progress = Progress::new(names);
        let mut earlier: Vec<Trial> = Vec::new();
        for number in 1..=self.options.rounds {
            progress.begin_round();
            let open = progress.open().count() as u64;
            let solved_before = progress.solved();
            let (lines, trials) = Lines::open::<Trial>(&self.folder.of_round(number, layout::TRIALS)?)?;
            trials.iter().for_each(|trial| progress.add(trial));
            let mut running = Running { number, open, solved_before, trials, lines };
            let round = match self.folder.round(number)? {
                Some(round) => round,
                None => match self.round(&mut running, &mut progress, &earlier, &kept).await? {
                    Some(round) => round,
                    None => return Ok((rounds, true)),
                },
            };
            self.keep(&round, &mut kept)?;
            earlier.append(&mut running.trials);
            rounds.push(round);
        }
        Ok((rounds, false))
    }

    /// One round; `None` when the caller stopped it.
    async fn round(
        &self,
        running: &mut Running,
        progress: &mut Progress,
        earlier: &[Trial],
        kept: &Kept,
    ) -> Result<Option<Round>, LearnError> {
        let number = running.number;
        let policy = self.searching_policy(kept)?;
        let critic = self.critic(kept.critic.as_deref())?;
        self.reporter.say(&format!("round {number}: {} statements are open, {} proposes", running.open, policy.name()));

        let all = self.shuffled(number, progress.open());
        if self.search(running, progress, (Stage::Scan, all), &policy, None).await? {
            return Ok(None);
        }
        let hopeful = self.deep_order(number, progress, critic.as_ref()).await?;
        if self.search(running, progress, (Stage::Deep, hopeful), &policy, critic.as_ref()).await? {
            return Ok(None);
        }
        let mut long = self.shuffled(number, progress.proved_by_at_least(2));
        long.truncate((long.len() as f64 * self.options.shorten_share).round() as usize);
        if self.search(running, progress, (Stage::Shorten, long), &policy, None).await? {
            return Ok(None);
        }
        let detailed: Arc<dyn Policy> = Arc::new(Detail::new(policy));
        let mut proved = self.shuffled(number, progress.proved_by_at_least(1));
        proved.truncate((proved.len() as f64 * self.options.detail_share).round() as usize);
        if self.search(running, progress, (Stage::Detail, proved), &detailed, None).await? {
            return Ok(None);
        }
        drop((detailed, critic));

        let (training, validation) = Lessons::of(earlier.iter().chain(&running.trials));
        let Some(policy) = self.train(Role::Policy, number, kept, &training, &validation).await? else {
            return Ok(None);
        };
        let critic = match training.preferences.is_empty() {
            true => None,
            false => match self.train(Role::Critic, number, kept, &training, &validation).await? {
                Some(trained) => Some(trained),
                None => return Ok(None),
            },
        };
        let Some((pass_rates, evaluation_cost)) = self.evaluate(number, critic.is_some()).await? else {
            return Ok(None);
        };

        let (proved, disproved) = progress.solved();
        let mut costs = BTreeMap::new();
        for stage in [Stage::Scan, Stage::Deep, Stage::Shorten, Stage::Detail] {
            let records = running.trials.iter().filter(|trial| trial.stage == stage).map(|trial| &trial.record);
            costs.insert(stage.name().to_owned(), cost_of(records, self.options.concurrency));
        }
        costs.insert("train-policy".to_owned(), policy.cost);
        costs.insert("evaluate".to_owned(), evaluation_cost);
        if let Some(critic) = &critic {
            costs.insert("train-critic".to_owned(), critic.cost);
        }
        let solved = solved_by_policy(&pass_rates);
        let accuracy = |measured: Option<Measured>| measured.map(|measured| measured.accuracy);
        let critic_accuracy = accuracy(critic.as_ref().and_then(|critic| critic.validation));
        let before = accuracy(critic.as_ref().and_then(|critic| critic.validation_before));
        let round = Round {
            round: number,
            open: running.open,
            proved: proved - running.solved_before.0,
            disproved: disproved - running.solved_before.1,
            shortened: n_shortened(earlier, &running.trials),
            solved_so_far: proved + disproved,
            statements: self.statements.all().len() as u64,
            steps: training.steps.len() as u64,
            preferences: training.preferences.len() as u64,
            policy_kept: kept.solved.is_none_or(|before| solved >= before),
            critic_kept: critic.is_some()
                && before.is_none_or(|before| critic_accuracy.is_none_or(|now| now >= before)),
            critic_accuracy,
            costs,
            pass_rates,
        };
        write_json(&self.folder.of_round(number, layout::FINISHED)?, &round)?;
        Ok(Some(round))
    }

    /// Takes over the models of a finished round that are better than those before.
    fn keep(&self, round: &Round, kept: &mut Kept) -> Result<(), LearnError> {
        if round.policy_kept {
            kept.policy = Some(self.folder.of_round(round.round, Role::Policy.name())?);
            kept.solved = Some(solved_by_policy(&round.pass_rates));
        }
        if round.critic_kept {
            kept.critic = Some(self.folder.of_round(round.round, Role::Critic.name())?);
        }
        Ok(())
    }

    /// Indices of these statements, in an order drawn for the round.
    fn shuffled<'a>(&self, number: u32, names: impl Iterator<Item = &'a str>) -> Vec<usize> {
        let names: BTreeSet<&str> = names.collect();
        let all = self.statements.all().iter().enumerate();
        let mut order: Vec<usize> =
            all.filter(|(_, problem)| names.contains(problem.name.as_str())).map(|(idx, _)| idx).collect();
        SplitMix64::new(self.options.seed ^ u64::from(number)).shuffle(&mut order);
        order
    }

    /// The statements that go on to the longer search: those whose first states the critic scores highest. Without a critic
    /// they are drawn. Decided once and written down, because the scan's end is not seen twice.
    async fn deep_order(
        &self,
        number: u32,
        progress: &Progress,
        critic: Option<&Arc<dyn Critic>>,
    ) -> Result<Vec<usize>, LearnError> {
        let path = self.folder.of_round(number, layout::DEEP)?;
        let names: Vec<String> = match read_json(&path)? {
            Some(names) => names,
            None => {
                let drawn = self.shuffled(number, progress.open());
                let open: Vec<String> = drawn.into_iter().map(|idx| self.statements.all()[idx].name.clone()).collect();
                let mut scores = BTreeMap::new();
                if let Some(critic) = critic {
                    let rooted: Vec<(&String, &str)> =
                        open.iter().filter_map(|name| Some((name, progress.root(name)?))).collect();
                    for some in rooted.chunks(RANKED_AT_ONCE) {
                        let states = some.iter().map(|(_, root)| vec![goal(root)]).collect();
                        let answer = critic.score(&ScoreRequest { states }).await?;
                        scores.extend(some.iter().map(|(name, _)| (*name).clone()).zip(answer.scores));
                    }
                }
                let names = best(open, |name| scores.get(name).copied(), self.options.deep_share);
                write_json(&path, &names)?;
                names
            }
        };
        let idx_of: BTreeMap<&str, usize> =
            self.statements.all().iter().enumerate().map(|(idx, problem)| (problem.name.as_str(), idx)).collect();
        Ok(names.iter().filter_map(|name| idx_of.get(name.as_str()).copied()).collect())
    }

    /// Runs a stage of searches; true when the caller stopped it.
    async fn search(
        &self,
        running: &mut Running,
        progress: &mut Progress,
        (stage, order): (Stage, Vec<usize>),
        policy: &Arc<dyn Policy>,
        critic: Option<&Arc<dyn Critic>>,
    ) -> Result<bool, LearnError> {
        let budget = match stage {
            Stage::Scan | Stage::Shorten => self.options.scan.clone(),
            Stage::Detail => self.options.deep.clone(),
            Stage::Deep => self.options.deep.grown(self.options.ramp.powi(running.number as i32 - 1)),
        };
        // A shorter proof is looked for where the first search has not looked.
        let seed = self.options.seed.wrapping_mul(1_000_003) + u64::from(running.number) * 4 + stage as u64;
        let eval = || Eval {
            disprove: Disprove::Never,
            pool: self.resources.pool.clone(),
            policy: Arc::clone(policy),
            critic: critic.cloned(),
            config: SearchConfig {
                order: if critic.is_some() { Order::SharedTree } else { Order::BestFirst },
                seed,
                ..SearchConfig::best_first(budget.clone())
            },
            lean: self.resources.lean.clone(),
            concurrency: self.options.concurrency,
            logs: None,
            tidy: None,
            stop: self.resources.stop.clone(),
        };
        let n_to_do = order.len();
        let what = format!("round {}, {}", running.number, stage.name());
        self.reporter.say(&format!("{what}: {n_to_do} statements"));
        let n_ended = Arc::new(AtomicU64::new(0));
        let n_proved = Arc::new(AtomicU64::new(0));
        let Running { trials, lines, .. } = running;
        let show: Arc<dyn Fn(Step) + Send + Sync> = {
            let (reporter, n_ended, n_proved) =
                (Arc::clone(&self.reporter), Arc::clone(&n_ended), Arc::clone(&n_proved));
            let what = what.clone();
            Arc::new(move |_| {
                reporter.update(&|| {
                    let (ended, proved) = (n_ended.load(Ordering::Relaxed), n_proved.load(Ordering::Relaxed));
                    format!("{what}: {ended} searches ended, {proved} proofs")
                });
            })
        };
        let mut ended = |trial: &Trial| {
            n_ended.fetch_add(1, Ordering::Relaxed);
            n_proved.fetch_add(u64::from(trial.record.status == Status::Proved), Ordering::Relaxed);
            trials.push(trial.clone());
        };
        let evals = [eval(), eval()];
        let run = StageRun { stage, order, evals, trials: lines, progress };
        let interrupted = self.statements.search(run, &mut ended, show).await?;
        self.reporter.say(&format!(
            "{what}: {} searches, {} proofs",
            n_ended.load(Ordering::Relaxed),
            n_proved.load(Ordering::Relaxed)
        ));
        Ok(interrupted)
    }

    /// Trains one of the models, unless its folder is there; `None` when the caller stopped it.
    async fn train(
        &self,
        role: Role,
        number: u32,
        kept: &Kept,
        training: &Lessons,
        validation: &Lessons,
    ) -> Result<Option<Trained>, LearnError> {
        let outcome = self.folder.of_round(number, &layout::trained(role.name()))?;
        let folder = self.folder.of_round(number, role.name())?;
        if let (Some(trained), true) = (read_json(&outcome)?, folder.is_dir()) {
            return Ok(Some(trained));
        }
        if self.resources.stop.level() != StopLevel::Run {
            return Ok(None);
        }
        let (beginning, known, options) = match role {
            Role::Policy => (&self.options.policy, &kept.policy, &self.options.train_policy),
            Role::Critic => (&self.options.critic, &kept.critic, &self.options.train_critic),
        };
        // A new model begins anew in every round: otherwise it would read the first round's lessons most often.
        let start = match (known, beginning) {
            (_, Beginning::New(shape)) => Start::New {
                shape: *shape,
                tokenizer_json: self.tokenizer(training)?,
                lemmas: self.options.lemmas.clone().filter(|_| role == Role::Policy),
            },
            (Some(folder), _) | (None, Beginning::Folder(folder)) => Start::Folder(folder.clone()),
        };
        let job = TrainingJob {
            role,
            start,
            baseline: known.clone(),
            training: training.clone(),
            validation: validation.clone(),
            without: self.statements.without(),
            options: options.clone(),
            folder,
            curve: self.folder.of_round(number, &layout::curve(role.name()))?,
            state: self.folder.of_round(number, &layout::state(role.name()))?,
        };
        let (device, stop, reporter) =
            (self.resources.device.clone(), self.resources.stop.clone(), Arc::clone(&self.reporter));
        let trained = tokio::task::spawn_blocking(move || {
            let show = |line: &str| reporter.update(&|| format!("round {number}, training the {line}"));
            let trained = job.run(&device, &stop, &show);
            // The state is for going on; a finished model has no use for it.
            if trained.as_ref().is_ok_and(|trained| !trained.interrupted) {
                let _ = std::fs::remove_file(&job.state);
            }
            trained
        });
        let trained = trained.await??;
        if trained.interrupted {
            return Ok(None);
        }
        if let Some(validation) = &trained.validation {
            self.reporter.say(&format!(
                "round {number}: the {} has a loss of {:.3} and an accuracy of {:.1}% on {} lessons that it has not seen",
                role.name(),
                validation.loss,
                100.0 * validation.accuracy,
                validation.n
            ));
        }
        write_json(&outcome, &trained)?;
        Ok(Some(trained))
    }

    /// The run's tokenizer: made once, from what the first round taught and all statements.
    fn tokenizer(&self, lessons: &Lessons) -> Result<Vec<u8>, LearnError> {
        let path = self.folder.tokenizer_path();
        if let Ok(bytes) = std::fs::read(&path) {
            return Ok(bytes);
        }
        let mut texts: Vec<String> =
            self.statements.all().iter().map(|problem| problem.theorem.statement.clone()).collect();
        let premises = match &self.options.lemmas {
            Some(lemmas) => Some(unpacked_premises(&path, lemmas)?),
            None => None,
        };
        let without = self.statements.without();
        for step in &lessons.steps {
            let written = WrittenStep::new(premises.as_ref(), &without, step);
            texts.extend(written.request.goals.into_iter().map(|goal| goal.text));
            texts.push(written.tactic);
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let json = train_byte_level_bpe(&texts, self.options.vocab_size, &[END, REWARD])?;
        write_whole(&path, &json)?;
        Ok(json)
    }

    /// Evaluates the round's models on every set; `None` when the caller stopped it.
    async fn evaluate(&self, number: u32, has_critic: bool) -> Result<Option<(PassRates, StageCost)>, LearnError> {
        let policy = self.trained_policy(&self.folder.of_round(number, Role::Policy.name())?)?;
        let policy = mixed(policy, Arc::clone(&self.resources.portfolio), self.options.eval_mix);
        let critic = match has_critic {
            true => self.critic(Some(&self.folder.of_round(number, Role::Critic.name())?))?,
            false => None,
        };
        let mut pass_rates = PassRates::new();
        let mut cost = StageCost::default();
        for set in &self.sets {
            let results = |name: &str| self.folder.of_round(number, &layout::results(&set.name, name));
            let eval = |policy: &Arc<dyn Policy>, critic: Option<&Arc<dyn Critic>>| Eval {
                disprove: Disprove::Never,
                pool: self.resources.pool.clone(),
                policy: Arc::clone(policy),
                critic: critic.cloned(),
                config: SearchConfig {
                    order: if critic.is_some() { Order::SharedTree } else { Order::BestFirst },
                    seed: self.options.seed,
                    ..SearchConfig::best_first(self.options.eval.clone())
                },
                lean: self.resources.lean.clone(),
                concurrency: self.options.concurrency,
                logs: None,
                tidy: None,
                stop: self.resources.stop.clone(),
            };
            let mut candidates = vec![Candidate {
                name: BEST_FIRST.to_owned(),
                eval: eval(&policy, None),
                results: results(BEST_FIRST)?,
            }];
            if let Some(critic) = &critic {
                let (name, eval) = ("bf+cg".to_owned(), eval(&policy, Some(critic)));
                candidates.push(Candidate { results: results(&name)?, name, eval });
            }
            // The baseline does not change from round to round.
            if number == 1 {
                let (name, eval) = ("portfolio".to_owned(), eval(&self.resources.portfolio, None));
                candidates.push(Candidate { results: results(&name)?, name, eval });
            }
            self.reporter.say(&format!(
                "round {number}, evaluating on {} problems of {}",
                set.problems.len(),
                set.name
            ));
            let show: Arc<dyn Fn(Step) + Send + Sync> = {
                let (reporter, name) = (Arc::clone(&self.reporter), set.name.clone());
                Arc::new(move |step: Step| {
                    reporter.update(&|| {
                        format!("round {number}, evaluating on {name}: problem {}", step.turn.problem_idx + 1)
                    });
                })
            };
            let evaluated = evaluate(&set.problems, candidates, self.options.seed, show).await?;
            if evaluated.interrupted {
                return Ok(None);
            }
            for (name, PassRate { solved, total }) in &evaluated.pass_rates {
                self.reporter.say(&format!("round {number}, {}: {name} solves {solved} of {total}", set.name));
            }
            cost += evaluated.cost;
            pass_rates.insert(set.name.clone(), evaluated.pass_rates);
        }
        Ok(Some((pass_rates, cost)))
    }

    /// Who proposes in searches: exploration, and beside it the trained policy once there is one.
    fn searching_policy(&self, kept: &Kept) -> Result<Arc<dyn Policy>, LearnError> {
        let explorer = Arc::clone(&self.resources.explorer);
        let Some(folder) = &kept.policy else { return Ok(explorer) };
        Ok(mixed(self.trained_policy(folder)?, explorer, self.options.explore))
    }

    fn trained_policy(&self, folder: &Path) -> Result<Arc<dyn Policy>, LearnError> {
        let (device, sampling) = (self.resources.device.clone(), self.options.sampling.clone());
        let use_as = PolicyUse { prompt: PromptChoice::Auto, sampling, own_temperature: false };
        Ok(Arc::new(LocalPolicy::open(folder, device, use_as, &mut |_, _| {})?))
    }

    fn critic(&self, folder: Option<&Path>) -> Result<Option<Arc<dyn Critic>>, LearnError> {
        let Some(folder) = folder else { return Ok(None) };
        Ok(Some(Arc::new(LocalCritic::open(folder, self.resources.device.clone(), &mut |_, _| {})?)))
    }
}

/// The name of the configuration by which policies are compared from round to round.
const BEST_FIRST: &str = "bf";

/// What the round's policy solved of all sets.
fn solved_by_policy(pass_rates: &PassRates) -> u64 {
    pass_rates.values().filter_map(|of_set| of_set.get(BEST_FIRST)).map(|rate| rate.solved).sum()
}

fn mixed(policy: Arc<dyn Policy>, other: Arc<dyn Policy>, share: f64) -> Arc<dyn Policy> {
    if share > 0.0 { Arc::new(Mixture::new(policy, other, share)) } else { policy }
}

/// Statements whose shortest proof these trials made shorter.
fn n_shortened(earlier: &[Trial], now: &[Trial]) -> u64 {
    let shortest = |trials: &mut dyn Iterator<Item = &Trial>| {
        let mut lengths = BTreeMap::new();
        for trial in trials.filter(|trial| trial.side == Side::Statement) {
            if let Some(length) = trial.record.proof_length {
                let known = lengths.entry(trial.record.name.clone()).or_insert(length);
                *known = length.min(*known);
            }
        }
        lengths
    };
    let found = |trial: &&Trial| !matches!(trial.stage, Stage::Shorten | Stage::Detail);
    let found = shortest(&mut earlier.iter().chain(now).filter(found));
    let again = shortest(&mut now.iter().filter(|trial| trial.stage == Stage::Shorten));
    again.iter().filter(|(name, length)| found.get(*name).is_some_and(|before| *length < before)).count() as u64
}

impl Beginning {
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::New(_) => None,
            Self::Folder(folder) => Some(folder),
        }
    }
}
