//! Values of flags that clap has no parser for.

use std::net::SocketAddr;
use std::time::Duration;

/// A length of time that may be unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seconds(pub Option<Duration>);

/// A number that may be unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count(pub Option<u64>);

/// How many Lean processes run; `None` is one per core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hosts(pub Option<u32>);

impl Hosts {
    /// The number, where `auto` is one per core.
    pub(in crate::cli) fn count(self) -> usize {
        match self.0 {
            Some(n) => n as usize,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

pub(super) fn at_least_one(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(n) if n >= 1 => Ok(n),
        _ => Err("give a whole number of at least 1".into()),
    }
}

pub(super) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "give a numeric address and a port, such as `127.0.0.1:7880` or `0.0.0.0:7880`".into())
}

pub(super) fn parse_account(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "give the account's number, which `stepwise campaign status` and the page show".into())
}

pub(super) fn or_auto<T>(text: &str, parse: fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if text == "auto" {
        return Ok(None);
    }
    parse(text).map(Some).map_err(|e| format!("{e}, or `auto`"))
}

pub(super) fn parse_count(text: &str) -> Result<Count, String> {
    if text == "none" {
        return Ok(Count(None));
    }
    match text.parse() {
        Ok(n) if n >= 1 => Ok(Count(Some(n))),
        _ => Err("give a whole number of at least 1, or `none`".into()),
    }
}

pub(super) fn parse_seconds(text: &str) -> Result<Seconds, String> {
    if text == "none" {
        return Ok(Seconds(None));
    }
    parse_step(text).map(|d| Seconds(Some(d))).map_err(|e| format!("{e}, or `none`"))
}

pub(super) fn parse_temperature(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(t) if (0.0..=100.0).contains(&t) => Ok(t),
        _ => Err("give a number from 0 to 100".into()),
    }
}

pub(super) fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(a) if (0.0..=1.0).contains(&a) => Ok(a),
        _ => Err("give a number from 0 to 1".into()),
    }
}

pub(super) fn parse_hosts(text: &str) -> Result<Hosts, String> {
    or_auto(text, at_least_one).map(Hosts)
}

/// `1d`, `2h`, `30m`, `45s`, or several of them.
pub(super) fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong = || "give a time such as `2h`, `30m` or `1h30m`".to_owned();
    let (mut seconds, mut rest) = (0u64, text);
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = rest[..unit].parse().map_err(|_| wrong())?;
        let factor = match rest.as_bytes()[unit] {
            b'd' => 24 * 60 * 60,
            b'h' => 60 * 60,
            b'm' => 60,
            b's' => 1,
            _ => return Err(wrong()),
        };
        seconds = number.checked_mul(factor).and_then(|more| seconds.checked_add(more)).ok_or_else(wrong)?;
        rest = &rest[unit + 1..];
    }
    if seconds == 0 || seconds > 366 * 24 * 60 * 60 {
        return Err("give a time from a second to a year, such as `2h`".to_owned());
    }
    Ok(Duration::from_secs(seconds))
}

/// Below a millisecond the log could not tell the times apart; above a year a clock sum could overflow.
pub(super) fn parse_step(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(s) if (0.001..=31_536_000.0).contains(&s) => Ok(Duration::from_secs_f64(s)),
        _ => Err("give a number of seconds above 0".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_by_their_units() {
        let seconds = |text: &str| parse_span(text).map(|time| time.as_secs());
        assert_eq!(seconds("2h"), Ok(7200));
        assert_eq!(seconds("1h30m"), Ok(5400));
        assert_eq!(seconds("1d1s"), Ok(86_401));
        for text in ["", "0h", "2", "h", "2x", "2h3", "ℕ", "-2h", "400d", "99999999999999999999h"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }
}
