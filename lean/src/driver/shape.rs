//! The shape of a statement: what it says, apart from the ways in which a library says the same thing twice.
//!
//! Two statements have one shape when they differ only in
//! - names of variables, implicitness, and the order of variables and hypotheses (`∀ a b, p b → q a`,
//!   `∀ b, p b → ∀ {a}, q a`);
//! - universe levels (`Type u` and `Sort v` are one; `Prop` is another);
//! - the sides of `=` and `↔`, wherever they stand, and which of the two relates propositions;
//! - spelling: `a ≠ b`, `¬ a = b` and `a = b → False`; `a > b` and `b < a`; `p ↔ True`, `p = True` and `p`; default
//!   values.
//!
//! Restatements that need a computation (`n.succ` and `n + 1`) have two shapes.

use std::collections::HashMap;
use std::rc::Rc;

use crate::machine::{Fault, Machine, Result};
use crate::object::{Object, is_boxed, unboxed};

/// A type of more nodes than this has no shape.
pub(crate) const MAX_NODES: u32 = 20_000;

/// Constructors of `Lean.Expr`.
pub(crate) mod expr {
    pub(crate) const VARIABLE: u8 = 0;
    pub(crate) const SORT: u8 = 3;
    pub(crate) const CONSTANT: u8 = 4;
    pub(crate) const APPLICATION: u8 = 5;
    pub(crate) const LAMBDA: u8 = 6;
    pub(crate) const PI: u8 = 7;
    pub(crate) const LET: u8 = 8;
    pub(crate) const LITERAL: u8 = 9;
    /// `mdata`: a note of the elaborator, which means nothing.
    pub(crate) const NOTE: u8 = 10;
    pub(crate) const PROJECTION: u8 = 11;
}

/// The first of the two constructors of `Lean.Literal`.
const NATURAL: u8 = 0;

/// What there is to tell of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Equal exactly for types of one shape, as far as the same [`Shapes`] gave it.
    pub(crate) number: u32,
    /// How many nodes the type has.
    pub(crate) size: u32,
}

/// Finds shapes, and numbers them in the order in which it meets them.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    numbers: Numbers,
    names: Names,
}

impl Shapes {
    /// The shape of a type (borrowed); none where it is too large.
    pub(crate) fn shape_of(&mut self, lean: &mut dyn Machine, type_: Object) -> Result<Option<Shape>> {
        let mut normaliser = Normaliser { names: &mut self.names, size: 0 };
        match normaliser.term(lean, type_) {
            Ok(root) => Ok(Some(Shape { size: normaliser.size, number: self.numbers.of_statement(root) })),
            Err(Stop::TooLarge) => Ok(None),
            Err(Stop::Fault(fault)) => Err(fault),
        }
    }
}

/// Texts of names by address: the library's names are never freed.
#[derive(Debug, Default)]
struct Names(HashMap<Object, Rc<str>>);

impl Names {
    fn text_of(&mut self, lean: &dyn Machine, name: Object) -> Result<Rc<str>> {
        if let Some(text) = self.0.get(&name) {
            return Ok(text.clone());
        }
        let text: Rc<str> = lean.name_text(name)?.into();
        self.0.insert(name, text.clone());
        Ok(text)
    }
}

// ---- normalised terms

/// What stands at a node of a normalised term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Head {
    /// A bound variable, as the number of binders between it and its own.
    Variable(u32),
    Prop,
    /// Any sort but `Prop`.
    Sort,
    Constant(Rc<str>),
    /// The kids are the function and its arguments.
    Application,
    /// The kids are a type and what stands below the binder.
    Lambda,
    /// As [`Head::Lambda`].
    Pi,
    /// The kids are a type, a value, and what stands below the binder.
    Let,
    /// An equation or an equivalence: the kids are the sides, and the type of the sides of an equation.
    Same,
    Natural(String),
    Text(String),
    /// A field of a structure.
    Projection(Rc<str>, u32),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    head: Head,
    kids: Vec<Self>,
}

impl Term {
    fn new(head: Head, kids: impl Into<Vec<Self>>) -> Self {
        Self { head, kids: kids.into() }
    }

    fn leaf(head: Head) -> Self {
        Self::new(head, Vec::new())
    }

    fn constant(name: &str) -> Self {
        Self::leaf(Head::Constant(name.into()))
    }

    fn is_constant(&self, name: &str) -> bool {
        matches!(&self.head, Head::Constant(own) if **own == *name)
    }

    /// How many binders stand between this node and its `i`th kid: the last kid of a node that binds is below it.
    fn binders_above(&self, i: usize) -> usize {
        let binds = matches!(self.head, Head::Lambda | Head::Pi | Head::Let);
        usize::from(binds && i + 1 == self.kids.len())
    }
}

fn not(p: Term) -> Term {
    if p.is_constant("False") { Term::constant("True") } else { Term::new(Head::Pi, [p, Term::constant("False")]) }
}

fn equivalence(a: Term, b: Term) -> Term {
    if b.is_constant("True") {
        a
    } else if b.is_constant("False") {
        not(a)
    } else if a.is_constant("True") {
        b
    } else if a.is_constant("False") {
        not(b)
    } else {
        Term::new(Head::Same, [a, b])
    }
}

fn equation(type_: Term, a: Term, b: Term) -> Term {
    if type_.head == Head::Prop { equivalence(a, b) } else { Term::new(Head::Same, [a, b, type_]) }
}

fn application(head: Term, arguments: Vec<Term>) -> Term {
    let rewritten = match &head.head {
        Head::Constant(name) => rewritten(name, arguments),
        _ => Err(arguments),
    };
    rewritten.unwrap_or_else(|arguments| {
        let kids: Vec<Term> = std::iter::once(head).chain(arguments).collect();
        Term::new(Head::Application, kids)
    })
}

/// What an application of a constant to just these arguments is written as; the arguments, where that is nothing else.
fn rewritten(name: &str, arguments: Vec<Term>) -> std::result::Result<Term, Vec<Term>> {
    match name {
        "Not" => <[_; 1]>::try_from(arguments).map(|[p]| not(p)),
        "Iff" => <[_; 2]>::try_from(arguments).map(|[p, q]| equivalence(p, q)),
        "Eq" => <[_; 3]>::try_from(arguments).map(|[type_, a, b]| equation(type_, a, b)),
        "Ne" => <[_; 3]>::try_from(arguments).map(|[type_, a, b]| not(equation(type_, a, b))),
        "GT.gt" => turned("LT.lt", arguments),
        "GE.ge" => turned("LE.le", arguments),
        "optParam" | "autoParam" => <[_; 2]>::try_from(arguments).map(|[type_, _]| type_),
        "outParam" => <[_; 1]>::try_from(arguments).map(|[type_]| type_),
        _ => Err(arguments),
    }
}

/// `b < a` for `a > b`.
fn turned(name: &str, arguments: Vec<Term>) -> std::result::Result<Term, Vec<Term>> {
    <[_; 4]>::try_from(arguments)
        .map(|[type_, instance, a, b]| application(Term::constant(name), vec![type_, instance, b, a]))
}

// ---- from Lean's terms to normalised ones

/// Why a type is not normalised.
enum Stop {
    TooLarge,
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

type Normalised = std::result::Result<Term, Stop>;

struct Normaliser<'a> {
    names: &'a mut Names,
    size: u32,
}

impl Normaliser<'_> {
    fn term(&mut self, lean: &mut dyn Machine, e: Object) -> Normalised {
        self.size += 1;
        if self.size > MAX_NODES {
            return Err(Stop::TooLarge);
        }
        match lean.tag(e)? {
            expr::VARIABLE => Ok(Term::leaf(Head::Variable(unboxed(lean.field(e, 0)?)))),
            expr::SORT => Ok(Term::leaf(if is_boxed(lean.field(e, 0)?) { Head::Prop } else { Head::Sort })),
            expr::CONSTANT => Ok(Term::leaf(Head::Constant(self.name(lean, e)?))),
            expr::APPLICATION => self.application(lean, e),
            expr::LAMBDA => self.node(lean, Head::Lambda, e, &[1, 2]),
            expr::PI => self.node(lean, Head::Pi, e, &[1, 2]),
            expr::LET => self.node(lean, Head::Let, e, &[1, 2, 3]),
            expr::LITERAL => Ok(Term::leaf(literal(lean, e)?)),
            expr::NOTE => {
                let noted = lean.field(e, 1)?;
                self.term(lean, noted)
            }
            expr::PROJECTION => {
                let head = Head::Projection(self.name(lean, e)?, unboxed(lean.field(e, 1)?));
                self.node(lean, head, e, &[2])
            }
            tag => Err(Fault::Unfit(format!("a library's type holds a term of kind {tag}")).into()),
        }
    }

    /// The text of the name that is a term's first field.
    fn name(&mut self, lean: &dyn Machine, e: Object) -> Result<Rc<str>> {
        let name = lean.field(e, 0)?;
        self.names.text_of(lean, name)
    }

    /// A node whose kids are these fields of a term.
    fn node(&mut self, lean: &mut dyn Machine, head: Head, e: Object, fields: &[u32]) -> Normalised {
        let mut kids = Vec::with_capacity(fields.len());
        for &i in fields {
            let kid = lean.field(e, i)?;
            kids.push(self.term(lean, kid)?);
        }
        Ok(Term::new(head, kids))
    }

    fn application(&mut self, lean: &mut dyn Machine, e: Object) -> Normalised {
        let mut arguments = Vec::new();
        let mut function = e;
        while lean.tag(function)? == expr::APPLICATION {
            arguments.push(lean.field(function, 1)?);
            function = lean.field(function, 0)?;
        }
        let head = self.term(lean, function)?;
        let arguments: std::result::Result<_, Stop> =
            arguments.into_iter().rev().map(|argument| self.term(lean, argument)).collect();
        Ok(application(head, arguments?))
    }
}

fn literal(lean: &mut dyn Machine, e: Object) -> Result<Head> {
    let literal = lean.field(e, 0)?;
    let value = lean.field(literal, 0)?;
    if lean.tag(literal)? != NATURAL {
        return Ok(Head::Text(lean.text(value)?));
    }
    lean.retain(value)?;
    let digits = lean.call("Nat_reprFast", &[value])?;
    Ok(Head::Natural(lean.take_text(digits, u32::MAX)?))
}

// ---- from normalised terms to numbers

/// What has a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Part {
    /// A node with the numbers of its kids.
    Node(Head, Vec<u32>),
    /// A variable or hypothesis of the statement, by its place in the order; one that has none yet is like any other.
    Binder(Option<usize>),
    /// The conclusion, and the types of the variables and hypotheses in their order.
    Statement(Vec<u32>),
}

#[derive(Debug, Default)]
struct Numbers(HashMap<Part, u32>);

impl Numbers {
    fn intern(&mut self, part: Part) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(part).or_insert(next)
    }

    fn of_statement(&mut self, root: Term) -> u32 {
        let (binders, conclusion) = telescope(root);
        let place_of = vec![None; binders.len()];
        Statement { numbers: self, binders: &binders, place_of, order: Vec::new() }.number(&conclusion)
    }
}

/// The variables and hypotheses of a statement, outermost first, and its conclusion.
fn telescope(mut term: Term) -> (Vec<Term>, Term) {
    let mut binders = Vec::new();
    while term.head == Head::Pi
        && let Some(body) = term.kids.pop()
    {
        binders.append(&mut term.kids);
        term = body;
    }
    (binders, term)
}

/// Where in a statement a term stands: inside the type of binder `base`, or inside the conclusion where `base` is the
/// number of binders; and below `depth` more binders there.
#[derive(Clone, Copy)]
struct Place {
    base: usize,
    depth: usize,
}

impl Place {
    fn of(base: usize) -> Self {
        Self { base, depth: 0 }
    }

    /// The place of the `i`th kid of a node at this place.
    fn kid(self, node: &Term, i: usize) -> Self {
        Self { depth: self.depth + node.binders_above(i), ..self }
    }

    /// The statement's binder that a variable at this place refers to; none where it refers to one further in.
    fn binder_of(self, variable: u32) -> Option<usize> {
        let outside = (variable as usize).checked_sub(self.depth)?;
        self.base.checked_sub(outside + 1)
    }
}

/// Numbers the variables and hypotheses of a statement in the order in which the conclusion names them, then their own
/// types, then the other hypotheses: so the order in the text does not matter.
struct Statement<'a> {
    numbers: &'a mut Numbers,
    binders: &'a [Term],
    /// The place in `order` of each binder that has one.
    place_of: Vec<Option<usize>>,
    order: Vec<usize>,
}

impl Statement<'_> {
    fn number(mut self, conclusion: &Term) -> u32 {
        let binders = self.binders;
        let end = Place::of(binders.len());
        let mut named = vec![false; binders.len()];
        for (i, binder) in binders.iter().enumerate() {
            mark_named(binder, Place::of(i), &mut named);
        }
        mark_named(conclusion, end, &mut named);

        self.visit(conclusion, end);
        let mut done = 0;
        while let Some(i) = self.order.get(done).copied().or_else(|| self.give_another(&named)) {
            self.visit(&binders[i], Place::of(i));
            done += 1;
        }
        let mut parts = vec![self.shape(conclusion, end)];
        for i in std::mem::take(&mut self.order) {
            parts.push(self.shape(&binders[i], Place::of(i)));
        }
        self.numbers.intern(Part::Statement(parts))
    }

    fn shape(&mut self, term: &Term, at: Place) -> u32 {
        if let Head::Variable(variable) = term.head
            && let Some(binder) = at.binder_of(variable)
        {
            return self.numbers.intern(Part::Binder(self.place_of[binder]));
        }
        let mut kids: Vec<u32> =
            term.kids.iter().enumerate().map(|(i, kid)| self.shape(kid, at.kid(term, i))).collect();
        if term.head == Head::Same {
            kids[..2].sort_unstable();
        }
        self.numbers.intern(Part::Node(term.head.clone(), kids))
    }

    /// Gives a place to each binder that a term names.
    fn visit(&mut self, term: &Term, at: Place) {
        if let Head::Variable(variable) = term.head {
            if let Some(binder) = at.binder_of(variable)
                && self.place_of[binder].is_none()
            {
                self.give(binder);
            }
            return;
        }
        let mut kids: Vec<&Term> = term.kids.iter().collect();
        // The side that is visited first must not depend on which was written first.
        if term.head == Head::Same && self.shape(kids[0], at) > self.shape(kids[1], at) {
            kids.swap(0, 1);
        }
        for (i, kid) in kids.into_iter().enumerate() {
            self.visit(kid, at.kid(term, i));
        }
    }

    fn give(&mut self, binder: usize) {
        self.place_of[binder] = Some(self.order.len());
        self.order.push(binder);
    }

    /// Gives a place to one binder more, which is told; none where each has one.
    fn give_another(&mut self, named: &[bool]) -> Option<usize> {
        let binders = self.binders;
        let left: Vec<usize> = (0..binders.len()).filter(|&i| self.place_of[i].is_none()).collect();
        // What nothing refers to is a hypothesis; its variables are numbered through it.
        let hypotheses: Vec<usize> = left.iter().copied().filter(|&i| !named[i]).collect();
        let candidates = if hypotheses.is_empty() { left } else { hypotheses };
        let least = candidates.into_iter().min_by_key(|&i| self.shape(&binders[i], Place::of(i)))?;
        self.give(least);
        Some(least)
    }
}

/// Marks the binders that a term refers to.
fn mark_named(term: &Term, at: Place, named: &mut [bool]) {
    if let Head::Variable(variable) = term.head
        && let Some(binder) = at.binder_of(variable)
    {
        named[binder] = true;
    }
    for (i, kid) in term.kids.iter().enumerate() {
        mark_named(kid, at.kid(term, i), named);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn var(n: u32) -> Term {
        Term::leaf(Head::Variable(n))
    }

    fn constant(name: &str) -> Term {
        Term::constant(name)
    }

    fn app(name: &str, arguments: &[Term]) -> Term {
        application(constant(name), arguments.to_vec())
    }

    fn pi(type_: Term, body: Term) -> Term {
        Term::new(Head::Pi, [type_, body])
    }

    fn nat() -> Term {
        constant("Nat")
    }

    #[track_caller]
    fn assert_shapes(same: bool, statements: &[Term]) {
        let mut numbers = Numbers::default();
        let shapes: Vec<u32> = statements.iter().map(|statement| numbers.of_statement(statement.clone())).collect();
        for pair in shapes.windows(2) {
            assert_eq!(pair[0] == pair[1], same, "{shapes:?}");
        }
    }

    #[test]
    fn the_order_of_variables_and_hypotheses_does_not_matter() {
        // ∀ a b, p b → q a;  ∀ b, p b → ∀ a, q a
        let one = pi(nat(), pi(nat(), pi(app("p", &[var(0)]), app("q", &[var(2)]))));
        let other = pi(nat(), pi(app("p", &[var(0)]), pi(nat(), app("q", &[var(0)]))));
        // ∀ a b, p a → q a
        let different = pi(nat(), pi(nat(), pi(app("p", &[var(1)]), app("q", &[var(2)]))));
        assert_shapes(true, &[one.clone(), other]);
        assert_shapes(false, &[one, different]);
    }

    #[test]
    fn hypotheses_that_the_conclusion_does_not_name_have_an_order_too() {
        let with = |first: &str, second: &str| {
            pi(nat(), pi(app(first, &[var(0)]), pi(app(second, &[var(1)]), constant("False"))))
        };
        assert_shapes(true, &[with("p", "q"), with("q", "p")]);
        assert_shapes(false, &[with("p", "q"), with("p", "p")]);
    }

    #[test]
    fn the_sides_of_an_equation_do_not_matter() {
        let equation = |a: Term, b: Term| pi(nat(), pi(nat(), app("Eq", &[nat(), a, b])));
        let sum = |a: u32, b: u32| app("add", &[var(a), var(b)]);
        assert_shapes(true, &[equation(sum(0, 1), var(0)), equation(var(0), sum(0, 1)), equation(var(1), sum(1, 0))]);
        assert_shapes(false, &[equation(sum(0, 1), var(0)), equation(sum(0, 0), var(0))]);
    }

    #[test]
    fn spelling_does_not_matter() {
        let equal = app("Eq", &[nat(), constant("a"), constant("b")]);
        let unequal = app("Ne", &[nat(), constant("a"), constant("b")]);
        assert_eq!(app("Not", std::slice::from_ref(&equal)), unequal);
        assert_eq!(pi(equal, constant("False")), unequal);

        let greater = app("GT.gt", &[nat(), constant("inst"), constant("a"), constant("b")]);
        assert_eq!(greater, app("LT.lt", &[nat(), constant("inst"), constant("b"), constant("a")]));

        let prop = Term::leaf(Head::Prop);
        assert_eq!(app("Iff", &[constant("p"), constant("True")]), constant("p"));
        assert_eq!(app("Eq", &[prop.clone(), constant("True"), constant("p")]), constant("p"));
        assert_eq!(app("Eq", &[prop, constant("p"), constant("False")]), not(constant("p")));
        assert_eq!(not(constant("False")), constant("True"));

        assert_eq!(app("optParam", &[nat(), constant("zero")]), nat());
    }

    #[test]
    fn only_full_applications_are_rewritten() {
        let kids = [constant("Eq"), nat(), constant("a")];
        assert_eq!(app("Eq", &kids[1..]), Term::new(Head::Application, kids));
    }

    #[test]
    fn a_literal_is_not_a_constant_of_its_name() {
        assert_shapes(
            false,
            &[constant("1"), Term::leaf(Head::Natural("1".into())), Term::leaf(Head::Text("1".into()))],
        );
    }
}
