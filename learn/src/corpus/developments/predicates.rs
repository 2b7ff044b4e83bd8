//! Predicates that rules give, over numbers and over drawn types.

use super::functions::{Tool, draw_type, tools};
use super::language::{Body, Claim, Expr, Function, Op, Predicate, Prop, Rule, Ty, add, is_true, num, op, times, var};
use super::laws::seems_true;
use super::sketch::{How, Lemma, Sketch};
use super::world::{Signature, World};

const IT: &str = "it";

/// A theorem about a predicate.
pub(super) fn draw(world: &mut World<'_>) -> Option<Sketch> {
    if world.dice.percent(45) { numbers(world) } else { values(world) }
}

fn nat(name: &str) -> (String, Ty) {
    (name.to_owned(), Ty::Nat)
}

/// `P a` and `P n → P (n + k)`: the numbers from `a` on in steps of `k`.
fn numbers(world: &mut World<'_>) -> Option<Sketch> {
    let (start, step) = (world.dice.int(0, 3), world.dice.int(2, 5));
    let decided = op(
        Op::And,
        [
            Expr::Decide(Box::new(Prop::Le(num(start), var("n")))),
            Expr::Decide(Box::new(Prop::Eq(op(Op::Mod, [var("n"), num(step)]), num(start % step)))),
        ],
    );
    let name = world.small();
    let function = Function { name, params: vec![nat("n")], result: Ty::Bool, body: Body::Plain(decided) };
    let decided_by = world.program.hide(function);
    let (base, next, name) = (world.small(), world.small(), world.names.large(world.dice));
    let this = world.program.predicates.len();
    let rules = vec![
        Rule { name: base.clone(), variables: Vec::new(), premises: Vec::new(), conclusion: vec![num(start)] },
        Rule {
            name: next.clone(),
            variables: vec![nat("n")],
            premises: vec![Prop::Is(this, vec![var("n")])],
            conclusion: vec![add(var("n"), num(step))],
        },
    ];
    world.program.rule(Predicate { name: name.clone(), params: vec![Ty::Nat], rules, decided_by });
    let is = |of: Expr| Prop::Is(this, vec![of]);
    let rest = |of: Expr| op(Op::Mod, [of, num(step)]);
    let from_rule = "induction h <;> first | omega | simp_all | grind";
    let by_rules = |begins: &str| {
        format!(
            "{begins}\n  | zero => simpa using {name}.{base}\n  | succ m ih =>\n    have := {name}.{next} _ ih\n    \
             first | (simpa [Nat.mul_add, Nat.add_assoc, Nat.add_comm, Nat.add_left_comm] using this) | grind"
        )
    };
    let (claim, script, grade) = match world.dice.int(0, 4) {
        0 => {
            let goal = Prop::Eq(rest(var("n")), num(start % step));
            (Claim { variables: vec![nat("n")], hypotheses: vec![is(var("n"))], goal }, from_rule.to_owned(), 2)
        }
        1 => {
            let goal = Prop::Le(num(start), var("n"));
            (Claim { variables: vec![nat("n")], hypotheses: vec![is(var("n"))], goal }, from_rule.to_owned(), 2)
        }
        2 => {
            let goal = is(add(num(start), times(step, var("m"))));
            (Claim::new(vec![nat("m")], goal), by_rules("induction m with"), 3)
        }
        3 => {
            // Two of them make one whose start is twice the start, less a start that divides.
            let goal = is(op(Op::Add, [var("n"), times(step, var("m"))]));
            let claim = Claim { variables: vec![nat("n"), nat("m")], hypotheses: vec![is(var("n"))], goal };
            let script = format!(
                "induction m with\n  | zero => simpa using h\n  | succ m ih =>\n    have := {name}.{next} _ ih\n    \
                 first | (simpa [Nat.mul_add, Nat.add_assoc, Nat.add_comm, Nat.add_left_comm] using this) | grind"
            );
            (claim, script, 3)
        }
        _ => {
            let goal = Prop::Ne(var("n"), num(start + world.dice.int(1, step - 1) + step * world.dice.int(0, 3)));
            (Claim { variables: vec![nat("n")], hypotheses: vec![is(var("n"))], goal }, shown_by_rest(start, step), 4)
        }
    };
    seems_true(world, &claim).then(|| Sketch::of("predicate", grade, Lemma { claim, how: How::Script(script) }))
}

/// What is not reached has another remainder, which has to be said first.
fn shown_by_rest(start: i64, step: i64) -> String {
    format!(
        "have rest : n % {step} = {} := by\n  induction h <;> first | omega | simp_all | grind\n\
         have least : {start} ≤ n := by\n  induction h <;> first | omega | simp_all | grind\n\
         omega",
        start % step
    )
}

/// The values of a type whose parts all pass a test, by one rule for each constructor.
fn values(world: &mut World<'_>) -> Option<Sketch> {
    let on = draw_type(world);
    if !world.program.is_recursive(&on) || world.program.has_param(&on) || matches!(on, Ty::List(_)) {
        return None;
    }
    let tests: Vec<Vec<Option<Prop>>> = world
        .program
        .ctors(&on)
        .iter()
        .map(|ctor| {
            let fields = ctor.fields.iter();
            fields.map(|(name, ty)| if *ty == on { None } else { world.test(&var(name), ty, None) }).collect()
        })
        .collect();
    // A predicate without a test holds of everything.
    tests.iter().flatten().flatten().next()?;
    let signature = Signature { before: Vec::new(), on: on.clone(), behind: Vec::new(), result: Ty::Bool };
    let check = world.by_cases(&signature, |_, case| {
        let parts = case.indices().filter_map(|field| {
            if case.is_recursive(field) {
                return Some(case.recur(field, []));
            }
            tests[case.ctor][field].clone().map(|test| Expr::Decide(Box::new(test)))
        });
        super::language::joined(Op::And, parts, Expr::Bool(true))
    });
    let this = world.program.predicates.len();
    let name = world.names.large(world.dice);
    let ctors = world.program.ctors(&on);
    let rules = ctors.iter().enumerate().map(|(idx, ctor)| {
        let deep = ctor.fields.iter().filter(|(_, ty)| *ty == on).map(|(name, _)| Prop::Is(this, vec![var(name)]));
        Rule {
            name: world.names.small(world.dice),
            variables: ctor.fields.clone(),
            premises: tests[idx].iter().flatten().cloned().chain(deep).collect(),
            conclusion: vec![Expr::Ctor(on.clone(), idx, ctor.fields.iter().map(|(name, _)| var(name)).collect())],
        }
    });
    let rules: Vec<Rule> = rules.collect();
    let rule_names: Vec<String> = rules.iter().map(|rule| format!("{name}.{}", rule.name)).collect();
    world.program.rule(Predicate { name, params: vec![on.clone()], rules, decided_by: check });
    let check_name = world.program.functions[check].name.clone();
    let is = |of: Expr| Prop::Is(this, vec![of]);
    let checked = |of: Expr| is_true(Expr::Call(check, vec![of]));
    let variables = vec![(IT.to_owned(), on.clone())];
    let given =
        |hypothesis: Prop, goal: Prop| Claim { variables: variables.clone(), hypotheses: vec![hypothesis], goal };
    let sound = format!("induction h <;> simp_all [{check_name}]");
    let rules = rule_names.join(", ");
    let complete = format!(
        "induction it <;> simp_all [{check_name}] <;> first | (constructor <;> simp_all; done) | grind [{rules}]"
    );
    let both = Claim::new(variables.clone(), Prop::Iff(Box::new(is(var(IT))), Box::new(checked(var(IT)))));
    let split = format!("constructor\n· intro h\n  {sound}\n· {complete}");
    match world.dice.int(0, 3) {
        0 => {
            let claim = given(is(var(IT)), checked(var(IT)));
            Some(Sketch::of("predicate", 2, Lemma { claim, how: How::Script(sound) }))
        }
        1 => {
            let claim = given(checked(var(IT)), is(var(IT)));
            Some(Sketch::of("predicate", 3, Lemma { claim, how: How::Script(complete) }))
        }
        2 => Some(Sketch::of("predicate", 3, Lemma { claim: both, how: How::Script(split) })),
        _ => {
            let lemma = Lemma { claim: both, how: How::Script(split) };
            preserved(world, &on, this, lemma)
        }
    }
}

/// A change of values that keeps the predicate.
fn preserved(world: &mut World<'_>, on: &Ty, predicate: usize, by_check: Lemma) -> Option<Sketch> {
    let changes: Vec<Tool> =
        tools(world, on).into_iter().filter(|tool| tool.result == *on && tool.before.is_empty()).collect();
    let is = |of: Expr| Prop::Is(predicate, vec![of]);
    for change in changes {
        if change.role != super::functions::Role::Transformer {
            continue;
        }
        let claim = Claim {
            variables: vec![(IT.to_owned(), on.clone())],
            hypotheses: vec![is(var(IT))],
            goal: is(Expr::Call(change.function, vec![var(IT)])),
        };
        if seems_true(world, &claim) {
            let facts: Vec<String> = world
                .program
                .functions_of(&claim)
                .iter()
                .map(|idx| world.program.functions[*idx].name.clone())
                .collect();
            let rules = world.program.predicates[predicate].rules.iter();
            let name = &world.program.predicates[predicate].name;
            let rules: Vec<String> = rules.map(|rule| format!("{name}.{}", rule.name)).collect();
            let script = format!(
                "induction h <;> simp only [{}] <;> first\n  | (constructor <;> first | assumption | omega | simp_all; done)\n  | grind [{}]",
                facts.join(", "),
                rules.join(", ")
            );
            return Some(Sketch::of("predicate", 3, Lemma { claim, how: How::Script(script) }));
        }
    }
    Some(Sketch::of("predicate", 3, by_check))
}
