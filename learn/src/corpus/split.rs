//! Which side of a split a statement is on: decided by its normal form alone, so that equal statements stay together.

use sha2::{Digest, Sha256};
use stepwise_core::random::unit;

/// A side of the split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    Train,
    /// To measure with, and never to learn from.
    HeldOut,
}

/// The side of the statement with this key ([`statement_key`](super::normalise::statement_key)).
///
/// It depends on nothing but key and seed, so a corpus can grow without a statement that changes sides. Of many keys
/// the share `held_out_share` (from 0 to 1) is held out, and a larger share holds out a superset.
#[must_use]
pub fn split_of(key: &str, seed: u64, held_out_share: f64) -> Split {
    let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(key).finalize();
    let bits = digest.iter().take(8).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    if unit(bits) < held_out_share { Split::HeldOut } else { Split::Train }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_side_is_stable_and_depends_on_key_and_seed() {
        let sides = |seed: u64| -> Vec<Split> { (0..8).map(|idx| split_of(&idx.to_string(), seed, 0.5)).collect() };
        use Split::{HeldOut, Train};
        assert_eq!(sides(0), [Train, Train, Train, Train, Train, Train, HeldOut, HeldOut]);
        assert_ne!(sides(0), sides(1));
    }

    #[test]
    fn the_share_is_kept_and_a_larger_one_only_adds() {
        let held_out = |share: f64| -> Vec<usize> {
            (0..10_000).filter(|idx| split_of(&format!("key {idx}"), 7, share) == Split::HeldOut).collect()
        };
        let (tenth, fifth) = (held_out(0.1), held_out(0.2));
        // Five standard deviations of a binomial count around 1000 and 2000.
        assert!(tenth.len().abs_diff(1000) < 150 && fifth.len().abs_diff(2000) < 200);
        assert!(tenth.iter().all(|idx| fifth.contains(idx)));
        assert_eq!((held_out(0.0).len(), held_out(1.0).len()), (0, 10_000));
    }
}
