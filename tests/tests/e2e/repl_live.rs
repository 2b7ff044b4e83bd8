//! The repl host against a real repl: the one that `STEPWISE_REPL` names, in the Lake project that
//! `STEPWISE_LEAN_PROJECT` names or, without one, with what the binary finds by itself.

use std::time::Duration;

use stepwise_core::outcome::{StepOutcome, Verdict};
use stepwise_core::problem::Theorem;
use stepwise_worker::lean::host::{HostDown, HostState, Judge, Launch, LeanHost, Opened, StepLimits};
use stepwise_worker::lean::repl::{REPL_VARIABLE, ReplLauncher};
use stepwise_worker::process::Spec;

const LIMITS: StepLimits = StepLimits { wall: Duration::from_secs(60) };

fn launcher() -> Option<ReplLauncher> {
    let Some(repl) = std::env::var_os(REPL_VARIABLE) else {
        stepwise_tests::say_skipped("live repl", "STEPWISE_REPL names none");
        return None;
    };
    Some(match std::env::var_os("STEPWISE_LEAN_PROJECT") {
        Some(project) => ReplLauncher::in_project(project, Some(repl.into())),
        None => ReplLauncher::with_command(Spec::new(repl), None),
    })
}

async fn live() -> Option<Box<dyn LeanHost>> {
    Some(launcher()?.host().await.unwrap())
}

fn theorem(preamble: &str, name: &str, rest: &str) -> Theorem {
    let statement = format!("theorem {name} {rest}");
    Theorem { name: name.into(), preamble: preamble.into(), statement, ..Theorem::default() }
}

async fn open(host: &mut dyn LeanHost, theorem: &Theorem) -> Opened {
    host.open(theorem, LIMITS).await.unwrap().value
}

async fn root(host: &mut dyn LeanHost, theorem: &Theorem) -> HostState {
    match open(host, theorem).await {
        Opened::Root { state, .. } => state,
        other => panic!("{other:?}"),
    }
}

async fn recheck(judge: &mut dyn Judge, theorem: &Theorem, proof: &[&str]) -> Verdict {
    let proof: Vec<String> = proof.iter().map(|&tactic| tactic.to_owned()).collect();
    judge.recheck(theorem, &proof, LIMITS).await.unwrap().value
}

#[tokio::test]
async fn statements_are_opened_and_rejected() {
    let Some(mut host) = live().await else { return };
    assert!(host.info().lean_version.starts_with("4."));
    let good = theorem("local notation \"ℕ\" => Nat\nnamespace A", "t", "(n : ℕ) : n + 0 = n");
    let Opened::Root { goals, .. } = open(&mut *host, &good).await else { panic!("rejected") };
    assert_eq!(goals[0].target, "n + 0 = n");
    for bad in
        [theorem("", "t", ": nonsense"), theorem("", "t", ": (sorry : Prop)"), theorem("#nonsense", "t", ": True")]
    {
        assert!(matches!(open(&mut *host, &bad).await, Opened::Rejected { .. }), "{bad:?}");
    }
}

#[tokio::test]
async fn tactics_have_their_outcomes() {
    let Some(mut host) = live().await else { return };
    let root = root(&mut *host, &theorem("", "t", "(p q : Prop) (h : p ∧ q) : q ∧ p")).await;
    let tactics = ["constructor", "exact ⟨h.2, h.1⟩", "sorry", "exact h", "exat", "obtain ⟨a, b⟩ := h; exact ⟨b, a⟩"];
    let tactics: Vec<String> = tactics.map(str::to_owned).to_vec();
    let applied = host.apply(root, &tactics, LIMITS).await;
    let kinds: Vec<&str> = applied
        .outcomes
        .iter()
        .map(|outcome| match outcome {
            StepOutcome::Proved => "proved",
            StepOutcome::Open { .. } => "open",
            StepOutcome::Failed { .. } => "failed",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["open", "proved", "failed", "failed", "failed", "proved"]);
}

#[tokio::test]
async fn an_endless_tactic_costs_the_process_and_no_more() {
    let Some(mut host) = live().await else { return };
    let root = root(&mut *host, &theorem("", "t", ": True")).await;
    let limits = StepLimits { wall: Duration::from_secs(2) };
    let applied = host.apply(root, &["repeat (have : True := trivial)".into()], limits).await;
    assert!(applied.down == Some(HostDown::Timeout) || applied.outcomes.len() == 1, "{applied:?}");
}

#[tokio::test]
async fn the_recheck_accepts_proofs_and_nothing_else() {
    let Some(launcher) = launcher() else { return };
    let mut judge = launcher.judge().await.unwrap();
    let t = theorem("namespace A\nvariable (n : Nat)", "t", ": n + 0 = n ∧ (True ∨ False)");
    let verdict = recheck(&mut *judge, &t, &["constructor", "· rfl", "· exact Or.inl trivial"]).await;
    assert!(verdict.accepted, "{verdict:?}");
    assert!(verdict.axioms.is_empty());
    let verdict = recheck(&mut *judge, &theorem("", "t", "(p : Prop) : p ∨ ¬p"), &["exact Classical.em p"]).await;
    assert!(verdict.accepted && verdict.axioms.contains(&"Classical.choice".to_owned()), "{verdict:?}");
    for proof in [&["sorry"][..], &["native_decide"], &["exact rfl", "trivial"], &["decide", "", "#exit"]] {
        let verdict = recheck(&mut *judge, &theorem("", "t", ": 2 + 2 = 5"), proof).await;
        assert!(!verdict.accepted && !verdict.reasons.is_empty(), "{verdict:?}");
    }
}

#[tokio::test]
async fn a_file_is_judged_theorem_by_theorem() {
    let Some(launcher) = launcher() else { return };
    let mut judge = launcher.judge().await.unwrap();
    let file = "namespace A\ntheorem t : 1 = 1 := rfl\nend A\ntheorem u : 1 = 2 := sorry\n";
    let verdict = judge.check_file(&[], file, LIMITS).await.unwrap().value;
    assert!(verdict.errors.is_empty(), "{verdict:?}");
    let judged: Vec<(&str, bool)> =
        verdict.declarations.iter().map(|t| (t.name.as_str(), t.verdict.accepted)).collect();
    assert_eq!(judged, [("A.t", true), ("u", false)]);
    assert_eq!(verdict.declarations[1].verdict.reasons, ["the proof uses `sorry`"]);
}
