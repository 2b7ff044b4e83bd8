//! Scales of a plot's axes: where a value lies, and which values get a label.

/// A labelled place on an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    /// The value.
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

/// Round numbers are 1, 2 and 5 times these powers of ten: in seconds, from what costs are counted in to weeks.
const EXPONENTS: std::ops::RangeInclusive<i32> = -6..=6;

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
                    let label = format!("{value:.*}", exponent.min(0).unsigned_abs() as usize);
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
            expect!["0.000001 to 5000000: 0.000001 0.0001 0.01 1 100 10000 1000000; values at 0.00 1.00"],
        );
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
