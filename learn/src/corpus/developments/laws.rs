//! Laws that a development's functions obey: guessed from their roles, kept when no drawn value refutes them, and put
//! together to further ones.
//!
//! A law is known to hold only when Lean has proved it; what is kept here has withstood [`TRIALS`] drawn values.

use super::functions::{Role, Tool, is_trivial};
use super::language::{Body, Claim, Expr, Op, Prop, Ty, add, is_true, num, op, times, var};
use super::sketch::{How, Lemma, SUBJECT, Sketch};
use super::world::World;

/// Drawn values that a guess withstands before it counts as a law.
const TRIALS: u32 = 60;
/// Laws per development: more make it slower to draw, and no better.
const MOST_LAWS: usize = 9;

/// A law, and how it may be proved.
#[derive(Clone, Debug)]
struct Law {
    lemma: Lemma,
    /// The two sides of an equation, whose left side is rewritten to the right one.
    rewrites: Option<(Expr, Expr)>,
}

/// A second value that laws are about.
const SECOND: &str = "that";

/// A theorem about these functions: a law, or one that several give.
pub(super) fn theorem(world: &mut World<'_>, tools: &[Tool]) -> Option<Sketch> {
    let on = &tools.first()?.on;
    let laws = found(world, tools);
    if laws.is_empty() {
        return None;
    }
    let deep = world.program.is_recursive(on);
    let base = if deep { 2 } else { 1 };
    let scheme = if deep { "structural" } else { "cases" };
    if world.dice.percent(if deep { 70 } else { 40 }) {
        for _ in 0..12 {
            if let Some(sketch) = composed(world, tools, &laws, scheme, base) {
                return Some(sketch);
            }
        }
    }
    let law = world.dice.pick(&laws);
    if matches!(&law.lemma.how, How::Induction { generalizing, .. } if !generalizing.is_empty()) {
        return Some(begun_empty(world, &law).unwrap_or_else(|| Sketch::of("accumulator", 3, law.lemma.clone())));
    }
    Some(Sketch::of(scheme, base, law.lemma))
}

/// The law of an accumulator where it begins with nothing: to be proved, it has to be generalised first.
fn begun_empty(world: &mut World<'_>, law: &Law) -> Option<Sketch> {
    if world.dice.percent(30) {
        return None;
    }
    let (name, ty) = law.lemma.claim.variables.last()?.clone();
    let empty = if ty == Ty::Nat { num(0) } else { Expr::Ctor(ty, 0, Vec::new()) };
    let mut claim = law.lemma.claim.clone();
    claim.variables.pop();
    claim.goal = claim.goal.rewritten(&mut |term| match term {
        Expr::Var(own) if *own == name => Some(empty.clone()),
        Expr::Op(Op::Append | Op::Add, args) if args.contains(&empty) => {
            args.iter().find(|arg| **arg != empty).cloned()
        }
        _ => None,
    });
    Some(Sketch { scheme: "accumulator", grade: 4, claim, lemmas: vec![law.lemma.clone()], how: How::FromLemmas })
}

/// A law about a value that is itself made by a function, with further laws used on it.
fn composed(world: &mut World<'_>, tools: &[Tool], laws: &[Law], scheme: &'static str, base: u32) -> Option<Sketch> {
    let first = world.dice.pick(laws);
    let makers: Vec<&Tool> = tools.iter().filter(|tool| matches!(tool.role, Role::Transformer | Role::Join)).collect();
    let mut claim = first.lemma.claim.clone();
    let mut used: Vec<Lemma> = vec![first.lemma.clone()];
    for round in 0..1 + world.dice.weighted(&[6, 4]) {
        if makers.is_empty() {
            return None;
        }
        let maker = (*world.dice.pick(&makers)).clone();
        let suffix = "₁₂₃".chars().nth(round).map(String::from).unwrap_or_default();
        let mut made = Applied::new(&maker, &suffix, var(SUBJECT));
        if maker.role == Role::Join {
            let second = format!("{SECOND}{suffix}");
            made = made.and(var(&second), (second, maker.on.clone()));
        }
        claim.variables.extend(made.variables);
        claim.goal = claim.goal.rewritten(&mut |term| (*term == var(SUBJECT)).then(|| made.term.clone()));
    }
    claim.goal = rewritten_behind(&claim.goal, laws, &mut used);
    claim.variables.retain(|(name, _)| claim.goal.terms().iter().any(|term| term.mentions(name)));
    let is_new = used.len() > 1 && !is_trivial(&claim.goal) && claim.goal != first.lemma.claim.goal;
    if !is_new || !seems_true(world, &claim) {
        return None;
    }
    let grade = (base + u32::try_from(used.len()).unwrap_or(4) - 1).min(5);
    Some(Sketch { scheme, grade: grade.max(base + 1), claim, lemmas: used, how: How::FromLemmas })
}

/// The goal with its right side rewritten by the laws, as far as they go; what was used is noted.
fn rewritten_behind(goal: &Prop, laws: &[Law], used: &mut Vec<Lemma>) -> Prop {
    let mut rewrite = |term: &Expr| {
        let mut term = term.clone();
        for _ in 0..4 {
            let next = term.rewritten(&mut |part| {
                let (law, values) = laws.iter().find_map(|law| {
                    let (left, right) = law.rewrites.as_ref()?;
                    let mut values = Vec::new();
                    (matches(left, part, &mut values) && right != left).then_some((law, values))
                })?;
                if !used.contains(&law.lemma) {
                    used.push(law.lemma.clone());
                }
                law.rewrites.as_ref().map(|(_, right)| right.with(&values))
            });
            if next == term {
                break;
            }
            term = next;
        }
        term
    };
    match goal {
        Prop::Eq(a, b) => Prop::Eq(a.clone(), rewrite(b)),
        Prop::Le(a, b) => Prop::Le(a.clone(), rewrite(b)),
        Prop::Iff(a, b) => match &**b {
            Prop::All(name, list, body) => {
                Prop::Iff(a.clone(), Box::new(Prop::All(name.clone(), rewrite(list), body.clone())))
            }
            _ => goal.clone(),
        },
        _ => goal.clone(),
    }
}

/// Whether the term is the pattern with values for its variables.
fn matches(pattern: &Expr, term: &Expr, values: &mut Vec<(String, Expr)>) -> bool {
    match (pattern, term) {
        (Expr::Var(name), _) => match values.iter().find(|(known, _)| known == name) {
            Some((_, value)) => value == term,
            None => {
                values.push((name.clone(), term.clone()));
                true
            }
        },
        (Expr::Call(f, args), Expr::Call(g, others)) => {
            f == g && args.len() == others.len() && args.iter().zip(others).all(|(a, b)| matches(a, b, values))
        }
        _ => pattern == term,
    }
}

/// A function put on a value, with variables for its other parameters.
#[derive(Clone, Debug)]
struct Applied {
    term: Expr,
    variables: Vec<(String, Ty)>,
}

impl Applied {
    fn new(tool: &Tool, suffix: &str, to: Expr) -> Self {
        let variables: Vec<(String, Ty)> =
            tool.before.iter().map(|(name, ty)| (format!("{name}{suffix}"), ty.clone())).collect();
        let args = variables.iter().map(|(name, _)| var(name)).chain([to]).collect();
        Self { term: Expr::Call(tool.function, args), variables }
    }

    /// With one more argument, which is a variable.
    fn and(mut self, argument: Expr, variable: (String, Ty)) -> Self {
        if let Expr::Call(_, args) = &mut self.term {
            args.push(argument);
        }
        self.variables.push(variable);
        self
    }
}

/// Laws of pairs of functions, in random order.
fn found(world: &mut World<'_>, tools: &[Tool]) -> Vec<Law> {
    let mut pairs: Vec<(usize, usize)> = (0..tools.len()).flat_map(|a| (0..tools.len()).map(move |b| (a, b))).collect();
    world.dice.shuffle(&mut pairs);
    let mut laws: Vec<Law> = Vec::new();
    for (a, b) in pairs {
        if laws.len() == MOST_LAWS {
            break;
        }
        let guesses = guesses(world, tools, &tools[a], &tools[b]);
        let law =
            guesses.into_iter().find(|law| !is_trivial(&law.lemma.claim.goal) && seems_true(world, &law.lemma.claim));
        laws.extend(law);
    }
    laws
}

/// Whether no drawn value refutes the claim, and enough of them speak for it.
pub(super) fn seems_true(world: &mut World<'_>, claim: &Claim) -> bool {
    let mut n_for = 0;
    for idx in 0..TRIALS {
        let size = 1 + idx * 4 / TRIALS;
        let mut env = claim
            .variables
            .iter()
            .map(|(name, ty)| (name.clone(), world.program.random(ty, size, world.dice)))
            .collect();
        match world.program.holds(claim, &mut env) {
            Some(false) => return false,
            Some(true) => n_for += 1,
            None => {}
        }
    }
    n_for >= TRIALS / 2
}

/// What the two functions may have to do with each other, the most telling first.
fn guesses(world: &mut World<'_>, tools: &[Tool], a: &Tool, b: &Tool) -> Vec<Law> {
    match (a.role, b.role) {
        (Role::Observer, Role::Transformer) => observed(tools, a, b),
        (Role::Transformer, Role::Transformer) => changed_twice(a, b),
        (Role::Observer, Role::Observer) => compared(world, a, b),
        (Role::Accumulator, Role::Observer) => accumulated(a, b),
        (Role::Observer | Role::Transformer | Role::Join, Role::Join) => joined(a, b),
        _ => Vec::new(),
    }
}

fn law(on: &Ty, variables: Vec<(String, Ty)>, goal: Prop, rewrites: bool) -> Law {
    let rewrites = match &goal {
        Prop::Eq(left, right) if rewrites => Some((left.clone(), right.clone())),
        _ => None,
    };
    let mut all = vec![(SUBJECT.to_owned(), on.clone())];
    all.extend(variables);
    let how = How::Induction { on: SUBJECT.to_owned(), generalizing: Vec::new() };
    Law { lemma: Lemma { claim: Claim::new(all, goal), how }, rewrites }
}

/// What a function says of a changed value.
fn observed(tools: &[Tool], observer: &Tool, changer: &Tool) -> Vec<Law> {
    let changed = Applied::new(changer, "'", var(SUBJECT));
    let left = Applied::new(observer, "", changed.term.clone());
    let plain = Applied::new(observer, "", var(SUBJECT)).term;
    let variables = [left.variables.clone(), changed.variables].concat();
    let equal = |right: Expr| law(&observer.on, variables.clone(), Prop::Eq(left.term.clone(), right), true);
    let mut laws = vec![equal(plain.clone())];
    match &observer.result {
        Ty::Nat => {
            laws.extend([1, 2, 3].map(|n| equal(add(plain.clone(), num(n)))));
            for other in tools.iter().filter(|other| other.result == Ty::Nat && other.before.is_empty()) {
                if other.role != Role::Observer || other.function == observer.function {
                    continue;
                }
                let other = Applied::new(other, "", var(SUBJECT)).term;
                laws.push(equal(other.clone()));
                for factor in 1..=4 {
                    laws.extend((1..=9).map(|n| equal(add(times(factor, plain.clone()), times(n, other.clone())))));
                }
            }
            laws.extend((2..=4).map(|n| equal(times(n, plain.clone()))));
            for (a, b) in [(&left.term, &plain), (&plain, &left.term)] {
                laws.push(law(&observer.on, variables.clone(), Prop::Le(a.clone(), b.clone()), false));
            }
        }
        Ty::Bool => {
            laws.push(equal(op(Op::Not, [plain.clone()])));
            let implied = Prop::Implies(Box::new(is_true(plain)), Box::new(is_true(left.term.clone())));
            laws.push(law(&observer.on, variables.clone(), implied, false));
        }
        Ty::List(_) => {
            laws.push(equal(op(Op::Reverse, [plain.clone()])));
            if let Some(function) = changer.maps {
                laws.push(equal(Expr::Map(function, Box::new(plain.clone()))));
                laws.push(equal(op(Op::Reverse, [Expr::Map(function, Box::new(plain))])));
            }
        }
        _ => {}
    }
    laws
}

/// What two changes one after the other come to.
fn changed_twice(outer: &Tool, inner: &Tool) -> Vec<Law> {
    let inside = Applied::new(inner, "'", var(SUBJECT));
    let left = Applied::new(outer, "", inside.term.clone());
    let once = Applied::new(outer, "", var(SUBJECT)).term;
    let other_way = Applied::new(inner, "'", once.clone()).term;
    let variables = [left.variables, inside.variables].concat();
    let equal = |right: Expr, rewrites| law(&outer.on, variables.clone(), Prop::Eq(left.term.clone(), right), rewrites);
    vec![equal(var(SUBJECT), true), equal(once, true), equal(inside.term, true), equal(other_way, false)]
}

/// What two functions say of one value.
fn compared(world: &mut World<'_>, a: &Tool, b: &Tool) -> Vec<Law> {
    let (one, other) = (Applied::new(a, "", var(SUBJECT)), Applied::new(b, "'", var(SUBJECT)));
    let variables = [one.variables, other.variables].concat();
    let (one, other) = (one.term, other.term);
    let states = |goal: Prop| law(&a.on, variables.clone(), goal, false);
    match (&a.result, &b.result) {
        (Ty::Nat, Ty::Nat) if a.function == b.function => vec![states(Prop::Le(num(1), one))],
        (Ty::Nat, Ty::Nat) => {
            let mut laws: Vec<Law> =
                (0..3).map(|n| states(Prop::Eq(one.clone(), add(other.clone(), num(n))))).collect();
            laws.push(states(Prop::Lt(one.clone(), other.clone())));
            laws.push(states(Prop::Le(one.clone(), other.clone())));
            laws.extend((2..=3).map(|n| states(Prop::Le(one.clone(), times(n, other.clone())))));
            laws
        }
        (Ty::List(item), Ty::Nat) => {
            let length = op(Op::Length, [one.clone()]);
            let mut laws = Vec::new();
            if **item == Ty::Nat {
                laws.push(states(Prop::Eq(op(Op::Sum, [one]), other.clone())));
            }
            laws.extend((0..3).map(|n| states(Prop::Eq(add(length.clone(), num(n)), other.clone()))));
            laws.push(states(Prop::Le(length, other)));
            laws
        }
        (Ty::List(_), Ty::List(_)) if a.function != b.function => {
            vec![states(Prop::Eq(one.clone(), other.clone())), states(Prop::Eq(one, op(Op::Reverse, [other])))]
        }
        (Ty::Bool, Ty::List(item)) if **item == Ty::Nat => tests(world, a)
            .into_iter()
            .map(|test| {
                let all = Prop::All("x".to_owned(), other.clone(), Box::new(test));
                states(Prop::Iff(Box::new(is_true(one.clone())), Box::new(all)))
            })
            .collect(),
        (Ty::Bool, Ty::Bool) if a.function != b.function => {
            vec![states(Prop::Implies(Box::new(is_true(one)), Box::new(is_true(other))))]
        }
        _ => Vec::new(),
    }
}

/// The tests that a function puts on numbers, as tests of `x`.
fn tests(world: &World<'_>, checker: &Tool) -> Vec<Prop> {
    let Body::Cases { arms, .. } = &world.program.functions[checker.function].body else { return Vec::new() };
    let mut found = Vec::new();
    for arm in arms {
        let mut terms = vec![&arm.value];
        while let Some(term) = terms.pop() {
            if let Expr::Decide(test) = term {
                let is_param = |name: &str| checker.before.iter().any(|(known, _)| known == name);
                let test = test.rewritten(&mut |term| match term {
                    Expr::Var(name) if !is_param(name) => Some(var("x")),
                    _ => None,
                });
                if !found.contains(&test) {
                    found.push(test);
                }
            }
            terms.extend(term.children());
        }
    }
    found
}

/// What an accumulator adds to its last parameter.
fn accumulated(accumulator: &Tool, observer: &Tool) -> Vec<Law> {
    if accumulator.result != observer.result || !observer.before.is_empty() {
        return Vec::new();
    }
    let acc = ("acc".to_owned(), accumulator.result.clone());
    let left = Applied::new(accumulator, "", var(SUBJECT)).and(var("acc"), acc);
    let plain = Applied::new(observer, "", var(SUBJECT)).term;
    let rights = match accumulator.result {
        Ty::Nat => vec![add(plain.clone(), var("acc")), add(times(2, plain), var("acc"))],
        _ => vec![op(Op::Append, [plain.clone(), var("acc")]), op(Op::Append, [op(Op::Reverse, [plain]), var("acc")])],
    };
    let equal = |right: Expr| {
        let mut found = law(&accumulator.on, left.variables.clone(), Prop::Eq(left.term.clone(), right), true);
        found.lemma.how = How::Induction { on: SUBJECT.to_owned(), generalizing: vec!["acc".to_owned()] };
        found
    };
    rights.into_iter().map(equal).collect()
}

/// What a function says of two values that are joined, or makes of them.
fn joined(observer: &Tool, join: &Tool) -> Vec<Law> {
    let second = (SECOND.to_owned(), join.on.clone());
    let both = Applied::new(join, "", var(SUBJECT)).and(var(SECOND), second);
    let joins = |a: Expr, b: Expr| Expr::Call(join.function, vec![a, b]);
    if observer.role == Role::Join {
        if observer.function != join.function {
            return Vec::new();
        }
        let third = ("third".to_owned(), join.on.clone());
        let variables = [both.variables.clone(), vec![third]].concat();
        let left = joins(both.term.clone(), var("third"));
        let goal = Prop::Eq(left, joins(var(SUBJECT), joins(var(SECOND), var("third"))));
        return vec![law(&join.on, variables, goal, false)];
    }
    let left = Applied::new(observer, "", both.term.clone());
    let (a, b) = (Applied::new(observer, "", var(SUBJECT)).term, Applied::new(observer, "", var(SECOND)).term);
    let variables = [both.variables, left.variables].concat();
    let equal = |right: Expr| law(&join.on, variables.clone(), Prop::Eq(left.term.clone(), right), true);
    let of = |operation: Op| equal(op(operation, [a.clone(), b.clone()]));
    match (&observer.role, &observer.result) {
        (Role::Transformer, _) => vec![equal(joins(a.clone(), b.clone())), equal(joins(b.clone(), a.clone()))],
        (_, Ty::Nat) => {
            let sum = op(Op::Add, [a.clone(), b.clone()]);
            let mut laws = vec![of(Op::Add), of(Op::Mul), of(Op::Max)];
            laws.extend([1, 2].map(|n| {
                law(&join.on, variables.clone(), Prop::Eq(add(left.term.clone(), num(n)), sum.clone()), false)
            }));
            laws.push(law(&join.on, variables.clone(), Prop::Le(left.term.clone(), sum), false));
            laws
        }
        (_, Ty::Bool) => vec![of(Op::And), of(Op::Or)],
        _ => vec![of(Op::Append), equal(op(Op::Append, [b, a.clone()]))],
    }
}
