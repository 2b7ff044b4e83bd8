//! Files to keep: a campaign's problems, and its effort over time, as CSV and as JSON.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat};
use hyper::body::Frame;
use stepwise_core::wire::campaign::{CurvePoint, ProblemRow, Standing};
use stepwise_ledger::LedgerError;
use stepwise_ledger::operations::ReadProblems;
use tokio::sync::mpsc;

use super::coordinator::App;

/// Problems that are read at once.
const PAGE: u64 = 500;

const CSV: &str = "text/csv; charset=utf-8";
const JSON: &str = "application/json";

/// `GET /problems.csv`.
pub(super) async fn problems_csv(State(app): State<App>) -> Response {
    let head = "number,name,standing,solved,searches,cpu_seconds\r\n";
    saved("problems.csv", CSV, problems(app, head, "", |row, _| csv_of_problem(row)))
}

/// `GET /problems.json`.
pub(super) async fn problems_json(State(app): State<App>) -> Response {
    let line = |row: &ProblemRow, is_first: bool| {
        let before = if is_first { "" } else { ",\n" };
        format!("{before}{}", serde_json::to_string(row).unwrap_or_default())
    };
    saved("problems.json", JSON, problems(app, "[", "]\n", line))
}

/// `GET /effort.csv`.
pub(super) async fn effort_csv(State(app): State<App>) -> Response {
    let mut text = "time,searches,cpu_seconds,proved,disproved\r\n".to_owned();
    app.seen.read().curve.points.iter().for_each(|point| text.push_str(&csv_of_point(point)));
    saved("effort.csv", CSV, Body::from(text))
}

/// `GET /effort.json`.
pub(super) async fn effort_json(State(app): State<App>) -> Response {
    let text = serde_json::to_string(&app.seen.read().curve.points).unwrap_or_default();
    saved("effort.json", JSON, Body::from(text))
}

/// A file that a browser saves instead of showing it.
fn saved(name: &str, kind: &'static str, body: Body) -> Response {
    let headers: [(HeaderName, String); 3] = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, body).into_response()
}

/// All problems, each as `line` has it, which is told whether it is the first; read and sent page by page, so that none
/// of the two is ever there as a whole.
fn problems(
    app: App,
    head: &'static str,
    end: &'static str,
    line: impl Fn(&ProblemRow, bool) -> String + Send + 'static,
) -> Body {
    let (pages, body) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut after = 0;
        let mut text = head.to_owned();
        loop {
            let page = read(&app, after).await;
            let failed = page.is_err();
            let page = page.map(|rows| {
                for row in &rows {
                    text.push_str(&line(row, after == 0));
                    after = row.id;
                }
                rows.len()
            });
            let is_last = failed || page.as_ref().is_ok_and(|n| (*n as u64) < PAGE);
            if is_last && !failed {
                text.push_str(end);
            }
            let part = page.map(|_| Bytes::from(std::mem::take(&mut text)));
            // Whoever asked may be gone.
            if pages.send(part).await.is_err() || is_last {
                return;
            }
        }
    });
    Body::new(Pages(body))
}

async fn read(app: &App, after: u64) -> Result<Vec<ProblemRow>, LedgerError> {
    let _turn = app.watching.acquire().await.map_err(|_| LedgerError::Closed)?;
    app.ledger.read(ReadProblems { after, at_most: PAGE, ..ReadProblems::default() }).await
}

/// A body in parts. An error ends the connection, by which its reader knows that the file is not whole.
struct Pages(mpsc::Receiver<Result<Bytes, LedgerError>>);

impl hyper::body::Body for Pages {
    type Data = Bytes;
    type Error = LedgerError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, LedgerError>>> {
        self.0.poll_recv(context).map(|part| part.map(|part| part.map(Frame::data)))
    }
}

fn csv_of_problem(row: &ProblemRow) -> String {
    let standing = match row.standing {
        Standing::Open => "open",
        Standing::Proved => "proved",
        Standing::Disproved => "disproved",
    };
    let solved = row.solved_ms.map(time).unwrap_or_default();
    let (name, seconds) = (cell(&row.name), seconds(row.cpu_ms));
    format!("{},{name},{standing},{solved},{},{seconds}\r\n", row.id, row.searches)
}

fn csv_of_point(point: &CurvePoint) -> String {
    let CurvePoint { at_ms, searches, cpu_ms, proved, disproved } = point;
    format!("{},{searches},{},{proved},{disproved}\r\n", time(*at_ms), seconds(*cpu_ms))
}

/// A time as spreadsheets read it: `2026-11-30T08:45:19Z`.
fn time(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(DateTime::from_timestamp_millis);
    time.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true)).unwrap_or_default()
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// A text as one cell, which no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    let needs_quotes = text.contains([',', '"', '\n', '\r', ';', '\t']);
    if needs_quotes { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_no_cell_breaks_out() {
        assert_eq!(cell("mathd_algebra_1"), "mathd_algebra_1");
        assert_eq!(cell("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        for first in ["=", "+", "-", "@"] {
            assert_eq!(cell(&format!("{first}1")), format!("'{first}1"));
        }
        assert_eq!(cell("\tx"), "\"'\tx\"");
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("a\r\n=1"), "\"a\r\n=1\"");
        assert_eq!(cell(""), "");
    }

    #[test]
    fn rows_have_times_and_seconds_that_spreadsheets_read() {
        let row = ProblemRow {
            id: 3,
            name: "c3".to_owned(),
            standing: Standing::Disproved,
            solved_ms: Some(1_796_000_000_123),
            searches: 4,
            cpu_ms: 12_034,
        };
        assert_eq!(csv_of_problem(&row), "3,c3,disproved,2026-11-30T00:53:20Z,4,12.034\r\n");
        let open = ProblemRow { standing: Standing::Open, solved_ms: None, ..row };
        assert_eq!(csv_of_problem(&open), "3,c3,open,,4,12.034\r\n");
    }
}
