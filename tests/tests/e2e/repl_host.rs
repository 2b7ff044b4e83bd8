//! The repl host over a real process that plays sessions from files (`recorded-peer`): framing, states, faults. Nothing
//! here says anything about Lean.

use std::time::{Duration, Instant};

use stepwise_core::outcome::StepOutcome;
use stepwise_core::problem::Theorem;
use stepwise_tests::transcripts;
use stepwise_worker::lean::host::{Applied, HostDown, HostState, Launch, LeanHost, Opened, StepLimits};
use stepwise_worker::lean::repl::ReplLauncher;
use stepwise_worker::process::{Spec, run_to_end};

const LIMITS: StepLimits = StepLimits { wall: Duration::from_secs(20) };
const CONJUNCTION: &str = "theorem swap (a b c : Nat) (h : a = b) (k : b = c → c = 0) (e : b = c) : b = a ∧ c = 0";
const SELF: &str = "theorem self (n : Nat) : n = n";

/// A host that talks to the session `name`.
async fn host(name: &str, fault: Option<(&str, usize)>) -> Box<dyn LeanHost> {
    let mut spec = Spec::new(env!("CARGO_BIN_EXE_recorded-peer"));
    spec.args = vec![transcripts::folder().into(), name.into()];
    if let Some((fault, n)) = fault {
        spec.args.extend([fault.into(), n.to_string().into()]);
    }
    spec.max_line = 1 << 16;
    let launcher = ReplLauncher::with_command(spec, Some("of the session".into()));
    launcher.host().await.unwrap()
}

fn theorem(statement: &str) -> Theorem {
    let name = statement.split_whitespace().nth(1).unwrap_or_default().to_owned();
    Theorem { name, statement: statement.to_owned(), ..Theorem::default() }
}

async fn open(host: &mut dyn LeanHost, statement: &str) -> HostState {
    match host.open(&theorem(statement), LIMITS).await.unwrap().value {
        Opened::Root { state, goals, .. } => {
            assert_eq!(goals.len(), 1);
            state
        }
        other => panic!("{other:?}"),
    }
}

async fn apply(host: &mut dyn LeanHost, state: HostState, tactics: &[&str]) -> Applied {
    let tactics: Vec<String> = tactics.iter().map(|&tactic| tactic.to_owned()).collect();
    host.apply(state, &tactics, LIMITS).await
}

/// The state and goals that one tactic leaves open.
async fn step(host: &mut dyn LeanHost, state: HostState, tactic: &str) -> (HostState, Vec<String>) {
    let applied = apply(host, state, &[tactic]).await;
    match applied.outcomes.as_slice() {
        [StepOutcome::Open { state, goals }] => (*state, goals.iter().map(|goal| goal.text.clone()).collect()),
        _ => panic!("{applied:?}"),
    }
}

#[tokio::test]
async fn a_proof_is_found_step_by_step() {
    let mut host = host("conjunction", None).await;
    let root = open(&mut *host, CONJUNCTION).await;
    let (split, goals) = step(&mut *host, root, "constructor").await;
    assert_eq!(goals.len(), 2);
    let (right, _) = step(&mut *host, split, "exact h.symm").await;
    let (last, goals) = step(&mut *host, right, "apply k").await;
    assert_eq!(goals, ["case right\na b c : Nat\nh : a = b\nk : b = c → c = 0\ne : b = c\n⊢ b = c"]);
    let applied = apply(&mut *host, last, &["exact e"]).await;
    assert_eq!(applied.outcomes, [StepOutcome::Proved]);
    assert!(applied.down.is_none() && applied.cost.wall_us > 0);
    assert_eq!(host.free(&[root, split]).await, Ok(()));
    host.shutdown().await;
    assert!(apply(&mut *host, root, &["rfl"]).await.down.is_some());
}

#[tokio::test]
async fn siblings_start_from_the_same_state() {
    let mut host = host("siblings", None).await;
    let root = open(&mut *host, "theorem either (p : Prop) (n : Nat) : p ∨ ¬p").await;
    let (cases, _) = step(&mut *host, root, "by_cases h : p").await;
    let applied = apply(&mut *host, cases, &["case pos => exact Or.inl h", "all_goals sorry"]).await;
    let [StepOutcome::Open { goals, .. }, StepOutcome::Failed { message }] = applied.outcomes.as_slice() else {
        panic!("{applied:?}")
    };
    assert_eq!((goals.len(), message.as_str()), (1, "the tactic uses `sorry`"));
}

#[tokio::test]
async fn imports_come_first_and_their_environment_is_used() {
    let mut host = host("imports", None).await;
    let with_import = Theorem { imports: vec!["Lean".into()], ..theorem("theorem one : 1 = 1") };
    let opened = host.open(&with_import, LIMITS).await.unwrap().value;
    assert!(matches!(opened, Opened::Root { state: HostState(0), .. }), "{opened:?}");
}

#[tokio::test]
async fn lean_s_refusals_are_failures() {
    let mut host = host("refused", None).await;
    let root = open(&mut *host, SELF).await;
    let tactics = [
        ("rlf", "<input>:1:1: unknown tactic"),
        ("exact missing n", "Unknown identifier `missing`"),
        ("sorry", "the tactic uses `sorry`"),
        ("have : n < 0 := by skip", "unsolved goals\nn : Nat\n⊢ n < 0"),
        ("refine Eq.trans ?a ?b", "Incomplete: contains metavariable(s)"),
        ("exact self n", "kernel type check failed: (kernel) declaration has free variables 'self'"),
    ];
    let applied = apply(&mut *host, root, &tactics.map(|(tactic, _)| tactic)).await;
    let expected = tactics.map(|(_, message)| StepOutcome::Failed { message: message.into() });
    assert_eq!(applied.outcomes, expected);
}

/// A process that does not know a state which it should have is not the one that we think it is.
#[tokio::test]
async fn a_lost_state_ends_the_host() {
    let mut host = host("lost_state", None).await;
    open(&mut *host, SELF).await;
    let applied = apply(&mut *host, HostState(1), &["rfl"]).await;
    assert_eq!(applied.down, Some(HostDown::Crashed { detail: "Unknown proof state.".into() }));
}

/// Opens the conjunction and runs its first tactic against a fault.
async fn fault(fault: &str) -> (HostDown, Box<dyn LeanHost>) {
    let mut host = host("conjunction", Some((fault, 1))).await;
    let root = open(&mut *host, CONJUNCTION).await;
    let applied = apply(&mut *host, root, &["constructor", "never sent"]).await;
    assert!(applied.outcomes.is_empty());
    let down = applied.down.unwrap();
    // Whatever it was, the host stays down and says the same again, at once.
    assert_eq!(apply(&mut *host, root, &["constructor"]).await.down, Some(down.clone()));
    (down, host)
}

async fn crash(name: &str) -> String {
    match fault(name).await {
        (HostDown::Crashed { detail }, _) => detail,
        (other, _) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn death_in_the_middle_of_an_answer_is_a_crash_with_last_words() {
    let detail = crash("die").await;
    assert!(detail.starts_with("the process ended (exit status: 1)"), "{detail}");
    assert!(detail.ends_with("it said: recorded-peer: died in the middle of an answer, as told"), "{detail}");
}

#[tokio::test]
async fn nonsense_and_floods_are_crashes() {
    assert!(crash("garbage").await.starts_with("the answer is not JSON"));
    assert_eq!(crash("long-line").await, "its answer is longer than 65536 bytes");
    assert_eq!(crash("long-answer").await, "its answer is longer than 65536 bytes");
}

#[tokio::test]
async fn requests_that_differ_from_the_recording_are_noticed() {
    let mut host = host("conjunction", None).await;
    let root = open(&mut *host, CONJUNCTION).await;
    match apply(&mut *host, root, &["apply Or.inl"]).await.down {
        Some(HostDown::Crashed { detail }) => assert!(detail.contains("request 1 differs from the recording")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn silence_is_a_timeout_and_the_process_is_gone() {
    let mut host = host("conjunction", Some(("silence", 1))).await;
    let root = open(&mut *host, CONJUNCTION).await;
    let pid = host.info().pid.unwrap();
    let began = Instant::now();
    let limits = StepLimits { wall: Duration::from_millis(300) };
    let applied = host.apply(root, &["constructor".into()], limits).await;
    assert_eq!(applied.down, Some(HostDown::Timeout));
    assert!(began.elapsed() < Duration::from_secs(30), "the host waits on and on");
    assert!(applied.cost.wall_us >= 300_000);
    if cfg!(target_os = "linux") {
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
}

#[tokio::test]
async fn an_abandoned_request_cannot_answer_the_next_one() {
    let mut host = host("conjunction", Some(("silence", 1))).await;
    let root = open(&mut *host, CONJUNCTION).await;
    let patience = Duration::from_millis(100);
    let abandoned = tokio::time::timeout(patience, apply(&mut *host, root, &["constructor"])).await;
    assert!(abandoned.is_err());
    let detail = "an earlier request was abandoned unanswered".into();
    assert_eq!(apply(&mut *host, root, &["constructor"]).await.down, Some(HostDown::Crashed { detail }));
}

#[cfg(unix)]
#[tokio::test]
async fn a_kill_from_outside_is_told_from_a_crash() {
    let mut host = host("conjunction", Some(("silence", 1))).await;
    let root = open(&mut *host, CONJUNCTION).await;
    let mut kill = Spec::new("kill");
    kill.args = vec!["-9".into(), host.info().pid.unwrap().to_string().into()];
    let soon = tokio::time::Instant::now() + LIMITS.wall;
    let (applied, killed) = tokio::join!(apply(&mut *host, root, &["constructor"]), run_to_end(&kill, soon));
    assert!(killed.unwrap().status.success());
    assert_eq!(applied.down, Some(HostDown::Killed));
}
