//! Numbers, times and states as the Campaign page says them.

use stepwise_core::wire::campaign::{Standing, State, TimeLeft, WorkerState};

pub use stepwise_core::markup::number;

/// How long something takes, in two units at most: `2 h 5 min`.
#[must_use]
pub fn span(seconds: u64) -> String {
    let two = |large: u64, unit: &str, small: u64, subunit: &str| {
        if small == 0 { format!("{large} {unit}") } else { format!("{large} {unit} {small} {subunit}") }
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// Time of processors: `1.2 s`, `3.4 h`.
#[must_use]
pub fn cpu(ms: u64) -> String {
    let seconds = ms as f64 / 1000.0;
    match ms {
        0..1_000_000 => format!("{seconds:.1} s"),
        1_000_000..100_000_000 => format!("{:.1} h", seconds / 3600.0),
        _ => format!("{} h", number(ms / 3_600_000)),
    }
}

/// How long a stage may still take.
#[must_use]
pub fn left(left: Option<TimeLeft>) -> String {
    match left {
        None => "nothing can be said yet".to_owned(),
        Some(TimeLeft { from_s, to_s }) => {
            let (from, to) = (coarse(from_s), coarse(to_s));
            if from == to { format!("about {from}") } else { format!("{from} to {to}") }
        }
    }
}

/// A time that is a guess, in one unit.
fn coarse(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", number(seconds / 86_400)),
    }
}

/// A campaign's state: its class, its glyph and its word.
#[must_use]
pub fn campaign(state: State) -> (&'static str, char, &'static str) {
    let (class, glyph) = match state {
        State::Running => ("good", '●'),
        State::Paused => ("alarm", '‖'),
        State::Finishing => ("busy", '◐'),
        State::Halted => ("bad", '✗'),
        State::Done => ("faint", '■'),
    };
    (class, glyph, state.in_words())
}

/// A worker's state: its class, its glyph and its word.
#[must_use]
pub fn worker(state: WorkerState) -> (&'static str, char, &'static str) {
    match state {
        WorkerState::Working => ("good", '●', "working"),
        WorkerState::Idle => ("faint", '○', "idle"),
        WorkerState::Stalled => ("alarm", '◷', "stalled"),
        WorkerState::Paused => ("faint", '‖', "paused"),
        WorkerState::Leaving => ("busy", '◐', "leaving"),
        WorkerState::Blocked => ("bad", '✗', "blocked"),
    }
}

/// A problem's standing: its class, its glyph and its word.
#[must_use]
pub fn standing(standing: Standing) -> (&'static str, char, &'static str) {
    match standing {
        Standing::Open => ("plain", '○', "open"),
        Standing::Proved => ("good", '✔', "proved"),
        Standing::Disproved => ("busy", '⊘', "disproved"),
    }
}

/// A state as HTML: the word is what is read, the glyph and the colour are beside it.
#[must_use]
pub fn badge((class, glyph, word): (&str, char, &str)) -> String {
    format!("<span class=\"{class}\"><span class=\"glyph\" aria-hidden=\"true\">{glyph}</span>{word}</span>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_read_at_a_glance() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        assert_eq!([0, 59, 60, 61, 3600, 7500].map(span), ["0 s", "59 s", "1 min", "1 min 1 s", "1 h", "2 h 5 min"]);
        assert_eq!(span(90_000), "1 d 1 h");
        assert_eq!(
            [0, 1240, 999_999, 5_400_000, 7_200_000_000].map(cpu),
            ["0.0 s", "1.2 s", "1000.0 s", "1.5 h", "2\u{202f}000 h"]
        );
    }

    #[test]
    fn a_guess_has_one_unit_and_a_range() {
        assert_eq!(left(None), "nothing can be said yet");
        assert_eq!(left(Some(TimeLeft { from_s: 100, to_s: 8000 })), "100 s to 2 h");
        assert_eq!(left(Some(TimeLeft { from_s: 3610, to_s: 3655 })), "about 60 min");
    }
}
