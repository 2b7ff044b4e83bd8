//! The theorems that a file declares, by their full names: the protocol has no request that lists them.
//!
//! A scan of words that follows namespaces is enough, because each name is then looked up by Lean: a wrong one is
//! answered with an error and not accepted.

use stepwise_core::syntax::{Token, TokenKind, tokens};

/// The full names of all theorems and lemmas, in order. Examples have none.
pub(super) fn theorems(text: &str) -> Vec<String> {
    let mut scopes: Vec<&str> = Vec::new();
    let mut names = Vec::new();
    let mut words = words(text);
    while let Some(word) = words.next() {
        match word {
            "namespace" => scopes.extend(words.next()),
            // An empty name stands for a scope that adds nothing to the names in it.
            "section" | "mutual" => scopes.push(""),
            "end" => {
                scopes.pop();
            }
            "theorem" | "lemma" => {
                let Some(name) = words.next() else { break };
                names.push(match name.strip_prefix("_root_.") {
                    Some(name) => name.to_owned(),
                    None => {
                        let parts = scopes.iter().copied().chain([name]).filter(|part| !part.is_empty());
                        parts.collect::<Vec<_>>().join(".")
                    }
                });
            }
            _ => {}
        }
    }
    names
}

/// Whether a text declares an axiom, under whatever name.
pub(super) fn an_axiom(text: &str) -> bool {
    words(text).any(|word| word == "axiom")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |token: &Token| token.kind == TokenKind::Word;
    tokens(text).into_iter().filter(is_word).map(move |token| &text[token.span])
}

#[cfg(test)]
mod tests {
    use super::theorems;

    #[test]
    fn names_follow_namespaces() {
        let text = "theorem a : True := trivial\nnamespace B.C\n/- theorem no /- -/ lemma -/\nlemma d.{u} : True := x\n\
                    section\nprivate theorem e' (s = \"theorem f \\\" \") : True\nend\ntheorem _root_.g : True\nend B.C\n\
                    theorem h -- theorem i\n  : True\nexample : True := trivial";
        assert_eq!(theorems(text), ["a", "B.C.d", "B.C.e'", "g", "h"]);
    }
}
