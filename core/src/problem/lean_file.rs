//! `.lean` files with `sorry`: which theorems wait for a proof, and putting the proofs in their places.

use std::ops::Range;

use super::statement::{Declaration, Source};
use super::{StatementError, Theorem};

/// One `sorry` that is the whole proof of a declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// What is to be proved. The preamble is everything before it, earlier `sorry`s included.
    pub theorem: Theorem,
    /// The 1-based line of its keyword.
    pub line: u32,
    /// The `sorry` or `by sorry` that the proof replaces, in bytes.
    pub body: Range<usize>,
}

/// Why a `.lean` file cannot be worked on. The caller knows its name and adds it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeanFileError {
    /// Nothing to do.
    #[error("no `sorry` in it: write `:= by sorry` where a proof is wanted")]
    NoSorry,
    /// A `sorry` that is not a whole body.
    #[error(
        "line {line}: this `sorry` is only a part of a proof, or not the body of a theorem, lemma, example or def; \
         only `:= sorry` and `:= by sorry` can be filled in, so state the open part as a lemma of its own"
    )]
    PartOfAProof {
        /// 1-based.
        line: u32,
    },
    /// The text cannot be split.
    #[error(transparent)]
    Statement(#[from] StatementError),
}

/// Finds every theorem, lemma, example and def whose whole body is `sorry` or `by sorry`, in order.
pub fn split_sorries(text: &str) -> Result<Vec<Task>, LeanFileError> {
    let source = Source::new(text)?;
    let declarations = source.declarations();
    let mut tasks = Vec::new();
    for (sorry, _) in source.tokens.iter().enumerate().filter(|(idx, _)| source.text(*idx) == "sorry") {
        let whole_body = |declaration: &&Declaration| {
            let behind_by = if source.text(sorry - 1) == "by" { sorry - 1 } else { sorry };
            declaration.body == Some(behind_by) && source.begins_command(sorry + 1)
        };
        let part = || LeanFileError::PartOfAProof { line: source.line_of(sorry) };
        let owner = declarations.iter().rev().find(|declaration| declaration.keyword < sorry);
        let declaration = owner.filter(whole_body).ok_or_else(part)?;
        tasks.push(task(&source, declaration, sorry));
    }
    if tasks.is_empty() { Err(LeanFileError::NoSorry) } else { Ok(tasks) }
}

/// The text with each proof in its task's place; every other byte stays as it is.
///
/// The tasks are those that [`split_sorries`] found in this very text. One without tactics keeps its `sorry`.
#[must_use]
pub fn fill(text: &str, proofs: &[(&Task, &[String])]) -> String {
    let mut proofs: Vec<_> = proofs.iter().filter(|(_, tactics)| !tactics.is_empty()).collect();
    proofs.sort_by_key(|(task, _)| task.body.start);
    let mut filled = String::new();
    let mut done = 0;
    for (task, tactics) in proofs {
        let (place, block) = block(text, task, tactics);
        filled.push_str(&text[done..place.start]);
        filled.push_str(&block);
        done = place.end;
    }
    filled.push_str(&text[done..]);
    filled
}

fn task(source: &Source<'_>, declaration: &Declaration, sorry: usize) -> Task {
    let (imports, preamble) = source.header(source.start_of(declaration.first));
    let body = declaration.body.unwrap_or(sorry);
    Task {
        theorem: Theorem {
            name: declaration.name.clone().unwrap_or_else(|| "example".to_owned()),
            imports,
            preamble: preamble.replace("\r\n", "\n"),
            statement: source.statement(declaration).replace("\r\n", "\n"),
            without: Vec::new(),
        },
        line: source.line_of(declaration.keyword),
        body: source.start_of(body)..source.tokens[sorry].span.end,
    }
}

/// What replaces which bytes. Behind a `by`, a `sorry` on a line of its own gives its place to the tactics; any other
/// proof goes on the lines below, two spaces deeper than the line of a term's `sorry` or else than the declaration.
fn block(text: &str, task: &Task, tactics: &[String]) -> (Range<usize>, String) {
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let body = &text[task.body.clone()];
    let sorry = task.body.end - "sorry".len();
    let line_start = text[..sorry].rfind('\n').map_or(0, |at| at + 1);
    let lines: Vec<&str> = tactics.iter().flat_map(|tactic| tactic.lines()).collect();
    let with_indent = |indent: &str, lines: &[&str]| {
        let line = |line: &&str| if line.trim().is_empty() { String::new() } else { format!("{indent}{line}") };
        lines.iter().map(line).collect::<Vec<_>>().join(line_end)
    };
    let own_indent = Some(&text[line_start..sorry]).filter(|before| before.trim().is_empty());
    if let (Some(indent), false) = (own_indent, body == "sorry") {
        return (sorry..task.body.end, with_indent(indent, &lines).trim_start().to_owned());
    }
    // Of `by /- a comment -/ sorry` the comment stays where it is.
    let kept = match body.strip_suffix("sorry") {
        Some("") | None => "by",
        Some(before) => before.trim_end(),
    };
    let indent = format!("{}  ", own_indent.unwrap_or_else(|| declaration_indent(text, task)));
    (task.body.clone(), format!("{kept}{line_end}{}", with_indent(&indent, &lines)))
}

/// The white space before the line on which the declaration begins.
fn declaration_indent<'a>(text: &'a str, task: &Task) -> &'a str {
    let line = text.lines().nth(task.line as usize - 1).unwrap_or_default();
    &line[..line.len() - line.trim_start().len()]
}
