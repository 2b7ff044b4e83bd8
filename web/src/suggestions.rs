//! Suggested tactics as Lean judges them: what is known of each so far, and the order in which they are shown.

use stepwise_core::outcome::StepOutcome;
use stepwise_core::policy::Candidate;

/// A proposed tactic.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// Its place among the policy's candidates.
    pub idx: usize,
    pub tactic: String,
    /// The policy's log-probability, where it is a number.
    pub logprob: Option<f64>,
    /// Lean's answer; `None` while it is awaited.
    pub outcome: Option<StepOutcome<()>>,
    /// The state that it opened.
    pub state: Option<u32>,
    /// The critic's score of that state.
    pub score: Option<f64>,
    /// Lean's time for it, in microseconds.
    pub wall_us: u64,
}

/// The suggestions for one state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suggestions {
    all: Vec<Suggestion>,
    /// Whether more is to come.
    pub running: bool,
    /// The policy's time, in milliseconds.
    pub policy_ms: Option<f64>,
    /// The critic's time, in milliseconds.
    pub critic_ms: Option<f64>,
    /// From the question to the last answer, in milliseconds.
    pub total_ms: Option<f64>,
    /// Why there are none, if something went wrong.
    pub problem: Option<String>,
    began_ms: f64,
}

impl Suggestions {
    /// None yet, but some are to come.
    #[must_use]
    pub fn begin(now_ms: f64) -> Self {
        Self { running: true, began_ms: now_ms, ..Self::default() }
    }

    /// The policy answered.
    pub fn proposed(&mut self, candidates: &[Candidate], policy_ms: f64) {
        self.policy_ms = Some(policy_ms);
        let suggestion = |(idx, candidate): (usize, &Candidate)| Suggestion {
            idx,
            tactic: candidate.tactic.clone(),
            logprob: Some(candidate.logprob).filter(|logprob| logprob.is_finite()),
            outcome: None,
            state: None,
            score: None,
            wall_us: 0,
        };
        self.all = candidates.iter().enumerate().map(suggestion).collect();
    }

    /// Lean answered for the tactic of that place.
    pub fn tried(&mut self, idx: usize, outcome: StepOutcome<()>, state: Option<u32>, wall_us: u64) {
        if let Some(suggestion) = self.all.get_mut(idx) {
            (suggestion.outcome, suggestion.state, suggestion.wall_us) = (Some(outcome), state, wall_us);
        }
    }

    /// The critic answered: states and scores.
    pub fn scored(&mut self, scores: &[(u32, f64)], critic_ms: f64) {
        self.critic_ms = Some(critic_ms);
        for suggestion in &mut self.all {
            let score = scores.iter().find(|(state, _)| Some(*state) == suggestion.state);
            suggestion.score = score.map(|(_, score)| *score).or(suggestion.score);
        }
    }

    /// Nothing more comes. What Lean has not answered was given up.
    pub fn end(&mut self, now_ms: f64) {
        self.running = false;
        self.total_ms = Some(now_ms - self.began_ms);
        self.all.retain(|suggestion| suggestion.outcome.is_some());
    }

    /// Those that can be taken, closers first, each kind in the policy's order: rows must not move for a score that comes
    /// late, because the visitor's finger is over a number. The first nine have the keys 1 to 9.
    #[must_use]
    pub fn usable(&self) -> Vec<&Suggestion> {
        let (closers, others): (Vec<_>, Vec<_>) =
            self.all.iter().filter(|suggestion| suggestion.is_usable()).partition(|suggestion| suggestion.closes());
        closers.into_iter().chain(others).collect()
    }

    /// Those that Lean refused, in the policy's order.
    #[must_use]
    pub fn refused(&self) -> Vec<&Suggestion> {
        self.all.iter().filter(|suggestion| suggestion.outcome.is_some() && !suggestion.is_usable()).collect()
    }

    /// How many Lean has not answered yet.
    #[must_use]
    pub fn n_waiting(&self) -> usize {
        self.all.iter().filter(|suggestion| suggestion.outcome.is_none()).count()
    }

    /// All of them, in the policy's order.
    #[must_use]
    pub fn all(&self) -> &[Suggestion] {
        &self.all
    }

    /// What it took, in words.
    #[must_use]
    pub fn pace(&self) -> String {
        let Some(total_ms) = self.total_ms else { return String::new() };
        let mut parts = vec![format!("{} in {}", stepwise_core::words::count(self.all.len(), "tactic"), ms(total_ms))];
        if total_ms > 0.0 {
            parts.push(format!("{:.1} a second", self.all.len() as f64 * 1000.0 / total_ms));
        }
        parts.extend(self.policy_ms.map(|policy_ms| format!("policy {}", ms(policy_ms))));
        let lean_us: u64 = self.all.iter().map(|suggestion| suggestion.wall_us).sum();
        parts.push(format!("Lean {}", ms(lean_us as f64 / 1000.0)));
        parts.extend(self.critic_ms.map(|critic_ms| format!("critic {}", ms(critic_ms))));
        parts.join(", ")
    }
}

impl Suggestion {
    /// Whether it closes the last goal.
    #[must_use]
    pub fn closes(&self) -> bool {
        matches!(self.outcome, Some(StepOutcome::Proved))
    }

    /// Whether it can be taken.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        matches!(self.outcome, Some(StepOutcome::Proved | StepOutcome::Open { .. }))
    }

    /// Lean's answer in a word or two.
    #[must_use]
    pub fn badge(&self) -> String {
        self.outcome.as_ref().map_or_else(|| "waiting".into(), badge)
    }
}

/// An outcome in a word or two.
#[must_use]
pub fn badge(outcome: &StepOutcome<()>) -> String {
    match outcome {
        StepOutcome::Proved => "closes".into(),
        StepOutcome::Open { goals, .. } => stepwise_core::words::count(goals.len(), "goal"),
        StepOutcome::Failed { .. } => "refused".into(),
        StepOutcome::Timeout => "timed out".into(),
        StepOutcome::Crashed { .. } => "crashed".into(),
        StepOutcome::OutOfMemory => "out of memory".into(),
    }
}

/// An outcome that is no step forward, as a sentence for the visitor; `None` for one that is.
#[must_use]
pub fn complaint(outcome: &StepOutcome<()>) -> Option<String> {
    match outcome {
        StepOutcome::Proved | StepOutcome::Open { .. } => None,
        StepOutcome::Failed { message } => Some(message.clone()),
        StepOutcome::Timeout => Some("Lean did not finish this tactic in time".into()),
        StepOutcome::Crashed { detail } => Some(format!("Lean crashed on this tactic: {detail}")),
        StepOutcome::OutOfMemory => Some("Lean ran out of memory on this tactic".into()),
    }
}

/// Milliseconds with as many digits as mean something.
#[must_use]
pub fn ms(ms: f64) -> String {
    if ms < 9.95 {
        format!("{ms:.1} ms")
    } else if ms < 999.5 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.2} s", ms / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use stepwise_core::goal::Goal;
    use stepwise_core::outcome::StepOutcome;
    use stepwise_core::policy::Candidate;

    use super::{Suggestions, ms};

    fn check(suggestions: &Suggestions, expected: Expect) {
        let mut shown = String::new();
        for suggestion in suggestions.usable() {
            shown.push_str(&format!("{} {} {:?}\n", suggestion.tactic, suggestion.badge(), suggestion.score));
        }
        for suggestion in suggestions.refused() {
            shown.push_str(&format!("- {} {}\n", suggestion.tactic, suggestion.badge()));
        }
        shown.push_str(&format!("waiting: {}; {}", suggestions.n_waiting(), suggestions.pace()));
        expected.assert_eq(&shown);
    }

    #[test]
    fn closers_come_first_and_rows_stay_where_they_are() {
        let candidate = |tactic: &str, logprob| Candidate { tactic: tactic.into(), logprob, n_tokens: 1 };
        let mut suggestions = Suggestions::begin(1000.0);
        let candidates = ["simp", "intro h", "cases h", "grind", "omega"].map(|tactic| candidate(tactic, -1.0));
        suggestions.proposed(&candidates, 41.0);
        let open = || StepOutcome::Open { state: (), goals: vec![Goal::parse("⊢ p")] };
        suggestions.tried(0, StepOutcome::Failed { message: "no progress".into() }, None, 300);
        suggestions.tried(1, open(), Some(4), 800);
        suggestions.tried(2, open(), Some(5), 800);
        check(
            &suggestions,
            expect![[r#"
                intro h 1 goal None
                cases h 1 goal None
                - simp refused
                waiting: 2; "#]],
        );
        suggestions.tried(3, StepOutcome::Proved, None, 9000);
        suggestions.scored(&[(5, 2.5), (4, -1.0)], 5.1);
        suggestions.end(1062.0);
        check(
            &suggestions,
            expect![[r#"
                grind closes None
                intro h 1 goal Some(-1.0)
                cases h 1 goal Some(2.5)
                - simp refused
                waiting: 0; 4 tactics in 62 ms, 64.5 a second, policy 41 ms, Lean 11 ms, critic 5.1 ms"#]],
        );
    }

    #[test]
    fn durations() {
        expect!["0.0 ms, 9.9 ms, 10 ms, 999 ms, 1.00 s"]
            .assert_eq(&[0.0, 9.94, 9.95, 999.0, 1000.0].map(ms).join(", "));
    }
}
