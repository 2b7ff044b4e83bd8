//! The negation of a theorem, as a theorem of its own: what is proved when the statement turns out to be false.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Theorem;
use super::statement::{Declaration, Source, join};
use crate::syntax::TokenKind;

/// What the negation's name ends with.
const SUFFIX: &str = "_negation";

/// What the name of a disproved theorem's negation ends with.
const DISPROVED: &str = "_disproved";

/// The statement under another name, where it is taken for true to be contradicted.
const RESTATED: &str = "stepwise_restated";

/// Names that stand for nothing must not become variables: they would be quantified outside the negation, where an
/// empty type makes every statement true.
const NO_AUTO_IMPLICIT: &str = "set_option autoImplicit false";

impl Theorem {
    /// The negation: `theorem t (x : T) (h : P x) : Q x` becomes `theorem t_negation : ¬ ∀ (x : T) (h : P x), Q x`.
    ///
    /// `without` stays, and so do the header and `open .. in` and `set_option .. in`; attributes and modifiers go, as they
    /// speak of the theorem itself, and so do default values of binders. Of a universe-polymorphic theorem it is the
    /// negation in every universe, which is more than needed to refute it.
    ///
    /// `None` where it cannot be stated by rewriting the text: for a `def`, for a statement that depends on `variable`s
    /// (which would stay outside the negation), and for a text that is no statement.
    #[must_use]
    pub fn negation(&self) -> Option<Self> {
        self.negated(SUFFIX)
    }

    /// The negation under the name that a file with its proof has for a reader: `t_disproved`. `None` as for
    /// [`Theorem::negation`].
    #[must_use]
    pub fn disproof(&self) -> Option<Self> {
        self.negated(DISPROVED)
    }

    /// What shows that a disproof speaks of this very statement: a theorem that takes the negation as a hypothesis `h`
    /// and the tactic that proves it, behind the statement itself as it is written, unproved. The two may be
    /// elaborated differently, as where a numeral's type is found last. `None` as for [`Theorem::negation`].
    #[must_use]
    pub fn contradiction(&self) -> Option<(Self, String)> {
        let disproof = self.disproof()?;
        let source = Source::new(&self.statement).ok()?;
        let declaration = source.declarations().pop()?;
        let parts = Parts::of(&source, &declaration)?;
        let universes = parts.universes(&source, &self.preamble)?;
        // What stands behind the name, or behind `example`, as it is written.
        let before = declaration.keyword + usize::from(declaration.name.is_some());
        let rest = &source.text[source.tokens[before].span.end..source.tokens[declaration.head.end - 1].span.end];
        let name_of = |last: &str| with_last(declaration.name.as_deref().unwrap_or_default(), last);
        let commands = &parts.commands;
        let restated = format!("{commands}theorem {}{rest} := sorry", name_of(RESTATED));
        let name = name_of("stepwise_contradicts");
        let statement = format!("{commands}theorem {name}{universes} (h : {}) : False", parts.negated(&source));
        let preamble = join(&join(&self.preamble, &restated), NO_AUTO_IMPLICIT);
        Some((Self { name, preamble, statement, ..disproof }, format!("exact h @{RESTATED}")))
    }

    fn negated(&self, suffix: &str) -> Option<Self> {
        if words_of(&self.preamble)?.contains("variable") {
            return None;
        }
        let source = Source::new(&self.statement).ok()?;
        let declaration = source.declarations().pop()?;
        let parts = Parts::of(&source, &declaration)?;
        let name = with_suffix(&self.name, suffix);
        let statement = format!(
            "{}theorem {name}{} : {}",
            parts.commands,
            parts.universes(&source, &self.preamble)?,
            parts.negated(&source)
        );
        let preamble = join(&self.preamble, NO_AUTO_IMPLICIT);
        Some(Self { name, preamble, statement, ..self.clone() })
    }
}

/// A declaration taken apart; the ranges are of token indices.
struct Parts {
    /// The commands with `in` before it, each with its line feed.
    commands: String,
    /// Its universe parameters, brackets included: `.{u, v}`.
    universes: Range<usize>,
    binders: Range<usize>,
    /// What is claimed.
    claim: Range<usize>,
}

impl Parts {
    fn of(source: &Source<'_>, declaration: &Declaration) -> Option<Self> {
        if source.text(declaration.keyword) == "def" {
            return None;
        }
        let mut start = declaration.keyword + 1 + usize::from(declaration.name.is_some());
        let universes_start = start;
        if source.text(start) == "." && source.text(start + 1) == "{" {
            start = closing(source, start + 1)? + 1;
        }
        let end = declaration.head.end;
        let mut colon = start;
        while source.text(colon) != ":" {
            colon = if is_open(source.text(colon)) { closing(source, colon)? } else { colon } + 1;
            if colon >= end {
                return None;
            }
        }
        (colon + 1 < end).then_some(())?;
        Some(Self {
            commands: commands(source, declaration.first..declaration.keyword)?,
            universes: universes_start..start,
            binders: start..colon,
            claim: colon + 1..end,
        })
    }

    /// The negated proposition.
    fn negated(&self, source: &Source<'_>) -> String {
        let claim = text_of(source, &self.claim);
        if self.binders.is_empty() {
            return format!("¬ ({claim})");
        }
        format!("¬ ∀ {}, {claim}", without_defaults(source, &self.binders))
    }

    /// The universe parameters: those that the declaration names, or else those that it uses and nobody has declared,
    /// as they are not found without being asked for.
    fn universes(&self, source: &Source<'_>, preamble: &str) -> Option<String> {
        if !self.universes.is_empty() {
            return Some(text_of(source, &self.universes).to_owned());
        }
        let declared = declared_universes(preamble)?;
        let mut used: Vec<&str> = Vec::new();
        for idx in self.binders.start..self.claim.end {
            if matches!(source.text(idx), "Type" | "Sort") {
                let level =
                    if source.text(idx + 1) == "(" { idx + 1..closing(source, idx + 1)? } else { idx + 1..idx + 2 };
                for word in level.filter(|idx| is_word(source, *idx)).map(|idx| source.text(idx)) {
                    let is_name = word.starts_with(char::is_lowercase) && !matches!(word, "max" | "imax");
                    if is_name && !declared.contains(word) && !used.contains(&word) {
                        used.push(word);
                    }
                }
            }
        }
        Some(if used.is_empty() { String::new() } else { format!(".{{{}}}", used.join(", ")) })
    }
}

/// The commands with `in` among modifiers and attributes; `None` when one of them changes the variables.
fn commands(source: &Source<'_>, before: Range<usize>) -> Option<String> {
    let mut commands = String::new();
    let mut idx = before.start;
    while idx < before.end {
        match source.text(idx) {
            "variable" | "omit" | "include" => return None,
            "open" | "set_option" | "attribute" => {
                let end = (idx..before.end).find(|idx| source.text(*idx) == "in")? + 1;
                commands.push_str(text_of(source, &(idx..end)));
                commands.push('\n');
                idx = end;
            }
            "@" => idx = closing(source, idx + 1)? + 1,
            _ => idx += 1,
        }
    }
    Some(commands)
}

/// The binders as they are written, but for `:= value` at the end of one.
fn without_defaults(source: &Source<'_>, binders: &Range<usize>) -> String {
    let mut text = String::new();
    let mut done = source.start_of(binders.start);
    let mut idx = binders.start;
    while idx < binders.end {
        let Some(close) = Some(idx).filter(|idx| is_open(source.text(*idx))).and_then(|idx| closing(source, idx))
        else {
            idx += 1;
            continue;
        };
        if let Some(default) = default_of(source, idx + 1..close) {
            // Up to the last token before it, as a comment in between would swallow the bracket.
            text.push_str(&source.text[done..source.tokens[default - 1].span.end]);
            done = source.start_of(close);
        }
        idx = close + 1;
    }
    text.push_str(&source.text[done..source.tokens[binders.end - 1].span.end]);
    text
}

/// The `:=` of a binder's own default; each `let` or `have` in its type takes one.
fn default_of(source: &Source<'_>, inside: Range<usize>) -> Option<usize> {
    let mut n_lets = 0_u32;
    let mut idx = inside.start;
    while idx < inside.end {
        match source.text(idx) {
            "let" | "have" | "letI" | "haveI" => n_lets += 1,
            ":=" if n_lets > 0 => n_lets -= 1,
            ":=" => return Some(idx),
            open if is_open(open) => idx = closing(source, idx)?,
            _ => {}
        }
        idx += 1;
    }
    None
}

/// Universe names that `universe` commands in the preamble declare.
fn declared_universes(preamble: &str) -> Option<BTreeSet<String>> {
    let source = Source::new(preamble).ok()?;
    let mut declared = BTreeSet::new();
    for start in (0..source.tokens.len()).filter(|idx| source.text(*idx) == "universe") {
        let names =
            (start + 1..source.tokens.len()).take_while(|idx| is_word(&source, *idx) && !source.begins_command(*idx));
        declared.extend(names.map(|idx| source.text(idx).to_owned()));
    }
    Some(declared)
}

fn words_of(text: &str) -> Option<BTreeSet<&str>> {
    let source = Source::new(text).ok()?;
    Some(source.words(&(0..source.tokens.len())).collect())
}

fn is_word(source: &Source<'_>, idx: usize) -> bool {
    source.tokens.get(idx).is_some_and(|token| token.kind == TokenKind::Word)
}

fn is_open(text: &str) -> bool {
    matches!(text, "(" | "[" | "{" | "⟨" | "⦃")
}

/// The bracket that closes the one at this token.
fn closing(source: &Source<'_>, open: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for idx in open..source.tokens.len() {
        match source.text(idx) {
            text if is_open(text) => depth += 1,
            ")" | "]" | "}" | "⟩" | "⦄" => depth -= 1,
            _ => {}
        }
        if depth <= 0 {
            return Some(idx);
        }
    }
    None
}

/// The text from the first token of a range, which is not empty, to the last.
fn text_of<'a>(source: &Source<'a>, range: &Range<usize>) -> &'a str {
    &source.text[source.start_of(range.start)..source.tokens[range.end - 1].span.end]
}

/// `t_negation`; the suffix goes inside the quotes of `«my name»`.
fn with_suffix(name: &str, suffix: &str) -> String {
    match name.strip_suffix('»') {
        Some(quoted) => format!("{quoted}{suffix}»"),
        None => format!("{name}{suffix}"),
    }
}

/// `A.b` with another last part: the name spaces before it are open inside the theorem.
fn with_last(name: &str, last: &str) -> String {
    let mut is_quoted = false;
    let dot = name.char_indices().filter(|(_, c)| {
        is_quoted = (is_quoted || *c == '«') && *c != '»';
        *c == '.' && !is_quoted
    });
    match dot.last() {
        Some((dot, _)) => format!("{}.{last}", &name[..dot]),
        None => last.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::{Defaults, parse_statement};
    use super::*;

    fn check(statement: &str, expected: &Expect) {
        let theorem = parse_statement(statement, &Defaults::default()).expect("a statement");
        let shown = theorem.negation().map(|negation| {
            let preamble = join(&theorem.preamble, NO_AUTO_IMPLICIT);
            assert_eq!((&negation.imports, &negation.preamble), (&theorem.imports, &preamble));
            assert!(negation.statement.contains(&negation.name));
            negation.statement
        });
        expected.assert_eq(shown.as_deref().unwrap_or("none"));
    }

    #[test]
    fn all_binders_go_behind_the_quantifier() {
        check(
            "theorem t {α : Type u} [inst : Foo α] (x : Nat) (h : P x) : Q x := by sorry",
            &expect![[r#"
                theorem t_negation.{u} : ¬ ∀ {α : Type u} [inst : Foo α] (x : Nat) (h : P x), Q x"#]],
        );
        check(
            "lemma t x y (z) ⦃w : Nat⦄ [Inhabited Nat] : x + y = z",
            &expect![[r#"
                theorem t_negation : ¬ ∀ x y (z) ⦃w : Nat⦄ [Inhabited Nat], x + y = z"#]],
        );
        check(
            "theorem t (h : ∀ x : Nat, x = x → (fun y : Nat => y) x = x) (xs : List (Nat × Nat)) : xs = [] ∨ ∃ x, x :: [] = xs",
            &expect![[r#"
                theorem t_negation : ¬ ∀ (h : ∀ x : Nat, x = x → (fun y : Nat => y) x = x) (xs : List (Nat × Nat)), xs = [] ∨ ∃ x, x :: [] = xs"#]],
        );
    }

    #[test]
    fn a_claim_without_binders_is_put_in_brackets() {
        check(
            "theorem t : 1 + 1 = 2 ∧ 2 = 2",
            &expect![[r#"
                theorem t_negation : ¬ (1 + 1 = 2 ∧ 2 = 2)"#]],
        );
        check(
            "∀ n : Nat, n + 0 = n",
            &expect![[r#"
                theorem stepwise_goal_negation : ¬ (∀ n : Nat, n + 0 = n)"#]],
        );
        check(
            "example : let x := 5; x = 5 := sorry",
            &expect![[r#"
                theorem example_negation : ¬ (let x := 5; x = 5)"#]],
        );
    }

    #[test]
    fn names_keep_their_quotes_and_universes() {
        check(
            "theorem A.«b c».{u, v} (α : Type u) (β : Type v) : α = α",
            &expect![[r#"
                theorem A.«b c_negation».{u, v} : ¬ ∀ (α : Type u) (β : Type v), α = α"#]],
        );
        check(
            "universe v w\nopen Nat\ntheorem t {α : Sort (max (u + 1) v)} {β : Type w} {γ : Type} : γ = γ",
            &expect![[r#"
                theorem t_negation.{u} : ¬ ∀ {α : Sort (max (u + 1) v)} {β : Type w} {γ : Type}, γ = γ"#]],
        );
    }

    #[test]
    fn what_precedes_the_keyword_is_kept_where_it_matters() {
        check(
            "open Nat List in\nset_option maxRecDepth 2000 in\n@[simp, grind =] private theorem t (n : Nat) : succ n = n",
            &expect![[r#"
                open Nat List in
                set_option maxRecDepth 2000 in
                theorem t_negation : ¬ ∀ (n : Nat), succ n = n"#]],
        );
    }

    #[test]
    fn default_values_go_and_comments_do_no_harm() {
        check(
            "theorem t (n : Nat := 1) (h : let m := n; m = n) (k : let m := n; m = n -- why\n := by simp) -- a comment\n    /- another: -/ (hp : True := trivial) -- the last :\n    : n = 1 -- and one more",
            &expect![[r#"
                theorem t_negation : ¬ ∀ (n : Nat) (h : let m := n; m = n) (k : let m := n; m = n) -- a comment
                    /- another: -/ (hp : True), n = 1"#]],
        );
        check(
            "theorem t\n    (x : Nat)\n    (h : x = 1) :\n    x\n      = 2",
            &expect![[r#"
                theorem t_negation : ¬ ∀ (x : Nat)
                    (h : x = 1), x
                      = 2"#]],
        );
    }

    #[test]
    fn a_contradiction_holds_the_negation_against_the_statement_as_it_is_written() {
        let shown = |statement: &str| {
            let theorem = parse_statement(statement, &Defaults::default()).expect("a statement");
            let (contradiction, tactic) = theorem.contradiction().expect("it has one");
            contradiction.file(&[tactic])
        };
        expect![[r#"
            theorem A.stepwise_restated (x) (h : x = (1 : Int)) : x > 0 := sorry

            set_option autoImplicit false

            theorem A.stepwise_contradicts (h : ¬ ∀ (x) (h : x = (1 : Int)), x > 0) : False := by
              exact h @stepwise_restated
        "#]]
        .assert_eq(&shown("theorem A.«b.c» (x) (h : x = (1 : Int)) : x > 0"));
        expect![[r#"
            open Nat in
            theorem stepwise_restated.{u} (α : Type u) : α = α := sorry

            set_option autoImplicit false

            open Nat in
            theorem stepwise_contradicts.{u} (h : ¬ ∀ (α : Type u), α = α) : False := by
              exact h @stepwise_restated
        "#]]
        .assert_eq(&shown("open Nat in\n@[simp] private theorem t.{u} (α : Type u) : α = α"));
        expect![[r#"
            theorem stepwise_restated : 1 = 2 := sorry

            set_option autoImplicit false

            theorem stepwise_contradicts (h : ¬ (1 = 2)) : False := by
              exact h @stepwise_restated
        "#]]
        .assert_eq(&shown("example : 1 = 2 := by sorry"));
    }

    #[test]
    fn what_cannot_be_negated() {
        let data = Theorem { name: "t".into(), statement: "def t : Nat".into(), ..Theorem::default() };
        assert_eq!(data.negation(), None);
        check("variable (n : Nat)\ntheorem t : n = n", &expect!["none"]);
        check("variable (n : Nat) in\ntheorem t : n = n", &expect!["none"]);
        check("theorem t n", &expect!["none"]);
        let broken = |statement: &str| Theorem { statement: statement.to_owned(), ..Theorem::default() }.negation();
        assert_eq!(broken("theorem t (x : Nat : x = x"), None);
        assert_eq!(broken("theorem t : /- 1 = 1"), None);
        assert_eq!(broken("theorem t :"), None);
        assert_eq!(broken("1 = 1"), None);
    }

    #[test]
    fn the_rest_of_the_theorem_stays() {
        let theorem = Theorem {
            name: "t".into(),
            imports: vec!["Init".into()],
            preamble: "open Nat".into(),
            statement: "theorem t : 1 = 1".into(),
            without: vec!["Nat.foo".into()],
        };
        let negation = theorem.negation().expect("it has one");
        assert_eq!((negation.name.as_str(), &negation.without), ("t_negation", &theorem.without));
        assert_eq!(negation.imports, theorem.imports);
        assert_eq!(negation.preamble, "open Nat\n\nset_option autoImplicit false");
    }
}
