//! The symbols by which goals and lemmas are compared: constants, operators, numerals, and pairs of neighbours.

use crate::syntax::TokenKind;
use crate::syntax::bound::Part;
use crate::syntax::lexeme::Lexeme;

/// What a namespace counts beside the name in it: `List` in `List.map` says less than `map`.
const NAMESPACE: f64 = 0.3;

/// What a pair of neighbours counts. Pairs tell `(xs ++ ys).length` from `xs.length ++ ys`.
const PAIR: f64 = 0.5;

/// Symbols with weights; each is listed once, with its largest weight.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Symbols(pub(super) Vec<(String, f64)>);

impl Symbols {
    /// Adds the symbols of a text, each `weight` times what it counts.
    ///
    /// Bound names are left out, but what is called on them is not: `xs.map f` and `List.map f xs` both have `map`.
    pub(super) fn add(&mut self, parts: &[Part], weight: f64) {
        let mut last: Option<&str> = None;
        for (idx, part) in parts.iter().enumerate() {
            let name = match part {
                Part::Bound { fields, .. } => last_component(fields),
                Part::Free(lexeme) => self.free(lexeme, parts.get(idx + 1), weight),
            };
            let Some(name) = name else { continue };
            self.put(name.to_owned(), weight);
            if let Some(last) = last {
                self.put(format!("{last} {name}"), PAIR * weight);
            }
            last = Some(name);
        }
    }

    fn free<'a>(&mut self, lexeme: &'a Lexeme, next: Option<&Part>, weight: f64) -> Option<&'a str> {
        let text = lexeme.text.as_str();
        match lexeme.kind {
            TokenKind::Word => {
                if matches!(text, "fun" | "let" | "have" | "in" | "at" | "by" | "with" | "then" | "else" | "_") {
                    return None;
                }
                let name = last_component(text)?;
                for namespace in text[..text.len() - name.len()].split('.').filter(|part| !part.is_empty()) {
                    self.put(namespace.to_owned(), NAMESPACE * weight);
                }
                Some(name)
            }
            TokenKind::Symbol => {
                let next = match next {
                    Some(Part::Free(next)) => next.text.as_str(),
                    _ => "",
                };
                match (text, next) {
                    ("[", "]") => Some("[]"),
                    ("]", "?") => Some("]?"),
                    ("]", "!") => Some("]!"),
                    ("(" | ")" | "{" | "}" | "⟨" | "⟩" | "[" | "]" | "⦃" | "⦄", _) => None,
                    ("," | ":" | "." | ";" | "=>" | ":=" | "@" | "↑" | "✝" | "?" | "!" | "|" | "→" | "_", _) => {
                        None
                    }
                    _ => Some(text),
                }
            }
            _ => Some(text),
        }
    }

    fn put(&mut self, symbol: String, weight: f64) {
        match self.0.iter_mut().find(|(known, _)| *known == symbol) {
            Some((_, known)) => *known = known.max(weight),
            None => self.0.push((symbol, weight)),
        }
    }
}

/// `map` of `List.map` and of `.map`; none of nothing and of projections such as `.1`.
fn last_component(name: &str) -> Option<&str> {
    let last = if name.ends_with('»') { name } else { name.rsplit('.').next().unwrap_or(name) };
    (!last.is_empty() && !last.starts_with(|c: char| c.is_ascii_digit())).then_some(last)
}
