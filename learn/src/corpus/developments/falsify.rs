//! False theorems: a true one with something changed, and values for which it fails.

use super::eval::{Env, Value};
use super::language::{Body, Claim, Expr, Op, Program, Prop, Ty, add, num};
use super::world::World;

/// Changes that are tried before a theorem is given up as too true.
const CHANGES: usize = 24;
/// Drawn values among which a counterexample is sought.
const TRIALS: u32 = 120;

/// A false variant of the claim, in a world that may have changed for it, with tactics that prove its negation.
pub(super) fn falsified(world: &mut World<'_>, claim: &Claim) -> Option<(Claim, String)> {
    let functions = world.program.functions_of(claim);
    let mut predicates = Vec::new();
    claim.props().for_each(|prop| prop.predicates(&mut predicates));
    // What decides a predicate would no longer be what its rules say.
    if !predicates.is_empty() {
        return None;
    }
    for _ in 0..CHANGES {
        let (mut program, mut changed) = (world.program.clone(), claim.clone());
        if world.dice.percent(65) {
            let function = world.dice.pick(&functions);
            change_function(world, &mut program, function)?;
        } else {
            changed.goal = changed_goal(world, &claim.goal);
        }
        if program == world.program && changed == *claim {
            continue;
        }
        if let Some(env) = program.counterexample(&changed, TRIALS, world.dice) {
            let refutation = refutation(&program, &changed, &env)?;
            world.program = program;
            return Some((changed, refutation));
        }
    }
    None
}

/// Changes one equation of the function.
fn change_function(world: &mut World<'_>, program: &mut Program, function: usize) -> Option<()> {
    match &mut program.functions[function].body {
        Body::Plain(value) => *value = changed_term(world, value),
        Body::Cases { arms, .. } => {
            let idx = world.dice.weighted(&vec![1; arms.len()]);
            let value = &mut arms.get_mut(idx)?.value;
            *value = changed_term(world, value);
        }
    }
    Some(())
}

/// The term with one place of it changed, if it has one that can be.
fn changed_term(world: &mut World<'_>, term: &Expr) -> Expr {
    let mut n_places = 0;
    let _ = term.rewritten(&mut |part| {
        n_places += usize::from(variant(part, 0).is_some());
        None
    });
    if n_places == 0 {
        return term.clone();
    }
    let chosen = world.dice.weighted(&vec![1; n_places]);
    let way = world.dice.int(0, 2);
    let mut place = 0;
    term.rewritten(&mut |part| {
        let changed = variant(part, way)?;
        place += 1;
        (place == chosen + 1).then_some(changed)
    })
}

/// Another term of the same type in the place of this one.
fn variant(term: &Expr, way: i64) -> Option<Expr> {
    Some(match term {
        Expr::Num(value) if way == 0 && *value > 0 => num(value - 1),
        Expr::Num(value) => num(value + 1),
        Expr::Bool(value) => Expr::Bool(!value),
        Expr::Op(Op::Reverse, args) => args.first()?.clone(),
        Expr::Op(Op::Append, args) if way == 0 => Expr::Op(Op::Append, args.iter().rev().cloned().collect()),
        Expr::Op(Op::Append | Op::Add | Op::And | Op::Or | Op::Max, args) if way == 1 => args.first()?.clone(),
        Expr::Op(Op::Add, args) => Expr::Op(if way == 0 { Op::Max } else { Op::Mul }, args.clone()),
        Expr::Op(Op::Max, args) => Expr::Op(if way == 0 { Op::Min } else { Op::Add }, args.clone()),
        Expr::Op(Op::And, args) => Expr::Op(Op::Or, args.clone()),
        Expr::Op(Op::Or, args) => Expr::Op(Op::And, args.clone()),
        Expr::Op(Op::Not, args) => args.first()?.clone(),
        Expr::Map(_, list) => (**list).clone(),
        Expr::If(test, yes, no) => Expr::If(test.clone(), no.clone(), yes.clone()),
        Expr::Ctor(ty @ Ty::Data(_), ctor, args) if args.len() > 1 => Expr::Ctor(ty.clone(), *ctor, swapped(args)?),
        _ => return None,
    })
}

/// Two arguments that are alike, changed round: both calls of one function, or both variables.
fn swapped(args: &[Expr]) -> Option<Vec<Expr>> {
    let kind = |term: &Expr| match term {
        Expr::Call(function, _) => Some(*function),
        _ => None,
    };
    let alike = |a: &Expr, b: &Expr| kind(a).is_some() && kind(a) == kind(b);
    let mut args = args.to_vec();
    let pair = (0..args.len()).flat_map(|a| (a + 1..args.len()).map(move |b| (a, b)));
    let (a, b) = pair.into_iter().find(|(a, b)| alike(&args[*a], &args[*b]))?;
    args.swap(a, b);
    Some(args)
}

/// The goal with its right side changed.
fn changed_goal(world: &mut World<'_>, goal: &Prop) -> Prop {
    let aside = |world: &mut World<'_>, term: &Expr| {
        let changed = changed_term(world, term);
        let is_number = matches!(term, Expr::Op(Op::Add | Op::Mul | Op::Max, _) | Expr::Num(_));
        if changed == *term && is_number { add(changed, num(1)) } else { changed }
    };
    match goal {
        Prop::Eq(a, b) => Prop::Eq(a.clone(), aside(world, b)),
        Prop::Le(a, b) if world.dice.percent(50) => Prop::Lt(a.clone(), b.clone()),
        Prop::Le(a, b) => Prop::Le(b.clone(), a.clone()),
        Prop::Lt(a, b) => Prop::Lt(b.clone(), a.clone()),
        Prop::Implies(a, b) => Prop::Implies(b.clone(), a.clone()),
        Prop::Iff(a, b) => Prop::Iff(a.clone(), Box::new(changed_goal(world, b))),
        Prop::And(a, b) => Prop::And(a.clone(), Box::new(changed_goal(world, b))),
        Prop::Is(..) => goal.clone(),
        Prop::Ne(a, b) => Prop::Eq(a.clone(), b.clone()),
        Prop::All(name, list, body) => Prop::All(name.clone(), list.clone(), Box::new(changed_goal(world, body))),
    }
}

/// Tactics that prove the claim's negation, by these values.
fn refutation(program: &Program, claim: &Claim, env: &Env) -> Option<String> {
    let of_param = claim.variables.iter().any(|(_, ty)| program.has_param(ty));
    let mut at = String::from(if of_param { "h (α := Nat)" } else { "h" });
    for ((_, ty), (_, value)) in claim.variables.iter().zip(env) {
        let value = match value {
            Value::Line(scale, shift) => format!("(fun n => {scale} * n + {shift})"),
            _ => program.argument(&program.quoted(value, ty)?),
        };
        at.push_str(&format!(" {value}"));
    }
    let functions = program.functions_of(claim);
    let facts: Vec<&str> = functions.iter().map(|idx| program.functions[*idx].name.as_str()).collect();
    let facts = facts.join(", ");
    for _ in &claim.hypotheses {
        at.push_str(&format!(" (by first | decide | rfl | simp [{facts}])"));
    }
    Some(format!(
        "intro h\nhave h := {at}\nfirst\n  | (revert h; decide)\n  | (simp [{facts}] at h; done)\n  \
         | (revert h; simp [{facts}]; done)\n  | (simp [{facts}] at h <;> omega)"
    ))
}
