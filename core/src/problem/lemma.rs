//! `lemma`, which is Mathlib's word for `theorem`: found where it is a command, and replaced where nobody knows it.

use super::statement::Source;
use crate::syntax::TokenKind;

/// Packages that come with Lean; none of them has `lemma`.
const WITHOUT_LEMMA: [&str; 4] = ["Init", "Std", "Lean", "Lake"];

/// A text in which `theorem` stands for `lemma`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain {
    /// The text; every other byte is as it was.
    pub text: String,
    /// The 1-based lines that had a `lemma`.
    pub lines: Vec<u32>,
}

/// Whether a file with these imports may know `lemma`: any package but those of Lean itself may define it.
#[must_use]
pub fn knows_lemma(imports: &[String]) -> bool {
    imports.iter().any(|module| !WITHOUT_LEMMA.contains(&module.split('.').next().unwrap_or_default()))
}

/// Writes `theorem` for each `lemma` that begins a declaration. In comments, strings and names, and as a variable, it
/// stays; so it does in a text that defines the word itself.
#[must_use]
pub fn lemmas_as_theorems(text: &str) -> Plain {
    let unchanged = || Plain { text: text.to_owned(), lines: Vec::new() };
    if !text.contains("lemma") {
        return unchanged();
    }
    let Ok(source) = Source::new(text) else { return unchanged() };
    let defines_it = source
        .tokens
        .iter()
        .any(|token| token.kind == TokenKind::Str && token.text(text).trim_matches('"').trim() == "lemma");
    if defines_it {
        return unchanged();
    }
    let (mut plain, mut done) = (unchanged(), 0);
    plain.text.clear();
    for idx in 0..source.tokens.len() {
        if is_command(&source, idx) {
            plain.text.push_str(&text[done..source.start_of(idx)]);
            plain.text.push_str("theorem");
            plain.lines.push(source.line_of(idx));
            done = source.tokens[idx].span.end;
        }
    }
    plain.text.push_str(&text[done..]);
    plain
}

/// True for a `lemma` that begins a command: with a name behind it, and before it the margin, a modifier, an attribute
/// or `in`. Indented ones, as people write them in sections, must state a type besides, which no application does.
fn is_command(source: &Source<'_>, idx: usize) -> bool {
    let is_word = source.tokens.get(idx + 1).is_some_and(|token| token.kind == TokenKind::Word);
    if source.text(idx) != "lemma" || !is_word {
        return false;
    }
    source.is_at_margin(idx)
        || (source.begins_line(idx) || source.begins_command_prefix(idx)) && states_a_type(source, idx + 2)
}

/// True when a `:` outside brackets comes before anything that would end a statement.
fn states_a_type(source: &Source<'_>, from: usize) -> bool {
    // No statement has more before its `:`, and a hostile text must not be read again from each of its words.
    const MAX_TOKENS: usize = 1000;
    let mut depth = 0_i32;
    for idx in (from..source.tokens.len()).take(MAX_TOKENS) {
        match source.text(idx) {
            "(" | "[" | "{" | "⟨" | "⦃" => depth += 1,
            ")" | "]" | "}" | "⟩" | "⦄" => depth -= 1,
            ":" if depth == 0 => return true,
            ":=" | "=>" | "lemma" if depth <= 0 => return false,
            _ if depth < 0 || depth == 0 && source.begins_command(idx) => return false,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let plain = lemmas_as_theorems(text);
        expected.assert_eq(&format!("{:?}\n{}", plain.lines, plain.text));
    }

    #[test]
    fn a_lemma_that_begins_a_declaration_becomes_a_theorem() {
        check(
            "lemma a (n : Nat) : n = n := rfl\n@[simp] private lemma b : 1 = 1 := rfl\nsection\n  lemma c {x : Nat} : x = x := rfl\n  open Nat in\n  lemma «d e».f.{u} : PUnit.{u} = PUnit := rfl\nend",
            &expect![[r#"
                [1, 2, 4, 6]
                theorem a (n : Nat) : n = n := rfl
                @[simp] private theorem b : 1 = 1 := rfl
                section
                  theorem c {x : Nat} : x = x := rfl
                  open Nat in
                  theorem «d e».f.{u} : PUnit.{u} = PUnit := rfl
                end"#]],
        );
    }

    #[test]
    fn the_word_stays_where_it_is_no_command() {
        let texts = [
            "-- lemma a : b\n/- \nlemma c : d -/",
            "theorem t (lemma : Nat) :\n    lemma = lemma := rfl",
            "theorem lemma.foo : 1 = 1 := by\n  exact\n    lemma x y\ntheorem u : \"lemma a : b\" = s := rfl",
            "theorem t (h : ∀ lemma : Nat, lemma = 1) : lemma.succ = 2",
            "macro \"lemma \" n:ident : command => `(theorem $n : True := trivial)\nlemma foo",
        ];
        for text in texts {
            assert_eq!(lemmas_as_theorems(text), Plain { text: text.to_owned(), lines: Vec::new() });
        }
    }

    #[test]
    fn packages_beyond_leans_own_may_know_the_word() {
        let knows = |imports: &[&str]| knows_lemma(&imports.iter().map(|m| (*m).to_owned()).collect::<Vec<_>>());
        assert!(!knows(&[]) && !knows(&["Init.Data.List", "Std.Data.HashMap", "Lean"]));
        assert!(knows(&["Init", "Mathlib.Data.Nat.Basic"]) && knows(&["MyProject"]));
    }
}
