//! Insertion into a list that is in order, by one of several orders, and the sort that it makes.

use super::language::{Arm, Body, Claim, Expr, Function, Op, Pattern, Prop, Ty, add, is_true, num, op, var};
use super::laws::seems_true;
use super::sketch::{How, Lemma, Sketch};
use super::world::{Field, Signature, World};

const LIST: &str = "it";

/// A list type with its functions.
struct Sorting {
    list: Ty,
    insert: usize,
    sort: usize,
}

/// How two elements are compared.
#[derive(Clone, Copy, Debug)]
enum Order {
    Rising,
    Falling,
    /// By the remainder.
    Rest(i64),
}

impl Order {
    fn holds(self, a: Expr, b: Expr) -> Prop {
        let rest = |term: Expr, modulus: i64| op(Op::Mod, [term, num(modulus)]);
        match self {
            Self::Rising => Prop::Le(a, b),
            Self::Falling => Prop::Le(b, a),
            Self::Rest(modulus) => Prop::Le(rest(a, modulus), rest(b, modulus)),
        }
    }
}

/// A theorem about sorting by insertion.
pub(super) fn draw(world: &mut World<'_>) -> Option<Sketch> {
    let list = if world.dice.percent(50) {
        Ty::list(Ty::Nat)
    } else {
        world.data(vec![Vec::new(), vec![Field::Of(Ty::Nat), Field::Itself]], false, false)
    };
    let modulus = world.dice.int(3, 9);
    let order = world.dice.pick(&[Order::Rising, Order::Rising, Order::Falling, Order::Rest(modulus)]);
    let cons = |head: Expr, tail: Expr| Expr::Ctor(list.clone(), 1, vec![head, tail]);
    let on_lists = |result: Ty| Signature { before: Vec::new(), on: list.clone(), behind: Vec::new(), result };
    let signature = Signature { before: vec![("x".to_owned(), Ty::Nat)], ..on_lists(list.clone()) };
    let insert = world.by_cases(&signature, |_, case| {
        if case.ctor == 0 {
            return cons(var("x"), Expr::Ctor(list.clone(), 0, Vec::new()));
        }
        let (head, tail) = (case.field(0), case.field(1));
        let here = cons(var("x"), cons(head.clone(), tail));
        let further = cons(head.clone(), case.recur(1, []));
        Expr::If(Box::new(order.holds(var("x"), head)), Box::new(here), Box::new(further))
    });
    let sort = world.by_cases(&on_lists(list.clone()), |_, case| {
        if case.ctor == 0 {
            return Expr::Ctor(list.clone(), 0, Vec::new());
        }
        Expr::Call(insert, vec![case.field(0), case.recur(1, [])])
    });
    let sorting = Sorting { list: list.clone(), insert, sort };
    if world.dice.percent(30) { ordered(world, &sorting, order) } else { kept(world, &sorting) }
}

fn by_induction(claim: Claim) -> Lemma {
    Lemma { claim, how: How::Induction { on: LIST.to_owned(), generalizing: Vec::new() } }
}

/// Something that does not depend on the order: the length, the sum, how often something occurs.
fn kept(world: &mut World<'_>, sorting: &Sorting) -> Option<Sketch> {
    let kind = world.dice.int(0, 3);
    let bound = world.dice.int(2, 6);
    let before = if kind == 3 { vec![("key".to_owned(), Ty::Nat)] } else { Vec::new() };
    let signature = Signature { before: before.clone(), on: sorting.list.clone(), behind: Vec::new(), result: Ty::Nat };
    let worth = |of: Expr| match kind {
        0 => num(1),
        1 => of,
        2 => Expr::If(Box::new(Prop::Le(of, num(bound))), Box::new(num(1)), Box::new(num(0))),
        _ => Expr::If(Box::new(Prop::Eq(of, var("key"))), Box::new(num(1)), Box::new(num(0))),
    };
    let measure =
        world.by_cases(
            &signature,
            |_, case| {
                if case.ctor == 0 { num(0) } else { add(case.recur(1, []), worth(case.field(0))) }
            },
        );
    let of = |list: Expr| Expr::Call(measure, before.iter().map(|(name, _)| var(name)).chain([list]).collect());
    let mut variables = vec![("x".to_owned(), Ty::Nat), (LIST.to_owned(), sorting.list.clone())];
    variables.extend(before.clone());
    let inserted = Expr::Call(sorting.insert, vec![var("x"), var(LIST)]);
    let one = Claim::new(variables.clone(), Prop::Eq(of(inserted), add(of(var(LIST)), worth(var("x")))));
    let lemma = by_induction(one);
    if world.dice.percent(40) {
        return seems_true(world, &lemma.claim).then(|| Sketch::of("insertion", 2, lemma));
    }
    let goal = Prop::Eq(of(Expr::Call(sorting.sort, vec![var(LIST)])), of(var(LIST)));
    let claim = Claim::new(variables.split_off(1), goal);
    let how = by_induction(claim.clone()).how;
    seems_true(world, &claim).then_some(Sketch { scheme: "insertion", grade: 4, claim, lemmas: vec![lemma], how })
}

/// Insertion keeps the order, and sorting brings it about.
fn ordered(world: &mut World<'_>, sorting: &Sorting, order: Order) -> Option<Sketch> {
    let list = &sorting.list;
    let pattern = |head: &str, tail: Pattern| Pattern::Ctor(list.clone(), 1, vec![Pattern::Var(head.to_owned()), tail]);
    let is_ordered = world.program.next();
    let rest = Expr::Ctor(list.clone(), 1, vec![var("b"), var("l")]);
    let first = Expr::Decide(Box::new(order.holds(var("a"), var("b"))));
    let arms = vec![
        Arm {
            patterns: vec![pattern("a", pattern("b", Pattern::Var("l".to_owned())))],
            value: op(Op::And, [first, Expr::Call(is_ordered, vec![rest])]),
        },
        Arm { patterns: vec![Pattern::Var("l".to_owned())], value: Expr::Bool(true) },
    ];
    let name = world.small();
    let params = vec![("l".to_owned(), list.clone())];
    let body = Body::Cases { n_fixed: 0, arms };
    world.program.define(Function { name: name.clone(), params, result: Ty::Bool, body });
    let holds = |of: Expr| is_true(Expr::Call(is_ordered, vec![of]));
    let inserted = Expr::Call(sorting.insert, vec![var("x"), var(LIST)]);
    let insert = &world.program.functions[sorting.insert].name;
    let script = |begins: &str| {
        format!(
            "{begins}induction it with\n  | {0} => grind [{insert}, {name}]\n  | {1} y ys ih =>\n    \
             cases ys <;> grind [{insert}, {name}]",
            world.program.ctors(list)[0].name,
            world.program.ctors(list)[1].name
        )
    };
    let variables = vec![("x".to_owned(), Ty::Nat), (LIST.to_owned(), list.clone())];
    let keeps =
        Claim { variables: variables.clone(), hypotheses: vec![holds(var(LIST))], goal: holds(inserted.clone()) };
    if world.dice.percent(40) {
        let lemma = Lemma { claim: keeps, how: How::Script(script("")) };
        return Some(Sketch::of("insertion", 4, lemma));
    }
    let goal = Prop::Implies(Box::new(holds(var(LIST))), Box::new(holds(inserted)));
    let lemma = Lemma { claim: Claim::new(variables, goal), how: How::Script(script("")) };
    let claim = Claim::new(vec![(LIST.to_owned(), list.clone())], holds(Expr::Call(sorting.sort, vec![var(LIST)])));
    let how = by_induction(claim.clone()).how;
    Some(Sketch { scheme: "insertion", grade: 5, claim, lemmas: vec![lemma], how })
}
