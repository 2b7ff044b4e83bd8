//! Reports and comparisons as HTML, for pages. What comes from outside is escaped.

use stepwise_core::markup::escape_into;
use stepwise_core::markup::table::{Cell, Table};

use super::compare::{CompareError, Comparison, compare};
use super::figures::Peaks;
use super::report::{Report, Row, State};
use super::text;

/// The column whose cells have bars.
const SHARE: usize = 6;

/// Reports, each with its name, below how they stand against the first.
#[must_use]
pub fn html(reports: &[(String, Report)]) -> String {
    let mut html = String::new();
    match compare(reports) {
        Ok(comparison) => side_by_side(&mut html, |html| compared(html, &comparison)),
        Err(CompareError::One) => {}
        Err(error) => side_by_side(&mut html, |html| paragraph(html, "alarm", &error.to_string())),
    }
    for (idx, (name, report)) in reports.iter().enumerate() {
        card(&mut html, idx, name, report);
    }
    html
}

fn side_by_side(html: &mut String, content: impl FnOnce(&mut String)) {
    html.push_str("<section class=\"card\" aria-labelledby=\"compared\"><h3 id=\"compared\">Side by side</h3>");
    content(html);
    html.push_str("</section>");
}

fn compared(html: &mut String, comparison: &Comparison) {
    let names = text::compared_head(comparison);
    let heads: Vec<String> = names.iter().skip(1).map(|name| format!("{name}#")).collect();
    let heads: Vec<&str> = std::iter::once("Operation").chain(heads.iter().map(String::as_str)).collect();
    let mut table = Table::new("Side by side", &heads);
    for row in text::compared_rows(comparison) {
        table.row(
            row.into_iter().enumerate().map(|(idx, cell)| if idx == 0 { cell.into() } else { Cell::Number(cell) }),
        );
    }
    scrolled(html, "Side by side", &table.end());
    text::compared_remarks(comparison).iter().for_each(|remark| paragraph(html, "hint", remark));
}

fn card(html: &mut String, idx: usize, name: &str, report: &Report) {
    html.push_str(&format!("<section class=\"card\" aria-labelledby=\"report-{idx}\"><h3 id=\"report-{idx}\">"));
    escape_into(html, name);
    html.push_str("</h3>");
    let [_, run, verdict] = text::heading(report);
    let (mark, class) = if report.verdict.ranked { ('\u{2713}', "state good") } else { ('\u{25cb}', "state alarm") };
    paragraph(html, class, &format!("{mark} {verdict}"));
    facts(html, &device(report));
    paragraph(html, "hint", &run);
    let label = format!("Rows of {name}");
    scrolled(html, &label, &rows(&label, report));
    html.push_str("<details><summary>What else the device says of itself</summary>");
    facts(html, &details(report));
    html.push_str("</details></section>");
}

fn rows(caption: &str, report: &Report) -> String {
    // All columns between the first and the last are numbers.
    let [_, numbers @ .., _] = text::COLUMNS;
    let numbers = numbers.map(|(name, _)| format!("{name}#"));
    let heads = std::iter::once("Operation").chain(numbers.iter().map(String::as_str)).chain(["Remark"]);
    let heads: Vec<&str> = heads.collect();
    let mut table = Table::new(caption, &heads);
    let mut before = "";
    for (row, cells) in report.rows.iter().zip(text::rows(report)) {
        if group(row) != before {
            before = group(row);
            table.group(before, heads.len());
        }
        let n = cells.len();
        table.row(cells.into_iter().enumerate().map(|(column, text)| match column {
            0 => Cell::Text(text),
            SHARE => Cell::NumberHtml(bar(&text, row)),
            _ if column + 1 == n => remark(text, row),
            _ => Cell::Number(text),
        }));
    }
    table.end()
}

/// What rows stand together.
fn group(row: &Row) -> &'static str {
    match row.kind.as_str() {
        "product" => "Products of a model's matrices",
        "attention" => "Attention of samples that share a prefix",
        "sampling" => "Drawing tokens",
        "prompt" | "decode" | "score" => "Whole models: reading a prompt, decoding, and scoring states",
        _ => "The device itself",
    }
}

fn remark(text: String, row: &Row) -> Cell {
    if !matches!(row.state, State::Wrong { .. } | State::NotMeasured { .. }) {
        return Cell::Text(text);
    }
    let mut html = String::from("<span class=\"bad\">\u{2717} ");
    escape_into(&mut html, &text);
    html.push_str("</span>");
    Cell::Html(html)
}

/// A share of the measured peak as text, and as a bar beside it, which says nothing else and ends at the peak.
fn bar(text: &str, row: &Row) -> String {
    let mut html = String::new();
    escape_into(&mut html, text);
    if let Some((_, share)) = row.figures.and_then(|figures| figures.share) {
        let width = 100.0 * share.clamp(0.0, 1.0);
        html.push_str(&format!(
            " <svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
             <rect class=\"whole\" width=\"100\" height=\"10\"/><rect width=\"{width:.1}\" height=\"10\"/></svg>"
        ));
    }
    html
}

fn device(report: &Report) -> Vec<(String, String)> {
    let adapter = &report.adapter;
    let Peaks { bytes_per_second, flops_per_second, int8_per_second } = report.peaks;
    let rate = |rate: Option<f64>, unit: &str| rate.map(|rate| format!("{} {unit}", text::number(rate / 1e9)));
    let facts = [
        ("Adapter", Some(adapter.name.clone())),
        ("Reached by", Some(adapter.backend.clone())),
        ("Driver", Some(format!("{} {}", adapter.driver, adapter.driver_info).trim().to_owned())),
        ("Copies", rate(bytes_per_second, "GB/s")),
        ("f32", rate(flops_per_second, "GFLOP/s")),
        ("int8 dot products", rate(int8_per_second, "Gop/s")),
    ];
    facts.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), fact?))).collect()
}

fn details(report: &Report) -> Vec<(String, String)> {
    let adapter = &report.adapter;
    let facts = [
        ("Kind".to_owned(), adapter.device_type.clone()),
        ("Features that the kernels do without".to_owned(), adapter.features.join(", ")),
        ("Hash of the plan".to_owned(), report.plan.hash.clone()),
    ];
    let limits = adapter.limits.iter().map(|(name, limit)| (name.replace('_', " "), limit.to_string()));
    facts.into_iter().chain(limits).collect()
}

/// Facts that there are.
fn facts(html: &mut String, facts: &[(String, String)]) {
    html.push_str("<dl>");
    for (name, fact) in facts.iter().filter(|(_, fact)| !fact.is_empty()) {
        html.push_str("<div><dt>");
        escape_into(html, name);
        html.push_str("</dt><dd>");
        escape_into(html, fact);
        html.push_str("</dd></div>");
    }
    html.push_str("</dl>");
}

fn paragraph(html: &mut String, class: &str, text: &str) {
    html.push_str(&format!("<p class=\"{class}\">"));
    escape_into(html, text);
    html.push_str("</p>");
}

/// A table in a box that scrolls, with the keyboard too.
fn scrolled(html: &mut String, label: &str, table: &str) {
    html.push_str("<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"");
    escape_into(html, label);
    html.push_str("\">");
    html.push_str(table);
    html.push_str("</div>");
}
