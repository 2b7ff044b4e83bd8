//! Finds a Node that can run Lean: the one the user names, the one on PATH, or the one that set-up brings.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::SetupError;
use super::cache::{CopyError, Staging};
use super::progress::{Meter, Phase, Progress};
use super::registry::Package;
use super::unpack::{Metered, each_file};
use crate::process::{ProcessError, Spec, run_blocking};

/// Older ones refuse a WebAssembly module with as many exports as Lean has.
pub const OLDEST_MAJOR: u32 = 24;
/// The program, in the folder that set-up makes.
pub(super) const PROGRAM: &str = if cfg!(windows) { "bin/node.exe" } else { "bin/node" };
/// What the program takes, for the message when the disk is full.
pub(super) const UNPACKED_BYTES: u64 = 160_000_000;
/// Starting Node takes 40 ms; on a machine under load, seconds.
const START_LIMIT: Duration = Duration::from_secs(20);
/// Answers are remembered in this file of the cache, so that a warm `ensure` starts no process.
const REMEMBERED: &str = "node-versions.json";

/// A Node that was asked for its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The program itself, behind any shim that PATH names.
    pub path: PathBuf,
    /// For example `26.10.0`.
    pub version: String,
}

impl Node {
    /// Whether it can run Lean.
    pub fn is_recent(&self) -> bool {
        let major = self.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        major.is_some_and(|major| major >= OLDEST_MAJOR)
    }
}

/// The first `node` in a list of folders such as PATH holds.
pub(super) fn on_path(path: &OsStr) -> Option<PathBuf> {
    let name = if cfg!(windows) { "node.exe" } else { "node" };
    std::env::split_paths(path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// Asks a program for its version, or remembers what it said while it has not changed. `Err` tells what went wrong.
pub(super) fn identify(program: &Path, cache: &Path) -> Result<Node, String> {
    let memory = cache.join(REMEMBERED);
    let asked = Stamp::of(program).map_err(|error| format!("which cannot be read: {error}"))?;
    let mut remembered: Vec<Answer> =
        fs::read(&memory).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let known = remembered
        .iter()
        .find(|answer| answer.asked == asked && Stamp::of(&answer.real.path).is_ok_and(|real| real == answer.real));
    if let Some(answer) = known {
        return Ok(Node { path: answer.real.path.clone(), version: answer.version.clone() });
    }
    let node = ask(program)?;
    if let Ok(real) = Stamp::of(&node.path) {
        remembered.retain(|answer| answer.asked.path != asked.path);
        remembered.truncate(15);
        remembered.insert(0, Answer { asked, real, version: node.version.clone() });
        // Forgetting costs 40 ms per start: a cache that cannot be written is no error.
        if let Ok(text) = serde_json::to_vec(&remembered) {
            let new = memory.with_extension(format!("new-{}", std::process::id()));
            if fs::write(&new, text).and_then(|()| fs::rename(&new, &memory)).is_err() {
                let _ = fs::remove_file(&new);
            }
        }
    }
    Ok(node)
}

/// Unpacks the program out of the verified tarball of `package`.
pub(super) fn unpack(
    package: &Package,
    tarball: &Path,
    staging: &mut Staging,
    progress: &dyn Progress,
) -> Result<(), SetupError> {
    let name = package.to_string();
    let file = File::open(tarball).map_err(|source| SetupError::io("read", tarball, 0, source))?;
    let meter = Meter::start(progress, Phase::Unpacking, name.clone(), 0, package.bytes);
    let mut found = false;
    each_file(&name, Metered { reader: file, meter }, |path, contents| match path.strip_prefix("package/") {
        Some(path) if path == PROGRAM => {
            staging.copy(PROGRAM, contents)?;
            found = true;
            staging.make_executable(PROGRAM).map_err(CopyError::Target)
        }
        Some("LICENSE") => staging.copy("LICENSE", contents),
        _ => Ok(()),
    })?;
    if !found {
        return Err(SetupError::Archive { package: name, detail: format!("it holds no {PROGRAM}") });
    }
    Ok(())
}

/// One remembered answer. Version managers put a script or a link on PATH, so both ends must be unchanged.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    asked: Stamp,
    real: Stamp,
    version: String,
}

/// What tells a file from its next version.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    path: PathBuf,
    bytes: u64,
    modified_ns: u64,
}

impl Stamp {
    fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            path: path.to_path_buf(),
            bytes: metadata.len(),
            modified_ns: u64::try_from(modified.as_nanos()).unwrap_or(u64::MAX),
        })
    }
}

/// Asks a program as one asks Node for its version and its path.
fn ask(program: &Path) -> Result<Node, String> {
    let spec = Spec {
        args: ["-p", "process.version + '\\n' + process.execPath"].map(Into::into).to_vec(),
        env: vec![("NODE_OPTIONS".into(), "".into())],
        max_line: 1 << 16,
        ..Spec::new(program)
    };
    let start = Instant::now();
    let finished = loop {
        match run_blocking(&spec, START_LIMIT) {
            // A program that was written a moment ago stays busy while a child that another thread is just starting
            // still shares the file that it was written through.
            Err(ProcessError::Spawn { source, .. })
                if source.kind() == ErrorKind::ExecutableFileBusy && start.elapsed() < START_LIMIT =>
            {
                thread::sleep(Duration::from_millis(5));
            }
            Err(ProcessError::Spawn { source, .. }) => return Err(format!("which cannot be started: {source}")),
            Err(ProcessError::Deadline) => {
                return Err(format!("which did not tell its version within {} s", START_LIMIT.as_secs()));
            }
            Err(error) => return Err(format!("which does not answer as Node does: {error}")),
            Ok(finished) => break finished,
        }
    };
    let mut lines = finished.stdout.lines();
    match (finished.status.success(), lines.next().and_then(|line| line.strip_prefix('v')), lines.next()) {
        (true, Some(version), Some(path)) => Ok(Node { path: PathBuf::from(path), version: version.to_owned() }),
        _ => Err(format!("which does not answer as Node does ({})", finished.status)),
    }
}
