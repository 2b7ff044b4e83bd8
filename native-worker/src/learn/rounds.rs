//! The rounds themselves: what a [`Plan`] commands is carried out here, with Lean, models and the run's ledger.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stepwise_core::critic::ScoreRequest;
use stepwise_core::prompt::state_text;
use stepwise_core::record::{ProblemRecord, Run, Status};
use stepwise_core::search::{Budget, Order, Search, SearchConfig};
use stepwise_core::wire::campaign::{ModelFiles, Proposer};
use stepwise_inference::tokenizer::train_byte_level_bpe;
use stepwise_learn::lessons::{Lessons, goal};
use stepwise_learn::plan::{Command, Event, Origin, Plan, Searches, TrainModel, Training};
use stepwise_learn::run::{self, Round, Side, Trial};
use stepwise_learn::{layout, mining};
use stepwise_ledger::operations::{
    Canaries, Create, FinishRound, NewSearch, Purpose, ReadRemains, ReadStatements, Remains, Rest, RoundStage,
};
use stepwise_ledger::{Ledger, LedgerError};
use tokio::task::JoinSet;

use super::folder::{RunFolder, read_json, write_json, write_whole};
use super::remains::RemainsError;
use super::sharing::Sharing;
use super::stages::{Stage, counter, from_json, to_json};
use super::statements::Problems;
use super::teacher::Teacher;
use super::training::{END, Measured, REWARD, Start, Trained, TrainingJob, WrittenStep};
use super::worker::{Setup, Worker};
use super::{Beginning, LearnError, LearnOptions, ROUNDS, Reporter, Resources};
use crate::models::local::unpacked_premises;
use crate::models::recipe::{self, Composed, Sayable};
use crate::models::{LocalCritic, LocalPolicy, PolicyUse, PromptChoice, Role};
use crate::run::critic::Critic;
use crate::run::policy::Policy;
use crate::stop::StopLevel;

/// How often it is looked whether others have searched what they have.
const OTHERS: Duration = Duration::from_millis(500);

/// Statements whose root states the critic scores in one request.
const RANKED_AT_ONCE: usize = 32;

/// A run: its folder and ledger, its problems, and what it works with.
pub struct Learn {
    pub folder: RunFolder,
    /// Where every search is written down, with what it taught.
    pub ledger: Ledger,
    pub problems: Problems,
    pub options: LearnOptions,
    /// What it works with.
    pub resources: Resources,
    /// What others have of it who lend it their machines, where it lets them.
    pub sharing: Option<Sharing>,
    pub reporter: Arc<dyn Reporter>,
}

impl Learn {
    /// Runs what is not done yet of a run that is [founded](Self::found). Returns the finished rounds, and whether the caller
    /// stopped it.
    ///
    /// # Errors
    /// A search, a training, a file or the ledger fails; what is written stays good, and the same call goes on from there.
    pub async fn run(&self) -> Result<(Vec<Round>, bool), LearnError> {
        let (problems, lean) = (self.problems.all(), &self.resources.lean);
        let worker =
            Worker::employ(self.ledger.clone(), Arc::clone(&problems), self.options.plan.concurrency, lean).await?;
        // It ends with the run.
        let mut teaching = JoinSet::new();
        if let Some(sharing) = &self.sharing {
            let (ledger, pool, reporter) = (self.ledger.clone(), sharing.pool.clone(), Arc::clone(&self.reporter));
            teaching.spawn(Teacher { ledger, problems, pool, reporter }.work());
        }
        let ran = self.rounds(&worker).await;
        let left = worker.leave().await;
        let ran = ran?;
        left?;
        Ok(ran)
    }

    /// Makes the campaign of a new ledger, or sees that it has these problems.
    ///
    /// # Errors
    /// It has others, or the ledger fails.
    pub async fn found(&self) -> Result<(), LearnError> {
        let create = Create {
            name: self.folder.name(),
            manifest: serde_json::json!({ ROUNDS: true }),
            lean: self.resources.lean.clone(),
            seed: self.options.plan.seed,
            problems: self.problems.for_ledger(),
            stages: Vec::new(),
            canaries: Canaries::NONE,
        };
        let new: Vec<(String, String, String)> = create
            .problems
            .iter()
            .map(|problem| (problem.split.clone(), problem.name.clone(), problem.theorem.hash()))
            .collect();
        match self.ledger.run(create).await {
            Ok(()) => Ok(()),
            Err(LedgerError::Taken(_)) => {
                let known = self.ledger.read(ReadStatements).await?;
                let differs = new.iter().zip(&known).find(|(new, known)| new != known).map(|(new, _)| new);
                match differs.or(new.get(known.len())).or(known.get(new.len())) {
                    None => Ok(()),
                    Some((split, name, _)) => {
                        Err(LearnError::OtherProblems { split: split.clone(), name: name.clone() })
                    }
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn rounds(&self, worker: &Worker) -> Result<(Vec<Round>, bool), LearnError> {
        let (mut plan, commands) = Plan::begin(self.options.plan.clone(), self.problems.planned());
        let mut commands = VecDeque::from(commands);
        let mut rounds = Vec::new();
        while let Some(command) = commands.pop_front() {
            let event = match command {
                Command::Seed(searches) => self.search(worker, &mut plan, &searches).await?.then_some(Event::Ended),
                Command::Rank { names, critic } => Some(self.rank(&plan, &names, critic).await?),
                Command::Train(train) => self.train(train, plan.lessons()).await?.map(Event::Trained),
                Command::Evaluate(evaluate) => self.evaluate(worker, &evaluate).await?.map(Event::Evaluated),
                Command::Finish(round) => {
                    rounds.push(self.finish(&round).await?);
                    continue;
                }
                // Of a stage that has ended by now.
                Command::Cancel(_) => continue,
            };
            let Some(event) = event else { return Ok((rounds, true)) };
            commands.extend(plan.handle(event));
        }
        self.ledger.run(Rest).await?;
        Ok((rounds, false))
    }

    /// Writes a round down, and gives it as it was written first.
    async fn finish(&self, round: &Round) -> Result<Round, LearnError> {
        let body = serde_json::to_value(round).map_err(RemainsError::from)?;
        let body = self.ledger.run(FinishRound { round: round.round.into(), body }).await?;
        Ok(serde_json::from_value(body).map_err(RemainsError::from)?)
    }

    /// Runs a stage of searches, and tells the plan of each; false when the caller stopped it.
    async fn search(&self, worker: &Worker, plan: &mut Plan, searches: &Searches) -> Result<bool, LearnError> {
        let Searches { round, stage, seed, .. } = searches;
        let what = format!("round {round}, {}", stage.name());
        if let Some(RoundStage { stage, .. }) = self.stages(*round).await?.get(stage.name()).filter(|at| at.is_frozen) {
            for trial in self.remains(*stage).await? {
                drop(plan.handle(Event::Trial(Box::new(trial))));
            }
            return Ok(true);
        }
        let setup = self.searching(searches)?;
        if *stage == run::Stage::Scan {
            let open = plan.n_open();
            self.reporter.say(&format!("round {round}: {open} statements are open, {} proposes", setup.policy.name()));
        }
        let n_statements = searches.order.iter().filter(|(_, side)| *side == Side::Statement).count();
        self.reporter.say(&format!("{what}: {n_statements} statements"));
        let order = (0..).zip(&searches.order);
        let new = order.map(|(priority, (idx, side))| NewSearch { problem: *idx as u64 + 1, side: *side, priority });
        let new = Stage {
            round: *round,
            name: stage.name().to_owned(),
            purpose: Purpose::Solve,
            seed: *seed,
            searches: new.collect(),
        };
        let at = self.seed(new, &setup).await?;
        let mut heard = BTreeSet::new();
        for Remains { result, text, .. } in self.ledger.read(ReadRemains { stage: at.stage }).await? {
            heard.insert(result);
            drop(plan.handle(Event::Trial(Box::new(from_json(&text)?))));
        }
        let (count, show) = counter(&self.reporter, what.clone());
        let number_of: BTreeMap<&str, u64> =
            (1..).zip(self.problems.statements()).map(|(number, problem)| (problem.name.as_str(), number)).collect();
        let mut shift = worker.begin(BTreeMap::from([(at.recipe, setup)]), &self.resources, &*self.reporter, show);
        loop {
            while let Some(ended) = shift.next().await? {
                let trial = trial(*stage, *seed, ended.lease().side, &ended.search, ended.record.clone());
                if !shift.conclude(&ended, to_json(&trial)?).await? {
                    continue;
                }
                count.add(1, u64::from(trial.record.status == Status::Proved));
                for command in plan.handle(Event::Trial(Box::new(trial))) {
                    if let Command::Cancel(name) = command
                        && let Some(number) = number_of.get(name.as_str())
                    {
                        shift.cancel(*number);
                    }
                }
            }
            if shift.was_interrupted() {
                return Ok(false);
            }
            if self.close(worker, at.stage).await? {
                break;
            }
            if self.sharing.is_none() {
                return Err(LearnError::Others { what });
            }
            // Others have searches of it yet, which they may give back.
            let _ = tokio::time::timeout(OTHERS, self.resources.stop.clone().reached(StopLevel::Drain)).await;
        }
        // What others searched is heard when all of it is known.
        let others = match self.sharing {
            Some(_) => self.ledger.read(ReadRemains { stage: at.stage }).await?,
            None => Vec::new(),
        };
        let is_new = |of: &&Remains| of.account != worker.account() && !heard.contains(&of.result);
        for Remains { text, .. } in others.iter().filter(is_new) {
            let trial: Trial = from_json(text)?;
            count.add(1, u64::from(trial.record.status == Status::Proved));
            drop(plan.handle(Event::Trial(Box::new(trial))));
        }
        let (ended, proved) = count.read();
        self.reporter.say(&format!("{what}: {ended} searches, {proved} proofs"));
        Ok(true)
    }

    /// What the searches of a stage run with.
    fn searching(&self, searches: &Searches) -> Result<Setup, LearnError> {
        let explorer = self.resources.explorer.clone();
        let policy: Sayable = match self.model(searches.policy, Role::Policy)? {
            None => explorer,
            Some(folder) => {
                let trained = (self.trained_policy(&folder)?, self.say_policy(&folder)?);
                mixed(trained, explorer, self.options.explore)
            }
        };
        let (policy, proposer) = match searches.stage {
            run::Stage::Detail => Composed::detail(policy),
            run::Stage::Scan | run::Stage::Deep | run::Stage::Shorten => policy,
        };
        let (critic, scorer) = match searches.critic {
            None => (None, None),
            Some(origin) => (self.critic(origin)?, self.say_critic(origin)?),
        };
        let setup = self.setup(searches.budget.clone(), searches.seed, policy, critic);
        Ok(Setup { said: (proposer, scorer), ..setup })
    }

    /// How others are told of a trained policy.
    fn say_policy(&self, folder: &Path) -> Result<Option<Proposer>, LearnError> {
        let Some(sharing) = &self.sharing else { return Ok(None) };
        let files = sharing.publish(folder, Role::Policy)?;
        Ok(Some(Proposer::Model { files, draws: recipe::draws(&self.policy_use()) }))
    }

    /// How others are told of a critic.
    fn say_critic(&self, origin: Origin) -> Result<Option<ModelFiles>, LearnError> {
        match (&self.sharing, self.model(origin, Role::Critic)?) {
            (Some(sharing), Some(folder)) => Ok(Some(sharing.publish(&folder, Role::Critic)?)),
            _ => Ok(None),
        }
    }

    /// Searches by these.
    pub(super) fn setup(
        &self,
        budget: Budget,
        seed: u64,
        policy: Arc<dyn Policy>,
        critic: Option<Arc<dyn Critic>>,
    ) -> Setup {
        let order = if critic.is_some() { Order::SharedTree } else { Order::BestFirst };
        let withhold = self.options.withhold.clone();
        let config = SearchConfig { order, seed, withhold, ..SearchConfig::best_first(budget) };
        let run = Run::new(&config, policy.name(), critic.as_ref().map(|critic| critic.name()), &self.resources.lean);
        Setup { config, policy, critic, said: (None, None), run }
    }

    /// Has the critic score the first states of statements. Where the round's longer search is in the ledger, that has
    /// been decided.
    async fn rank(&self, plan: &Plan, names: &[String], critic: Origin) -> Result<Event, LearnError> {
        let mut scores = BTreeMap::new();
        let is_decided = self.stages(plan.round()).await?.contains_key(run::Stage::Deep.name());
        if let Some(critic) = if is_decided { None } else { self.critic(critic)? } {
            let rooted: Vec<(&String, &str)> = names.iter().filter_map(|name| Some((name, plan.root(name)?))).collect();
            for some in rooted.chunks(RANKED_AT_ONCE) {
                let states = some.iter().map(|(_, root)| vec![goal(root)]).collect();
                let answer = critic.score(&ScoreRequest { states }).await?;
                scores.extend(some.iter().map(|(name, _)| (*name).clone()).zip(answer.scores));
            }
        }
        Ok(Event::Ranked(scores))
    }

    /// Trains one of the models, unless its folder is there; `None` when the caller stopped it.
    async fn train(
        &self,
        TrainModel { round, role, best }: TrainModel,
        (training, validation): &(Lessons, Lessons),
    ) -> Result<Option<Training>, LearnError> {
        let outcome = self.folder.of_round(round, &layout::trained(role.name()))?;
        let folder = self.folder.of_round(round, role.name())?;
        if let (Some(trained), true) = (read_json::<Trained>(&outcome)?, folder.is_dir()) {
            return Ok(Some(told(&trained)));
        }
        if self.resources.stop.level() != StopLevel::Run {
            return Ok(None);
        }
        let (beginning, options) = match role {
            Role::Policy => (&self.options.policy, &self.options.train_policy),
            Role::Critic => (&self.options.critic, &self.options.train_critic),
        };
        let known = self.model(best, role)?;
        // A new model begins anew in every round: otherwise it would read the first round's lessons most often.
        let start = match (&known, beginning) {
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
            baseline: known,
            training: training.clone(),
            validation: validation.clone(),
            without: self.problems.without(),
            options: options.clone(),
            folder,
            curve: self.folder.of_round(round, &layout::curve(role.name()))?,
            state: self.folder.of_round(round, &layout::state(role.name()))?,
        };
        let (device, stop, reporter) =
            (self.resources.device.clone(), self.resources.stop.clone(), Arc::clone(&self.reporter));
        let trained = tokio::task::spawn_blocking(move || {
            let show = |line: &str| reporter.update(&|| format!("round {round}, training the {line}"));
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
                "round {round}: the {} has a loss of {:.3} and an accuracy of {:.1}% on {} lessons that it has not seen",
                role.name(),
                validation.loss,
                100.0 * validation.accuracy,
                validation.n
            ));
        }
        write_json(&outcome, &trained)?;
        Ok(Some(told(&trained)))
    }

    /// The run's tokenizer: made once, from what the first round taught and all statements.
    fn tokenizer(&self, lessons: &Lessons) -> Result<Vec<u8>, LearnError> {
        let path = self.folder.tokenizer_path();
        if let Ok(bytes) = std::fs::read(&path) {
            return Ok(bytes);
        }
        let statements = self.problems.statements().iter();
        let mut texts: Vec<String> = statements.map(|problem| problem.theorem.statement.clone()).collect();
        let premises = match &self.options.lemmas {
            Some(lemmas) => Some(unpacked_premises(&path, lemmas)?),
            None => None,
        };
        let without = self.problems.without();
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

    /// The folder of a model, if there is one.
    fn model(&self, origin: Origin, role: Role) -> Result<Option<PathBuf>, LearnError> {
        let beginning = match role {
            Role::Policy => &self.options.policy,
            Role::Critic => &self.options.critic,
        };
        Ok(match (origin, beginning) {
            (Origin::Round(round), _) => Some(self.folder.of_round(round, role.name())?),
            (Origin::Beginning, Beginning::Folder(folder)) => Some(folder.clone()),
            (Origin::Beginning, Beginning::New(_)) => None,
        })
    }

    /// The policy of this origin with the share of others that evaluations give it.
    pub(super) fn evaluated_policy(
        &self,
        origin: Origin,
        others: Arc<dyn Policy>,
    ) -> Result<Arc<dyn Policy>, LearnError> {
        let Some(folder) = self.model(origin, Role::Policy)? else { return Ok(others) };
        Ok(mixed(self.trained_policy(&folder)?, others, self.options.eval_mix))
    }

    fn trained_policy(&self, folder: &Path) -> Result<Arc<dyn Policy>, LearnError> {
        let device = self.resources.device.clone();
        Ok(Arc::new(LocalPolicy::open(folder, device, self.policy_use(), &mut |_, _| {})?))
    }

    fn policy_use(&self) -> PolicyUse {
        PolicyUse { prompt: PromptChoice::Auto, sampling: self.options.sampling.clone(), own_temperature: false }
    }

    /// The critic of this origin, if there is one.
    pub(super) fn critic(&self, origin: Origin) -> Result<Option<Arc<dyn Critic>>, LearnError> {
        let Some(folder) = self.model(origin, Role::Critic)? else { return Ok(None) };
        Ok(Some(Arc::new(LocalCritic::open(&folder, self.resources.device.clone(), &mut |_, _| {})?)))
    }
}

fn mixed<P: Composed>(policy: P, other: P, share: f64) -> P {
    if share > 0.0 { P::mixture(policy, other, share) } else { policy }
}

/// What a search taught, which `record` is of. `seed` draws among its pairs of states.
pub(super) fn trial(stage: run::Stage, seed: u64, side: Side, search: &Search, record: ProblemRecord) -> Trial {
    let root = search.tree().nodes().first().filter(|_| side == Side::Statement);
    Trial {
        stage,
        side,
        root: root.map(|root| state_text(&root.goals)),
        // The policy is not to learn the long way.
        steps: if stage == run::Stage::Detail { Vec::new() } else { mining::steps(search) },
        preferences: mining::preferences(search, seed),
        record,
    }
}

/// How a training ended, for the plan.
fn told(trained: &Trained) -> Training {
    let accuracy = |measured: Option<Measured>| measured.map(|measured| measured.accuracy);
    Training {
        accuracy: accuracy(trained.validation),
        accuracy_before: accuracy(trained.validation_before),
        cost: trained.cost,
    }
}
