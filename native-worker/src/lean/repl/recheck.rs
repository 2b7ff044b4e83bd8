//! The recheck over the repl protocol: everything that its messages allow to be checked about a finished proof.
//!
//! In a process of its own, in this order:
//! 1. imports and preamble, then the statement with `sorry` under a name of ours: the reference, elaborated before the
//!    process has seen any text of the proof;
//! 2. on top of that the theorem with its proof, then `theorem same : type_of% @reference := @name`, which Lean's kernel
//!    accepts only if the type that was proved is, by definition, the type that was asked for (a proof that closes
//!    the theorem early and states another under its name fails here);
//! 3. `#print axioms` of that last theorem, against the allow-list;
//! 4. the whole file, as it will be handed out, in a fresh environment: no error and no `sorry`.
//!
//! The names of ours are declared and used with `_root_`, so that a namespace which the proof leaves open hides neither.
//! A first, lexical filter refuses proofs that contain commands or meta-programs: code that runs inside Lean could
//! forge any answer of this process. Against code that gets past the filter only a kernel replay in another process
//! would hold, which this protocol does not offer.

use stepwise_core::cost::LeanCost;
use stepwise_core::goal::Goal;
use stepwise_core::outcome::Verdict;
use stepwise_core::problem::Theorem;
use stepwise_core::syntax::{self, Token, TokenKind};
use stepwise_lean::driver::STANDARD_AXIOMS;

use super::conversation::Conversation;
use super::declared;
use super::host::{HostConfig, import_lines};
use super::protocol::{CommandResponse, Request, Response};
use super::reading::{self, CommandFailure};
use crate::lean::host::{Costed, DeclarationVerdict, FileVerdict, HostDown, StepLimits};

/// The statement as it was asked for.
const REFERENCE: &str = "stepwise_reference";
/// The theorem that says that the right thing was proved.
const SAME: &str = "stepwise_same";
/// The name that an `example` is judged under.
const EXAMPLE: &str = "stepwise_example";

/// Judges a proof in `checker`, which has run no other proof.
pub(super) async fn judge(
    checker: &mut Conversation,
    theorem: &Theorem,
    proof: &[String],
    config: &HostConfig,
    limits: StepLimits,
) -> Result<Costed<Verdict>, HostDown> {
    let mut checking = Checking::new(checker, config, limits);
    let refused = refused_unread(theorem, proof);
    let value = if refused.is_empty() {
        match checking.run(theorem, proof).await? {
            Ok(axioms) => verdict(axioms, Vec::new(), config),
            Err(reason) => verdict(Vec::new(), vec![reason], config),
        }
    } else {
        verdict(Vec::new(), refused, config)
    };
    Ok(Costed { value, cost: checking.cost })
}

/// Judges every theorem of a file that somebody else wrote, in `checker`, which has run no other proof.
pub(super) async fn judge_file(
    checker: &mut Conversation,
    imports: &[String],
    text: &str,
    config: &HostConfig,
    limits: StepLimits,
) -> Result<Costed<FileVerdict>, HostDown> {
    let mut checking = Checking::new(checker, config, limits);
    let header = import_lines(imports);
    let asked = checking.ask(format!("{header}\n{text}"), None).await;
    let mut open_lines = Vec::new();
    let (env, mut errors) = match asked? {
        Response::Command(answer) => {
            let errors = reading::errors(&answer.messages).into_iter().map(str::to_owned).collect();
            // Every declaration that uses `sorry` is warned of: examples, definitions and instances too.
            let n_before = header.lines().count() + 1;
            let warned = answer.messages.iter().filter(|message| warns_of_sorry(&message.data));
            open_lines.extend(warned.map(|message| (message.pos.line as usize).saturating_sub(n_before)));
            (Some(answer.env), errors)
        }
        Response::Error { message } => (None, vec![message]),
        Response::Step(_) => (None, vec!["the repl answered a file as a tactic".to_owned()]),
    };
    if declared::an_axiom(text) {
        errors.push("the file declares an axiom".into());
    }
    let mut declarations = Vec::new();
    for name in declared::theorems(text) {
        let verdict = match env {
            None => verdict(Vec::new(), vec!["the file was not elaborated".into()], config),
            Some(_) => match checking.axioms(&name, env).await? {
                Ok(axioms) => {
                    let reasons = if errors.is_empty() { Vec::new() } else { vec!["the file has errors".into()] };
                    verdict(axioms, reasons, config)
                }
                Err(reason) => verdict(Vec::new(), vec![reason], config),
            },
        };
        declarations.push(DeclarationVerdict { name, kind: "theorem".into(), line: None, verdict });
    }
    for line in open_lines {
        let verdict = verdict(vec!["sorryAx".into()], Vec::new(), config);
        let line = u32::try_from(line).ok();
        let name = line.map_or_else(|| "a declaration".to_owned(), |line| format!("line {line}"));
        declarations.push(DeclarationVerdict { name, kind: "declaration".into(), line, verdict });
    }
    Ok(Costed { value: FileVerdict { errors, notes: Vec::new(), declarations }, cost: checking.cost })
}

fn verdict(axioms: Vec<String>, mut reasons: Vec<String>, config: &HostConfig) -> Verdict {
    for axiom in axioms.iter().filter(|axiom| !STANDARD_AXIOMS.contains(&axiom.as_str())) {
        reasons.push(match axiom.as_str() {
            "sorryAx" => "the proof uses `sorry`".to_owned(),
            other => format!("the proof rests on the axiom {other}"),
        });
    }
    Verdict {
        accepted: reasons.is_empty(),
        reasons,
        checker: format!("leanprover-community/repl on Lean {}, whole file in a fresh process", config.lean_version),
        lean_version: config.lean_version.clone(),
        axioms,
        unopened: 0,
        notes: Vec::new(),
    }
}

struct Checking<'a> {
    checker: &'a mut Conversation,
    cost: LeanCost,
    /// For requests that import.
    limit: std::time::Duration,
    limits: StepLimits,
}

impl<'a> Checking<'a> {
    fn new(checker: &'a mut Conversation, config: &HostConfig, limits: StepLimits) -> Self {
        Self { checker, cost: LeanCost::default(), limit: config.import_limit.max(limits.wall), limits }
    }

    /// Requests without an environment import modules and have the time for it.
    async fn ask(&mut self, text: String, env: Option<u64>) -> Result<Response, HostDown> {
        let limit = if env.is_none() { self.limit } else { self.limits.wall };
        let asked = self.checker.ask(&Request::command(text, env), limit).await;
        self.cost += asked.cost;
        asked.answer
    }

    /// The axioms, or the first reason to refuse.
    async fn run(&mut self, theorem: &Theorem, proof: &[String]) -> Result<Result<Vec<String>, String>, HostDown> {
        let Some(plan) = Plan::new(theorem, proof) else {
            let reason = format!("the statement does not begin with a keyword and the name `{}`", theorem.name);
            return Ok(Err(reason));
        };
        let steps = [
            (plan.base, Sorry::Refused, "Lean refuses the preamble"),
            (plan.reference, Sorry::Expected, "Lean refuses the statement"),
            (plan.proved, Sorry::Refused, "Lean refuses the proof"),
            (plan.same, Sorry::Refused, "what is proved is not the statement"),
        ];
        let mut env = None;
        for (text, sorry, what) in steps {
            if text.is_empty() {
                continue;
            }
            match self.command(text, env, sorry).await? {
                Ok(answer) => env = Some(answer.env),
                Err(message) => return Ok(Err(format!("{what}: {message}"))),
            }
        }
        let axioms = match self.axioms(SAME, env).await? {
            Ok(axioms) => axioms,
            Err(reason) => return Ok(Err(reason)),
        };
        let file = self.command(theorem.file(proof), None, Sorry::Refused).await?;
        Ok(file.map(|_| axioms).map_err(|message| format!("Lean refuses the whole file: {message}")))
    }

    /// The axioms that a constant rests on, or why they are not known.
    async fn axioms(&mut self, name: &str, env: Option<u64>) -> Result<Result<Vec<String>, String>, HostDown> {
        let answer = match self.command(format!("#print axioms _root_.{name}"), env, Sorry::Expected).await? {
            Ok(answer) => answer,
            Err(message) => return Ok(Err(format!("Lean does not list the axioms of `{name}`: {message}"))),
        };
        Ok(match answer.messages.as_slice() {
            [message] => parse_axioms(name, &message.data)
                .ok_or_else(|| format!("cannot read the list of axioms: {}", message.data)),
            many => Err(format!("`#print axioms` gave {} messages instead of one", many.len())),
        })
    }

    async fn command(
        &mut self,
        text: String,
        env: Option<u64>,
        sorry: Sorry,
    ) -> Result<Result<CommandResponse, String>, HostDown> {
        match reading::command(self.ask(text, env).await?) {
            Ok(answer) if sorry == Sorry::Refused && uses_sorry(&answer) => Ok(Err("it uses `sorry`".into())),
            Ok(answer) => Ok(Ok(answer)),
            Err(CommandFailure::Rejected { message }) => Ok(Err(message)),
            Err(CommandFailure::Confused { detail }) => Err(HostDown::Crashed { detail }),
        }
    }
}

/// Whether a text may contain `sorry`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sorry {
    Refused,
    Expected,
}

/// Lean also warns of sorries that have no goal to be listed.
fn uses_sorry(answer: &CommandResponse) -> bool {
    !answer.sorries.is_empty() || answer.messages.iter().any(|message| warns_of_sorry(&message.data))
}

/// The protocol has no tag for it: Lean's own words.
fn warns_of_sorry(data: &str) -> bool {
    data.starts_with("declaration uses") && data.contains("sorry")
}

/// The texts of steps 1 to 3.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    base: String,
    reference: String,
    proved: String,
    same: String,
}

impl Plan {
    fn new(theorem: &Theorem, proof: &[String]) -> Option<Self> {
        let Split { before, scope, keyword, name, tail } = split_statement(theorem)?;
        let judged = Theorem {
            name: name.to_owned(),
            imports: Vec::new(),
            preamble: String::new(),
            statement: format!("{before}{keyword} {name}{tail}"),
            without: Vec::new(),
        };
        let header = import_lines(&theorem.imports);
        Some(Self {
            base: format!("{header}\n{}", theorem.preamble).trim().to_owned(),
            reference: format!("{}{scope} {keyword} _root_.{REFERENCE}{tail} := sorry", bound_by_hand(theorem))
                .trim_start()
                .to_owned(),
            proved: judged.file(proof).trim().to_owned(),
            same: format!("theorem _root_.{SAME} : type_of% @_root_.{REFERENCE} := @{name}"),
        })
    }
}

/// A statement, taken apart around its name.
#[derive(Debug, PartialEq, Eq)]
struct Split<'a> {
    /// All before the keyword: `open Nat in @[simp] private `.
    before: &'a str,
    /// As much of that as the reference gets: `open Nat in`. An attribute would make it known to the tactics of the
    /// proof, and `private` would hide it from the comparison.
    scope: &'a str,
    keyword: &'a str,
    name: &'a str,
    tail: &'a str,
}

/// An example has no name to be printed or compared by, so it becomes a theorem with one of ours.
fn split_statement(theorem: &Theorem) -> Option<Split<'_>> {
    let text = theorem.statement.trim();
    let tokens = syntax::tokens(text);
    let words: Vec<&Token> = tokens.iter().filter(|token| token.kind == TokenKind::Word).collect();
    let at =
        words.iter().position(|word| ["theorem", "lemma", "def", "abbrev", "example"].contains(&word.text(text)))?;
    let keyword = words[at];
    let before = &text[..keyword.span.start];
    let scope = words[..at].iter().rfind(|word| word.text(text) == "in").map_or("", |word| &text[..word.span.end]);
    if keyword.text(text) == "example" {
        let tail = &text[keyword.span.end..];
        return Some(Split { before, scope, keyword: "theorem", name: EXAMPLE, tail });
    }
    let name = words.get(at + 1).filter(|name| name.text(text) == theorem.name)?;
    let tail = &text[name.span.end..];
    Some(Split { before, scope, keyword: keyword.text(text), name: name.text(text), tail })
}

/// Reasons to refuse the proof unread. The preamble is the user's own and may declare what it likes, but no axiom.
fn refused_unread(theorem: &Theorem, proof: &[String]) -> Vec<String> {
    let mut reasons = syntax::refusals(proof);
    if declared::an_axiom(&theorem.preamble) {
        reasons.push("the preamble declares an axiom".into());
    }
    reasons.extend(unseen_use(theorem));
    reasons
}

/// Why this protocol cannot serve a theorem whose proof has to do without something: it shows no proof terms, so what a
/// tactic like `simp` has used stays unseen.
pub(super) fn unseen_use(theorem: &Theorem) -> Option<String> {
    let name = theorem.without.first()?;
    Some(format!(
        "native Lean through repl does not show whether a proof uses {name}, which this problem does without; leave out \
         --lean-project"
    ))
}

/// What stands before the statement where it is elaborated apart from its proof: Mathlib's own files bind every variable by
/// hand, and a name that a statement for Mathlib does not bind is one that somebody mistyped.
pub(super) fn bound_by_hand(theorem: &Theorem) -> &'static str {
    if is_for_mathlib(theorem) && !says_what_is_bound(theorem) { "set_option autoImplicit false in\n" } else { "" }
}

/// What stands before a statement that is opened once more, given the goal that it opened with. Without Mathlib letters may
/// stand for variables; a longer name that nobody has bound is one that somebody mistyped, or that a missing import would
/// bring. Lean alone knows who has bound a name, so that it is asked again wherever the context has a longer one.
pub(super) fn bound_where_reopened(theorem: &Theorem, goal: &Goal) -> Option<&'static str> {
    let mut names = goal.hypotheses.iter().flat_map(|hypothesis| &hypothesis.names);
    let may_be_mistyped = !is_for_mathlib(theorem) && !says_what_is_bound(theorem);
    (may_be_mistyped && names.any(|name| !is_letter(name))).then_some("set_option relaxedAutoImplicit false in\n")
}

/// Whether Lean takes the name for a variable even where `relaxedAutoImplicit` is off: a letter, and signs that tell it
/// from others.
fn is_letter(name: &str) -> bool {
    let is_sign = |c: char| c.is_numeric() || matches!(c, '_' | '\'' | '✝');
    name.chars().skip(1).all(is_sign)
}

fn is_for_mathlib(theorem: &Theorem) -> bool {
    theorem.imports.iter().any(|module| module == "Mathlib" || module.starts_with("Mathlib."))
}

/// Whether the text has an opinion on variables that nobody has bound.
fn says_what_is_bound(theorem: &Theorem) -> bool {
    [&theorem.preamble, &theorem.statement].iter().any(|text| text.to_lowercase().contains("autoimplicit"))
}

/// Reads what `#print axioms` says of `name`: `'name' depends on axioms: [a, b]` or `'name' does not depend on any axioms`.
fn parse_axioms(name: &str, text: &str) -> Option<Vec<String>> {
    let said = text.strip_prefix(&format!("'{name}' "))?;
    if said == "does not depend on any axioms" {
        return Some(Vec::new());
    }
    let list = said.strip_prefix("depends on axioms: [")?.strip_suffix(']')?;
    let mut axioms: Vec<String> = list.split(',').map(|axiom| axiom.trim().to_owned()).collect();
    axioms.sort();
    Some(axioms)
}

#[cfg(test)]
mod tests;
