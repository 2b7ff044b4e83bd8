//! Which functions of Lean's module run: makes `lean/src/module/profile.txt`, by which set-up compiles first what proving
//! needs first. It is `stepwise` itself on a Lean that tells what runs, so that whatever the program does can be looked at:
//!
//! ```text
//! lean_profile prepare PACKAGE WORK   compiles a watched Lean out of the unpacked npm package, and imports its library
//! lean_profile COMMAND ...            a command of stepwise, whose hosts are watched (`STEPWISE_PROFILE=WORK`)
//! lean_profile write PACKAGE WORK     prints the profile
//! ```
//!
//! `lean/README.md` has the commands that made the one that is there. A watched Lean is several times as slow.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{self, BufReader, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use stepwise_core::problem::CORE_NOTATION;
use stepwise_lean::module::{Profile, Ran, fingerprint};
use stepwise_lean_wasmtime::{Folders, Limits, Watched, compile_watched, import, open, serve};
use stepwise_worker::cli;

/// Where the hosts of a command of stepwise find the watched Lean.
const WORK: &str = "STEPWISE_PROFILE";
/// What ran while Lean started, and the folder with a file of what ran for each host.
const BOOTED: &str = "booted";
const PROVED: &str = "proved";

/// In how many instances of Lean something ran that is to be there first. An example of the page has as many: its search,
/// its recheck, and the judgement of its file.
const OFTEN: u32 = 5;

fn main() -> anyhow::Result<ExitCode> {
    let line: Vec<_> = env::args_os().collect();
    let words: Vec<_> = line.iter().map(|word| word.to_string_lossy()).collect();
    match words.iter().map(AsRef::as_ref).collect::<Vec<_>>().as_slice() {
        [_, "prepare", package, work] => prepare(Path::new(package), Path::new(work))?,
        [_, "write", package, work] => write(Path::new(package), Path::new(work))?,
        [_, "lean-host", ..] => host(&PathBuf::from(env::var_os(WORK).context("no STEPWISE_PROFILE")?))?,
        _ => return Ok(cli::run(line)?.into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn folders(work: &Path, watched: &Watched) -> Folders {
    Folders { watched: Some(watched.clone()), ..Folders::new(&work.join("code"), &work.join("rest")) }
}

fn prepare(package: &Path, work: &Path) -> anyhow::Result<()> {
    let watched = Watched::default();
    for folder in ["code", "library", PROVED] {
        fs::create_dir_all(work.join(folder))?;
    }
    let n_threads = std::thread::available_parallelism()?.get();
    compile_watched(&package.join("lean.wasm"), n_threads, &work.join("code"))?;
    let preambles = [String::new(), CORE_NOTATION.to_owned()];
    let library = package.join("lean-lib");
    let out = work.join("library");
    import(&folders(work, &watched), &library, &["Init"], &preambles, &out, &mut |stage| eprintln!("{stage:?}"))?;
    fs::write(work.join(BOOTED), places(&watched.take()))?;
    Ok(())
}

/// Serves a watched Lean as `stepwise lean-host` serves one, and writes down what ran with each answer.
fn host(work: &Path) -> anyhow::Result<()> {
    let watched = Watched::default();
    let runtime = open(folders(work, &watched), &work.join("library"))?;
    let path = work.join(PROVED).join(std::process::id().to_string());
    let file = fs::File::options().create(true).append(true).open(path)?;
    let limits = Limits::default();
    Ok(serve(&runtime, limits, BufReader::new(stdin()), &mut Noting { watched, file })?)
}

/// Standard output, before each line of which it is noted what has run.
struct Noting {
    watched: Watched,
    file: fs::File,
}

impl Write for Noting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(places(&self.watched.take()).as_bytes())?;
        stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        stdout().flush()
    }
}

fn places(ran: &BTreeSet<u32>) -> String {
    ran.iter().map(|place| format!("{place}\n")).collect()
}

fn read(path: &Path) -> anyhow::Result<Vec<u32>> {
    Ok(fs::read_to_string(path)?.lines().map(str::parse).collect::<Result<_, _>>()?)
}

fn write(package: &Path, work: &Path) -> anyhow::Result<()> {
    let mut n_instances: BTreeMap<u32, u32> = BTreeMap::new();
    for file in fs::read_dir(work.join(PROVED))? {
        for place in read(&file?.path())? {
            *n_instances.entry(place).or_default() += 1;
        }
    }
    let proving: BTreeSet<u32> = n_instances.into_iter().filter(|(_, n)| *n >= OFTEN).map(|(place, _)| place).collect();
    if proving.is_empty() {
        bail!("nothing has been proved with STEPWISE_PROFILE={}", work.display());
    }
    let booting = read(&work.join(BOOTED))?.into_iter().filter(|place| !proving.contains(place)).collect();
    let fingerprint = fingerprint(&fs::read(package.join("lean.wasm"))?)?;
    print!("{}", Profile { fingerprint, ran: Ran { proving, booting } }.to_text());
    Ok(())
}
