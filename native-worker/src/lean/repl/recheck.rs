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

use stepwise_core::outcome::Verdict;
use stepwise_core::problem::Theorem;
use stepwise_core::search::LeanCost;

use super::conversation::Conversation;
use super::host::{HostConfig, add, import_lines};
use super::protocol::{CommandResponse, Request};
use super::reading::{self, CommandFailure};
use crate::lean::host::{Costed, HostDown, StepLimits};

/// The axioms that a proof may rest on.
const ALLOWED_AXIOMS: [&str; 3] = ["Classical.choice", "Quot.sound", "propext"];
/// The statement as it was asked for.
const REFERENCE: &str = "_root_.stepwise_reference";
/// The theorem that says that the right thing was proved.
const SAME: &str = "_root_.stepwise_same";
/// The name that an `example` is judged under.
const EXAMPLE: &str = "stepwise_example";

/// Words that no block of tactics needs: commands, meta-programs, and ways around the kernel. Each is a keyword or an
/// option's name, so that no variable can be called so.
#[rustfmt::skip]
const REFUSED: &[&str] = &[
    "abbrev", "add_decl_doc", "admit", "attribute", "axiom", "builtin_initialize", "by_elab", "class", "csimp",
    "debug.skipKernelTC", "declare_syntax_cat", "def", "deriving", "elab", "elab_rules", "end", "example", "export",
    "extern", "implemented_by", "import", "include_str", "inductive", "infix", "infixl", "infixr", "initialize",
    "instance", "lemma", "macro", "macro_rules", "mutual", "namespace", "native_decide", "notation", "notation3",
    "opaque", "partial", "postfix", "prefix", "private", "protected", "register_option", "run_cmd", "run_elab",
    "run_meta", "run_tac", "scoped", "section", "simproc", "sorry", "structure", "syntax", "theorem", "universe",
    "unsafe", "variable",
];

/// Judges a proof in `checker`, which has done nothing yet.
pub(super) async fn judge(
    checker: &mut Conversation,
    theorem: &Theorem,
    proof: &[String],
    config: &HostConfig,
    limits: StepLimits,
) -> Result<Costed<Verdict>, HostDown> {
    let mut bench = Bench { checker, cost: LeanCost::default(), limit: config.import_limit.max(limits.wall), limits };
    let mut reasons = refused_words(theorem, proof);
    let mut axioms = Vec::new();
    if reasons.is_empty() {
        match bench.run(theorem, proof).await? {
            Ok(found) => {
                reasons.extend(
                    found
                        .iter()
                        .filter(|axiom| !ALLOWED_AXIOMS.contains(&axiom.as_str()))
                        .map(|axiom| format!("the proof rests on the axiom {axiom}")),
                );
                axioms = found;
            }
            Err(reason) => reasons.push(reason),
        }
    }
    let value = Verdict {
        accepted: reasons.is_empty(),
        reasons,
        checker: format!("leanprover-community/repl on Lean {}, whole file in a fresh process", config.lean_version),
        lean_version: config.lean_version.clone(),
        axioms,
    };
    Ok(Costed { value, cost: bench.cost })
}

struct Bench<'a> {
    checker: &'a mut Conversation,
    cost: LeanCost,
    /// For requests that import.
    limit: std::time::Duration,
    limits: StepLimits,
}

impl Bench<'_> {
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
        let axioms = match self.command(plan.axioms, env, Sorry::Refused).await? {
            Ok(answer) => match answer.messages.as_slice() {
                [message] => match parse_axioms(&message.data) {
                    Some(axioms) => axioms,
                    None => return Ok(Err(format!("cannot read the list of axioms: {}", message.data))),
                },
                many => return Ok(Err(format!("`#print axioms` gave {} messages instead of one", many.len()))),
            },
            Err(message) => return Ok(Err(format!("Lean refuses to list the axioms: {message}"))),
        };
        let file = self.command(theorem.file(proof), None, Sorry::Refused).await?;
        Ok(file.map(|_| axioms).map_err(|message| format!("Lean refuses the whole file: {message}")))
    }

    async fn command(
        &mut self,
        text: String,
        env: Option<u64>,
        sorry: Sorry,
    ) -> Result<Result<CommandResponse, String>, HostDown> {
        let limit = if env.is_none() { self.limit } else { self.limits.wall };
        let asked = self.checker.ask(&Request::command(text, env), limit).await;
        add(&mut self.cost, asked.cost);
        match reading::command(asked.answer?) {
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
    let warned = |data: &str| data.starts_with("declaration uses") && data.contains("sorry");
    !answer.sorries.is_empty() || answer.messages.iter().any(|message| warned(&message.data))
}

/// The texts of steps 1 to 3.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    base: String,
    reference: String,
    proved: String,
    same: String,
    axioms: String,
}

impl Plan {
    fn new(theorem: &Theorem, proof: &[String]) -> Option<Self> {
        let (keyword, name, tail) = split_statement(theorem)?;
        let judged = Theorem {
            name: name.to_owned(),
            imports: Vec::new(),
            preamble: String::new(),
            statement: format!("{keyword} {name}{tail}"),
        };
        let header = import_lines(&theorem.imports);
        Some(Self {
            base: format!("{header}\n{}", theorem.preamble).trim().to_owned(),
            reference: format!("{keyword} {REFERENCE}{tail} := sorry"),
            proved: judged.file(proof).trim().to_owned(),
            same: format!("theorem {SAME} : type_of% @{REFERENCE} := @{name}"),
            axioms: format!("#print axioms {SAME}"),
        })
    }
}

/// The statement's keyword, name, and what follows the name. An example has no name to be printed or compared by, so it
/// becomes a theorem with one of ours.
fn split_statement(theorem: &Theorem) -> Option<(&str, &str, String)> {
    let statement = theorem.statement.trim();
    let (keyword, rest) = statement.split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    if keyword == "example" {
        return Some(("theorem", EXAMPLE, format!(" {rest}")));
    }
    let name = theorem.name.as_str();
    let tail = rest.strip_prefix(name).filter(|_| !name.is_empty())?;
    let name_ends = tail.starts_with(".{") || !tail.starts_with(is_name_char);
    name_ends.then(|| (keyword, name, tail.to_owned()))
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || "_'!?.«»".contains(c)
}

/// Reasons to refuse the proof unread. The preamble is the user's own and may declare what it likes, but no axiom.
fn refused_words(theorem: &Theorem, proof: &[String]) -> Vec<String> {
    let mut reasons: Vec<String> = Vec::new();
    let mut refuse = |reason: String| {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    };
    for line in proof {
        for word in words(line).filter(|word| REFUSED.contains(word)) {
            refuse(format!("the proof contains `{word}`"));
        }
        if let Some(command) = hash_command(line) {
            refuse(format!("the proof contains the command `{command}`"));
        }
        if line.contains('\0') {
            refuse("the proof contains a NUL byte".into());
        }
    }
    if words(&theorem.preamble).any(|word| word == "axiom") {
        refuse("the preamble declares an axiom".into());
    }
    reasons
}

/// The words of a text, comments and strings included: what is in them need not be told from what is not, because a
/// tactic that was written to prove something has none of the refused words there either.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_name_char(c)).map(|word| word.trim_matches(['.', '!', '?'])).filter(|word| !word.is_empty())
}

/// A command like `#eval` or `#exit`; `#[1, 2]` is an array and `#v[1]` a vector.
fn hash_command(text: &str) -> Option<&str> {
    text.match_indices('#').find_map(|(at, _)| {
        let rest = &text[at + 1..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        (end > 0 && !rest[end..].starts_with('[')).then(|| &text[at..at + 1 + end])
    })
}

/// Reads what `#print axioms` says: `'n' depends on axioms: [a, b]` or `'n' does not depend on any axioms`.
fn parse_axioms(text: &str) -> Option<Vec<String>> {
    let name = SAME.strip_prefix("_root_.")?;
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
