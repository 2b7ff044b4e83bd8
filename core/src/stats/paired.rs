//! Statistics of pairs: two configurations tried on the same problems.

use super::{median, quantile, wilson};
use crate::random::SplitMix64;

/// On how many problems two configurations, here and there, agreed and differed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PairedCounts {
    /// Solved by both.
    pub both: u64,
    /// Solved here and not there.
    pub only_here: u64,
    /// Solved there and not here.
    pub only_there: u64,
    /// Solved by neither.
    pub neither: u64,
}

/// An estimate with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Estimate {
    pub value: f64,
    /// Lower bound of the interval.
    pub low: f64,
    /// Its upper bound.
    pub high: f64,
}

impl PairedCounts {
    /// Counts one problem.
    pub fn count(&mut self, is_solved_here: bool, is_solved_there: bool) {
        match (is_solved_here, is_solved_there) {
            (true, true) => self.both += 1,
            (true, false) => self.only_here += 1,
            (false, true) => self.only_there += 1,
            (false, false) => self.neither += 1,
        }
    }

    /// Problems counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.both + self.only_here + self.only_there + self.neither
    }

    /// The pass rate here minus the one there, from -1 to 1, with Newcombe's 95% interval: method 10, "square and add",
    /// of "Improved confidence intervals for the difference between binomial proportions based on paired data",
    /// Statistics in Medicine 17 (1998) 2635-2650.
    ///
    /// It adds the Wilson intervals of the two rates in quadrature, less what their correlation takes away, and so
    /// stays within the possible and has a width even where the two never differed. Nothing counted gives 0 within
    /// (-1, 1).
    #[must_use]
    pub fn difference(&self) -> Estimate {
        let total = self.total();
        if total == 0 {
            return Estimate { value: 0.0, low: -1.0, high: 1.0 };
        }
        let n = total as f64;
        let (n_here, n_there) = (self.both + self.only_here, self.both + self.only_there);
        let (here, there) = (n_here as f64 / n, n_there as f64 / n);
        let (here_low, here_high) = wilson(n_here, total);
        let (there_low, there_high) = wilson(n_there, total);
        let phi = self.corrected_phi();
        // The length of the difference of two vectors at an angle whose cosine is phi.
        let combine = |a: f64, b: f64| (a * a - 2.0 * phi * a * b + b * b).max(0.0).sqrt();
        let value = (self.only_here as f64 - self.only_there as f64) / n;
        Estimate {
            value,
            low: (value - combine(here - here_low, there_high - there)).max(-1.0),
            high: (value + combine(here_high - here, there - there_low)).min(1.0),
        }
    }

    /// The correlation of the two outcomes, drawn towards 0 by a continuity correction when it is positive.
    fn corrected_phi(&self) -> f64 {
        let [a, b, c, d] = [self.both, self.only_here, self.only_there, self.neither].map(|count| count as f64);
        let margins = (a + b) * (c + d) * (a + c) * (b + d);
        if margins == 0.0 {
            return 0.0;
        }
        let excess = a * d - b * c;
        let corrected = if excess > 0.0 { (excess - (a + b + c + d) / 2.0).max(0.0) } else { excess };
        corrected / margins.sqrt()
    }

    /// The two-sided p-value of McNemar's exact test: how probable it is that problems on which the two differ are split
    /// at least as unevenly, were each side as likely. 1 when the two never differ.
    #[must_use]
    pub fn mcnemar_p(&self) -> f64 {
        let n = self.only_here + self.only_there;
        let fewer = self.only_here.min(self.only_there);
        // Logarithms, because 2^n leaves the range of numbers at a thousand problems.
        let ln_factorial = |k: u64| libm::lgamma(k as f64 + 1.0);
        let ln_share =
            |k: u64| ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k) - n as f64 * std::f64::consts::LN_2;
        let tail: f64 = (0..=fewer).map(|k| libm::exp(ln_share(k))).sum();
        (2.0 * tail).min(1.0)
    }
}

/// The geometric mean of these ratios, each above 0, with a 95% percentile bootstrap interval (Efron 1979): the ratios
/// are drawn anew `n_draws` times, from the seed. `None` for fewer than two: a single one does not tell how they spread.
#[must_use]
pub fn mean_ratio(ratios: &[f64], n_draws: u32, seed: u64) -> Option<Estimate> {
    if ratios.len() < 2 {
        return None;
    }
    let logs: Vec<f64> = ratios.iter().map(|ratio| libm::log(*ratio)).collect();
    let n = logs.len();
    let value = libm::exp(logs.iter().sum::<f64>() / n as f64);
    let mut random = SplitMix64::new(seed);
    let means: Vec<f64> = (0..n_draws).map(|_| (0..n).map(|_| logs[random.below(n)]).sum::<f64>() / n as f64).collect();
    let bound = |q| quantile(&means, q).map(libm::exp);
    Some(Estimate { value, low: bound(0.025)?, high: bound(0.975)? })
}

/// The ratio of two samples' medians, `above` by `below`, with a 95% percentile bootstrap interval: both are drawn anew
/// `n_draws` times, from the seed. `None` when either is empty. The interval tells how far the values in a sample are
/// apart, and nothing of what another day would bring.
#[must_use]
pub fn median_ratio(above: &[f64], below: &[f64], n_draws: u32, seed: u64) -> Option<Estimate> {
    let value = median(above)? / median(below)?;
    let mut random = SplitMix64::new(seed);
    let mut drawn = |values: &[f64]| {
        let again: Vec<f64> = values.iter().map(|_| values[random.below(values.len())]).collect();
        median(&again)
    };
    let ratios: Vec<f64> = (0..n_draws).filter_map(|_| Some(drawn(above)? / drawn(below)?)).collect();
    Some(Estimate { value, low: quantile(&ratios, 0.025)?, high: quantile(&ratios, 0.975)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(both: u64, only_here: u64, only_there: u64, neither: u64) -> PairedCounts {
        PairedCounts { both, only_here, only_there, neither }
    }

    fn assert_close(found: f64, expected: f64, tolerance: f64, what: impl std::fmt::Debug) {
        assert!((found - expected).abs() <= tolerance, "{what:?}: {found}, expected {expected}");
    }

    #[test]
    fn differences_agree_with_independent_values() {
        // From a Python script: scipy's binomtest(x, n).proportion_ci(method="wilson") for the single rates, and the
        // paper's formula for their sum. The first row is Bentur et al. 2009, for which Fagerland, Lydersen and Laake
        // (Statistics in Medicine 33, 2014) publish -0.507 to -0.026.
        let rows = [
            (counts(1, 1, 7, 12), -0.285_714_3, -0.506_920_2, -0.025_559_1),
            (counts(14, 5, 0, 22), 0.121_951_2, 0.011_483_2, 0.226_492_7),
            (counts(36, 12, 2, 0), 0.2, 0.056_929_6, 0.340_427_6),
            (counts(45, 5, 5, 5), 0.0, -0.112_430_8, 0.112_430_8),
            (counts(50, 0, 0, 10), 0.0, -0.051_108_1, 0.051_108_1),
            (counts(0, 6, 0, 0), 1.0, 0.447_984_0, 1.0),
            (counts(3, 2, 1, 0), 0.166_666_7, -0.355_648_4, 0.596_543_1),
            (counts(0, 0, 0, 7), 0.0, -0.354_330_4, 0.354_330_4),
            (counts(1, 0, 0, 0), 0.0, -0.793_450_7, 0.793_450_7),
            (counts(200, 31, 12, 245), 0.038_934_4, 0.012_528_4, 0.065_174_4),
        ];
        for (counts, value, low, high) in rows {
            let found = counts.difference();
            assert_close(found.value, value, 1e-7, counts);
            assert_close(found.low, low, 1e-7, counts);
            assert_close(found.high, high, 1e-7, counts);
            // Seen from the other side, everything changes its sign.
            let PairedCounts { both, only_here, only_there, neither } = counts;
            let mirrored = PairedCounts { both, only_here: only_there, only_there: only_here, neither }.difference();
            assert_close(mirrored.low, -found.high, 1e-12, counts);
        }
        assert_eq!(PairedCounts::default().difference(), Estimate { value: 0.0, low: -1.0, high: 1.0 });
    }

    #[test]
    fn p_values_agree_with_the_binomial_test() {
        // The small ones by hand: 2 (1/2)^5 = 1/16 and 2 (1 + 6) / 2^6 = 7/32; the others are scipy's
        // binomtest(only_here, only_here + only_there).pvalue.
        let rows = [
            (0, 0, 1.0),
            (0, 1, 1.0),
            (3, 3, 1.0),
            (5, 0, 0.0625),
            (1, 5, 0.218_75),
            (12, 2, 0.012_939_453_125),
            (31, 12, 0.005_401_572_654_591_291),
            (800, 700, 0.010_559_255_466_711_506),
            (1200, 1000, 2.181_702_640_791_419_4e-5),
        ];
        for (only_here, only_there, p) in rows {
            assert_close(counts(9, only_here, only_there, 4).mcnemar_p(), p, 1e-11, (only_here, only_there));
        }
    }

    #[test]
    fn ratios_agree_with_a_larger_bootstrap() {
        let ratios = [1.1, 0.9, 1.6, 2.3, 0.7, 1.2, 1.9, 0.8, 3.1, 1.0, 1.4, 1.3];
        let found = mean_ratio(&ratios, 10_000, 0).unwrap();
        // numpy, 400 000 draws, PCG64: three runs gave 1.0432 to 1.0447 and 1.6767 to 1.6781.
        assert_close(found.value, 1.312_965_297_077_818, 1e-12, "mean");
        assert_close(found.low, 1.0438, 0.01, "low");
        assert_close(found.high, 1.6774, 0.015, "high");
        assert_eq!(mean_ratio(&ratios, 10_000, 0), Some(found));
        assert_ne!(mean_ratio(&ratios, 10_000, 1), Some(found));
        assert_eq!(mean_ratio(&[], 100, 0), None);
        assert_eq!(mean_ratio(&[2.0], 100, 0), None);
        assert_eq!(mean_ratio(&[2.0; 2], 100, 0).map(|ratio| (ratio.low, ratio.high)), Some((2.0, 2.0)));
    }

    #[test]
    fn ratios_of_medians_agree_with_a_larger_bootstrap() {
        let slow = [2.1, 2.3, 1.9, 2.0, 2.6, 2.2, 2.4, 2.0, 2.1];
        let fast = [1.0, 1.1, 0.9, 1.3, 1.0, 1.2, 0.8];
        let found = median_ratio(&slow, &fast, 10_000, 0).unwrap();
        // Python's random, twice 200 000 draws: 1.75 both times, and 2.444 and 2.5.
        assert_close(found.value, 2.1, 1e-12, "ratio");
        assert_close(found.low, 1.75, 0.05, "low");
        assert_close(found.high, 2.472, 0.03, "high");
        assert_eq!(median_ratio(&slow, &fast, 10_000, 0), Some(found));
        assert_eq!(median_ratio(&slow, &[], 100, 0), None);
        assert_eq!(median_ratio(&[], &fast, 100, 0), None);
        assert_eq!(median_ratio(&[3.0], &[1.5], 100, 0).map(|ratio| (ratio.low, ratio.high)), Some((2.0, 2.0)));
    }
}
