//! A session: one visitor's statement, its states, and the requests that are under way.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use stepwise_core::facts::Declarations;
use stepwise_core::goal::Goal;
use stepwise_core::problem::Theorem;
use stepwise_core::wire::{Body, Op};
use tokio::sync::watch;

use super::journal::EventStream;
use super::outbox::Outbox;
use super::problem::Problem;
use super::secret::new_token;
use super::service::Service;
use crate::lean::pool;
use crate::stop::{Stop, StopLevel};

/// A session of which nothing was asked for this long lets go of Lean's memory.
const PARKED_AFTER: Duration = Duration::from_secs(60);

/// One visitor's session.
pub(super) struct Session {
    pub(super) name: String,
    pub(super) key: String,
    pub(super) service: Arc<Service>,
    pub(super) outbox: Outbox,
    inner: Mutex<Inner>,
    /// The number of the connection that the session belongs to; an older one hears that it is over.
    connection: watch::Sender<u64>,
    /// Held while a proof is judged: one at a time, so that no session queues up before all others.
    pub(super) judging: tokio::sync::Mutex<()>,
    /// Held while the statement's negation is searched.
    pub(super) disproving: tokio::sync::Mutex<()>,
}

struct Inner {
    /// The greatest id that was taken in.
    last_id: u64,
    running: HashMap<u64, watch::Sender<StopLevel>>,
    proof: Option<Arc<Proof>>,
    search: Option<Search>,
    n_connected: u32,
    touched: Instant,
    is_parked: bool,
    is_over: bool,
}

/// The last search.
#[derive(Clone)]
struct Search {
    re: u64,
    told: Arc<EventStream>,
}

/// An opened statement and its states.
pub(super) struct Proof {
    pub(super) theorem: Theorem,
    pub(super) declarations: Declarations,
    pub(super) lean: pool::Session,
    states: Mutex<HashMap<u32, State>>,
}

/// How a state was reached, and what it looks like.
#[derive(Clone)]
pub(super) struct State {
    parent: Option<(u32, String)>,
    pub(super) goals: Arc<[Goal]>,
}

impl Proof {
    pub(super) fn new(theorem: Theorem, lean: pool::Session, goals: &[Goal], declarations: Declarations) -> Self {
        let root = State { parent: None, goals: goals.into() };
        Self { theorem, declarations, lean, states: Mutex::new(HashMap::from([(pool::StateId::ROOT.0, root)])) }
    }

    /// A state, if there is one of this number.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn state(&self, state: u32) -> Result<State, Problem> {
        let found = self.states.lock().get(&state).cloned();
        found.ok_or_else(|| Problem::not_found(format!("the statement has no state {state}")))
    }

    pub(super) fn add(&self, parent: u32, tactic: &str, state: u32, goals: &[Goal]) {
        self.states.lock().insert(state, State { parent: Some((parent, tactic.to_owned())), goals: goals.into() });
    }

    /// The tactics from the statement to a state.
    pub(super) fn path(&self, state: u32) -> Vec<String> {
        let states = self.states.lock();
        let mut path = Vec::new();
        let mut parent = states.get(&state).and_then(|state| state.parent.as_ref());
        while let Some((at, tactic)) = parent {
            path.push(tactic.clone());
            parent = states.get(at).and_then(|state| state.parent.as_ref());
        }
        path.reverse();
        path
    }
}

impl Session {
    pub(super) fn new(service: Arc<Service>) -> Self {
        let inner = Inner {
            last_id: 0,
            running: HashMap::new(),
            proof: None,
            search: None,
            n_connected: 0,
            touched: Instant::now(),
            is_parked: false,
            is_over: false,
        };
        let name = format!("s-{}", &new_token()[..12]);
        Self {
            name,
            key: new_token(),
            service,
            outbox: Outbox::default(),
            inner: Mutex::new(inner),
            connection: watch::Sender::new(0),
            judging: tokio::sync::Mutex::default(),
            disproving: tokio::sync::Mutex::default(),
        }
    }

    /// Notes a request under its number; gives what stops it, and the wish that it has to look at. `None` when a request
    /// with this number, or a greater one, was there before, or when it has been answered here.
    ///
    /// # Errors
    /// The session has ended, or the request has no number.
    pub(super) fn begin(&self, id: u64, op: &Op) -> Result<Option<(watch::Sender<StopLevel>, Stop)>, Problem> {
        let Some(mut inner) = self.number(id)? else { return Ok(None) };
        inner.is_parked = false;
        let needs_room = !matches!(op, Op::Close | Op::Cancel { .. });
        if needs_room && inner.running.len() >= self.service.limits.requests {
            drop(inner);
            let problem = Problem::too_many("too many requests are under way; wait for some to end, or cancel them");
            self.outbox.push(id, failed(problem));
            return Ok(None);
        }
        match op {
            Op::Cancel { request } => {
                if let Some(stop) = inner.running.get(request) {
                    stop.send_replace(StopLevel::Abort);
                }
                drop(inner);
                self.outbox.push(id, Body::Done);
                return Ok(None);
            }
            Op::Open { .. } => {
                // Whatever is under way belongs to the statement before.
                for stop in inner.running.values() {
                    stop.send_replace(StopLevel::Abort);
                }
                inner.proof = None;
            }
            _ => {}
        }
        let (sender, stop) = Stop::channel();
        inner.running.insert(id, sender.clone());
        Ok(Some((sender, stop)))
    }

    /// Ends a request that had begun.
    pub(super) fn finish(&self, id: u64, body: Body) {
        self.inner.lock().running.remove(&id);
        self.outbox.push(id, body);
    }

    /// Ends a request that cannot be read, as if it had been carried out.
    ///
    /// # Errors
    /// As [`Session::begin`].
    pub(super) fn refuse(&self, id: u64, problem: Problem) -> Result<(), Problem> {
        if let Some(inner) = self.number(id)? {
            drop(inner);
            self.outbox.push(id, failed(problem));
        }
        Ok(())
    }

    /// Notes a request's number; `None` when a request with it, or a greater one, was there before.
    fn number(&self, id: u64) -> Result<Option<MutexGuard<'_, Inner>>, Problem> {
        let mut inner = self.inner.lock();
        if inner.is_over {
            return Err(Problem::not_found("the session has ended; begin a new one"));
        }
        inner.touched = Instant::now();
        if id == 0 {
            return Err(Problem::bad_message("ids of requests begin with 1"));
        }
        if id <= inner.last_id {
            return Ok(None);
        }
        inner.last_id = id;
        Ok(Some(inner))
    }

    /// The statement that is open.
    ///
    /// # Errors
    /// None is.
    pub(super) fn proof(&self) -> Result<Arc<Proof>, Problem> {
        self.inner.lock().proof.clone().ok_or_else(|| Problem::no_statement("open a statement first"))
    }

    /// Makes a statement the session's, unless another one was asked for after request `id`.
    pub(super) fn set_proof(&self, id: u64, proof: Proof) -> bool {
        let mut inner = self.inner.lock();
        // Its own sender is raised by every later `open`.
        let is_wanted = inner.running.get(&id).is_some_and(|stop| *stop.borrow() == StopLevel::Run);
        if is_wanted {
            inner.proof = Some(Arc::new(proof));
            inner.search = None;
        }
        is_wanted
    }

    /// Notes that a search begins.
    ///
    /// # Errors
    /// One is under way.
    pub(super) fn begin_search(&self, re: u64) -> Result<Arc<EventStream>, Problem> {
        let mut inner = self.inner.lock();
        if inner.search.as_ref().is_some_and(|search| inner.running.contains_key(&search.re)) {
            return Err(Problem::busy("a search is under way in this session; cancel it first"));
        }
        let told = Arc::new(EventStream::default());
        inner.search = Some(Search { re, told: Arc::clone(&told) });
        Ok(told)
    }

    /// The last search's events.
    pub(super) fn last_search(&self) -> Option<Arc<EventStream>> {
        self.inner.lock().search.as_ref().map(|search| Arc::clone(&search.told))
    }

    /// A connection begins; its number, and what raises the number when another one takes over. `None` when the session
    /// has ended meanwhile.
    pub(super) fn connect(&self) -> Option<(u64, watch::Receiver<u64>)> {
        let mut inner = self.inner.lock();
        if inner.is_over {
            return None;
        }
        inner.n_connected += 1;
        inner.touched = Instant::now();
        let mut number = 0;
        self.connection.send_modify(|last| {
            *last += 1;
            number = *last;
        });
        Some((number, self.connection.subscribe()))
    }

    /// A connection is over.
    pub(super) fn disconnect(&self) {
        let mut inner = self.inner.lock();
        inner.n_connected -= 1;
        inner.touched = Instant::now();
    }

    /// Notes that the visitor is there.
    pub(super) fn touch(&self) {
        self.inner.lock().touched = Instant::now();
    }

    /// For how long nobody has been connected or asked anything; `None` while somebody is or something runs.
    pub(super) fn abandoned_for(&self) -> Option<Duration> {
        let inner = self.inner.lock();
        (inner.n_connected == 0 && inner.running.is_empty()).then(|| inner.touched.elapsed())
    }

    /// Lets go of Lean's memory when nothing was asked for a while.
    pub(super) fn park_if_idle(&self) {
        let mut inner = self.inner.lock();
        let is_idle = inner.running.is_empty() && inner.touched.elapsed() >= PARKED_AFTER;
        if !is_idle || inner.is_parked {
            return;
        }
        inner.is_parked = true;
        if let Some(proof) = &inner.proof {
            proof.lean.park();
        }
    }

    /// Whether the session has ended.
    pub(super) fn is_over(&self) -> bool {
        self.inner.lock().is_over
    }

    /// Ends the session: everything under way is given up, and connections close.
    pub(super) fn end(&self) {
        let mut inner = self.inner.lock();
        inner.is_over = true;
        for stop in inner.running.values() {
            stop.send_replace(StopLevel::Abort);
        }
        inner.proof = None;
        inner.search = None;
        drop(inner);
        self.connection.send_modify(|last| *last += 1);
    }
}

/// The message that ends a request that cannot be carried out.
pub(super) fn failed(problem: Problem) -> Body {
    Body::Failed { problem: problem.told }
}
