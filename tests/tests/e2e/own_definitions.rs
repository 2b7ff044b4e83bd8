//! Goals over a file's own definitions on real Lean: what the driver tells of them, and theorems that the portfolio proves.

use std::sync::Arc;
use std::time::Duration;

use expect_test::expect;
use stepwise_core::facts::{Declaration, Declarations, Field, GoalFacts, Local};
use stepwise_core::goal::Goal;
use stepwise_core::outcome::StepOutcome;
use stepwise_core::problem::{Defaults, Theorem, read_jsonl};
use stepwise_core::search::{Budget, Search, SearchConfig, SearchEnd};
use stepwise_worker::lean::pool::{SessionStart, StateId};
use stepwise_worker::run::policy::{Policy, Portfolio};
use stepwise_worker::run::{Job, run_search};
use stepwise_worker::stop::Stop;

use crate::lean;

/// Some of the problems of `tests/fixtures/own-definitions`, one of a kind; the whole file is for measuring.
const PROVED: [&str; 14] = [
    "mirror_mirror",
    "light_cycle",
    "door",
    "expr_zero",
    "point_add_comm",
    "counter",
    "monoid_class",
    "even_pred",
    "mem_insert",
    "rle_expand",
    "opt_bind",
    "except_div",
    "big_deterministic",
    "form_push",
];

const TREE: &str = "inductive Tree (α : Type) where\n  | leaf\n  | node (l : Tree α) (x : α) (r : Tree α)\n\
    variable {α : Type}\n\
    def Tree.flip : Tree α → Tree α\n  | leaf => leaf\n  | node l x r => node r.flip x l.flip\n\
    def Tree.onto : Tree α → List α → List α\n  | leaf, acc => acc\n  | node l x r, acc => l.onto (x :: r.onto acc)\n\
    theorem Tree.flip_leaf : (leaf : Tree α).flip = leaf := rfl";

const OTHERS: &str = "inductive Ev : Nat → Prop where\n  | zero : Ev 0\n  | step (n : Nat) (h : Ev n) : Ev (n + 2)\n\
    structure Pt where\n  x : Nat\n  y : Nat := 3\n  deriving DecidableEq\n\
    instance : Add Pt := ⟨fun p q => ⟨p.x + q.x, p.y + q.y⟩⟩\n\
    class Mon (α : Type) where\n  op : α → α → α\n  assoc : ∀ a b c, op (op a b) c = op a (op b c)\n\
    def half (n : Nat) : Nat := if n < 2 then 0 else half (n - 2) + 1\ntermination_by n\n\
    mutual\ndef ev : Nat → Bool\n  | 0 => true\n  | n + 1 => od n\ndef od : Nat → Bool\n  | 0 => false\n  | n + 1 => ev n\nend";

/// The file's declarations, the goal's facts, and those of the first goal after `tactic`.
async fn facts(preamble: &str, statement: &str, tactic: &str) -> (Declarations, GoalFacts, GoalFacts) {
    let pool = lean::pool(1, Duration::from_secs(20));
    let theorem = Theorem { preamble: preamble.to_owned(), ..lean::theorem(statement) };
    let SessionStart::Open { session, goals, declarations, .. } = pool.open(theorem).await.expect("Lean runs").value
    else {
        panic!("{statement} does not open")
    };
    let after = session.apply(StateId::ROOT, &[tactic.to_owned()]).await.expect("Lean runs").value;
    let [StepOutcome::Open { goals: left, .. }] = &after[..] else { panic!("{tactic}: {after:?}") };
    let of = |goals: &[Goal]| GoalFacts::clone(goals[0].facts.as_ref().expect("this Lean tells facts"));
    let told = (declarations, of(&goals), of(left));
    pool.shutdown().await;
    told
}

/// One line for each name: what it is, how it recurs, and what it is made of.
fn show(declarations: &Declarations) -> String {
    let line = |d: &Declaration| {
        let constructors = d.constructors.iter().map(|c| {
            let field = |f: &Field| if f.recursive { format!("{}*", f.name) } else { f.name.clone() };
            format!("{}({})", c.name, c.fields.iter().map(field).collect::<Vec<_>>().join(" "))
        });
        let recursion = match (d.recursion, d.on) {
            (None, _) => String::new(),
            (Some(recursion), on) => format!(" {recursion:?} on {on:?} varying {:?}", d.varying),
        };
        format!("{} {:?}{recursion} {}", d.name, d.kind, constructors.collect::<Vec<_>>().join(" "))
            .trim_end()
            .to_owned()
    };
    declarations.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_and_its_functions_are_told() {
    let statement = "theorem t (t : Tree α) (n : Nat) (h : t.onto [] = []) : t.flip.flip = t";
    let (declarations, goal, after) = facts(TREE, statement, "cases t").await;
    expect![[r#"
        Tree Inductive Tree.leaf() Tree.node(l* x r*)
        Tree.flip Definition Structural on Some(0) varying []
        Tree.flip_leaf Theorem
        Tree.onto Definition Structural on Some(0) varying [1]"#]]
    .assert_eq(&show(&declarations));
    let names = |locals: &[Local]| locals.iter().map(|local| local.name.clone()).collect::<Vec<_>>();
    assert_eq!(goal.head, "Eq");
    assert!(names(&goal.variables).contains(&"t".to_owned()) && names(&goal.proofs) == ["h"], "{goal:?}");
    let of_tree = goal.variables.iter().find(|local| local.name == "t").unwrap();
    assert!(of_tree.own && of_tree.in_target && of_tree.head == "Tree", "{of_tree:?}");
    let onto = goal.calls.iter().find(|call| call.of == "Tree.onto").unwrap();
    assert_eq!((onto.args.clone(), onto.in_target), (vec!["t".to_owned(), "List.nil".to_owned()], false));
    assert!(goal.calls.iter().any(|call| call.of == "Tree.flip" && call.args == ["(Tree.flip t)"] && call.in_target));
    // A tree that was taken apart is none any more.
    assert!(!names(&after.variables).contains(&"t".to_owned()), "{after:?}");
    assert!(after.constants.contains(&"Tree.leaf".to_owned()), "{after:?}");
}

/// The target comes first, and what a hypothesis says of the same call does not take it out of there.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_target_and_hypothesis_stands_in_the_target() {
    let statement = "theorem t (t : Tree Nat) (h : t.flip = .leaf) (k : t.flip.flip = t) : t.flip = t.flip.flip";
    let (_, goal, _) = facts(TREE, statement, "rw [k]").await;
    let told: Vec<_> = goal.calls.iter().map(|call| (call.args.join(" "), call.in_target)).collect();
    assert_eq!(told, [("t".to_owned(), true), ("(Tree.flip t)".to_owned(), true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn predicates_structures_classes_and_other_recursions_are_told() {
    let statement = "theorem o (n : Nat) (h : Ev n) (p q : Pt) : p + q = q + p ∧ ev n = true ∧ half n ≤ n";
    let (declarations, goal, after) = facts(OTHERS, statement, "constructor").await;
    let shown = show(&declarations);
    for line in [
        "Ev Predicate Ev.zero() Ev.step(n h*)",
        "Mon Class Mon.mk(op assoc)",
        "Mon.op Projection",
        "Pt Structure Pt.mk(x y)",
        "instAddPt Instance",
        "half Definition WellFounded on None varying []",
        "ev Definition Structural on Some(0) varying []",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in\n{shown}");
    }
    assert_eq!(goal.head, "And");
    assert!(goal.proofs.iter().any(|proof| proof.name == "h" && proof.head == "Ev" && proof.own), "{goal:?}");
    assert_eq!((after.head.as_str(), after.branches), ("Eq", false));
    assert!(after.constants.contains(&"instAddPt".to_owned()) && !after.constants.contains(&"half".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_portfolio_proves_theorems_about_own_definitions() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/own-definitions/problems.jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    let problems = read_jsonl(file, &text, &Defaults::default()).unwrap();
    let pool = lean::pool(2, Duration::from_secs(20));
    let policy: Arc<dyn Policy> = Arc::new(Portfolio);
    let budget = Budget::new(16, 10);
    let config = SearchConfig { widen: true, ..SearchConfig::best_first(budget) };
    let mut open: Vec<String> = Vec::new();
    for problem in problems.iter().filter(|problem| PROVED.contains(&problem.theorem.name.as_str())) {
        let (_never, stop) = Stop::channel();
        let job = Job::new(Search::new(problem.theorem.clone(), config.clone()), None);
        let ran = run_search(job, &pool, &policy, None, stop, &|_| {}).await.expect("the search runs");
        if !matches!(ran.search.end(), Some(SearchEnd::Proved { .. })) {
            open.push(format!("{}: {:?}", problem.theorem.name, ran.search.end()));
        }
    }
    pool.shutdown().await;
    assert!(open.is_empty(), "{open:#?}");
}
