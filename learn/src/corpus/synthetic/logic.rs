//! Formulas of first-order logic that can be written in Lean's syntax and evaluated in a finite model.

use super::draft::Draft;

/// What a term stands for, by its place in the tables of names.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Object {
    /// A quantified variable.
    Bound(usize),
    /// A variable of the statement.
    Const(usize),
    /// A function's value.
    Apply(usize, Box<Object>),
}

/// A formula. An atom is a proposition, a property or a relation, by the number of its objects.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Formula {
    Atom(usize, Vec<Object>),
    Equal(Object, Object),
    Not(Box<Formula>),
    And(Box<Formula>, Box<Formula>),
    Or(Box<Formula>, Box<Formula>),
    Imp(Box<Formula>, Box<Formula>),
    Iff(Box<Formula>, Box<Formula>),
    All(usize, Box<Formula>),
    Exists(usize, Box<Formula>),
}

/// A finite domain and what the names stand for in it. Truths are bits: that of a relation of `x` and `y` is bit
/// `x * size + y`.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) size: usize,
    pub(super) propositions: u64,
    pub(super) properties: Vec<u64>,
    pub(super) relations: Vec<u64>,
    pub(super) functions: Vec<Vec<usize>>,
    pub(super) constants: Vec<usize>,
}

const BOUND: [&str; 4] = ["x", "y", "z", "w"];
const CONSTANTS: [&str; 5] = ["a", "b", "c", "d", "e"];
const FUNCTIONS: [&str; 3] = ["f", "g", "k"];
const PROPOSITIONS: [&str; 6] = ["p", "q", "r", "s", "t", "u"];
const PROPERTIES: [&str; 8] = ["P", "Q", "S", "T", "U", "V", "W", "X"];
const RELATIONS: [&str; 4] = ["R", "L", "M", "N"];

impl Object {
    pub(super) fn apply(self, function: usize) -> Self {
        Self::Apply(function, Box::new(self))
    }

    fn at(&self, model: &Model, bound: &[usize]) -> usize {
        match self {
            Self::Bound(idx) => bound[*idx],
            Self::Const(idx) => model.constants[*idx],
            Self::Apply(idx, inner) => model.functions[*idx][inner.at(model, bound)],
        }
    }

    fn text(&self, is_argument: bool) -> String {
        match self {
            Self::Bound(idx) => BOUND[*idx].to_owned(),
            Self::Const(idx) => CONSTANTS[*idx].to_owned(),
            Self::Apply(idx, inner) if is_argument => format!("({} {})", FUNCTIONS[*idx], inner.text(true)),
            Self::Apply(idx, inner) => format!("{} {}", FUNCTIONS[*idx], inner.text(true)),
        }
    }
}

impl Formula {
    pub(super) fn not(self) -> Self {
        Self::Not(Box::new(self))
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self::And(Box::new(self), Box::new(other))
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self::Or(Box::new(self), Box::new(other))
    }

    pub(super) fn implies(self, other: Self) -> Self {
        Self::Imp(Box::new(self), Box::new(other))
    }

    pub(super) fn iff(self, other: Self) -> Self {
        Self::Iff(Box::new(self), Box::new(other))
    }

    pub(super) fn all(variable: usize, body: Self) -> Self {
        Self::All(variable, Box::new(body))
    }

    pub(super) fn exists(variable: usize, body: Self) -> Self {
        Self::Exists(variable, Box::new(body))
    }

    /// Whether a closed formula is true in this model.
    pub(super) fn is_true(&self, model: &Model) -> bool {
        self.at(model, &mut [0; BOUND.len()])
    }

    fn at(&self, model: &Model, bound: &mut [usize; BOUND.len()]) -> bool {
        match self {
            Self::Atom(idx, objects) => match objects.as_slice() {
                [] => model.propositions >> idx & 1 == 1,
                [x] => model.properties[*idx] >> x.at(model, bound) & 1 == 1,
                [x, y, ..] => model.relations[*idx] >> (x.at(model, bound) * model.size + y.at(model, bound)) & 1 == 1,
            },
            Self::Equal(left, right) => left.at(model, bound) == right.at(model, bound),
            Self::Not(inner) => !inner.at(model, bound),
            Self::And(left, right) => left.at(model, bound) && right.at(model, bound),
            Self::Or(left, right) => left.at(model, bound) || right.at(model, bound),
            Self::Imp(left, right) => !left.at(model, bound) || right.at(model, bound),
            Self::Iff(left, right) => left.at(model, bound) == right.at(model, bound),
            Self::All(variable, body) => (0..model.size).all(|value| body.with(model, bound, *variable, value)),
            Self::Exists(variable, body) => (0..model.size).any(|value| body.with(model, bound, *variable, value)),
        }
    }

    fn with(&self, model: &Model, bound: &mut [usize; BOUND.len()], variable: usize, value: usize) -> bool {
        let before = std::mem::replace(&mut bound[variable], value);
        let truth = self.at(model, bound);
        bound[variable] = before;
        truth
    }

    /// The number of its parts.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Atom(..) | Self::Equal(..) => 1,
            Self::Not(inner) | Self::All(_, inner) | Self::Exists(_, inner) => 1 + inner.size(),
            Self::And(left, right) | Self::Or(left, right) | Self::Imp(left, right) | Self::Iff(left, right) => {
                1 + left.size() + right.size()
            }
        }
    }

    /// Lean's text, in brackets where what is around it binds more tightly than it does.
    pub(super) fn text(&self, outer: u32) -> String {
        let (symbol, level, left, right) = match self {
            Self::Atom(idx, objects) => {
                let name = match objects.len() {
                    0 => return PROPOSITIONS[*idx].to_owned(),
                    1 => PROPERTIES[*idx],
                    _ => RELATIONS[*idx],
                };
                let objects: Vec<String> = objects.iter().map(|object| object.text(true)).collect();
                return format!("{name} {}", objects.join(" "));
            }
            Self::Equal(left, right) => ("=", 50, left.text(false), right.text(false)),
            Self::Not(inner) => return format!("¬{}", inner.text(40)),
            Self::And(left, right) => ("∧", 35, left.text(36), right.text(35)),
            Self::Or(left, right) => ("∨", 30, left.text(31), right.text(30)),
            Self::Imp(left, right) => ("→", 25, left.text(26), right.text(25)),
            Self::Iff(left, right) => ("↔", 20, left.text(21), right.text(21)),
            Self::All(..) | Self::Exists(..) => {
                let text = self.quantified();
                return if outer > 0 { format!("({text})") } else { text };
            }
        };
        let text = format!("{left} {symbol} {right}");
        if outer > level { format!("({text})") } else { text }
    }

    /// `∀ x y, body`: neighbouring quantifiers of one kind share their symbol.
    fn quantified(&self) -> String {
        let is_all = matches!(self, Self::All(..));
        let mut names = Vec::new();
        let mut body = self;
        while let Self::All(variable, inner) | Self::Exists(variable, inner) = body {
            if matches!(body, Self::All(..)) != is_all {
                break;
            }
            names.push(BOUND[*variable]);
            body = inner;
        }
        format!("{} {}, {}", if is_all { "∀" } else { "∃" }, names.join(" "), body.text(0))
    }

    fn visit(&self, seen: &mut Signature) {
        match self {
            Self::Atom(idx, objects) => {
                seen.atoms[objects.len().min(2)] |= 1 << idx;
                objects.iter().for_each(|object| seen.object(object));
            }
            Self::Equal(left, right) => {
                seen.object(left);
                seen.object(right);
            }
            Self::Not(inner) | Self::All(_, inner) | Self::Exists(_, inner) => inner.visit(seen),
            Self::And(left, right) | Self::Or(left, right) | Self::Imp(left, right) | Self::Iff(left, right) => {
                left.visit(seen);
                right.visit(seen);
            }
        }
    }
}

/// Which names are in use, as bits.
#[derive(Default)]
struct Signature {
    atoms: [u64; 3],
    functions: u64,
    constants: u64,
}

impl Signature {
    fn object(&mut self, object: &Object) {
        match object {
            Object::Bound(_) => {}
            Object::Const(idx) => self.constants |= 1 << idx,
            Object::Apply(idx, inner) => {
                self.functions |= 1 << idx;
                self.object(inner);
            }
        }
    }
}

/// Whether the hypotheses hold in the model and the goal does not.
pub(super) fn refutes(model: &Model, hypotheses: &[Formula], goal: &Formula) -> bool {
    hypotheses.iter().all(|hypothesis| hypothesis.is_true(model)) && !goal.is_true(model)
}

/// The statement, with a binder for every name in use. The type is called `α` and has an element.
pub(super) fn statement(hypotheses: &[Formula], goal: &Formula, level: u32, holds: bool) -> Draft {
    let mut seen = Signature::default();
    hypotheses.iter().chain([goal]).for_each(|formula| formula.visit(&mut seen));
    let used = |bits: u64, names: &[&str]| -> Vec<String> {
        let names = names.iter().enumerate().filter(|(idx, _)| bits >> idx & 1 == 1);
        names.map(|(_, name)| (*name).to_owned()).collect()
    };
    let mut draft = Draft::closed(goal.text(0), level, holds);
    let propositional = seen.atoms[1] | seen.atoms[2] | seen.functions | seen.constants == 0;
    if !propositional {
        draft = draft.fixed(if seen.constants == 0 { "(α : Type) [Inhabited α]" } else { "(α : Type)" });
    }
    let kinds = [
        (used(seen.atoms[0], &PROPOSITIONS), "Prop"),
        (used(seen.atoms[1], &PROPERTIES), "α → Prop"),
        (used(seen.atoms[2], &RELATIONS), "α → α → Prop"),
        (used(seen.functions, &FUNCTIONS), "α → α"),
        (used(seen.constants, &CONSTANTS), "α"),
    ];
    for (names, ty) in kinds {
        for name in names {
            draft = draft.var(&name, ty);
        }
    }
    hypotheses.iter().fold(draft, |draft, hypothesis| draft.given(hypothesis.text(0)))
}
