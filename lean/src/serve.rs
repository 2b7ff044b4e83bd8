//! A host without its input and output: requests in, the lines of their answers out.

use std::time::Duration;

use serde::Serialize;

use crate::driver::{Driver, Limited};
use crate::machine::{Machine, Result};
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
            Request::Recheck { id, preamble, statement, without, body, limit_ms } => {
                let limit = ms(limit_ms);
                let answer = driver.recheck(lean, &preamble, &statement, &without, &body, limit)?;
                Line::Judge(envelope(id, answer, cost()))
            }
            Request::Elaborate { id, preamble, statement, body, limit_ms } => {
                let answer = driver.elaborate(lean, &preamble, &statement, &body, ms(limit_ms))?;
                Line::File(envelope(id, answer, cost()))
            }
            Request::CheckFile { id, text, limit_ms } => {
                let answer = driver.check_file(lean, &text, ms(limit_ms))?;
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

fn envelope<T: Default>(id: u64, answer: Limited<T>, cost: Cost) -> Envelope<T> {
    let Cost { cpu_us, wall_us } = cost;
    let (timeout, answer) = match answer {
        Limited::Done(answer) => (false, answer),
        Limited::Timeout => (true, T::default()),
    };
    Envelope { id, cpu_us, wall_us, fatal: None, timeout, answer }
}
