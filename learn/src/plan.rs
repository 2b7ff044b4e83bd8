//! What a run of expert iteration does next: rounds of searching, learning and evaluating (arXiv 2410.15700), decided by a
//! machine without hands.
//!
//! A [`Plan`] is told what happened, an [`Event`] at a time, and says what is to be done, in [`Command`]s. It decides by
//! its settings and the events alone. So nothing of it is ever stored: who goes on after a kill makes a new plan and
//! carries out its commands once more, and every command whose outcome is stored has that outcome at once.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use stepwise_core::random::SplitMix64;
use stepwise_core::record::Status;
use stepwise_core::search::Budget;

use crate::lessons::Lessons;
use crate::progress::{Progress, best};
use crate::run::{PassRate, Role, Round, Side, Stage, StageCost, Trial};

/// The name of the configuration by which policies are compared from round to round.
pub const BEST_FIRST: &str = "bf";
/// The name of the configuration that a critic guides.
const GUIDED: &str = "bf+cg";
/// The name of the configuration that proposes without a model.
const BASELINE: &str = "portfolio";

/// What a plan is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How many rounds.
    pub rounds: u32,
    /// The seed of everything that is drawn.
    pub seed: u64,
    /// What the quick scan may spend on each statement and on each negation.
    pub scan: Budget,
    /// What the longer search may spend on each in the first round.
    pub deep: Budget,
    /// What the longer search may spend grows by this factor from round to round.
    pub ramp: f64,
    /// The share of the open statements that goes on to the longer search, those that the critic puts first.
    pub deep_share: f64,
    /// The share of the proofs of at least two tactics that are searched again for a shorter one.
    pub shorten_share: f64,
    /// The share of the proved statements that is searched again for a proof in more steps, for the critic.
    pub detail_share: f64,
    /// What an evaluation may spend on each problem.
    pub eval: Budget,
    /// Searches at once, by which the wall time of one is divided.
    pub concurrency: usize,
}

/// A statement that is trained on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its name, which no other has.
    pub name: String,
    /// Whether its negation is searched too.
    pub has_negation: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A search has ended.
    Trial(Box<Trial>),
    /// All searches of the stage have ended, or are not wanted any more.
    Ended,
    /// What the critic gives the statements that it was to rank, by name; those without a score come last.
    Ranked(BTreeMap<String, f64>),
    /// A model is trained.
    Trained(Training),
    /// The round's models are evaluated.
    Evaluated(Evaluation),
}

/// How a training ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Training {
    /// The share of validation lessons that the model gets right, from 0 to 1; `None` where there are none.
    pub accuracy: Option<f64>,
    /// The same of the model that the round began with.
    pub accuracy_before: Option<f64>,
    pub cost: StageCost,
}

/// What an evaluation came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// By set and configuration.
    pub pass_rates: PassRates,
    pub cost: StageCost,
}

/// Pass rates by evaluation set and configuration.
pub type PassRates = BTreeMap<String, BTreeMap<String, PassRate>>;

/// What is to be done. Each but [`Cancel`](Self::Cancel) and [`Finish`](Self::Finish) is answered by an event of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Search: a [`Event::Trial`] for each that ends, and [`Event::Ended`].
    Seed(Searches),
    /// Further searches of this statement of the stage are not wanted: it is solved, or Lean refuses it.
    Cancel(String),
    /// Score the root states of these statements.
    Rank { names: Vec<String>, critic: Origin },
    /// Train a model on the [lessons](Plan::lessons) of all rounds.
    Train(TrainModel),
    /// Evaluate the round's models.
    Evaluate(Evaluate),
    /// A round is over. It is the last command, or the next round's come with it.
    Finish(Round),
}

/// A stage of searches.
#[derive(Clone, Debug, PartialEq)]
pub struct Searches {
    pub round: u32,
    pub stage: Stage,
    /// What is searched, begun in this order: each a statement's index with a side.
    pub order: Vec<(usize, Side)>,
    /// What each may spend.
    pub budget: Budget,
    /// What each draws from.
    pub seed: u64,
    /// The policy that proposes, beside exploration.
    pub policy: Origin,
    /// The critic that guides; `None` where the search is best-first.
    pub critic: Option<Origin>,
}

/// A training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainModel {
    pub round: u32,
    pub role: Role,
    /// The best model so far.
    pub best: Origin,
}

/// An evaluation: of each problem of each set by each configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluate {
    pub round: u32,
    pub configurations: Vec<Configuration>,
    /// What each search may spend.
    pub budget: Budget,
    /// What each draws from, and the order of turns.
    pub seed: u64,
}

/// A configuration under evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Configuration {
    pub name: &'static str,
    /// Who proposes: the policy of this origin, or nobody but the portfolio.
    pub policy: Option<Origin>,
    /// The critic that guides, if one does.
    pub critic: Option<Origin>,
}

/// Where a model comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// It is what the run began with, which may be none.
    #[default]
    Beginning,
    /// This round trained it.
    Round(u32),
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Plan {
    settings: Settings,
    statements: Vec<Statement>,
    progress: Progress,
    trials: Vec<Trial>,
    kept: Kept,
    round: Running,
    phase: Phase,
    /// To learn from, and for validation.
    lessons: (Lessons, Lessons),
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Searching(Stage),
    Ranking,
    Training(Role),
    Evaluating,
    Over,
}

/// The models that the next round begins with.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    policy: Origin,
    critic: Origin,
    /// What the policy solved of the evaluation sets.
    solved: Option<u64>,
}

/// The round that runs.
#[derive(Clone, Debug, Default)]
struct Running {
    number: u32,
    /// Statements that were open when it began.
    n_open: u64,
    /// Statements that were proved and disproved when it began.
    solved_before: (u64, u64),
    /// Its first trial.
    first_trial: usize,
    policy: Option<Training>,
    critic: Option<Training>,
}

impl Plan {
    /// A plan for these statements, and its first commands.
    #[must_use]
    pub fn begin(settings: Settings, statements: Vec<Statement>) -> (Self, Vec<Command>) {
        let progress = Progress::new(statements.iter().map(|statement| statement.name.clone()));
        let mut plan = Self {
            settings,
            statements,
            progress,
            trials: Vec::new(),
            kept: Kept::default(),
            round: Running::default(),
            phase: Phase::Over,
            lessons: Default::default(),
        };
        let commands = plan.begin_round(1);
        (plan, commands)
    }

    /// Takes in what happened, and says what is to be done now. An event that nobody waited for changes nothing.
    #[must_use]
    pub fn handle(&mut self, event: Event) -> Vec<Command> {
        match (self.phase, event) {
            (Phase::Searching(_), Event::Trial(trial)) => self.take(*trial),
            (Phase::Searching(stage), Event::Ended) => self.after(stage),
            (Phase::Ranking, Event::Ranked(scores)) => {
                let open = self.drawn(self.progress.open());
                let names = best(open, |name| scores.get(name).copied(), self.settings.deep_share);
                self.search(Stage::Deep, &names)
            }
            (Phase::Training(Role::Policy), Event::Trained(training)) => {
                self.round.policy = Some(training);
                // A critic learns from nothing else.
                if self.lessons.0.preferences.is_empty() { self.evaluate() } else { self.train(Role::Critic) }
            }
            (Phase::Training(Role::Critic), Event::Trained(training)) => {
                self.round.critic = Some(training);
                self.evaluate()
            }
            (Phase::Evaluating, Event::Evaluated(evaluation)) => self.finish(evaluation),
            _ => Vec::new(),
        }
    }

    /// What all rounds so far taught, to learn from and for validation, as it stood when the round's searches ended.
    #[must_use]
    pub fn lessons(&self) -> &(Lessons, Lessons) {
        &self.lessons
    }

    /// The round that runs, from 1.
    #[must_use]
    pub fn round(&self) -> u32 {
        self.round.number
    }

    /// The state that a statement opens with, if a search has seen it.
    #[must_use]
    pub fn root(&self, name: &str) -> Option<&str> {
        self.progress.root(name)
    }

    /// How many statements are open.
    #[must_use]
    pub fn n_open(&self) -> usize {
        self.progress.open().count()
    }

    fn begin_round(&mut self, number: u32) -> Vec<Command> {
        if number > self.settings.rounds {
            self.phase = Phase::Over;
            return Vec::new();
        }
        self.round = Running {
            number,
            n_open: self.n_open() as u64,
            solved_before: self.progress.solved(),
            first_trial: self.trials.len(),
            ..Running::default()
        };
        let open = self.drawn(self.progress.open());
        self.search(Stage::Scan, &open)
    }

    fn take(&mut self, trial: Trial) -> Vec<Command> {
        let name = trial.record.name.clone();
        let was_open = self.progress.standing(&name).is_open();
        self.progress.add(&trial);
        self.trials.push(trial);
        let is_closed = was_open && !self.progress.standing(&name).is_open();
        if is_closed { vec![Command::Cancel(name)] } else { Vec::new() }
    }

    /// What follows when a stage has ended.
    fn after(&mut self, stage: Stage) -> Vec<Command> {
        match stage {
            Stage::Scan => {
                self.phase = Phase::Ranking;
                vec![Command::Rank { names: self.drawn(self.progress.open()), critic: self.kept.critic }]
            }
            Stage::Deep => {
                let long = self.drawn(self.progress.proved_by_at_least(2));
                self.search(Stage::Shorten, share(&long, self.settings.shorten_share))
            }
            Stage::Shorten => {
                let proved = self.drawn(self.progress.proved_by_at_least(1));
                self.search(Stage::Detail, share(&proved, self.settings.detail_share))
            }
            Stage::Detail => {
                self.lessons = Lessons::of(&self.trials);
                self.train(Role::Policy)
            }
        }
    }

    /// These statements in an order that is drawn for the round.
    fn drawn<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
        let names: BTreeSet<&str> = names.collect();
        let ours = self.statements.iter().map(|statement| &statement.name);
        let mut order: Vec<String> = ours.filter(|name| names.contains(name.as_str())).cloned().collect();
        SplitMix64::new(self.settings.seed ^ u64::from(self.round.number)).shuffle(&mut order);
        order
    }

    fn search(&mut self, stage: Stage, names: &[String]) -> Vec<Command> {
        self.phase = Phase::Searching(stage);
        let number = self.round.number;
        let idx_of: BTreeMap<&str, usize> =
            self.statements.iter().enumerate().map(|(idx, statement)| (statement.name.as_str(), idx)).collect();
        let statements: Vec<usize> = names.iter().filter_map(|name| idx_of.get(name.as_str()).copied()).collect();
        // What is solved is searched again by its solved side.
        let is_again = matches!(stage, Stage::Shorten | Stage::Detail);
        let negations = statements.iter().filter(|idx| !is_again && self.statements[**idx].has_negation);
        let order = statements.iter().map(|idx| (*idx, Side::Statement));
        let order = order.chain(negations.map(|idx| (*idx, Side::Negation))).collect();
        let budget = match stage {
            Stage::Scan | Stage::Shorten => self.settings.scan.clone(),
            Stage::Detail => self.settings.deep.clone(),
            Stage::Deep => self.settings.deep.grown(self.settings.ramp.powi(number as i32 - 1)),
        };
        vec![Command::Seed(Searches {
            round: number,
            stage,
            order,
            budget,
            // A shorter proof is looked for where the first search has not looked.
            seed: self.settings.seed.wrapping_mul(1_000_003) + u64::from(number) * 4 + stage as u64,
            policy: self.kept.policy,
            critic: (stage == Stage::Deep).then_some(self.kept.critic),
        })]
    }

    fn train(&mut self, role: Role) -> Vec<Command> {
        self.phase = Phase::Training(role);
        let best = match role {
            Role::Policy => self.kept.policy,
            Role::Critic => self.kept.critic,
        };
        vec![Command::Train(TrainModel { round: self.round.number, role, best })]
    }

    fn evaluate(&mut self) -> Vec<Command> {
        self.phase = Phase::Evaluating;
        let round = self.round.number;
        let own = Some(Origin::Round(round));
        let mut configurations = vec![Configuration { name: BEST_FIRST, policy: own, critic: None }];
        if self.round.critic.is_some() {
            configurations.push(Configuration { name: GUIDED, policy: own, critic: own });
        }
        // The baseline does not change from round to round.
        if round == 1 {
            configurations.push(Configuration { name: BASELINE, policy: None, critic: None });
        }
        let (budget, seed) = (self.settings.eval.clone(), self.settings.seed);
        vec![Command::Evaluate(Evaluate { round, configurations, budget, seed })]
    }

    fn finish(&mut self, Evaluation { pass_rates, cost }: Evaluation) -> Vec<Command> {
        let number = self.round.number;
        let round = self.summary(pass_rates, cost);
        if round.policy_kept {
            self.kept.policy = Origin::Round(number);
            self.kept.solved = Some(solved_by_policy(&round.pass_rates));
        }
        if round.critic_kept {
            self.kept.critic = Origin::Round(number);
        }
        let mut commands = vec![Command::Finish(round)];
        commands.extend(self.begin_round(number + 1));
        commands
    }

    /// What the round came to.
    fn summary(&self, pass_rates: PassRates, evaluation: StageCost) -> Round {
        let (earlier, now) = self.trials.split_at(self.round.first_trial);
        let mut costs = BTreeMap::new();
        for stage in [Stage::Scan, Stage::Deep, Stage::Shorten, Stage::Detail] {
            let records = now.iter().filter(|trial| trial.stage == stage).map(|trial| &trial.record);
            costs.insert(stage.name().to_owned(), StageCost::of(records, self.settings.concurrency));
        }
        costs.insert("train-policy".to_owned(), self.round.policy.unwrap_or_default().cost);
        costs.insert("evaluate".to_owned(), evaluation);
        if let Some(critic) = self.round.critic {
            costs.insert("train-critic".to_owned(), critic.cost);
        }
        let (proved, disproved) = self.progress.solved();
        let solved = solved_by_policy(&pass_rates);
        let critic = self.round.critic.unwrap_or_default();
        Round {
            round: self.round.number,
            open: self.round.n_open,
            proved: proved - self.round.solved_before.0,
            disproved: disproved - self.round.solved_before.1,
            shortened: n_shortened(earlier, now),
            solved_so_far: proved + disproved,
            statements: self.statements.len() as u64,
            steps: self.lessons.0.steps.len() as u64,
            preferences: self.lessons.0.preferences.len() as u64,
            policy_kept: self.kept.solved.is_none_or(|before| solved >= before),
            critic_kept: self.round.critic.is_some()
                && critic.accuracy_before.is_none_or(|before| critic.accuracy.is_none_or(|now| now >= before)),
            critic_accuracy: critic.accuracy,
            costs,
            pass_rates,
        }
    }
}

/// The first part of `names`; `share` of them, rounded.
fn share(names: &[String], share: f64) -> &[String] {
    let n = (names.len() as f64 * share).round() as usize;
    &names[..n.min(names.len())]
}

/// What the round's policy solved of all sets.
fn solved_by_policy(pass_rates: &PassRates) -> u64 {
    pass_rates.values().filter_map(|of_set| of_set.get(BEST_FIRST)).map(|rate| rate.solved).sum()
}

/// Statements whose shortest proof these trials made shorter.
fn n_shortened(earlier: &[Trial], now: &[Trial]) -> u64 {
    let shortest = |trials: &mut dyn Iterator<Item = &Trial>| {
        let mut lengths = BTreeMap::new();
        for trial in trials.filter(|trial| trial.side == Side::Statement && trial.record.status == Status::Proved) {
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
