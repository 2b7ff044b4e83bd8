//! The small language that developments are written in: types, terms, functions by cases, and claims.
//!
//! It is what Lean and Rust both can compute: [`text`](super::text) writes it as Lean, [`eval`](super::eval) evaluates
//! it, which finds the laws that hold and the values that refute the others.

/// A type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ty {
    Nat,
    Int,
    Bool,
    /// The type `α` that a development is about any of; evaluated as numbers.
    Param,
    /// `Nat → Nat`, or `Nat → Int`: what variables stand for.
    Env(Box<Ty>),
    List(Box<Ty>),
    /// An own type, by its place in [`Program::datas`].
    Data(usize),
}

impl Ty {
    pub(super) fn list(item: Self) -> Self {
        Self::List(Box::new(item))
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Nat | Self::Int)
    }
}

/// A constructor with its fields' names and types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ctor {
    pub(super) name: String,
    pub(super) fields: Vec<(String, Ty)>,
}

/// An own type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Data {
    pub(super) name: String,
    /// Whether it takes the type `α`.
    pub(super) has_param: bool,
    /// Written as a `structure`; it has one constructor, `mk`.
    pub(super) is_structure: bool,
    pub(super) ctors: Vec<Ctor>,
}

/// What a term computes from its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Op {
    Add,
    /// Subtraction of whole numbers.
    Sub,
    Mul,
    Mod,
    Pow,
    Max,
    Min,
    And,
    Or,
    Not,
    Append,
    Length,
    Reverse,
    Sum,
    /// A function's environment at a variable.
    Apply,
}

/// A term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Expr {
    Var(String),
    Num(i64),
    Bool(bool),
    /// A function of the development, by its place in [`Program::functions`].
    Call(usize, Vec<Expr>),
    /// A constructor of a type, by its place.
    Ctor(Ty, usize, Vec<Expr>),
    /// A field of an own structure.
    Field(Box<Expr>, usize, usize),
    Op(Op, Vec<Expr>),
    /// `xs.map f` for an own function `f`.
    Map(usize, Box<Expr>),
    If(Box<Prop>, Box<Expr>, Box<Expr>),
    Decide(Box<Prop>),
    /// `fun x => e (x + n)` for an environment `e`.
    Shifted(Box<Expr>, i64),
}

/// A proposition about terms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Prop {
    Eq(Expr, Expr),
    Ne(Expr, Expr),
    Le(Expr, Expr),
    Lt(Expr, Expr),
    /// `∀ x ∈ list, body`.
    All(String, Expr, Box<Prop>),
    Iff(Box<Prop>, Box<Prop>),
    And(Box<Prop>, Box<Prop>),
    Implies(Box<Prop>, Box<Prop>),
    /// A predicate given by rules, by its place in [`Program::predicates`].
    Is(usize, Vec<Expr>),
}

/// What a function's equation matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Var(String),
    Num(i64),
    Ctor(Ty, usize, Vec<Pattern>),
}

/// One equation of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arm {
    pub(super) patterns: Vec<Pattern>,
    pub(super) value: Expr,
}

/// How a function computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Plain(Expr),
    /// By the first equation that matches the parameters behind the first `n_fixed`.
    Cases {
        n_fixed: usize,
        arms: Vec<Arm>,
    },
}

/// An own function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) params: Vec<(String, Ty)>,
    pub(super) result: Ty,
    pub(super) body: Body,
}

/// A predicate that rules give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Predicate {
    pub(super) name: String,
    pub(super) params: Vec<Ty>,
    /// Each rule's name, its variables, its premises and the arguments of which it makes the predicate hold.
    pub(super) rules: Vec<Rule>,
    /// The function that decides it, which need not be declared: evaluation asks it in place of the rules.
    pub(super) decided_by: usize,
}

/// One rule of a predicate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) variables: Vec<(String, Ty)>,
    pub(super) premises: Vec<Prop>,
    pub(super) conclusion: Vec<Expr>,
}

/// What a development declares, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    Data(usize),
    Function(usize),
    Predicate(usize),
}

/// The declarations of a development.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) datas: Vec<Data>,
    pub(super) functions: Vec<Function>,
    pub(super) predicates: Vec<Predicate>,
    pub(super) order: Vec<Declared>,
}

/// A statement about any values of its variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) variables: Vec<(String, Ty)>,
    pub(super) hypotheses: Vec<Prop>,
    pub(super) goal: Prop,
}

pub(super) fn var(name: &str) -> Expr {
    Expr::Var(name.to_owned())
}

pub(super) fn num(value: i64) -> Expr {
    Expr::Num(value)
}

pub(super) fn op(op: Op, args: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::Op(op, args.into_iter().collect())
}

pub(super) fn add(left: Expr, right: Expr) -> Expr {
    match (&left, &right) {
        (Expr::Num(0), _) => right,
        (_, Expr::Num(0)) => left,
        _ => op(Op::Add, [left, right]),
    }
}

pub(super) fn times(factor: i64, term: Expr) -> Expr {
    match factor {
        0 => num(0),
        1 => term,
        _ => op(Op::Mul, [num(factor), term]),
    }
}

/// All terms joined by an operation; `empty` for none.
pub(super) fn joined(operation: Op, terms: impl IntoIterator<Item = Expr>, empty: Expr) -> Expr {
    terms.into_iter().reduce(|left, right| op(operation, [left, right])).unwrap_or(empty)
}

/// `term = true`.
pub(super) fn is_true(term: Expr) -> Prop {
    Prop::Eq(term, Expr::Bool(true))
}

impl Expr {
    /// The terms that it is made of.
    pub(super) fn children(&self) -> Vec<&Self> {
        match self {
            Self::Var(_) | Self::Num(_) | Self::Bool(_) => Vec::new(),
            Self::Call(_, args) | Self::Ctor(_, _, args) | Self::Op(_, args) => args.iter().collect(),
            Self::Field(inner, ..) | Self::Map(_, inner) | Self::Shifted(inner, _) => vec![inner],
            Self::If(test, yes, no) => test.terms().into_iter().chain([&**yes, &**no]).collect(),
            Self::Decide(test) => test.terms(),
        }
    }

    /// The functions that it names, in order of their first appearance.
    pub(super) fn functions(&self, found: &mut Vec<usize>) {
        if let Self::Call(function, _) | Self::Map(function, _) = self
            && !found.contains(function)
        {
            found.push(*function);
        }
        for child in self.children() {
            child.functions(found);
        }
    }

    /// Whether it speaks of this variable.
    pub(super) fn mentions(&self, name: &str) -> bool {
        matches!(self, Self::Var(own) if own == name) || self.children().iter().any(|child| child.mentions(name))
    }

    /// The term with every part for which `change` has another in that one's place, the innermost first.
    pub(super) fn rewritten(&self, change: &mut dyn FnMut(&Self) -> Option<Self>) -> Self {
        let mut all = |terms: &[Self]| terms.iter().map(|term| term.rewritten(change)).collect::<Vec<_>>();
        let inner = match self {
            Self::Var(_) | Self::Num(_) | Self::Bool(_) => self.clone(),
            Self::Call(function, args) => Self::Call(*function, all(args)),
            Self::Ctor(ty, idx, args) => Self::Ctor(ty.clone(), *idx, all(args)),
            Self::Op(op, args) => Self::Op(*op, all(args)),
            Self::Field(inner, data, field) => Self::Field(Box::new(inner.rewritten(change)), *data, *field),
            Self::Map(function, inner) => Self::Map(*function, Box::new(inner.rewritten(change))),
            Self::Shifted(inner, n) => Self::Shifted(Box::new(inner.rewritten(change)), *n),
            Self::If(test, yes, no) => Self::If(
                Box::new(test.rewritten(change)),
                Box::new(yes.rewritten(change)),
                Box::new(no.rewritten(change)),
            ),
            Self::Decide(test) => Self::Decide(Box::new(test.rewritten(change))),
        };
        change(&inner).unwrap_or(inner)
    }

    /// The term with these values for variables.
    pub(super) fn with(&self, values: &[(String, Self)]) -> Self {
        self.rewritten(&mut |term| match term {
            Self::Var(name) => values.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
            _ => None,
        })
    }
}

impl Prop {
    /// The terms that it is about.
    pub(super) fn terms(&self) -> Vec<&Expr> {
        match self {
            Self::Eq(a, b) | Self::Ne(a, b) | Self::Le(a, b) | Self::Lt(a, b) => vec![a, b],
            Self::All(_, list, body) => std::iter::once(list).chain(body.terms()).collect(),
            Self::Is(_, args) => args.iter().collect(),
            Self::Iff(a, b) | Self::And(a, b) | Self::Implies(a, b) => a.terms().into_iter().chain(b.terms()).collect(),
        }
    }

    /// [`Expr::rewritten`] in every term.
    pub(super) fn rewritten(&self, change: &mut dyn FnMut(&Expr) -> Option<Expr>) -> Self {
        let mut both = |a: &Expr, b: &Expr| (a.rewritten(change), b.rewritten(change));
        match self {
            Self::Eq(a, b) => {
                let (a, b) = both(a, b);
                Self::Eq(a, b)
            }
            Self::Ne(a, b) => {
                let (a, b) = both(a, b);
                Self::Ne(a, b)
            }
            Self::Le(a, b) => {
                let (a, b) = both(a, b);
                Self::Le(a, b)
            }
            Self::Lt(a, b) => {
                let (a, b) = both(a, b);
                Self::Lt(a, b)
            }
            Self::All(name, list, body) => {
                Self::All(name.clone(), list.rewritten(change), Box::new(body.rewritten(change)))
            }
            Self::Is(predicate, args) => Self::Is(*predicate, args.iter().map(|arg| arg.rewritten(change)).collect()),
            Self::Iff(a, b) => Self::Iff(Box::new(a.rewritten(change)), Box::new(b.rewritten(change))),
            Self::And(a, b) => Self::And(Box::new(a.rewritten(change)), Box::new(b.rewritten(change))),
            Self::Implies(a, b) => Self::Implies(Box::new(a.rewritten(change)), Box::new(b.rewritten(change))),
        }
    }
}

impl Prop {
    /// The predicates that it names.
    pub(super) fn predicates(&self, found: &mut Vec<usize>) {
        match self {
            Self::Is(predicate, _) => found.push(*predicate),
            Self::All(_, _, body) => body.predicates(found),
            Self::Iff(a, b) | Self::And(a, b) | Self::Implies(a, b) => {
                a.predicates(found);
                b.predicates(found);
            }
            Self::Eq(..) | Self::Ne(..) | Self::Le(..) | Self::Lt(..) => {}
        }
    }
}

impl Claim {
    /// Without hypotheses.
    pub(super) fn new(variables: Vec<(String, Ty)>, goal: Prop) -> Self {
        Self { variables, hypotheses: Vec::new(), goal }
    }

    /// All propositions.
    pub(super) fn props(&self) -> impl Iterator<Item = &Prop> {
        self.hypotheses.iter().chain([&self.goal])
    }
}

impl Program {
    /// The constructors of a type that is taken apart by cases; none of the others.
    pub(super) fn ctors(&self, ty: &Ty) -> Vec<Ctor> {
        let ctor = |name: &str, fields: Vec<(&str, Ty)>| Ctor {
            name: name.to_owned(),
            fields: fields.into_iter().map(|(name, ty)| (name.to_owned(), ty)).collect(),
        };
        match ty {
            Ty::Data(idx) => self.datas[*idx].ctors.clone(),
            Ty::List(item) => {
                vec![ctor("nil", Vec::new()), ctor("cons", vec![("x", (**item).clone()), ("xs", ty.clone())])]
            }
            Ty::Nat => vec![ctor("zero", Vec::new()), ctor("succ", vec![("n", Ty::Nat)])],
            Ty::Bool => vec![ctor("false", Vec::new()), ctor("true", Vec::new())],
            Ty::Int | Ty::Param | Ty::Env(_) => Vec::new(),
        }
    }

    /// Whether values of the type can hold others of it.
    pub(super) fn is_recursive(&self, ty: &Ty) -> bool {
        self.ctors(ty).iter().any(|ctor| ctor.fields.iter().any(|(_, field)| field == ty))
    }

    /// Whether the type speaks of `α`.
    pub(super) fn has_param(&self, ty: &Ty) -> bool {
        match ty {
            Ty::Param => true,
            Ty::List(item) => self.has_param(item),
            Ty::Data(idx) => self.datas[*idx].has_param,
            Ty::Nat | Ty::Int | Ty::Bool | Ty::Env(_) => false,
        }
    }

    /// Declares a type.
    pub(super) fn declare(&mut self, data: Data) -> Ty {
        self.datas.push(data);
        self.order.push(Declared::Data(self.datas.len() - 1));
        Ty::Data(self.datas.len() - 1)
    }

    /// Defines a function; the next one has the place that [`Program::next`] says.
    pub(super) fn define(&mut self, function: Function) -> usize {
        self.functions.push(function);
        self.order.push(Declared::Function(self.functions.len() - 1));
        self.functions.len() - 1
    }

    /// Computes with a function that is not declared.
    pub(super) fn hide(&mut self, function: Function) -> usize {
        self.functions.push(function);
        self.functions.len() - 1
    }

    /// Declares a predicate.
    pub(super) fn rule(&mut self, predicate: Predicate) -> usize {
        self.predicates.push(predicate);
        self.order.push(Declared::Predicate(self.predicates.len() - 1));
        self.predicates.len() - 1
    }

    /// The place of the function that is defined next, which its own equations call.
    pub(super) fn next(&self) -> usize {
        self.functions.len()
    }

    /// These functions and all that they call.
    pub(super) fn closure(&self, functions: &[usize]) -> Vec<usize> {
        let mut found = functions.to_vec();
        let mut done = 0;
        while done < found.len() {
            match &self.functions[found[done]].body {
                Body::Plain(value) => value.functions(&mut found),
                Body::Cases { arms, .. } => arms.iter().for_each(|arm| arm.value.functions(&mut found)),
            }
            done += 1;
        }
        found
    }

    /// The functions that a claim speaks of, with all that they call.
    pub(super) fn functions_of(&self, claim: &Claim) -> Vec<usize> {
        let mut found = Vec::new();
        claim.props().flat_map(Prop::terms).for_each(|term| term.functions(&mut found));
        self.closure(&found)
    }

    /// Takes away every declaration that neither these claims nor what they need speaks of.
    pub(super) fn keep_only(&mut self, claims: &[&Claim]) {
        let mut functions: Vec<usize> = claims.iter().flat_map(|claim| self.functions_of(claim)).collect();
        let mut predicates = Vec::new();
        claims.iter().flat_map(|claim| claim.props()).for_each(|prop| prop.predicates(&mut predicates));
        let rules = predicates.iter().flat_map(|idx| &self.predicates[*idx].rules);
        let premises = rules.flat_map(|rule| rule.premises.iter().flat_map(Prop::terms).chain(&rule.conclusion));
        premises.for_each(|term| term.functions(&mut functions));
        functions = self.closure(&functions);
        let mut types: Vec<Ty> =
            claims.iter().flat_map(|claim| claim.variables.iter().map(|(_, ty)| ty.clone())).collect();
        for function in &functions {
            let Function { params, result, .. } = &self.functions[*function];
            types.extend(params.iter().map(|(_, ty)| ty.clone()).chain([result.clone()]));
        }
        let mut datas: Vec<usize> = Vec::new();
        while let Some(ty) = types.pop() {
            match ty {
                Ty::List(item) | Ty::Env(item) => types.push(*item),
                Ty::Data(idx) if !datas.contains(&idx) => {
                    datas.push(idx);
                    let fields = self.datas[idx].ctors.iter().flat_map(|ctor| ctor.fields.iter());
                    types.extend(fields.map(|(_, ty)| ty.clone()));
                }
                _ => {}
            }
        }
        self.order.retain(|declared| match declared {
            Declared::Data(idx) => datas.contains(idx),
            Declared::Function(idx) => functions.contains(idx),
            Declared::Predicate(idx) => predicates.contains(idx),
        });
    }
}
