//! Statistics for reports: binomial intervals, quantiles, histograms; pairs and fitted lines in their own files.

mod fit;
mod paired;

pub use fit::{Fit, least_squares, power_law};
pub use paired::{Estimate, PairedCounts, mean_ratio, median_ratio};

use std::collections::BTreeMap;

/// The 97.5% point of the normal distribution: two-sided 95% intervals.
const Z_95: f64 = 1.959_963_984_540_054;

/// Wilson's 95% interval for a proportion (Wilson 1927): the lower and the upper bound, each from 0 to 1.
///
/// Unlike the normal approximation it is right near 0 and 1 and for small `total`. Nothing tried gives `(0, 1)`.
#[must_use]
pub fn wilson(successes: u64, total: u64) -> (f64, f64) {
    if total == 0 {
        return (0.0, 1.0);
    }
    let n = total as f64;
    let rate = successes.min(total) as f64 / n;
    let z2 = Z_95 * Z_95;
    let scale = 1.0 / (1.0 + z2 / n);
    let centre = rate + z2 / (2.0 * n);
    let half = Z_95 * (rate * (1.0 - rate) / n + z2 / (4.0 * n * n)).sqrt();
    ((scale * (centre - half)).max(0.0), (scale * (centre + half)).min(1.0))
}

/// The quantile `q` (0 to 1) of the values, interpolated linearly between neighbours; `None` without values.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = q.clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    let share = place - below as f64;
    Some(sorted[below] + (sorted[above] - sorted[below]) * share)
}

/// The median; `None` without values.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// How often each value occurs.
#[must_use]
pub fn counts(values: impl IntoIterator<Item = u64>) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts
}

/// A histogram as text, one line per value that occurs, the longest bar `width` characters wide.
#[must_use]
pub fn histogram(counts: &BTreeMap<u64, u64>, width: usize) -> String {
    let most = counts.values().copied().max().unwrap_or(0).max(1);
    let value_width = counts.keys().map(|value| value.to_string().len()).max().unwrap_or(0);
    let count_width = most.to_string().len();
    let mut text = String::new();
    for (value, count) in counts {
        // What occurs is seen: at least one mark.
        let n_marks = (*count as f64 / most as f64 * width as f64).round().max(1.0) as usize;
        let bar = "█".repeat(if *count == 0 { 0 } else { n_marks });
        text.push_str(format!("{value:>value_width$}  {count:>count_width$}  {bar}").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn wilson_agrees_with_published_values() {
        // Newcombe 1998, Statistics in Medicine 17, table I, method 3.
        for (successes, total, low, high) in
            [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
        {
            let (found_low, found_high) = wilson(successes, total);
            assert!((found_low - low).abs() < 5e-5 && (found_high - high).abs() < 5e-5, "{successes}/{total}");
        }
        assert_eq!(wilson(0, 0), (0.0, 1.0));
        assert_eq!(wilson(5, 5).1, 1.0);
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        assert_eq!(quantile(&[0.0, 10.0], 0.95), Some(9.5));
        assert_eq!(quantile(&[7.0], 2.0), Some(7.0));
    }

    #[test]
    fn a_histogram_shows_what_occurs() {
        let counts = counts([1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 12]);
        expect![[r#"
             1  10  ████████████████████
             2   4  ████████
            12   1  ██
        "#]]
        .assert_eq(&histogram(&counts, 20));
        assert_eq!(histogram(&BTreeMap::new(), 20), "");
    }
}
