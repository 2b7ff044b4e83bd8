//! How long a stage may still take, by how fast its searches ended lately.

use stepwise_core::wire::campaign::TimeLeft;

/// Searches that ended within some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) searches: u64,
    /// Of how many milliseconds.
    pub(super) within_ms: u64,
}

/// Fewer searches than these tell chance, not pace.
const FEWEST: u64 = 5;

/// How long so many searches take at the fastest and at the slowest of these paces; `None` where none of them tells
/// anything.
pub(super) fn time_left(searches: u64, paces: &[Pace]) -> Option<TimeLeft> {
    let told = paces.iter().filter(|pace| pace.searches >= FEWEST && pace.within_ms > 0);
    let seconds = told.map(|pace| {
        let ms = u128::from(searches) * u128::from(pace.within_ms) / u128::from(pace.searches);
        u64::try_from(ms / 1000).unwrap_or(u64::MAX)
    });
    let (from_s, to_s) = seconds
        .fold(None, |range: Option<(u64, u64)>, s| Some(range.map_or((s, s), |(from, to)| (from.min(s), to.max(s)))))?;
    Some(TimeLeft { from_s, to_s })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_and_the_fastest_pace_are_the_ends_of_the_range() {
        let hour = Pace { searches: 100, within_ms: 3_600_000 };
        let day = Pace { searches: 600, within_ms: 86_400_000 };
        assert_eq!(time_left(50, &[hour, day]), Some(TimeLeft { from_s: 1800, to_s: 7200 }));
        assert_eq!(time_left(0, &[hour]), Some(TimeLeft { from_s: 0, to_s: 0 }));
    }

    #[test]
    fn nothing_is_said_where_little_was_seen() {
        let few = Pace { searches: FEWEST - 1, within_ms: 60_000 };
        assert_eq!(time_left(50, &[few]), None);
        assert_eq!(time_left(50, &[]), None);
        assert_eq!(time_left(50, &[Pace { searches: 9, within_ms: 0 }]), None);
        let day = Pace { searches: 10, within_ms: 1000 };
        assert_eq!(time_left(u64::MAX, &[few, day]).map(|left| left.to_s), Some(u64::MAX / 10));
    }
}
