//! The donor at work: carries out what [`decide`](super::decide) says, with Lean, the coordinator and the spool.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use stepwise_core::wire::campaign::{
    Abandon, Beat, Beaten, Claim, Claimed, Doing, Enrolled, Enrolment, Held, Lease, MAX_RESULTS, Receipts, Results,
    SearchResult, Searched, VERSION,
};
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::MissedTickBehavior;

use super::account::{Account, AccountError, Home};
use super::client::{CLIENT, Client, ClientError};
use super::control::{Done, Wish};
use super::decide::{Asked, Kind, LeanState, Situation, Step, next};
use super::models::{ModelError, Models};
use super::retry::Trouble;
use super::schedule::TimeOfDay;
use super::spool::Spool;
use super::telling::Telling;
use super::work::{self, Ended, Order, Outcome};
use super::{DonorError, Farewell, Offer};
use crate::blobs::Blobs;
use crate::lean::host::Launch;
use crate::lean::pool::{Pool, PoolConfig, PoolError};
use crate::models::recipe::Opened;
use crate::serve::new_token;
use crate::stop::{Stop, StopLevel};

/// How often the clock, the owner's wishes and the searches are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long a bundle should last, in seconds.
const WANT_S: u64 = 300;
/// How long a donor that is stopped waits for the coordinator.
const GRACE: Duration = Duration::from_secs(8);
/// How long Lean's processes may take to end.
const LEAN_ENDS: Duration = Duration::from_secs(5);
/// How long a result waits that the disk did not take.
const SPOOL_AGAIN: Duration = Duration::from_secs(10);
/// The largest message before the coordinator says what it takes, in bytes.
const MESSAGE_BYTES: u64 = 1 << 20;
/// What a message of results takes besides them, in bytes.
const ENVELOPE_BYTES: u64 = 64;

/// Tells a person how it goes.
pub trait Teller: Send + Sync {
    /// Prints a line that stays.
    fn say(&self, line: &str);

    /// Says what is done now, in place of what was said before.
    fn update(&self, line: &str);
}

/// The Lean that is lent.
#[derive(Clone)]
pub struct LeanOffer {
    pub launch: Arc<dyn Launch>,
    pub pool: PoolConfig,
    /// The packages that it has imported, by name.
    pub modules: &'static [&'static str],
}

/// A pool, if there is one.
pub(super) enum Lean {
    Down,
    Starting,
    Up {
        pool: Pool,
        /// As records name it.
        name: String,
    },
}

/// A search under way.
pub(super) struct Running {
    pub(super) order: Order,
    pub(super) stop: watch::Sender<StopLevel>,
    pub(super) expansions: Arc<AtomicU64>,
    pub(super) since: Instant,
}

/// What was asked and is answered now.
pub(super) enum Answer {
    Lean(Result<(Pool, String), PoolError>),
    Enrolled(Result<Enrolled, ClientError>),
    Claimed(Result<Claimed, ClientError>),
    Sent(Result<Receipts, ClientError>),
    Beaten(Vec<Held>, Result<Beaten, ClientError>),
    Abandoned(Vec<u64>, Result<(), ClientError>),
    /// What the recipe of this hash runs with.
    Models(String, Result<Opened, ModelError>),
    Left,
}

/// Where a result that is being sent is kept.
#[derive(Debug)]
pub(super) enum Kept {
    /// Under this name in the spool.
    Spooled(String),
    /// In memory, because the disk did not take it.
    InMemory(String),
}

pub(super) struct Donor {
    pub(super) home: Home,
    pub(super) campaign: String,
    pub(super) client: Client,
    pub(super) offer: Offer,
    pub(super) source: LeanOffer,
    pub(super) lean: Lean,
    pub(super) models: Models,
    pub(super) spool: Spool,
    /// Results that the disk did not take.
    pub(super) unspooled: Vec<SearchResult>,
    spool_again: Instant,
    /// What is being sent.
    pub(super) sending: Vec<(Kept, u64)>,
    /// After a message was refused as a whole, results go one by one, to find the one that is to blame.
    pub(super) one_by_one: bool,
    pub(super) enrolled: Option<Enrolled>,
    pub(super) has_left: bool,
    pub(super) waiting: VecDeque<Order>,
    /// By a number of their own.
    pub(super) running: BTreeMap<u64, Running>,
    last_running: u64,
    searches: JoinSet<(u64, Ended)>,
    numbers: HashMap<Id, u64>,
    pub(super) abandoned: Vec<u64>,
    answers: JoinSet<Answer>,
    pub(super) in_flight: Vec<Kind>,
    /// What did not work, by what was asked.
    pub(super) troubles: Vec<(Kind, Trouble)>,
    /// Nobody answers, whatever is asked.
    pub(super) silence: Option<Trouble>,
    /// The claim that was sent and not answered: it is sent again until it is.
    pub(super) claim: Option<String>,
    /// How many claims it has made, by name.
    n_claims: u64,
    /// Why there is nothing to search, and until when nobody asks.
    pub(super) idle: Option<(String, Instant)>,
    pub(super) has_bundle: bool,
    pub(super) beat_at: Instant,
    pub(super) wish: Option<Wish>,
    has_told_wish: bool,
    /// The coordinator wants nothing more of this session.
    pub(super) is_drained: bool,
    pub(super) failure: Option<DonorError>,
    stop: Stop,
    stopped_at: Option<Instant>,
    pub(super) done: Done,
    pub(super) telling: Telling,
    pub(super) teller: Arc<dyn Teller>,
    _lock: File,
}

/// Works for a campaign until the caller, its owner or the coordinator ends it.
///
/// `stop` lets searches under way finish at [`StopLevel::Drain`], and hands them back at [`StopLevel::Abort`].
///
/// # Errors
/// Another program works with this account, the coordinator refuses it, Lean does not run here, or there was to be one
/// bundle and there is none. What was finished before stays on disk, and is sent after the next start.
pub async fn donate(
    home: Home,
    offer: Offer,
    source: LeanOffer,
    stop: Stop,
    teller: Arc<dyn Teller>,
) -> Result<Farewell, DonorError> {
    donate_by(Client::of, home, offer, source, stop, teller).await
}

/// As [`donate`], with the client that is made for its account.
///
/// # Errors
/// As [`donate`].
pub(super) async fn donate_by(
    client: impl FnOnce(&Account) -> Client,
    home: Home,
    offer: Offer,
    source: LeanOffer,
    stop: Stop,
    teller: Arc<dyn Teller>,
) -> Result<Farewell, DonorError> {
    let lock = home.lock()?;
    let account = home.account()?.ok_or(AccountError::NoneJoined)?;
    let spool = Spool::open(&home, offer.spool_bytes)
        .map_err(|source| DonorError::Spool { folder: home.folder().to_owned(), source })?;
    if spool.len() > 0 {
        teller.say(&format!("{} finished searches of an earlier run are sent first", spool.len()));
    }
    // A wish to finish was for the donor before this one.
    if let Ok(Some(Wish::Finish)) = home.wished() {
        home.wish(None).map_err(|source| home.io(home.folder(), source))?;
    }
    let done = home.status().ok().flatten().map_or(Done::default(), |status| status.done);
    let client = client(&account);
    let models = Models::new(Blobs::at(home.folder().join("models")), client.clone(), offer.models);
    let now = Instant::now();
    let donor = Donor {
        campaign: account.campaign.clone(),
        client,
        home,
        offer,
        source,
        lean: Lean::Down,
        models,
        spool,
        unspooled: Vec::new(),
        spool_again: now,
        sending: Vec::new(),
        one_by_one: false,
        enrolled: None,
        has_left: false,
        waiting: VecDeque::new(),
        running: BTreeMap::new(),
        last_running: 0,
        searches: JoinSet::new(),
        numbers: HashMap::new(),
        abandoned: Vec::new(),
        answers: JoinSet::new(),
        in_flight: Vec::new(),
        troubles: Vec::new(),
        silence: None,
        claim: None,
        n_claims: 0,
        idle: None,
        has_bundle: false,
        beat_at: now,
        wish: None,
        has_told_wish: false,
        is_drained: false,
        failure: None,
        stop,
        stopped_at: None,
        done,
        telling: Telling::default(),
        teller,
        _lock: lock,
    };
    donor.work().await
}

impl Donor {
    async fn work(mut self) -> Result<Farewell, DonorError> {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.look();
            while let Some(step) = next(&self.situation()) {
                if step == Step::End {
                    return self.end().await;
                }
                self.take(step).await;
            }
            if self.stopped_at.is_some_and(|at| at.elapsed() > GRACE) {
                return self.end().await;
            }
            self.tell();
            let level = self.stop.level();
            let mut stop = self.stop.clone();
            tokio::select! {
                biased;
                () = raised(&mut stop, level) => {}
                Some(answer) = self.answers.join_next() => match answer {
                    Ok(answer) => self.take_in(answer),
                    // It would never be answered; what it was is not known, so all may be asked again.
                    Err(_) => self.in_flight.clear(),
                },
                Some(ended) = self.searches.join_next_with_id() => self.ended(ended),
                _ = tick.tick() => {}
            }
        }
    }

    /// Takes in what nobody announces: the owner's wishes, and time.
    fn look(&mut self) {
        match self.home.wished() {
            Ok(wish) => (self.wish, self.has_told_wish) = (wish, false),
            Err(error) if !self.has_told_wish => {
                self.has_told_wish = true;
                self.teller.say(&format!("what its owner wants cannot be read, say it again ({error})"));
            }
            Err(_) => {}
        }
        if self.asked() == Asked::Stop {
            self.stopped_at.get_or_insert_with(Instant::now);
        }
        let late: Vec<u64> =
            self.waiting.iter().filter(|order| Instant::now() > order.ends).map(|order| order.lease.unit).collect();
        self.waiting.retain(|order| !late.contains(&order.lease.unit));
        if self.asked() == Asked::Work && self.may_run() {
            self.want_models();
        }
        if !self.unspooled.is_empty() && Instant::now() >= self.spool_again && self.sending.is_empty() {
            for result in std::mem::take(&mut self.unspooled) {
                self.keep(result);
            }
        }
    }

    /// Gets what the searches run with that wait.
    fn want_models(&mut self) {
        for order in &self.waiting {
            let hash = &order.lease.recipe;
            if let Some(got) = self.models.want(hash, &order.recipe) {
                let hash = hash.clone();
                self.answers.spawn(async move { Answer::Models(hash, got.await) });
            }
        }
    }

    pub(super) fn asked(&self) -> Asked {
        if self.failure.is_some() {
            return Asked::Stop;
        }
        match self.stop.level() {
            StopLevel::Abort => Asked::Stop,
            StopLevel::Run if self.wish != Some(Wish::Finish) && !self.is_drained => Asked::Work,
            StopLevel::Run | StopLevel::Drain => Asked::Finish,
        }
    }

    pub(super) fn may_run(&self) -> bool {
        let is_paused = matches!(self.wish, Some(Wish::Pause { .. }));
        !is_paused && self.offer.schedule.is_none_or(|schedule| schedule.is_open(TimeOfDay::now()))
    }

    /// Whether more results could be kept.
    pub(super) fn has_room(&self) -> bool {
        self.unspooled.is_empty() && self.spool.has_room()
    }

    fn situation(&self) -> Situation {
        let kinds = [Kind::Enrol, Kind::Claim, Kind::Send, Kind::Beat, Kind::Abandon, Kind::Leave];
        let now = Instant::now();
        Situation {
            asked: self.asked(),
            may_run: self.may_run(),
            lean: match self.lean {
                Lean::Down => LeanState::Down,
                Lean::Starting => LeanState::Starting,
                Lean::Up { .. } => LeanState::Up,
            },
            is_enrolled: self.enrolled.is_some(),
            has_left: self.has_left,
            cores: self.offer.cores,
            running: self.running.len(),
            waiting: self.waiting.len(),
            ready: self.waiting.iter().filter(|order| self.is_ready(order)).count(),
            abandoned: self.abandoned.len(),
            unsent: self.spool.len() + self.unspooled.len(),
            has_room: self.has_room(),
            is_last_bundle: self.offer.once && self.has_bundle,
            is_beat_due: now >= self.beat_at,
            is_claim_due: self.idle.as_ref().is_none_or(|(_, until)| now >= *until),
            in_flight: self.in_flight.clone(),
            held_off: kinds.into_iter().filter(|kind| self.trouble(*kind).is_some_and(Trouble::holds)).collect(),
        }
    }

    /// Whether what a search runs with is here.
    fn is_ready(&self, order: &Order) -> bool {
        self.models.opened(&order.lease.recipe).is_some()
    }

    /// What keeps this from being asked, or did the last time.
    pub(super) fn trouble(&self, kind: Kind) -> Option<&Trouble> {
        let own = self.troubles.iter().find(|(troubled, _)| *troubled == kind).map(|(_, trouble)| trouble);
        self.silence.as_ref().or(own)
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::HandBack => {
                self.return_waiting();
                for (_, running) in std::mem::take(&mut self.running) {
                    running.stop.send_replace(StopLevel::Abort);
                    self.abandoned.push(running.order.lease.unit);
                }
            }
            Step::ReturnWaiting => self.return_waiting(),
            Step::StartLean => self.start_lean(),
            Step::StopLean => self.stop_lean().await,
            Step::Begin => self.begin(),
            Step::Say(kind) => self.say(kind),
            Step::End => {}
        }
    }

    fn return_waiting(&mut self) {
        self.abandoned.extend(self.waiting.drain(..).map(|order| order.lease.unit));
    }

    fn start_lean(&mut self) {
        self.lean = Lean::Starting;
        let LeanOffer { launch, pool, .. } = self.source.clone();
        let pool = Pool::start(launch, pool);
        self.answers.spawn(async move {
            let info = pool.info().await;
            if info.is_ok() {
                pool.warm_up(&[]).await;
            }
            Answer::Lean(info.map(|info| (pool, info.to_string())))
        });
    }

    async fn stop_lean(&mut self) {
        self.models.keep_only(&BTreeSet::new());
        if let Lean::Up { pool, .. } = std::mem::replace(&mut self.lean, Lean::Down) {
            // Its processes die with it where they do not end in time.
            let _ = tokio::time::timeout(LEAN_ENDS, pool.shutdown()).await;
        }
    }

    fn begin(&mut self) {
        let Lean::Up { pool, .. } = &self.lean else { return };
        let Some(first) = self.waiting.iter().position(|order| self.is_ready(order)) else { return };
        let Some(order) = self.waiting.remove(first) else { return };
        let Some(opened) = self.models.opened(&order.lease.recipe).cloned() else { return };
        self.last_running += 1;
        let number = self.last_running;
        let (sender, stop) = Stop::channel();
        let expansions = Arc::new(AtomicU64::new(0));
        let search = work::run(order.clone(), pool.clone(), opened, stop, Arc::clone(&expansions));
        let task = self.searches.spawn(async move { (number, search.await) });
        self.numbers.insert(task.id(), number);
        self.running.insert(number, Running { order, stop: sender, expansions, since: Instant::now() });
    }

    fn ended(&mut self, ended: Result<(Id, (u64, Ended)), tokio::task::JoinError>) {
        let (id, ended) = match ended {
            Ok((id, (_, ended))) => (id, ended),
            Err(died) => (died.id(), Ended::Came(work::crashed(&format!("the search died: {died}")))),
        };
        // Nobody wants it any more where it is not found.
        let number = self.numbers.remove(&id);
        let Some(Running { order, .. }) = number.and_then(|number| self.running.remove(&number)) else { return };
        match ended {
            Ended::Came(Outcome { ending, detail, proof, cost }) => {
                self.done.searches += 1;
                self.done.proofs += u64::from(proof.is_some());
                let Order { lease, claim, .. } = order;
                let searched = Some(Searched { statement: lease.statement, side: lease.side });
                self.keep(SearchResult {
                    submission: new_token(),
                    unit: lease.unit,
                    attempt: lease.attempt,
                    claim,
                    ending,
                    detail,
                    searched,
                    proof,
                    cost,
                });
            }
            Ended::Stopped => self.abandoned.push(order.lease.unit),
            Ended::NoLean(message) => {
                self.abandoned.push(order.lease.unit);
                self.failure.get_or_insert(DonorError::NoLean(message));
            }
        }
    }

    /// Keeps a result until there is a receipt: on disk, or in memory where the disk does not take it.
    fn keep(&mut self, result: SearchResult) {
        match self.spool.store(&result) {
            Ok(()) => self.telling.spool_is_full = None,
            Err(error) => {
                let line = error.to_string();
                if self.telling.spool_is_full.replace(line.clone()).is_none() {
                    self.teller.say(&line);
                }
                self.unspooled.push(result);
                self.spool_again = Instant::now() + SPOOL_AGAIN;
            }
        }
    }

    /// Says something to the coordinator; the answer is taken in when it comes.
    fn say(&mut self, kind: Kind) {
        self.in_flight.push(kind);
        let client = self.client.clone();
        let session = self.enrolled.as_ref().map_or(0, |enrolled| enrolled.session);
        match kind {
            Kind::Enrol => {
                let Lean::Up { name, .. } = &self.lean else {
                    self.in_flight.retain(|other| *other != kind);
                    return;
                };
                let enrolment = Enrolment {
                    protocol: VERSION,
                    client: CLIENT.to_owned(),
                    lean: name.clone(),
                    label: self.offer.label.clone(),
                    cores: u32::try_from(self.offer.cores).unwrap_or(u32::MAX),
                    memory_mb: self.offer.memory_mb,
                };
                self.answers.spawn(async move { Answer::Enrolled(client.enrol(&enrolment).await) });
            }
            Kind::Claim => {
                let claim = self.claim.get_or_insert_with(|| {
                    self.n_claims += 1;
                    new_token()
                });
                let claim = Claim { session, claim: claim.clone(), number: self.n_claims, want_s: WANT_S };
                self.answers.spawn(async move { Answer::Claimed(client.claim(&claim).await) });
            }
            Kind::Send => {
                let results = Results { results: self.batch() };
                if results.results.is_empty() {
                    self.in_flight.retain(|other| *other != kind);
                    return;
                }
                self.answers.spawn(async move { Answer::Sent(client.hand_in(&results).await) });
            }
            Kind::Beat => {
                let beat = Beat { session, doing: self.doing(), held: self.held() };
                self.beat_at = Instant::now() + self.beat_every();
                self.answers.spawn(async move {
                    let answer = client.beat(&beat).await;
                    Answer::Beaten(beat.held, answer)
                });
            }
            Kind::Abandon => {
                let units = self.abandoned.clone();
                let abandon = Abandon { session, units: units.clone(), leave: false };
                self.answers.spawn(async move { Answer::Abandoned(units, client.abandon(&abandon).await) });
            }
            Kind::Leave => {
                self.has_left = true;
                let abandon = Abandon { session, units: Vec::new(), leave: true };
                self.answers.spawn(async move {
                    // Whatever becomes of it: what is held is given to others in time.
                    let _ = client.abandon(&abandon).await;
                    Answer::Left
                });
            }
        }
    }

    fn beat_every(&self) -> Duration {
        Duration::from_secs(self.enrolled.as_ref().map_or(30, |enrolled| enrolled.beat_s.max(1)))
    }

    fn doing(&self) -> Doing {
        match self.asked() {
            Asked::Finish | Asked::Stop => Doing::Leaving,
            Asked::Work if !self.may_run() => Doing::Paused,
            Asked::Work if self.running.is_empty() => Doing::Idle,
            Asked::Work => Doing::Working,
        }
    }

    fn held(&self) -> Vec<Held> {
        let running = self.running.values().map(|running| (&running.order.lease, &*running.expansions));
        let running = running.map(|(lease, expansions)| (lease, expansions.load(Ordering::Relaxed)));
        let waiting = self.waiting.iter().map(|order| (&order.lease, 0));
        let held = |(lease, expansions): (&Lease, u64)| Held { unit: lease.unit, attempt: lease.attempt, expansions };
        running.chain(waiting).map(held).collect()
    }

    /// The next results to send; notes which they are.
    fn batch(&mut self) -> Vec<SearchResult> {
        let limit = self.enrolled.as_ref().map_or(MESSAGE_BYTES, |enrolled| enrolled.message_bytes);
        let spooled = self.spool.waiting().map(|(name, bytes)| (Kept::Spooled(name.to_owned()), bytes));
        let in_memory = self.unspooled.iter().map(|result| {
            let bytes = serde_json::to_vec(result).map_or(0, |bytes| bytes.len() as u64);
            (Kept::InMemory(result.submission.clone()), bytes)
        });
        let most = if self.one_by_one { 1 } else { MAX_RESULTS };
        let chosen = fitting(spooled.chain(in_memory), limit, most);
        let mut results = Vec::new();
        self.sending.clear();
        for (kept, bytes) in chosen {
            let result = match &kept {
                Kept::Spooled(name) => match self.spool.read(name) {
                    Ok(result) => Some(result),
                    Err(damaged) => {
                        self.teller.say(&damaged.to_string());
                        None
                    }
                },
                Kept::InMemory(submission) => {
                    self.unspooled.iter().find(|result| result.submission == *submission).cloned()
                }
            };
            if let Some(result) = result {
                results.push(result);
                self.sending.push((kept, bytes));
            }
        }
        results
    }

    /// Leaves Lean and the owner's file as they were.
    async fn end(mut self) -> Result<Farewell, DonorError> {
        for running in self.running.values() {
            running.stop.send_replace(StopLevel::Abort);
        }
        self.stop_lean().await;
        // There may be room on the disk by now.
        for result in std::mem::take(&mut self.unspooled) {
            self.keep(result);
        }
        if self.wish == Some(Wish::Finish) {
            let _ = self.home.wish(None);
        }
        let unsent = self.spool.len();
        if unsent > 0 {
            self.teller.say(&format!("{unsent} finished searches could not be sent; the next start sends them first"));
        }
        if !self.unspooled.is_empty() {
            self.teller.say(&format!("{} finished searches could be neither sent nor kept", self.unspooled.len()));
        }
        self.tell_end();
        match self.failure {
            Some(failure) => Err(failure),
            None if self.stop.level() == StopLevel::Abort => Ok(Farewell::HandedBack),
            None => Ok(Farewell::Finished),
        }
    }
}

/// Waits until more is asked than this.
async fn raised(stop: &mut Stop, level: StopLevel) {
    match level {
        StopLevel::Run => stop.reached(StopLevel::Drain).await,
        StopLevel::Drain => stop.reached(StopLevel::Abort).await,
        StopLevel::Abort => std::future::pending().await,
    }
}

/// The first of these that fit into one message of so many bytes; one at least.
fn fitting<T>(results: impl Iterator<Item = (T, u64)>, limit: u64, most: usize) -> Vec<(T, u64)> {
    let mut bytes = ENVELOPE_BYTES;
    let mut chosen = Vec::new();
    for (result, size) in results.take(most) {
        bytes = bytes.saturating_add(size + 1);
        if bytes > limit && !chosen.is_empty() {
            break;
        }
        chosen.push((result, size));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_holds_what_fits_and_one_result_at_least() {
        let sizes = |sizes: &[u64], limit, most| fitting(sizes.iter().map(|size| ((), *size)), limit, most).len();
        assert_eq!(sizes(&[10, 10, 10], ENVELOPE_BYTES + 22, 64), 2);
        assert_eq!(sizes(&[1000, 10], 100, 64), 1);
        assert_eq!(sizes(&[1; 100], 1 << 20, MAX_RESULTS), 64);
        assert_eq!(sizes(&[1; 100], 1 << 20, 1), 1);
        assert_eq!(sizes(&[], 100, 64), 0);
    }
}
