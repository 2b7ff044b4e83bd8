//! The hours of a day in which searches may run.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{Local, Timelike};

const DAY_S: u32 = 24 * 60 * 60;

/// Hours of every day, by the machine's own clock, such as `22:00-07:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// When they begin, in seconds from midnight.
    from_s: u32,
    /// When they end, in seconds from midnight; on the next day where that is before they begin.
    to_s: u32,
}

/// A time of day, by the machine's own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeOfDay {
    /// From midnight.
    pub(super) seconds: u32,
}

impl TimeOfDay {
    pub(super) fn now() -> Self {
        Self { seconds: Local::now().num_seconds_from_midnight() }
    }
}

impl Schedule {
    /// Whether searches may run then.
    pub(super) fn is_open(&self, now: TimeOfDay) -> bool {
        let since = (now.seconds + DAY_S - self.from_s) % DAY_S;
        since < (self.to_s + DAY_S - self.from_s) % DAY_S
    }

    /// How long that stays so.
    pub(super) fn until_change(&self, now: TimeOfDay) -> Duration {
        let next = if self.is_open(now) { self.to_s } else { self.from_s };
        Duration::from_secs(u64::from((next + DAY_S - now.seconds) % DAY_S))
    }
}

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hours = text.split_once('-').and_then(|(from, to)| Some((seconds(from)?, seconds(to)?)));
        let (from_s, to_s) = hours.ok_or("give two times of day, such as `22:00-07:00`")?;
        if from_s % DAY_S == to_s % DAY_S {
            return Err("the two times are the same: leave the schedule out to work all day".to_owned());
        }
        Ok(Self { from_s: from_s % DAY_S, to_s: to_s % DAY_S })
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |seconds: u32| format!("{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
        write!(f, "{}-{}", time(self.from_s), time(self.to_s))
    }
}

/// `HH:MM` up to 24:00, or `HH`.
fn seconds(time: &str) -> Option<u32> {
    let (hours, minutes) = time.trim().split_once(':').unwrap_or((time.trim(), "00"));
    let number = |digits: &str, most: usize| {
        let is_plain = !digits.is_empty() && digits.len() <= most && digits.bytes().all(|b| b.is_ascii_digit());
        if is_plain { digits.parse::<u32>().ok() } else { None }
    };
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2).filter(|_| minutes.len() == 2)?);
    let seconds = (hours * 60 + minutes) * 60;
    (minutes < 60 && seconds <= DAY_S).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> TimeOfDay {
        TimeOfDay { seconds: seconds(time).unwrap() % DAY_S }
    }

    #[test]
    fn hours_may_cross_midnight() {
        let nights: Schedule = "22:00-07:00".parse().unwrap();
        for (time, is_open, hours) in
            [("21:59", false, 0), ("22:00", true, 9), ("00:00", true, 7), ("06:59", true, 0), ("07:00", false, 15)]
        {
            assert_eq!(nights.is_open(at(time)), is_open, "{time}");
            assert_eq!(nights.until_change(at(time)).as_secs() / 3600, hours, "{time}");
        }
        assert_eq!(nights.until_change(TimeOfDay { seconds: 22 * 3600 - 1 }), Duration::from_secs(1));
    }

    #[test]
    fn hours_may_lie_within_a_day() {
        let evenings: Schedule = "18-24:00".parse().unwrap();
        assert_eq!(evenings.to_string(), "18:00-00:00");
        for (time, is_open) in [("17:59", false), ("18:00", true), ("23:59", true), ("00:00", false)] {
            assert_eq!(evenings.is_open(at(time)), is_open, "{time}");
        }
        let mornings: Schedule = "00:00 - 6:30".parse().unwrap();
        assert_eq!(mornings.to_string(), "00:00-06:30");
        assert!(mornings.is_open(at("00:00")) && !mornings.is_open(at("06:30")));
    }

    #[test]
    fn what_is_no_schedule_is_told() {
        for text in
            ["", "22:00", "22:00-", "25:00-07:00", "24:01-07:00", "22:60-07:00", "22:0-07:00", "ten-six", "+2-3"]
        {
            assert_eq!(
                text.parse::<Schedule>(),
                Err("give two times of day, such as `22:00-07:00`".to_owned()),
                "{text}"
            );
        }
        for text in ["07:00-07:00", "00:00-24:00"] {
            assert!(text.parse::<Schedule>().unwrap_err().contains("the same"), "{text}");
        }
    }
}
