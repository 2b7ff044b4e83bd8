//! What is said between the Benchmark page and the worker that measures (`web/benchmark.js`).

use serde::{Deserialize, Serialize};
use stepwise_core::markup::escape_into;

/// What the page tells the worker. It is one structure for all, because each enumeration is code that every visitor
/// downloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ToBenchmark<'a> {
    /// `run` a plan, `stop` it after this sample, `read` a report, give all as `markdown`, give what to `save`, or `clear` all.
    pub wish: &'a str,
    /// The plan's name, `full` or `quick`, or that of a file.
    pub name: &'a str,
    /// The file's content.
    pub text: &'a str,
}

/// What the worker tells the page. What is not told stays.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct FromBenchmark {
    /// A run is under way: how much of it is done, from 0 to 1.
    pub share: Option<f64>,
    /// What is under way.
    pub row: String,
    /// What happened, for the visitor.
    pub notice: Option<String>,
    /// All reports, as HTML.
    pub html: String,
    /// Whether one of them was measured here.
    pub own: bool,
    /// What was asked for: a file's name, empty for what is to be copied, and its content.
    pub file: Option<[String; 2]>,
}

/// How far a run is, as HTML.
#[must_use]
pub fn progress(share: f64, row: &str) -> String {
    let percent = (100.0 * share).round();
    let mut html =
        format!("<progress aria-label=\"Measured\" max=\"100\" value=\"{percent}\"></progress> <span>{percent}% ");
    escape_into(&mut html, row);
    html.push_str("</span>");
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_text_and_a_bar() {
        assert_eq!(
            progress(0.4249, "7B <down>"),
            "<progress aria-label=\"Measured\" max=\"100\" value=\"42\"></progress> <span>42% 7B &lt;down&gt;</span>"
        );
    }

    #[test]
    fn what_the_worker_does_not_tell_is_not_changed() {
        let said: FromBenchmark = crate::json::read(r#"{"share":0.5,"row":"copy"}"#).unwrap();
        assert_eq!((said.share, said.row.as_str(), said.notice, said.file), (Some(0.5), "copy", None, None));
        let said: FromBenchmark = crate::json::read(r#"{"file":["a.json","{}"]}"#).unwrap();
        assert_eq!((said.share, said.file), (None, Some(["a.json".to_owned(), "{}".to_owned()])));
    }
}
