//! Lean text as lexemes in one spelling: comments and universes gone, operators whole, ASCII and Unicode alike.

use super::{Token, TokenKind, tokens};

/// One word, literal or operator, in the spelling that stands for all of its spellings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lexeme {
    pub kind: TokenKind,
    pub text: String,
}

impl Lexeme {
    /// Whether this is its text.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        self.text == text
    }

    /// Whether it opens brackets.
    #[must_use]
    pub fn opens(&self) -> bool {
        matches!(self.text.as_str(), "(" | "[" | "{" | "⟨" | "⦃" | "#[")
    }

    /// Whether it closes brackets.
    #[must_use]
    pub fn closes(&self) -> bool {
        matches!(self.text.as_str(), ")" | "]" | "}" | "⟩" | "⦄")
    }
}

/// The lexemes of a text.
#[must_use]
pub fn lexemes(source: &str) -> Vec<Lexeme> {
    let mut tokens = tokens(source);
    tokens.retain(|token| token.kind != TokenKind::Comment);
    let mut out = Vec::with_capacity(tokens.len());
    let mut idx = 0;
    while idx < tokens.len() {
        let n_joined = operator_at(source, &tokens, idx);
        let text = &source[tokens[idx].span.start..tokens[idx + n_joined - 1].span.end];
        let folded = fold(text);
        // `λ` is a symbol to the lexer and the word `fun` to everybody else.
        let kind = if folded == "fun" { TokenKind::Word } else { tokens[idx].kind };
        out.push(Lexeme { kind, text: folded.to_owned() });
        idx += n_joined;
    }
    without_universes(out)
}

/// The place behind the bracket that closes the one at `open`; the end where none does.
#[must_use]
pub fn end_of_group(lexemes: &[Lexeme], open: usize) -> usize {
    let mut depth = 0_u32;
    for (idx, lexeme) in lexemes.iter().enumerate().skip(open) {
        if lexeme.opens() {
            depth += 1;
        } else if lexeme.closes() {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return idx + 1;
            }
        }
    }
    lexemes.len()
}

/// The first lexeme outside brackets for which this holds.
pub fn find_top_level(lexemes: &[Lexeme], wanted: impl Fn(&Lexeme) -> bool) -> Option<usize> {
    let mut idx = 0;
    while idx < lexemes.len() {
        if wanted(&lexemes[idx]) {
            return Some(idx);
        }
        idx = if lexemes[idx].opens() { end_of_group(lexemes, idx) } else { idx + 1 };
    }
    None
}

/// Operators of core Lean and Mathlib that the lexer leaves in pieces, longest first.
const OPERATORS: [&str; 36] = [
    "<:+:", "&&&", "|||", "^^^", "<<<", ">>>", "~~~", "<->", "<+:", "<:+", "<$>", "<*>", ">>=", "<|>", "#v[", "<=",
    ">=", "->", "<-", "!=", "==", "/\\", "\\/", "&&", "||", "++", "::", "<|", "|>", "<+", ">>", "<*", "*>", "=>", "#[",
    "%%",
];

/// How many tokens from `idx` on make up one operator.
fn operator_at(source: &str, tokens: &[Token], idx: usize) -> usize {
    let is_symbol = |token: &&Token| token.kind == TokenKind::Symbol;
    let mut end = tokens[idx].span.start;
    let mut ends = Vec::new();
    for token in tokens[idx..].iter().take_while(is_symbol).take(4) {
        if token.span.start != end {
            break;
        }
        end = token.span.end;
        ends.push(end);
    }
    let start = tokens[idx].span.start;
    let longest = ends.iter().rposition(|end| OPERATORS.contains(&&source[start..*end]));
    longest.map_or(1, |last| last + 1)
}

fn fold(text: &str) -> &str {
    match text {
        "ℕ" => "Nat",
        "ℤ" => "Int",
        "ℚ" => "Rat",
        "ℝ" => "Real",
        "ℂ" => "Complex",
        "<=" => "≤",
        ">=" => "≥",
        "->" => "→",
        "<-" => "←",
        "<->" => "↔",
        "/\\" => "∧",
        "\\/" => "∨",
        "λ" => "fun",
        "↦" => "=>",
        "forall" => "∀",
        "exists" => "∃",
        _ => text,
    }
}

/// Leaves out universes: `.{u, v}`, and what follows `Type` and `Sort`.
fn without_universes(lexemes: Vec<Lexeme>) -> Vec<Lexeme> {
    let mut out: Vec<Lexeme> = Vec::with_capacity(lexemes.len());
    let mut idx = 0;
    while idx < lexemes.len() {
        let after_sort = out.last().is_some_and(|last| last.is("Type") || last.is("Sort"));
        if lexemes[idx].is(".") && lexemes.get(idx + 1).is_some_and(|next| next.is("{")) {
            idx = end_of_group(&lexemes, idx + 1);
        } else if after_sort && is_universe(&lexemes, idx) {
            idx = if lexemes[idx].is("(") { end_of_group(&lexemes, idx) } else { idx + 1 };
        } else {
            out.push(lexemes[idx].clone());
            idx += 1;
        }
    }
    out
}

fn is_universe(lexemes: &[Lexeme], idx: usize) -> bool {
    let lexeme = &lexemes[idx];
    match lexeme.text.as_str() {
        "*" => true,
        "(" => lexemes[idx + 1..end_of_group(lexemes, idx)].iter().all(|inner| !inner.is(":")),
        _ => matches!(lexeme.kind, TokenKind::Word | TokenKind::Number),
    }
}
