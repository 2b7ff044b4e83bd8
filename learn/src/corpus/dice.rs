//! What the families draw their numbers and choices from.

use stepwise_core::random::SplitMix64;

/// A seeded source of choices.
pub(super) struct Dice(SplitMix64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(SplitMix64::new(seed))
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn int(&mut self, low: i64, high: i64) -> i64 {
        let n_values = usize::try_from(high - low + 1).unwrap_or(1);
        low + i64::try_from(self.0.below(n_values)).unwrap_or(0)
    }

    /// A number from `low` to `high` that is not 0.
    pub(super) fn nonzero(&mut self, low: i64, high: i64) -> i64 {
        loop {
            match self.int(low, high) {
                0 => {}
                value => return value,
            }
        }
    }

    /// True this often.
    pub(super) fn percent(&mut self, percent: i64) -> bool {
        self.int(0, 99) < percent
    }

    /// One of the items, of which there is at least one.
    pub(super) fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.0.below(items.len())].clone()
    }

    /// An index, with these weights.
    pub(super) fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: i64 = weights.iter().map(|weight| i64::from(*weight)).sum();
        let mut left = self.int(0, total - 1);
        for (idx, weight) in weights.iter().enumerate() {
            left -= i64::from(*weight);
            if left < 0 {
                return idx;
            }
        }
        0
    }

    /// Puts the items into a random order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        self.0.shuffle(items);
    }

    /// The names of `n` variables: a stretch of the alphabet's usual ones, as people choose them.
    pub(super) fn names(&mut self, n: usize) -> Vec<String> {
        const SETS: [[&str; 4]; 5] = [
            ["x", "y", "z", "w"],
            ["a", "b", "c", "d"],
            ["m", "n", "k", "l"],
            ["n", "k", "m", "j"],
            ["p", "q", "r", "s"],
        ];
        let set = SETS[self.weighted(&[5, 5, 2, 2, 1])];
        set[..n.min(4)].iter().map(|name| (*name).to_owned()).collect()
    }
}
