//! Statements: where a declaration begins, what its name is, and where its body begins.

use std::ops::Range;

use super::lemma::{knows_lemma, lemmas_as_theorems};
use super::{BARE_NAME, Theorem};
use crate::syntax::{Token, TokenKind, tokens};

/// What a theorem gets that comes without a header of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Modules to import.
    pub imports: Vec<String>,
    /// Commands before the statement, for example [`CORE_NOTATION`](super::CORE_NOTATION).
    pub preamble: String,
}

impl Defaults {
    /// Gives the defaults to a theorem that imports nothing; one that does knows what it needs. Where nothing that is
    /// imported can know `lemma`, it is read as `theorem`.
    pub(super) fn complete(&self, mut theorem: Theorem) -> Theorem {
        if theorem.imports.is_empty() {
            theorem.imports.clone_from(&self.imports);
            if !theorem.preamble.contains(&self.preamble) {
                theorem.preamble = join(&self.preamble, &theorem.preamble);
            }
        }
        if !knows_lemma(&theorem.imports) {
            theorem.preamble = lemmas_as_theorems(&theorem.preamble).text;
            theorem.statement = lemmas_as_theorems(&theorem.statement).text;
        }
        theorem
    }
}

/// Two texts of commands as one.
pub(super) fn join(first: &str, second: &str) -> String {
    format!("{}\n\n{}", first.trim_end(), second.trim_start()).trim().to_owned()
}

/// Why a text is no statement. The caller knows where it came from and adds it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Nothing but white space and comments.
    #[error("the statement is empty: give `theorem name (x : T) : P`, `example : P` or a proposition")]
    Empty,
    /// A declaration without a type.
    #[error("line {line}: `{keyword}` states nothing: give `{keyword} name (x : T) : P`")]
    Incomplete {
        /// 1-based.
        line: u32,
        /// `theorem`, `lemma` or `example`.
        keyword: String,
    },
    /// A declaration that claims nothing which could be proved.
    #[error(
        "line {line}: `{keyword}` defines data, which is yours to fill in: only a theorem, lemma or example can be \
         proved, so write `theorem` if its type is a proposition"
    )]
    Data {
        /// 1-based.
        line: u32,
        /// `def`, `instance`, `abbrev` and the like.
        keyword: String,
    },
    /// The text ends within a command that has hardly begun.
    #[error(
        "line {line}: the text breaks off behind `{word}`: finish the declaration that it belongs to, or remove it"
    )]
    BreaksOff {
        /// 1-based.
        line: u32,
        /// Its last word: a modifier, `]`, `in`, or the end of a doc comment.
        word: String,
    },
    /// A comment or a string is not closed.
    #[error("line {line}: a comment, string or `«` is never closed")]
    Unclosed {
        /// 1-based.
        line: u32,
    },
}

/// Reads a statement: `theorem foo (a : Nat) : a = a`, with or without `:= by`, `:= by sorry` or a proof (which is left
/// out, as are equations, `where` and whatever else follows it), behind a header or earlier declarations if there are
/// any; or a bare proposition such as `∀ n : Nat, n + 0 = n`, which becomes `theorem stepwise_goal`. The last theorem,
/// lemma or example of the text is the one to be proved.
///
/// A text that imports nothing gets the defaults: their imports, and their commands before its own.
pub fn parse_statement(text: &str, defaults: &Defaults) -> Result<Theorem, StatementError> {
    parse_alone(text).map(|theorem| defaults.complete(theorem))
}

/// As [`parse_statement`], without defaults.
pub(super) fn parse_alone(text: &str) -> Result<Theorem, StatementError> {
    let text = normalise(text);
    let source = Source::new(&text)?;
    let Some(last) = source.last_claim() else {
        return source.last_data().map_or_else(|| bare(&source), Err);
    };
    if let Some(broken) = source.breaks_off(last.head.end) {
        return Err(broken);
    }
    let statement = source.statement(&last);
    if source.words(&last.head).count() <= usize::from(last.name.is_some()) + 1 {
        let line = source.line_of(last.keyword);
        return Err(StatementError::Incomplete { line, keyword: source.text(last.keyword).to_owned() });
    }
    let (imports, preamble) = source.header(source.start_of(last.first));
    Ok(Theorem {
        name: last.name.unwrap_or_else(|| "example".to_owned()),
        imports,
        preamble,
        statement,
        without: Vec::new(),
    })
}

/// Splits a header into its imports and the commands after them. A doc comment at its end belongs to the statement that
/// follows; an attribute or a modifier there would change what the statement says, and is refused.
pub(super) fn split_header(text: &str) -> Result<(Vec<String>, String), StatementError> {
    let text = normalise(text);
    let source = Source::new(&text)?;
    match source.breaks_off(0) {
        Some(broken) if !matches!(&broken, StatementError::BreaksOff { word, .. } if word == "-/") => Err(broken),
        _ => Ok(source.header(text.len())),
    }
}

/// What is wrong with a text behind which others are put, if it ends with what only begins a command.
#[must_use]
pub fn breaks_off(text: &str) -> Option<StatementError> {
    Source::new(text).map_or_else(Some, |source| source.breaks_off(0))
}

/// Line feeds for line ends, and no byte order mark.
pub(super) fn normalise(text: &str) -> String {
    text.trim_start_matches('\u{feff}').replace("\r\n", "\n")
}

fn bare(source: &Source<'_>) -> Result<Theorem, StatementError> {
    let (imports, _) = source.header(source.text.len());
    let n_tokens = source.tokens.len();
    let first = source.end_of_imports();
    let mut end = n_tokens;
    // Only an empty body is cut: a bare proposition has no `:=` of its own but in `let`.
    for suffix in ["sorry", "by", ":="] {
        if end > first && source.text(end - 1) == suffix {
            end -= 1;
        }
    }
    if first >= end {
        return Err(StatementError::Empty);
    }
    let proposition = source.text[source.start_of(first)..source.tokens[end - 1].span.end].trim();
    Ok(Theorem {
        name: BARE_NAME.to_owned(),
        imports,
        preamble: String::new(),
        statement: format!("theorem {BARE_NAME} : {proposition}"),
        without: Vec::new(),
    })
}

/// A text with its tokens, comments left out.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) tokens: Vec<Token>,
}

/// One declaration that may have a body; all places are token indices.
pub(super) struct Declaration {
    /// The first token of the command: an attribute, a modifier, `open .. in`, or the keyword.
    pub(super) first: usize,
    pub(super) keyword: usize,
    pub(super) name: Option<String>,
    /// The keyword to before the body.
    pub(super) head: Range<usize>,
    /// Behind the `:=`, or `None` when there is no body.
    pub(super) body: Option<usize>,
}

/// Declarations whose bodies are proofs.
pub(super) const CLAIMS: [&str; 3] = ["theorem", "lemma", "example"];
/// Declarations whose bodies are data, or may be.
const DATA: [&str; 8] = ["def", "abbrev", "instance", "opaque", "axiom", "structure", "inductive", "class"];
const MODIFIERS: [&str; 8] = ["private", "protected", "noncomputable", "unsafe", "partial", "nonrec", "public", "meta"];
const COMMANDS_WITH_IN: [&str; 6] = ["open", "set_option", "omit", "include", "variable", "attribute"];

/// Words that begin a command. Not all of Lean's: those that can follow a `sorry` without a line break of their own.
const COMMANDS: [&str; 45] = [
    "theorem",
    "lemma",
    "example",
    "def",
    "abbrev",
    "instance",
    "axiom",
    "opaque",
    "inductive",
    "structure",
    "class",
    "mutual",
    "namespace",
    "section",
    "end",
    "open",
    "universe",
    "variable",
    "attribute",
    "export",
    "set_option",
    "notation",
    "infix",
    "infixl",
    "infixr",
    "prefix",
    "postfix",
    "macro",
    "syntax",
    "elab",
    "private",
    "protected",
    "noncomputable",
    "omit",
    "include",
    "local",
    "scoped",
    "deriving",
    "partial",
    "unsafe",
    "nonrec",
    "public",
    "macro_rules",
    "elab_rules",
    "initialize",
];

/// What stands in no pattern outside brackets: a bar before it was none of equations.
const IN_NO_PATTERN: [&str; 20] =
    ["=", "<", ">", "≤", "≥", "≠", "∧", "∨", "→", "↔", "¬", "∀", "∃", "∣", "∈", "∉", ":", "if", "then", "else"];

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, StatementError> {
        let mut tokens = tokens(text);
        if let Some(token) = tokens.iter().find(|token| token.kind == TokenKind::Unclosed) {
            return Err(StatementError::Unclosed { line: token.line });
        }
        tokens.retain(|token| token.kind != TokenKind::Comment);
        Ok(Self { text, tokens })
    }

    /// The text of a token; empty behind the last.
    pub(super) fn text(&self, idx: usize) -> &'a str {
        self.tokens.get(idx).map_or("", |token| token.text(self.text))
    }

    /// Where a token starts, or where the text ends.
    pub(super) fn start_of(&self, idx: usize) -> usize {
        self.tokens.get(idx).map_or(self.text.len(), |token| token.span.start)
    }

    /// True when a token is the first on its line, indentation aside.
    pub(super) fn begins_line(&self, idx: usize) -> bool {
        self.tokens.get(idx).is_some_and(|token| token.begins_line)
    }

    /// The 1-based line of a token.
    pub(super) fn line_of(&self, idx: usize) -> u32 {
        self.tokens.get(idx).map_or(1, |token| token.line)
    }

    /// True when a new command begins at this token, or the text ends there.
    pub(super) fn begins_command(&self, idx: usize) -> bool {
        let Some(token) = self.tokens.get(idx) else { return true };
        let word = token.text(self.text);
        let command = token.kind == TokenKind::Hash || word == "@" && self.text(idx + 1) == "[";
        command
            || COMMANDS.contains(&word)
            || self.is_at_margin(idx) && !matches!(word, "termination_by" | "decreasing_by" | "where")
    }

    /// True when a line begins at this token, without indentation.
    pub(super) fn is_at_margin(&self, idx: usize) -> bool {
        let start = self.start_of(idx);
        start == 0 || self.text.as_bytes()[start - 1] == b'\n'
    }

    /// Every declaration, in order.
    pub(super) fn declarations(&self) -> Vec<Declaration> {
        (0..self.tokens.len()).filter(|idx| self.is_keyword(*idx)).map(|idx| self.declaration(idx)).collect()
    }

    /// The last that claims something. Looking at the others takes time that grows with the square of a hostile text.
    fn last_claim(&self) -> Option<Declaration> {
        let is_claim = |idx: &usize| CLAIMS.contains(&self.text(*idx)) && self.is_keyword(*idx);
        (0..self.tokens.len()).rev().find(is_claim).map(|idx| self.declaration(idx))
    }

    /// What is wrong with a text that claims nothing and declares something.
    fn last_data(&self) -> Option<StatementError> {
        let keyword = (0..self.tokens.len()).rev().find(|idx| self.is_keyword(*idx))?;
        Some(StatementError::Data { line: self.line_of(keyword), keyword: self.text(keyword).to_owned() })
    }

    /// Says where a text breaks off, if it ends, behind token `from`, with what only begins a command: a modifier, an
    /// attribute, `open .. in` or a doc comment. Whatever is put behind such a text would become a part of it.
    pub(super) fn breaks_off(&self, from: usize) -> Option<StatementError> {
        let broken = |line, word: &str| Some(StatementError::BreaksOff { line, word: word.to_owned() });
        let last = self.tokens.len().checked_sub(1)?;
        let behind = &self.text[self.tokens[last].span.end..];
        if let Some(comment) = tokens(behind).last().filter(|token| token.text(behind).starts_with("/--")) {
            return broken(self.line_of(last) + comment.line - 1, "-/");
        }
        if last < from {
            return None;
        }
        let word = self.text(last);
        let dangles = match word {
            "]" => self.attributes(last).is_some(),
            "in" => self.command_before_in(last).is_some_and(|first| first >= from),
            _ => MODIFIERS.contains(&word) && (self.begins_line(last) || self.begins_command_prefix(last)),
        };
        if dangles { broken(self.line_of(last), word) } else { None }
    }

    /// The statement of a declaration, as [`Theorem::statement`] wants it.
    pub(super) fn statement(&self, declaration: &Declaration) -> String {
        let end = self.tokens[declaration.head.end - 1].span.end;
        self.text[self.start_of(declaration.first)..end].to_owned()
    }

    /// The imports and the commands up to a byte position, without the doc comment of what follows.
    pub(super) fn header(&self, end: usize) -> (Vec<String>, String) {
        let n_header = self.end_of_imports();
        let mut imports = Vec::new();
        for idx in 0..n_header {
            if self.text(idx) == "import" {
                let module = if self.text(idx + 1) == "all" { idx + 2 } else { idx + 1 };
                imports.push(self.text(module).to_owned());
            }
        }
        let start = n_header.checked_sub(1).map_or(0, |idx| self.tokens[idx].span.end).min(end);
        let preamble = &self.text[start..end];
        (imports, without_last_doc_comment(preamble).trim().to_owned())
    }

    /// The words of a range of tokens.
    pub(super) fn words(&self, range: &Range<usize>) -> impl Iterator<Item = &'a str> {
        range.clone().map(|idx| self.text(idx))
    }

    /// The index of the first token behind `module`, `prelude` and the imports.
    pub(super) fn end_of_imports(&self) -> usize {
        let mut idx = 0;
        if self.text(idx) == "module" {
            idx += 1;
        }
        if self.text(idx) == "prelude" {
            idx += 1;
        }
        loop {
            let mut keyword = idx;
            while matches!(self.text(keyword), "public" | "meta") {
                keyword += 1;
            }
            if self.text(keyword) != "import" {
                return idx;
            }
            idx = keyword + if self.text(keyword + 1) == "all" { 3 } else { 2 };
            idx = idx.min(self.tokens.len());
        }
    }

    fn is_keyword(&self, idx: usize) -> bool {
        let word = self.text(idx);
        let is_field = idx > 0 && self.text(idx - 1) == ".";
        match word {
            "theorem" | "example" | "def" => !is_field,
            // Mathlib's keyword, and a plain identifier in core Lean.
            "lemma" => self.begins_line(idx) || self.begins_command_prefix(idx),
            // `attribute [local instance]` and `deriving instance` declare nothing.
            _ if DATA.contains(&word) => {
                (self.begins_line(idx) || self.begins_command_prefix(idx)) && !matches!(self.text(idx + 1), "]" | ",")
            }
            _ => false,
        }
    }

    pub(super) fn begins_command_prefix(&self, idx: usize) -> bool {
        idx == 0
            || MODIFIERS.contains(&self.text(idx - 1))
            || matches!(self.text(idx - 1), "]" | "in" | "local" | "scoped")
    }

    fn declaration(&self, keyword: usize) -> Declaration {
        let (head_end, body) = self.end_of_head(keyword);
        let named = self.text(keyword) != "example";
        let name = self.tokens.get(keyword + 1).filter(|token| named && token.kind == TokenKind::Word);
        Declaration {
            first: self.first_of_command(keyword),
            keyword,
            name: name.map(|token| token.text(self.text).to_owned()),
            head: keyword..head_end,
            body,
        }
    }

    /// Where a declaration's statement ends, and the token behind its own `:=` if that is what ends it; else it is
    /// ended by equations, by `where`, by the next command or by the text's end. The `:=` of binders are in brackets,
    /// and each `let` or `have` in the statement takes one.
    fn end_of_head(&self, keyword: usize) -> (usize, Option<usize>) {
        let mut depth = 0_i32;
        let mut n_lets = 0_u32;
        // The first `|` of what may be patterns, which a `=>` shows to be equations; `|x|` is an absolute value.
        let mut bar: Option<usize> = None;
        // The arms of a `match` in the statement are no equations, and nothing tells where they end.
        let mut has_arms = false;
        for idx in keyword + 1..self.tokens.len() {
            match self.text(idx) {
                "(" | "[" | "{" | "⟨" | "⦃" => depth += 1,
                ")" | "]" | "}" | "⟩" | "⦄" => depth -= 1,
                _ if depth != 0 => {}
                "let" | "have" | "letI" | "haveI" => (n_lets, bar) = (n_lets + 1, None),
                ":=" if n_lets > 0 => n_lets -= 1,
                ":=" => return (idx, Some(idx + 1)),
                "where" => return (idx, None),
                "=>" if bar.is_some() && !has_arms => return (bar.unwrap_or(idx), None),
                "|" if self.touches_bar(idx) => {}
                "|" => bar = bar.or(Some(idx)),
                "match" => has_arms = true,
                "fun" | "λ" => (has_arms, bar) = (has_arms || self.text(idx + 1) == "|", None),
                // A statement that runs into the next command has no `:=`.
                _ if self.begins_line(idx) && self.begins_next_command(idx) => return (idx, None),
                word if IN_NO_PATTERN.contains(&word) => bar = None,
                _ => {}
            }
        }
        (self.tokens.len(), None)
    }

    /// True for a bar of `||` and `|||`.
    fn touches_bar(&self, idx: usize) -> bool {
        let span = &self.tokens[idx].span;
        let bytes = self.text.as_bytes();
        span.start > 0 && bytes[span.start - 1] == b'|' || bytes.get(span.end) == Some(&b'|')
    }

    /// True when the first word of a line begins a command wherever it stands.
    pub(super) fn begins_next_command(&self, idx: usize) -> bool {
        let is_attribute = self.text(idx) == "@" && self.text(idx + 1) == "[";
        COMMANDS.contains(&self.text(idx)) || is_attribute || self.tokens[idx].kind == TokenKind::Hash
    }

    /// Walks back over modifiers, attributes and `open .. in`.
    fn first_of_command(&self, keyword: usize) -> usize {
        let mut first = keyword;
        while let Some(before) = first.checked_sub(1) {
            let word = self.text(before);
            let step = if MODIFIERS.contains(&word) {
                Some(before)
            } else if word == "]" {
                self.attributes(before)
            } else if word == "in" {
                self.command_before_in(before)
            } else if matches!(word, "local" | "scoped") && self.text(keyword) == "instance" {
                Some(before)
            } else {
                None
            };
            match step {
                Some(step) => first = step,
                None => break,
            }
        }
        first
    }

    /// The `open` and the like that this `in` belongs to.
    fn command_before_in(&self, idx: usize) -> Option<usize> {
        (0..idx).rev().find(|idx| COMMANDS_WITH_IN.contains(&self.text(*idx)))
    }

    /// The `@` of the `@[..]` that ends at this `]`.
    fn attributes(&self, close: usize) -> Option<usize> {
        let mut depth = 0_i32;
        for idx in (0..=close).rev() {
            match self.text(idx) {
                "]" => depth += 1,
                "[" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return idx.checked_sub(1).filter(|at| self.text(*at) == "@");
            }
        }
        None
    }
}

/// A doc comment belongs to the declaration behind it; alone at the end of a preamble it would be a syntax error.
fn without_last_doc_comment(preamble: &str) -> &str {
    let mut kept = preamble;
    let is_doc = |token: &Token| token.kind == TokenKind::Comment && token.text(preamble).starts_with("/--");
    for token in tokens(preamble).iter().rev().take_while(|token| token.kind == TokenKind::Comment) {
        if is_doc(token) {
            kept = &preamble[..token.span.start];
        }
    }
    kept
}
