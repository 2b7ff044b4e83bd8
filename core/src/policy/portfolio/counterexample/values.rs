//! Values of types, small ones first, and all choices of them for the variables of a statement.

use std::collections::BTreeSet;

use super::Assignment;
use super::own_types::OwnTypes;
use super::quantified::Quantified;
use crate::syntax::name::is_name_part;
use crate::syntax::printed::mentions;

/// Values of a numeric type: with thousands of them a bound that lies far off is found where the truth is computed.
const NUMBERS: usize = 4096;

/// Values of any other type.
const OTHERS: usize = 12;

/// How deep lists of lists and trees of trees go.
const DEPTH: u32 = 3;

/// All choices of values for the variables, in the order of a diagonal: by the sum of the values' places.
pub(super) struct Choices {
    names: Vec<String>,
    /// Choices of the types that are variables themselves, each with the values of the variables under it.
    worlds: Vec<Vec<Vec<String>>>,
    world_idx: usize,
    sum: usize,
    /// The places of the next choice; `None` before the first of a sum.
    places: Option<Vec<usize>>,
}

impl Choices {
    pub(super) fn new(quantified: &Quantified, own: &OwnTypes) -> Self {
        let constants = constants(quantified);
        let names = quantified.variables().map(|variable| variable.name.clone()).collect();
        let n_types = quantified.variables().filter(|variable| is_universe(&variable.ty)).count();
        // One small type serves for all type variables; two sorts of them are enough to tell what depends on which.
        let stand_ins: &[&str] = if n_types == 0 { &[""] } else { &["Bool", "Nat", "Unit", "Empty"] };
        let worlds = stand_ins.iter().filter_map(|stand_in| world(quantified, own, stand_in, &constants)).collect();
        Self { names, worlds, world_idx: 0, sum: 0, places: None }
    }
}

impl Iterator for Choices {
    type Item = Vec<Assignment>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let world = self.worlds.get(self.world_idx)?;
            let places = match &self.places {
                None => first_of_sum(world, self.sum),
                Some(places) => next_of_sum(world, places),
            };
            if let Some(places) = places {
                let choice = self.names.iter().zip(world).zip(&places);
                let choice = choice
                    .map(|((name, values), place)| Assignment { name: name.clone(), value: values[*place].clone() });
                let choice = choice.collect();
                self.places = Some(places);
                return Some(choice);
            }
            self.places = None;
            self.sum += 1;
            if self.sum > world.iter().map(|values| values.len() - 1).sum() {
                self.world_idx += 1;
                self.sum = 0;
            }
        }
    }
}

/// The values of each variable when every type variable is this type; `None` when a type has no values that we know.
fn world(quantified: &Quantified, own: &OwnTypes, stand_in: &str, constants: &[i128]) -> Option<Vec<Vec<String>>> {
    let mut known: Vec<(String, String)> = Vec::new();
    let mut all = Vec::new();
    for variable in quantified.variables() {
        if variable.is_instance {
            all.push(vec!["inferInstance".to_owned()]);
            continue;
        }
        let ty = known.iter().fold(variable.ty.clone(), |ty, (name, value)| substituted(&ty, name, value));
        if is_universe(&ty) {
            // In every universe above the lowest there is a copy of it.
            let value = if ty == "Type" { stand_in.to_owned() } else { format!("ULift {stand_in}") };
            known.push((variable.name.clone(), if value.contains(' ') { format!("({value})") } else { value.clone() }));
            all.push(vec![value]);
            continue;
        }
        let values = Values { own, constants }.of(&ty, DEPTH);
        if values.is_empty() {
            return None;
        }
        all.push(values);
    }
    Some(all)
}

fn is_universe(ty: &str) -> bool {
    ty == "Type" || ty.starts_with("Type ")
}

/// Numerals of the statement: what is false only at a large value is often so beside one of them.
fn constants(quantified: &Quantified) -> Vec<i128> {
    let texts = quantified.premises().chain([quantified.conclusion.as_str()]);
    let mut constants = BTreeSet::new();
    for text in texts {
        for word in text.split(|c: char| !is_name_part(c)) {
            constants.extend(word.parse::<i128>().ok().filter(|n| *n > 3 && *n < 1_000_000_000_000));
        }
    }
    constants.into_iter().take(8).collect()
}

struct Values<'a> {
    own: &'a OwnTypes,
    constants: &'a [i128],
}

impl Values<'_> {
    /// The values of a type, small ones first; none when we know none.
    fn of(&self, ty: &str, depth: u32) -> Vec<String> {
        let ty = bare(ty);
        let n_most = if depth == DEPTH { NUMBERS } else { OTHERS };
        if depth == 0 {
            return Vec::new();
        }
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        match ty {
            "ℕ" | "Nat" => return self.naturals().take(n_most).map(|n| n.to_string()).collect(),
            "ℤ" | "Int" => {
                let signed = self.naturals().flat_map(|n| if n == 0 { vec![0] } else { vec![n, -n] });
                return signed.take(n_most).map(negative_in_brackets).collect();
            }
            "ℚ" | "Rat" => {
                let halves = words(&["0", "1", "(-1)", "2", "(1/2)", "(-1/2)", "(-2)", "3", "(1/3)", "(3/2)"]);
                let whole = self.naturals().skip(4).flat_map(|n| [n, -n]).take(n_most / 2).map(negative_in_brackets);
                return Vec::into_iter(halves).chain(whole).collect();
            }
            "Bool" => return words(&["false", "true"]),
            "Prop" => return words(&["True", "False"]),
            "Unit" | "PUnit" => return words(&["()"]),
            "String" => return words(&["\"\"", "\"a\"", "\"ab\"", "\"b\""]),
            "Char" => return words(&["'a'", "'b'", "'0'"]),
            "UInt8" | "UInt16" | "UInt32" | "UInt64" | "USize" => return words(&["0", "1", "2", "255"]),
            _ => {}
        }
        // Products and arrows lean to the right and bind looser than applications.
        if let Some((from, to)) = split_top(ty, " → ") {
            return self.functions(from, to, depth);
        }
        if let Some((left, right)) = split_top(ty, " × ") {
            let (left, right) = (self.of(left, depth - 1), self.of(right, depth - 1));
            return diagonal(&left, &right).map(|(a, b)| format!("({a}, {b})")).take(n_most.min(200)).collect();
        }
        if let Some((left, right)) = split_top(ty, " ⊕ ") {
            let left =
                self.of(left, depth - 1).into_iter().take(4).map(|value| format!("(Sum.inl {})", argument(&value)));
            let right =
                self.of(right, depth - 1).into_iter().take(4).map(|value| format!("(Sum.inr {})", argument(&value)));
            return left.chain(right).collect();
        }
        let (head, rest) = ty.split_once(' ').unwrap_or((ty, ""));
        match head {
            "Fin" => match bare(rest).parse::<usize>() {
                Ok(n) => (0..n.min(n_most)).map(|value| value.to_string()).collect(),
                // `Fin (n + 1)` has these at least where Lean can see that it is not empty.
                Err(_) => words(&["0", "1"]),
            },
            "BitVec" => words(&["0", "1", "2", "(-1)"]),
            "List" => self.lists(rest, depth, "["),
            "Array" => self.lists(rest, depth, "#["),
            "Option" => {
                let some = self.of(rest, depth - 1).into_iter().map(|value| format!("(some {})", argument(&value)));
                std::iter::once("none".to_owned()).chain(some).take(OTHERS).collect()
            }
            "ULift" => self.of(rest, depth).into_iter().map(|value| format!("⟨{value}⟩")).collect(),
            _ => self.constructed(ty, depth),
        }
    }

    fn naturals(&self) -> impl Iterator<Item = i128> {
        let near = self.constants.iter().flat_map(|n| [*n, n + 1, n - 1]);
        let mut seen = BTreeSet::new();
        (0..4).chain(near).chain(4..).filter(move |n| seen.insert(*n))
    }

    fn lists(&self, element: &str, depth: u32, open: &str) -> Vec<String> {
        let elements = self.of(element, depth - 1);
        let shapes: &[&[usize]] = &[
            &[],
            &[0],
            &[0, 1],
            &[1, 0],
            &[1],
            &[0, 0],
            &[1, 1],
            &[0, 1, 2],
            &[2, 1, 0],
            &[1, 0, 1],
            &[2],
            &[1, 2],
            &[0, 0, 1],
        ];
        let made = shapes.iter().filter_map(|shape| {
            let values: Option<Vec<&str>> = shape.iter().map(|idx| elements.get(*idx).map(String::as_str)).collect();
            Some(format!("{open}{}]", values?.join(", ")))
        });
        made.collect()
    }

    fn functions(&self, from: &str, to: &str, depth: u32) -> Vec<String> {
        let mut blanks = String::from("_");
        let (mut sources, mut range) = (vec![bare(from)], bare(to));
        while let Some((next, rest)) = split_top(range, " → ") {
            blanks.push_str(" _");
            sources.push(bare(next));
            range = bare(rest);
        }
        let constant = |value: &String| format!("(fun {blanks} => {value})");
        let mut all: Vec<String> = self.of(range, depth - 1).iter().take(2).map(constant).collect();
        match sources.as_slice() {
            [source] if *source == range => all.push("(fun x => x)".into()),
            [left, right] if left == right && *left == range => {
                all.extend(["(fun x _ => x)".into(), "(fun _ y => y)".into()]);
            }
            [left, right] if left == right && range == "Prop" => {
                all.extend(["(fun x y => x = y)".into(), "(fun x y => x ≠ y)".into()]);
            }
            [source] if range == "Prop" => {
                all.extend(self.of(source, depth - 1).iter().take(2).map(|value| format!("(fun x => x = {value})")));
            }
            _ => {}
        }
        if let ([source], "ℕ" | "Nat" | "ℤ" | "Int") = (sources.as_slice(), range)
            && *source == range
        {
            all.extend(["(fun x => x + 1)".into(), "(fun x => 2 * x)".into(), "(fun x => x * x)".into()]);
        }
        all
    }

    /// Values of a type that the file declares.
    fn constructed(&self, ty: &str, depth: u32) -> Vec<String> {
        let mut all = Vec::new();
        for constructor in self.own.constructors(ty) {
            let mut made = vec![constructor.name.clone()];
            for argument_type in &constructor.arguments {
                let values: Vec<String> = self.of(argument_type, depth - 1).into_iter().take(4).collect();
                made = diagonal(&made, &values).map(|(head, value)| format!("{head} {}", argument(value))).collect();
                made.truncate(OTHERS);
            }
            all.push(made);
        }
        // One of each constructor first.
        let longest = all.iter().map(Vec::len).max().unwrap_or(0);
        let by_turns = (0..longest).flat_map(|idx| all.iter().filter_map(move |made| made.get(idx).cloned()));
        by_turns.take(2 * OTHERS).collect()
    }
}

/// Pairs by the sum of their places.
fn diagonal<'a>(left: &'a [String], right: &'a [String]) -> impl Iterator<Item = (&'a String, &'a String)> {
    let n = (left.len() + right.len()).min(64);
    (0..n).flat_map(move |sum| (0..=sum).filter_map(move |idx| Some((left.get(sum - idx)?, right.get(idx)?))))
}

/// The first places with this sum, the first variable's as large as can be.
fn first_of_sum(world: &[Vec<String>], sum: usize) -> Option<Vec<usize>> {
    if world.iter().any(Vec::is_empty) {
        return None;
    }
    fill(world, sum)
}

fn fill(world: &[Vec<String>], mut sum: usize) -> Option<Vec<usize>> {
    let mut places = Vec::with_capacity(world.len());
    for values in world {
        let place = sum.min(values.len() - 1);
        places.push(place);
        sum -= place;
    }
    (sum == 0).then_some(places)
}

/// The next places with the same sum: an earlier variable gives one to those behind it.
fn next_of_sum(world: &[Vec<String>], places: &[usize]) -> Option<Vec<usize>> {
    for at in (0..places.len()).rev() {
        if places[at] == 0 {
            continue;
        }
        let behind: usize = places[at + 1..].iter().sum::<usize>() + 1;
        if let Some(rest) = fill(&world[at + 1..], behind) {
            let mut next = places[..at].to_vec();
            next.push(places[at] - 1);
            next.extend(rest);
            return Some(next);
        }
    }
    None
}

fn negative_in_brackets(n: i128) -> String {
    if n < 0 { format!("({n})") } else { n.to_string() }
}

/// The text with a name replaced wherever it stands as a word.
fn substituted(text: &str, name: &str, value: &str) -> String {
    if !mentions(text, name) {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(std::iter::once(' ')) {
        if is_name_part(c) {
            word.push(c);
            continue;
        }
        out.push_str(if word == name { value } else { &word });
        word.clear();
        out.push(c);
    }
    out.pop();
    out
}

/// A value as an argument.
fn argument(value: &str) -> String {
    super::in_brackets(value)
}

/// A type without brackets around all of it.
fn bare(ty: &str) -> &str {
    let ty = ty.trim();
    let Some(inside) = ty.strip_prefix('(').and_then(|ty| ty.strip_suffix(')')) else { return ty };
    let mut depth = 0_i32;
    let holds_all = inside.chars().all(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth >= 0
    });
    if holds_all { bare(inside) } else { ty }
}

fn split_top<'a>(text: &'a str, symbol: &str) -> Option<(&'a str, &'a str)> {
    let at = crate::syntax::printed::find_top_level(text, symbol)?;
    Some((&text[..at], &text[at + symbol.len()..]))
}
