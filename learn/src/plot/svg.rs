//! The parts that all plots are made of: text, lines, dashes, markers, and what XML needs escaped.

use std::fmt::Write as _;

/// The style sheet of all plots: colours that follow the reader's light or dark scheme. A document from [`StepPlot`] or
/// [`Drawing::document`] carries it; a page that holds inline drawings has it once.
///
/// [`StepPlot`]: super::StepPlot
/// [`Drawing::document`]: super::Drawing::document
pub const STYLE: &str = include_str!("style.css");

/// Longer names would leave the page.
const MAX_NAME_CHARS: usize = 20;

/// Numbers of colours, dashes and markers have no common divisor, so that two curves look alike only after 210.
pub(super) const N_COLOURS: usize = 6;
pub(super) const DASHES: [&str; 5] = ["none", "7 4", "2 3", "11 4 2 4", "16 5"];
pub(super) const MARKERS: [&str; 7] = [
    "m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
    "m-4 -4h8v8h-8z",
    "m0 -5.5l5.2 9h-10.4z",
    "m0 -5.8l5.8 5.8l-5.8 5.8l-5.8 -5.8z",
    "m0 5.5l5.2 -9h-10.4z",
    "m-1.7 -5h3.4v3.3h3.3v3.4h-3.3v3.3h-3.4v-3.3h-3.3v-3.4h3.3z",
    "m-2.8 -4.8h5.6l2.8 4.8l-2.8 4.8h-5.6l-2.8 -4.8z",
];

pub(super) fn text(svg: &mut String, x: f64, y: f64, class: &str, anchor: &str, content: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let anchor = if anchor == "start" { String::new() } else { format!(" text-anchor=\"{anchor}\"") };
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\"{class}{anchor}>{}</text>", escaped(content));
}

pub(super) fn line(svg: &mut String, class: &str, path: &str) {
    let _ = writeln!(svg, "<path class=\"{class}\" d=\"{path}\"/>");
}

pub(super) fn dashed(svg: &mut String, idx: usize, path: &str) {
    let dash = DASHES[idx % DASHES.len()];
    let _ = writeln!(svg, "<path class=\"curve\" stroke-dasharray=\"{dash}\" d=\"{path}\"/>");
}

pub(super) fn mark(svg: &mut String, idx: usize, x: f64, y: f64) {
    let shape = MARKERS[idx % MARKERS.len()];
    line(svg, "mark", &format!("M{x:.1} {y:.1}{shape}"));
}

pub(super) fn shortened(name: &str) -> String {
    shortened_to(name, MAX_NAME_CHARS)
}

pub(super) fn shortened_to(text: &str, n_chars: usize) -> String {
    match text.char_indices().nth(n_chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Text as XML holds it. Characters that XML 1.0 cannot hold at all become the replacement character.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
