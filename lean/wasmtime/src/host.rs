//! A process that is Lean: requests as JSON lines on one side, answers as JSON lines on the other.
//!
//! Every statement that is opened gets an instance of its own, which goes with its last state. A text that is judged gets
//! two that nothing else has used: one elaborates it, the other judges what the first has made of it. A preamble is
//! elaborated once, and those behind it begin with a copy. What brings an instance down is told in the answer to its
//! request, and the others notice nothing.

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use stepwise_lean::driver::Driver;
use stepwise_lean::imports::System;
use stepwise_lean::machine::{Fault, Machine};
use stepwise_lean::protocol::{ApplyAnswer, Envelope, Hello, Request};
use stepwise_lean::serve::{self, Cost, Host, Leans, Line, Proof, envelope};
use stepwise_lean::snapshot::Start;

use crate::clock::Interrupt;
use crate::engine::{Runtime, on_deep_stack};
use crate::image::Image;
use crate::instance::{Instance, Limits};
use crate::mapped::SnapshotFile;
use crate::sources::RealSources;

/// Serves Lean until its input ends.
///
/// # Errors
///
/// A side that cannot be read or written, or holds something else than requests.
pub fn serve(
    runtime: &Runtime,
    limits: Limits,
    input: impl BufRead + Send + 'static,
    output: &mut (dyn Write + Send),
) -> io::Result<()> {
    let requests = read_requests(input, runtime.interrupt.clone());
    on_deep_stack(move || {
        let mut hosts =
            Hosts { runtime, limits, sessions: HashMap::new(), n_opened: 0, library: None, prepared: Vec::new() };
        let hello = hosts.hello().unwrap_or_else(|fault| Hello { fatal: Some(fault.to_string()), ..Hello::default() });
        say(output, &hello)?;
        for request in requests {
            let request = request?;
            runtime.interrupt.begin(request.id().unwrap_or(0));
            hosts.answer(request, output)?;
        }
        Ok(())
    })
}

/// Reads requests on a thread of its own, so that one that runs can be stopped. The thread ends with the input, or when
/// nobody takes its requests any more and one comes.
fn read_requests(input: impl BufRead + Send + 'static, interrupt: Interrupt) -> Receiver<io::Result<Request>> {
    let (sender, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for line in input.lines() {
            let request = line.and_then(|line| Ok(serde_json::from_str(&line)?));
            if let Ok(Request::Stop { id }) = request {
                interrupt.stop(id);
            } else if sender.send(request).is_err() {
                return;
            }
        }
    });
    requests
}

/// An instance and its driver.
struct Lean {
    instance: Instance,
    host: Host,
}

impl Lean {
    fn start(runtime: &Runtime, limits: Limits) -> Result<Self, Fault> {
        let nothing = Start::default();
        let start = runtime.snapshot.as_ref().map_or(&nothing, |file| &file.snapshot().start);
        let mut instance = Instance::start(runtime, system(), limits)?;
        let host = instance.run(|lean| Host::new(lean, start))?;
        Ok(Self { instance, host })
    }

    fn answer(
        &mut self,
        request: Request,
        cost: &mut dyn FnMut() -> Cost,
        say: &mut dyn FnMut(Line),
    ) -> Result<(), Fault> {
        let host = &mut self.host;
        self.instance.run(|lean| host.answer(lean, request, cost, say))
    }
}

/// What Lean sees of the machine.
fn system() -> System {
    System::new(Box::new(RealSources::default()), None)
}

/// A Lean that has elaborated a preamble, to be begun with.
struct Prepared {
    preamble: String,
    image: Image,
    host: Host,
}

/// What prepared Leans may take together, in bytes. The one that was used longest ago goes first.
const PREPARED_BYTES: usize = 64 << 20;

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

struct Hosts<'r> {
    runtime: &'r Runtime,
    limits: Limits,
    /// One for each statement with states.
    sessions: HashMap<u64, Lean>,
    n_opened: u64,
    /// The one that is asked for the library's theorems, which it remembers.
    library: Option<Lean>,
    /// In the order of use.
    prepared: Vec<Prepared>,
}

impl Hosts<'_> {
    fn hello(&self) -> Result<Hello, Fault> {
        let Lean { mut instance, mut host } = Lean::start(self.runtime, self.limits)?;
        instance.run(|lean| host.hello(lean))
    }

    /// A Lean that nothing has used but this preamble.
    fn start(&mut self, preamble: &str, limit: Duration) -> Result<Lean, Fault> {
        let is_at_hand =
            |file: &Arc<SnapshotFile>| file.snapshot().start.preambles.iter().any(|(text, _)| text == preamble);
        if self.runtime.snapshot.as_ref().is_some_and(is_at_hand) {
            return Lean::start(self.runtime, self.limits);
        }
        if let Some(at) = self.prepared.iter().position(|prepared| prepared.preamble == preamble) {
            let prepared = self.prepared.remove(at);
            let instance = Instance::start_from(&prepared.image, self.runtime, system(), self.limits);
            let host = prepared.host.fork();
            self.prepared.push(prepared);
            return Ok(Lean { instance: instance?, host });
        }
        let mut lean = Lean::start(self.runtime, self.limits)?;
        let Lean { instance, host } = &mut lean;
        if instance.run(|lean| host.prepare(lean, preamble, limit))?
            && let Some(image) = instance.image()
            && image.n_bytes() <= PREPARED_BYTES
        {
            self.prepared.push(Prepared { preamble: preamble.to_owned(), image, host: host.fork() });
            while self.prepared.iter().map(|prepared| prepared.image.n_bytes()).sum::<usize>() > PREPARED_BYTES {
                self.prepared.remove(0);
            }
        }
        Ok(lean)
    }

    fn answer(&mut self, request: Request, output: &mut dyn Write) -> io::Result<()> {
        let (cpu, wall) = (cpu_micros(), Instant::now());
        let mut cost = || Cost {
            cpu_us: cpu_micros().saturating_sub(cpu),
            wall_us: u64::try_from(wall.elapsed().as_micros()).unwrap_or(u64::MAX),
        };
        let id = request.id();
        let mut written = Ok(());
        let answered = self.dispatch(request, &mut cost, &mut |line| {
            if written.is_ok() {
                written = say(output, &line);
            }
        });
        written?;
        if let (Err(fault), Some(id)) = (answered, id) {
            let Cost { cpu_us, wall_us } = cost();
            let fatal = Some(fault.into());
            say(output, &Envelope { id, cpu_us, wall_us, fatal, ..Envelope::<()>::default() })?;
        }
        Ok(())
    }

    fn dispatch(
        &mut self,
        request: Request,
        cost: &mut dyn FnMut() -> Cost,
        say: &mut dyn FnMut(Line),
    ) -> Result<(), Fault> {
        match request {
            Request::Open { ref preamble, limit_ms, .. } => {
                let mut lean = self.start(preamble, Duration::from_millis(limit_ms))?;
                self.n_opened += 1;
                let session = self.n_opened;
                lean.answer(request, cost, &mut |line| say(renumber(line, session)))?;
                self.keep(session, lean);
                Ok(())
            }
            Request::Apply { id, state, tactics, limit_ms } => {
                let session = session_of(state);
                let Some(mut lean) = self.sessions.remove(&session) else {
                    return say_lost(id, tactics.len(), say);
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
                    None => Lean::start(self.runtime, self.limits)?,
                };
                lean.answer(request, cost, say)?;
                self.library = Some(lean);
                Ok(())
            }
            Request::Stop { .. } => Ok(()),
            Request::Elaborate { ref preamble, limit_ms, .. } => {
                self.start(preamble, Duration::from_millis(limit_ms))?.answer(request, cost, say)
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
    fn keep(&mut self, session: u64, lean: Lean) {
        if lean.host.n_live_states() > 0 {
            self.sessions.insert(session, lean);
        }
    }
}

impl Leans for Hosts<'_> {
    fn with_fresh<T>(
        &mut self,
        preamble: &str,
        limit: Duration,
        work: impl FnOnce(&mut Driver, &mut dyn Machine) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Lean { mut instance, mut host } = self.start(preamble, limit)?;
        instance.run(|lean| work(host.driver(), lean))
    }
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
fn say_lost(id: u64, n_tactics: usize, say: &mut dyn FnMut(Line)) -> Result<(), Fault> {
    let line = |answer| Line::Apply(Envelope { id, answer, ..Envelope::default() });
    for _ in 0..n_tactics {
        say(line(ApplyAnswer { lost: true, ..ApplyAnswer::default() }));
    }
    say(line(ApplyAnswer { done: true, ..ApplyAnswer::default() }));
    Ok(())
}

fn say(output: &mut dyn Write, message: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    output.write_all(&line)?;
    output.flush()
}

#[cfg(unix)]
fn cpu_micros() -> u64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    used.tv_sec.cast_unsigned() * 1_000_000 + used.tv_nsec.cast_unsigned() / 1000
}

#[cfg(not(unix))]
fn cpu_micros() -> u64 {
    0
}
