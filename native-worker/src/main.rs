//! The `stepwise` command: is a host of Lean if it was started as one, and otherwise parses, runs, and maps the outcome to an exit code.

use std::process::ExitCode;

use stepwise_worker::cli;
use stepwise_worker::lean::wasm::child::serve_if_asked;

fn main() -> ExitCode {
    let line: Vec<_> = std::env::args_os().collect();
    if let Some(code) = serve_if_asked(&line) {
        return code;
    }
    match cli::run(line) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            cli::report(&error);
            ExitCode::from(2)
        }
    }
}
