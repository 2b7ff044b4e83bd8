//! `.lean` files with `sorry`: which theorems wait for a proof, what else is open, and putting the proofs in place.

use std::fmt;
use std::ops::Range;

use super::statement::{CLAIMS, Declaration, Source};
use super::{StatementError, Theorem};

/// One `sorry` that is the whole proof of a theorem, lemma or example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// What is to be proved. The preamble is everything before it, earlier `sorry`s included.
    pub theorem: Theorem,
    /// The 1-based line of its keyword.
    pub line: u32,
    /// The `sorry` or `by sorry` that the proof replaces, in bytes.
    pub body: Range<usize>,
}

/// One `sorry` that is not ours to fill in, and stays; shown as one line that says why and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenPlace {
    /// Its 1-based line.
    pub line: u32,
    /// The declaration that it stands in: its keyword and, if it has one, its name.
    pub owner: Option<(String, Option<String>)>,
    /// What kind of place it is.
    pub kind: OpenKind,
}

/// Why a `sorry` is not ours to fill in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenKind {
    /// It is a definition's value, or a part of it: data, for which anything that type-checks would do.
    Data,
    /// It is only a part of a proof.
    PartOfAProof,
    /// Its theorem is in a `mutual` block, and cannot be stated without the others.
    Mutual,
}

impl fmt::Display for OpenPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        let owner = match &self.owner {
            Some((keyword, Some(name))) => format!("`{keyword} {name}`"),
            Some((keyword, None)) => format!("`{keyword}`"),
            None => return write!(f, "this `sorry` is in no theorem, and stays"),
        };
        match self.kind {
            OpenKind::Data => write!(
                f,
                "this `sorry` belongs to {owner}, which is data, and stays: put the value in yourself, or write \
                 `theorem` if it is a claim"
            ),
            OpenKind::PartOfAProof => write!(
                f,
                "this `sorry` is only a part of {owner} and stays: `:= sorry` and `:= by sorry` are filled in, so state \
                 the open part as a theorem of its own"
            ),
            OpenKind::Mutual => {
                write!(f, "{owner} is in a `mutual` block, and its `sorry` stays: prove it outside of one")
            }
        }
    }
}

/// Every `sorry` of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sorries {
    /// Those to be filled in, in order.
    pub tasks: Vec<Task>,
    /// Those that stay, in order.
    pub left: Vec<OpenPlace>,
}

/// Why a `.lean` file cannot be worked on. The caller knows its name and adds it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeanFileError {
    #[error("no `sorry` in it: write `:= by sorry` where a proof is wanted")]
    NoSorry,
    /// The text cannot be split.
    #[error(transparent)]
    Statement(#[from] StatementError),
}

/// Finds every `sorry`: a task where it is the whole body of a theorem, lemma or example, alone or behind `by`.
pub fn split_sorries(text: &str) -> Result<Sorries, LeanFileError> {
    let source = Source::new(text)?;
    let declarations = source.declarations();
    let mut sorries = Sorries::default();
    let mut commands = Commands::default();
    for (sorry, _) in source.tokens.iter().enumerate().filter(|(idx, _)| source.text(*idx) == "sorry") {
        commands.advance(&source, sorry);
        let n_before = declarations.partition_point(|declaration| declaration.keyword < sorry);
        let owner = n_before.checked_sub(1).map(|idx| &declarations[idx]);
        // A command between them that declares nothing, such as a macro, has the `sorry` for itself.
        let owner = owner.filter(|owner| {
            commands.last.is_none_or(|last| last <= owner.keyword) || is_whole_body(&source, owner, sorry)
        });
        let kind = match owner {
            Some(owner) if !CLAIMS.contains(&source.text(owner.keyword)) => OpenKind::Data,
            Some(owner) if is_whole_body(&source, owner, sorry) => {
                if commands.open_blocks.last() != Some(&"mutual") {
                    sorries.tasks.push(task(&source, owner, sorry));
                    continue;
                }
                OpenKind::Mutual
            }
            _ => OpenKind::PartOfAProof,
        };
        let owner = owner.map(|owner| (source.text(owner.keyword).to_owned(), owner.name.clone()));
        sorries.left.push(OpenPlace { line: source.line_of(sorry), owner, kind });
    }
    if sorries == Sorries::default() { Err(LeanFileError::NoSorry) } else { Ok(sorries) }
}

/// The commands up to a place that moves forward.
#[derive(Default)]
struct Commands<'a> {
    next: usize,
    /// The last token at the margin that begins a command.
    last: Option<usize>,
    /// `namespace`, `section` and `mutual` that no `end` has closed.
    open_blocks: Vec<&'a str>,
}

impl<'a> Commands<'a> {
    fn advance(&mut self, source: &Source<'a>, to: usize) {
        for idx in self.next..to {
            if source.begins_line(idx) || idx > 0 && matches!(source.text(idx - 1), "public" | "noncomputable" | "meta")
            {
                match source.text(idx) {
                    block @ ("namespace" | "section" | "mutual") => self.open_blocks.push(block),
                    "end" => {
                        self.open_blocks.pop();
                    }
                    _ => {}
                }
            }
            if source.is_at_margin(idx) && source.begins_next_command(idx) {
                self.last = Some(idx);
            }
        }
        self.next = self.next.max(to);
    }
}

fn is_whole_body(source: &Source<'_>, owner: &Declaration, sorry: usize) -> bool {
    let behind_by = if source.text(sorry - 1) == "by" { sorry - 1 } else { sorry };
    owner.body == Some(behind_by) && source.begins_command(sorry + 1)
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
