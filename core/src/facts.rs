//! What Lean knows of a goal beyond its printed text: the file's own declarations, and which of them stand in the goal.
//!
//! The driver of the WebAssembly host tells them (`facts.js`); a backend that cannot has none, and whoever uses them falls
//! back on the text. A statement's declarations are told once, a goal's facts with the goal. As with
//! [`Verdict`](crate::outcome::Verdict), the JSON is the same in the driver's answers, in logs and on the wire.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The declarations that stand before a statement and that a person wrote, by name; cheap to clone.
pub type Declarations = Arc<[Declaration]>;

/// What a declaration is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A function or constant with a body.
    #[default]
    Definition,
    /// An instance of a class.
    Instance,
    /// A field of a structure or class, as a function.
    Projection,
    /// A field of a class that is a proof.
    Law,
    /// A proved statement.
    Theorem,
    /// An inductive type with several constructors, or a recursive one.
    Inductive,
    /// An inductive proposition.
    Predicate,
    Structure,
    Class,
}

/// How a definition recurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recursion {
    /// On the parts of an argument.
    Structural,
    /// On something that gets smaller.
    WellFounded,
}

/// A constructor of an inductive type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Constructor {
    pub name: String,
    /// Its explicit arguments without the type's parameters.
    pub fields: Vec<Field>,
}

/// An explicit argument of a constructor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Field {
    /// Its name; empty where it has none that can be typed.
    pub name: String,
    /// Whether it is of the type that is being defined, so that induction gives a hypothesis for it.
    #[serde(skip_serializing_if = "is_false")]
    pub recursive: bool,
}

/// One declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Declaration {
    pub name: String,
    pub kind: Kind,
    /// The heads of its explicit arguments' types; empty for those that are no constant.
    pub args: Vec<String>,
    /// The head of the type behind the arguments, `Prop` for predicates: for a theorem the head of its conclusion.
    pub result: String,
    /// Own declarations that its body speaks of; for a theorem or law those of its statement.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<String>,
    /// Whether the body distinguishes cases.
    #[serde(skip_serializing_if = "is_false")]
    pub branches: bool,
    /// Whether the body appends lists.
    #[serde(skip_serializing_if = "is_false")]
    pub appends: bool,
    /// How it recurs, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recursion: Option<Recursion>,
    /// Which explicit argument structural recursion is on, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<usize>,
    /// Explicit arguments that recursive calls change, besides that one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub varying: Vec<usize>,
    /// Whether it is defined together with others.
    #[serde(skip_serializing_if = "is_false")]
    pub mutual: bool,
    /// The constructors of an inductive type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub constructors: Vec<Constructor>,
}

/// What is known of one goal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GoalFacts {
    /// The head of the target's conclusion.
    pub head: String,
    /// Own declarations that stand in target and proofs, the target's first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub constants: Vec<String>,
    /// Hypotheses that are no proofs and no functions, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<Local>,
    /// Hypotheses that are proofs, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Local>,
    /// Own functions applied to all of their arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Call>,
    /// Whether the target has an `if` or a `match`.
    #[serde(skip_serializing_if = "is_false")]
    pub branches: bool,
}

/// A hypothesis that a tactic can name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Local {
    pub name: String,
    /// The head of its type, or of its conclusion; empty where that is no constant.
    pub head: String,
    /// Whether the head is the file's own.
    #[serde(skip_serializing_if = "is_false")]
    pub own: bool,
    /// Whether the target depends on it.
    #[serde(skip_serializing_if = "is_false")]
    pub in_target: bool,
    /// How many binders a proof's type begins with.
    #[serde(skip_serializing_if = "is_zero")]
    pub binders: usize,
}

/// An own function with its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Call {
    pub of: String,
    /// The explicit arguments as a tactic may write them; empty for one that has no short text.
    pub args: Vec<String>,
    /// Whether it stands in the target.
    #[serde(skip_serializing_if = "is_false")]
    pub in_target: bool,
}

impl Declaration {
    /// Whether `simp`, `unfold` and `grind` can open it.
    #[must_use]
    pub fn is_function(&self) -> bool {
        self.kind == Kind::Definition
    }

    /// Whether it is a statement that holds.
    #[must_use]
    pub fn is_lemma(&self) -> bool {
        matches!(self.kind, Kind::Theorem | Kind::Law)
    }

    /// Whether it is a type whose values can be taken apart.
    #[must_use]
    pub fn is_data(&self) -> bool {
        matches!(self.kind, Kind::Inductive | Kind::Structure)
    }
}

fn is_false(b: &bool) -> bool {
    !b
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}
