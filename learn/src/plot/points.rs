//! Plots of points: marks, lines, steps and fitted lines on linear or logarithmic axes, with intervals.

use std::fmt::Write as _;

use super::drawing::{BOTTOM, Drawing, TOP, Words, x, y};
use super::scale::Axis;
use super::svg::{N_COLOURS, dashed, line, mark, text};

/// A plot of points over two axes.
#[derive(Clone, Debug, PartialEq)]
pub struct PointPlot {
    pub title: String,
    /// A line below the heading.
    pub subtitle: String,
    /// All of it in words, for those who cannot see it.
    pub description: String,
    /// What the horizontal axis measures.
    pub x_label: String,
    pub x: Scale,
    /// What the vertical axis measures.
    pub y_label: String,
    pub y: Scale,
    /// What is drawn, the first one at the bottom.
    pub series: Vec<Series>,
    /// Places on the horizontal axis where something begins, each with its name.
    pub divisions: Vec<(f64, String)>,
}

/// How an axis measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// By logarithms; what is not above 0 is not drawn.
    Log,
    /// From 0 on.
    FromZero,
    /// From 0 to 1, labelled in percent.
    Share,
    /// By whole numbers, for example of rounds.
    Whole,
}

/// Points that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// What the legend says behind the name.
    pub note: String,
    /// How it is drawn.
    pub look: Look,
    /// The points, from left to right. A line is broken where one of them is not a number.
    pub points: Vec<Point>,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Marks,
    /// A line through them.
    Line,
    /// A line, and a mark each.
    LineAndMarks,
    /// A line that stays level up to the next point.
    Steps,
    /// A thin neutral line: a fit through other points.
    Fit,
}

/// A point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where it lies on the horizontal axis.
    pub x: f64,
    /// Where it lies on the vertical axis.
    pub y: f64,
    /// The bounds of its interval, lower one first.
    pub interval: Option<(f64, f64)>,
}

impl Point {
    /// No point: a line is broken here.
    pub const BREAK: Self = Self { x: f64::NAN, y: f64::NAN, interval: None };

    /// A point without an interval.
    #[must_use]
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y, interval: None }
    }
}

impl PointPlot {
    /// Draws it.
    #[must_use]
    pub fn draw(&self) -> Drawing {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let x_axis = Axis::around(self.x, points().map(|point| point.x));
        let bounds =
            |point: &Point| point.interval.map_or([point.y; 2], |(low, high)| [low.min(point.y), high.max(point.y)]);
        let y_axis = Axis::around(self.y, points().flat_map(bounds));
        let words = Words {
            title: &self.title,
            subtitle: &self.subtitle,
            description: &self.description,
            x_label: &self.x_label,
            y_label: &self.y_label,
        };
        let mut drawing = Drawing::begin(&words, &y_axis);
        for tick in x_axis.ticks() {
            drawing.x_tick(x(&x_axis, tick.value), &tick.label);
        }
        for (place, name) in &self.divisions {
            let x = x(&x_axis, *place);
            line(drawing.body(), "grid", &format!("M{x:.1} {TOP}V{BOTTOM}"));
            text(drawing.body(), x + 1.0, TOP - 4.0, "faint number", "start", name);
        }
        for (idx, series) in self.series.iter().enumerate() {
            let is_drawn = |point: &&Point| {
                let is_on = |scale: Scale, value: f64| value.is_finite() && (scale != Scale::Log || value > 0.0);
                is_on(self.x, point.x) && is_on(self.y, point.y)
            };
            let is_break = |point: &Point| point.x.is_nan() || point.y.is_nan();
            let _ = writeln!(drawing.body(), "<g class=\"c{}\">", idx % N_COLOURS);
            for points in series.points.split(is_break) {
                let points: Vec<&Point> = points.iter().filter(is_drawn).collect();
                draw_series(drawing.body(), idx, series.look, &points, &x_axis, &y_axis);
            }
            drawing.body().push_str("</g>\n");
        }
        for (idx, series) in self.series.iter().enumerate() {
            drawing.legend_row(&series.name, &series.note, |svg, x, y| sample(svg, idx, series.look, x, y));
        }
        drawing
    }
}

fn draw_series(svg: &mut String, idx: usize, look: Look, points: &[&Point], x_axis: &Axis, y_axis: &Axis) {
    let mut path = String::new();
    for point in points {
        let (x, y) = (x(x_axis, point.x), y(y_axis, point.y));
        let _ = match look {
            _ if path.is_empty() => write!(path, "M{x:.1} {y:.1}"),
            Look::Steps => write!(path, "H{x:.1}V{y:.1}"),
            Look::Marks | Look::Line | Look::LineAndMarks | Look::Fit => write!(path, "L{x:.1} {y:.1}"),
        };
    }
    match look {
        _ if path.is_empty() => {}
        Look::Fit => line(svg, "fit", &path),
        Look::Line | Look::LineAndMarks | Look::Steps => dashed(svg, idx, &path),
        Look::Marks => {}
    }
    for point in points {
        let (x, middle) = (x(x_axis, point.x), y(y_axis, point.y));
        if let Some((low, high)) = point.interval {
            let (low, high) = (y(y_axis, low), y(y_axis, high));
            let caps = format!("M{:.1} {low:.1}h6M{:.1} {high:.1}h6", x - 3.0, x - 3.0);
            line(svg, "interval", &format!("M{x:.1} {low:.1}V{high:.1}{caps}"));
        }
        if matches!(look, Look::Marks | Look::LineAndMarks) {
            mark(svg, idx, x, middle);
        }
    }
}

/// What stands before a name in the legend.
fn sample(svg: &mut String, idx: usize, look: Look, x: f64, y: f64) {
    let path = format!("M{} {y}h36", x - 18.0);
    let _ = writeln!(svg, "<g class=\"c{}\">", idx % N_COLOURS);
    match look {
        Look::Fit => line(svg, "fit", &path),
        Look::Line | Look::LineAndMarks | Look::Steps => dashed(svg, idx, &path),
        Look::Marks => {}
    }
    if matches!(look, Look::Marks | Look::LineAndMarks) {
        mark(svg, idx, x, y);
    }
    svg.push_str("</g>\n");
}
