//! `cargo xtask`: the workspace's chores. This file parses the command line and maps the outcome to an exit code.

mod architecture;
mod assets;
mod check;
mod demo;
mod glossary;
mod program;
mod python;
mod serve;
mod shell;
mod wasm;
mod web;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::wasm::Module;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

Commands:
  check                    everything that must hold before a commit: format, lints, tests, wasm build, licences
  test                     all tests, with real Lean, a GPU adapter and a browser where the machine has them
  python                   prints the Python that the tests of model servers want in STEPWISE_TEST_PYTHON; makes it first
  demo [--terminal | ARGS] builds the page, proves first theorems in the terminal, and serves the page (ARGS are those of
                           `stepwise serve`), and beside it as files alone, with Lean in the browser; with --terminal it ends
                           after the theorems
  wasm [--toolchain T]     builds core and web for wasm32; T is auto (default), rustup or distribution
  inference                builds the language model for a page's worker (wasm32) and packs it into dist/inference/
  dist [--program] [--serve [PORT]]
                           packs all of that and Lean itself into dist/: a page that proves without a server of ours, for any
                           host of files; with --program, also program/stepwise, the release program with page and models
                           inside, and tries it out in an empty folder
  try PROGRAM              has a program that was built prove, check and serve by itself, from an empty folder
  web [--page-only] [--serve [PORT]]
                           packs the page, the language model and the models that ship into dist/ (or the page alone, which
                           is quick), and serves them on the loopback interface (default port 8080)";

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
        ["demo", "--terminal"] => demo::demo(None),
        ["demo", arguments @ ..] => demo::demo(Some(arguments)),
        ["wasm"] => wasm::build(Module::Page, wasm::Choice::Auto).map(drop),
        ["wasm", "--toolchain", choice] => wasm::build(Module::Page, choice.parse()?).map(drop),
        ["inference"] => web::pack_inference().map(drop),
        ["web", flags @ ..] => web(flags),
        ["dist", flags @ ..] => {
            let (has_program, flags) = flag("--program", flags);
            let port = port(flags)?;
            let dist = web::pack_with_lean()?;
            if has_program {
                program::pack()?;
            }
            port.map_or(Ok(()), |port| serve::serve(&dist, port))
        }
        ["try", program] => program::try_out(Path::new(program)),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => bail!("`{}` is no command\n\n{USAGE}", words.join(" ")),
    }
}

/// Packs, and serves if asked to.
fn web(flags: &[&str]) -> Result<()> {
    let (page_only, flags) = flag("--page-only", flags);
    let port = port(flags)?;
    let dist = if page_only { web::pack_page()? } else { web::pack()? };
    port.map_or(Ok(()), |port| serve::serve(&dist, port))
}

/// Whether a flag stands first, and what stands behind it.
fn flag<'a>(name: &str, flags: &'a [&'a str]) -> (bool, &'a [&'a str]) {
    match flags {
        [first, rest @ ..] if *first == name => (true, rest),
        _ => (false, flags),
    }
}

/// Where to serve what was packed, if anywhere.
fn port(flags: &[&str]) -> Result<Option<u16>> {
    Ok(match flags {
        [] => None,
        ["--serve"] => Some(serve::PORT),
        ["--serve", port] => {
            Some(port.parse().with_context(|| format!("`{port}` is no port; give a number from 0 to 65535"))?)
        }
        _ => bail!("`{}` is not known here\n\n{USAGE}", flags.join(" ")),
    })
}
