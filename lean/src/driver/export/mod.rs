//! Declarations outside of any Lean: read from the memory of one, made anew in another.
//!
//! A Lean that has elaborated a text has run whatever the text asks for, so its objects may be anything. None of them is
//! copied. Names, levels and expressions are read as what their definitions say (`read`), and made by Lean's own
//! constructors on the other side (`build`), which compute what an object stores beside its fields: hashes, and whether
//! variables are loose. What cannot be read becomes a [`Expression::Hole`], which no kernel takes.
//!
//! `lean4export` does the same by a file: <https://github.com/leanprover/lean4export>.

use std::collections::HashMap;
use std::hash::Hash;

mod build;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use build::Built;
pub(crate) use read::Reader;

/// The place of something in its table.
pub(crate) type Id = u32;

/// Values, each once, with what they are made of before them.
#[derive(Clone, Debug)]
struct Table<T> {
    values: Vec<T>,
    ids: HashMap<T, Id>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { values: Vec::new(), ids: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Table<T> {
    fn add(&mut self, value: T) -> Id {
        let next = self.values.len() as Id;
        let id = *self.ids.entry(value.clone()).or_insert(next);
        if id == next {
            self.values.push(value);
        }
        id
    }
}

/// `Lean.Name`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    Anonymous,
    Text(Id, String),
    /// A number, in decimal: hygienic names have large ones.
    Number(Id, String),
}

/// `Lean.Level`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Level {
    Zero,
    Successor(Id),
    Max(Id, Id),
    ImpredicativeMax(Id, Id),
    Parameter(Id),
    Hole,
}

/// `Lean.Expr` without its metadata, which mean nothing to the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Expression {
    Bound(u32),
    Sort(Id),
    Constant {
        name: Id,
        levels: Vec<Id>,
    },
    Apply([Id; 2]),
    Lambda(Binder),
    Pi(Binder),
    Let {
        name: Id,
        parts: [Id; 3],
        is_nondependent: bool,
    },
    /// A number, in decimal.
    Number(String),
    Text(String),
    Projection {
        structure: Id,
        field: u32,
        of: Id,
    },
    /// What no declaration may hold: a variable that nothing binds, a hole that Lean left, an object that is no expression.
    Hole,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Binder {
    name: Id,
    parts: [Id; 2],
    info: u8,
}

/// A `Lean.ConstantInfo`, whose constructor has the number `tag`.
#[derive(Clone, Debug)]
struct Constant {
    tag: u8,
    name: Id,
    levels: Vec<Id>,
    ty: Id,
    /// What follows the signature in the value that it wraps.
    fields: Vec<Field>,
    /// The bytes behind the fields.
    scalars: Vec<u8>,
}

/// A field's value.
#[derive(Clone, Debug)]
enum Field {
    Number(u32),
    Name(Id),
    Names(Vec<Id>),
    Expression(Id),
    Hints(Hints),
    /// Constructor, number of fields and right-hand side of each.
    Rules(Vec<(Id, u32, Id)>),
}

/// `Lean.ReducibilityHints`.
#[derive(Clone, Copy, Debug)]
enum Hints {
    Opaque,
    Abbreviation,
    Regular(u32),
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Number,
    Name,
    Names,
    Expression,
    Hints,
    Rules,
}

/// What Lean 4.28 has behind the signature of a constant: fields, and the greatest value of each byte behind them. By the
/// number of `Lean.ConstantInfo`'s constructor; nobody can declare a quotient's constants.
const SHAPES: [Option<(&[Shape], &[u8])>; 8] = {
    use Shape::{Expression, Hints, Name, Names, Number, Rules};
    [
        Some((&[], &[1])),
        Some((&[Expression, Hints, Names], &[2])),
        Some((&[Expression, Names], &[])),
        Some((&[Expression, Names], &[1])),
        None,
        Some((&[Number, Number, Names, Names, Number], &[1, 1, 1])),
        Some((&[Name, Number, Number, Number], &[1])),
        Some((&[Names, Number, Number, Number, Number, Rules], &[1, 1])),
    ]
};

/// Numbers of the constructors of `Lean.Level` and `Lean.Expr`.
mod tag {
    pub(super) const ZERO: u8 = 0;
    pub(super) const SUCCESSOR: u8 = 1;
    pub(super) const MAX: u8 = 2;
    pub(super) const IMPREDICATIVE_MAX: u8 = 3;
    pub(super) const PARAMETER: u8 = 4;

    pub(super) const BOUND: u8 = 0;
    pub(super) const SORT: u8 = 3;
    pub(super) const CONSTANT: u8 = 4;
    pub(super) const APPLY: u8 = 5;
    pub(super) const LAMBDA: u8 = 6;
    pub(super) const PI: u8 = 7;
    pub(super) const LET: u8 = 8;
    pub(super) const LITERAL: u8 = 9;
    pub(super) const METADATA: u8 = 10;
    pub(super) const PROJECTION: u8 = 11;
}

/// Constants of an environment, as data.
#[derive(Clone, Debug, Default)]
pub(crate) struct Export {
    names: Table<Name>,
    levels: Table<Level>,
    expressions: Table<Expression>,
    constants: Vec<Constant>,
}
