//! Plays one recorded session of leanprover-community/repl over standard input and output. It is a recording: it knows no
//! Lean, compares each request with the recorded one as JSON, answers with the recorded bytes, and otherwise ends.
//!
//! `recorded-peer FOLDER NAME [FAULT N]` plays FOLDER/NAME; request number N (from 0) meets with a fault instead of its
//! answer: `die` (half of the answer, last words, exit 1), `silence`, `garbage` (not JSON), `long-line` and `long-answer`
//! (one MiB in one line or in many).

use std::io::{BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use stepwise_tests::transcripts::{self, Exchange};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (folder, name, fault) = match args.as_slice() {
        [folder, name] => (folder, name, None),
        [folder, name, fault, n] => (folder, name, n.parse::<usize>().ok().map(|n| (fault.as_str(), n))),
        _ => return fail("usage: recorded-peer FOLDER NAME [FAULT N]"),
    };
    match transcripts::load(Path::new(folder), name) {
        Ok(transcript) => play(&transcript.exchanges, fault),
        Err(error) => fail(&format!("cannot read the recording: {error}")),
    }
}

fn play(exchanges: &[Exchange], fault: Option<(&str, usize)>) -> ExitCode {
    let mut input = std::io::stdin().lock();
    let mut n = 0;
    while let Some(request) = next_request(&mut input) {
        let Some(exchange) = exchanges.get(n) else {
            return fail(&format!("request {n} is not in the recording: {request}"));
        };
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        if json(&request).is_none() || json(&request) != json(&exchange.request) {
            return fail(&format!("request {n} differs from the recording: {request} and not {}", exchange.request));
        }
        match fault {
            Some((fault, at)) if at == n => return misbehave(fault, &exchange.answer),
            _ => say(&format!("{}\n\n", exchange.answer)),
        }
        n += 1;
    }
    ExitCode::SUCCESS
}

/// The next request, its lines joined as the real program joins them; `None` at the end of the input.
fn next_request(input: &mut impl BufRead) -> Option<String> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match (line.trim_ascii().is_empty(), lines.is_empty()) {
            (true, true) => {}
            (true, false) => {
                let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                return Some(transcripts::joined(&lines));
            }
            (false, _) => lines.push(line),
        }
    }
}

fn misbehave(fault: &str, answer: &str) -> ExitCode {
    match fault {
        "die" => {
            let half = answer.floor_char_boundary(answer.len() / 2);
            say(&answer[..half]);
            fail("died in the middle of an answer, as told")
        }
        "silence" => loop {
            std::thread::sleep(Duration::from_secs(3600));
        },
        "garbage" => {
            say("uncaught exception: no JSON here\n\n");
            std::thread::sleep(Duration::from_secs(3600));
            ExitCode::SUCCESS
        }
        "long-line" => {
            say(&format!("{{\"message\": \"{}\"}}\n\n", "x".repeat(1 << 20)));
            ExitCode::SUCCESS
        }
        "long-answer" => {
            say(&format!("{{\"goals\": [\n{}\"\"]}}\n\n", "\"x\",\n".repeat(1 << 18)));
            ExitCode::SUCCESS
        }
        _ => fail("no such fault"),
    }
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that went away ends us soon enough: its end of our input is closed too.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn fail(message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "recorded-peer: {message}");
    ExitCode::FAILURE
}
