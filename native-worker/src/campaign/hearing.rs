//! Whether silence means anything: a coordinator that was stopped, or suspended with its machine, has heard nobody, and would
//! take everybody for lost.

use std::time::{Duration, SystemTime};

/// The longest pause between two looks that is none: the keeper looks once a second, and a busy machine is late.
const LATE: Duration = Duration::from_secs(3);

/// Since when a coordinator has heard all that was said to it. Told by the clock that the system has for everybody, which
/// goes on while a machine is suspended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hearing {
    since: SystemTime,
    looked: SystemTime,
}

impl Hearing {
    pub(super) fn from(now: SystemTime) -> Self {
        Self { since: now, looked: now }
    }

    /// Looks; whether everything has been heard for so long, so that who was not heard of is lost.
    pub(super) fn look(&mut self, now: SystemTime, long: Duration) -> bool {
        let late = LATE.max(long / 4);
        // A clock that was set back says nothing about how long it has been.
        if now.duration_since(self.looked).map_or(true, |pause| pause > late) {
            self.since = now;
        }
        self.looked = now;
        now.duration_since(self.since).is_ok_and(|heard| heard >= long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_not_there_waits_before_it_takes_silence_for_loss() {
        let lost = Duration::from_secs(120);
        let at = |s: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + s);
        let mut hearing = Hearing::from(at(0));
        for s in 1..120 {
            assert!(!hearing.look(at(s), lost), "it has been there for {s} s");
        }
        assert!(hearing.look(at(120), lost));
        // Late, but there.
        assert!(hearing.look(at(149), lost));
        // Stopped for an hour.
        for s in (3600..3720).step_by(10) {
            assert!(!hearing.look(at(s), lost));
        }
        assert!(hearing.look(at(3720), lost));
        // The clock was set back.
        assert!(!hearing.look(at(100), lost));
    }
}
