//! This program as a host: `stepwise lean-host CODE REST LIBRARY BYTES SANDBOX`, which nobody types.

use std::ffi::OsString;
use std::io::{BufReader, stdin, stdout};
use std::path::Path;
use std::process::ExitCode;

use stepwise_lean::protocol::Hello;
use stepwise_lean_wasmtime::{Folders, Limits, open, serve};

use super::WasmSettings;
use super::sandbox::Sandbox;

/// The word that makes this program a host.
const WORD: &str = "lean-host";
/// What a host's exit tells when its owner has gone wrong.
const BROKEN: u8 = 70;

/// The arguments with which this program serves a Lean of these settings.
pub(super) fn arguments(settings: &WasmSettings) -> Vec<OsString> {
    let WasmSettings { code, rest, library, memory_limit, sandbox, .. } = settings;
    let (bytes, sandbox) = (memory_limit.to_string(), sandbox.word());
    vec![WORD.into(), code.into(), rest.into(), library.into(), bytes.into(), sandbox.into()]
}

/// Serves Lean over standard input and output if the command line (the program's name first) asks for that; `None` if
/// it is anything else.
pub fn serve_if_asked(line: &[OsString]) -> Option<ExitCode> {
    let [_, word, code, rest, library, bytes, sandbox] = line else { return None };
    if word != WORD {
        return None;
    }
    let sandbox = sandbox.to_str().and_then(Sandbox::of)?;
    let memory_bytes = bytes.to_str().and_then(|bytes| bytes.parse().ok())?;
    Some(run([code, rest, library].map(Path::new), Limits { memory_bytes }, sandbox))
}

fn run([code, rest, library]: [&Path; 3], limits: Limits, sandbox: Sandbox) -> ExitCode {
    let opened = sandbox.enter(&[code, rest, library]).and_then(|()| {
        open(Folders::new(code, rest), library)
            .map_err(|error| format!("{error}; `stepwise setup --force` lays it down afresh"))
    });
    let runtime = match opened {
        Ok(runtime) => runtime,
        Err(fatal) => {
            let hello = Hello { fatal: Some(fatal), ..Hello::default() };
            println!("{}", serde_json::to_string(&hello).unwrap_or_default());
            return ExitCode::from(BROKEN);
        }
    };
    // Its owner reads all that it says, or is gone.
    match serve(&runtime, limits, BufReader::new(stdin()), &mut stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(BROKEN),
    }
}
