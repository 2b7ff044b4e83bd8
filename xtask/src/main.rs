//! `cargo xtask`: the workspace's chores. This file parses the command line and maps the outcome to an exit code.

mod architecture;
mod check;
mod demo;
mod python;
mod serve;
mod shell;
mod wasm;
mod web;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::wasm::Module;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

Commands:
  check                    everything that must hold before a commit: format, lints, tests, wasm build, licences
  test                     all tests, with real Lean, a GPU adapter and a browser where the machine has them
  python                   prints the Python that the tests of model servers want in STEPWISE_TEST_PYTHON; makes it first
  demo                     sets up Lean and proves first theorems in the terminal
  wasm [--toolchain T]     builds core and web for wasm32; T is auto (default), rustup or distribution
  inference                builds the language model for a page's worker (wasm32) and packs it into dist/inference/
  web [--serve [PORT]]     packs the page into dist/, and serves it on the loopback interface (default port 8080)";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["check"] => check::check(),
        ["test"] => check::test(),
        ["python"] => python::print(),
        ["demo"] => demo::demo(),
        ["wasm"] => wasm::build(Module::Page, wasm::Choice::Auto).map(drop),
        ["wasm", "--toolchain", choice] => wasm::build(Module::Page, choice.parse()?).map(drop),
        ["inference"] => web::pack_inference().map(drop),
        ["web"] => web::pack().map(drop),
        ["web", "--serve"] => serve::serve(&web::pack()?, 8080),
        ["web", "--serve", port] => {
            let port = port.parse().with_context(|| format!("`{port}` is no port; give a number from 0 to 65535"))?;
            serve::serve(&web::pack()?, port)
        }
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => bail!("`{}` is no command\n\n{USAGE}", words.join(" ")),
    }
}
