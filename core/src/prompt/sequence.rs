//! Tells the tactics in a text apart that a model wrote one after another.

/// The tactics of a block, in order, each at the left margin; joined by line feeds they are the block again.
///
/// A tactic begins at the margin, or a space to the right of it, as models write them that put a space before each; a
/// line that is deeper, or that begins with what continues something (`| inl h =>`, `<;> simp`, `_ = c := ..`, `)`), or
/// that follows a line which is waiting for more (`:= by`, `=>`, `,`), belongs to the tactic above it. A `·` begins a
/// tactic of its own, with everything below it that is deeper.
#[must_use]
pub fn split_tactics(block: &str) -> Vec<String> {
    let mut tactics: Vec<String> = Vec::new();
    // How far the tactic's own first line is from the margin, and which brackets are open in it.
    let (mut margin, mut depth) = (0, 0_i32);
    let mut waits = false;
    let mut n_blank = 0;
    for line in block.lines() {
        let text = line.trim();
        if text.is_empty() {
            n_blank += 1;
            continue;
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        let has_begun =
            tactics.last().is_some_and(|tactic| tactic.lines().any(|line| !line.trim_start().starts_with("--")));
        let begins = tactics.is_empty() || has_begun && indent <= 1 && depth <= 0 && !waits && !continues(text);
        match tactics.last_mut().filter(|_| !begins) {
            Some(tactic) => {
                tactic.push_str(&"\n".repeat(n_blank + 1));
                tactic.push_str(&line[indent.min(margin)..]);
            }
            None => {
                (margin, depth) = (indent, 0);
                tactics.push(text.to_owned());
            }
        }
        n_blank = 0;
        let code = text.split("--").next().unwrap_or_default().trim_end();
        depth += brackets(code);
        waits = if code.is_empty() { waits } else { is_waiting(code) };
    }
    tactics
}

/// Whether a line at the margin goes on with what is above it.
fn continues(text: &str) -> bool {
    const SYMBOLS: [&str; 19] =
        ["|", "<;>", ")", "]", "}", "⟩", "=", "<", "≤", "≥", ">", "+", "-", "*", "/", "∧", "∨", "→", ":="];
    const WORDS: [&str; 9] = ["at", "with", "using", "from", "then", "else", "generalizing", "_", "where"];
    let word = text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    // A comment is no tactic: `-` is among the symbols.
    SYMBOLS.iter().any(|symbol| text.starts_with(symbol)) || WORDS.contains(&word)
}

/// Whether a line asks for more behind it.
fn is_waiting(code: &str) -> bool {
    const ENDS: [&str; 13] = [":=", "=>", ",", "<;>", ";", "←", "<|", "$", "▸", "+", "=", "(", "⟨"];
    const WORDS: [&str; 8] = ["by", "calc", "from", "then", "else", "do", "at", "with"];
    let word = code.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    ENDS.iter().any(|end| code.ends_with(end)) || WORDS.contains(&word)
}

/// Brackets that a line opens, less those that it closes.
fn brackets(code: &str) -> i32 {
    code.chars().map(|c| i32::from("([{⟨".contains(c)) - i32::from(")]}⟩".contains(c))).sum()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(block: &str, expected: &Expect) {
        expected.assert_debug_eq(&split_tactics(block));
    }

    #[test]
    fn tactics_one_after_another_are_told_apart() {
        check(
            "omega\n\n clear h\n\n simp [Nat.dvd_iff_mod_eq_zero]\n\n exact dvd_mul",
            &expect![[r#"
            [
                "omega",
                "clear h",
                "simp [Nat.dvd_iff_mod_eq_zero]",
                "exact dvd_mul",
            ]
        "#]],
        );
        check(
            "intro x\nsimp at x -- with\nexact x",
            &expect![[r#"
            [
                "intro x",
                "simp at x -- with",
                "exact x",
            ]
        "#]],
        );
        check(
            "constructor\n· intro h\n  exact h\n· simp\n-- done\nrfl",
            &expect![[r#"
            [
                "constructor",
                "· intro h\n  exact h",
                "· simp\n-- done",
                "rfl",
            ]
        "#]],
        );
        check(
            "",
            &expect![[r#"
            []
        "#]],
        );
    }

    #[test]
    fn tactics_of_several_lines_stay_whole() {
        for block in [
            "induction n with\n| zero => rfl\n\n| succ n ih =>\n  simp [ih]",
            "cases h with\n | inl h => exact h\n | inr h => exact h",
            "have h : a = b := by\n  omega\n\n  done",
            "calc a = b := by simp\n _ = c := h\n _ = d := k",
            "simp only [a,\n b,\nc]\n at h ⊢",
            "rcases h with\n⟨a, b⟩",
            "by_cases h : p\n<;> simp [h]",
            "refine ⟨a,\nb⟩",
        ] {
            assert_eq!(split_tactics(block).len(), 1, "{block}");
        }
    }
}
