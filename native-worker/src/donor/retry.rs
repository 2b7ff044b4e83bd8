//! When to ask again what could not be answered: at random, so that a crowd does not come back at once.

use std::time::{Duration, Instant};

/// The longest first wait, and the longest of all.
const FIRST: Duration = Duration::from_secs(4);
const LONGEST: Duration = Duration::from_secs(120);
const SHORTEST: Duration = Duration::from_millis(500);

/// Something that did not work, and will be tried again.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    /// How often it was tried in vain.
    tries: u32,
    pub(super) until: Instant,
    pub(super) reason: String,
}

impl Trouble {
    /// It did not work, after it had not worked before or for the first time. The other side may have said how long to
    /// wait.
    pub(super) fn again(before: Option<&Self>, reason: String, asked: Option<Duration>) -> Self {
        let tries = before.map_or(0, |before| before.tries) + 1;
        let wait = asked.map_or_else(|| jittered(tries, random_share()), |asked| spread(asked, random_share()));
        Self { tries, until: Instant::now() + wait, reason }
    }

    /// Whether its time has not come yet.
    pub(super) fn holds(&self) -> bool {
        Instant::now() < self.until
    }
}

/// How long to wait after so many tries: anything up to a limit that doubles.
fn jittered(tries: u32, share: f64) -> Duration {
    let limit = FIRST.saturating_mul(2u32.saturating_pow(tries.saturating_sub(1).min(16))).min(LONGEST);
    limit.mul_f64(share).max(SHORTEST)
}

/// What the other side asked for, and up to half of it more.
pub(super) fn spread(asked: Duration, share: f64) -> Duration {
    asked.saturating_add(asked.mul_f64(share / 2.0)).max(SHORTEST)
}

/// A random number from 0 up to 1.
pub(super) fn random_share() -> f64 {
    getrandom::u32().map_or(0.5, |n| f64::from(n) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_are_spread() {
        assert_eq!(jittered(1, 0.0), SHORTEST);
        assert_eq!(jittered(1, 1.0), FIRST);
        assert_eq!(jittered(3, 0.5), FIRST * 2);
        assert_eq!(jittered(u32::MAX, 1.0), LONGEST);
        assert_eq!(spread(Duration::from_secs(10), 0.0), Duration::from_secs(10));
        assert_eq!(spread(Duration::from_secs(10), 1.0), Duration::from_secs(15));
        let first = Trouble::again(None, "r".to_owned(), None);
        let second = Trouble::again(Some(&first), "r".to_owned(), Some(Duration::from_secs(30)));
        assert_eq!((first.tries, second.tries), (1, 2));
        assert!(second.holds() && second.until >= Instant::now() + Duration::from_secs(29));
    }
}
