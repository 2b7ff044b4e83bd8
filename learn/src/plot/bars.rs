//! Plots of bars: histograms side by side, and parts stacked to a whole.

use std::fmt::Write as _;

use super::Scale;
use super::drawing::{BOTTOM, Drawing, LEFT, RIGHT, Words, y};
use super::scale::Axis;
use super::svg::{N_COLOURS, escaped, line};

/// A plot of bars over named places.
#[derive(Clone, Debug, PartialEq)]
pub struct BarPlot {
    pub title: String,
    /// A line below the heading.
    pub subtitle: String,
    /// All of it in words, for those who cannot see it.
    pub description: String,
    /// What the places along the horizontal axis are.
    pub x_label: String,
    /// What the bars measure, from 0 on.
    pub y_label: String,
    /// The places' names.
    pub places: Vec<String>,
    /// What is drawn at each place.
    pub series: Vec<BarSeries>,
    /// How several bars share a place.
    pub arrangement: Arrangement,
}

/// Bars of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct BarSeries {
    /// Its name in the legend.
    pub name: String,
    /// What the legend says behind the name.
    pub note: String,
    /// One value per place; what is missing is 0.
    pub values: Vec<f64>,
}

/// How several bars share a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// Beside each other.
    SideBySide,
    /// On top of each other, the first series at the bottom.
    Stacked,
}

/// Wider bars look like areas.
const MAX_BAR: f64 = 44.0;

/// A name below the axis needs this much room, and this much more for each of its characters.
const NAME: f64 = 8.0;
const CHAR: f64 = 7.0;

impl BarPlot {
    /// Draws it.
    #[must_use]
    pub fn draw(&self) -> Drawing {
        let y_axis = Axis::around(Scale::FromZero, (0..self.places.len()).flat_map(|place| self.tops(place)));
        let words = Words {
            title: &self.title,
            subtitle: &self.subtitle,
            description: &self.description,
            x_label: &self.x_label,
            y_label: &self.y_label,
        };
        let mut drawing = Drawing::begin(&words, &y_axis);
        let room = (RIGHT - LEFT) / self.places.len().max(1) as f64;
        let longest = self.places.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let stride = (((NAME + CHAR * longest as f64) / room).ceil() as usize).max(1);
        for (place, name) in self.places.iter().enumerate() {
            let middle = LEFT + room * (place as f64 + 0.5);
            if place % stride == 0 {
                drawing.x_tick(middle, name);
            }
            self.bars(drawing.body(), &y_axis, place, middle, room);
        }
        // Once more, because the bars' outlines cover it.
        line(drawing.body(), "axis", &format!("M{LEFT} {BOTTOM}H{RIGHT}"));
        for (idx, series) in self.series.iter().enumerate() {
            drawing
                .legend_row(&series.name, &series.note, |svg, x, y| bar(svg, idx, [x - 8.0, y - 7.0, 16.0, 14.0], ""));
        }
        drawing
    }

    fn bars(&self, svg: &mut String, y_axis: &Axis, place: usize, middle: f64, room: f64) {
        let mut below = 0.0;
        for (idx, series) in self.series.iter().enumerate() {
            let value = value(series, place);
            if value <= 0.0 {
                continue;
            }
            let (bottom, left, width) = match self.arrangement {
                Arrangement::Stacked => {
                    let width = (room * 0.7).min(MAX_BAR);
                    (y(y_axis, below), middle - width / 2.0, width)
                }
                Arrangement::SideBySide => {
                    let n = self.series.len() as f64;
                    let width = (room * 0.8 / n).min(MAX_BAR);
                    (BOTTOM, middle + width * (idx as f64 - n / 2.0), width)
                }
            };
            below += value;
            let top = match self.arrangement {
                Arrangement::Stacked => y(y_axis, below),
                Arrangement::SideBySide => y(y_axis, value),
            };
            let words = format!("{}, {}: {}", self.places[place], series.name, rounded(value));
            bar(svg, idx, [left, top, width, bottom - top], &words);
        }
    }

    /// The upper ends of the bars at a place.
    fn tops(&self, place: usize) -> Vec<f64> {
        let values = self.series.iter().map(|series| value(series, place));
        match self.arrangement {
            Arrangement::SideBySide => values.collect(),
            Arrangement::Stacked => vec![values.sum()],
        }
    }
}

fn value(series: &BarSeries, place: usize) -> f64 {
    series.values.get(place).copied().filter(|value| value.is_finite()).unwrap_or(0.0).max(0.0)
}

fn rounded(value: f64) -> String {
    if value == value.round() { format!("{value}") } else { format!("{value:.1}") }
}

/// A bar of left, top, width and height; `words` are shown where the reader points at it.
fn bar(svg: &mut String, idx: usize, [left, top, width, height]: [f64; 4], words: &str) {
    let title = if words.is_empty() { String::new() } else { format!("<title>{}</title>", escaped(words)) };
    let _ = writeln!(
        svg,
        "<g class=\"c{}\">{title}<rect class=\"bar\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" \
         height=\"{height:.1}\"/></g>",
        idx % N_COLOURS
    );
}
