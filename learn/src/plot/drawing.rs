//! A drawn plot: its frame, axes and legend, and how it becomes a document or a part of a page.

use std::fmt::Write as _;

use super::scale::Axis;
use super::svg::{STYLE, escaped, line, shortened_to, text};

/// Where things stand, in the units of the view box. It is narrow, so that its text can be read on a telephone.
const WIDTH: f64 = 480.0;
pub(super) const LEFT: f64 = 62.0;
pub(super) const RIGHT: f64 = 460.0;
pub(super) const TOP: f64 = 94.0;
pub(super) const BOTTOM: f64 = 340.0;
const LEGEND: f64 = BOTTOM + 72.0;
const LEGEND_ROW: f64 = 24.0;

/// Characters that fit a row.
const MAX_TITLE_CHARS: usize = 44;
const MAX_ROW_CHARS: usize = 76;
const MAX_LEGEND_CHARS: usize = 60;

/// What every plot says about itself.
pub(super) struct Words<'a> {
    pub(super) title: &'a str,
    pub(super) subtitle: &'a str,
    pub(super) description: &'a str,
    pub(super) x_label: &'a str,
    pub(super) y_label: &'a str,
}

/// A plot as SVG, before it is known where it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    title: String,
    description: String,
    height: f64,
    body: String,
}

impl Drawing {
    /// The beginning: heading, labels, the horizontal grid and the axes.
    pub(super) fn begin(words: &Words<'_>, y_axis: &Axis) -> Self {
        let mut body = String::new();
        text(&mut body, 16.0, 28.0, "heading", "start", &shortened_to(words.title, MAX_TITLE_CHARS));
        text(&mut body, 16.0, 48.0, "faint", "start", &shortened_to(words.subtitle, MAX_ROW_CHARS));
        text(&mut body, 16.0, TOP - 18.0, "faint", "start", &shortened_to(words.y_label, MAX_ROW_CHARS));
        for tick in y_axis.ticks() {
            let y = y(y_axis, tick.value);
            let class = if y_axis.place(tick.value) == 0.0 { "axis" } else { "grid" };
            line(&mut body, class, &format!("M{LEFT} {y:.1}H{RIGHT}"));
            text(&mut body, LEFT - 8.0, y + 4.0, "faint number", "end", &tick.label);
        }
        line(&mut body, "axis", &format!("M{LEFT} {BOTTOM}H{RIGHT}"));
        text(&mut body, (LEFT + RIGHT) / 2.0, BOTTOM + 44.0, "faint", "middle", words.x_label);
        Self { title: words.title.to_owned(), description: words.description.to_owned(), height: LEGEND - 12.0, body }
    }

    pub(super) fn body(&mut self) -> &mut String {
        &mut self.body
    }

    /// Draws a label and its mark below the horizontal axis.
    pub(super) fn x_tick(&mut self, x: f64, label: &str) {
        line(&mut self.body, "axis", &format!("M{x:.1} {BOTTOM}v5"));
        text(&mut self.body, x, BOTTOM + 20.0, "faint number", "middle", label);
    }

    /// Draws a row of the legend: `sample` draws what stands before the name, around the given place.
    pub(super) fn legend_row(&mut self, name: &str, note: &str, sample: impl FnOnce(&mut String, f64, f64)) {
        let y = self.height + 12.0;
        sample(&mut self.body, 34.0, y);
        let note = if note.is_empty() { String::new() } else { format!(": {note}") };
        text(&mut self.body, 62.0, y + 4.5, "", "start", &shortened_to(&format!("{name}{note}"), MAX_LEGEND_CHARS));
        self.height += LEGEND_ROW;
    }

    /// A complete SVG document, which carries its style.
    #[must_use]
    pub fn document(&self) -> String {
        let style = format!("<style>\n{STYLE}</style>\n");
        self.svg(
            "xmlns=\"http://www.w3.org/2000/svg\" ",
            &format!(" width=\"{WIDTH}\" height=\"{}\"", self.height),
            "",
            &style,
        )
    }

    /// The plot as an element of an HTML page that holds [`STYLE`]. `id` tells it from the page's other elements.
    #[must_use]
    pub fn inline(&self, id: &str) -> String {
        self.svg("class=\"plot\" ", "", &format!("{}-", escaped(id)), "")
    }

    fn svg(&self, first: &str, size: &str, prefix: &str, style: &str) -> String {
        let (title, description, height, body) =
            (escaped(&self.title), escaped(&self.description), self.height, &self.body);
        let mut svg = format!(
            "<svg {first}viewBox=\"0 0 {WIDTH} {height}\"{size} role=\"img\" \
             aria-labelledby=\"{prefix}title {prefix}desc\">\n\
             <title id=\"{prefix}title\">{title}</title>\n<desc id=\"{prefix}desc\">{description}</desc>\n{style}",
        );
        let _ = writeln!(svg, "<rect class=\"surface\" width=\"{WIDTH}\" height=\"{height}\"/>\n{body}</svg>");
        svg
    }
}

pub(super) fn x(axis: &Axis, value: f64) -> f64 {
    LEFT + (RIGHT - LEFT) * axis.place(value)
}

pub(super) fn y(axis: &Axis, value: f64) -> f64 {
    BOTTOM - (BOTTOM - TOP) * axis.place(value)
}
