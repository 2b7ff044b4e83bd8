//! The search tree as SVG: the part of it that is in sight, or all of it as a file of its own.
//!
//! The drawing shows the lines of the outline, folded as they are there, from left to right. Near, every line has its
//! glyph and its text. Far away there is no room for either: then the states are dots, and all dots of one colour are
//! one path, because a browser lays out one path of ten thousand dots and not ten thousand elements.

use std::fmt::Write as _;

use stepwise_core::search::Tree;
use stepwise_core::words::count;

use super::family::Family;
use super::layout::Layout;
use super::outline::{Item, Line};
use super::row::Row;
use crate::status::Status;
use stepwise_core::markup::escape_into;

/// Pixels from one layer to the next, from one neighbour to the next, and around the drawing, at scale 1.
const COLUMN: f64 = 190.0;
const STEP: f64 = 24.0;
const MARGIN: f64 = 20.0;

/// The least distance of layers.
const MIN_COLUMN: f64 = 24.0;

/// Characters of a text that fit into a column, and the width of one.
const N_CHARS: usize = 19;
const CHAR: f64 = 7.3;

/// Below this scale texts cannot be read.
const NEAR: f64 = 0.5;

/// The scales between which the drawing can be zoomed.
pub const SCALES: std::ops::RangeInclusive<f64> = 0.002..=2.0;

/// Style sheet's classes of dots, and of edges from thin to thick; the last edge is the proof's.
const DOTS: [&str; 6] = ["plain", "faint", "bad", "alarm", "busy", "good"];
const EDGES: [&str; 5] = ["few", "some", "many", "most", "proof"];

/// The look of a file of its own: the page's light palette.
const STYLE: &str = "text{font:12px ui-monospace,'DejaVu Sans Mono',monospace;fill:#1b1f24}\
    .edge{fill:none;stroke:#8b949e;stroke-width:1}.edge.some{stroke-width:2}.edge.many{stroke-width:3}\
    .edge.most{stroke-width:4}.edge.proof{stroke:#116329;stroke-width:5}\
    .good text{fill:#116329}.busy text{fill:#0550ae}.bad text{fill:#82071e}.alarm text{fill:#8a3600}\
    .faint text{fill:#59636e}.chosen{fill:#dbe9ff;stroke:#0969da;stroke-width:2}";

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    pub tree: &'a Tree,
    /// Who comes from whom in it.
    pub family: &'a Family,
    /// The theorem's name, which stands at the root.
    pub name: &'a str,
    /// The visible lines of the outline.
    pub lines: &'a [Line],
    /// Where they lie.
    pub layout: &'a Layout,
    /// The selected one.
    pub active: usize,
}

/// A part of the drawing, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Window {
    pub left: f64,
    /// Its upper edge.
    pub top: f64,
    /// How wide it is.
    pub width: f64,
    /// How high it is.
    pub height: f64,
}

impl Window {
    /// True where the rectangle between two corners reaches into it.
    fn meets(&self, (left, top): (f64, f64), (right, bottom): (f64, f64)) -> bool {
        left <= self.left + self.width && right >= self.left && top <= self.top + self.height && bottom >= self.top
    }
}

/// Pixels from one layer to the next. Far away layers stay apart although neighbours merge: a large search has thousands
/// of neighbours and some tens of layers.
fn column(scale: f64) -> f64 {
    if scale < NEAR { (COLUMN * scale).max(MIN_COLUMN) } else { COLUMN * scale }
}

fn margin(scale: f64) -> f64 {
    if scale < NEAR { 8.0 } else { MARGIN * scale }
}

/// How wide and high the whole drawing is, in pixels.
#[must_use]
pub fn size(layout: &Layout, scale: f64) -> (f64, f64) {
    let around = 2.0 * margin(scale);
    (around + f64::from(layout.n_layers) * column(scale), around + layout.breadth * STEP * scale)
}

/// The scale at which the whole drawing fits into so many pixels, as far as it can be that small.
#[must_use]
pub fn fitting(layout: &Layout, (width, height): (f64, f64)) -> f64 {
    let (full_width, full_height) = size(layout, 1.0);
    let fits = (width / full_width).min(height / full_height);
    if fits >= NEAR {
        return fits.min(1.0);
    }
    // Far away the layers stay apart however many neighbours there are, and what is wider than the frame is scrolled.
    let (width, height) = (width - 2.0 * margin(0.0), height - 2.0 * margin(0.0));
    let layer = (width / f64::from(layout.n_layers.max(1))).max(MIN_COLUMN);
    let in_height = height / (layout.breadth * STEP).max(1.0);
    let in_width = if layer > MIN_COLUMN { layer / COLUMN } else { 1.0 };
    in_height.min(in_width).clamp(*SCALES.start(), NEAR * 0.99)
}

/// Where a line's glyph lies, in pixels.
#[must_use]
pub fn place(lines: &[Line], layout: &Layout, at: usize, scale: f64) -> Option<(f64, f64)> {
    let (line, across, margin) = (lines.get(at)?, layout.across.get(at)?, margin(scale));
    Some((margin + f64::from(line.level - 1) * column(scale), margin + across * STEP * scale))
}

/// The line that is drawn at a point, if any.
#[must_use]
pub fn hit(lines: &[Line], layout: &Layout, (x, y): (f64, f64), scale: f64) -> Option<usize> {
    let level = ((x - margin(scale) + 12.0 * scale.max(NEAR)) / column(scale)).floor() + 1.0;
    let across = (y - margin(scale)) / (STEP * scale);
    // What is small is hit from farther away.
    let reach = 0.5 / scale.min(1.0);
    let distance = |at: usize| (layout.across[at] - across).abs();
    let in_reach = |at: &usize| f64::from(lines[*at].level) == level && distance(*at) <= reach;
    (0..lines.len().min(layout.across.len())).filter(in_reach).min_by(|a, b| distance(*a).total_cmp(&distance(*b)))
}

/// What the frame scrolls: as large as the whole drawing, with an image of what lies in a window at a scale.
///
/// For assistive technology it is one image with a summary. Its parts are not in the accessibility tree: the outline says
/// all that they say, in order and with the keyboard, and nobody wants to hear it twice.
#[must_use]
pub fn content(scene: &Scene, window: &Window, scale: f64) -> String {
    let (full_width, full_height) = size(scene.layout, scale);
    let Window { left, top, width, height } = window;
    let mut out = format!(
        "<div class=\"drawing-size\" style=\"width:{full_width:.0}px;height:{full_height:.0}px\">\
        <svg role=\"img\" style=\"left:{left:.0}px;top:{top:.0}px\" width=\"{width:.0}\" height=\"{height:.0}\" \
        viewBox=\"{left:.0} {top:.0} {width:.0} {height:.0}\" aria-label=\""
    );
    out.push_str(&summary(scene));
    out.push_str("\">\n");
    out.push_str(&draw(scene, window, scale));
    out.push_str("</svg></div>");
    out
}

/// The elements for what lies in a window at a scale.
fn draw(scene: &Scene, window: &Window, scale: f64) -> String {
    if scale < NEAR { draw_far(scene, window, scale) } else { draw_near(scene, window, scale) }
}

/// The whole tree, as far as it is unfolded, as a file that needs no other.
#[must_use]
pub fn document(scene: &Scene) -> String {
    let (width, height) = size(scene.layout, 1.0);
    let window = Window { left: 0.0, top: 0.0, width, height };
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height:.0}\" role=\"img\">\n<title>"
    );
    escape_into(&mut out, scene.name);
    out.push_str("</title>\n<style>");
    out.push_str(STYLE);
    out.push_str("</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
    out.push_str(&draw_near(scene, &window, 1.0));
    out.push_str("</svg>\n");
    out
}

/// What the drawing shows, in one sentence, for those who do not see it.
fn summary(scene: &Scene) -> String {
    format!(
        "Drawing of the search tree: {} and {} run, {} drawn. The outline tells the same in words.",
        count(scene.tree.nodes().len(), "state"),
        count(scene.tree.edges().len(), "tactic"),
        count(scene.lines.len(), "item"),
    )
}

fn draw_near(scene: &Scene, window: &Window, scale: f64) -> String {
    let mut edges = String::new();
    let mut nodes = String::new();
    let row_at = |at: usize| {
        let line = scene.lines.get(at)?;
        Some(Row::of(at, line, scene.tree, scene.family, scene.name))
    };
    for (at, line) in scene.lines.iter().enumerate() {
        let Some((x, y)) = place(scene.lines, scene.layout, at, 1.0) else { break };
        let Some((from_x, from_y)) = place(scene.lines, scene.layout, line.parent as usize, 1.0) else { break };
        let (top, bottom) = (y - STEP / 2.0, y + STEP / 2.0);
        let scaled = |x: f64, y: f64| (x * scale, y * scale);
        let is_seen = window.meets(scaled(x - 12.0, top), scaled(x + COLUMN, bottom));
        if !is_seen && !window.meets(scaled(from_x, top.min(from_y)), scaled(x, bottom.max(from_y))) {
            continue;
        }
        let Some(row) = row_at(at) else { break };
        if at > 0 {
            let Some(above) = row_at(line.parent as usize) else { break };
            // An edge begins where its parent's text ends.
            let start = from_x + 16.0 + CHAR * label(&above).chars().count() as f64;
            let (end, middle) = (x - 10.0, f64::midpoint(start, x - 10.0));
            let class = EDGES[edge_class(scene, line)];
            // Writing into a string does not fail.
            let _ = write!(
                edges,
                "<path class=\"edge {class}\" d=\"M{start:.0} {from_y:.0}C{middle:.0} {from_y:.0} {middle:.0} {y:.0} {end:.0} {y:.0}\">"
            );
            title_into(&mut edges, &row);
            edges.push_str("</path>\n");
        }
        if is_seen {
            let _ = write!(nodes, "<g class=\"{}\">", row.class());
            title_into(&mut nodes, &row);
            let text = label(&row);
            if at == scene.active {
                let width = 28.0 + CHAR * text.chars().count() as f64;
                let _ = write!(
                    nodes,
                    "<rect class=\"chosen\" x=\"{:.0}\" y=\"{:.0}\" width=\"{width:.0}\" height=\"20\" rx=\"4\"/>",
                    x - 11.0,
                    y - 10.0
                );
            }
            let _ = write!(
                nodes,
                "<text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{}</text><text x=\"{:.0}\" y=\"{:.0}\">",
                y + 4.0,
                row.glyph(),
                x + 11.0,
                y + 4.0
            );
            escape_into(&mut nodes, &text);
            nodes.push_str("</text></g>\n");
        }
    }
    format!("<g transform=\"scale({scale})\">\n{edges}{nodes}</g>\n")
}

fn draw_far(scene: &Scene, window: &Window, scale: f64) -> String {
    let mut edges: [Vec<[i32; 4]>; EDGES.len()] = Default::default();
    let mut dots: [Vec<[i32; 2]>; DOTS.len()] = Default::default();
    let mut signs = String::new();
    let dot = (9.0 * scale).max(2.0);
    // Pixels: what falls on the same ones is drawn once.
    let pixel = |(x, y): (f64, f64)| (x.round() as i32, y.round() as i32);
    for (at, line) in scene.lines.iter().enumerate() {
        let Some(to) = place(scene.lines, scene.layout, at, scale) else { break };
        let Some(from) = place(scene.lines, scene.layout, line.parent as usize, scale) else { break };
        if !window.meets((from.0 - dot, from.1.min(to.1) - dot), (to.0 + dot, from.1.max(to.1) + dot)) {
            continue;
        }
        let ((x, y), (from_x, from_y)) = (pixel(to), pixel(from));
        let status = super::row::status(scene.tree, scene.family, line.item);
        if status == Some(Status::Proved) {
            // The end of the proof keeps its sign: colour alone would not tell it from the others.
            let _ = writeln!(
                signs,
                "<text class=\"good\" x=\"{}\" y=\"{}\">{}</text>",
                x + 5,
                y + 4,
                Status::Proved.glyph()
            );
        }
        let class = status.map_or("faint", Status::class);
        if let Some(idx) = DOTS.iter().position(|dot| *dot == class) {
            dots[idx].push([x, y]);
        }
        if at > 0 {
            edges[edge_class(scene, line)].push([from_x, from_y, x, y]);
        }
    }
    let mut out = String::new();
    for (class, edges) in EDGES.iter().zip(&mut edges) {
        edges.sort_unstable();
        edges.dedup();
        let _ = write!(out, "<path class=\"edge {class}\" d=\"");
        for [from_x, from_y, x, y] in edges {
            let _ = write!(out, "M{from_x} {from_y}L{x} {y}");
        }
        out.push_str("\"/>\n");
    }
    for (class, dots) in DOTS.iter().zip(&mut dots) {
        dots.sort_unstable();
        dots.dedup();
        let _ = write!(out, "<path class=\"dot {class}\" d=\"");
        for [x, y] in dots {
            let (left, top) = (f64::from(*x) - dot / 2.0, f64::from(*y) - dot / 2.0);
            let _ = write!(out, "M{left:.1} {top:.1}h{dot:.1}v{dot:.1}h-{dot:.1}z");
        }
        out.push_str("\"/>\n");
    }
    out.push_str(&signs);
    if let Some((x, y)) = place(scene.lines, scene.layout, scene.active, scale) {
        let _ = writeln!(out, "<circle class=\"ring\" cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"{:.0}\"/>", dot / 2.0 + 5.0);
    }
    out
}

/// Which of [`EDGES`] leads to a line: the thicker the more often the search came that way.
fn edge_class(scene: &Scene, line: &Line) -> usize {
    let state = super::outline::opened_by(scene.tree, line.item);
    let is_more = matches!(line.item, Item::More(_));
    let status = super::row::status(scene.tree, scene.family, line.item);
    match state.filter(|_| !is_more).map_or(0, |state| scene.family.visits(state)) {
        _ if matches!(status, Some(Status::Proved | Status::LeadsToProof)) => 4,
        0..=1 => 0,
        2..=9 => 1,
        10..=99 => 2,
        _ => 3,
    }
}

/// The text of a line as far as a column holds it, on one line, with a mark where a branch is folded.
fn label(row: &Row) -> String {
    let mut chars = row.text.split_whitespace().flat_map(|word| [" ", word]).skip(1).flat_map(str::chars);
    let mut label: String = chars.by_ref().take(N_CHARS).collect();
    if chars.next().is_some() {
        label.pop();
        label.push('…');
    }
    if row.line.unfolded == Some(false) {
        label.push_str(" ▸");
    }
    label
}

/// What a pointer that rests on a line or its edge is told.
fn title_into(out: &mut String, row: &Row) {
    out.push_str("<title>");
    escape_into(out, &row.text);
    let mut fact = |text: String| {
        out.push('\n');
        out.push_str(&text);
    };
    if let Some(status) = row.status {
        fact(status.word().to_owned());
    }
    if let Some(logprob) = row.logprob {
        fact(format!("log-probability {logprob:.3}"));
    }
    if let Some(score) = row.score {
        fact(format!("critic's score {score:.3}"));
    }
    if let Some(visits) = row.visits {
        fact(count(visits as usize, "visit"));
    }
    out.push_str("</title>");
}

#[cfg(test)]
mod tests;
