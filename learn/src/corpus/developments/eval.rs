//! Developments, computed: what terms are worth, and values that refute a claim.

use super::super::dice::Dice;
use super::language::{Body, Claim, Expr, Op, Pattern, Program, Prop, Ty};

/// What a term is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Num(i128),
    Bool(bool),
    List(Vec<Value>),
    /// A constructor of an own type with its fields.
    Data(usize, Vec<Value>),
    /// The environment `fun n => scale * n + shift`.
    Line(i128, i128),
}

/// Values of variables; later ones hide earlier ones.
pub(super) type Env = Vec<(String, Value)>;

/// Calls within one evaluation before it is given up.
const FUEL: u32 = 4_000;
/// Calls within calls before it is given up.
const DEEPEST: u32 = 150;
/// Numbers past this are given up: Lean's counterexamples should stay small.
const LARGEST: i128 = 1 << 60;
/// Lists past this length are given up.
const LONGEST: usize = 400;

/// One evaluation.
struct Evaluation<'a> {
    program: &'a Program,
    fuel: u32,
    depth: u32,
}

impl Program {
    /// What the term is worth; `None` when that takes too long or is too large.
    pub(super) fn eval(&self, term: &Expr, env: &mut Env) -> Option<Value> {
        Evaluation { program: self, fuel: FUEL, depth: 0 }.term(term, env)
    }

    /// Whether the claim holds for these values: `Some(true)` too when a hypothesis fails; `None` when it cannot be told.
    pub(super) fn holds(&self, claim: &Claim, env: &mut Env) -> Option<bool> {
        let mut evaluation = Evaluation { program: self, fuel: FUEL, depth: 0 };
        for hypothesis in &claim.hypotheses {
            if !evaluation.prop(hypothesis, env)? {
                return Some(true);
            }
        }
        evaluation.prop(&claim.goal, env)
    }

    /// Values that refute the claim, among `n` drawn at random; the smallest of those that were drawn.
    pub(super) fn counterexample(&self, claim: &Claim, n: u32, dice: &mut Dice) -> Option<Env> {
        for idx in 0..n {
            let size = 1 + idx * 4 / n.max(1);
            let mut env: Env =
                claim.variables.iter().map(|(name, ty)| (name.clone(), self.random(ty, size, dice))).collect();
            if self.holds(claim, &mut env) == Some(false) {
                return Some(env);
            }
        }
        None
    }

    /// A value of the type, nested no deeper than `size`.
    pub(super) fn random(&self, ty: &Ty, size: u32, dice: &mut Dice) -> Value {
        match ty {
            // The edges often, and now and then something that is past every bound of a test.
            Ty::Nat => {
                let largest = [1, 4 + 2 * i64::from(size), 40][dice.weighted(&[3, 6, 1])];
                Value::Num(i128::from(dice.int(0, largest)))
            }
            Ty::Param => Value::Num(i128::from(dice.int(0, 4))),
            Ty::Int => Value::Num(i128::from(dice.int(-3 - i64::from(size), 3 + i64::from(size)))),
            Ty::Bool => Value::Bool(dice.percent(50)),
            Ty::Env(_) => Value::Line(i128::from(dice.int(0, 3)), i128::from(dice.int(0, 5))),
            Ty::List(item) => {
                let n = dice.int(0, i64::from(size));
                Value::List((0..n).map(|_| self.random(item, size.saturating_sub(1), dice)).collect())
            }
            Ty::Data(idx) => {
                let ctors = &self.datas[*idx].ctors;
                let is_recursive = |ctor: usize| ctors[ctor].fields.iter().any(|(_, field)| field == ty);
                let flat: Vec<usize> = (0..ctors.len()).filter(|ctor| !is_recursive(*ctor)).collect();
                let deep: Vec<usize> = (0..ctors.len()).filter(|ctor| is_recursive(*ctor)).collect();
                let ctor = if deep.is_empty() || size == 0 || (!flat.is_empty() && dice.percent(35)) {
                    dice.pick(&flat)
                } else {
                    dice.pick(&deep)
                };
                let fields = &ctors[ctor].fields;
                Value::Data(ctor, fields.iter().map(|(_, ty)| self.random(ty, size.saturating_sub(1), dice)).collect())
            }
        }
    }

    /// The term that is worth this.
    pub(super) fn quoted(&self, value: &Value, ty: &Ty) -> Option<Expr> {
        Some(match (value, ty) {
            (Value::Num(value), _) => Expr::Num(i64::try_from(*value).ok()?),
            (Value::Bool(value), _) => Expr::Bool(*value),
            (Value::List(items), Ty::List(item)) => {
                let mut list = Expr::Ctor(ty.clone(), 0, Vec::new());
                for value in items.iter().rev() {
                    list = Expr::Ctor(ty.clone(), 1, vec![self.quoted(value, item)?, list]);
                }
                list
            }
            (Value::Data(ctor, fields), Ty::Data(data)) => {
                let types = &self.datas[*data].ctors.get(*ctor)?.fields;
                let fields = fields.iter().zip(types).map(|(value, (_, ty))| self.quoted(value, ty));
                Expr::Ctor(ty.clone(), *ctor, fields.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }
}

impl Evaluation<'_> {
    fn term(&mut self, term: &Expr, env: &mut Env) -> Option<Value> {
        Some(match term {
            Expr::Var(name) => env.iter().rev().find(|(known, _)| known == name)?.1.clone(),
            Expr::Num(value) => Value::Num(i128::from(*value)),
            Expr::Bool(value) => Value::Bool(*value),
            Expr::Call(function, args) => {
                let args = self.terms(args, env)?;
                self.call(*function, args)?
            }
            Expr::Ctor(ty, idx, args) => {
                let args = self.terms(args, env)?;
                built(ty, *idx, args)?
            }
            Expr::Field(inner, _, field) => match self.term(inner, env)? {
                Value::Data(_, fields) => fields.get(*field)?.clone(),
                _ => return None,
            },
            Expr::Op(op, args) => {
                let args = self.terms(args, env)?;
                operate(*op, &args)?
            }
            Expr::Map(function, list) => match self.term(list, env)? {
                Value::List(items) => {
                    let mapped = items.into_iter().map(|item| self.call(*function, vec![item]));
                    Value::List(mapped.collect::<Option<_>>()?)
                }
                _ => return None,
            },
            Expr::If(test, yes, no) => {
                let branch = if self.prop(test, env)? { yes } else { no };
                self.term(branch, env)?
            }
            Expr::Decide(test) => Value::Bool(self.prop(test, env)?),
            Expr::Shifted(inner, n) => match self.term(inner, env)? {
                Value::Line(scale, shift) => Value::Line(scale, scale * i128::from(*n) + shift),
                _ => return None,
            },
        })
    }

    fn terms(&mut self, terms: &[Expr], env: &mut Env) -> Option<Vec<Value>> {
        terms.iter().map(|term| self.term(term, env)).collect()
    }

    fn call(&mut self, function: usize, args: Vec<Value>) -> Option<Value> {
        self.fuel = self.fuel.checked_sub(1)?;
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        let value = self.body(function, args);
        self.depth -= 1;
        value
    }

    fn body(&mut self, function: usize, args: Vec<Value>) -> Option<Value> {
        let program = self.program;
        let function = program.functions.get(function)?;
        let named = function.params.iter().map(|(name, _)| name.clone()).zip(args.iter().cloned());
        match &function.body {
            Body::Plain(value) => self.term(value, &mut named.collect()),
            Body::Cases { n_fixed, arms } => {
                let fixed: Env = named.take(*n_fixed).collect();
                for arm in arms {
                    let mut env = fixed.clone();
                    if arm.patterns.iter().zip(&args[*n_fixed..]).all(|(pattern, value)| bind(pattern, value, &mut env))
                    {
                        return self.term(&arm.value, &mut env);
                    }
                }
                None
            }
        }
    }

    fn prop(&mut self, prop: &Prop, env: &mut Env) -> Option<bool> {
        let mut number = |term: &Expr| match self.term(term, env)? {
            Value::Num(value) => Some(value),
            _ => None,
        };
        Some(match prop {
            Prop::Le(a, b) => number(a)? <= number(b)?,
            Prop::Lt(a, b) => number(a)? < number(b)?,
            Prop::Eq(a, b) => self.term(a, env)? == self.term(b, env)?,
            Prop::Ne(a, b) => self.term(a, env)? != self.term(b, env)?,
            Prop::Is(predicate, args) => {
                let args = self.terms(args, env)?;
                self.call(self.program.predicates.get(*predicate)?.decided_by, args)? == Value::Bool(true)
            }
            Prop::Iff(a, b) => self.prop(a, env)? == self.prop(b, env)?,
            Prop::And(a, b) => self.prop(a, env)? && self.prop(b, env)?,
            Prop::Implies(a, b) => !self.prop(a, env)? || self.prop(b, env)?,
            Prop::All(name, list, body) => {
                let Value::List(items) = self.term(list, env)? else { return None };
                let mut all = true;
                for item in items {
                    env.push((name.clone(), item));
                    let one = self.prop(body, env);
                    env.pop();
                    all &= one?;
                }
                all
            }
        })
    }
}

/// Whether the value matches; what the pattern names goes into `env`.
fn bind(pattern: &Pattern, value: &Value, env: &mut Env) -> bool {
    match (pattern, value) {
        (Pattern::Var(name), _) => {
            env.push((name.clone(), value.clone()));
            true
        }
        (Pattern::Num(wanted), Value::Num(value)) => i128::from(*wanted) == *value,
        (Pattern::Ctor(_, idx, fields), Value::Data(ctor, values)) => {
            idx == ctor && fields.iter().zip(values).all(|(pattern, value)| bind(pattern, value, env))
        }
        (Pattern::Ctor(_, idx, _), Value::Bool(value)) => (*idx == 1) == *value,
        (Pattern::Ctor(_, 0, _), Value::Num(value)) => *value == 0,
        (Pattern::Ctor(_, _, fields), Value::Num(value)) => {
            *value > 0 && fields.iter().all(|pattern| bind(pattern, &Value::Num(value - 1), env))
        }
        (Pattern::Ctor(_, 0, _), Value::List(items)) => items.is_empty(),
        (Pattern::Ctor(_, _, fields), Value::List(items)) => match (fields.as_slice(), items.split_first()) {
            ([head, tail], Some((first, rest))) => {
                bind(head, first, env) && bind(tail, &Value::List(rest.to_vec()), env)
            }
            _ => false,
        },
        _ => false,
    }
}

fn built(ty: &Ty, idx: usize, mut args: Vec<Value>) -> Option<Value> {
    Some(match (ty, idx) {
        (Ty::Nat, 0) => Value::Num(0),
        (Ty::Nat, _) => match args.pop()? {
            Value::Num(value) => Value::Num(value + 1),
            _ => return None,
        },
        (Ty::Bool, _) => Value::Bool(idx == 1),
        (Ty::List(_), 0) => Value::List(Vec::new()),
        (Ty::List(_), _) => match (args.pop()?, args.pop()?) {
            (Value::List(mut items), head) if items.len() < LONGEST => {
                items.insert(0, head);
                Value::List(items)
            }
            _ => return None,
        },
        _ => Value::Data(idx, args),
    })
}

fn operate(op: Op, args: &[Value]) -> Option<Value> {
    let small = |value: i128| (value.abs() < LARGEST).then_some(Value::Num(value));
    match (op, args) {
        (Op::Add, [Value::Num(a), Value::Num(b)]) => small(a + b),
        (Op::Sub, [Value::Num(a), Value::Num(b)]) => small(a - b),
        (Op::Mul, [Value::Num(a), Value::Num(b)]) => a.checked_mul(*b).and_then(small),
        // By a number above 0, where Lean's remainder is this one for both kinds of numbers.
        (Op::Mod, [Value::Num(a), Value::Num(b)]) if *b > 0 => small(a.rem_euclid(*b)),
        (Op::Pow, [Value::Num(a), Value::Num(b)]) => a.checked_pow(u32::try_from(*b).ok()?).and_then(small),
        (Op::Max, [Value::Num(a), Value::Num(b)]) => small(*a.max(b)),
        (Op::Min, [Value::Num(a), Value::Num(b)]) => small(*a.min(b)),
        (Op::And, [Value::Bool(a), Value::Bool(b)]) => Some(Value::Bool(*a && *b)),
        (Op::Or, [Value::Bool(a), Value::Bool(b)]) => Some(Value::Bool(*a || *b)),
        (Op::Not, [Value::Bool(a)]) => Some(Value::Bool(!a)),
        (Op::Append, [Value::List(a), Value::List(b)]) if a.len() + b.len() < LONGEST => {
            Some(Value::List([a.as_slice(), b.as_slice()].concat()))
        }
        (Op::Length, [Value::List(items)]) => Some(Value::Num(items.len() as i128)),
        (Op::Reverse, [Value::List(items)]) => Some(Value::List(items.iter().rev().cloned().collect())),
        (Op::Sum, [Value::List(items)]) => {
            let mut sum = 0;
            for item in items {
                let Value::Num(value) = item else { return None };
                sum += value;
            }
            small(sum)
        }
        (Op::Apply, [Value::Line(scale, shift), Value::Num(at)]) => {
            scale.checked_mul(*at).and_then(|v| small(v + shift))
        }
        _ => None,
    }
}
