//! What schemes build a development in: its dice, its names and its declarations so far.

use super::super::dice::Dice;
use super::language::{Arm, Body, Ctor, Data, Expr, Function, Op, Pattern, Program, Prop, Ty, num, op, var};
use super::names::{Names, letters};

pub(super) struct World<'a> {
    pub(super) dice: &'a mut Dice,
    pub(super) names: Names,
    pub(super) program: Program,
}

/// What is said of a function by cases: its parameters before and behind the one that is taken apart, and its result.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) before: Vec<(String, Ty)>,
    pub(super) on: Ty,
    pub(super) behind: Vec<(String, Ty)>,
    pub(super) result: Ty,
}

/// One case of a function that recurs: the fields of its constructor as terms, and the call on a field.
pub(super) struct Case<'a> {
    pub(super) ctor: usize,
    pub(super) fields: &'a [(String, Ty)],
    on: &'a Ty,
    function: usize,
    before: &'a [(String, Ty)],
}

impl Case<'_> {
    /// Whether this field is of the type that is taken apart.
    pub(super) fn is_recursive(&self, field: usize) -> bool {
        self.fields[field].1 == *self.on
    }

    pub(super) fn field(&self, field: usize) -> Expr {
        var(&self.fields[field].0)
    }

    /// The function's own value for a field, with these for the parameters behind.
    pub(super) fn recur(&self, field: usize, behind: impl IntoIterator<Item = Expr>) -> Expr {
        let before = self.before.iter().map(|(name, _)| var(name));
        Expr::Call(self.function, before.chain([self.field(field)]).chain(behind).collect())
    }

    /// The fields in order.
    pub(super) fn indices(&self) -> std::ops::Range<usize> {
        0..self.fields.len()
    }
}

impl World<'_> {
    pub(super) fn new(dice: &mut Dice) -> World<'_> {
        World { dice, names: Names::default(), program: Program::default() }
    }

    pub(super) fn small(&mut self) -> String {
        self.names.small(self.dice)
    }

    /// Declares a type with these constructors' fields; the names of fields are drawn.
    pub(super) fn data(&mut self, ctors: Vec<Vec<Field>>, has_param: bool, is_structure: bool) -> Ty {
        let name = self.names.large(self.dice);
        let itself = Ty::Data(self.program.datas.len());
        let ctors = ctors.into_iter().map(|fields| {
            let field_names = if is_structure {
                fields.iter().map(|_| self.names.small(self.dice)).collect()
            } else {
                letters(fields.len(), self.dice)
            };
            let ty = |field: Field| match field {
                Field::Itself => itself.clone(),
                Field::Of(ty) => ty,
            };
            let ctor_name = if is_structure { "mk".to_owned() } else { self.names.small(self.dice) };
            Ctor { name: ctor_name, fields: field_names.into_iter().zip(fields.into_iter().map(ty)).collect() }
        });
        let ctors = ctors.collect();
        self.program.declare(Data { name, has_param, is_structure, ctors })
    }

    /// Declares an enumeration of `n` values.
    pub(super) fn enumeration(&mut self, n: usize) -> Ty {
        self.data(vec![Vec::new(); n], false, false)
    }

    /// Defines a function by cases of one of its parameters.
    pub(super) fn by_cases(
        &mut self,
        signature: &Signature,
        mut value: impl FnMut(&mut Self, &Case<'_>) -> Expr,
    ) -> usize {
        let function = self.program.next();
        let Signature { before, on, behind, result } = signature;
        let ctors = self.program.ctors(on);
        let taken = |name: &str| before.iter().chain(behind).any(|(known, _)| known == name);
        let mut arms = Vec::new();
        for (idx, ctor) in ctors.iter().enumerate() {
            let fields: Vec<(String, Ty)> = ctor
                .fields
                .iter()
                .map(|(name, ty)| (if taken(name) { format!("{name}'") } else { name.clone() }, ty.clone()))
                .collect();
            let case = Case { ctor: idx, fields: &fields, on, function, before };
            let value = value(self, &case);
            let pattern =
                Pattern::Ctor(on.clone(), idx, fields.iter().map(|(name, _)| Pattern::Var(name.clone())).collect());
            let behind = behind.iter().map(|(name, _)| Pattern::Var(name.clone()));
            arms.push(Arm { patterns: std::iter::once(pattern).chain(behind).collect(), value });
        }
        let name = self.small();
        let params = [before.clone(), vec![("x".to_owned(), on.clone())], behind.clone()].concat();
        let body = Body::Cases { n_fixed: before.len(), arms };
        self.program.define(Function { name, params, result: result.clone(), body })
    }

    /// Defines a function without cases.
    pub(super) fn plain(&mut self, params: Vec<(String, Ty)>, result: Ty, value: Expr) -> usize {
        let name = self.small();
        self.program.define(Function { name, params, result, body: Body::Plain(value) })
    }

    /// A function of one number: `fun n => scale * n + shift`, as an own definition.
    pub(super) fn affine(&mut self) -> (usize, i64, i64) {
        let (scale, shift) = self.scale_and_shift();
        let name = letters(1, self.dice).remove(0);
        let value = super::language::add(super::language::times(scale, var(&name)), num(shift));
        (self.plain(vec![(name, Ty::Nat)], Ty::Nat, value), scale, shift)
    }

    fn scale_and_shift(&mut self) -> (i64, i64) {
        let scale = self.dice.pick(&[1, 1, 1, 2, 2, 3, 4]);
        (scale, self.dice.int(i64::from(scale == 1), 9))
    }

    /// A test of a value of this type; `None` where nothing can be tested. `bound` may stand for a number.
    pub(super) fn test(&mut self, of: &Expr, ty: &Ty, bound: Option<&Expr>) -> Option<Prop> {
        let of = of.clone();
        match ty {
            Ty::Nat | Ty::Int => {
                let modulus = self.dice.int(2, 5);
                let residue = self.dice.int(0, modulus - 1);
                let limit = bound.cloned().unwrap_or_else(|| num(self.dice.int(1, 6)));
                Some(match self.dice.int(0, if bound.is_some() { 3 } else { 4 }) {
                    0 => Prop::Le(of, limit),
                    1 => Prop::Lt(limit, of),
                    2 => Prop::Ne(of, limit),
                    3 => Prop::Le(limit, of),
                    _ => Prop::Eq(op(Op::Mod, [of, num(modulus)]), num(residue)),
                })
            }
            Ty::Bool => Some(Prop::Eq(of, Expr::Bool(self.dice.percent(50)))),
            Ty::Param | Ty::Env(_) | Ty::List(_) | Ty::Data(_) => None,
        }
    }
}

/// What a constructor holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// Another value of the type itself.
    Itself,
    Of(Ty),
}
