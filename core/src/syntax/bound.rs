//! Bound names as numbers: text in which it does not matter what variables and hypotheses are called.

use super::TokenKind;
use super::lexeme::{Lexeme, end_of_group, find_top_level};

/// A lexeme of which it is known whether a binder in sight has introduced it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Bound {
        /// From 0, in the order of introduction.
        number: usize,
        /// What follows it within the word: `.map` of `xs.map`, else nothing.
        fields: String,
    },
    Free(Lexeme),
}

/// The names in sight while a text is read from left to right.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    names: Vec<Name>,
    n_introduced: usize,
}

#[derive(Clone, Debug)]
struct Name {
    text: String,
    number: usize,
    /// The brackets that were open where it was introduced.
    depth: usize,
}

/// Words and signs whose names end with a `,` or a `=>`.
const QUANTIFIERS: [&str; 9] = ["∀", "∃", "fun", "∑", "∏", "Σ", "Π", "⋃", "⋂"];

impl Scope {
    /// Introduces a name for the rest of the text, and gives its number.
    pub fn introduce(&mut self, name: &str) -> usize {
        self.introduce_at(name, 0)
    }

    /// Replaces the names in sight. Names that the text itself binds are in sight to the end of what they belong to:
    /// the bracket's end, or a comma in the same brackets.
    pub fn read(&mut self, lexemes: &[Lexeme]) -> Vec<Part> {
        let n_outer = self.names.len();
        // What was introduced before is outside all brackets of this text.
        let mut depth = 1;
        let mut introduced = vec![None; lexemes.len()];
        let mut ends_names = vec![false; lexemes.len()];
        let mut parts = Vec::with_capacity(lexemes.len());
        for (idx, lexeme) in lexemes.iter().enumerate() {
            if lexeme.opens() {
                depth += 1;
                if lexeme.is("{") {
                    self.set_builder(lexemes, idx, depth, &mut introduced);
                }
            } else if lexeme.closes() {
                depth = usize::max(depth - 1, 1);
                self.names.retain(|name| name.depth <= depth);
            } else if lexeme.is(",") && !ends_names[idx] && depth > 1 {
                self.names.retain(|name| name.depth < depth);
            } else if QUANTIFIERS.contains(&lexeme.text.as_str()) {
                let is_end = |lexeme: &Lexeme| lexeme.is(",") || lexeme.is("=>");
                if let Some(n) = find_top_level(&lexemes[idx + 1..], |lexeme| is_end(lexeme) || lexeme.closes()) {
                    let end = idx + 1 + n;
                    ends_names[end] = true;
                    mark_binders(&lexemes[..end], idx + 1, depth, &mut introduced);
                }
            } else if (lexeme.is("let") || lexeme.is("have")) && lexemes.get(idx + 1).is_some_and(is_name) {
                introduced[idx + 1] = Some(depth);
            }
            parts.push(match introduced[idx] {
                Some(depth) => Part::Bound { number: self.introduce_at(&lexeme.text, depth), fields: String::new() },
                None => self.resolve(lexeme),
            });
        }
        self.names.truncate(n_outer);
        parts
    }

    fn introduce_at(&mut self, name: &str, depth: usize) -> usize {
        let number = self.n_introduced;
        self.n_introduced += 1;
        self.names.push(Name { text: name.to_owned(), number, depth });
        number
    }

    fn resolve(&self, lexeme: &Lexeme) -> Part {
        if lexeme.kind == TokenKind::Word {
            let at = if lexeme.text.starts_with('«') { None } else { lexeme.text.find('.') };
            let (head, fields) = lexeme.text.split_at(at.unwrap_or(lexeme.text.len()));
            if let Some(name) = self.names.iter().rev().find(|name| name.text == head || name.text == lexeme.text) {
                return Part::Bound { number: name.number, fields: fields.to_owned() };
            }
        }
        Part::Free(lexeme.clone())
    }

    /// `{x | p}`, `{x : T | p}`, `{x ∈ s | p}`.
    fn set_builder(&self, lexemes: &[Lexeme], open: usize, depth: usize, introduced: &mut [Option<usize>]) {
        let inner = &lexemes[open + 1..end_of_group(lexemes, open).saturating_sub(1).max(open + 1)];
        let is_name = inner.first().is_some_and(|first| first.kind == TokenKind::Word);
        let is_bound = inner.get(1).is_some_and(|next| matches!(next.text.as_str(), "|" | ":" | "∈"));
        if is_name && is_bound && find_top_level(inner, |lexeme| lexeme.is("|")).is_some() {
            introduced[open + 1] = Some(depth);
        }
    }
}

/// Marks the names of a binder list that ends where `lexemes` end: `x y`, `x : T`, `(x y : T) {z}`, `x ≥ 3`, `(x, y)`.
fn mark_binders(lexemes: &[Lexeme], start: usize, depth: usize, introduced: &mut [Option<usize>]) {
    let mut idx = start;
    while idx < lexemes.len() {
        let lexeme = &lexemes[idx];
        if lexeme.opens() {
            let end = end_of_group(lexemes, idx);
            let inner = &lexemes[idx + 1..usize::max(end - 1, idx + 1)];
            let n_names = find_top_level(inner, |lexeme| lexeme.is(":")).unwrap_or(inner.len());
            // An instance has a name only before a colon; a pattern such as `(x, y)` is all names.
            if !lexeme.is("[") || n_names < inner.len() {
                for (offset, name) in inner[..n_names].iter().enumerate() {
                    if is_name(name) {
                        introduced[idx + 1 + offset] = Some(depth);
                    }
                }
            }
            idx = end;
        } else if is_name(lexeme) {
            introduced[idx] = Some(depth);
            idx += 1;
        } else if lexeme.is("!") || lexeme.is("_") {
            idx += 1;
        } else {
            // A type or a bound follows, and no more names.
            return;
        }
    }
}

fn is_name(lexeme: &Lexeme) -> bool {
    lexeme.kind == TokenKind::Word && !lexeme.is("_") && !lexeme.is("in") && !lexeme.text.contains('.')
}
