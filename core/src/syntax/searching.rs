//! Tactics that only look for a proof (`exact?`, `simp?`): found in a tactic, and replaced by what they suggest.
//!
//! They are slow, they depend on whatever is imported, and Lean itself says to put their suggestion in their place. So
//! none of them stands in a proof that is delivered: a host answers one that succeeds with a failure that carries the
//! suggestions, in Lean's own layout, and whoever proposed it tries those instead.

use std::ops::Range;

use super::{Token, TokenKind, tokens};

/// Tactics of core Lean, Batteries and Mathlib that print a suggestion instead of keeping what they found.
const SEARCHING: [&str; 31] = [
    "exact?",
    "exact?%",
    "apply?",
    "rw?",
    "rw??",
    "rewrite?",
    "rewrites?",
    "have?",
    "simp?",
    "simp?!",
    "simp!?",
    "simp_all?",
    "simp_all?!",
    "simp_all!?",
    "simp_arith?",
    "simp_all_arith?",
    "dsimp?",
    "dsimp?!",
    "dsimp!?",
    "simpa?",
    "simpa!?",
    "grind?",
    "try?",
    "aesop?",
    "decide?",
    "norm_num?",
    "hint",
    "observe?",
    "show_term",
    "library_search",
    "suggest",
];

/// What a tactic holds that only searches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Searching {
    /// The first such word.
    pub word: String,
    /// How many there are.
    n_words: usize,
    /// Its place and that of its arguments, in bytes.
    span: Range<usize>,
}

/// Finds what in a tactic only searches, outside comments, strings and names.
#[must_use]
pub fn searching(tactic: &str) -> Option<Searching> {
    // Most tactics have none, and are not split.
    if !SEARCHING.iter().any(|word| tactic.contains(word)) {
        return None;
    }
    let mut tokens = tokens(tactic);
    tokens.retain(|token| token.kind != TokenKind::Comment);
    let found: Vec<usize> = (0..tokens.len()).filter(|idx| is_searching(tactic, &tokens, *idx)).collect();
    let first = *found.first()?;
    let end = end_of_arguments(tactic, &tokens, first);
    Some(Searching {
        word: tokens[first].text(tactic).to_owned(),
        n_words: found.len(),
        span: tokens[first].span.start..end,
    })
}

impl Searching {
    /// What a host says of such a tactic that found something; `messages` are what Lean logged.
    #[must_use]
    pub fn refusal<'a>(&self, messages: impl IntoIterator<Item = &'a str>) -> String {
        let found: Vec<String> = messages.into_iter().flat_map(suggestions).collect();
        let mut text = format!("`{}` only searches, and is not kept in a proof", self.word);
        match found.len() {
            0 => text.push_str("; Lean suggests nothing in its place"),
            1 => text.push_str(". Try this:"),
            _ => text.push_str(". Try these:"),
        }
        for tactic in found {
            text.push_str("\n  [apply] ");
            text.push_str(&tactic.replace('\n', "\n  "));
        }
        text
    }

    /// The tactics to try instead, given what the host said: the same with each suggestion in the place of the search.
    /// None where there is more than one search in it, as nothing tells which suggestion belongs to which.
    #[must_use]
    pub fn replacements(&self, tactic: &str, refusal: &str) -> Vec<String> {
        if self.n_words > 1 || self.word == "show_term" {
            return Vec::new();
        }
        let Some((_, told)) = refusal.split_once("is not kept in a proof. ") else { return Vec::new() };
        let (before, behind) = (&tactic[..self.span.start], &tactic[self.span.end..]);
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
        let deeper = format!("\n{}", " ".repeat(column));
        let replaced = |found: String| format!("{before}{}{behind}", found.replace('\n', &deeper));
        suggestions(told).into_iter().filter(|found| searching(found).is_none()).map(replaced).collect()
    }
}

/// The tactics in a message of the form `Try this:` or `Try these:`, without the comments below them.
fn suggestions(message: &str) -> Vec<String> {
    let message = message.trim_start();
    let Some(list) = message.strip_prefix("Try this:").or_else(|| message.strip_prefix("Try these:")) else {
        return Vec::new();
    };
    let mut found: Vec<String> = Vec::new();
    for line in list.lines() {
        let line = line.strip_prefix("  ").unwrap_or(line);
        match line.strip_prefix("[apply] ").or_else(|| line.strip_prefix("• ")) {
            Some(begun) => found.push(begun.to_owned()),
            None if line.trim().is_empty() || line.trim_start().starts_with("--") => {}
            None => match found.last_mut() {
                Some(last) => *last = format!("{last}\n{line}"),
                // Older versions of Lean put a single one behind the colon.
                None => found.push(line.trim_start().to_owned()),
            },
        }
    }
    found
}

fn is_searching(tactic: &str, tokens: &[Token], idx: usize) -> bool {
    let text = tokens[idx].text(tactic);
    let before = idx.checked_sub(1).map_or("", |before| tokens[before].text(tactic));
    // Words without a `?` may be names of people's own: a tactic begins with them.
    let begins = tokens[idx].begins_line || matches!(before, "" | ";" | "by" | "=>" | "·" | "(" | ">" | "{" | "|");
    tokens[idx].kind == TokenKind::Word
        && SEARCHING.contains(&text)
        && before != "."
        && (begins || text.ends_with(['?', '!']))
}

/// Where the arguments of the tactic at `idx` end: at a `;`, a `<;>`, a bracket that closes, `|`, or a line no deeper.
fn end_of_arguments(tactic: &str, tokens: &[Token], idx: usize) -> usize {
    let mut depth = 0_i32;
    let mut end = tokens[idx].span.end;
    for (ahead, token) in tokens.iter().enumerate().skip(idx + 1) {
        let text = token.text(tactic);
        let next = |n: usize| tokens.get(ahead + n).map_or("", |token| token.text(tactic));
        match text {
            "(" | "[" | "{" | "⟨" => depth += 1,
            ")" | "]" | "}" | "⟩" if depth == 0 => break,
            ")" | "]" | "}" | "⟩" => depth -= 1,
            ";" | "|" | "," if depth == 0 => break,
            "<" if depth == 0 && next(1) == ";" && next(2) == ">" => break,
            _ if depth == 0 && token.begins_line => break,
            _ => {}
        }
        end = token.span.end;
    }
    end
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(tactic: &str, messages: &[&str], expected: &Expect) {
        let shown = match searching(tactic) {
            None => "no search".to_owned(),
            Some(search) => {
                let refusal = search.refusal(messages.iter().copied());
                format!("{refusal}\n=> {:?}", search.replacements(tactic, &refusal))
            }
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn a_search_is_replaced_by_each_of_its_suggestions() {
        check(
            "exact?",
            &["Try this:\n  [apply] exact Nat.le_of_succ_le h"],
            &expect![[r#"
            `exact?` only searches, and is not kept in a proof. Try this:
              [apply] exact Nat.le_of_succ_le h
            => ["exact Nat.le_of_succ_le h"]"#]],
        );
        check(
            "intro x; simp? [foo, (bar)] at h ⊢",
            &["Try this:\n  [apply] simp only [foo] at h ⊢"],
            &expect![[r#"
            `simp?` only searches, and is not kept in a proof. Try this:
              [apply] simp only [foo] at h ⊢
            => ["intro x; simp only [foo] at h ⊢"]"#]],
        );
        check(
            "cases n with\n| zero => rw?\n| succ n => rfl",
            &[
                "Try this:\n  [apply] rw [a,\n    b]\n  -- x = y",
                "found an applicable lemma, but",
                "Try this:\n  [apply] rw [c]",
            ],
            &expect![[r#"
                `rw?` only searches, and is not kept in a proof. Try these:
                  [apply] rw [a,
                    b]
                  [apply] rw [c]
                => ["cases n with\n| zero => rw [a,\n            b]\n| succ n => rfl", "cases n with\n| zero => rw [c]\n| succ n => rfl"]"#]],
        );
        check(
            "first | rfl | (try?)",
            &["Try these:\n  [apply] grind\n  [apply] exact?"],
            &expect![[r#"
            `try?` only searches, and is not kept in a proof. Try these:
              [apply] grind
              [apply] exact?
            => ["first | rfl | (grind)"]"#]],
        );
        check(
            "exact?",
            &["Try this: exact h"],
            &expect![[r#"
            `exact?` only searches, and is not kept in a proof. Try this:
              [apply] exact h
            => ["exact h"]"#]],
        );
    }

    #[test]
    fn what_cannot_be_replaced_is_refused_nevertheless() {
        check(
            "constructor <;> simp?",
            &[],
            &expect![[r#"
            `simp?` only searches, and is not kept in a proof; Lean suggests nothing in its place
            => []"#]],
        );
        check(
            "have := by exact?\nexact?",
            &["Try this:\n  [apply] exact a", "Try this:\n  [apply] exact b"],
            &expect![[r#"
            `exact?` only searches, and is not kept in a proof. Try these:
              [apply] exact a
              [apply] exact b
            => []"#]],
        );
        check(
            "show_term simp",
            &["Try this:\n  [apply] exact of_eq_true p"],
            &expect![[r#"
            `show_term` only searches, and is not kept in a proof. Try this:
              [apply] exact of_eq_true p
            => []"#]],
        );
    }

    #[test]
    fn functions_and_names_with_question_marks_are_no_searches() {
        for tactic in [
            "simp [List.find?, xs.head?, getElem?]",
            "exact h.apply?.2",
            "-- exact?\nrfl",
            "exact \"simp?\"",
            "have hint := h\nexact hint",
            "exact suggest h",
        ] {
            assert_eq!(searching(tactic), None, "{tactic}");
        }
    }
}
