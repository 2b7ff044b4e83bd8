//! Facts about lists: library functions rewritten by their laws, and functions given by recursion equations.

use super::dice::Dice;
use super::draft::{Draft, plus, times};

pub(super) fn draft(dice: &mut Dice, level: u32, holds: bool) -> Option<Draft> {
    match level {
        1 => {
            if dice.percent(60) {
                rewritten(dice, 1, holds)
            } else {
                member(dice, holds)
            }
        }
        2 => match dice.int(0, 2) {
            0 => member(dice, holds),
            1 => rewritten(dice, 2, holds),
            _ => measured(dice, 1, holds),
        },
        3 => match dice.int(0, 2) {
            0 => rewritten(dice, 3, holds),
            1 => measured(dice, 2, holds),
            _ => recursive(dice, holds),
        },
        _ => {
            if dice.percent(20) {
                measured(dice, 3, holds)
            } else {
                recursive(dice, holds)
            }
        }
    }
}

/// `fun x => scale * x + shift`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Affine {
    scale: i64,
    shift: i64,
}

impl Affine {
    fn draw(dice: &mut Dice) -> Self {
        let scale = dice.pick(&[1, 1, 2, 3, 5]);
        Self { scale, shift: dice.int(i64::from(scale == 1), 6) }
    }

    fn at(self, x: i64) -> i64 {
        self.scale * x + self.shift
    }

    fn text(self, x: &str) -> String {
        plus(&times(self.scale, x), self.shift)
    }
}

/// `fun x => x % modulus == residue`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Residue {
    modulus: i64,
    residue: i64,
}

/// A list of natural numbers over the variables `xs`, `ys`, `zs`.
#[derive(Clone, Debug, PartialEq)]
enum List {
    Var(usize),
    Nil,
    Cons(i64, Box<List>),
    Append(Box<List>, Box<List>),
    Reverse(Box<List>),
    Map(Affine, Box<List>),
    Filter(Residue, Box<List>),
    Replicate(i64, i64),
}

const NAMES: [&str; 3] = ["xs", "ys", "zs"];

impl List {
    fn append(self, other: Self) -> Self {
        Self::Append(Box::new(self), Box::new(other))
    }

    fn reverse(self) -> Self {
        Self::Reverse(Box::new(self))
    }

    fn map(self, map: Affine) -> Self {
        Self::Map(map, Box::new(self))
    }

    fn filter(self, keep: Residue) -> Self {
        Self::Filter(keep, Box::new(self))
    }

    fn cons(self, head: i64) -> Self {
        Self::Cons(head, Box::new(self))
    }

    fn random(dice: &mut Dice, depth: u32) -> Self {
        if depth == 0 {
            return match dice.weighted(&[8, 1, 1]) {
                0 => Self::Var(dice.weighted(&[4, 3, 1])),
                1 => Self::Replicate(dice.int(2, 5), dice.int(0, 9)),
                _ => Self::Nil.cons(dice.int(0, 9)),
            };
        }
        match dice.weighted(&[4, 4, 3, 2, 1]) {
            0 => Self::random(dice, depth - 1).append(Self::random(dice, depth - 1)),
            1 => Self::random(dice, depth - 1).reverse(),
            2 => Self::random(dice, depth - 1).map(Affine::draw(dice)),
            3 => {
                let modulus = dice.int(2, 5);
                let residue = dice.int(0, 1);
                Self::random(dice, depth - 1).filter(Residue { modulus, residue })
            }
            _ => Self::random(dice, depth - 1).cons(dice.int(0, 9)),
        }
    }

    fn eval(&self, values: &[Vec<i64>]) -> Vec<i64> {
        match self {
            Self::Var(idx) => values[*idx].clone(),
            Self::Nil => Vec::new(),
            Self::Cons(head, tail) => [vec![*head], tail.eval(values)].concat(),
            Self::Append(left, right) => [left.eval(values), right.eval(values)].concat(),
            Self::Reverse(inner) => inner.eval(values).into_iter().rev().collect(),
            Self::Map(map, inner) => inner.eval(values).into_iter().map(|x| map.at(x)).collect(),
            Self::Filter(keep, inner) => {
                inner.eval(values).into_iter().filter(|x| x % keep.modulus == keep.residue).collect()
            }
            Self::Replicate(n, item) => (0..*n).map(|_| *item).collect(),
        }
    }

    /// One law applied at the root, from left to right.
    fn law(&self) -> Option<Self> {
        Some(match self {
            Self::Reverse(inner) => match &**inner {
                Self::Reverse(list) => (**list).clone(),
                Self::Append(left, right) => right.clone().reverse().append(left.clone().reverse()),
                Self::Map(map, list) => list.clone().reverse().map(*map),
                Self::Filter(keep, list) => list.clone().reverse().filter(*keep),
                Self::Cons(head, tail) => tail.clone().reverse().append(Self::Nil.cons(*head)),
                Self::Replicate(..) | Self::Nil => (**inner).clone(),
                Self::Var(_) => return None,
            },
            Self::Map(map, inner) => match &**inner {
                Self::Append(left, right) => left.clone().map(*map).append(right.clone().map(*map)),
                Self::Map(first, list) => list
                    .clone()
                    .map(Affine { scale: map.scale * first.scale, shift: map.scale * first.shift + map.shift }),
                Self::Cons(head, tail) => tail.clone().map(*map).cons(map.at(*head)),
                Self::Replicate(n, item) => Self::Replicate(*n, map.at(*item)),
                _ => return None,
            },
            Self::Filter(keep, inner) => match &**inner {
                Self::Append(left, right) => left.clone().filter(*keep).append(right.clone().filter(*keep)),
                Self::Filter(first, list) => list.clone().filter(*keep).filter(*first),
                _ => return None,
            },
            Self::Append(left, right) => match (&**left, &**right) {
                (Self::Append(first, second), _) => first.clone().append(second.clone().append((**right).clone())),
                (Self::Cons(head, tail), _) => tail.clone().append((**right).clone()).cons(*head),
                (Self::Replicate(n, item), Self::Replicate(m, other)) if item == other => Self::Replicate(n + m, *item),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// One law applied somewhere.
    fn step(&self, dice: &mut Dice) -> Option<Self> {
        let here = self.law();
        if here.is_some() && dice.percent(60) {
            return here;
        }
        let below = match self {
            Self::Append(left, right) => {
                let left_first = dice.percent(50);
                let on_left = |dice: &mut Dice| left.step(dice).map(|left| left.append((**right).clone()));
                let on_right = |dice: &mut Dice| right.step(dice).map(|right| left.clone().append(right));
                if left_first {
                    on_left(dice).or_else(|| on_right(dice))
                } else {
                    on_right(dice).or_else(|| on_left(dice))
                }
            }
            Self::Cons(head, tail) => tail.step(dice).map(|tail| tail.cons(*head)),
            Self::Reverse(inner) => inner.step(dice).map(Self::reverse),
            Self::Map(map, inner) => inner.step(dice).map(|inner| inner.map(*map)),
            Self::Filter(keep, inner) => inner.step(dice).map(|inner| inner.filter(*keep)),
            Self::Var(_) | Self::Nil | Self::Replicate(..) => None,
        };
        below.or(here)
    }

    /// The usual mistakes.
    fn mistake(&self) -> Option<Self> {
        Some(match self {
            Self::Reverse(inner) => match &**inner {
                Self::Append(left, right) => left.clone().reverse().append(right.clone().reverse()),
                _ => (**inner).clone(),
            },
            Self::Append(left, right) => right.clone().append((**left).clone()),
            Self::Map(map, inner) => inner.clone().map(Affine { shift: map.shift + 1, ..*map }),
            Self::Filter(_, inner) => (**inner).clone(),
            _ => return None,
        })
    }

    fn text(&self, is_argument: bool) -> String {
        let text = match self {
            Self::Var(idx) => return NAMES[*idx].to_owned(),
            Self::Nil => return "[]".to_owned(),
            Self::Cons(head, tail) => match &**tail {
                Self::Nil => return format!("[{head}]"),
                tail => format!("{head} :: {}", tail.text(false)),
            },
            Self::Append(left, right) => {
                let left = left.text(matches!(**left, Self::Append(..) | Self::Cons(..)));
                let right = right.text(matches!(**right, Self::Append(..) | Self::Cons(..)));
                format!("{left} ++ {right}")
            }
            Self::Reverse(inner) => return format!("{}.reverse", inner.text(true)),
            Self::Map(map, inner) => format!("{}.map (fun x => {})", inner.text(true), map.text("x")),
            Self::Filter(keep, inner) => {
                format!("{}.filter (fun x => x % {} = {})", inner.text(true), keep.modulus, keep.residue)
            }
            Self::Replicate(n, item) => format!("List.replicate {n} {item}"),
        };
        if is_argument { format!("({text})") } else { text }
    }

    fn mark(&self, used: &mut [bool; 3]) {
        match self {
            Self::Var(idx) => used[*idx] = true,
            Self::Nil | Self::Replicate(..) => {}
            Self::Cons(_, inner) | Self::Reverse(inner) | Self::Map(_, inner) | Self::Filter(_, inner) => {
                inner.mark(used);
            }
            Self::Append(left, right) => {
                left.mark(used);
                right.mark(used);
            }
        }
    }
}

/// Variables for the lists in use.
fn over(used: [bool; 3]) -> Draft {
    (0..3).filter(|idx| used[*idx]).fold(Draft::default(), |draft, idx| draft.var(NAMES[idx], "List Nat"))
}

/// Values for the variables, short and long.
fn values(dice: &mut Dice) -> Vec<Vec<i64>> {
    (0..3).map(|_| (0..dice.int(0, 5)).map(|_| dice.int(0, 9)).collect()).collect()
}

/// A list and what the laws make of it; a false one has a mistake at its root.
fn rewritten(dice: &mut Dice, n_laws: u32, holds: bool) -> Option<Draft> {
    let list = List::random(dice, 2 + n_laws / 3);
    let mut other = list.clone();
    for _ in 0..n_laws {
        other = other.step(dice)?;
    }
    if !holds {
        other = other.mistake()?;
    }
    let agree = (0..30).all(|_| {
        let values = values(dice);
        list.eval(&values) == other.eval(&values)
    });
    let mut used = [false; 3];
    list.mark(&mut used);
    other.mark(&mut used);
    if agree != holds || list == other || used == [false; 3] {
        return None;
    }
    let (left, right) = if dice.percent(70) { (&list, &other) } else { (&other, &list) };
    let goal = format!("{} = {}", left.text(false), right.text(false));
    Some(Draft { goal, level: n_laws.clamp(1, 3), holds, ..over(used) })
}

/// A linear form of lengths, sums and counts of the variables.
#[derive(Clone, Debug, Default, PartialEq)]
struct Measure {
    lengths: [i64; 3],
    sums: [i64; 3],
    constant: i64,
}

impl Measure {
    fn plus(mut self, other: &Self) -> Self {
        for idx in 0..3 {
            self.lengths[idx] += other.lengths[idx];
            self.sums[idx] += other.sums[idx];
        }
        self.constant += other.constant;
        self
    }

    fn times(mut self, factor: i64) -> Self {
        self.lengths.iter_mut().chain(&mut self.sums).for_each(|entry| *entry *= factor);
        self.constant *= factor;
        self
    }

    fn text(&self) -> String {
        let mut terms = Vec::new();
        for (entries, field) in [(self.sums, "sum"), (self.lengths, "length")] {
            for (entry, name) in entries.iter().zip(NAMES) {
                match entry {
                    0 => {}
                    1 => terms.push(format!("{name}.{field}")),
                    _ => terms.push(format!("{entry} * {name}.{field}")),
                }
            }
        }
        if self.constant > 0 || terms.is_empty() {
            terms.push(self.constant.to_string());
        }
        terms.join(" + ")
    }
}

/// The length of a list; `None` where a filter hides it.
fn length(list: &List) -> Option<Measure> {
    Some(match list {
        List::Var(idx) => {
            let mut measure = Measure::default();
            measure.lengths[*idx] = 1;
            measure
        }
        List::Nil => Measure::default(),
        List::Cons(_, tail) => length(tail)?.plus(&Measure { constant: 1, ..Measure::default() }),
        List::Append(left, right) => length(left)?.plus(&length(right)?),
        List::Reverse(inner) | List::Map(_, inner) => length(inner)?,
        List::Filter(..) => return None,
        List::Replicate(n, _) => Measure { constant: *n, ..Measure::default() },
    })
}

/// The sum of a list.
fn sum(list: &List) -> Option<Measure> {
    Some(match list {
        List::Var(idx) => {
            let mut measure = Measure::default();
            measure.sums[*idx] = 1;
            measure
        }
        List::Nil => Measure::default(),
        List::Cons(head, tail) => sum(tail)?.plus(&Measure { constant: *head, ..Measure::default() }),
        List::Append(left, right) => sum(left)?.plus(&sum(right)?),
        List::Reverse(inner) => sum(inner)?,
        List::Map(map, inner) => sum(inner)?.times(map.scale).plus(&length(inner)?.times(map.shift)),
        List::Filter(..) => return None,
        List::Replicate(n, item) => Measure { constant: n * item, ..Measure::default() },
    })
}

/// The length or the sum of a list as a linear form.
fn measured(dice: &mut Dice, depth: u32, holds: bool) -> Option<Draft> {
    let list = List::random(dice, depth);
    if matches!(list, List::Var(_)) {
        return None;
    }
    let sums = dice.percent(60);
    let (measure, field) = if sums { (sum(&list)?, "sum") } else { (length(&list)?, "length") };
    let wrong = Measure { constant: i64::from(!holds), ..Measure::default() };
    let mut used = [false; 3];
    list.mark(&mut used);
    if used == [false; 3] {
        return None;
    }
    let claimed = measure.plus(&wrong).text();
    let goal = format!("{}.{field} = {claimed}", list.text(true));
    let mapped = sums && goal.contains("map");
    Some(Draft { goal, level: if mapped { 4 } else { depth.min(2) }, holds, ..over(used) })
}

/// What belongs to a list, and other facts about any list.
fn member(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let (k, map) = (dice.int(1, 9), Affine::draw(dice));
    let image = map.text("x");
    let at_k = map.at(k);
    let known: Vec<(&str, &str, String, u32)> = if holds {
        vec![
            ("xs ys", "", format!("{k} ∈ xs ++ ys ↔ {k} ∈ xs ∨ {k} ∈ ys"), 1),
            ("xs ys", "K ∈ xs", format!("{k} ∈ ys ++ xs"), 1),
            ("xs", "K ∈ xs", format!("{at_k} ∈ xs.map (fun x => {image})"), 3),
            ("xs", "", format!("{k} ∈ xs.reverse ↔ {k} ∈ xs"), 1),
            ("xs", "xs ≠ []", "0 < xs.length".to_owned(), 2),
            ("xs", "K ∈ xs", "xs ≠ []".to_owned(), 2),
            ("xs", "K ∈ xs", "0 < xs.length".to_owned(), 2),
            ("xs ys", "(xs ++ ys).length = 0", "ys = []".to_owned(), 2),
            ("xs ys zs", "xs ++ ys = xs ++ zs", "ys = zs".to_owned(), 1),
            ("xs ys", "xs.reverse = ys.reverse", "xs = ys".to_owned(), 2),
            ("xs ys", "xs.reverse = ys", "ys.reverse = xs".to_owned(), 3),
            ("xs", "", format!("xs.take {k} ++ xs.drop {k} = xs"), 1),
            ("xs", "", format!("(xs.take {k}).length ≤ {k}"), 2),
            ("xs", "", format!("(xs.take {k}).length + (xs.drop {k}).length = xs.length"), 3),
            ("xs", "", format!("(xs.filter (fun x => x % {} = 0)).length ≤ xs.length", k + 1), 2),
            (
                "xs",
                "",
                format!("(xs.filter (fun x => {k} < x)).length + (xs.filter (fun x => x ≤ {k})).length = xs.length"),
                5,
            ),
            ("xs", "", format!("∀ y ∈ xs.filter (fun x => x < {k}), y < {k}"), 2),
            ("xs", "∀ x ∈ xs, x < K", format!("∀ x ∈ xs, x < {}", k + 2), 2),
            ("xs", "∀ x ∈ xs, K ≤ x", format!("{k} * xs.length ≤ xs.sum"), 5),
            ("xs", "K ∈ xs", format!("{k} ≤ xs.sum"), 4),
            ("xs", "", format!("xs.map (fun x => {image}) = [] ↔ xs = []"), 1),
            ("xs ys", "", format!("xs.map (fun x => {image}) = ys.map (fun x => {image}) → xs = ys"), 5),
            ("xs ys", "", format!("(xs ++ ys).count {k} = ys.count {k} + xs.count {k}"), 2),
            ("xs", "0 < xs.count K", format!("{k} ∈ xs"), 2),
            ("xs", "xs.length = K", format!("(xs ++ xs).length = {}", 2 * k), 2),
            ("xs", "", format!("xs.foldr (fun x n => x + n) {k} = xs.sum + {k}"), 4),
            ("xs", "", format!("xs.foldl (fun n x => n + x) {k} = {k} + xs.sum"), 5),
            ("xs", "", format!("xs.foldr (fun x n => n + {k}) 0 = {k} * xs.length"), 4),
            (
                "xs",
                "",
                format!(
                    "xs.foldr (fun x l => {} :: l) [] = xs.map (fun x => {image})",
                    if map.shift + map.scale == 1 { "x".to_owned() } else { format!("({image})") }
                ),
                3,
            ),
        ]
    } else {
        // Each is refuted by the empty list, by `[0]` or by `[k, 0]`.
        vec![
            ("xs ys", "K ∈ xs ++ ys", format!("{k} ∈ xs"), 3),
            ("xs ys", "", format!("{k} ∈ xs ++ ys ↔ {k} ∈ xs ∧ {k} ∈ ys"), 3),
            ("xs", "", format!("(xs.take {k}).length = {k}"), 3),
            ("xs", "", "0 < xs.length".to_owned(), 2),
            ("xs", "", "xs.reverse = xs".to_owned(), 3),
            ("xs", "", format!("xs.drop {k} ++ xs.take {k} = xs"), 3),
            ("xs", "", format!("xs.foldr (fun x n => n + {k}) {k} = {k} * xs.length"), 3),
            ("xs", "∀ x ∈ xs, K ≤ x", format!("{k} * xs.length < xs.sum"), 3),
            ("xs", "", format!("xs.sum < {k} + xs.length"), 3),
        ]
    };
    let (names, hypothesis, goal, level) = dice.pick(&known);
    let mut draft = names.split(' ').fold(Draft::default(), |draft, name| draft.var(name, "List Nat"));
    if !hypothesis.is_empty() {
        draft = draft.given(hypothesis.replace('K', &k.to_string()));
    }
    Some(Draft { goal, level, holds, ..draft })
}

/// A function on lists that recursion equations give, and what is true of it.
fn recursive(dice: &mut Dice, holds: bool) -> Option<Draft> {
    let (k, c) = (dice.int(1, 9), dice.int(1, 6));
    let map = Affine::draw(dice);
    let image = map.text("x");
    let f = dice.pick(&["f", "g", "h"]);
    // Name of the type, the two equations, and facts: true ones with their levels, then false ones.
    type Kind = (&'static str, String, String, Vec<(String, u32)>, Vec<String>);
    let kinds: Vec<Kind> = vec![
        (
            "List Nat → Nat",
            format!("F [] = {c}"),
            format!("∀ x xs, F (x :: xs) = F xs + {k}"),
            vec![
                (format!("F xs = {k} * xs.length + {c}"), 3),
                (format!("F (xs ++ ys) + {c} = F xs + F ys"), 4),
                ("F xs.reverse = F xs".to_owned(), 5),
                (format!("F (xs.map (fun x => {image})) = F xs"), 3),
                (format!("{c} ≤ F xs"), 3),
                ("F (xs ++ ys) = F (ys ++ xs)".to_owned(), 5),
                (format!("F xs % {k} = {}", c % k), 4),
            ],
            vec!["F (xs ++ ys) = F xs + F ys".to_owned(), format!("F xs = {} * xs.length + {c}", k + 1)],
        ),
        (
            "List Nat → Nat",
            "F [] = 0".to_owned(),
            format!("∀ x xs, F (x :: xs) = {k} * x + F xs"),
            vec![
                (format!("F xs = {k} * xs.sum"), 3),
                ("F (xs ++ ys) = F xs + F ys".to_owned(), 4),
                ("F xs.reverse = F xs".to_owned(), 5),
                (format!("F (xs.map (fun x => x + {c})) = F xs + {} * xs.length", k * c), 4),
                (format!("{k} ∣ F xs"), 3),
                ("F (xs ++ ys) = F (ys ++ xs)".to_owned(), 5),
            ],
            vec![format!("F xs = {k} * xs.length"), format!("F (xs ++ ys) = F xs + F ys + {c}")],
        ),
        (
            "List Nat → List Nat",
            "F [] = []".to_owned(),
            format!("∀ x xs, F (x :: xs) = ({image}) :: F xs"),
            vec![
                ("(F xs).length = xs.length".to_owned(), 3),
                (format!("F xs = xs.map (fun x => {image})"), 3),
                ("F (xs ++ ys) = F xs ++ F ys".to_owned(), 4),
                ("F xs.reverse = (F xs).reverse".to_owned(), 5),
            ],
            vec!["F (xs ++ ys) = F ys ++ F xs".to_owned(), "(F xs).length = xs.length + 1".to_owned()],
        ),
        (
            "List Nat → List Nat",
            "F [] = []".to_owned(),
            "∀ x xs, F (x :: xs) = F xs ++ [x]".to_owned(),
            vec![
                ("F xs = xs.reverse".to_owned(), 3),
                ("(F xs).length = xs.length".to_owned(), 3),
                ("F (xs ++ ys) = F ys ++ F xs".to_owned(), 4),
                ("F (F xs) = xs".to_owned(), 5),
                ("(F xs).sum = xs.sum".to_owned(), 4),
                (format!("F (xs.map (fun x => {image})) = (F xs).map (fun x => {image})"), 4),
                (format!("{k} ∈ F xs ↔ {k} ∈ xs"), 4),
            ],
            vec!["F (xs ++ ys) = F xs ++ F ys".to_owned(), "F xs = xs".to_owned()],
        ),
        (
            "List Nat → List Nat",
            "F [] = []".to_owned(),
            format!("∀ x xs, F (x :: xs) = x :: {k} :: F xs"),
            vec![
                ("(F xs).length = 2 * xs.length".to_owned(), 3),
                ("F (xs ++ ys) = F xs ++ F ys".to_owned(), 4),
                (format!("(F xs).sum = xs.sum + {k} * xs.length"), 4),
                ("xs.length ≤ (F xs).length".to_owned(), 4),
            ],
            vec!["(F xs).length = xs.length + 2".to_owned(), "(F xs).sum = 2 * xs.sum".to_owned()],
        ),
        (
            "List Nat → List Nat → List Nat",
            "∀ acc, F [] acc = acc".to_owned(),
            "∀ x xs acc, F (x :: xs) acc = F xs (x :: acc)".to_owned(),
            vec![
                ("F xs ys = xs.reverse ++ ys".to_owned(), 4),
                ("(F xs ys).length = xs.length + ys.length".to_owned(), 4),
                ("F xs [] = xs.reverse".to_owned(), 5),
                ("F (F xs []) [] = xs".to_owned(), 5),
                ("F xs (ys ++ zs) = F xs ys ++ zs".to_owned(), 4),
                ("(F xs ys).sum = xs.sum + ys.sum".to_owned(), 4),
            ],
            vec!["F xs ys = F ys xs".to_owned(), "F xs ys = xs ++ ys".to_owned()],
        ),
        (
            "List Nat → Nat → Nat",
            "∀ n, F [] n = n".to_owned(),
            format!("∀ x xs n, F (x :: xs) n = F xs (n + {k} * x)"),
            vec![
                (format!("F xs m = m + {k} * xs.sum"), 4),
                (format!("F xs (m + {c}) = F xs m + {c}"), 4),
                ("F (xs ++ ys) m = F ys (F xs m)".to_owned(), 4),
                ("m ≤ F xs m".to_owned(), 4),
            ],
            vec![format!("F xs m = m + {k} * xs.length"), "F xs m = F xs 0".to_owned()],
        ),
        (
            "List Nat → List Nat",
            "F [] = []".to_owned(),
            format!("∀ x xs, F (x :: xs) = if x < {k} then x :: F xs else F xs"),
            vec![
                ("(F xs).length ≤ xs.length".to_owned(), 4),
                (format!("F xs = xs.filter (fun x => x < {k})"), 4),
                ("F (xs ++ ys) = F xs ++ F ys".to_owned(), 4),
                (format!("∀ y ∈ F xs, y < {k}"), 4),
                ("F (F xs) = F xs".to_owned(), 5),
                ("(F xs).sum ≤ xs.sum".to_owned(), 4),
            ],
            vec!["F xs = xs".to_owned(), "(F xs).length = xs.length".to_owned()],
        ),
        (
            "List Nat → Bool",
            "F [] = true".to_owned(),
            format!("∀ x xs, F (x :: xs) = (decide (x ≤ {k}) && F xs)"),
            vec![
                ("F (xs ++ ys) = (F xs && F ys)".to_owned(), 4),
                (format!("F xs = true ↔ ∀ x ∈ xs, x ≤ {k}"), 5),
                ("F xs.reverse = F xs".to_owned(), 5),
            ],
            vec!["F (xs ++ ys) = (F xs || F ys)".to_owned(), "F xs = true".to_owned()],
        ),
    ];
    let (ty, first, step, facts, errors) = dice.pick(&kinds);
    let (goal, level) = if holds { dice.pick(&facts) } else { (dice.pick(&errors), 3) };
    let named = |text: &str| text.replace('F', f);
    let mut draft = Draft::default().var(f, ty).given(named(&first)).given(named(&step));
    for name in NAMES.into_iter().filter(|name| goal.contains(name)) {
        draft = draft.var(name, "List Nat");
    }
    if goal.contains('m') && ty.ends_with("Nat → Nat → Nat") {
        draft = draft.var("m", "Nat");
    }
    Some(Draft { goal: named(&goal), level, holds, ..draft })
}
