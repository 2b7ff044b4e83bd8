//! Machines that read symbols one by one: what running them keeps, and where they never get to.

use super::language::{Arm, Body, Claim, Expr, Function, Op, Pattern, Prop, Ty, add, is_true, num, op, times, var};
use super::laws::seems_true;
use super::sketch::{How, LEMMA, Lemma, Sketch};
use super::world::{Field, Signature, World};

const WORD: &str = "it";

/// A theorem about a machine.
pub(super) fn draw(world: &mut World<'_>) -> Option<Sketch> {
    if world.dice.percent(55) { table(world) } else { counters(world) }
}

fn symbols(world: &mut World<'_>) -> (Ty, usize) {
    let n = usize::try_from(world.dice.int(2, 4)).unwrap_or(2);
    (world.enumeration(n), n)
}

/// `run [] s = s` and `run (x :: xs) s = run xs (step s x)`.
fn run(world: &mut World<'_>, word: &Ty, state: &Ty, step: usize) -> usize {
    let behind = vec![("s".to_owned(), state.clone())];
    let signature = Signature { before: Vec::new(), on: word.clone(), behind, result: state.clone() };
    world.by_cases(&signature, |_, case| {
        if case.ctor == 0 { var("s") } else { case.recur(1, [Expr::Call(step, vec![var("s"), case.field(0)])]) }
    })
}

/// By induction on the word, for any state.
fn generalised(claim: Claim) -> Lemma {
    Lemma { claim, how: How::Induction { on: WORD.to_owned(), generalizing: vec!["s".to_owned()] } }
}

/// Running a word and then another is running both.
fn appended(run: usize, word: &Ty, state: &Ty) -> Lemma {
    let goal = Prop::Eq(
        Expr::Call(run, vec![op(Op::Append, [var(WORD), var("more")]), var("s")]),
        Expr::Call(run, vec![var("more"), Expr::Call(run, vec![var(WORD), var("s")])]),
    );
    let variables =
        vec![(WORD.to_owned(), word.clone()), ("more".to_owned(), word.clone()), ("s".to_owned(), state.clone())];
    generalised(Claim::new(variables, goal))
}

/// A machine with few states, and states that it does not leave.
fn table(world: &mut World<'_>) -> Option<Sketch> {
    let n_states = usize::try_from(world.dice.int(3, 5)).ok()?;
    let state = world.enumeration(n_states);
    let (symbol, n_symbols) = symbols(world);
    let word = Ty::list(symbol.clone());
    // The states before this one are kept to; what others do does not matter.
    let n_safe = usize::try_from(world.dice.int(1, n_states as i64 - 1)).ok()?;
    let mut order: Vec<usize> = (0..n_states).collect();
    world.dice.shuffle(&mut order);
    let is_safe = |idx: usize| order[..n_safe].contains(&idx);
    let at = |ty: &Ty, idx: usize| Expr::Ctor(ty.clone(), idx, Vec::new());
    let mut arms = Vec::new();
    for from in 0..n_states {
        for read in 0..n_symbols {
            let to = if is_safe(from) { world.dice.pick(&order[..n_safe]) } else { world.dice.pick(&order) };
            let patterns =
                [(&state, from), (&symbol, read)].map(|(ty, idx)| Pattern::Ctor(ty.clone(), idx, Vec::new()));
            arms.push(Arm { patterns: patterns.to_vec(), value: at(&state, to) });
        }
    }
    let params = vec![("s".to_owned(), state.clone()), ("x".to_owned(), symbol.clone())];
    let name = world.small();
    let body = Body::Cases { n_fixed: 0, arms };
    let step = world.program.define(Function { name, params, result: state.clone(), body });
    let run = run(world, &word, &state, step);
    if world.dice.percent(15) {
        return Some(Sketch::of("machine", 3, appended(run, &word, &state)));
    }
    let signature = Signature { before: Vec::new(), on: state.clone(), behind: Vec::new(), result: Ty::Bool };
    let safe = world.by_cases(&signature, |_, case| Expr::Bool(is_safe(case.ctor)));
    let is_kept = |of: Expr| is_true(Expr::Call(safe, vec![of]));
    let keeps = |from: Expr, word: Expr| Expr::Call(run, vec![word, from]);
    let kept = Claim {
        variables: vec![(WORD.to_owned(), word.clone()), ("s".to_owned(), state.clone())],
        hypotheses: vec![is_kept(var("s"))],
        goal: is_kept(keeps(var("s"), var(WORD))),
    };
    let closing = |world: &World<'_>| {
        let names = [step, run, safe].map(|idx| world.program.functions[idx].name.clone());
        let [step, run, safe] = names;
        (step, run, safe)
    };
    let (step_name, run_name, safe_name) = closing(world);
    let script = format!(
        "induction it generalizing s with\n  | nil => simpa [{run_name}] using h\n  | cons x xs ih =>\n    \
         apply ih\n    cases s <;> cases x <;> simp_all [{step_name}, {safe_name}]"
    );
    let stays = Lemma { claim: kept, how: How::Script(script) };
    if world.dice.percent(40) {
        return Some(Sketch::of("machine", 3, stays));
    }
    // From a safe state the machine never gets to one that is not.
    let (from, to) = (order[world.dice.weighted(&vec![1; n_safe])], order[n_states - 1]);
    let claim = Claim::new(vec![(WORD.to_owned(), word)], Prop::Ne(keeps(at(&state, from), var(WORD)), at(&state, to)));
    let lemma = Claim {
        goal: Prop::Implies(Box::new(stays.claim.hypotheses[0].clone()), Box::new(stays.claim.goal.clone())),
        hypotheses: Vec::new(),
        ..stays.claim
    };
    let script = format!(
        "intro h\ninduction it generalizing s with\n  | nil => simpa [{run_name}] using h\n  | cons x xs ih =>\n    \
         apply ih\n    cases s <;> cases x <;> simp_all [{step_name}, {safe_name}]"
    );
    let lemmas = vec![Lemma { claim: lemma, how: How::Script(script) }];
    let from = world.program.argument(&at(&state, from));
    let script = format!("intro h\nhave k := {LEMMA} it {from} rfl\nrw [h] at k\nsimp [{safe_name}] at k");
    Some(Sketch { scheme: "machine", grade: 5, claim, lemmas, how: How::Script(script) })
}

/// A record of numbers to which symbols add, and what the sum of some of them comes to.
fn counters(world: &mut World<'_>) -> Option<Sketch> {
    let n_fields = usize::try_from(world.dice.int(2, 3)).ok()?;
    let state = world.data(vec![vec![Field::Of(Ty::Nat); n_fields]], false, true);
    let Ty::Data(data) = state else { return None };
    let (symbol, n_symbols) = symbols(world);
    let word = Ty::list(symbol.clone());
    let factors: Vec<i64> = (0..n_fields).map(|_| world.dice.int(1, 3)).collect();
    let even = world.dice.percent(50);
    let field = |of: &str, idx: usize| Expr::Field(Box::new(var(of)), data, idx);
    let mut gains: Vec<i64> = Vec::new();
    let total = world.dice.int(2, 5);
    let mut steps = Vec::new();
    for _ in 0..n_symbols {
        let added: Vec<i64> =
            (0..n_fields).map(|idx| if even && idx == 0 { 0 } else { world.dice.int(0, 3) }).collect();
        let others: i64 = added.iter().zip(&factors).map(|(n, factor)| n * factor).sum();
        // With equal gains a word's length says it all.
        let mut added = added;
        if even && others <= total * factors[0] && (total * factors[0] - others) % factors[0] == 0 {
            added[0] = (total * factors[0] - others) / factors[0];
        }
        gains.push(added.iter().zip(&factors).map(|(n, factor)| n * factor).sum());
        steps.push(added);
    }
    let arms = steps.iter().enumerate().map(|(read, added)| Arm {
        patterns: vec![Pattern::Ctor(symbol.clone(), read, Vec::new())],
        value: Expr::Ctor(
            state.clone(),
            0,
            added.iter().enumerate().map(|(idx, n)| add(field("s", idx), num(*n))).collect(),
        ),
    });
    let body = Body::Cases { n_fixed: 1, arms: arms.collect() };
    let params = vec![("s".to_owned(), state.clone()), ("x".to_owned(), symbol.clone())];
    let name = world.small();
    let step = world.program.define(Function { name, params, result: state.clone(), body });
    let run = run(world, &word, &state, step);
    if world.dice.percent(12) {
        return Some(Sketch::of("machine", 3, appended(run, &word, &state)));
    }
    let worth = |of: &Expr| {
        let parts = (0..n_fields).map(|idx| times(factors[idx], Expr::Field(Box::new(of.clone()), data, idx)));
        super::language::joined(Op::Add, parts, num(0))
    };
    let after = Expr::Call(run, vec![var(WORD), var("s")]);
    let gained = if gains.iter().all(|gain| *gain == gains[0]) {
        times(gains[0], op(Op::Length, [var(WORD)]))
    } else {
        let signature = Signature { before: Vec::new(), on: symbol, behind: Vec::new(), result: Ty::Nat };
        let gain = world.by_cases(&signature, |_, case| num(gains[case.ctor]));
        op(Op::Sum, [Expr::Map(gain, Box::new(var(WORD)))])
    };
    let goal = match world.dice.int(0, 3) {
        0 => Prop::Le(worth(&var("s")), worth(&after)),
        1 => {
            let idx = world.dice.weighted(&vec![1; n_fields]);
            Prop::Le(field("s", idx), Expr::Field(Box::new(after), data, idx))
        }
        _ => Prop::Eq(worth(&after), add(worth(&var("s")), gained)),
    };
    let claim = Claim::new(vec![(WORD.to_owned(), word), ("s".to_owned(), state)], goal);
    let (run, step) = (&world.program.functions[run].name, &world.program.functions[step].name);
    let facts: Vec<String> =
        world.program.functions_of(&claim).iter().map(|idx| world.program.functions[*idx].name.clone()).collect();
    let facts = facts.join(", ");
    let script = format!(
        "induction it generalizing s with\n  | nil => simp [{run}]\n  | cons x xs ih =>\n    \
         have ih := ih ({step} s x)\n    cases x <;> first\n      | (simp_all [{facts}] <;> omega)\n      \
         | (simp [{facts}] at ih ⊢ <;> omega)\n      | grind [{facts}]"
    );
    seems_true(world, &claim).then(|| Sketch::of("machine", 3, Lemma { claim, how: How::Script(script) }))
}
