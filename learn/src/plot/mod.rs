//! Plots as SVG text: steps that count how many of a set lie below a value, points with lines and intervals, and bars.
//!
//! Written by hand, because the file is to be read by everybody: colours that follow the reader's light or dark scheme,
//! dashes and markers for those who do not see the colours, a title and a description for those who see none of it,
//! and text that stays text.

mod bars;
mod drawing;
mod points;
mod scale;
mod svg;

pub use bars::{Arrangement, BarPlot, BarSeries};
pub use drawing::Drawing;
pub use points::{Look, Point, PointPlot, Scale, Series};
pub use svg::STYLE;
pub(crate) use svg::escaped;

use std::fmt::Write as _;

use self::scale::LogScale;
use self::svg::{N_COLOURS, dashed, line, mark, shortened, text};

/// A plot of curves that count up to a common total.
#[derive(Clone, Debug, PartialEq)]
pub struct StepPlot {
    pub title: String,
    /// A line below the heading.
    pub subtitle: String,
    /// All of it in words, for those who cannot see it.
    pub description: String,
    /// What the horizontal axis measures; it is logarithmic.
    pub x_label: String,
    /// What the vertical axis counts.
    pub y_label: String,
    /// The most that can be counted: the upper end of the vertical axis.
    pub total: u64,
    /// The curves; the first one is drawn solid.
    pub curves: Vec<Curve>,
}

/// A curve: it rises by one at each of its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// A line below its name.
    pub note: String,
    /// The values, rising; each above 0.
    pub values: Vec<f64>,
}

/// Where things stand, in the units of the view box.
const WIDTH: f64 = 800.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 556.0;
const TOP: f64 = 100.0;
const BOTTOM: f64 = 400.0;
const LEGEND: f64 = 584.0;
const LEGEND_ROW: f64 = 42.0;

/// A curve carries this many markers at most, besides the one at its end.
const MAX_MARKS: usize = 6;
const END_SPACING: f64 = 16.0;

impl StepPlot {
    /// The plot as a complete SVG document.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let scale = LogScale::around(self.curves.iter().flat_map(|curve| curve.values.iter().copied()));
        let height = (BOTTOM + 60.0).max(TOP + LEGEND_ROW * self.curves.len() as f64 + 16.0);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
             height=\"{height}\" role=\"img\" aria-labelledby=\"title desc\">\n\
             <title id=\"title\">{}</title>\n<desc id=\"desc\">{}</desc>\n<style>\n{}</style>\n\
             <rect class=\"surface\" width=\"{WIDTH}\" height=\"{height}\"/>\n",
            escaped(&self.title),
            escaped(&self.description),
            STYLE,
        );
        text(&mut svg, 20.0, 34.0, "title", "start", &self.title);
        text(&mut svg, 20.0, 55.0, "faint", "start", &self.subtitle);
        self.axes(&mut svg, &scale);
        (0..self.curves.len()).for_each(|idx| self.curve(&mut svg, &scale, idx));
        // No line crosses a marker.
        (0..self.curves.len()).for_each(|idx| self.marks(&mut svg, &scale, idx));
        self.legend(&mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    fn y(&self, count: u64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * count as f64 / self.total.max(1) as f64
    }

    fn axes(&self, svg: &mut String, scale: &LogScale) {
        for count in scale::count_ticks(self.total) {
            let y = self.y(count);
            let class = if count == 0 { "axis" } else { "grid" };
            line(svg, class, &format!("M{LEFT} {y:.1}H{RIGHT}"));
            text(svg, LEFT - 8.0, y + 4.0, "faint number", "end", &count.to_string());
        }
        for tick in &scale.ticks {
            let x = x(scale, tick.value);
            line(svg, "axis", &format!("M{x:.1} {BOTTOM}v5"));
            text(svg, x, BOTTOM + 20.0, "faint number", "middle", &tick.label);
        }
        text(svg, 20.0, TOP - 16.0, "faint", "start", &self.y_label);
        text(svg, (LEFT + RIGHT) / 2.0, BOTTOM + 42.0, "faint", "middle", &self.x_label);
    }

    /// Where a curve rises, and to what.
    fn steps(&self, scale: &LogScale, curve: &Curve) -> Vec<(f64, f64)> {
        curve.values.iter().zip(1..).map(|(value, count)| (x(scale, *value), self.y(count))).collect()
    }

    fn curve(&self, svg: &mut String, scale: &LogScale, idx: usize) {
        let curve = &self.curves[idx];
        let steps = self.steps(scale, curve);
        let mut path = format!("M{:.1} {BOTTOM}", steps.first().map_or(LEFT, |(x, _)| *x));
        for (x, y) in &steps {
            let _ = write!(path, "H{x:.1}V{y:.1}");
        }
        let _ = write!(path, "H{RIGHT}");
        let _ = writeln!(svg, "<g class=\"c{}\"><title>{}</title>", idx % N_COLOURS, escaped(&curve.name));
        dashed(svg, idx, &path);
        svg.push_str("</g>\n");
    }

    /// Markers along a curve, and one at its end.
    fn marks(&self, svg: &mut String, scale: &LogScale, idx: usize) {
        let steps = self.steps(scale, &self.curves[idx]);
        // Spread evenly, and shifted from curve to curve, so that curves that run together show both their markers.
        let n_marks = steps.len().min(MAX_MARKS);
        let shift = (idx as f64 + 0.5) / self.curves.len() as f64;
        let _ = writeln!(svg, "<g class=\"c{}\">", idx % N_COLOURS);
        for n in 0..n_marks {
            let (x, y) = steps[((n as f64 + shift) * steps.len() as f64 / n_marks as f64) as usize];
            mark(svg, idx, x, y);
        }
        // Side by side, because ends lie close together.
        let last_x = steps.last().map_or(LEFT, |(x, _)| *x);
        mark(svg, idx, (RIGHT - END_SPACING * idx as f64).max(last_x), self.y(steps.len() as u64));
        svg.push_str("</g>\n");
    }

    /// The legend, in the order in which the curves end from above.
    fn legend(&self, svg: &mut String) {
        let mut order: Vec<usize> = (0..self.curves.len()).collect();
        order.sort_by_key(|idx| std::cmp::Reverse(self.curves[*idx].values.len()));
        for (row, idx) in order.into_iter().enumerate() {
            let curve = &self.curves[idx];
            let y = TOP + LEGEND_ROW * row as f64;
            let _ = writeln!(svg, "<g class=\"c{}\">", idx % N_COLOURS);
            dashed(svg, idx, &format!("M{LEGEND} {y}h36"));
            mark(svg, idx, LEGEND + 18.0, y);
            svg.push_str("</g>\n");
            text(svg, LEGEND + 46.0, y + 4.5, "", "start", &shortened(&curve.name));
            text(svg, LEGEND + 46.0, y + 20.5, "faint", "start", &curve.note);
        }
    }
}

fn x(scale: &LogScale, value: f64) -> f64 {
    LEFT + (RIGHT - LEFT) * scale.place(value)
}

#[cfg(test)]
mod tests;
