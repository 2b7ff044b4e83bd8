//! Tables that a screen reader can walk: a caption, heads of columns, and a head in every row.

use super::escape_into;

/// A cell's content.
pub enum Cell {
    /// A text, which is escaped.
    Text(String),
    /// A number, or a text that is one: right-aligned.
    Number(String),
    /// HTML that is right already.
    Html(String),
    /// Likewise, around a number.
    NumberHtml(String),
}

impl From<u64> for Cell {
    fn from(n: u64) -> Self {
        Self::Number(super::number(n))
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A table that is being written.
pub struct Table(String);

impl Table {
    /// Begins a table with a caption and heads; those of numbers end with `#`.
    #[must_use]
    pub fn new(caption: &str, heads: &[&str]) -> Self {
        let mut html = String::from("<table><caption>");
        escape_into(&mut html, caption);
        html.push_str("</caption><thead><tr>");
        for head in heads {
            let (head, class) = head.strip_suffix('#').map_or((*head, ""), |head| (head, " class=\"number\""));
            html.push_str(&format!("<th scope=\"col\"{class}>"));
            escape_into(&mut html, head);
            html.push_str("</th>");
        }
        html.push_str("</tr></thead><tbody>");
        Self(html)
    }

    /// Begins a group of rows, under a head of its own.
    pub fn group(&mut self, head: &str, n_columns: usize) {
        self.0.push_str(&format!("</tbody><tbody><tr class=\"group\"><th scope=\"rowgroup\" colspan=\"{n_columns}\">"));
        escape_into(&mut self.0, head);
        self.0.push_str("</th></tr>");
    }

    /// Adds a row, whose first cell is its head.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.0.push_str("<tr>");
        for (idx, cell) in cells.into_iter().enumerate() {
            let (open, close) = if idx == 0 { ("<th scope=\"row\"", "</th>") } else { ("<td", "</td>") };
            self.0.push_str(open);
            match cell {
                Cell::Text(text) => {
                    self.0.push('>');
                    escape_into(&mut self.0, &text);
                }
                Cell::Number(text) => {
                    self.0.push_str(" class=\"number\">");
                    escape_into(&mut self.0, &text);
                }
                Cell::Html(html) => {
                    self.0.push('>');
                    self.0.push_str(&html);
                }
                Cell::NumberHtml(html) => {
                    self.0.push_str(" class=\"number\">");
                    self.0.push_str(&html);
                }
            }
            self.0.push_str(close);
        }
        self.0.push_str("</tr>");
    }

    /// The whole of it.
    #[must_use]
    pub fn end(mut self) -> String {
        self.0.push_str("</tbody></table>");
        self.0
    }
}
