//! Reports and comparisons as tables of text, for terminals and for pasting.

use stepwise_core::stats::Estimate;

use super::compare::Comparison;
use super::figures::Bound;
use super::report::{Report, Row, State};

/// What a table's columns are called, and which of them are numbers.
pub const COLUMNS: [(&str, bool); 9] = [
    ("", false),
    ("median", true),
    ("spread", true),
    ("n", true),
    ("GB/s", true),
    ("Gop/s", true),
    ("of the peak", true),
    ("cold", true),
    ("", false),
];

/// What a report is about, in lines: the device, the run, and whether it is ranked.
#[must_use]
pub fn heading(report: &Report) -> [String; 3] {
    let Report { adapter, plan, .. } = report;
    let driver = [&adapter.driver, &adapter.driver_info].map(String::as_str).join(" ");
    let driver = if driver.trim().is_empty() { String::new() } else { format!(", {}", driver.trim()) };
    let software = if adapter.is_software { ", a program on the CPU: these figures rank no GPU" } else { "" };
    let place = report.browser.as_ref().map_or(String::new(), |browser| format!(", {browser}"));
    [
        format!("{} ({}{driver}){software}", adapter.name, adapter.backend),
        match report.is_of_llama_bench() {
            true => {
                format!("llama-bench of llama.cpp {} in {:.0} s on {}", report.program, report.seconds, report.machine)
            }
            false => format!(
                "plan {} in {:.0} s; stepwise {} ({}) on {}{place}",
                plan.name, report.seconds, report.program, report.build, report.machine
            ),
        },
        match report.verdict.ranked {
            true => "ranked: every row is right, and the run was steady".to_owned(),
            false => format!("not ranked: {}", report.verdict.reasons.join("; ")),
        },
    ]
}

/// The rows of a report, a cell for each of [`COLUMNS`].
#[must_use]
pub fn rows(report: &Report) -> Vec<Vec<String>> {
    report.rows.iter().map(cells).collect()
}

fn cells(row: &Row) -> Vec<String> {
    let remark = match &row.state {
        State::Right => match row.figures.and_then(|figures| figures.drift) {
            Some(drift) if (drift - 1.0).abs() > super::verdict::MAX_DRIFT => {
                let drifted = format!("drifted by {:+.0}%", 100.0 * (drift - 1.0));
                speed(row).map_or(drifted.clone(), |speed| format!("{speed}, {drifted}"))
            }
            _ => speed(row).unwrap_or_default(),
        },
        State::Pending => "not reached".to_owned(),
        State::Wrong { reason } => format!("wrong: {reason}"),
        State::NotMeasured { reason } => format!("not measured: {reason}"),
    };
    let of = |cell: Option<String>| cell.unwrap_or_else(|| "-".to_owned());
    let figures = row.figures;
    // Bytes are counted for what is bound by memory, operations for what computes.
    let giga = |rate: Option<f64>| rate.map(|rate| number(rate / 1e9));
    let is_any = |kinds: &[&str]| row.is_of_models() || kinds.contains(&row.kind.as_str());
    let bytes = figures.filter(|_| is_any(&["copy"])).and_then(|f| giga(f.bytes_per_second));
    let operations = figures.filter(|_| is_any(&["fma", "dot"])).and_then(|f| giga(f.flops_per_second));
    let share = figures.and_then(|f| f.share).map(|(bound, share)| {
        let bound = match bound {
            Bound::Memory => "memory",
            Bound::Arithmetic => "f32",
        };
        format!("{:.0}% {bound}", 100.0 * share)
    });
    vec![
        row.name.clone(),
        of(figures.map(|f| seconds(f.median))),
        of(figures.map(|f| format!("{:.1}%", 100.0 * f.spread()))),
        of(figures.map(|f| f.n.to_string())),
        of(bytes),
        of(operations),
        of(share),
        of(row.cold_seconds.filter(|_| figures.is_some()).map(seconds)),
        remark,
    ]
}

/// What a whole model does in a second: a critic's states, or tokens.
fn speed(row: &Row) -> Option<String> {
    let (tokens, figures) = (row.tokens?, row.figures?);
    Some(match row.kind.as_str() {
        "score" => format!("{} states/s", number(1.0 / figures.median)),
        _ => format!("{} tokens/s", number(f64::from(tokens) / figures.median)),
    })
}

/// A report as Markdown, for pasting.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut text = heading(report).iter().map(|line| format!("{}  \n", escaped(line))).collect::<String>();
    text.push('\n');
    let head: Vec<String> = COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();
    text + &markdown_table(&head, &COLUMNS.map(|(_, is_number)| is_number), &rows(report))
}

/// The head of a comparison's table; all columns but the first are numbers.
#[must_use]
pub fn compared_head(comparison: &Comparison) -> Vec<String> {
    let first = comparison.names.first().map(String::as_str).unwrap_or_default();
    let others = comparison.names.iter().skip(1).flat_map(|name| [name.clone(), "times as fast".to_owned()]);
    ["", first].map(str::to_owned).into_iter().chain(others).collect()
}

/// The rows of a comparison, the mean over what models do last.
#[must_use]
pub fn compared_rows(comparison: &Comparison) -> Vec<Vec<String>> {
    let cell = |time: Option<f64>| time.map_or_else(|| "-".to_owned(), seconds);
    let mut rows: Vec<Vec<String>> = comparison
        .rows
        .iter()
        .map(|row| {
            let mut cells = vec![row.name.clone(), cell(row.medians.first().copied().flatten())];
            for (median, ratio) in row.medians.iter().skip(1).zip(&row.ratios) {
                cells.extend([cell(*median), estimate(*ratio)]);
            }
            cells
        })
        .collect();
    let mut last = vec!["what models do, geometric mean".to_owned(), String::new()];
    last.extend(comparison.means.iter().flat_map(|mean| [String::new(), estimate(*mean)]));
    rows.push(last);
    rows
}

/// What stands under a comparison: why reports are not ranked, and what else makes them unlike.
#[must_use]
pub fn compared_remarks(comparison: &Comparison) -> Vec<String> {
    let unranked = comparison.names.iter().zip(&comparison.reasons).filter(|(_, reasons)| !reasons.is_empty());
    let mut lines: Vec<String> =
        unranked.map(|(name, reasons)| format!("{name} is not ranked: {}", reasons.join("; "))).collect();
    if !comparison.other_kernels.is_empty() {
        lines.push(format!("not the same kernels: {}", comparison.other_kernels.join(", ")));
    }
    lines.push(
        "in brackets the 95% interval of what a run's own samples leave open; another run may differ by more"
            .to_owned(),
    );
    lines
}

/// A comparison as Markdown, for pasting.
#[must_use]
pub fn compared_markdown(comparison: &Comparison) -> String {
    let head = compared_head(comparison);
    let is_number: Vec<bool> = (0..head.len()).map(|column| column > 0).collect();
    let remarks = compared_remarks(comparison).iter().map(|line| format!("{}  \n", escaped(line))).collect::<String>();
    format!("{}\n{remarks}", markdown_table(&head, &is_number, &compared_rows(comparison)))
}

fn markdown_table(head: &[String], is_number: &[bool], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule: Vec<&str> = is_number.iter().map(|is_number| if *is_number { "--:" } else { "---" }).collect();
    let body: String = rows.iter().map(|row| line(row)).collect();
    format!("{}|{}|\n{body}", line(head), rule.join("|"))
}

/// Text in which Markdown means nothing: an adapter's name comes from outside.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '\\' | '#' => escaped.extend(['\\', c]),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

fn estimate(ratio: Option<Estimate>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |r| format!("{:.2} [{:.2}, {:.2}]", r.value, r.low, r.high))
}

/// A time in the unit that suits it.
fn seconds(seconds: f64) -> String {
    match seconds {
        ..1e-3 => format!("{} µs", number(seconds * 1e6)),
        ..1.0 => format!("{} ms", number(seconds * 1e3)),
        _ => format!("{} s", number(seconds)),
    }
}

/// Three digits.
pub(super) fn number(x: f64) -> String {
    match x {
        ..10.0 => format!("{x:.2}"),
        ..100.0 => format!("{x:.1}"),
        _ => format!("{x:.0}"),
    }
}
