//! A problem's own definitions with the names gone: what two problems share that say the same of other words.
//!
//! Own names are those that the preamble declares: types, constructors, fields, functions, theorems. They and the
//! variables of each declaration are numbered in the order in which they appear. It is a reading of the text, not of
//! what Lean makes of it: notation and `open` stay as they are written.

use std::collections::BTreeSet;

use stepwise_core::problem::Theorem;
use stepwise_core::syntax::TokenKind;
use stepwise_core::syntax::lexeme::{Lexeme, lexemes};

/// Keywords behind which a name is declared.
const NAMING: [&str; 9] = ["def", "theorem", "lemma", "inductive", "structure", "class", "abbrev", "opaque", "axiom"];
/// Keywords at which a command begins, the naming ones aside.
const COMMANDS: [&str; 9] =
    ["instance", "example", "namespace", "section", "end", "open", "variable", "mutual", "notation"];
/// Words of patterns that are no variables.
const PATTERNS: [&str; 9] = ["true", "false", "some", "none", "nil", "cons", "zero", "succ", "fun"];

/// A problem with its own names gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Anonymous {
    /// The statement, with `own1`, `own2`, .. for own names in the order in which it speaks of them first.
    pub(super) statement: String,
    /// The declarations in their order, each as its words; own names are numbered over all of them, behind those of the
    /// statement, and variables anew in each.
    pub(super) declarations: Vec<Vec<String>>,
}

/// The problem without its own names; `None` where its preamble declares none.
pub(super) fn anonymous(theorem: &Theorem) -> Option<Anonymous> {
    let preamble = lexemes(&theorem.preamble);
    let declarations = declarations(&preamble);
    let own: BTreeSet<&str> = declarations.iter().flat_map(|words| declared(words)).collect();
    if own.is_empty() {
        return None;
    }
    let mut names = Numbers { own: &own, seen: Vec::new() };
    // The theorem's own name says nothing, whatever it is.
    let statement: Vec<String> = lexemes(&theorem.statement).iter().map(|word| names.word(word)).collect();
    let declarations = declarations.iter().map(|words| names.declaration(words)).collect();
    Some(Anonymous { statement: statement.join(" "), declarations })
}

/// Own names, numbered as they are met.
struct Numbers<'a> {
    own: &'a BTreeSet<&'a str>,
    seen: Vec<String>,
}

impl Numbers<'_> {
    /// The word with every own name in it replaced: of `Tree.size` both.
    fn word(&mut self, lexeme: &Lexeme) -> String {
        if lexeme.kind != TokenKind::Word {
            return lexeme.text.clone();
        }
        let parts =
            lexeme.text.split('.').map(|part| if self.own.contains(part) { self.name(part) } else { part.to_owned() });
        parts.collect::<Vec<_>>().join(".")
    }

    fn name(&mut self, own: &str) -> String {
        let place = self.seen.iter().position(|known| known == own).unwrap_or_else(|| {
            self.seen.push(own.to_owned());
            self.seen.len() - 1
        });
        format!("own{}", place + 1)
    }

    fn declaration(&mut self, words: &[Lexeme]) -> Vec<String> {
        let variables = variables(words, self.own);
        let mut met: Vec<&str> = Vec::new();
        let mut out = Vec::new();
        for word in words {
            // `x.left` is about the variable too.
            let (head, fields) = word.text.split_once('.').map_or((word.text.as_str(), None), |(a, b)| (a, Some(b)));
            if word.kind != TokenKind::Word || !variables.contains(head) {
                out.push(self.word(word));
                continue;
            }
            let place = met.iter().position(|known| *known == head).unwrap_or_else(|| {
                met.push(head);
                met.len() - 1
            });
            let fields = fields.map(|fields| self.word(&Lexeme { kind: word.kind, text: format!(".{fields}") }));
            out.push(format!("v{}{}", place + 1, fields.unwrap_or_default()));
        }
        out
    }
}

/// The preamble's commands.
fn declarations(preamble: &[Lexeme]) -> Vec<&[Lexeme]> {
    let begins = |word: &Lexeme| {
        word.kind == TokenKind::Word && (NAMING.contains(&&*word.text) || COMMANDS.contains(&&*word.text))
    };
    let starts: Vec<usize> = (0..preamble.len()).filter(|idx| begins(&preamble[*idx])).collect();
    let ends = starts.iter().skip(1).copied().chain([preamble.len()]);
    starts.iter().zip(ends).map(|(start, end)| stated(&preamble[*start..end])).collect()
}

/// A command without its proof, where it has one.
fn stated(words: &[Lexeme]) -> &[Lexeme] {
    let is_proved = words.first().is_some_and(|word| word.is("theorem") || word.is("lemma"));
    let proof = words.iter().position(|word| word.is(":=")).filter(|_| is_proved);
    &words[..proof.unwrap_or(words.len())]
}

/// The names that a command declares, each part of a dotted one.
fn declared(words: &[Lexeme]) -> Vec<&str> {
    let [keyword, name, rest @ ..] = words else { return Vec::new() };
    if !NAMING.contains(&&*keyword.text) || name.kind != TokenKind::Word {
        return Vec::new();
    }
    let mut names: Vec<&str> = name.text.split('.').collect();
    match keyword.text.as_str() {
        "inductive" => {
            let behind_bars = rest.windows(2).filter(|pair| pair[0].is("|") && pair[1].kind == TokenKind::Word);
            names.extend(behind_bars.map(|pair| pair[1].text.as_str()));
        }
        "structure" | "class" => {
            let fields = rest.iter().position(|word| word.is("where")).map_or(&rest[..0], |at| &rest[at + 1..]);
            let mut depth = 0_i32;
            for pair in fields.windows(2) {
                depth += i32::from(pair[0].opens()) - i32::from(pair[0].closes());
                if depth == 0 && pair[0].kind == TokenKind::Word && pair[1].is(":") {
                    names.push(&pair[0].text);
                }
            }
        }
        _ => {}
    }
    names
}

/// The names that a command binds: in brackets before a colon, and in patterns.
fn variables<'a>(words: &'a [Lexeme], own: &BTreeSet<&str>) -> BTreeSet<&'a str> {
    let is_name = |idx: usize| {
        let word = &words[idx];
        let plain = word.kind == TokenKind::Word && word.text.starts_with(|c: char| c.is_lowercase() || c == '_');
        let is_member = idx > 0 && words[idx - 1].is(".");
        plain
            && !is_member
            && !word.text.contains('.')
            && !own.contains(&*word.text)
            && !PATTERNS.contains(&&*word.text)
    };
    let mut names = BTreeSet::new();
    let mut in_pattern = false;
    for idx in 0..words.len() {
        match words[idx].text.as_str() {
            "|" => in_pattern = true,
            "fun" => in_pattern = true,
            "=>" | ":=" | ":" => in_pattern = false,
            "(" | "{" | "[" => {
                let group: Vec<usize> = (idx + 1..words.len()).take_while(|idx| is_name(*idx)).collect();
                if words.get(idx + 1 + group.len()).is_some_and(|word| word.is(":")) {
                    names.extend(group.into_iter().map(|idx| words[idx].text.as_str()));
                }
            }
            _ if in_pattern && is_name(idx) => {
                names.insert(words[idx].text.as_str());
            }
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn problem(preamble: &str, statement: &str) -> Theorem {
        Theorem { preamble: preamble.to_owned(), statement: statement.to_owned(), ..Theorem::default() }
    }

    const TREE: &str = "inductive Tree where\n  | leaf\n  | node (l r : Tree)\n\ndef flip : Tree → Tree\n  | .leaf => .leaf\n  \
        | .node l r => .node (flip r) (flip l)";
    const OTHER: &str = "inductive Gork where\n  | blim\n  | dran (a b : Gork)\n\ndef zum : Gork → Gork\n  | .blim => .blim\n  \
        | .dran x y => .dran (zum y) (zum x)";

    #[test]
    fn names_make_no_difference() {
        let one = anonymous(&problem(TREE, "theorem flip_flip (t : Tree) : flip (flip t) = t")).unwrap();
        let other = anonymous(&problem(OTHER, "theorem zum_zum (t : Gork) : zum (zum t) = t")).unwrap();
        assert_eq!(one.declarations, other.declarations);
        expect!["theorem flip_flip ( t : own1 ) : own2 ( own2 t ) = t"].assert_eq(&one.statement);
        let shown: Vec<String> = one.declarations.iter().map(|words| words.join(" ")).collect();
        expect![[r#"
            inductive own1 where | own3 | own4 ( v1 v2 : own1 )
            def own2 : own1 → own1 | . own3 => . own3 | . own4 v1 v2 => . own4 ( own2 v2 ) ( own2 v1 )"#]]
        .assert_eq(&shown.join("\n"));
    }

    #[test]
    fn what_is_defined_makes_a_difference() {
        let unchanged = TREE.replace("(flip r) (flip l)", "(flip l) (flip r)");
        let statement = "theorem flip_flip (t : Tree) : flip (flip t) = t";
        let [one, other] = [TREE, &unchanged].map(|text| anonymous(&problem(text, statement)).unwrap());
        assert_eq!(one.statement, other.statement);
        assert_ne!(one.declarations, other.declarations);
    }

    #[test]
    fn fields_and_dotted_names_are_own_names_too() {
        let preamble =
            "structure Box where\n  left : Nat\n  right : Nat := 3\n\ndef Box.sum (b : Box) : Nat := b.left + b.right";
        let read = anonymous(&problem(preamble, "theorem t (b : Box) : b.sum = b.left + b.right")).unwrap();
        expect!["theorem t ( b : own1 ) : b.own2 = b.own3 + b.own4"].assert_eq(&read.statement);
        let shown: Vec<String> = read.declarations.iter().map(|words| words.join(" ")).collect();
        expect![[r#"
            structure own1 where own3 : Nat own4 : Nat := 3
            def own1.own2 ( v1 : own1 ) : Nat := v1.own3 + v1.own4"#]]
        .assert_eq(&shown.join("\n"));
    }

    #[test]
    fn a_preamble_that_declares_nothing_is_left_alone() {
        assert_eq!(anonymous(&problem("open Nat\nlocal notation \"ℕ\" => Nat", "theorem t : 1 = 1")), None);
    }
}
