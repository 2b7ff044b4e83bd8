//! The library corpus: which theorems of a library are asked as problems, and what a proof of each does without.
//!
//! A theorem of the library is known to hold, so it makes a problem that is known to have an answer. The answer must not
//! be the theorem itself: each problem does without it and without its restatements, which are the theorems of the same
//! shape (`shape.js` of the worker's driver says what a shape keeps and what it leaves out).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use stepwise_core::problem::{Problem, Theorem};

/// One theorem that Lean has imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryTheorem {
    pub name: String,
    /// The module that declares it, for example `Init.Data.Nat.Basic`.
    pub module: String,
    /// What it says, as a number: theorems with the same number restate each other. `None` when it is too large to tell.
    pub shape: Option<u32>,
    /// Nodes of its type, written as a tree.
    pub size: u32,
}

/// A theorem that is to be stated anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Which theorem of the library it is.
    pub idx: usize,
    /// The name that the new statement gets: one without a namespace, which nothing in the library has.
    pub flat_name: String,
    /// Its own full name, then those of its restatements.
    pub without: Vec<String>,
}

/// The theorems of a library that a person has named, as questions, in the library's order.
///
/// Left out are those that elaboration made (equations, `injEq`, `_simp_1`), instances and parents of type classes, which
/// are found by their types alone, private ones, and those that serve Lean's own tactics (`Lean.Grind`, `Int.Linear`).
#[must_use]
pub fn questions(theorems: &[LibraryTheorem]) -> Vec<Question> {
    let mut by_shape: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for theorem in theorems {
        // What unfolding gives is not a lemma, and what a tactic made of a lemma counts as the lemma.
        if let (Some(shape), false) = (theorem.shape, is_auxiliary(&theorem.name)) {
            by_shape.entry(shape).or_default().push(&theorem.name);
        }
    }
    let mut taken = BTreeSet::new();
    let asked = theorems.iter().enumerate().filter(|(_, theorem)| is_stated_by_a_person(&theorem.name));
    asked
        .map(|(idx, theorem)| {
            let restatements = theorem.shape.and_then(|shape| by_shape.get(&shape)).into_iter().flatten();
            let others = restatements.filter(|name| **name != theorem.name).map(|name| (*name).to_owned());
            Question {
                idx,
                flat_name: flat_name(&theorem.name, &mut taken),
                without: std::iter::once(theorem.name.clone()).chain(others).collect(),
            }
        })
        .collect()
}

/// The problem that a question became: its statement, and the commands that take the lemmas it does without away from
/// tactics that would find them by themselves.
#[must_use]
pub fn problem(theorem: &LibraryTheorem, question: &Question, statement: &str, header: &str) -> Problem {
    Problem {
        name: theorem.name.clone(),
        theorem: Theorem {
            name: question.flat_name.clone(),
            preamble: header.to_owned(),
            statement: statement.to_owned(),
            without: question.without.clone(),
            ..Theorem::default()
        },
        source: Some("library".to_owned()),
        difficulty: Some(difficulty(theorem.size)),
        holds: Some(true),
        ..Problem::default()
    }
}

/// [`Problem::to_line`] with the module beside it, so that sets of problems can be kept apart by module.
#[must_use]
pub fn line(theorem: &LibraryTheorem, problem: &Problem) -> String {
    let line = problem.to_line();
    let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(&line) else { return line };
    fields.insert("module".to_owned(), theorem.module.clone().into());
    format!("{}\n", Value::Object(fields))
}

/// 1 for a type of fewer than 16 nodes, and one more for each doubling: long statements tend to be harder, and nothing
/// better is known before anybody has searched.
fn difficulty(size: u32) -> u32 {
    size.max(8).ilog2() - 2
}

/// Last or inner parts of names that Lean's elaborator gives.
const GENERATED: [&str; 16] = [
    "below",
    "brecOn",
    "casesOn",
    "congr_simp",
    "else_eq",
    "eq_def",
    "fun_cases",
    "fun_cases_unfolding",
    "induct",
    "induct_unfolding",
    "inj",
    "injEq",
    "noConfusion",
    "rec",
    "recOn",
    "sizeOf_spec",
];
/// The same with a number behind them: `eq_1`.
const NUMBERED: [&str; 6] = ["congr_eq_", "eq_", "hcongr_", "match_", "omega_nat_", "proof_"];
/// Parts of the names of lemmas that serve tactics, and of what a library keeps to itself.
const IMPLEMENTATION: [&str; 6] = ["Expr", "Impl", "Internal", "Linear", "Poly", "RArray"];
/// Namespaces of Lean's own implementation, and of what no other module may name.
const HIDDEN_ROOTS: [&str; 2] = ["Lean", "_private"];

fn is_stated_by_a_person(name: &str) -> bool {
    let mut parts = name.split('.');
    let is_hidden = parts.next().is_some_and(|root| HIDDEN_ROOTS.contains(&root));
    !is_hidden
        && !is_auxiliary(name)
        && !name.split('.').any(|part| {
            GENERATED.contains(&part) || IMPLEMENTATION.contains(&part) || is_instance(part) || is_parent(part)
        })
}

/// True for what the elaborator makes of a definition or a lemma, rather than beside it.
fn is_auxiliary(name: &str) -> bool {
    name.split('.').skip(usize::from(name.starts_with("_private."))).any(|part| {
        let numbered = |prefix: &str| {
            let digits = part.strip_prefix(prefix).unwrap_or_default();
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        part.starts_with('_') || part == "eq_def" || NUMBERED.iter().any(|prefix| numbered(prefix))
    })
}

/// `instLawfulBEqNat`.
fn is_instance(part: &str) -> bool {
    part.strip_prefix("inst").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
}

/// `toIsPartialOrder`, as opposed to `toList_map`.
fn is_parent(part: &str) -> bool {
    let rest = part.strip_prefix("to").unwrap_or_default();
    rest.starts_with(|c: char| c.is_ascii_uppercase()) && rest.chars().all(char::is_alphanumeric)
}

/// `lib_Nat_add_comm` for `Nat.add_comm`; with a number behind it when that is taken.
fn flat_name(name: &str, taken: &mut BTreeSet<String>) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '\'';
    let plain = format!("lib_{}", name.replace(|c| !is_plain(c), "_"));
    let mut free = plain.clone();
    let mut n = 1;
    while !taken.insert(free.clone()) {
        n += 1;
        free = format!("{plain}_{n}");
    }
    free
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use stepwise_core::problem::{Defaults, read_jsonl};

    fn theorem(name: &str, shape: u32, size: u32) -> LibraryTheorem {
        LibraryTheorem { name: name.to_owned(), module: "Init.Core".to_owned(), shape: Some(shape), size }
    }

    #[test]
    fn names_that_nobody_gave_are_left_out() {
        let names = [
            "Nat.add_comm",
            "Nat.add.eq_1",
            "List.map.eq_def",
            "Nat.succ_ne_zero._simp_1",
            "List.cons.injEq",
            "Nat.succ.inj",
            "Nat.succ_inj",
            "_private.Init.Core.0.foo",
            "Lean.Omega.Int.add_congr",
            "Int.Linear.Expr.denote_norm",
            "Std.Rio.Internal.mem_iff",
            "instLawfulBEqNat",
            "Nat.instIsLinearOrder",
            "instant",
            "Std.IsLinearOrder.toIsPartialOrder",
            "List.toArray_map",
            "Nat.induct_roo_left",
            "Char.utf8Size.fun_cases_unfolding",
            "Option.elim_none",
        ];
        let theorems: Vec<LibraryTheorem> = (0..).zip(names).map(|(shape, name)| theorem(name, shape, 9)).collect();
        let kept: Vec<&str> = questions(&theorems).iter().map(|question| names[question.idx]).collect();
        expect![[r#"
            [
                "Nat.add_comm",
                "Nat.succ_inj",
                "instant",
                "List.toArray_map",
                "Nat.induct_roo_left",
                "Option.elim_none",
            ]
        "#]]
        .assert_debug_eq(&kept);
    }

    #[test]
    fn a_question_does_without_the_theorem_and_its_restatements() {
        let mut theorems = vec![
            theorem("Nat.add_comm", 1, 9),
            theorem("Nat.add_comm'", 2, 9),
            theorem("Lean.Grind.add_comm", 1, 9),
            theorem("Nat.add.eq_1", 1, 9),
            theorem("Nat.add_comm._simp_1", 1, 9),
            theorem("Nat.add.comm", 3, 9),
        ];
        theorems[1].shape = None;
        let asked: Vec<(String, Vec<String>)> =
            questions(&theorems).into_iter().map(|question| (question.flat_name, question.without)).collect();
        expect![[r#"
            [
                (
                    "lib_Nat_add_comm",
                    [
                        "Nat.add_comm",
                        "Lean.Grind.add_comm",
                    ],
                ),
                (
                    "lib_Nat_add_comm'",
                    [
                        "Nat.add_comm'",
                    ],
                ),
                (
                    "lib_Nat_add_comm_2",
                    [
                        "Nat.add.comm",
                    ],
                ),
            ]
        "#]]
        .assert_debug_eq(&asked);
    }

    #[test]
    fn difficulty_grows_with_the_logarithm_of_the_size() {
        let sizes = [0, 1, 8, 15, 16, 31, 32, 63, 64, 1_000];
        assert_eq!(sizes.map(difficulty), [1, 1, 1, 1, 2, 2, 3, 3, 4, 7]);
    }

    #[test]
    fn a_line_is_read_back() {
        let theorems = [theorem("Nat.add_zero", 1, 20)];
        let [question] = questions(&theorems).try_into().expect("one question");
        let stated = problem(
            &theorems[0],
            &question,
            "theorem lib_Nat_add_zero (n : Nat) : n + 0 = n",
            "attribute [-simp] Nat.add_zero",
        );
        let line = line(&theorems[0], &stated);
        expect![[r#"
            {"difficulty":2,"header":"attribute [-simp] Nat.add_zero","holds":true,"module":"Init.Core","name":"Nat.add_zero","source":"library","statement":"theorem lib_Nat_add_zero (n : Nat) : n + 0 = n","without":["Nat.add_zero"]}
        "#]]
        .assert_eq(&line);
        let read = read_jsonl("corpus", &line, &Defaults::default()).expect("it reads");
        assert_eq!(read, [Problem { line: 1, ..stated }]);
    }
}
