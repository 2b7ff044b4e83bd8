//! Step plots as SVG text: how many of a set lie below a value, one curve per group, with a legend.
//!
//! Written by hand, because the file is to be read by everybody: colours that follow the reader's light or dark scheme,
//! dashes and markers for those who do not see the colours, a title and a description for those who see none of it,
//! and text that stays text.

mod scale;

use std::fmt::Write as _;

use self::scale::LogScale;

/// A plot of curves that count up to a common total.
#[derive(Clone, Debug, PartialEq)]
pub struct StepPlot {
    /// The heading.
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

/// Longer names would leave the page.
const MAX_NAME_CHARS: usize = 20;

/// Numbers of colours, dashes and markers have no common divisor, so that two curves look alike only after 210.
const N_COLOURS: usize = 6;
const DASHES: [&str; 5] = ["none", "7 4", "2 3", "11 4 2 4", "16 5"];
const MARKERS: [&str; 7] = [
    "m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
    "m-4 -4h8v8h-8z",
    "m0 -5.5l5.2 9h-10.4z",
    "m0 -5.8l5.8 5.8l-5.8 5.8l-5.8 -5.8z",
    "m0 5.5l5.2 -9h-10.4z",
    "m-1.7 -5h3.4v3.3h3.3v3.4h-3.3v3.3h-3.4v-3.3h-3.3v-3.4h3.3z",
    "m-2.8 -4.8h5.6l2.8 4.8l-2.8 4.8h-5.6l-2.8 -4.8z",
];

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
            include_str!("style.css"),
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

fn text(svg: &mut String, x: f64, y: f64, class: &str, anchor: &str, content: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let anchor = if anchor == "start" { String::new() } else { format!(" text-anchor=\"{anchor}\"") };
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\"{class}{anchor}>{}</text>", escaped(content));
}

fn line(svg: &mut String, class: &str, path: &str) {
    let _ = writeln!(svg, "<path class=\"{class}\" d=\"{path}\"/>");
}

fn dashed(svg: &mut String, idx: usize, path: &str) {
    let dash = DASHES[idx % DASHES.len()];
    let _ = writeln!(svg, "<path class=\"curve\" stroke-dasharray=\"{dash}\" d=\"{path}\"/>");
}

fn mark(svg: &mut String, idx: usize, x: f64, y: f64) {
    let shape = MARKERS[idx % MARKERS.len()];
    line(svg, "mark", &format!("M{x:.1} {y:.1}{shape}"));
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(MAX_NAME_CHARS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Text as XML holds it. Characters that XML 1.0 cannot hold at all become the replacement character.
fn escaped(text: &str) -> String {
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

#[cfg(test)]
mod tests;
