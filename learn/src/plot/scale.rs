//! Scales of a plot's axes: where a value lies, and which values get a label.

use super::Scale;

/// A labelled place on an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    /// The value as text.
    pub(super) label: String,
}

/// A logarithmic axis from one round number to another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LogScale {
    low: f64,
    high: f64,
    /// What gets a label: all round numbers, or as many powers of ten as fit.
    pub(super) ticks: Vec<Tick>,
}

/// Round numbers are 1, 2 and 5 times these powers of ten: in seconds, from what costs are counted in to centuries.
const EXPONENTS: std::ops::RangeInclusive<i32> = -6..=9;

/// More labels than this would touch.
const MAX_TICKS: usize = 10;

impl LogScale {
    /// The shortest axis between round numbers that holds all of these values and is no point. Without values it goes
    /// from 0.1 to 10; what lies beyond the round numbers lies on the axis's end.
    pub(super) fn around(values: impl IntoIterator<Item = f64>) -> Self {
        let ladder: Vec<(Tick, bool)> = EXPONENTS
            .flat_map(|exponent| {
                [1.0, 2.0, 5.0].map(|mantissa| {
                    let value = mantissa * libm::pow(10.0, f64::from(exponent));
                    let label = label(value, exponent.min(0).unsigned_abs() as usize);
                    (Tick { value, label }, mantissa == 1.0)
                })
            })
            .collect();
        let bounds = values.into_iter().fold(None, |bounds: Option<(f64, f64)>, value| {
            let (low, high) = bounds.unwrap_or((value, value));
            Some((low.min(value), high.max(value)))
        });
        let (low, high) = bounds.unwrap_or((0.1, 10.0));
        let last = ladder.len() - 1;
        let mut from = ladder.iter().rposition(|(tick, _)| tick.value <= low).unwrap_or(0);
        let mut to = ladder.iter().position(|(tick, _)| tick.value >= high).unwrap_or(last);
        if to <= from + 1 {
            (from, to) = (from.saturating_sub(1), (to + 1).min(last));
        }
        let ladder = &ladder[from..=to];
        let ticks: Vec<&Tick> = if ladder.len() <= MAX_TICKS {
            ladder.iter().map(|(tick, _)| tick).collect()
        } else {
            let powers: Vec<&Tick> = ladder.iter().filter(|(_, is_power)| *is_power).map(|(tick, _)| tick).collect();
            let stride = powers.len().div_ceil(MAX_TICKS);
            powers.into_iter().step_by(stride).collect()
        };
        Self {
            low: ladder[0].0.value,
            high: ladder[ladder.len() - 1].0.value,
            ticks: ticks.into_iter().cloned().collect(),
        }
    }

    /// Where a value lies: 0 at the lower end, 1 at the upper one.
    pub(super) fn place(&self, value: f64) -> f64 {
        let share = libm::log(value / self.low) / libm::log(self.high / self.low);
        share.clamp(0.0, 1.0)
    }
}

/// A linear axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LinearScale {
    low: f64,
    high: f64,
    /// What gets a label.
    pub(super) ticks: Vec<Tick>,
}

/// A linear axis has this many spaces between labels at most.
const MAX_SPACES: f64 = 6.0;

impl LinearScale {
    /// From 0, or the round number below the least value where that is negative, to the round number above the greatest.
    pub(super) fn around(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = values.into_iter().fold((0.0, 0.0), |(low, high): (f64, f64), v| (low.min(v), high.max(v)));
        let high = if low == high { low + 1.0 } else { high };
        let (step, exponent) = step((high - low) / MAX_SPACES);
        let n_below = (-low / step).ceil();
        let n_above = (high / step).ceil();
        let n_decimals = exponent.min(0).unsigned_abs() as usize;
        let ticks = (-n_below as i64..=n_above as i64)
            .map(|n| Tick { value: n as f64 * step, label: label(n as f64 * step, n_decimals) })
            .collect();
        Self { low: -n_below * step, high: n_above * step, ticks }
    }

    /// From 0 to 1, in percent.
    pub(super) fn share() -> Self {
        let ticks = (0..=5).map(|n| Tick { value: f64::from(n) / 5.0, label: format!("{}%", 20 * n) }).collect();
        Self { low: 0.0, high: 1.0, ticks }
    }

    /// Whole numbers, with room for what is drawn beside the first and the last one.
    pub(super) fn whole(values: impl IntoIterator<Item = f64>) -> Self {
        let bounds = values.into_iter().fold(None, |bounds: Option<(f64, f64)>, value| {
            let (low, high) = bounds.unwrap_or((value, value));
            Some((low.min(value), high.max(value)))
        });
        let (low, high) = bounds.unwrap_or((1.0, 1.0));
        let (low, high) = (low.round(), high.round());
        let step = step((high - low) / MAX_TICKS as f64).0.max(1.0);
        let n_ticks = ((high - low) / step) as u64;
        let ticks = (0..=n_ticks).map(|n| low + n as f64 * step).map(|v| Tick { value: v, label: label(v, 0) });
        Self { low: low - 0.5, high: high + 0.5, ticks: ticks.collect() }
    }

    fn place(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

/// An axis of either kind.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Axis {
    Log(LogScale),
    Linear(LinearScale),
}

impl Axis {
    pub(super) fn around(scale: Scale, values: impl IntoIterator<Item = f64>) -> Self {
        let values = values.into_iter().filter(|value| value.is_finite());
        match scale {
            Scale::Log => Self::Log(LogScale::around(values.filter(|value| *value > 0.0))),
            Scale::FromZero => Self::Linear(LinearScale::around(values)),
            Scale::Share => Self::Linear(LinearScale::share()),
            Scale::Whole => Self::Linear(LinearScale::whole(values)),
        }
    }

    /// Where a value lies: 0 at the lower end, 1 at the upper one.
    pub(super) fn place(&self, value: f64) -> f64 {
        match self {
            Self::Log(scale) => scale.place(value),
            Self::Linear(scale) => scale.place(value),
        }
    }

    pub(super) fn ticks(&self) -> &[Tick] {
        match self {
            Self::Log(scale) => &scale.ticks,
            Self::Linear(scale) => &scale.ticks,
        }
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not below `least`, and the exponent of that power.
fn step(least: f64) -> (f64, i32) {
    let mut steps = (-12..=18).flat_map(|exponent| {
        [1.0, 2.0, 5.0].map(|mantissa| (mantissa * libm::pow(10.0, f64::from(exponent)), exponent))
    });
    // The division that `least` comes from may have rounded up.
    steps.find(|(step, _)| *step >= least * (1.0 - 1e-9)).unwrap_or((least, 18))
}

/// A number as a label: thousands and more with a letter, so that neighbours do not touch.
fn label(value: f64, n_decimals: usize) -> String {
    for (unit, letter) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if value.abs() >= 10.0 * unit || (value.abs() >= unit && unit > 1e3) {
            return format!("{}{letter}", value / unit);
        }
    }
    format!("{value:.n_decimals$}")
}

/// Labels for counts from 0 to `total`, which always has one.
pub(super) fn count_ticks(total: u64) -> Vec<u64> {
    let powers = std::iter::successors(Some(1_u64), |power| power.checked_mul(10));
    let mut steps = powers.flat_map(|power| [1, 2, 5].map(|mantissa| power.saturating_mul(mantissa)));
    let step = steps.find(|step| total / step <= 6).unwrap_or(u64::MAX);
    // Closer than half a step, a label would touch the total's.
    let below = (0..).map(|n| n * step).take_while(|tick| tick.saturating_add(step.div_ceil(2)) <= total);
    below.chain([total]).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check_log(values: &[f64], expected: Expect) {
        let scale = LogScale::around(values.iter().copied());
        let labels: Vec<&str> = scale.ticks.iter().map(|tick| tick.label.as_str()).collect();
        let places: Vec<String> = values.iter().map(|value| format!("{:.2}", scale.place(*value))).collect();
        expected.assert_eq(&format!(
            "{} to {}: {}; values at {}",
            scale.low,
            scale.high,
            labels.join(" "),
            places.join(" ")
        ));
    }

    #[test]
    fn log_axes_end_at_round_numbers() {
        check_log(&[0.3, 45.0], expect!["0.2 to 50: 0.2 0.5 1 2 5 10 20 50; values at 0.07 0.98"]);
        check_log(&[0.004, 700.0], expect!["0.002 to 1000: 0.01 0.1 1 10 100 1000; values at 0.05 0.97"]);
        check_log(&[3.0], expect!["1 to 10: 1 2 5 10; values at 0.48"]);
        check_log(&[2.0, 2.0], expect!["1 to 5: 1 2 5; values at 0.43 0.43"]);
        check_log(&[], expect!["0.1 to 10: 0.1 0.2 0.5 1 2 5 10; values at "]);
        check_log(
            &[0.0, 1e99],
            expect!["0.000001 to 5000000000: 0.000001 0.0001 0.01 1 100 10k 1M 100M; values at 0.00 1.00"],
        );
    }

    #[test]
    fn linear_axes_have_round_labels() {
        let labels = |axis: Axis| {
            let labels: Vec<String> = axis.ticks().iter().map(|tick| tick.label.clone()).collect();
            labels.join(" ")
        };
        let around = |values: &[f64]| labels(Axis::around(Scale::FromZero, values.iter().copied()));
        expect!["0.0 0.5 1.0 1.5 2.0 2.5 3.0"].assert_eq(&around(&[2.7, 0.4]));
        expect!["0.00000 0.00005 0.00010 0.00015 0.00020 0.00025 0.00030"].assert_eq(&around(&[3e-4]));
        expect!["0 10k 20k 30k 40k 50k 60k"].assert_eq(&around(&[60_000.0]));
        expect!["-1 0 1 2 3 4"].assert_eq(&around(&[-0.3, 4.0, f64::NAN, f64::INFINITY]));
        expect!["0.0 0.2 0.4 0.6 0.8 1.0"].assert_eq(&around(&[]));
        let whole = |values: &[f64]| labels(Axis::around(Scale::Whole, values.iter().copied()));
        expect!["1 2 3"].assert_eq(&whole(&[0.8, 3.2]));
        expect!["1 6 11 16 21 26 31 36"].assert_eq(&whole(&[1.0, 40.0]));
        expect!["1"].assert_eq(&whole(&[]));
        expect!["0% 20% 40% 60% 80% 100%"].assert_eq(&labels(Axis::around(Scale::Share, [])));
    }

    #[test]
    fn counts_end_at_their_total() {
        let ticks: Vec<String> = [0, 1, 2, 6, 7, 58, 60, 244, 488].map(|n| format!("{:?}", count_ticks(n))).to_vec();
        expect![[r#"
            [0]
            [0, 1]
            [0, 1, 2]
            [0, 1, 2, 3, 4, 5, 6]
            [0, 2, 4, 6, 7]
            [0, 10, 20, 30, 40, 50, 58]
            [0, 10, 20, 30, 40, 50, 60]
            [0, 50, 100, 150, 200, 244]
            [0, 100, 200, 300, 400, 488]"#]]
        .assert_eq(&ticks.join("\n"));
    }
}
