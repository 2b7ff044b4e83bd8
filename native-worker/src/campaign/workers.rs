//! What each worker does, told from what the ledger has of its session.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use stepwise_core::wire::campaign::{Doing, State, Worker, WorkerState};
use stepwise_ledger::operations::SessionView;

/// Nothing has come of searches for so many times as long as one takes by experience: the machine hangs, or is too slow.
const PATIENCE: u64 = 10;

/// No search is called stuck before this, in seconds.
const LEAST_PATIENCE_S: u64 = 600;

/// What workers are judged by, besides their sessions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings {
    /// What the campaign does.
    pub(super) state: State,
    /// Whether too many proofs wait to give out more searches.
    pub(super) is_behind: bool,
    /// Whether this only looks on: machines may train between searches, and need not say that they are there.
    pub(super) is_alone: bool,
    /// How long a search takes, in milliseconds.
    pub(super) pace_ms: u64,
    /// A session is lost when it has not been heard of for so long, in milliseconds.
    pub(super) lost_ms: u64,
}

/// Since when each session has been in its state.
#[derive(Debug, Default)]
pub(super) struct Since(HashMap<u64, (WorkerState, Instant)>);

impl Since {
    /// The workers as they are `now`. Everything about them is there, labels too.
    pub(super) fn workers(&mut self, sessions: &[SessionView], around: Surroundings, now: Instant) -> Vec<Worker> {
        let mut since = HashMap::with_capacity(sessions.len());
        let workers = sessions.iter().map(|session| {
            let (state, reason) = judge(session, around);
            let began = match self.0.get(&session.id) {
                Some((before, began)) if *before == state => *began,
                Some(_) => now,
                // This coordinator sees it for the first time: it began with the last thing that the ledger knows.
                None => now.checked_sub(Duration::from_secs(last_step_s(session))).unwrap_or(now),
            };
            since.insert(session.id, (state, began));
            Worker {
                session: session.id,
                account: session.account,
                name: Some(session.name.clone()).filter(|name| !name.is_empty()),
                label: Some(session.label.clone()).filter(|label| !label.is_empty()),
                cores: session.cores,
                state,
                reason,
                held: session.held,
                since_s: now.duration_since(began).as_secs(),
            }
        });
        let workers = workers.collect();
        self.0 = since;
        workers
    }
}

/// For how long nothing has happened with a session, beats aside.
fn last_step_s(session: &SessionView) -> u64 {
    session.given_s.map_or(session.progressed_s, |given_s| given_s.min(session.progressed_s))
}

/// What a session does, and why it does not work.
fn judge(session: &SessionView, around: Surroundings) -> (WorkerState, Option<String>) {
    let because = |state, reason: &str| (state, Some(reason.to_owned()));
    if session.blocked.is_some() {
        return because(WorkerState::Blocked, "its account may not work");
    }
    // It beats several times before it is lost.
    if session.held > 0 && session.seen_s > around.lost_ms / 2000 {
        return (WorkerState::Stalled, Some(format!("not heard of for {} s", session.seen_s)));
    }
    let patience_s = LEAST_PATIENCE_S.max(PATIENCE * around.pace_ms / 1000);
    match session.doing {
        Doing::Paused => because(WorkerState::Paused, "its owner paused it"),
        _ if session.held > 0 && last_step_s(session) > patience_s => {
            (WorkerState::Stalled, Some(format!("no result for {} minutes", last_step_s(session) / 60)))
        }
        Doing::Leaving => because(WorkerState::Leaving, "it finishes what it has"),
        Doing::Working | Doing::Idle if session.held > 0 => (WorkerState::Working, None),
        Doing::Working | Doing::Idle => because(WorkerState::Idle, idle_because(around)),
    }
}

fn idle_because(around: Surroundings) -> &'static str {
    match around.state {
        State::Paused => "the operator paused the campaign",
        State::Halted => "the campaign is halted",
        State::Finishing => "the campaign is being finished",
        State::Done => "the campaign is over",
        State::Running if around.is_alone => "it has nothing to search, as while models are trained, or was killed",
        State::Running if around.is_behind => "more proofs wait than the verifiers can look at",
        State::Running => "it has nothing to do just now, and asks again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AROUND: Surroundings =
        Surroundings { state: State::Running, is_behind: false, is_alone: false, pace_ms: 30_000, lost_ms: 120_000 };

    fn session(doing: Doing, held: u64) -> SessionView {
        SessionView {
            id: 1,
            account: 2,
            name: String::new(),
            label: "desk".to_owned(),
            cores: 4,
            doing,
            held,
            seen_s: 3,
            progressed_s: 20,
            given_s: (held > 0).then_some(10),
            blocked: None,
        }
    }

    fn check(session: &SessionView, around: Surroundings, state: WorkerState, reason: &str) {
        assert_eq!(judge(session, around), (state, Some(reason.to_owned()).filter(|reason| !reason.is_empty())));
    }

    #[test]
    fn a_worker_is_what_it_says_unless_the_ledger_knows_better() {
        check(&session(Doing::Working, 2), AROUND, WorkerState::Working, "");
        // Its last beat was before its last claim.
        check(&session(Doing::Idle, 2), AROUND, WorkerState::Working, "");
        check(&session(Doing::Paused, 2), AROUND, WorkerState::Paused, "its owner paused it");
        check(&session(Doing::Leaving, 1), AROUND, WorkerState::Leaving, "it finishes what it has");
        let idle = session(Doing::Idle, 0);
        check(&idle, AROUND, WorkerState::Idle, "it has nothing to do just now, and asks again");
        let paused = Surroundings { state: State::Paused, ..AROUND };
        check(&idle, paused, WorkerState::Idle, "the operator paused the campaign");
        let behind = Surroundings { is_behind: true, ..AROUND };
        check(&idle, behind, WorkerState::Idle, "more proofs wait than the verifiers can look at");
        let alone = Surroundings { is_alone: true, lost_ms: u64::MAX, ..AROUND };
        check(&idle, alone, WorkerState::Idle, "it has nothing to search, as while models are trained, or was killed");
        // It sends no beats.
        check(&SessionView { seen_s: 500, ..session(Doing::Idle, 2) }, alone, WorkerState::Working, "");
        let blocked = SessionView { blocked: Some("write to ada@example.org".to_owned()), ..idle };
        check(&blocked, AROUND, WorkerState::Blocked, "its account may not work");
    }

    #[test]
    fn a_worker_is_stalled_when_it_is_silent_or_nothing_comes_of_its_searches() {
        let silent = SessionView { seen_s: 61, ..session(Doing::Working, 1) };
        check(&silent, AROUND, WorkerState::Stalled, "not heard of for 61 s");
        let stuck = SessionView { progressed_s: 900, given_s: Some(780), ..session(Doing::Working, 1) };
        check(&stuck, AROUND, WorkerState::Stalled, "no result for 13 minutes");
        // Who was idle for long and has just been given something is not stuck.
        let fresh = SessionView { progressed_s: 9000, given_s: Some(5), ..session(Doing::Working, 1) };
        check(&fresh, AROUND, WorkerState::Working, "");
        let slow = Surroundings { pace_ms: 300_000, ..AROUND };
        check(&stuck, slow, WorkerState::Working, "");
    }

    #[test]
    fn time_runs_from_when_the_state_changed() {
        let (mut since, start) = (Since::default(), Instant::now() + Duration::from_secs(3600));
        let at = |s| start + Duration::from_secs(s);
        assert_eq!(since.workers(&[session(Doing::Working, 2)], AROUND, at(0))[0].since_s, 10);
        assert_eq!(since.workers(&[session(Doing::Working, 1)], AROUND, at(50))[0].since_s, 60);
        assert_eq!(since.workers(&[session(Doing::Idle, 0)], AROUND, at(60))[0].since_s, 0);
        assert_eq!(since.workers(&[session(Doing::Idle, 0)], AROUND, at(90))[0].since_s, 30);
        since.workers(&[], AROUND, at(91));
        assert!(since.0.is_empty(), "who is gone is forgotten");
    }
}
