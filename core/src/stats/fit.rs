//! Fitted lines: least squares, and power laws as lines through logarithms.

/// A line `y = intercept + slope x` through points.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Fit {
    /// How much y grows with x.
    pub slope: f64,
    /// y at x = 0.
    pub intercept: f64,
    /// The share of the variance of y that the line explains, from 0 to 1; 1 where y does not vary.
    pub r2: f64,
    pub n: u64,
}

impl Fit {
    /// y on the line.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }

    /// For a fit from [`power_law`]: y at x, neither of them a logarithm.
    #[must_use]
    pub fn power_at(&self, x: f64) -> f64 {
        libm::pow(10.0, self.at(libm::log10(x)))
    }
}

/// The line with the least sum of squared distances in y. `None` unless two points differ in x.
#[must_use]
pub fn least_squares(points: &[(f64, f64)]) -> Option<Fit> {
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| points.iter().map(|(x, y)| of(x - mean_x, y - mean_y)).sum::<f64>();
    let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
    if xx.is_nan() || xx <= 0.0 {
        return None;
    }
    let slope = xy / xx;
    let r2 = if yy > 0.0 { (xy * xy / (xx * yy)).min(1.0) } else { 1.0 };
    Some(Fit { slope, intercept: mean_y - slope * mean_x, r2, n: points.len() as u64 })
}

/// The power law `y = 10^intercept x^slope`: least squares on the decimal logarithms of both. Points that have none are
/// left out.
#[must_use]
pub fn power_law(points: &[(f64, f64)]) -> Option<Fit> {
    let has_logarithms = |point: &&(f64, f64)| point.0 > 0.0 && point.1 > 0.0;
    let logs = points.iter().filter(has_logarithms).map(|(x, y)| (libm::log10(*x), libm::log10(*y)));
    least_squares(&logs.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_agree_with_published_values() {
        // Anscombe 1973, The American Statistician 27, data set 1: y = 3.00 + 0.500 x, R² = 0.67.
        let points = [
            (10.0, 8.04),
            (8.0, 6.95),
            (13.0, 7.58),
            (9.0, 8.81),
            (11.0, 8.33),
            (14.0, 9.96),
            (6.0, 7.24),
            (4.0, 4.26),
            (12.0, 10.84),
            (7.0, 4.82),
            (5.0, 5.68),
        ];
        let fit = least_squares(&points).unwrap();
        assert!((fit.slope - 0.5001).abs() < 1e-4 && (fit.intercept - 3.0001).abs() < 1e-4, "{fit:?}");
        assert!((fit.r2 - 0.6665).abs() < 1e-4 && fit.n == 11, "{fit:?}");
    }

    #[test]
    fn a_power_law_is_found_again() {
        let points: Vec<(f64, f64)> = [0.0, 1.0, 4.0, 9.0].map(|x: f64| (x, 3.0 * x.sqrt())).to_vec();
        let fit = power_law(&points).unwrap();
        assert!((fit.slope - 0.5).abs() < 1e-12 && (fit.r2 - 1.0).abs() < 1e-12 && fit.n == 3, "{fit:?}");
        assert!((fit.power_at(100.0) - 30.0).abs() < 1e-9, "{fit:?}");
    }

    #[test]
    fn no_line_goes_through_one_place() {
        assert_eq!(least_squares(&[]), None);
        assert_eq!(least_squares(&[(2.0, 1.0), (2.0, 5.0)]), None);
        assert_eq!(power_law(&[(1.0, 1.0), (-2.0, 5.0), (3.0, 0.0)]), None);
        assert_eq!(least_squares(&[(f64::NAN, 1.0), (1.0, 1.0)]), None);
        assert_eq!(least_squares(&[(1.0, 2.0), (3.0, 2.0)]).map(|fit| (fit.slope, fit.r2)), Some((0.0, 1.0)));
    }
}
