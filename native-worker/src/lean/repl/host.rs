//! A repl process as a [`LeanHost`].
//!
//! The program keeps every state and environment that it ever made and cannot interrupt a tactic: freeing does nothing,
//! a late tactic costs the process, and the pool recycles by [`LeanProcess::memory`].

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use stepwise_core::cost::LeanCost;
use stepwise_core::facts::Declarations;
use stepwise_core::goal::Goal;
use stepwise_core::outcome::{StepOutcome, Verdict};
use stepwise_core::problem::Theorem;
use stepwise_core::syntax::searching;

use super::conversation::Conversation;
use super::protocol::Request;
use super::reading::{self, CommandFailure, Root, Step};
use super::recheck;
use crate::lean::host::{
    Applied, Costed, FileVerdict, HostDown, HostInfo, HostState, Judge, LeanHost, LeanProcess, Opened, StepLimits,
};
use crate::process::Spec;

/// What a host needs to know besides its process.
#[derive(Clone, Debug)]
pub(super) struct HostConfig {
    /// How to start the process; the recheck starts one of its own.
    pub(super) spec: Spec,
    /// Modules for theorems that name none.
    pub(super) imports: Vec<String>,
    /// What importing may take. Loading Mathlib takes longer than any step should, and is not the statement's fault.
    pub(super) import_limit: Duration,
    pub(super) lean_version: String,
}

/// One repl process.
pub struct ReplHost {
    config: HostConfig,
    process: Conversation,
    /// Environments by imports and preamble: each is elaborated once per process.
    envs: HashMap<(Vec<String>, String), u64>,
    used_for: Use,
}

/// What the process has been used for so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// Nothing that anybody wrote: it imported modules at most.
    Nothing,
    /// It holds states.
    Search,
    /// It has run a finished proof.
    Judging,
}

impl ReplHost {
    pub(super) fn new(config: HostConfig, process: Conversation) -> Self {
        Self { config, process, envs: HashMap::new(), used_for: Use::Nothing }
    }

    /// A process that has run no search and no other proof: our own where that costs nobody a state.
    async fn checker(&mut self) -> Result<Checker<'_>, HostDown> {
        if self.used_for == Use::Search {
            return Conversation::start(&self.config.spec).map(|process| Checker::Own(Box::new(process)));
        }
        if self.used_for == Use::Judging {
            self.process.give_up(HostDown::Crashed { detail: "it was replaced after a recheck".into() }).await;
            self.process = Conversation::start(&self.config.spec)?;
            self.envs.clear();
        }
        self.used_for = Use::Judging;
        Ok(Checker::Hosts(&mut self.process))
    }

    /// Loads the modules that theorems without imports of their own get, so that the first statement need not wait.
    pub(super) async fn import_defaults(&mut self) -> Result<Result<(), String>, HostDown> {
        let theorem = Theorem::default();
        let mut cost = LeanCost::default();
        Ok(self.base(&theorem, self.config.import_limit, &mut cost).await?.map(|_| ()))
    }

    /// The environment before the statement; `None` is the program's own fresh one. The inner error is Lean's message.
    async fn base(
        &mut self,
        theorem: &Theorem,
        limit: Duration,
        cost: &mut LeanCost,
    ) -> Result<Result<Option<u64>, String>, HostDown> {
        let imports = effective_imports(&theorem.imports, &self.config.imports).to_vec();
        let mut env = None;
        let stages = [
            (import_lines(&imports), String::new(), self.config.import_limit.max(limit)),
            (theorem.preamble.trim().to_owned(), theorem.preamble.trim().to_owned(), limit),
        ];
        for (text, preamble, limit) in stages {
            if text.is_empty() {
                continue;
            }
            let key = (imports.clone(), preamble);
            if let Some(known) = self.envs.get(&key) {
                env = Some(*known);
                continue;
            }
            let asked = self.process.ask(&Request::command(text, env), limit).await;
            *cost += asked.cost;
            match reading::command(asked.answer?) {
                Ok(answer) => {
                    self.envs.insert(key, answer.env);
                    env = Some(answer.env);
                }
                Err(CommandFailure::Rejected { message }) => return Ok(Err(message)),
                Err(CommandFailure::Confused { detail }) => return Err(self.confused(detail).await),
            }
        }
        Ok(Ok(env))
    }

    /// What the statement comes to with `sorry` for its proof and `options` before it.
    async fn root(
        &mut self,
        options: &str,
        theorem: &Theorem,
        env: Option<u64>,
        limit: Duration,
        cost: &mut LeanCost,
    ) -> Result<Root, HostDown> {
        let statement = format!("{options}{} := by sorry", theorem.statement.trim_end());
        let asked = self.process.ask(&Request::command(statement, env), limit).await;
        *cost += asked.cost;
        Ok(reading::root(asked.answer?))
    }

    async fn confused(&mut self, detail: String) -> HostDown {
        self.process.give_up(HostDown::Crashed { detail }).await
    }
}

/// The process that a proof is judged in; one of its own dies with this value.
enum Checker<'a> {
    Hosts(&'a mut Conversation),
    Own(Box<Conversation>),
}

impl Checker<'_> {
    fn get(&mut self) -> &mut Conversation {
        match self {
            Self::Hosts(process) => process,
            Self::Own(process) => process,
        }
    }
}

#[async_trait]
impl LeanProcess for ReplHost {
    fn info(&self) -> HostInfo {
        HostInfo {
            backend: "lean-repl",
            lean_version: self.config.lean_version.clone(),
            pid: Some(self.process.child().pid()),
        }
    }

    /// Without the pages of mapped `.olean` files: those of Mathlib are gigabytes that all hosts share.
    fn memory(&self) -> Option<u64> {
        self.process.child().memory()
    }

    fn is_alive(&self) -> bool {
        false
    }

    /// It cannot be told to stop.
    async fn withdraw(&mut self) -> Result<(), HostDown> {
        Err(HostDown::Timeout)
    }

    async fn shutdown(&mut self) {
        self.process.give_up(HostDown::Crashed { detail: "it was shut down".into() }).await;
    }
}

#[async_trait]
impl LeanHost for ReplHost {
    async fn open(&mut self, theorem: &Theorem, limits: StepLimits) -> Result<Costed<Opened>, HostDown> {
        self.used_for = Use::Search;
        let mut cost = LeanCost::default();
        if let Some(message) = recheck::unseen_use(theorem) {
            return Ok(Costed { value: Opened::Rejected { message }, cost });
        }
        let env = match self.base(theorem, limits.wall, &mut cost).await? {
            Ok(env) => env,
            Err(message) => return Ok(Costed { value: Opened::Rejected { message }, cost }),
        };
        let mut root = self.root(recheck::bound_by_hand(theorem), theorem, env, limits.wall, &mut cost).await?;
        if let Root::Open { goal, .. } = &root
            && let Some(options) = recheck::bound_where_reopened(theorem, &Goal::parse(goal))
        {
            root = self.root(options, theorem, env, limits.wall, &mut cost).await?;
        }
        let value = match root {
            Root::Open { state, goal } => Opened::Root {
                state: HostState(state),
                goals: vec![Goal::parse(&goal)],
                notes: Vec::new(),
                declarations: Declarations::default(),
            },
            Root::Rejected { message } => Opened::Rejected { message },
            Root::Confused { detail } => return Err(self.confused(detail).await),
        };
        Ok(Costed { value, cost })
    }

    async fn apply(&mut self, state: HostState, tactics: &[String], limits: StepLimits) -> Applied {
        let mut applied =
            Applied { outcomes: Vec::with_capacity(tactics.len()), cost: LeanCost::default(), down: None };
        for tactic in tactics {
            let request = Request::Step { proof_state: state.0, tactic: as_one_tactic(tactic) };
            let asked = self.process.ask(&request, limits.wall).await;
            applied.cost += asked.cost;
            let response = match asked.answer {
                Ok(response) => response,
                Err(down) => {
                    applied.down = Some(down);
                    break;
                }
            };
            // A tactic that only searches has failed, with what it suggests.
            let refusal = searching(tactic).map(|search| search.refusal(reading::said(&response)));
            applied.outcomes.push(match (reading::step(response), refusal) {
                (Step::Proved | Step::Open { .. }, Some(message)) => StepOutcome::Failed { message },
                (Step::Proved, None) => StepOutcome::Proved,
                (Step::Open { state, goals }, None) => StepOutcome::Open {
                    state: HostState(state),
                    goals: goals.iter().map(|goal| Goal::parse(goal)).collect(),
                },
                (Step::Failed { message }, _) => StepOutcome::Failed { message },
                (Step::Confused { detail }, _) => {
                    applied.down = Some(self.confused(detail).await);
                    break;
                }
            });
        }
        applied
    }

    async fn free(&mut self, _states: &[HostState]) -> Result<(), HostDown> {
        Ok(())
    }
}

#[async_trait]
impl Judge for ReplHost {
    /// Judges in a process that has run nothing else: what one proof does to its process cannot help another.
    async fn recheck(
        &mut self,
        theorem: &Theorem,
        proof: &[String],
        limits: StepLimits,
    ) -> Result<Costed<Verdict>, HostDown> {
        let imports = effective_imports(&theorem.imports, &self.config.imports).to_vec();
        let theorem = Theorem { imports, ..theorem.clone() };
        let config = self.config.clone();
        recheck::judge(self.checker().await?.get(), &theorem, proof, &config, limits).await
    }

    async fn elaborate(
        &mut self,
        theorem: &Theorem,
        proof: &[String],
        limits: StepLimits,
    ) -> Result<Costed<Vec<String>>, HostDown> {
        let mut cost = LeanCost::default();
        let env = match self.base(theorem, limits.wall, &mut cost).await? {
            Ok(env) => env,
            Err(message) => return Ok(Costed { value: vec![message], cost }),
        };
        let text = format!("{} := by\n{}", theorem.statement.trim_end(), theorem.proof_body(proof));
        let asked = self.process.ask(&Request::command(text, env), limits.wall).await;
        cost += asked.cost;
        let value = match reading::command(asked.answer?) {
            Ok(_) => Vec::new(),
            Err(CommandFailure::Rejected { message }) => vec![message],
            Err(CommandFailure::Confused { detail }) => return Err(self.confused(detail).await),
        };
        Ok(Costed { value, cost })
    }

    async fn check_file(
        &mut self,
        imports: &[String],
        text: &str,
        limits: StepLimits,
    ) -> Result<Costed<FileVerdict>, HostDown> {
        let config = self.config.clone();
        let imports = effective_imports(imports, &config.imports);
        recheck::judge_file(self.checker().await?.get(), imports, text, &config, limits).await
    }
}

/// The import lines of a header.
pub(super) fn import_lines(imports: &[String]) -> String {
    let lines: Vec<String> = imports.iter().map(|module| format!("import {module}")).collect();
    lines.join("\n")
}

fn effective_imports<'a>(imports: &'a [String], defaults: &'a [String]) -> &'a [String] {
    if imports.is_empty() { defaults } else { imports }
}

/// The program parses a single tactic; parentheses make one of a sequence. The line breaks keep a comment at the end
/// from swallowing the parenthesis, and the columns as they are.
fn as_one_tactic(tactic: &str) -> String {
    if tactic.contains(['\n', ';']) { format!("(\n{tactic}\n)") } else { tactic.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_become_one_tactic() {
        assert_eq!(as_one_tactic("exact h -- done"), "exact h -- done");
        assert_eq!(as_one_tactic("intro x; simp"), "(\nintro x; simp\n)");
        assert_eq!(as_one_tactic("cases h with\n| inl a => b"), "(\ncases h with\n| inl a => b\n)");
    }
}
