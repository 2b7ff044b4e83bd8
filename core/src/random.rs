//! Random numbers from a seed: the same on every platform and in every run.

/// SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"): small, fast and good
/// enough for resampling and shuffling; not for secrets.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

/// What the state grows by from one number to the next: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl SplitMix64 {
    /// The sequence of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence of this seed from its number `idx` on, counted from 0.
    #[must_use]
    pub fn starting_at(seed: u64, idx: u64) -> Self {
        Self(seed.wrapping_add(idx.wrapping_mul(STEP)))
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        unit(self.next_u64())
    }

    /// A number below `n`; 0 for `n` = 0. Its bias is below `n / 2^64`.
    pub fn below(&mut self, n: usize) -> usize {
        // The upper half of the product (Lemire 2019): a multiplication in place of a division.
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// Puts the items into a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// Random bits as a number from 0 to below 1: the upper 53, which need no rounding.
#[must_use]
pub fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        let mut random = SplitMix64::new(1_234_567);
        // The values of the reference implementation in C (Vigna, splitmix64.c) for this seed.
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(expected.map(|_| random.next_u64()), expected);
    }

    #[test]
    fn numbers_stay_below_their_bound_and_reach_all() {
        let mut random = SplitMix64::new(0);
        let mut counts = [0_u32; 7];
        for _ in 0..7000 {
            counts[random.below(7)] += 1;
        }
        // Five standard deviations of a binomial count around 1000.
        assert!(counts.iter().all(|count| count.abs_diff(1000) < 147), "{counts:?}");
        assert_eq!((random.below(0), random.below(1)), (0, 0));
        let mut items: Vec<u32> = (0..100).collect();
        random.shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
