//! Statements: where a declaration begins, what its name is, and where its body begins.

use std::ops::Range;

use super::{BARE_NAME, Theorem};
use crate::lexer::{Token, TokenKind, tokens};

/// What a theorem gets that comes without a header of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Modules to import.
    pub imports: Vec<String>,
    /// Commands before the statement, for example [`CORE_NOTATION`](super::CORE_NOTATION).
    pub preamble: String,
}

impl Defaults {
    /// Gives the defaults to a theorem that imports nothing; one that does knows what it needs.
    pub(super) fn complete(&self, mut theorem: Theorem) -> Theorem {
        if theorem.imports.is_empty() {
            theorem.imports.clone_from(&self.imports);
            if !theorem.preamble.contains(&self.preamble) {
                theorem.preamble = join(&self.preamble, &theorem.preamble);
            }
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
        /// `theorem`, `lemma` or `def`.
        keyword: String,
    },
    /// A comment or a string is not closed.
    #[error("line {line}: a comment, string or `«` is never closed")]
    Unclosed {
        /// 1-based.
        line: u32,
    },
}

/// Reads a statement: `theorem foo (a : Nat) : a = a`, with or without `:= by`, `:= by sorry` or a proof (which is left
/// out), behind a header or earlier declarations if there are any; or a bare proposition such as `∀ n : Nat, n + 0 = n`,
/// which becomes `theorem stepwise_goal`. The last declaration of the text is the one to be proved.
///
/// A text that imports nothing gets the defaults: their imports, and their commands before its own.
pub fn parse_statement(text: &str, defaults: &Defaults) -> Result<Theorem, StatementError> {
    parse_alone(text).map(|theorem| defaults.complete(theorem))
}

/// As [`parse_statement`], without defaults.
pub(super) fn parse_alone(text: &str) -> Result<Theorem, StatementError> {
    let text = normalise(text);
    let source = Source::new(&text)?;
    let Some(last) = source.last_declaration() else {
        return bare(&source);
    };
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

/// Splits a header into its imports and the commands after them.
pub(super) fn split_header(text: &str) -> Result<(Vec<String>, String), StatementError> {
    let text = normalise(text);
    Ok(Source::new(&text)?.header(text.len()))
}

/// Line feeds for line ends, and no byte order mark.
fn normalise(text: &str) -> String {
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

/// One `theorem`, `lemma`, `example` or `def`; all places are token indices.
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

const KEYWORDS: [&str; 4] = ["theorem", "lemma", "example", "def"];
const MODIFIERS: [&str; 8] = ["private", "protected", "noncomputable", "unsafe", "partial", "nonrec", "public", "meta"];
const COMMANDS_WITH_IN: [&str; 6] = ["open", "set_option", "omit", "include", "variable", "attribute"];

/// Words that begin a command. Not all of Lean's: those that can follow a `sorry` without a line break of their own.
const COMMANDS: [&str; 36] = [
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
];

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
        let at_margin = token.span.start == 0 || self.text.as_bytes()[token.span.start - 1] == b'\n';
        command
            || COMMANDS.contains(&word)
            || at_margin && !matches!(word, "termination_by" | "decreasing_by" | "where")
    }

    /// Every declaration that may have to be proved, in order.
    pub(super) fn declarations(&self) -> Vec<Declaration> {
        (0..self.tokens.len()).filter(|idx| self.is_keyword(*idx)).map(|idx| self.declaration(idx)).collect()
    }

    /// The last of them. Looking for the others takes time that grows with the square of a hostile text.
    fn last_declaration(&self) -> Option<Declaration> {
        (0..self.tokens.len()).rev().find(|idx| self.is_keyword(*idx)).map(|idx| self.declaration(idx))
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
    fn end_of_imports(&self) -> usize {
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
        // `lemma` is Mathlib's keyword and a plain identifier in core Lean.
        let plain_word = word == "lemma" && !self.begins_line(idx) && !self.begins_command_prefix(idx);
        let is_field = idx > 0 && self.text(idx - 1) == ".";
        KEYWORDS.contains(&word) && !plain_word && !is_field
    }

    fn begins_command_prefix(&self, idx: usize) -> bool {
        idx == 0 || MODIFIERS.contains(&self.text(idx - 1)) || matches!(self.text(idx - 1), "]" | "in")
    }

    fn declaration(&self, keyword: usize) -> Declaration {
        let body = self.body(keyword);
        let head_end = match body {
            Some(body) => body - 1,
            None => self.end_of_command(keyword + 1),
        };
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

    /// The token behind the declaration's own `:=`. Those of binders are in brackets, and each `let` or `have` in the
    /// statement takes one.
    fn body(&self, keyword: usize) -> Option<usize> {
        let mut depth = 0_i32;
        let mut n_lets = 0_u32;
        for idx in keyword + 1..self.tokens.len() {
            match self.text(idx) {
                "(" | "[" | "{" | "⟨" | "⦃" => depth += 1,
                ")" | "]" | "}" | "⟩" | "⦄" => depth -= 1,
                "let" | "have" | "letI" | "haveI" if depth == 0 => n_lets += 1,
                ":=" if depth == 0 && n_lets > 0 => n_lets -= 1,
                ":=" if depth == 0 => return Some(idx + 1),
                // A statement that runs into the next command, or into equations, has no `:=`.
                word if depth == 0 && (COMMANDS.contains(&word) && self.begins_line(idx)) => return None,
                _ => {}
            }
        }
        None
    }

    fn end_of_command(&self, from: usize) -> usize {
        (from..self.tokens.len())
            .find(|idx| COMMANDS.contains(&self.text(*idx)) && self.begins_line(*idx))
            .unwrap_or(self.tokens.len())
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
                (0..before).rev().find(|idx| COMMANDS_WITH_IN.contains(&self.text(*idx)))
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
