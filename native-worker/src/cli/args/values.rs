//! Values of flags that clap has no parser for.

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

pub(super) fn at_least_one(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(n) if n >= 1 => Ok(n),
        _ => Err("give a whole number of at least 1".into()),
    }
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

/// A length of time with its unit: `30s`, `15m`, `2h`, `7d`.
pub(super) fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong = || "give a whole number with its unit: 30s, 15m, 2h or 7d".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let span = Duration::from_secs(u64::from(number) * seconds);
    if span.is_zero() || span > Duration::from_secs(3660 * 86_400) { Err(wrong()) } else { Ok(span) }
}

/// Below a millisecond the log could not tell the times apart; above a year a clock sum could overflow.
pub(super) fn parse_step(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(s) if (0.001..=31_536_000.0).contains(&s) => Ok(Duration::from_secs_f64(s)),
        _ => Err("give a number of seconds above 0".into()),
    }
}
