//! An indexed family: lists that have their length in their type.
//!
//! What stands here is text: the language that other schemes use has no types that depend on values.

use super::sketch::Written;
use super::world::World;

/// The names of one development.
struct Family {
    ty: String,
    nil: String,
    cons: String,
}

impl Family {
    fn draw(world: &mut World<'_>) -> Self {
        Self { ty: world.names.large(world.dice), nil: world.small(), cons: world.small() }
    }

    /// The family itself, over numbers.
    fn declared(&self) -> String {
        let Self { ty, nil, cons } = self;
        format!(
            "inductive {ty} : Nat → Type where\n  | {nil} : {ty} 0\n  | {cons} {{n : Nat}} (x : Nat) (l : {ty} n) : {ty} (n + 1)"
        )
    }

    /// A function of a vector of any length by its two cases; `cons` speaks of `x`, `l` and the call on `l`.
    fn function(&self, name: &str, result: &str, nil_value: &str, cons_value: &str) -> String {
        let Self { ty, nil, cons } = self;
        format!(
            "def {name} : {{n : Nat}} → {ty} n → {result}\n  | _, .{nil} => {nil_value}\n  | _, .{cons} x l => {}",
            cons_value.replace("REST", &format!("{name} l"))
        )
    }

    /// A function that makes a vector of the same length with every element changed.
    fn changed(&self, name: &str, element: &str) -> String {
        let Self { ty, nil, cons } = self;
        self.function(name, &format!("{ty} n"), &format!(".{nil}"), &format!(".{cons} ({element}) (REST)"))
    }

    /// A function of two vectors of one length, element by element.
    fn paired(&self, name: &str, element: &str) -> String {
        let Self { ty, nil, cons } = self;
        format!(
            "def {name} : {{n : Nat}} → {ty} n → {ty} n → {ty} n\n  | _, .{nil}, .{nil} => .{nil}\n  \
             | _, .{cons} x l, .{cons} y r => .{cons} ({element}) ({name} l r)"
        )
    }

    /// A vector with one more element behind the others.
    fn put_behind(&self, name: &str) -> String {
        let Self { ty, nil, cons } = self;
        format!(
            "def {name} (y : Nat) : {{n : Nat}} → {ty} n → {ty} (n + 1)\n  | _, .{nil} => .{cons} y .{nil}\n  \
             | _, .{cons} x l => .{cons} x ({name} y l)"
        )
    }

    /// The vector of this length with one number everywhere.
    fn filled(&self, name: &str) -> String {
        let Self { ty, nil, cons } = self;
        format!("def {name} (x : Nat) : (n : Nat) → {ty} n\n  | 0 => .{nil}\n  | n + 1 => .{cons} x ({name} x n)")
    }
}

/// What a vector is measured by: a function's name, its text, what it is of an element, and of two joined measures.
struct Measure {
    name: String,
    text: String,
    of_element: String,
}

fn measure(world: &mut World<'_>, family: &Family) -> Measure {
    let name = world.small();
    let of_element = match world.dice.int(0, 3) {
        0 => "x".to_owned(),
        1 => format!("{} * x", world.dice.int(2, 5)),
        2 => format!("(x + {})", world.dice.int(1, 6)),
        _ => format!("(if x ≤ {} then 1 else 0)", world.dice.int(1, 8)),
    };
    let value = if world.dice.percent(50) { format!("{of_element} + REST") } else { format!("REST + {of_element}") };
    let text = family.function(&name, "Nat", "0", &value);
    Measure { name, text, of_element }
}

/// A theorem about vectors; none of them is made false.
pub(super) fn draw(world: &mut World<'_>) -> Written {
    let family = Family::draw(world);
    let (list, other) = (world.small(), world.small());
    let listing = family.function(&list, "List Nat", "[]", "x :: REST");
    let measure = measure(world, &family);
    let (ty, sum, of) = (&family.ty, &measure.name, |element: &str| measure.of_element.replace('x', element));
    let (scale, shift) = (world.dice.int(1, 4), world.dice.int(1, 9));
    let element = if scale == 1 { format!("x + {shift}") } else { format!("{scale} * x + {shift}") };
    let induct = |facts: &str| {
        format!(
            "induction v <;> first\n  | (simp_all [{facts}]; done)\n  | (simp_all [{facts}] <;> omega)\n  | grind [{facts}]"
        )
    };
    let both = |facts: &str| {
        let Family { nil, cons, .. } = &family;
        format!(
            "induction v with\n  | {nil} => cases w; first | rfl | simp [{facts}]\n  | {cons} x l ih =>\n    cases w with\n    \
             | {cons} y r =>\n      have ih := ih r\n      first\n        | (simp_all [{facts}]; done)\n        \
             | (simp_all [{facts}] <;> omega)\n        | grind [{facts}]"
        )
    };
    let one = format!("{{n : Nat}} (v : {ty} n)");
    let two = format!("{{n : Nat}} (v w : {ty} n)");
    let (declared, theorem, proof, grade) = match world.dice.int(0, 9) {
        0 => (vec![listing], format!("{one} : ({list} v).length = n"), induct(&list), 2),
        1 => {
            let right = format!("(({list} v).map fun x => {}).sum", measure.of_element);
            let facts = format!("{list}, {sum}");
            (vec![listing, measure.text.clone()], format!("{one} : {sum} v = {right}"), induct(&facts), 2)
        }
        2 => {
            let changed = family.changed(&other, &element);
            let right = format!("({list} v).map fun x => {element}");
            (
                vec![listing, changed],
                format!("{one} : {list} ({other} v) = {right}"),
                induct(&format!("{list}, {other}")),
                2,
            )
        }
        3 => {
            let total = family.function(&list, "Nat", "0", "x + REST");
            let right = format!("{scale} * {list} v + {shift} * n");
            let facts = format!("{list}, {other}, Nat.mul_add, Nat.add_mul");
            (
                vec![total, family.changed(&other, &element)],
                format!("{one} : {list} ({other} v) = {right}"),
                induct(&facts),
                3,
            )
        }
        4 => {
            let joined = world.dice.pick(&["x + y", "y + x"]);
            let total = family.function(&list, "Nat", "0", "REST + x");
            let facts = format!("{list}, {other}");
            let claim = format!("{two} : {list} ({other} v w) = {list} v + {list} w");
            (vec![total, family.paired(&other, joined)], claim, both(&facts), 3)
        }
        5 => {
            let joined = world.dice.pick(&["x + y", "x * y", "max x y", "min x y", "2 * (x + y)"]);
            let facts = format!("{other}, Nat.add_comm, Nat.mul_comm, Nat.max_comm, Nat.min_comm");
            (vec![family.paired(&other, joined)], format!("{two} : {other} v w = {other} w v"), both(&facts), 3)
        }
        6 => {
            let claim = format!("{one} (y : Nat) : {list} ({other} y v) = {list} v ++ [y]");
            (vec![listing, family.put_behind(&other)], claim, induct(&format!("{list}, {other}")), 2)
        }
        7 => {
            let claim = format!("{one} (y : Nat) : {sum} ({other} y v) = {sum} v + {}", of("y"));
            (vec![measure.text.clone(), family.put_behind(&other)], claim, induct(&format!("{sum}, {other}")), 2)
        }
        8 => {
            let claim = format!("(n y : Nat) : {list} ({other} y n) = List.replicate n y");
            let proof = induct(&format!("{list}, {other}, List.replicate")).replace("induction v", "induction n");
            (vec![listing, family.filled(&other)], claim, proof, 2)
        }
        _ => {
            let claim = format!("(n y : Nat) : {sum} ({other} y n) = n * {}", of("y"));
            let facts = format!("{sum}, {other}, Nat.add_mul, Nat.mul_add, Nat.mul_comm");
            let proof = induct(&facts).replace("induction v", "induction n");
            (vec![measure.text.clone(), family.filled(&other)], claim, proof, 3)
        }
    };
    let preamble = [vec![family.declared()], declared].concat().join("\n\n");
    Written { scheme: "indexed", grade, preamble, theorem, proof }
}
