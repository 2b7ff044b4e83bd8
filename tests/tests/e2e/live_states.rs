//! Reuse never changes an answer: random trees of tactics through live states, held against whole texts from nothing.

use std::time::Duration;

use stepwise_core::goal::Goal;
use stepwise_core::outcome::StepOutcome;
use stepwise_core::problem::Theorem;
use stepwise_worker::lean::host::{Opened, StepLimits};
use stepwise_worker::lean::pool::{Pool, PoolConfig, PoolStats, StateId};

use crate::lean;

const STATEMENTS: [&str; 6] = [
    "theorem tree (p q r : Prop) (hp : p) (hq : q) (h : p → q → r) : (p ∧ q) ∧ (r ∨ ¬p)",
    "theorem tree (a b c : Nat) (h : a ≤ b) (k : b < c) : a + 0 < c ∧ (a = b ∨ a < b)",
    "theorem tree (n : Nat) : n * (n + 1) % 2 = 0",
    "theorem tree (xs ys : List Nat) : (xs ++ ys).length = ys.length + xs.length",
    "theorem tree (f : Nat → Nat) (h : ∀ x, f (x + 1) = f x + 2) (z : f 0 = 1) : ∃ y, f y = 5",
    "theorem tree (x y : Int) (h : x + y = 7) (k : x - y = 1) : x = 4 ∧ y = 3",
];

const TACTICS: [&str; 40] = [
    "constructor",
    "intro x",
    "intros",
    "exact hp",
    "exact ⟨hp, hq⟩",
    "left",
    "right",
    "omega",
    "simp",
    "simp_all",
    "grind",
    "rfl",
    "cases h",
    "induction n with\n| zero => rfl\n| succ n ih => skip",
    "induction xs",
    "have e := h 0",
    "have e := h 1",
    "rw [h]",
    "rw [Nat.add_zero]",
    "apply h",
    "exact h hp hq",
    "refine ⟨?_, ?_⟩",
    "exists 2",
    "refine ⟨2, ?_⟩",
    "rw [h, h, z]",
    "rcases Nat.lt_or_ge a b with l | l",
    "by_cases e : a = b",
    "all_goals simp",
    "· assumption",
    "swap",
    "rotate_left",
    "have t : 1 + 1 = 2 := rfl",
    "obtain ⟨u, v⟩ := h",
    "exact foo",
    "simp [foo]",
    "exact Nat.le_of_lt k",
    "unfold f",
    "trivial",
    "have e : p ∧ q := by\n  constructor\n  · exact hp\n  · exact hq",
    "all_goals try omega",
];

/// SplitMix64 (Steele, Lea, Flood 2014): a seeded source that needs no crate.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % n as u64).expect("below a usize")
    }
}

/// What the whole text says, in the terms of a step.
fn agrees(outcome: &StepOutcome<StateId>, errors: &[String]) -> bool {
    let first = errors.first().map(|e| e.split_once(": error").map_or(e.as_str(), |(_, rest)| rest));
    // `error: text` or `error(lean.someName): text`.
    let text = first.map(|e| e.split_once(": ").map_or(e, |(_, text)| text).trim_end());
    match outcome {
        StepOutcome::Proved => errors.is_empty(),
        StepOutcome::Open { goals, .. } => {
            let printed: Vec<&str> = goals.iter().map(|g: &Goal| g.text.trim_end()).collect();
            errors.len() == 1 && text == Some(&format!("unsolved goals\n{}", printed.join("\n\n")))
        }
        // The parser's words name positions, which differ.
        StepOutcome::Failed { message } if message.starts_with("<tactic>") => !errors.is_empty(),
        StepOutcome::Failed { message } => text == Some(message.trim_end()),
        StepOutcome::Timeout | StepOutcome::Crashed { .. } | StepOutcome::OutOfMemory => false,
    }
}

/// Answers that agreed, by what they were.
#[derive(Debug, Default)]
struct Agreed {
    proved: usize,
    open: usize,
    failed: usize,
}

impl Agreed {
    /// Each kind of answer was among them: a tree in which everything fails compares nothing but error messages.
    fn assert_all_kinds(&self) {
        assert!(self.proved > 0 && self.open > 0 && self.failed > 0, "{self:?}");
        println!("{} answers compared: {self:?}", self.proved + self.open + self.failed);
    }
}

async fn grow(seed: u64, steps: usize, live_states: usize) -> (Agreed, PoolStats) {
    let launch = lean::launcher(1536 << 20);
    let config = PoolConfig { hosts: 1, step_limit: Duration::from_secs(20), live_states, ..PoolConfig::default() };
    let pool = Pool::start(launch.clone(), config);
    let mut fresh = launch.judge().await.expect("Lean runs");
    let limits = StepLimits { wall: Duration::from_secs(60) };
    let mut random = Random(seed);
    let mut agreed = Agreed::default();
    for statement in STATEMENTS {
        let theorem = lean::theorem(statement);
        let session = lean::open(&pool, statement).await;
        let mut states: Vec<(StateId, Vec<String>)> = vec![(StateId::ROOT, Vec::new())];
        for _ in 0..steps {
            let (state, path) = states[random.below(states.len())].clone();
            let tactics: Vec<String> = (0..3).map(|_| TACTICS[random.below(TACTICS.len())].to_owned()).collect();
            let outcomes = session.apply(state, &tactics).await.expect("the pool answers").value;
            for (tactic, outcome) in tactics.into_iter().zip(outcomes) {
                let mut whole = path.clone();
                whole.push(tactic);
                let errors = fresh.elaborate(&theorem, &whole, limits).await.expect("Lean lives").value;
                assert!(agrees(&outcome, &errors), "{}\nlive:  {outcome:?}\nfresh: {errors:?}", theorem.file(&whole));
                match outcome {
                    StepOutcome::Proved => agreed.proved += 1,
                    StepOutcome::Open { state, .. } => {
                        agreed.open += 1;
                        states.push((state, whole));
                    }
                    _ => agreed.failed += 1,
                }
            }
        }
    }
    fresh.shutdown().await;
    let stats = pool.stats();
    pool.shutdown().await;
    (agreed, stats)
}

#[tokio::test(flavor = "multi_thread")]
async fn live_states_answer_as_fresh_texts_do() {
    let (agreed, stats) = grow(1, 40, 4096).await;
    assert_eq!(stats.replayed, 0, "everything stayed live");
    agreed.assert_all_kinds();
}

#[tokio::test(flavor = "multi_thread")]
async fn evicted_states_come_back_by_replay() {
    let (agreed, stats) = grow(2, 25, 4).await;
    assert!(stats.replayed > 0, "the budget was small enough to evict");
    agreed.assert_all_kinds();
    println!("{} tactics replayed", stats.replayed);
}

/// What was cut short is not what the next one begins with.
#[tokio::test(flavor = "multi_thread")]
async fn a_preamble_that_took_too_long_is_elaborated_again() {
    let preamble = "theorem slow : (List.range 60).foldl (· * 2 + ·) 1 % 7 = (List.range 60).foldl (· * 2 + ·) 1 % 7 := by\n  \
                    iterate 40 (first | (have : ∀ a b c : Fin 9, (a + b) + c = a + (b + c) := by decide) | skip)\n  rfl\n\
                    def f (n : Nat) : Nat := n";
    let theorem = Theorem { preamble: preamble.to_owned(), ..lean::theorem("theorem t (n : Nat) : f n = n") };
    let mut host = lean::launcher(1536 << 20).host().await.expect("Lean runs");
    let mut open = async |wall| host.open(&theorem, StepLimits { wall }).await.expect("Lean lives").value;
    assert_eq!(open(Duration::from_millis(300)).await, Opened::Timeout);
    let again = open(Duration::from_secs(60)).await;
    assert!(matches!(again, Opened::Root { .. }), "{again:?}");
    host.shutdown().await;
}
