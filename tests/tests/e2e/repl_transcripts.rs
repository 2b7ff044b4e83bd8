//! Our types for the repl's protocol against every kind of request and answer, and what we make of each answer.

use std::fmt::Write as _;

use expect_test::expect_file;
use serde_json::Value;
use stepwise_tests::transcripts::{self, Transcript};
use stepwise_worker::lean::repl::protocol::{Request, Response};
use stepwise_worker::lean::repl::reading::{self, CommandFailure, Root, Step};

/// The tests' own sessions, and recordings of the real program where they are there.
fn all() -> Vec<Transcript> {
    let mut all = own();
    match transcripts::recordings() {
        Some(folder) => all.extend(transcripts::load_all(&folder).unwrap()),
        None => stepwise_tests::say_skipped("recordings of the repl", "../shared/data/repl-transcripts is not there"),
    }
    all
}

fn own() -> Vec<Transcript> {
    let own = transcripts::load_all(&transcripts::folder()).unwrap();
    assert!(!own.is_empty());
    own
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn every_request_survives_our_types() {
    for transcript in all() {
        for exchange in &transcript.exchanges {
            let typed: Request = serde_json::from_str(&exchange.request).unwrap();
            assert_eq!(json(&typed.to_line()), json(&exchange.request), "in {}", transcript.name);
            assert!(!typed.to_line().contains('\n'));
        }
    }
}

#[test]
fn every_answer_survives_our_types() {
    for transcript in all() {
        for exchange in &transcript.exchanges {
            let typed =
                Response::parse(&exchange.answer).unwrap_or_else(|error| panic!("{}: {error}", transcript.name));
            assert_eq!(serde_json::to_value(&typed).unwrap(), json(&exchange.answer), "in {}", transcript.name);
        }
    }
}

/// Every kind of request and of reading occurs in the tests' own sessions.
#[test]
fn every_answer_is_read_as_the_table_says() {
    let mut table = String::new();
    for transcript in own() {
        writeln!(table, "{}", transcript.name).unwrap();
        for exchange in &transcript.exchanges {
            let request: Request = serde_json::from_str(&exchange.request).unwrap();
            let response = Response::parse(&exchange.answer).unwrap();
            let (kind, read) = match request {
                Request::Step { .. } => ("tactic", step(response)),
                Request::PickleState { .. } => ("pickle state", step(response)),
                Request::UnpickleState { .. } => ("unpickle state", step(response)),
                Request::PickleEnv { .. } => ("pickle env", command(response)),
                Request::UnpickleEnv { .. } => ("unpickle env", command(response)),
                Request::Command { .. } => ("command", command(response)),
                Request::File { .. } => ("file", command(response)),
            };
            writeln!(table, "    {kind}: {read}").unwrap();
        }
    }
    expect_file!["repl_transcripts.txt"].assert_eq(&table);
}

/// A recording holds nothing but what the program may answer: only where it is asked for what it does not have does the
/// host lose its trust.
#[test]
fn recordings_confuse_the_host_only_by_what_is_unknown() {
    for transcript in all() {
        for exchange in &transcript.exchanges {
            let response = Response::parse(&exchange.answer).unwrap();
            let is_step = matches!(serde_json::from_str(&exchange.request).unwrap(), Request::Step { .. });
            let read = if is_step { step(response) } else { command(response) };
            let is_pickle = exchange.request.contains("ickle");
            assert!(
                is_pickle || !read.starts_with("confused") || read.contains("Unknown"),
                "{}: {read}",
                transcript.name
            );
        }
    }
}

fn step(response: Response) -> String {
    match reading::step(response) {
        Step::Proved => "proved".into(),
        Step::Open { state, goals } => format!("open {state}, {} goals", goals.len()),
        Step::Failed { message } => format!("failed: {}", brief(&message)),
        Step::Confused { detail } => format!("confused: {detail}"),
    }
}

fn command(response: Response) -> String {
    match reading::command(response.clone()) {
        Ok(answer) if answer.sorries.is_empty() => format!("accepted, environment {}", answer.env),
        Ok(_) => match reading::root(response) {
            Root::Open { state, .. } => format!("root {state}"),
            Root::Rejected { message } => format!("no root: {message}"),
            Root::Confused { detail } => format!("confused: {detail}"),
        },
        Err(CommandFailure::Rejected { message }) => format!("rejected: {}", brief(&message)),
        Err(CommandFailure::Confused { detail }) => format!("confused: {detail}"),
    }
}

/// The beginning of a message.
fn brief(text: &str) -> String {
    let line = text.replace('\n', " / ");
    if line.chars().count() <= 60 { line } else { format!("{}...", line.chars().take(57).collect::<String>()) }
}
