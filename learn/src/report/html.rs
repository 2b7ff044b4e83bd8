//! A writer of HTML that closes what it opens and escapes what it is given.

use std::fmt::Write as _;

use crate::plot::escaped;

/// HTML, growing. It is well-formed XML too, so that a test can read it.
#[derive(Debug, Default)]
pub(super) struct Html {
    text: String,
}

/// Attributes of an element.
pub(super) type Attributes<'a> = &'a [(&'a str, &'a str)];

impl Html {
    /// What was written.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// An element around what `content` writes.
    pub(super) fn within(&mut self, tag: &str, attributes: Attributes<'_>, content: impl FnOnce(&mut Self)) {
        self.open(tag, attributes);
        self.text.push('>');
        content(self);
        let _ = writeln!(self.text, "</{tag}>");
    }

    /// An element around a text.
    pub(super) fn leaf(&mut self, tag: &str, attributes: Attributes<'_>, text: &str) {
        self.within(tag, attributes, |html| html.text(text));
    }

    /// An element without content.
    pub(super) fn empty(&mut self, tag: &str, attributes: Attributes<'_>) {
        self.open(tag, attributes);
        self.text.push_str("/>\n");
    }

    /// Text. Line feeds and tabs stay: Lean's text has them.
    pub(super) fn text(&mut self, text: &str) {
        for (idx, line) in text.split('\n').enumerate() {
            if idx > 0 {
                self.text.push('\n');
            }
            for (idx, part) in line.trim_end_matches('\r').split('\t').enumerate() {
                if idx > 0 {
                    self.text.push('\t');
                }
                self.text.push_str(&escaped(part));
            }
        }
    }

    /// What is HTML already: a plot, or a style sheet.
    pub(super) fn raw(&mut self, html: &str) {
        self.text.push_str(html);
    }

    /// A table with a caption; the first cell of every row heads it, and columns after the first `n_texts` are numbers.
    pub(super) fn table(&mut self, caption: &str, head: &[&str], n_texts: usize, rows: &[Vec<String>]) {
        let class = |column: usize| if column < n_texts { "" } else { "n" };
        self.within(
            "div",
            &[("class", "scroll"), ("tabindex", "0"), ("role", "group"), ("aria-label", caption)],
            |html| {
                html.within("table", &[], |html| {
                    html.leaf("caption", &[], caption);
                    html.within("thead", &[], |html| {
                        html.within("tr", &[], |html| {
                            for (column, cell) in head.iter().enumerate() {
                                html.leaf("th", &[("scope", "col"), ("class", class(column))], cell);
                            }
                        });
                    });
                    html.within("tbody", &[], |html| {
                        for row in rows {
                            html.within("tr", &[], |html| {
                                for (column, cell) in row.iter().enumerate() {
                                    match column {
                                        0 => html.leaf("th", &[("scope", "row"), ("class", class(column))], cell),
                                        _ => html.leaf("td", &[("class", class(column))], cell),
                                    }
                                }
                            });
                        }
                    });
                });
            },
        );
    }

    fn open(&mut self, tag: &str, attributes: Attributes<'_>) {
        let _ = write!(self.text, "<{tag}");
        for (name, value) in attributes.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = write!(self.text, " {name}=\"{}\"", escaped(value));
        }
    }
}
