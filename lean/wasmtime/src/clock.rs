//! The clock that interrupts Lean. A thread moves the engine's epoch while somebody is timed; code that runs then looks at
//! its own clock, on its own thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use wasmtime::Engine;

/// How often code that is timed looks at its clock.
const TICK: Duration = Duration::from_millis(5);
/// How long Lean may take to end after it was told to.
const GRACE: Duration = Duration::from_secs(1);

/// Tells the request that runs that nobody waits for its answer any more. Clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<Numbers>);

/// Numbers of requests; 0 is none.
#[derive(Debug, Default)]
struct Numbers {
    running: AtomicU64,
    unwanted: AtomicU64,
}

impl Interrupt {
    /// Request number `id` runs from now on.
    pub(crate) fn begin(&self, id: u64) {
        self.0.running.store(id, Ordering::Relaxed);
    }

    /// Nobody waits for the answer to request number `id`, whether it runs or is yet to begin.
    pub(crate) fn stop(&self, id: u64) {
        self.0.unwanted.store(id, Ordering::Relaxed);
    }

    fn is_unwanted(&self) -> bool {
        let running = self.0.running.load(Ordering::Relaxed);
        running != 0 && running == self.0.unwanted.load(Ordering::Relaxed)
    }
}

/// One call's clock.
#[derive(Debug)]
pub(crate) struct Clock {
    /// The address of the word that tells Lean to end.
    pub(crate) token: u32,
    deadline: Instant,
    interrupt: Interrupt,
    was_told: bool,
}

/// What is to be done at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    Tell,
    Stop,
}

impl Clock {
    pub(crate) fn new(token: u32, limit: Duration, interrupt: Interrupt) -> Self {
        let now = Instant::now();
        // Nobody waits for centuries.
        let deadline = now.checked_add(limit).unwrap_or(now + Duration::from_secs(1 << 32));
        Self { token, deadline, interrupt, was_told: false }
    }

    pub(crate) fn due(&mut self, now: Instant) -> Due {
        if !self.was_told {
            if now < self.deadline && !self.interrupt.is_unwanted() {
                return Due::Nothing;
            }
            self.was_told = true;
            self.deadline = now;
            Due::Tell
        } else if now >= self.deadline + GRACE {
            Due::Stop
        } else {
            Due::Nothing
        }
    }
}

#[derive(Debug, Default)]
struct Timed {
    n: Mutex<Option<usize>>,
    changed: Condvar,
}

/// The thread that moves an engine's epoch while somebody is timed.
#[derive(Debug)]
pub(crate) struct Ticker(Arc<Timed>);

impl Ticker {
    pub(crate) fn start(engine: Engine) -> Self {
        let timed = Arc::new(Timed { n: Mutex::new(Some(0)), changed: Condvar::new() });
        let seen = Arc::clone(&timed);
        let thread = std::thread::Builder::new().name("lean-clock".to_owned());
        // Without it nothing would be stopped in time, so its absence is an end of the program.
        thread.spawn(move || tick(&engine, &seen)).expect("a thread for the clock");
        Self(timed)
    }

    pub(crate) fn handle(&self) -> TickerHandle {
        TickerHandle { timed: Arc::clone(&self.0), is_counted: false }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        *self.0.n.lock() = None;
        self.0.changed.notify_all();
    }
}

fn tick(engine: &Engine, timed: &Timed) {
    loop {
        let mut n = timed.n.lock();
        timed.changed.wait_while(&mut n, |n| *n == Some(0));
        if n.is_none() {
            return;
        }
        drop(n);
        std::thread::sleep(TICK);
        engine.increment_epoch();
    }
}

/// An instance's place at the ticker.
#[derive(Debug)]
pub(crate) struct TickerHandle {
    timed: Arc<Timed>,
    is_counted: bool,
}

impl TickerHandle {
    pub(crate) fn count(&mut self, is_timed: bool) {
        if self.is_counted == is_timed {
            return;
        }
        self.is_counted = is_timed;
        if let Some(n) = &mut *self.timed.n.lock() {
            *n = if is_timed { *n + 1 } else { *n - 1 };
        }
        self.timed.changed.notify_all();
    }
}

impl Drop for TickerHandle {
    fn drop(&mut self) {
        self.count(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(3600);

    #[test]
    fn a_call_is_told_at_its_deadline_and_cut_off_after_the_grace() {
        let begun = Instant::now();
        let mut clock = Clock::new(8, LIMIT, Interrupt::default());
        assert_eq!(clock.due(begun), Due::Nothing);
        let late = begun + LIMIT + Duration::from_secs(1);
        assert_eq!(
            [late, late + GRACE / 2, late + GRACE].map(|now| clock.due(now)),
            [Due::Tell, Due::Nothing, Due::Stop]
        );
    }

    #[test]
    fn a_call_that_nobody_waits_for_is_told_at_once() {
        let interrupt = Interrupt::default();
        let mut clock = Clock::new(8, LIMIT, interrupt.clone());
        let now = Instant::now();
        interrupt.begin(7);
        interrupt.stop(6);
        assert_eq!(clock.due(now), Due::Nothing, "another request is meant");
        interrupt.stop(7);
        assert_eq!([now, now + GRACE].map(|now| clock.due(now)), [Due::Tell, Due::Stop]);
        // Neither one that is not numbered nor the next one is meant.
        for next in [0, 8] {
            interrupt.begin(next);
            assert_eq!(Clock::new(8, LIMIT, interrupt.clone()).due(now), Due::Nothing);
        }
    }
}
