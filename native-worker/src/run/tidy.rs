//! Tidies the proof that a search found: asks real Lean the questions of `core/src/tidy`, and has the result rechecked.
//!
//! Nothing is lost by it: whatever happens, the proof that the search's own recheck accepted is there to be delivered.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use stepwise_core::cost::LeanCost;
use stepwise_core::goal::Goal;
use stepwise_core::outcome::{StepOutcome, Verdict};
use stepwise_core::problem::Theorem;
use stepwise_core::search::{EdgeOutcome, NodeId, RecheckState, Search, SearchEnd};
use stepwise_core::syntax::Withheld;
use stepwise_core::tidy::{Length, Question, Tidy, TidyReport, with_notation_used};
use tokio::time::timeout;

use crate::lean::host::Costed;
use crate::lean::pool::{Pool, PoolError, Session, SessionStart, StateId};
use crate::stop::{Stop, StopLevel};

/// Tidying takes at most this share of what the search took, between the two bounds, unless the user says otherwise.
const SHARE: f64 = 0.5;
const LEAST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(5);

/// What one question may take at least, this or this share of the time for all: less would tell the machine's load, not
/// the proof.
const LEAST_STEP: Duration = Duration::from_millis(500);
const STEPS: u32 = 10;

/// What one recheck may take.
const RECHECK: Duration = Duration::from_secs(60);

/// Rechecks of tidied proofs; after so many refusals the proof is delivered as it was found.
const MAX_RECHECKS: usize = 3;

/// How proofs are tidied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TidyOptions {
    /// Wall clock for the questions about one proof; `None` is half of the search's, from 1 to 5 seconds.
    pub budget: Option<Duration>,
}

/// What is delivered in place of what a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Tidied {
    /// The theorem, without lines of the default notation that nothing uses.
    pub theorem: Theorem,
    pub proof: Vec<String>,
    /// The recheck's judgement of exactly these two.
    pub verdict: Verdict,
    /// What was done, and what it cost.
    pub report: TidyReport,
}

/// A proof that the recheck has accepted.
#[derive(Clone, Copy, Debug)]
pub struct Accepted<'a> {
    pub theorem: &'a Theorem,
    pub proof: &'a [String],
    pub verdict: &'a Verdict,
    /// What the search was to do without.
    pub withheld: &'a Withheld,
}

/// Tidies the proof of a search that has found one; `None` for one that has not.
///
/// `has_default_notation` says that the theorem's notation lines were put there by default, so that they may go.
pub async fn tidy(
    pool: &Pool,
    search: &Search,
    options: TidyOptions,
    has_default_notation: bool,
    stop: &Stop,
) -> Option<Tidied> {
    let Some(SearchEnd::Proved { proof, verdict }) = search.end() else { return None };
    let took = Duration::from_millis(search.ledger().wall_ms);
    let budget = options.budget.unwrap_or_else(|| took.mul_f64(SHARE).clamp(LEAST, MOST));
    let withheld = &search.config().withhold;
    let accepted = Accepted { theorem: search.theorem(), proof, verdict, withheld };
    Some(tidy_within(budget, pool, accepted, refuted(search, proof), has_default_notation, stop).await)
}

/// Tidies a proof, wherever it comes from, with questions that take this long at most. `refuted` are texts that are known
/// to be no proofs, each as its tactics.
pub async fn tidy_within(
    budget: Duration,
    pool: &Pool,
    Accepted { theorem, proof, verdict, withheld }: Accepted<'_>,
    refuted: Vec<Vec<String>>,
    has_default_notation: bool,
    stop: &Stop,
) -> Tidied {
    let begun = Instant::now();
    let mut work = Work {
        pool,
        theorem,
        until: begun + budget,
        least_step: LEAST_STEP.max(budget / STEPS),
        cost: LeanCost::default(),
        n_checks: 0,
    };
    let mut machine = Tidy::new(proof, refuted).doing_without(withheld.clone());
    let mut stopped = stop.clone();
    let cut_short = tokio::select! {
        biased;
        () = stopped.reached(StopLevel::Drain) => Some("interrupted".to_owned()),
        asked = work.ask(&mut machine) => asked,
    };
    let found = Delivery { theorem: theorem.clone(), proof: proof.to_vec() };
    let (delivery, verdict) = tokio::select! {
        biased;
        () = stopped.reached(StopLevel::Abort) => (found, verdict.clone()),
        rechecked = work.recheck(&machine, &found, verdict, has_default_notation) => rechecked,
    };
    let report = TidyReport {
        found: proof.to_vec(),
        before: Length::of(proof),
        after: Length::of(&delivery.proof),
        checks: work.n_checks,
        lean_cpu_us: work.cost.cpu_us,
        wall_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        cut_short,
    };
    Tidied { theorem: delivery.theorem, proof: delivery.proof, verdict, report }
}

/// A theorem as it is written, and a proof of it.
#[derive(Clone, PartialEq)]
struct Delivery {
    theorem: Theorem,
    proof: Vec<String>,
}

struct Work<'a> {
    pool: &'a Pool,
    theorem: &'a Theorem,
    until: Instant,
    /// What one question may take at least.
    least_step: Duration,
    cost: LeanCost,
    n_checks: u64,
}

/// States that Lean has live, by the tactics that lead to them.
struct Known {
    session: Session,
    by_tactics: HashMap<Vec<String>, (StateId, Vec<Goal>)>,
    /// What the whole proof took when it was run tactic by tactic.
    whole: Duration,
}

impl Work<'_> {
    /// Asks until nothing is left to ask; or says why not.
    async fn ask(&mut self, machine: &mut Tidy) -> Option<String> {
        let mut opened = None;
        while let Some(question) = machine.ask() {
            let known = match &mut opened {
                Some(known) => known,
                None => match self.open().await {
                    Ok(known) => opened.insert(known),
                    Err(reason) => return Some(reason),
                },
            };
            let Some(left) = self.left() else { return Some("the time for it is used up".to_owned()) };
            let answered = match question {
                Question::Trace(tactics) => self.trace(known, &tactics, left).await.map(|goals| machine.traced(goals)),
                Question::Check(tactics) => {
                    self.check(known, &tactics, left).await.map(|is_proof| machine.judged(is_proof))
                }
            };
            if let Err(error) = answered {
                return Some(error.to_string());
            }
        }
        None
    }

    fn left(&self) -> Option<Duration> {
        self.until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    async fn open(&mut self) -> Result<Known, String> {
        let limit = self.left().unwrap_or_default();
        let opened = timeout(limit, self.pool.open(self.theorem.clone())).await;
        let Costed { value, cost } =
            opened.map_err(|_| "opening the statement took the time for it".to_owned())?.map_err(|e| e.to_string())?;
        self.cost += cost;
        match value {
            SessionStart::Open { session, goals, .. } => {
                let by_tactics = HashMap::from([(Vec::new(), (StateId::ROOT, goals))]);
                Ok(Known { session, by_tactics, whole: Duration::ZERO })
            }
            SessionStart::Rejected { message } | SessionStart::HostFailed { message } => Err(message),
        }
    }

    /// The goals behind each tactic; `None` when they do not run one by one up to the end.
    async fn trace(
        &mut self,
        known: &mut Known,
        tactics: &[String],
        limit: Duration,
    ) -> Result<Option<Vec<Vec<Goal>>>, PoolError> {
        let begun = Instant::now();
        let mut trace = Vec::new();
        for (idx, tactic) in tactics.iter().enumerate() {
            let (before, with) = (tactics[..idx].to_vec(), tactics[..=idx].to_vec());
            if let Some((_, goals)) = known.by_tactics.get(&with) {
                trace.push(goals.clone());
                continue;
            }
            let Some((state, _)) = known.by_tactics.get(&before) else { return Ok(None) };
            let limit = limit.saturating_sub(begun.elapsed());
            match self.apply(&known.session, *state, tactic.clone(), limit).await? {
                StepOutcome::Open { state, goals } => {
                    trace.push(goals.clone());
                    known.by_tactics.insert(with, (state, goals));
                }
                StepOutcome::Proved if idx + 1 == tactics.len() => trace.push(Vec::new()),
                _ => return Ok(None),
            }
        }
        known.whole = known.whole.max(begun.elapsed());
        Ok(Some(trace))
    }

    /// Whether these tactics prove the theorem, from the last state on that is known.
    async fn check(&mut self, known: &Known, tactics: &[String], left: Duration) -> Result<bool, PoolError> {
        let n_known = (0..tactics.len()).rev().find(|n| known.by_tactics.contains_key(&tactics[..*n]));
        let Some((n_known, (state, _))) = n_known.and_then(|n| Some((n, known.by_tactics.get(&tactics[..n])?))) else {
            return Ok(false);
        };
        // A proof that takes much longer than the one it would replace is none that a person would keep.
        let limit = (known.whole * 2).max(self.least_step).min(left);
        let outcome = self.apply(&known.session, *state, tactics[n_known..].join("\n"), limit).await?;
        if let StepOutcome::Open { state, .. } = &outcome {
            known.session.forget(&[*state]);
        }
        Ok(outcome == StepOutcome::Proved)
    }

    async fn apply(
        &mut self,
        session: &Session,
        state: StateId,
        tactic: String,
        limit: Duration,
    ) -> Result<StepOutcome<StateId>, PoolError> {
        self.n_checks += 1;
        // The pool's workers may be at work for others; what is waited for longer than the budget is given up.
        let tactic = [tactic];
        let asked = session.apply_within(state, &tactic, Some(limit));
        let Ok(answered) = timeout(limit + LEAST_STEP, asked).await else { return Ok(StepOutcome::Timeout) };
        let Costed { value, cost } = answered?;
        self.cost += cost;
        Ok(value.into_iter().next().unwrap_or(StepOutcome::Timeout))
    }

    /// The best that the recheck accepts. What it accepted already needs no other one.
    async fn recheck(
        &mut self,
        machine: &Tidy,
        found: &Delivery,
        verdict: &Verdict,
        has_default_notation: bool,
    ) -> (Delivery, Verdict) {
        let mut deliveries: Vec<Delivery> = Vec::new();
        for proof in [machine.proof()].into_iter().chain(machine.earlier()) {
            let trimmed = if has_default_notation { with_notation_used(self.theorem, &proof) } else { None };
            let delivery = Delivery { theorem: trimmed.unwrap_or_else(|| self.theorem.clone()), proof };
            if !deliveries.contains(&delivery) {
                deliveries.push(delivery);
            }
        }
        for delivery in deliveries.into_iter().take_while(|delivery| delivery != found).take(MAX_RECHECKS) {
            self.n_checks += 1;
            let asked = self.pool.recheck(&delivery.theorem, &delivery.proof);
            let Ok(Ok(Costed { value, cost })) = timeout(RECHECK, asked).await else { break };
            self.cost += cost;
            if value.accepted {
                return (delivery, value);
            }
        }
        (found.clone(), verdict.clone())
    }
}

/// Texts that the search has found to be no proofs: the siblings of the tactics on the proof's way.
fn refuted(search: &Search, proof: &[String]) -> Vec<Vec<String>> {
    let tree = search.tree();
    let mut done = search.prefix().to_vec();
    let mut at = Some(NodeId(0));
    let mut refuted = Vec::new();
    for tactic in proof.iter().skip(done.len()) {
        let Some(node) = at.take() else { break };
        for edge in tree.edges().iter().filter(|edge| edge.parent == node) {
            match &edge.outcome {
                EdgeOutcome::Child(child) | EdgeOutcome::Duplicate(child) if edge.tactic == *tactic => {
                    at = Some(*child)
                }
                EdgeOutcome::Proved(RecheckState::Accepted | RecheckState::Waiting) => {}
                _ => refuted.push(done.iter().chain([&edge.tactic]).cloned().collect()),
            }
        }
        done.push(tactic.clone());
    }
    refuted
}
