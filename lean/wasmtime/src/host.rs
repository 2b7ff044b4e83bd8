//! A process that is Lean: requests as JSON lines on one side, answers as JSON lines on the other.
//!
//! Every statement that is opened gets an instance of its own, which goes with its last state. A text that is judged gets
//! two that nothing else has used: one elaborates it, the other judges what the first has made of it. A preamble is
//! elaborated once, and those behind it begin with a copy. What brings an instance down is told in the answer to its
//! request, and the others notice nothing.

use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use stepwise_lean::hosts::{self, Hosts, Lean, Starter, cut_off};
use stepwise_lean::imports::System;
use stepwise_lean::machine::{Machine, Result};
use stepwise_lean::protocol::{Hello, Request};
use stepwise_lean::serve::{Cost, Host};
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
        let mut hosts = Hosts::new(Runtimes { runtime, limits, prepared: Vec::new() });
        let hello = hosts.hello().unwrap_or_else(|fault| Hello { fatal: Some(fault.to_string()), ..Hello::default() });
        say(output, &hello)?;
        for request in requests {
            let request = request?;
            runtime.interrupt.begin(request.id().unwrap_or(0));
            answer(&mut hosts, request, output)?;
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

impl hosts::Instance for Instance {
    fn run<T>(&mut self, work: impl FnOnce(&mut dyn Machine) -> T) -> T {
        Self::run(self, work)
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

/// Starts Leans of a runtime.
struct Runtimes<'r> {
    runtime: &'r Runtime,
    limits: Limits,
    /// In the order of use.
    prepared: Vec<Prepared>,
}

impl Starter for Runtimes<'_> {
    type Instance = Instance;

    fn fresh(&mut self) -> Result<Lean<Instance>> {
        let nothing = Start::default();
        let start = self.runtime.snapshot.as_ref().map_or(&nothing, |file| &file.snapshot().start);
        let mut instance = Instance::start(self.runtime, system(), self.limits)?;
        let host = instance.run(|lean| Host::new(lean, start))?;
        Ok(Lean { instance, host })
    }

    fn start(&mut self, preamble: &str, limit: Duration) -> Result<Lean<Instance>> {
        let is_at_hand =
            |file: &Arc<SnapshotFile>| file.snapshot().start.preambles.iter().any(|(text, _)| text == preamble);
        if self.runtime.snapshot.as_ref().is_some_and(is_at_hand) {
            return self.fresh();
        }
        if let Some(at) = self.prepared.iter().position(|prepared| prepared.preamble == preamble) {
            let prepared = self.prepared.remove(at);
            let instance = Instance::start_from(&prepared.image, self.runtime, system(), self.limits);
            let host = prepared.host.fork();
            self.prepared.push(prepared);
            return Ok(Lean { instance: instance?, host });
        }
        let mut lean = self.fresh()?;
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
}

fn answer(hosts: &mut Hosts<Runtimes<'_>>, request: Request, output: &mut dyn Write) -> io::Result<()> {
    let (cpu, wall) = (cpu_micros(), Instant::now());
    let mut cost = || Cost {
        cpu_us: cpu_micros().saturating_sub(cpu),
        wall_us: u64::try_from(wall.elapsed().as_micros()).unwrap_or(u64::MAX),
    };
    let id = request.id();
    let mut written = Ok(());
    let answered = hosts.answer(request, &mut cost, &mut |line| {
        if written.is_ok() {
            written = say(output, &line);
        }
    });
    written?;
    if let (Err(fault), Some(id)) = (answered, id) {
        say(output, &cut_off(id, fault, cost()))?;
    }
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
