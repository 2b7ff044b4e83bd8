//! A row of a bench: what was measured, its median and its spread.

/// One row of the report.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Row {
    pub name: String,
    /// The unit of the numbers.
    pub unit: &'static str,
    pub median: f64,
    /// The 10% quantile.
    pub low: f64,
    /// The 90% quantile.
    pub high: f64,
    pub n: usize,
    /// Runs before them that do not count.
    pub warm_up: u32,
}

impl Row {
    /// Sums up what was measured after the warm-up.
    #[must_use]
    pub fn new(name: &str, unit: &'static str, warm_up: u32, values: &[f64]) -> Self {
        let quantile = |q| stepwise_core::stats::quantile(values, q).unwrap_or(f64::NAN);
        Self {
            name: name.to_owned(),
            unit,
            median: quantile(0.5),
            low: quantile(0.1),
            high: quantile(0.9),
            n: values.len(),
            warm_up,
        }
    }
}
