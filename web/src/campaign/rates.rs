//! The plot of pass rates over rounds, with their intervals: one per set of problems that models are measured with.

use std::fmt::Write as _;

use stepwise_core::stats::wilson;
use stepwise_core::wire::campaign::RoundView;

use super::plot::text;
use super::rounds::{configuration, percent, sets};
use stepwise_core::markup::escape_into;

/// Where things stand, in the units of the view box.
const WIDTH: f64 = 680.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 560.0;
const TOP: f64 = 32.0;
const BOTTOM: f64 = 196.0;

/// How far the lines' first and last points are from the ends of the axis.
const MARGIN: f64 = 24.0;

/// What the vertical axis may end at.
const TOPS: [f64; 4] = [0.1, 0.2, 0.5, 1.0];

/// Its steps.
const STEPS: u32 = 5;

/// Rounds that have a label at most.
const MAX_LABELS: u64 = 12;

/// How far two labels, and two intervals of one round, are from each other.
const LINE_HEIGHT: f64 = 15.0;
const APART: f64 = 7.0;

/// A configuration's pass rates.
struct Series<'a> {
    name: &'a str,
    points: Vec<Point>,
}

/// A pass rate with its interval.
#[derive(Clone, Copy)]
struct Point {
    round: u64,
    rate: f64,
    low: f64,
    high: f64,
}

/// The plots, or a sentence where nothing is measured yet.
#[must_use]
pub fn plots(rounds: &[RoundView]) -> String {
    let mut html = String::new();
    for (idx, set) in sets(rounds).into_iter().enumerate() {
        let series = of_set(rounds, set);
        if !series.is_empty() {
            draw(&mut html, idx, set, &series);
        }
    }
    if html.is_empty() { "<p>Nothing is measured yet.</p>".to_owned() } else { html }
}

/// What has been tried of a set, by configuration.
fn of_set<'a>(rounds: &'a [RoundView], set: &str) -> Vec<Series<'a>> {
    let mut all: Vec<Series<'a>> = Vec::new();
    for round in rounds {
        for measured in round.measured.iter().filter(|measured| measured.set == set && measured.tried > 0) {
            let (low, high) = wilson(measured.proved, measured.tried);
            let rate = measured.proved as f64 / measured.tried as f64;
            let point = Point { round: round.round, rate, low, high };
            match all.iter_mut().find(|series| series.name == measured.configuration) {
                Some(series) => series.points.push(point),
                None => all.push(Series { name: &measured.configuration, points: vec![point] }),
            }
        }
    }
    all
}

/// Where a round and a share stand.
struct Axes {
    first: u64,
    last: u64,
    top: f64,
}

impl Axes {
    fn of(series: &[Series<'_>]) -> Self {
        let points = || series.iter().flat_map(|series| &series.points);
        let highest = points().map(|point| point.high).fold(0.0, f64::max);
        Self {
            first: points().map(|point| point.round).min().unwrap_or(1),
            last: points().map(|point| point.round).max().unwrap_or(1),
            top: TOPS.into_iter().find(|top| *top >= highest).unwrap_or(1.0),
        }
    }

    fn x(&self, round: u64) -> f64 {
        let (from, to) = (LEFT + MARGIN, RIGHT - MARGIN);
        match self.last - self.first {
            0 => (from + to) / 2.0,
            n => from + (to - from) * (round - self.first) as f64 / n as f64,
        }
    }

    fn y(&self, share: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * (share / self.top).clamp(0.0, 1.0)
    }
}

fn draw(svg: &mut String, idx: usize, set: &str, series: &[Series<'_>]) {
    let axes = Axes::of(series);
    let _ = write!(
        svg,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"rates-title-{idx} rates-words-{idx}\">\
         <title id=\"rates-title-{idx}\">Pass rate by round, "
    );
    escape_into(svg, set);
    let _ = write!(svg, "</title><desc id=\"rates-words-{idx}\">");
    escape_into(svg, &in_words(series));
    svg.push_str("</desc>");
    for step in 0..=STEPS {
        let share = axes.top * f64::from(step) / f64::from(STEPS);
        let at = axes.y(share);
        let _ = write!(svg, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/>");
        text(svg, LEFT - 8.0, at + 4.0, "end", &format!("{}%", percent(share)));
    }
    let stride = (axes.last - axes.first) / MAX_LABELS + 1;
    for round in (axes.first..=axes.last).step_by(usize::try_from(stride).unwrap_or(1)) {
        text(svg, axes.x(round), BOTTOM + 18.0, "middle", &round.to_string());
    }
    text(svg, (LEFT + RIGHT) / 2.0, HEIGHT - 8.0, "middle", "round");
    text(svg, 4.0, TOP - 14.0, "start", &format!("proved of {set}, with 95% intervals"));
    let mut ends = Vec::new();
    for (kind, series) in series.iter().enumerate() {
        ends.push((line(svg, kind, series, &axes), series.name));
    }
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut above = f64::NEG_INFINITY;
    for (y, name) in ends {
        above = y.max(above + LINE_HEIGHT);
        text(svg, RIGHT + 8.0, above + 4.0, "start", configuration(name));
    }
    svg.push_str("</svg>");
}

/// A configuration's line, and where it ends. One that is measured in the first round alone stays as it was.
fn line(svg: &mut String, kind: usize, series: &Series<'_>, axes: &Axes) -> f64 {
    let kind = kind % 3;
    let place = |point: &Point| (axes.x(point.round) + APART * kind as f64, axes.y(point.rate));
    let mut path = String::new();
    for point in &series.points {
        let (x, y) = place(point);
        let _ = write!(path, "{}{x:.1} {y:.1}", if path.is_empty() { 'M' } else { 'L' });
    }
    let last_y = series.points.last().map_or(BOTTOM, |point| place(point).1);
    let is_baseline = series.points.len() == 1 && axes.last > axes.first;
    let _ = if is_baseline {
        write!(svg, "<path class=\"line rate-{kind} steady\" d=\"{path}H{RIGHT}\"/>")
    } else {
        write!(svg, "<path class=\"line rate-{kind}\" d=\"{path}\"/>")
    };
    for point in &series.points {
        let (x, y) = place(point);
        let (low, high) = (axes.y(point.low), axes.y(point.high));
        let _ = write!(svg, "<path class=\"interval rate-{kind}\" d=\"M{x:.1} {low:.1}V{high:.1}\"/>");
        let _ = write!(svg, "<circle class=\"rate-{kind}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>");
    }
    last_y
}

/// The plot for those who cannot see it: the first and the last rate of each configuration.
fn in_words(series: &[Series<'_>]) -> String {
    let one = |point: &Point| format!("{}% in round {}", percent(point.rate), point.round);
    let told = series.iter().filter_map(|series| {
        let (first, last) = (series.points.first()?, series.points.last()?);
        let name = configuration(series.name);
        Some(match first.round == last.round {
            true => format!("{name}: {}", one(first)),
            false => format!("{name}: {}, {}", one(first), one(last)),
        })
    });
    told.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::super::rounds::tests::{measured, round};
    use super::*;

    #[test]
    fn a_plot_is_xml_and_says_in_words_what_it_shows() {
        let rounds = [
            round(1, vec![measured("bf", 12), measured("portfolio", 17)]),
            round(2, vec![measured("bf", 18), measured("bf+cg", 18)]),
            round(3, Vec::new()),
        ];
        let svg = plots(&rounds);
        let read = roxmltree::Document::parse(&svg).unwrap();
        let of = |tag: &str| read.descendants().filter(|node| node.has_tag_name(tag)).collect::<Vec<_>>();
        let words: Vec<_> = of("desc").into_iter().filter_map(|node| node.text()).collect();
        assert_eq!(
            words,
            ["best-first: 30% in round 1, 45% in round 2; portfolio: 43% in round 1; with critic: 45% in round 2"]
        );
        let names = ["best-first", "with critic", "portfolio"];
        let labels: Vec<f64> = of("text")
            .into_iter()
            .filter(|node| node.text().is_some_and(|text| names.contains(&text)))
            .map(|node| node.attribute("y").unwrap().parse().unwrap())
            .collect();
        assert_eq!(labels.len(), 3);
        assert!(labels.windows(2).all(|two| two[1] - two[0] > LINE_HEIGHT - 0.2), "labels do not overlap: {labels:?}");
        // Four rates, each with its interval.
        assert_eq!(of("circle").len(), 4);
        let intervals = of("path").into_iter().filter(|node| node.attribute("class").unwrap().starts_with("interval"));
        assert_eq!(intervals.count(), 4);
        // The axis ends where the highest interval fits.
        assert!(of("text").iter().any(|node| node.text() == Some("100%")));
    }

    #[test]
    fn nothing_measured_is_a_sentence() {
        assert_eq!(plots(&[round(1, Vec::new())]), "<p>Nothing is measured yet.</p>");
        assert_eq!(plots(&[]), "<p>Nothing is measured yet.</p>");
    }
}
