//! Goals as Lean prints them, kept verbatim and parsed into case tag, hypotheses and target.

/// One hypothesis line of a goal: `x y : Nat`, `h : x = y` or `n : Nat := 3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hypothesis {
    /// The names that share the type, in Lean's order; an inaccessible name keeps its dagger (`n✝`).
    pub names: Vec<String>,
    /// The type as Lean prints it, continuation lines included.
    pub ty: String,
    /// The value of a `let` hypothesis.
    pub value: Option<String>,
}

/// One open goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goal {
    /// The `case` tag, when Lean prints one.
    pub case: Option<String>,
    /// The local context, oldest first.
    pub hypotheses: Vec<Hypothesis>,
    /// What is to be shown: the text behind `⊢`.
    pub target: String,
    /// Exactly what Lean printed.
    pub text: String,
}

impl Goal {
    /// Parses one goal as `Lean.Meta.ppGoal` prints it.
    ///
    /// Never fails: text without a `⊢` line becomes the target of a goal without hypotheses,
    /// because Lean's own text is the truth and the parse is only a help for policies and pages.
    #[must_use]
    pub fn parse(_text: &str) -> Self {
        todo!()
    }
}

/// The key under which two proof states count as the same: the goals' texts with case tags dropped, runs of white
/// space folded, and inaccessible names and metavariables renumbered in order of appearance.
#[must_use]
pub fn state_key(_goals: &[Goal]) -> String {
    todo!()
}
