//! A statement taken apart: its binders, those of a leading `∀` and of leading implications included, and what is left.

use super::TokenKind;
use super::lexeme::{Lexeme, end_of_group, find_top_level, lexemes};

/// How an argument is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinderKind {
    Explicit,
    /// In braces, strict ones included.
    Implicit,
    /// In square brackets.
    Instance,
}

/// One argument of a theorem: a variable or a hypothesis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binder {
    /// `None` for a premise of an implication and an unnamed instance.
    pub name: Option<String>,
    /// Its type; empty where the statement leaves it to Lean.
    pub ty: Vec<Lexeme>,
    pub kind: BinderKind,
}

/// Binders and conclusion of a statement: `theorem t (n : Nat) : 0 < n → P n` and `theorem t : ∀ n : Nat, 0 < n → P n`
/// have the same two binders and the same conclusion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    pub binders: Vec<Binder>,
    pub conclusion: Vec<Lexeme>,
}

const KEYWORDS: [&str; 4] = ["theorem", "lemma", "example", "def"];

impl Signature {
    /// Reads what [`Theorem::statement`](crate::problem::Theorem::statement) holds. Never fails: what has no keyword is
    /// taken for a proposition.
    #[must_use]
    pub fn read(statement: &str) -> Self {
        let lexemes = lexemes(statement);
        let keyword = lexemes.iter().position(|lexeme| KEYWORDS.contains(&lexeme.text.as_str()));
        let mut rest = lexemes.as_slice();
        let mut signature = Self::default();
        if let Some(keyword) = keyword {
            rest = &lexemes[keyword + 1..];
            if !lexemes[keyword].is("example") && rest.first().is_some_and(|name| name.kind == TokenKind::Word) {
                rest = &rest[1..];
            }
            let colon = find_top_level(rest, |lexeme| lexeme.is(":")).unwrap_or(rest.len());
            signature.bind(&rest[..colon]);
            rest = rest.get(colon + 1..).unwrap_or_default();
        }
        signature.telescope(rest);
        signature
    }

    /// Moves the binders in front of a proposition over to the others, and keeps the rest as the conclusion.
    fn telescope(&mut self, mut rest: &[Lexeme]) {
        loop {
            rest = unwrapped(rest);
            if rest.first().is_some_and(|first| first.is("∀")) {
                let Some(comma) = find_top_level(rest, |lexeme| lexeme.is(",")) else { break };
                self.bind(&rest[1..comma]);
                rest = &rest[comma + 1..];
                continue;
            }
            // `↔` binds looser than `→`, and what these words open takes everything to its right.
            let is_greedy = |lexeme: &Lexeme| {
                matches!(lexeme.text.as_str(), "↔" | "∀" | "∃" | "fun" | "let" | "have" | "if" | "match" | "∑" | "∏")
            };
            let Some(arrow) = find_top_level(rest, |lexeme| lexeme.is("→") || is_greedy(lexeme)) else { break };
            if !rest[arrow].is("→") || find_top_level(rest, |lexeme| lexeme.is("↔")).is_some() {
                break;
            }
            self.binders.push(Binder { name: None, ty: rest[..arrow].to_vec(), kind: BinderKind::Explicit });
            rest = &rest[arrow + 1..];
        }
        self.conclusion = rest.to_vec();
    }

    /// Reads a list of binders: `(x y : T) {z} [C]`, `x y : T`, `x ≥ 3`.
    fn bind(&mut self, list: &[Lexeme]) {
        let mut idx = 0;
        let mut bare = Vec::new();
        while idx < list.len() {
            let end = end_of_group(list, idx);
            match list[idx].text.as_str() {
                "(" => self.bind_group(&list[idx + 1..end - 1], BinderKind::Explicit),
                "{" | "⦃" => self.bind_group(&list[idx + 1..end - 1], BinderKind::Implicit),
                "[" => self.bind_group(&list[idx + 1..end - 1], BinderKind::Instance),
                ":" => {
                    self.bind_names(&bare, &list[idx + 1..], BinderKind::Explicit);
                    return;
                }
                _ if list[idx].kind == TokenKind::Word => {
                    bare.push(list[idx].text.clone());
                    idx += 1;
                    continue;
                }
                // A bounded quantifier: the names, and what is said of them.
                _ => {
                    self.bind_names(&bare, &[], BinderKind::Explicit);
                    self.binders.push(Binder { name: None, ty: list.to_vec(), kind: BinderKind::Explicit });
                    return;
                }
            }
            idx = end;
        }
        self.bind_names(&bare, &[], BinderKind::Explicit);
    }

    fn bind_group(&mut self, group: &[Lexeme], kind: BinderKind) {
        match find_top_level(group, |lexeme| lexeme.is(":")) {
            Some(colon) => {
                let names: Vec<String> = group[..colon].iter().map(|name| name.text.clone()).collect();
                self.bind_names(&names, &group[colon + 1..], kind);
            }
            None if kind == BinderKind::Instance => self.binders.push(Binder { name: None, ty: group.to_vec(), kind }),
            None => {
                let names: Vec<String> = group.iter().map(|name| name.text.clone()).collect();
                self.bind_names(&names, &[], kind);
            }
        }
    }

    fn bind_names(&mut self, names: &[String], ty: &[Lexeme], kind: BinderKind) {
        let named = |name: &String| (name != "_").then(|| name.clone());
        self.binders.extend(names.iter().map(|name| Binder { name: named(name), ty: ty.to_vec(), kind }));
    }
}

/// Without brackets around the whole.
fn unwrapped(mut lexemes: &[Lexeme]) -> &[Lexeme] {
    while lexemes.first().is_some_and(|first| first.is("(")) && end_of_group(lexemes, 0) == lexemes.len() {
        let inner = &lexemes[1..lexemes.len().saturating_sub(1).max(1)];
        if find_top_level(inner, |lexeme| lexeme.is(":") || lexeme.is(",") && !inner[0].is("∀")).is_some() {
            break;
        }
        lexemes = inner;
    }
    lexemes
}
