//! The `stepwise` command: parses, runs, and maps the outcome to an exit code.

use std::process::ExitCode;

use stepwise_worker::cli;

fn main() -> ExitCode {
    match cli::run(std::env::args_os()) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            cli::report(&error);
            ExitCode::from(2)
        }
    }
}
