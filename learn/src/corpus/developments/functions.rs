//! Functions that a development has over a type: what measures its values, what changes them, what joins two of them.

use super::language::{Claim, Expr, Op, Prop, Ty, add, joined, num, op, times, var};
use super::names::letters;
use super::world::{Case, Field, Signature, World};

/// What a function makes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Something else: a number, a list, a truth value.
    Observer,
    /// Something else, added to a last parameter.
    Accumulator,
    /// Another value of the type.
    Transformer,
    /// One value of two.
    Join,
}

/// A function over the type, with what its laws need to know.
#[derive(Clone, Debug)]
pub(super) struct Tool {
    pub(super) function: usize,
    pub(super) role: Role,
    /// Parameters in front of the value.
    pub(super) before: Vec<(String, Ty)>,
    /// The type that it takes apart.
    pub(super) on: Ty,
    pub(super) result: Ty,
    /// A function of numbers that it puts on elements.
    pub(super) maps: Option<usize>,
}

/// A type to make a development about: a list, a tree, an enumeration, a record, or one that Lean has.
pub(super) fn draw_type(world: &mut World<'_>) -> Ty {
    match world.dice.weighted(&[66, 14, 4, 9, 7]) {
        0 => recursive_type(world),
        1 => Ty::list(Ty::Nat),
        2 => {
            let n = world.dice.int(3, 6);
            world.enumeration(usize::try_from(n).unwrap_or(3))
        }
        3 => record(world),
        _ => option_like(world),
    }
}

/// Between one and two flat constructors, and as many that hold further values.
fn recursive_type(world: &mut World<'_>) -> Ty {
    let has_param = world.dice.percent(20);
    let element = if has_param { Ty::Param } else { Ty::Nat };
    let tag = world.dice.percent(20).then(|| if world.dice.percent(50) { Ty::Bool } else { world.enumeration(3) });
    let mut ctors: Vec<Vec<Field>> = Vec::new();
    for idx in 0..world.dice.int(1, 2) {
        let n_elements = if idx == 0 && world.dice.percent(60) { 0 } else { 1 };
        ctors.push(vec![Field::Of(element.clone()); n_elements]);
    }
    for idx in 0..1 + world.dice.weighted(&[6, 4, 1]) {
        let n_deep = 1 + world.dice.weighted(&[4, 5, 1]);
        let n_elements = if idx == 0 { world.dice.weighted(&[1, 7, 2]).max(1) } else { world.dice.weighted(&[3, 5]) };
        let mut fields = vec![Field::Itself; n_deep];
        fields.extend(vec![Field::Of(element.clone()); n_elements]);
        if let Some(tag) = tag.as_ref().filter(|_| world.dice.percent(60)) {
            fields.push(Field::Of(tag.clone()));
        }
        if n_deep == 2 && fields.len() == 3 && world.dice.percent(60) {
            // As most trees are written: what is in the middle stands in the middle.
            fields.swap(1, 2);
        } else {
            world.dice.shuffle(&mut fields);
        }
        ctors.push(fields);
    }
    world.data(ctors, has_param, false)
}

fn record(world: &mut World<'_>) -> Ty {
    let n = world.dice.int(2, 4);
    let mut fields = vec![Field::Of(Ty::Nat), Field::Of(Ty::Nat)];
    for _ in 2..n {
        let ty = match world.dice.int(0, 3) {
            0 => Ty::Bool,
            1 => Ty::list(Ty::Nat),
            _ => Ty::Nat,
        };
        fields.push(Field::Of(ty));
    }
    world.dice.shuffle(&mut fields);
    world.data(vec![fields], false, true)
}

/// Alternatives that hold numbers and truth values, none of them deeper.
fn option_like(world: &mut World<'_>) -> Ty {
    let mut ctors = vec![Vec::new(), vec![Field::Of(Ty::Nat)]];
    for _ in 0..world.dice.int(0, 2) {
        let second = if world.dice.percent(50) { Ty::Nat } else { Ty::Bool };
        ctors.push(vec![Field::Of(Ty::Nat), Field::Of(second)]);
    }
    world.dice.shuffle(&mut ctors);
    world.data(ctors, false, false)
}

/// What a part of a value is worth to a measure.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Measure {
    /// One for each constructor, or none.
    Count,
    Sum,
    /// Elements and constructors, with factors.
    Weighted,
    Depth,
    /// Elements that pass a test.
    CountIf,
    /// The greatest or the least element.
    Greatest,
}

/// A number for each value.
fn measure(world: &mut World<'_>, on: &Ty) -> Tool {
    let kinds = [
        Measure::Count,
        Measure::Count,
        Measure::Sum,
        Measure::Sum,
        Measure::Weighted,
        Measure::Depth,
        Measure::CountIf,
        Measure::Greatest,
    ];
    let kind = world.dice.pick(&kinds);
    let takes_bound = kind == Measure::CountIf && world.dice.percent(50);
    let before = if takes_bound { parameter(world) } else { Vec::new() };
    let bound = before.first().map(|(name, _)| var(name));
    let signature = signature(&before, on, Vec::new(), Ty::Nat);
    let function = world.by_cases(&signature, |world, case| {
        let is_deep = case.indices().any(|field| case.is_recursive(field));
        let own = match kind {
            Measure::Count | Measure::Weighted => world.dice.int(i64::from(is_deep), 2),
            Measure::Depth => i64::from(is_deep || world.dice.percent(30)),
            Measure::Sum | Measure::CountIf | Measure::Greatest => 0,
        };
        let mut terms = Vec::new();
        for field in case.indices() {
            let (value, ty) = (case.field(field), &case.fields[field].1);
            if case.is_recursive(field) {
                let factor = if kind == Measure::Weighted && world.dice.percent(25) { 2 } else { 1 };
                terms.push(times(factor, case.recur(field, [])));
                continue;
            }
            match (kind, ty) {
                (Measure::Sum | Measure::Greatest, Ty::Nat) => terms.push(value),
                (Measure::Weighted, Ty::Nat) => terms.push(times(world.dice.int(1, 3), value)),
                (Measure::CountIf, _) => {
                    let test = world.test(&value, ty, bound.as_ref().filter(|_| ty.is_number()));
                    terms.extend(test.map(|test| Expr::If(Box::new(test), Box::new(num(1)), Box::new(num(0)))));
                }
                _ => {}
            }
        }
        let joins = if matches!(kind, Measure::Depth | Measure::Greatest) { Op::Max } else { Op::Add };
        add(joined(joins, terms, num(0)), num(own))
    });
    tool(function, Role::Observer, before, on, Ty::Nat)
}

/// The elements in some order, as a list.
fn listing(world: &mut World<'_>, on: &Ty, element: &Ty) -> Tool {
    let result = Ty::list(element.clone());
    let (backwards, shuffled) = (world.dice.percent(30), world.dice.percent(25));
    let signature = signature(&[], on, Vec::new(), result.clone());
    let function = world.by_cases(&signature, |world, case| {
        let terms = pieces(world, case, element, backwards, shuffled).into_iter().map(|field| {
            if case.is_recursive(field) { case.recur(field, []) } else { singleton(&result, case.field(field)) }
        });
        concatenated(terms.collect(), &result)
    });
    tool(function, Role::Observer, Vec::new(), on, result)
}

/// The same behind a list that is handed on, as people write it who do not want to append.
fn listing_onto(world: &mut World<'_>, on: &Ty, element: &Ty) -> Tool {
    let result = Ty::list(element.clone());
    let (backwards, shuffled) = (world.dice.percent(30), world.dice.percent(25));
    let behind = vec![("acc".to_owned(), result.clone())];
    let signature = signature(&[], on, behind, result.clone());
    let function = world.by_cases(&signature, |world, case| {
        let order = pieces(world, case, element, backwards, shuffled);
        order.into_iter().rev().fold(var("acc"), |acc, field| {
            if case.is_recursive(field) {
                case.recur(field, [acc])
            } else {
                Expr::Ctor(result.clone(), 1, vec![case.field(field), acc])
            }
        })
    });
    tool(function, Role::Accumulator, Vec::new(), on, result)
}

/// A sum that is handed on.
fn sum_onto(world: &mut World<'_>, on: &Ty) -> Tool {
    let behind = vec![("acc".to_owned(), Ty::Nat)];
    let signature = signature(&[], on, behind, Ty::Nat);
    let counts = world.dice.percent(50);
    let function = world.by_cases(&signature, |world, case| {
        let is_deep = case.indices().any(|field| case.is_recursive(field));
        let own = if counts { world.dice.int(i64::from(is_deep), 2) } else { 0 };
        let mut acc = add(var("acc"), num(own));
        let mut fields: Vec<usize> = case.indices().collect();
        world.dice.shuffle(&mut fields);
        fields.sort_by_key(|field| case.is_recursive(*field));
        for field in fields {
            if case.is_recursive(field) {
                acc = case.recur(field, [acc]);
            } else if case.fields[field].1 == Ty::Nat && !counts {
                acc = if world.dice.percent(50) { add(acc, case.field(field)) } else { add(case.field(field), acc) };
            }
        }
        acc
    });
    tool(function, Role::Accumulator, Vec::new(), on, Ty::Nat)
}

/// A Boolean test of all parts, or of some.
fn check(world: &mut World<'_>, on: &Ty) -> Tool {
    let before = if world.dice.percent(40) { parameter(world) } else { Vec::new() };
    let bound = before.first().map(|(name, _)| var(name));
    let (all, signature) = (world.dice.percent(70), signature(&before, on, Vec::new(), Ty::Bool));
    let one_test = world.dice.percent(70).then(|| world.test(&var("it"), &Ty::Nat, bound.as_ref())).flatten();
    let function = world.by_cases(&signature, |world, case| {
        let mut terms = Vec::new();
        for field in case.indices() {
            let (value, ty) = (case.field(field), &case.fields[field].1);
            if case.is_recursive(field) {
                terms.push(case.recur(field, []));
                continue;
            }
            let test = match (&one_test, ty) {
                (Some(test), Ty::Nat) => Some(test.rewritten(&mut |term| (*term == var("it")).then(|| value.clone()))),
                _ => world.test(&value, ty, bound.as_ref().filter(|_| ty.is_number())),
            };
            terms.extend(test.map(|test| Expr::Decide(Box::new(test))));
        }
        let is_flat = terms.is_empty();
        let base = if is_flat { world.dice.percent(80) == all } else { all };
        joined(if all { Op::And } else { Op::Or }, terms, Expr::Bool(base))
    });
    tool(function, Role::Observer, before, on, Ty::Bool)
}

/// The same value with some parts changed or changed round.
fn transformer(world: &mut World<'_>, on: &Ty) -> Tool {
    let swaps = world.dice.percent(60);
    let maps = (!swaps || world.dice.percent(30)).then(|| world.affine().0);
    let takes = maps.is_none() && !swaps;
    let before = if takes { parameter(world) } else { Vec::new() };
    let renames = world.dice.percent(25);
    let signature = signature(&before, on, Vec::new(), on.clone());
    let n_ctors = world.program.ctors(on).len();
    let targets = if renames { renaming(world, on) } else { (0..n_ctors).collect() };
    let function = world.by_cases(&signature, |world, case| {
        let mut values: Vec<Expr> = Vec::new();
        for field in case.indices() {
            let (value, ty) = (case.field(field), &case.fields[field].1);
            values.push(if case.is_recursive(field) {
                case.recur(field, [])
            } else {
                match (ty, maps) {
                    (Ty::Nat, Some(function)) => Expr::Call(function, vec![value]),
                    (Ty::Bool, _) if swaps => op(Op::Not, [value]),
                    (Ty::List(_), _) if swaps => op(Op::Reverse, [value]),
                    _ => value,
                }
            });
        }
        if swaps {
            swap_alike(world, case, &mut values);
        }
        Expr::Ctor(on.clone(), targets[case.ctor], values)
    });
    Tool { maps, ..tool(function, Role::Transformer, before, on, on.clone()) }
}

/// A place for each constructor among those with the same fields.
fn renaming(world: &mut World<'_>, on: &Ty) -> Vec<usize> {
    let ctors = world.program.ctors(on);
    let types = |idx: usize| ctors[idx].fields.iter().map(|(_, ty)| ty.clone()).collect::<Vec<_>>();
    // A rotation, so that going round comes back, or whatever comes.
    let rotates = world.dice.percent(50);
    let target = |idx: usize| {
        let alike: Vec<usize> = (0..ctors.len()).filter(|other| types(*other) == types(idx)).collect();
        let place = alike.iter().position(|other| *other == idx).unwrap_or(0);
        if rotates { alike[(place + 1) % alike.len()] } else { world.dice.pick(&alike) }
    };
    (0..ctors.len()).map(target).collect()
}

/// Changes the first and the last of the deeper values round, or those of the elements.
fn swap_alike(world: &mut World<'_>, case: &Case<'_>, values: &mut [Expr]) {
    let mirrors = world.dice.percent(80);
    let deep: Vec<usize> = case.indices().filter(|field| case.is_recursive(*field)).collect();
    let flat: Vec<usize> = case.indices().filter(|field| case.fields[*field].1 == Ty::Nat).collect();
    for group in [deep, flat] {
        if let [first, .., last] = group[..]
            && (mirrors || world.dice.percent(50))
        {
            values.swap(first, last);
        }
    }
}

/// Puts the second value in the place of the first one's ends.
fn join(world: &mut World<'_>, on: &Ty) -> Option<Tool> {
    let ctors = world.program.ctors(on);
    let flat: Vec<usize> = (0..ctors.len()).filter(|idx| ctors[*idx].fields.is_empty()).collect();
    if flat.is_empty() || !world.program.is_recursive(on) {
        return None;
    }
    let end = world.dice.pick(&flat);
    let onto_last = world.dice.percent(30);
    let name = letters(1, world.dice).remove(0) + "'";
    let signature = signature(&[], on, vec![(name.clone(), on.clone())], on.clone());
    let function = world.by_cases(&signature, |_, case| {
        if case.ctor == end {
            return var(&name);
        }
        let deep: Vec<usize> = case.indices().filter(|field| case.is_recursive(*field)).collect();
        let values = case.indices().map(|field| {
            let grows = case.is_recursive(field) && (!onto_last || deep.last() == Some(&field));
            if grows { case.recur(field, [var(&name)]) } else { case.field(field) }
        });
        Expr::Ctor(on.clone(), case.ctor, values.collect())
    });
    Some(tool(function, Role::Join, Vec::new(), on, on.clone()))
}

/// A parameter that is a number.
fn parameter(world: &mut World<'_>) -> Vec<(String, Ty)> {
    vec![(world.dice.pick(&["bound", "lim", "cut", "key", "edge"]).to_owned(), Ty::Nat)]
}

/// The fields that a list of a value's elements has pieces of, in the order of the pieces.
fn pieces(world: &mut World<'_>, case: &Case<'_>, element: &Ty, backwards: bool, shuffled: bool) -> Vec<usize> {
    let is_piece = |field: &usize| case.is_recursive(*field) || case.fields[*field].1 == *element;
    let mut order: Vec<usize> = case.indices().filter(is_piece).collect();
    if shuffled {
        world.dice.shuffle(&mut order);
    }
    if backwards {
        order.reverse();
    }
    order
}

fn singleton(list: &Ty, item: Expr) -> Expr {
    Expr::Ctor(list.clone(), 1, vec![item, Expr::Ctor(list.clone(), 0, Vec::new())])
}

/// The pieces one behind the other; an element before a list is put in front of it.
fn concatenated(terms: Vec<Expr>, list: &Ty) -> Expr {
    let nil = Expr::Ctor(list.clone(), 0, Vec::new());
    terms.into_iter().rev().fold(nil.clone(), |rest, term| match (&term, &rest) {
        (Expr::Ctor(_, 1, items), _) => Expr::Ctor(list.clone(), 1, vec![items[0].clone(), rest]),
        (_, rest) if *rest == nil => term,
        _ => op(Op::Append, [term, rest]),
    })
}

fn signature(before: &[(String, Ty)], on: &Ty, behind: Vec<(String, Ty)>, result: Ty) -> Signature {
    Signature { before: before.to_vec(), on: on.clone(), behind, result }
}

fn tool(function: usize, role: Role, before: Vec<(String, Ty)>, on: &Ty, result: Ty) -> Tool {
    Tool { function, role, before, on: on.clone(), result, maps: None }
}

/// The type of the elements that values of the type hold, if they hold any.
fn element(world: &World<'_>, on: &Ty) -> Option<Ty> {
    let ctors = world.program.ctors(on);
    let fields: Vec<&Ty> = ctors.iter().flat_map(|ctor| ctor.fields.iter().map(|(_, ty)| ty)).collect();
    [Ty::Nat, Ty::Param].into_iter().find(|ty| *ty != *on && fields.contains(&ty))
}

/// Functions over the type, of all roles that it can have.
pub(super) fn tools(world: &mut World<'_>, on: &Ty) -> Vec<Tool> {
    let element = element(world, on);
    let mut tools = Vec::new();
    for _ in 0..world.dice.int(1, 3) {
        for _ in 0..4 {
            let drawn = transformer(world, on);
            if changes_something(world, &drawn) {
                tools.push(drawn);
                break;
            }
        }
    }
    for _ in 0..world.dice.int(2, 3) {
        tools.push(measure(world, on));
    }
    if world.dice.percent(50) {
        tools.push(check(world, on));
    }
    if let Some(element) = element.filter(|_| world.program.is_recursive(on)) {
        let listed = world.dice.percent(70);
        if listed {
            tools.push(listing(world, on, &element));
        }
        if world.dice.percent(if listed { 50 } else { 20 }) {
            tools.push(listing_onto(world, on, &element));
        }
        if element == Ty::Nat && world.dice.percent(35) {
            tools.push(sum_onto(world, on));
        }
    }
    if world.dice.percent(40) {
        tools.extend(join(world, on));
    }
    tools
}

/// Whether it gives another value for some drawn ones.
fn changes_something(world: &mut World<'_>, tool: &Tool) -> bool {
    let variables = [tool.before.clone(), vec![("it".to_owned(), tool.on.clone())]].concat();
    let args = variables.iter().map(|(name, _)| var(name)).collect();
    let same = Prop::Eq(Expr::Call(tool.function, args), var("it"));
    world.program.counterexample(&Claim::new(variables, same), 20, world.dice).is_some()
}

/// The test that two propositions are about the same thing is textual.
pub(super) fn is_trivial(goal: &Prop) -> bool {
    match goal {
        Prop::Eq(a, b) | Prop::Le(a, b) => a == b,
        _ => false,
    }
}
