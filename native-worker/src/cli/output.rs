//! Standard output for results and standard error for everything else; colours where they are wanted.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use stepwise_core::search::CostLedger;

use super::args::ColorWhen;

/// What went well.
pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What went wrong.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What matters less.
pub(super) const FAINT: Style = Style::new().dimmed();

/// Applies `--color` to everything printed from here on; NO_COLOR counts only for `auto`, as its standard asks.
pub(super) fn set_color(when: ColorWhen) {
    match when {
        ColorWhen::Auto => anstream::ColorChoice::Auto,
        ColorWhen::Always => anstream::ColorChoice::AlwaysAnsi,
        ColorWhen::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// `text` in a style, for [`print`] and [`eprint`], which strip it where it is not wanted.
pub(super) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes results to standard output. A reader that has gone away (`| head`) is no error: the exit code still tells
/// the outcome.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

/// Writes one JSON value as one line to standard output.
pub(super) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_string(value).context("cannot write JSON")?;
    line.push('\n');
    // Straight to the raw stream: JSON must not pass through the filter of colour codes.
    let mut out = io::stdout().lock();
    match out.write_all(line.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

/// Writes one line to standard error. Nobody is left to be told when that fails.
pub(super) fn eprint(line: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}

/// Whether a person watches standard error.
pub(super) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Rows as a table: columns padded to their widest cell, numbers to the right where `right` says so.
pub(super) fn table(rows: &[Vec<String>], right: &[bool]) -> String {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|s| s.chars().count()).max();
    let widths: Vec<usize> = (0..n_columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[column] - cell.chars().count());
            match right.get(column) {
                Some(true) => line.extend([pad.as_str(), cell]),
                _ => line.extend([cell, pad.as_str()]),
            }
            line.push_str("  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The ledger in one line, line feed included. What models read and how long they took is told where there were models.
pub(super) fn ledger_line(ledger: &CostLedger) -> String {
    let seconds = |us: u64| us as f64 / 1e6;
    let models = if ledger.prompt_tokens + ledger.critic_tokens + ledger.device_us > 0 {
        format!(
            " ({} read, {} by the critic), {:.1} s of the models' devices",
            ledger.prompt_tokens,
            ledger.critic_tokens,
            seconds(ledger.device_us)
        )
    } else {
        String::new()
    };
    let refused = match ledger.refused {
        0 => String::new(),
        n => format!(" ({n} refused)"),
    };
    let failures = match ledger.policy_failures {
        0 => String::new(),
        n => format!(", {n} of the expansions for nothing, because the policy's server failed"),
    };
    format!(
        "{} expansions, {} tactics ({} timed out, {} crashed), {} tokens{models}, {} rechecks{refused}, {:.1} s of Lean CPU, {:.1} s{failures}\n",
        ledger.expansions,
        ledger.tactics,
        ledger.timeouts,
        ledger.crashes,
        ledger.tokens,
        ledger.rechecks,
        seconds(ledger.lean_cpu_us),
        ledger.wall_ms as f64 / 1e3,
    )
}
