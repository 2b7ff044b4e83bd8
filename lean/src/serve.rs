//! A host without its input and output: requests in, the lines of their answers out.

use std::time::Duration;

use serde::Serialize;

use crate::driver::{Driver, Limited};
use crate::machine::{Fault, Machine, Result};
use crate::protocol::{
    ApplyAnswer, Envelope, FileAnswer, Hello, JudgeAnswer, LibraryAnswer, OpenAnswer, Request, StateAnswer,
};
use crate::snapshot::Start;

/// What a request has cost since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Microseconds of CPU.
    pub cpu_us: u64,
    /// Microseconds of wall clock.
    pub wall_us: u64,
}

/// A line of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Line {
    /// To [`Request::Open`].
    Open(Envelope<OpenAnswer>),
    /// To [`Request::Apply`].
    Apply(Envelope<ApplyAnswer>),
    /// To [`Request::Recheck`].
    Judge(Envelope<JudgeAnswer>),
    /// To [`Request::Elaborate`] and [`Request::CheckFile`].
    File(Envelope<FileAnswer>),
    /// To [`Request::Library`].
    Library(Envelope<LibraryAnswer>),
    /// To [`Request::State`].
    State(Envelope<StateAnswer>),
}

/// A driver that answers requests.
#[derive(Debug)]
pub struct Host {
    driver: Driver,
}

impl Host {
    /// A host over a Lean that has made this (owned) so far.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off, or a Lean that the driver does not fit.
    pub fn new(lean: &mut dyn Machine, start: &Start) -> Result<Self> {
        Ok(Self { driver: Driver::new(lean, start)? })
    }

    /// The first line that it says.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off.
    pub fn hello(&mut self, lean: &mut dyn Machine) -> Result<Hello> {
        let modules = self.driver.module_names(lean)?;
        Ok(Hello { version: Some(Driver::version(lean)?), modules, fatal: None })
    }

    /// As [`Driver::fork`].
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { driver: self.driver.fork() }
    }

    /// As [`Driver::prepare`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn prepare(&mut self, lean: &mut dyn Machine, preamble: &str, limit: Duration) -> Result<bool> {
        self.driver.prepare(lean, preamble, limit)
    }

    /// The driver.
    pub fn driver(&mut self) -> &mut Driver {
        &mut self.driver
    }

    /// How many states it keeps.
    #[must_use]
    pub fn n_live_states(&self) -> usize {
        self.driver.n_live_states()
    }

    /// Answers a request; `cost` tells what it has cost so far.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off. The lines that were said until then stand.
    pub fn answer(
        &mut self,
        lean: &mut dyn Machine,
        request: Request,
        cost: &mut dyn FnMut() -> Cost,
        say: &mut dyn FnMut(Line),
    ) -> Result<()> {
        let driver = &mut self.driver;
        let ms = Duration::from_millis;
        let line = match request {
            Request::Open { id, preamble, statement, without, limit_ms } => {
                let answer = driver.open(lean, &preamble, &statement, &without, ms(limit_ms))?;
                Line::Open(envelope(id, answer, cost()))
            }
            Request::Apply { id, state, tactics, limit_ms } => {
                // One line a tactic, so that a crash tells which one it was.
                for tactic in &tactics {
                    let answer = driver.apply(lean, state, tactic, ms(limit_ms))?;
                    say(Line::Apply(envelope(id, answer, Cost::default())));
                }
                let done = ApplyAnswer { done: true, ..ApplyAnswer::default() };
                Line::Apply(envelope(id, Limited::Done(done), cost()))
            }
            Request::Free { states } => return driver.free(lean, &states),
            // It is for whoever reads the requests while this one runs.
            Request::Stop { .. } => return Ok(()),
            Request::Recheck { .. } | Request::CheckFile { .. } => {
                return Err(Fault::Unfit("one Lean elaborates, and another judges".to_owned()));
            }
            Request::Elaborate { id, preamble, statement, body, limit_ms } => {
                let answer = driver.elaborate(lean, &preamble, &statement, &body, ms(limit_ms))?;
                Line::File(envelope(id, answer, cost()))
            }
            Request::Library { id, limit_ms } => {
                let answer = driver.library(lean, ms(limit_ms))?;
                Line::Library(envelope(id, answer, cost()))
            }
            Request::State { id, index, flat_name, without, limit_ms } => {
                let answer = driver.state(lean, index, &flat_name, &without, ms(limit_ms))?;
                Line::State(envelope(id, answer, cost()))
            }
        };
        say(line);
        Ok(())
    }
}

/// Gives Leans.
pub trait Leans {
    /// What a Lean does that has elaborated `preamble` and nothing else, and that goes when it is done.
    ///
    /// # Errors
    ///
    /// Whatever cuts Lean's code off.
    fn with_fresh<T>(
        &mut self,
        preamble: &str,
        limit: Duration,
        work: impl FnOnce(&mut Driver, &mut dyn Machine) -> Result<T>,
    ) -> Result<T>;
}

/// Judges a statement with this proof: what one Lean has elaborated is judged by another, which has seen nothing of it
/// but the declarations. `spent` tells what was used up of the limit.
///
/// # Errors
///
/// Whatever cuts Lean's code off.
pub fn recheck(
    leans: &mut impl Leans,
    proof: Proof<'_>,
    limit: Duration,
    spent: &mut dyn FnMut() -> Duration,
) -> Result<Limited<JudgeAnswer>> {
    let Proof { preamble, statement, without, body } = proof;
    let claim =
        leans.with_fresh(preamble, limit, |driver, lean| driver.claim(lean, preamble, statement, body, limit))?;
    match claim {
        Limited::Timeout => Ok(Limited::Timeout),
        Limited::Done(Err(refused)) => Ok(Limited::Done(refused)),
        Limited::Done(Ok(claim)) => {
            let limit = limit.saturating_sub(spent());
            leans.with_fresh(preamble, limit, |driver, lean| driver.judge(lean, preamble, &claim, without, limit))
        }
    }
}

/// A statement and its proof.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// The commands before the statement.
    pub preamble: &'a str,
    /// The statement, up to before `:=`.
    pub statement: &'a str,
    /// Names that the proof may not rest on.
    pub without: &'a [String],
    /// The lines behind `by`.
    pub body: &'a str,
}

/// Judges every declaration of a file, as [`recheck`] does a proof.
///
/// # Errors
///
/// Whatever cuts Lean's code off.
pub fn check_file(
    leans: &mut impl Leans,
    text: &str,
    limit: Duration,
    spent: &mut dyn FnMut() -> Duration,
) -> Result<Limited<FileAnswer>> {
    match leans.with_fresh("", limit, |driver, lean| driver.claim_file(lean, text, limit))? {
        Limited::Timeout => Ok(Limited::Timeout),
        Limited::Done(claim) => {
            let limit = limit.saturating_sub(spent());
            leans.with_fresh("", limit, |driver, lean| driver.judge_file(lean, claim, limit))
        }
    }
}

/// An answer under its number, with what it has cost.
#[must_use]
pub fn envelope<T: Default>(id: u64, answer: Limited<T>, cost: Cost) -> Envelope<T> {
    let Cost { cpu_us, wall_us } = cost;
    let (timeout, answer) = match answer {
        Limited::Done(answer) => (false, answer),
        Limited::Timeout => (true, T::default()),
    };
    Envelope { id, cpu_us, wall_us, fatal: None, timeout, answer }
}
