//! Goals for the eye: what is new or changed since the state before, and a goal as an `example` to copy.

use stepwise_core::goal::{Goal, Hypothesis};

/// How something stands to the state before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mark {
    #[default]
    Same,
    /// It was there under the same name, with another type or value.
    Changed,
    /// It was not there.
    New,
}

impl Mark {
    /// One character; none for what was there.
    #[must_use]
    pub fn glyph(self) -> &'static str {
        match self {
            Self::Same => "",
            Self::Changed => "~",
            Self::New => "+",
        }
    }

    /// What a screen reader says before it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "",
            Self::Changed => "changed: ",
            Self::New => "new: ",
        }
    }

    /// The style sheet's class.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Changed => "changed",
            Self::New => "new",
        }
    }
}

/// A goal's marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// One per hypothesis line.
    pub hypotheses: Vec<Mark>,
    pub target: Mark,
    /// Names of hypotheses that are gone.
    pub gone: Vec<String>,
}

/// Marks a goal against the goals before the tactic. One that was among them has no mark; any other is held against the
/// first, which is the one that a tactic works on. `None` before: the statement, which has nothing before it.
#[must_use]
pub fn marks(goal: &Goal, before: Option<&[Goal]>) -> Marks {
    let same = |other: &Goal| other.hypotheses == goal.hypotheses && other.target == goal.target;
    let against = before.filter(|before| !before.iter().any(same)).and_then(|before| before.first());
    let Some(against) = against else {
        return Marks { hypotheses: vec![Mark::Same; goal.hypotheses.len()], ..Marks::default() };
    };
    let find = |name: &String| against.hypotheses.iter().find(|hypothesis| hypothesis.names.contains(name));
    let mark_of_name = |hypothesis: &Hypothesis, name: &String| match find(name) {
        None => Mark::New,
        Some(other) if (&other.ty, &other.value) == (&hypothesis.ty, &hypothesis.value) => Mark::Same,
        Some(_) => Mark::Changed,
    };
    let mark = |hypothesis: &Hypothesis| {
        let marks: Vec<_> = hypothesis.names.iter().map(|name| mark_of_name(hypothesis, name)).collect();
        // A line stands for all its names: it is new where all are, and the same where all are.
        match marks.split_first() {
            Some((first, rest)) if rest.iter().all(|mark| mark == first) => *first,
            Some(_) => Mark::Changed,
            None => Mark::Same,
        }
    };
    let stays = |name: &&String| goal.hypotheses.iter().any(|hypothesis| hypothesis.names.contains(name));
    let gone = against.hypotheses.iter().flat_map(|hypothesis| &hypothesis.names).filter(|name| !stays(name));
    Marks {
        hypotheses: goal.hypotheses.iter().map(mark).collect(),
        target: if against.target == goal.target { Mark::Same } else { Mark::Changed },
        gone: gone.cloned().collect(),
    }
}

/// The goal as an `example` for Lean. Inaccessible names get names that can be written, which may be wrong where one of
/// them is hidden by another: Lean's own text is the truth.
#[must_use]
pub fn as_example(goal: &Goal) -> String {
    let mut binders = String::new();
    let mut lets = String::new();
    for hypothesis in &goal.hypotheses {
        let names = hypothesis.names.join(" ");
        let ty = hypothesis.ty.replace('\n', "\n   ");
        match &hypothesis.value {
            Some(value) => lets.push_str(&format!("let {names} : {ty} := {value}\n    ")),
            None if names.starts_with("inst✝") => {
                for _ in &hypothesis.names {
                    binders.push_str(&format!("[{ty}] "));
                }
            }
            None if names.is_empty() => {}
            None => binders.push_str(&format!("({names} : {ty}) ")),
        }
    }
    let text = format!("example {binders}:\n    {lets}{} := by\n  sorry\n", goal.target.replace('\n', "\n    "));
    writable(&text)
}

/// The text with `n✝¹` as `n_1_1`.
fn writable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut after_dagger = false;
    for c in text.chars() {
        let digit = "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().position(|superscript| superscript == c);
        match (c, digit) {
            ('✝', _) => out.push_str("_1"),
            (_, Some(digit)) if after_dagger => out.push_str(&format!("_{digit}")),
            _ => out.push(c),
        }
        after_dagger = c == '✝' || (after_dagger && digit.is_some());
    }
    out
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use stepwise_core::goal::Goal;

    use super::{as_example, marks};

    fn check(before: &[&str], after: &str, expected: Expect) {
        let before: Vec<_> = before.iter().map(|text| Goal::parse(text)).collect();
        let goal = Goal::parse(after);
        let marks = marks(&goal, Some(&before));
        let mut shown = String::new();
        for (hypothesis, mark) in goal.hypotheses.iter().zip(&marks.hypotheses) {
            shown.push_str(&format!("{:1} {} : {}\n", mark.glyph(), hypothesis.names.join(" "), hypothesis.ty));
        }
        shown.push_str(&format!("{:1} ⊢ {}\ngone: {}", marks.target.glyph(), goal.target, marks.gone.join(" ")));
        expected.assert_eq(&shown);
    }

    #[test]
    fn what_a_tactic_does_to_a_goal() {
        check(
            &["p q : Prop\nh : p ∧ q\n⊢ q"],
            "p q : Prop\nhp : p\nhq : q\n⊢ q",
            expect![[r#"
                  p q : Prop
                + hp : p
                + hq : q
                  ⊢ q
                gone: h"#]],
        );
        check(
            &["n : Nat\nh : n + 0 = 3\n⊢ n = 3"],
            "n : Nat\nh : n = 3\n⊢ 3 = n",
            expect![[r#"
                  n : Nat
                ~ h : n = 3
                ~ ⊢ 3 = n
                gone: "#]],
        );
        // The second goal waits, and did not change.
        check(
            &["case a\n⊢ p", "case b\nhq : q\n⊢ q"],
            "case b\nhq : q\n⊢ q",
            expect![[r#"
                  hq : q
                  ⊢ q
                gone: "#]],
        );
    }

    #[test]
    fn a_goal_as_an_example() {
        let goal = "case a\nα : Type\ninst✝ : DecidableEq α\nn✝¹ m : Nat\nk : Nat := 3\nh : n✝¹ = m\n⊢ m = n✝¹";
        expect![[r#"
            example (α : Type) [DecidableEq α] (n_1_1 m : Nat) (h : n_1_1 = m) :
                let k : Nat := 3
                m = n_1_1 := by
              sorry
        "#]]
        .assert_eq(&as_example(&Goal::parse(goal)));
    }
}
