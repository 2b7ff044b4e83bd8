//! Numbers as a reader sees them.

/// A count with its thousands apart.
pub(super) use stepwise_core::markup::number as grouped;
use stepwise_core::stats::{Estimate, Fit};

/// A share as a percentage.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", 100.0 * share)
}

/// An estimated share with its interval.
pub(super) fn rate(Estimate { value, low, high }: Estimate) -> String {
    format!("{:.1}% ({:.1} to {:.1})", 100.0 * value, 100.0 * low, 100.0 * high)
}

/// A difference of shares in percentage points, with its interval.
pub(super) fn points(Estimate { value, low, high }: Estimate) -> String {
    let sign = |share: f64| format!("{:+.1}", 100.0 * share).replace('-', "−");
    format!("{} ({} to {})", sign(value), sign(low), sign(high))
}

/// A p-value.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

/// A length of time in the unit that suits it.
pub(super) fn duration(seconds: f64) -> String {
    match unit(seconds) {
        ("s", _) => format!("{seconds:.1} s"),
        (name, in_seconds) => format!("{:.1} {name}", seconds / in_seconds),
    }
}

/// The unit in which times up to this many seconds are told, and how many seconds it has.
pub(super) fn unit(seconds: f64) -> (&'static str, f64) {
    match seconds {
        s if s < 120.0 => ("s", 1.0),
        s if s < 7200.0 => ("min", 60.0),
        s if s < 172_800.0 => ("h", 3600.0),
        _ => ("days", 86_400.0),
    }
}

/// Seconds with three significant digits, for columns of costs.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s >= 100.0 => grouped(s.round() as u64),
        s if s >= 10.0 => format!("{s:.1}"),
        s => format!("{s:.2}"),
    }
}

/// What a fitted line says.
pub(super) fn fit(fit: &Fit) -> String {
    format!("slope {:.2}, R² {:.2}, n = {}", fit.slope, fit.r2, fit.n).replace('-', "−")
}

/// `1 round`, `2 rounds`.
pub(super) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

/// A day and a time, in UTC, of seconds since 1970: the Gregorian calendar of Howard Hinnant's `civil_from_days`.
pub(super) fn date(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + 400 * era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", second / 3600, second / 60 % 60)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn numbers_are_readable() {
        let estimate = Estimate { value: 0.125, low: -0.05, high: 0.3 };
        let rows = [
            percent(0.015),
            points(estimate),
            p_value(0.000_4),
            p_value(0.25),
            duration(3.21),
            duration(500.0),
            duration(86_400.0),
            seconds(0.126),
            seconds(54_321.4),
            grouped(999),
            grouped(1_234_567),
            counted(1, "round", "rounds"),
        ];
        expect![[r#"
            1.5%
            +12.5 (−5.0 to +30.0)
            < 0.001
            0.250
            3.2 s
            8.3 min
            24.0 h
            0.13
            54 321
            999
            1 234 567
            1 round"#]]
        .assert_eq(&rows.join("\n"));
    }

    #[test]
    fn dates_agree_with_the_calendar() {
        // `date -u -d @SECONDS`.
        assert_eq!(date(0), "1970-01-01 00:00 UTC");
        assert_eq!(date(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(date(1_764_086_399), "2025-11-25 15:59 UTC");
        assert_eq!(date(4_107_542_400), "2100-03-01 00:00 UTC");
    }
}
