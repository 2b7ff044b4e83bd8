//! The plot of solved problems against what they cost, on logarithmic axes.

use std::fmt::Write as _;

use stepwise_core::wire::campaign::CurvePoint;

use super::words::{cpu, number};
use stepwise_core::markup::escape_into;

/// Where things stand, in the units of the view box.
const WIDTH: f64 = 680.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 560.0;
const TOP: f64 = 32.0;
const BOTTOM: f64 = 268.0;

/// Up to so many powers of ten, 2 and 5 times of each have a label too.
const FEW: i32 = 2;

/// Labels that an axis has at most.
const MAX_TICKS: i32 = 8;

/// A logarithmic axis from one power of ten to another.
struct Axis {
    /// Exponents of its ends.
    low: i32,
    high: i32,
    /// Where its ends lie.
    from: f64,
    to: f64,
}

impl Axis {
    /// The shortest that holds these values, which are above 0.
    fn around(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        let low = if low.is_finite() { low.log10().floor() as i32 } else { 0 };
        let high = if high > 0.0 { high.log10().ceil() as i32 } else { 1 };
        Self { low, high: high.max(low + 1), from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        self.from + (self.to - self.from) * share.clamp(0.0, 1.0)
    }

    /// The values that have a label.
    fn ticks(&self) -> Vec<f64> {
        let n = self.high - self.low;
        let stride = (n + MAX_TICKS - 1) / MAX_TICKS;
        let powers = (self.low..=self.high).step_by(usize::try_from(stride).unwrap_or(1).max(1));
        let within: &[f64] = if n <= FEW { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let ticks = powers.flat_map(|power| within.iter().map(move |digit| digit * 10_f64.powi(power)));
        ticks.filter(|value| *value <= 10_f64.powi(self.high) * 1.001).collect()
    }
}

/// What is solved at a point, and what its line is called.
type Line = (&'static str, fn(&CurvePoint) -> u64);

/// The lines, the first one drawn solid.
const LINES: [Line; 2] = [("proved", |point| point.proved), ("disproved", |point| point.disproved)];

/// The plot, or a sentence where nothing is solved yet.
#[must_use]
pub fn plot(points: &[CurvePoint]) -> String {
    let of = |line: Line| points.iter().filter(move |point| (line.1)(point) > 0 && point.cpu_ms > 0);
    let shown: Vec<Line> = LINES.into_iter().filter(|line| of(*line).next().is_some()).collect();
    let Some(last) = points.last().filter(|_| !shown.is_empty()) else {
        return "<p>Nothing is solved yet.</p>".to_owned();
    };
    let is_long = last.cpu_ms >= 36_000_000;
    let time = |point: &CurvePoint| point.cpu_ms as f64 / if is_long { 3_600_000.0 } else { 1000.0 };
    let x = Axis::around(shown.iter().flat_map(|line| of(*line)).map(time), LEFT, RIGHT);
    let counts = shown.iter().flat_map(|line| of(*line).map(|point| (line.1)(point) as f64));
    let y = Axis::around(counts, BOTTOM, TOP);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"plot-title plot-words\">\
         <title id=\"plot-title\">Solved problems against CPU time</title><desc id=\"plot-words\">"
    );
    escape_into(&mut svg, &in_words(points, last));
    svg.push_str("</desc>");
    for value in y.ticks() {
        let at = y.place(value);
        let _ = write!(svg, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/>");
        text(&mut svg, LEFT - 8.0, at + 4.0, "end", &label(value));
    }
    for value in x.ticks() {
        let at = x.place(value);
        let _ = write!(svg, "<path class=\"grid\" d=\"M{at:.1} {TOP}V{}\"/>", BOTTOM + 5.0);
        text(&mut svg, at, BOTTOM + 20.0, "middle", &label(value));
    }
    let unit = if is_long { "CPU time, hours" } else { "CPU time, seconds" };
    text(&mut svg, (LEFT + RIGHT) / 2.0, HEIGHT - 10.0, "middle", unit);
    text(&mut svg, 4.0, TOP - 14.0, "start", "solved problems");
    for line in &shown {
        draw(&mut svg, *line, of(*line), last, |point| (x.place(time(point)), y.place((line.1)(point) as f64)));
    }
    svg.push_str("</svg>");
    svg
}

/// A line that stays level up to the next point, with its name at its end.
fn draw<'p>(
    svg: &mut String,
    line: Line,
    points: impl Iterator<Item = &'p CurvePoint>,
    last: &CurvePoint,
    place: impl Fn(&CurvePoint) -> (f64, f64),
) {
    let mut path = String::new();
    let mut first = None;
    for point in points {
        let (x, y) = place(point);
        let _ = if path.is_empty() { write!(path, "M{x:.1} {y:.1}") } else { write!(path, "H{x:.1}V{y:.1}") };
        first.get_or_insert((x, y));
    }
    let _ = write!(svg, "<path class=\"line {}\" d=\"{path}\"/>", line.0);
    if let Some((x, y)) = first {
        let _ = write!(svg, "<circle class=\"{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>", line.0);
    }
    let (x, y) = place(last);
    let _ = write!(svg, "<circle class=\"{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>", line.0);
    text(svg, x + 10.0, y + 4.0, "start", &format!("{} {}", number((line.1)(last)), line.0));
}

/// A text at a place.
pub(super) fn text(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">");
    escape_into(svg, text);
    svg.push_str("</text>");
}

/// A round number.
fn label(value: f64) -> String {
    if value >= 1.0 { number(value.round() as u64) } else { format!("{value:.6}").trim_end_matches('0').to_owned() }
}

/// The plot for those who cannot see it: how much had been spent when a tenth, half and all of it was solved.
fn in_words(points: &[CurvePoint], last: &CurvePoint) -> String {
    let solved = |point: &CurvePoint| point.proved + point.disproved;
    let mut parts = Vec::new();
    for (share, name) in [(10, "a tenth"), (2, "half"), (1, "all")] {
        let wanted = solved(last).div_ceil(share);
        if let Some(point) = points.iter().find(|point| solved(point) >= wanted) {
            parts.push(format!("{} after {} ({name})", number(solved(point)), cpu(point.cpu_ms)));
        }
    }
    format!("Solved: {}; spent so far: {}", parts.join(", "), cpu(last.cpu_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(cpu_ms: u64, proved: u64, disproved: u64) -> CurvePoint {
        CurvePoint { at_ms: 0, searches: proved, cpu_ms, proved, disproved }
    }

    #[test]
    fn a_plot_is_xml_and_says_in_words_what_it_shows() {
        let points = [point(100, 1, 0), point(2_000, 5, 0), point(5_000, 8, 1), point(60_000, 8, 2)];
        let svg = plot(&points);
        let read = roxmltree::Document::parse(&svg).unwrap();
        let texts: Vec<&str> =
            read.descendants().filter(|node| node.has_tag_name("text")).filter_map(|node| node.text()).collect();
        assert!(texts.contains(&"8 proved") && texts.contains(&"2 disproved"), "{texts:?}");
        let words = read.descendants().find(|node| node.has_tag_name("desc")).and_then(|node| node.text());
        assert_eq!(
            words,
            Some("Solved: 1 after 0.1 s (a tenth), 5 after 2.0 s (half), 10 after 60.0 s (all); spent so far: 60.0 s")
        );
    }

    #[test]
    fn nothing_solved_is_a_sentence() {
        assert_eq!(plot(&[]), "<p>Nothing is solved yet.</p>");
        assert_eq!(plot(&[point(100, 0, 0)]), "<p>Nothing is solved yet.</p>");
    }

    #[test]
    fn an_axis_holds_its_values_and_has_round_labels() {
        let axis = Axis::around([3.0, 40.0].into_iter(), 0.0, 100.0);
        assert_eq!((axis.low, axis.high, axis.ticks()), (0, 2, vec![1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]));
        assert_eq!([axis.place(1.0), axis.place(10.0), axis.place(100.0)], [0.0, 50.0, 100.0]);
        assert_eq!(Axis::around([7.0].into_iter(), 0.0, 1.0).ticks().len(), 4);
        assert_eq!(Axis::around([0.01, 1e7].into_iter(), 0.0, 1.0).ticks().len(), 5);
        assert_eq!([0.05, 0.5, 1.0, 5000.0].map(label), ["0.05", "0.5", "1", "5\u{202f}000"]);
    }
}
