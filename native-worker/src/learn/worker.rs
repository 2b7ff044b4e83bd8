//! The worker of a run: it claims searches from the run's own ledger, runs several at once, and writes down how they ended.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stepwise_core::problem::Problem;
use stepwise_core::record::{ProblemRecord, Run};
use stepwise_core::search::{Search, SearchConfig};
use stepwise_core::wire::campaign::{
    Abandon, Beat, Claim, Doing, Ending, Enrolment, Lease, ModelFiles, Proposer, Receipt, SearchResult, State, VERSION,
};
use stepwise_ledger::operations::{self, Conclude, Employ, Employed, Granted, Timing};
use stepwise_ledger::{Ledger, LedgerError};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{LearnError, Reporter, Resources};
use crate::run::critic::Critic;
use crate::run::policy::Policy;
use crate::run::{Job, Ran, RunError, run_search};
use crate::serve::new_token;
use crate::stop::{Stop, StopLevel};

/// Searches that are claimed at once, for each that runs.
const CLAIMED_AHEAD: u64 = 4;

/// How often a worker says that it is there.
const PULSE: Duration = Duration::from_secs(15);

/// How often a paused campaign is looked at.
const PAUSE: Duration = Duration::from_secs(1);

/// Who searches for a run.
pub struct Worker {
    ledger: Ledger,
    employed: Employed,
    /// By their numbers in the ledger, from 1.
    problems: Arc<Vec<Problem>>,
    concurrency: usize,
    /// Claims that it has made.
    n_claims: AtomicU64,
    /// Says that it is there, for as long as it is.
    _pulse: JoinSet<()>,
}

/// What the searches of a stage run with.
#[derive(Clone)]
pub struct Setup {
    pub config: SearchConfig,
    pub policy: Arc<dyn Policy>,
    pub critic: Option<Arc<dyn Critic>>,
    /// How others are told who proposes and who scores, where they search too.
    pub said: (Option<Proposer>, Option<ModelFiles>),
    pub run: Run,
}

/// Stages that are being searched, until nothing is left of them.
pub struct Shift<'a> {
    worker: &'a Worker,
    resources: &'a Resources,
    reporter: &'a dyn Reporter,
    /// By the hash of their recipe.
    setups: BTreeMap<String, Setup>,
    show: Arc<dyn Fn() + Send + Sync>,
    waiting: VecDeque<Order>,
    running: HashMap<u64, (Order, watch::Sender<StopLevel>)>,
    searches: JoinSet<(u64, Result<Ran, RunError>)>,
    is_paused: bool,
    interrupted: bool,
}

/// A search that was claimed.
#[derive(Clone, Debug)]
struct Order {
    lease: Lease,
    claim: String,
}

/// A search that has ended.
pub struct Ended {
    order: Order,
    pub search: Search,
    /// Its record, under the statement's name.
    pub record: ProblemRecord,
}

impl Ended {
    /// What was given out.
    #[must_use]
    pub fn lease(&self) -> &Lease {
        &self.order.lease
    }
}

impl Worker {
    /// Begins to work for the campaign of this ledger, whose problems these are in the order in which it was given them.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn employ(
        ledger: Ledger,
        problems: Arc<Vec<Problem>>,
        concurrency: usize,
        lean: &str,
    ) -> Result<Self, LedgerError> {
        let employed = ledger
            .run(Employ(Enrolment {
                protocol: VERSION,
                client: concat!("stepwise ", env!("CARGO_PKG_VERSION")).to_owned(),
                lean: lean.to_owned(),
                label: String::new(),
                cores: u32::try_from(concurrency).unwrap_or(u32::MAX),
                memory_mb: 0,
            }))
            .await?;
        let mut beating = JoinSet::new();
        beating.spawn(pulse(ledger.clone(), employed));
        Ok(Self {
            ledger,
            employed,
            problems,
            concurrency: concurrency.max(1),
            n_claims: AtomicU64::new(0),
            _pulse: beating,
        })
    }

    /// The account that it works under.
    #[must_use]
    pub fn account(&self) -> u64 {
        self.employed.account
    }

    /// The problem of this number, from 1.
    fn problem(&self, number: u64) -> Option<&Problem> {
        self.problems.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// Searches what is ready and has a recipe among these. `show` is called whenever a search gets on.
    pub fn begin<'a>(
        &'a self,
        setups: BTreeMap<String, Setup>,
        resources: &'a Resources,
        reporter: &'a dyn Reporter,
        show: Arc<dyn Fn() + Send + Sync>,
    ) -> Shift<'a> {
        Shift {
            worker: self,
            resources,
            reporter,
            setups,
            show,
            waiting: VecDeque::new(),
            running: HashMap::new(),
            searches: JoinSet::new(),
            is_paused: false,
            interrupted: false,
        }
    }

    /// Gives back what it has, for good.
    ///
    /// # Errors
    /// The ledger fails.
    pub async fn leave(&self) -> Result<(), LedgerError> {
        let Employed { account, session } = self.employed;
        let abandon = Abandon { session, units: Vec::new(), leave: true };
        self.ledger.run(operations::Abandon { account, abandon }).await?;
        Ok(())
    }
}

impl Shift<'_> {
    /// Whether it ended before its work did, because the caller stopped it or the campaign gives nothing out any more.
    #[must_use]
    pub fn was_interrupted(&self) -> bool {
        self.interrupted
    }

    /// The next search that ends; `None` when nothing is left to do, or the caller stopped it.
    ///
    /// # Errors
    /// A search cannot run, or the ledger fails; nothing runs then.
    pub async fn next(&mut self) -> Result<Option<Ended>, LearnError> {
        let mut stop = self.resources.stop.clone();
        loop {
            let level = stop.level();
            if level != StopLevel::Run {
                self.interrupted = true;
                self.waiting.clear();
                for (_, stop) in self.running.values() {
                    stop.send_replace(level);
                }
            } else if !self.interrupted {
                self.fill().await?;
            }
            if self.searches.is_empty() {
                if !self.is_paused {
                    return Ok(None);
                }
                let _ = tokio::time::timeout(PAUSE, stop.reached(StopLevel::Drain)).await;
                continue;
            }
            let ended = tokio::select! {
                biased;
                () = stop.reached(next_level(level)), if level < StopLevel::Abort => continue,
                Some(ended) = self.searches.join_next() => ended,
            };
            let (unit, ran) = ended?;
            // A search that was cancelled has nothing to say.
            let Some((order, _)) = self.running.remove(&unit) else { continue };
            if let Some(ended) = self.concluded(order, ran)? {
                return Ok(Some(ended));
            }
        }
    }

    /// Writes down how a search ended, with what it leaves behind. False where nobody wants to know any more.
    ///
    /// # Errors
    /// The ledger fails, or does not take it.
    pub async fn conclude(&self, ended: &Ended, remains: String) -> Result<bool, LearnError> {
        let Ended { order: Order { lease, claim }, search, record } = ended;
        let Some((ending, detail)) = search.end().and_then(Ending::of) else { return Ok(false) };
        let result = SearchResult {
            submission: new_token(),
            unit: lease.unit,
            attempt: lease.attempt,
            claim: claim.clone(),
            ending,
            detail,
            searched: None,
            proof: record.proof.clone(),
            cost: record.ledger,
        };
        let conclude = Conclude {
            account: self.worker.employed.account,
            result,
            verdict: record.verdict.clone(),
            remains,
            timing: timing(),
        };
        match self.worker.ledger.run(conclude).await? {
            Receipt::Stored => Ok(true),
            Receipt::Late | Receipt::Duplicate => Ok(false),
            Receipt::Refused { reason } => Err(LearnError::Refused { problem: record.name.clone(), reason }),
        }
    }

    /// Gives up what it has of a problem.
    pub fn cancel(&mut self, problem: u64) {
        self.waiting.retain(|order| order.lease.problem != problem);
        let units: Vec<u64> = self
            .running
            .values()
            .map(|(order, _)| &order.lease)
            .filter(|lease| lease.problem == problem)
            .map(|lease| lease.unit)
            .collect();
        for unit in units {
            if let Some((_, stop)) = self.running.remove(&unit) {
                stop.send_replace(StopLevel::Abort);
            }
        }
    }

    /// Begins as many searches as there is room for.
    async fn fill(&mut self) -> Result<(), LearnError> {
        while self.searches.len() < self.worker.concurrency {
            let order = match self.waiting.pop_front() {
                Some(order) => order,
                None if self.claim().await? => continue,
                None => break,
            };
            self.start(order)?;
        }
        Ok(())
    }

    /// Claims more; whether there is more.
    async fn claim(&mut self) -> Result<bool, LearnError> {
        let claim = new_token();
        // A bundle is measured in seconds: these make it a number of searches.
        let granted = operations::Claim {
            account: self.worker.employed.account,
            claim: Claim {
                session: self.worker.employed.session,
                claim: claim.clone(),
                number: self.worker.n_claims.fetch_add(1, Ordering::Relaxed) + 1,
                want_s: CLAIMED_AHEAD,
            },
            pace_ms: 1000,
            share: u64::MAX,
            gives: true,
            measures: true,
            timing: timing(),
        };
        let was_paused = std::mem::take(&mut self.is_paused);
        match self.worker.ledger.run(granted).await? {
            Granted::Bundle(bundle) => {
                self.waiting.extend(bundle.leases.into_iter().map(|lease| Order { lease, claim: claim.clone() }));
                return Ok(!self.waiting.is_empty());
            }
            Granted::Nothing | Granted::Doubted => {}
            Granted::Closed(State::Paused, _) => {
                self.is_paused = true;
                if !was_paused {
                    self.reporter.say("the run is paused; `stepwise campaign resume` lets it go on");
                }
            }
            Granted::Closed(state, reason) => {
                self.interrupted = true;
                let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
                let state = match state {
                    State::Halted => "halted",
                    State::Finishing => "being finished",
                    State::Done | State::Running | State::Paused => "over",
                };
                self.reporter.say(&format!("the run's campaign is {state}{reason}"));
            }
        }
        Ok(false)
    }

    fn start(&mut self, order: Order) -> Result<(), LearnError> {
        let Order { lease, .. } = &order;
        let setup = self.setups.get(&lease.recipe).ok_or(LedgerError::Unknown("recipe"))?;
        let problem = self.worker.problem(lease.problem).ok_or(LedgerError::Unknown("problem"))?;
        let theorem = lease.side.searched(&problem.theorem).ok_or(LedgerError::Unknown("negation"))?;
        let (sender, stop) = Stop::channel();
        let job = Job::new(Search::new(theorem, SearchConfig { seed: lease.seed, ..setup.config.clone() }), None);
        let (pool, policy, critic) = (self.resources.pool.clone(), Arc::clone(&setup.policy), setup.critic.clone());
        let (unit, show) = (lease.unit, Arc::clone(&self.show));
        self.searches.spawn(async move {
            let show = move |_: &Search| show();
            (unit, run_search(job, &pool, &policy, critic.as_ref(), stop, &show).await)
        });
        self.running.insert(unit, (order, sender));
        Ok(())
    }

    /// What a search came to; `None` where it was stopped.
    fn concluded(&self, order: Order, ran: Result<Ran, RunError>) -> Result<Option<Ended>, LearnError> {
        let Lease { problem, recipe, .. } = &order.lease;
        let name = self.worker.problem(*problem).map(|problem| problem.name.clone()).unwrap_or_default();
        let Ran { search, interrupted, .. } = match ran {
            Ok(ran) => ran,
            Err(source) => return Err(LearnError::Search { problem: name, source }),
        };
        if interrupted {
            return Ok(None);
        }
        let run = &self.setups.get(recipe).ok_or(LedgerError::Unknown("recipe"))?.run;
        let Some(record) = ProblemRecord::of(&name, &search, run) else { return Ok(None) };
        Ok(Some(Ended { order, search, record }))
    }
}

/// Says again and again that a worker is there: a coordinator of the same campaign would give its searches to others.
async fn pulse(ledger: Ledger, Employed { account, session }: Employed) {
    loop {
        tokio::time::sleep(PULSE).await;
        let beat = Beat { session, doing: Doing::Working, held: Vec::new() };
        if let Err(error) = ledger.run(operations::Beat { account, beat }).await {
            tracing::warn!("the run's ledger does not answer: {error}");
        }
    }
}

/// The next level that the caller may raise.
fn next_level(level: StopLevel) -> StopLevel {
    if level == StopLevel::Run { StopLevel::Drain } else { StopLevel::Abort }
}

/// Nobody else works for the run: nothing is taken from its worker, and nothing has to rest.
fn timing() -> Timing {
    const CENTURY_MS: u64 = 100 * 365 * 86_400_000;
    Timing { lease_ms: CENTURY_MS, rest_ms: 0, ..Timing::default() }
}
