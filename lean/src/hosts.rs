//! A host with many Leans: each statement that is opened has one of its own, which goes with its last state, and each text
//! that is judged has two that nothing else has used.
//!
//! Whoever serves brings the Leans ([`Starter`]), reads requests and writes the lines of their answers.

use std::collections::HashMap;
use std::time::Duration;

use crate::driver::Driver;
use crate::machine::{Machine, Result};
use crate::protocol::{ApplyAnswer, Envelope, Hello, Request};
use crate::serve::{self, Cost, Host, Leans, Line, Proof, envelope};

/// A Lean of its own.
pub trait Instance {
    /// Lets `work` drive it.
    fn run<T>(&mut self, work: impl FnOnce(&mut dyn Machine) -> T) -> T;
}

/// An instance and its driver.
#[derive(Debug)]
pub struct Lean<I> {
    /// What runs Lean's module.
    pub instance: I,
    /// What answers with it.
    pub host: Host,
}

impl<I: Instance> Lean<I> {
    fn answer(&mut self, request: Request, cost: &mut dyn FnMut() -> Cost, say: &mut dyn FnMut(Line)) -> Result<()> {
        let host = &mut self.host;
        self.instance.run(|lean| host.answer(lean, request, cost, say))
    }
}

/// Starts Leans.
pub trait Starter {
    /// What it starts.
    type Instance: Instance;

    /// A Lean that nothing has used.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from starting.
    fn fresh(&mut self) -> Result<Lean<Self::Instance>>;

    /// Takes back a Lean that has told what it is and nothing else, which the next one may be.
    fn take_back(&mut self, _: Lean<Self::Instance>) {}

    /// A Lean that nothing has used but this preamble, if even that.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from starting, and whatever the preamble does to it.
    fn start(&mut self, preamble: &str, limit: Duration) -> Result<Lean<Self::Instance>>;
}

/// A state's number tells which session it belongs to: the upper half is the session's.
const SESSION_SHIFT: u32 = 32;

fn outer(session: u64, state: u64) -> u64 {
    session << SESSION_SHIFT | state
}

fn session_of(state: u64) -> u64 {
    state >> SESSION_SHIFT
}

fn inner(state: u64) -> u64 {
    state & u64::from(u32::MAX)
}

/// The Leans of a host.
pub struct Hosts<S: Starter> {
    starter: S,
    /// One for each statement with states.
    sessions: HashMap<u64, Lean<S::Instance>>,
    n_opened: u64,
    /// The one that is asked for the library's theorems, which it remembers.
    library: Option<Lean<S::Instance>>,
}

impl<S: Starter> Hosts<S> {
    /// A host without statements.
    #[must_use]
    pub fn new(starter: S) -> Self {
        Self { starter, sessions: HashMap::new(), n_opened: 0, library: None }
    }

    /// What starts its Leans.
    pub fn starter(&mut self) -> &mut S {
        &mut self.starter
    }

    /// The first line that it says.
    ///
    /// # Errors
    ///
    /// Whatever keeps a Lean from starting.
    pub fn hello(&mut self) -> Result<Hello> {
        let Lean { mut instance, mut host } = self.starter.fresh()?;
        let hello = instance.run(|lean| host.hello(lean))?;
        self.starter.take_back(Lean { instance, host });
        Ok(hello)
    }

    /// Answers a request; `cost` tells what it has cost so far.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off: the states of the statement that was asked about are lost, and [`cut_off`] makes the
    /// line that says so.
    pub fn answer(
        &mut self,
        request: Request,
        cost: &mut dyn FnMut() -> Cost,
        say: &mut dyn FnMut(Line),
    ) -> Result<()> {
        match request {
            Request::Open { ref preamble, limit_ms, .. } => {
                let mut lean = self.starter.start(preamble, Duration::from_millis(limit_ms))?;
                self.n_opened += 1;
                let session = self.n_opened;
                lean.answer(request, cost, &mut |line| say(renumber(line, session)))?;
                self.keep(session, lean);
                Ok(())
            }
            Request::Apply { id, state, tactics, limit_ms } => {
                let session = session_of(state);
                let Some(mut lean) = self.sessions.remove(&session) else {
                    say_lost(id, tactics.len(), say);
                    return Ok(());
                };
                let request = Request::Apply { id, state: inner(state), tactics, limit_ms };
                lean.answer(request, cost, &mut |line| say(renumber(line, session)))?;
                self.keep(session, lean);
                Ok(())
            }
            Request::Free { states } => {
                let mut by_session: HashMap<u64, Vec<u64>> = HashMap::new();
                for state in states {
                    by_session.entry(session_of(state)).or_default().push(inner(state));
                }
                for (session, states) in by_session {
                    if let Some(mut lean) = self.sessions.remove(&session)
                        && lean.answer(Request::Free { states }, cost, say).is_ok()
                    {
                        self.keep(session, lean);
                    }
                }
                Ok(())
            }
            Request::Library { .. } | Request::State { .. } => {
                let mut lean = match self.library.take() {
                    Some(lean) => lean,
                    None => self.starter.fresh()?,
                };
                lean.answer(request, cost, say)?;
                self.library = Some(lean);
                Ok(())
            }
            Request::Stop { .. } => Ok(()),
            Request::Elaborate { ref preamble, limit_ms, .. } => {
                self.starter.start(preamble, Duration::from_millis(limit_ms))?.answer(request, cost, say)
            }
            Request::Recheck { id, preamble, statement, without, body, limit_ms } => {
                let proof = Proof { preamble: &preamble, statement: &statement, without: &without, body: &body };
                let answer = serve::recheck(self, proof, Duration::from_millis(limit_ms), &mut || spent(cost()))?;
                say(Line::Judge(envelope(id, answer, cost())));
                Ok(())
            }
            Request::CheckFile { id, text, limit_ms } => {
                let answer = serve::check_file(self, &text, Duration::from_millis(limit_ms), &mut || spent(cost()))?;
                say(Line::File(envelope(id, answer, cost())));
                Ok(())
            }
        }
    }

    /// Keeps a session while it has states.
    fn keep(&mut self, session: u64, lean: Lean<S::Instance>) {
        if lean.host.n_live_states() > 0 {
            self.sessions.insert(session, lean);
        }
    }
}

impl<S: Starter> Leans for Hosts<S> {
    fn with_fresh<T>(
        &mut self,
        preamble: &str,
        limit: Duration,
        work: impl FnOnce(&mut Driver, &mut dyn Machine) -> Result<T>,
    ) -> Result<T> {
        let Lean { mut instance, mut host } = self.starter.start(preamble, limit)?;
        instance.run(|lean| work(host.driver(), lean))
    }
}

/// The line of an answer that says what cut Lean off.
#[must_use]
pub fn cut_off(id: u64, fault: crate::machine::Fault, cost: Cost) -> Envelope<()> {
    let Cost { cpu_us, wall_us } = cost;
    Envelope { id, cpu_us, wall_us, fatal: Some(fault.into()), ..Envelope::default() }
}

fn spent(cost: Cost) -> Duration {
    Duration::from_micros(cost.wall_us)
}

/// The states that a line tells, as whoever reads it knows them.
fn renumber(mut line: Line, session: u64) -> Line {
    let state = match &mut line {
        Line::Open(envelope) => &mut envelope.answer.state,
        Line::Apply(envelope) => &mut envelope.answer.open,
        _ => return line,
    };
    *state = state.map(|state| outer(session, state));
    line
}

/// The answer to tactics in a state that is gone.
fn say_lost(id: u64, n_tactics: usize, say: &mut dyn FnMut(Line)) {
    let line = |answer| Line::Apply(Envelope { id, answer, ..Envelope::default() });
    for _ in 0..n_tactics {
        say(line(ApplyAnswer { lost: true, ..ApplyAnswer::default() }));
    }
    say(line(ApplyAnswer { done: true, ..ApplyAnswer::default() }));
}
