//! What hosts start from, and how it is made: a folder of code for each machine, and beside it one with a library's
//! memory for each choice of modules.
//!
//! | folder | file | holds |
//! |---|---|---|
//! | code | `lean.code` | compiled code, for this version of wasmtime and this CPU |
//! | | `symbols.bin` | name -> slot of the table, or address |
//! | library | `library.json` | the snapshot's pages, mutable globals, environment and runs of memory |
//! | | `library.snapshot` | the bytes of the runs, one after the other |

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stepwise_lean::boot::boot;
use stepwise_lean::driver::Driver;
use stepwise_lean::imports::{FixedSources, System};
use stepwise_lean::machine::Fault;
use stepwise_lean::module::rewrite;
use stepwise_lean::selftest::{self_test, warm_up};
use stepwise_lean::snapshot::{Snapshot, Start, settle};
use stepwise_lean::symbols::Symbols;

use crate::code::{self, CodeError};
use crate::engine::{Runtime, on_deep_stack};
use crate::instance::{Instance, Limits};
use crate::mapped::SnapshotFile;
use crate::sources::{FolderDisk, RealSources};

/// The file with compiled code.
pub const CODE: &str = "lean.code";
const SYMBOLS: &str = "symbols.bin";
const SNAPSHOT: &str = "library.snapshot";
const DESCRIPTION: &str = "library.json";
/// Lean looks for its library in `lib/lean` below this.
const LIBRARY_ROOT: &str = "/";

/// What a preamble may take that is elaborated ahead.
const PREAMBLE_LIMIT: Duration = Duration::from_secs(120);

/// Why a folder cannot be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is not what its name says.
    #[error("{} is damaged", .0.display())]
    Damaged(PathBuf),
    /// The package's module is not the one that this program knows.
    #[error(transparent)]
    Mismatch(#[from] stepwise_lean::module::Mismatch),
    /// The module cannot be compiled, or its code not be loaded.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// Lean does not start.
    #[error(transparent)]
    Fault(#[from] Fault),
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> FolderError + '_ {
    move |source| FolderError::Io { path: path.to_owned(), source }
}

/// Opens what [`compile`] and [`import`] made.
///
/// # Errors
///
/// A folder that is damaged, or made by another version or for another CPU.
pub fn open(code: &Path, library: &Path) -> Result<Runtime, FolderError> {
    let path = library.join(DESCRIPTION);
    let description = fs::read(&path).map_err(io(&path))?;
    let snapshot: Snapshot = serde_json::from_slice(&description).map_err(|_| FolderError::Damaged(path))?;
    let path = library.join(SNAPSHOT);
    let snapshot = SnapshotFile::open(snapshot, &path).map_err(io(&path))?;
    load(code, Some(snapshot))
}

fn load(code: &Path, snapshot: Option<SnapshotFile>) -> Result<Runtime, FolderError> {
    let path = code.join(SYMBOLS);
    let symbols = Symbols::parse(&fs::read(&path).map_err(io(&path))?).ok_or(FolderError::Damaged(path))?;
    Ok(Runtime::load(&code.join(CODE), Arc::new(symbols), snapshot.map(Arc::new))?)
}

/// A step of the preparation, as it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The package's module is rewritten.
    Rewriting,
    /// It is compiled.
    Compiling,
    /// Lean starts and imports its library.
    Importing,
    /// A few theorems are proved, and one that is none is refused.
    Testing,
}

/// Where compiled code comes from.
#[derive(Clone, Copy, Debug)]
pub enum Code<'a> {
    /// It is compiled here.
    Compile {
        /// How many threads may take part.
        n_threads: usize,
    },
    /// It is in this file. Whoever names it vouches for it: loading it is running it.
    Ready(&'a Path),
}

/// Rewrites `lean.wasm` and puts its code for this machine into the folder `out`.
///
/// # Errors
///
/// A package of another version, a disk that is full, ready code for another version or CPU.
pub fn compile(module: &Path, code: Code<'_>, out: &Path, stage: &mut dyn FnMut(Stage)) -> Result<(), FolderError> {
    stage(Stage::Rewriting);
    let rewritten = {
        let bytes = fs::read(module).map_err(io(module))?;
        rewrite(&bytes)?
    };
    write(&out.join(SYMBOLS), &rewritten.symbols.to_bytes())?;
    match code {
        Code::Compile { n_threads } => {
            stage(Stage::Compiling);
            write(&out.join(CODE), &code::compile(&rewritten.module, n_threads)?)
        }
        Code::Ready(file) => {
            fs::copy(file, out.join(CODE)).map_err(io(file))?;
            load(out, None).map(drop)
        }
    }
}

/// Starts the Lean of the folder `code`, imports `modules` from `library`, elaborates `preambles` that many statements
/// will have, saves the memory into the folder `out`, and sees whether theorems are proved from it.
///
/// # Errors
///
/// A library without these modules, a disk that is full, code that does not do what it should.
pub fn import(
    code: &Path,
    library: &Path,
    modules: &[&str],
    preambles: &[String],
    out: &Path,
    stage: &mut dyn FnMut(Stage),
) -> Result<(), FolderError> {
    stage(Stage::Importing);
    for module in modules {
        let path = library.join(module.replace('.', "/")).with_extension("olean");
        fs::metadata(&path).map_err(io(&path))?;
    }
    let names: Vec<String> = modules.iter().map(|module| (*module).to_owned()).collect();
    let runtime = load(code, None)?;
    let path = out.join(SNAPSHOT);
    let snapshot = on_deep_stack(|| {
        let system = System::new(Box::new(FixedSources::default()), Some(Box::new(FolderDisk::new(library))));
        let mut instance = Instance::start(&runtime, system, Limits::default())?;
        instance.run(|lean| {
            let env = boot(lean, LIBRARY_ROOT, &names)?;
            let mut driver = Driver::new(lean, &Start { env, preambles: Vec::new() })?;
            warm_up(lean, &mut driver)?;
            for preamble in preambles {
                if !driver.prepare(lean, preamble, PREAMBLE_LIMIT)? {
                    return Err(Fault::Unfit(format!("Lean refuses the preamble {preamble}")).into());
                }
            }
            let start = driver.start();
            settle(lean, &start)?;
            let snapshot = Snapshot::take(lean, start)?;
            let mut target = BufWriter::new(fs::File::create(&path).map_err(io(&path))?);
            for &(address, length) in &snapshot.runs {
                target.write_all(&lean.bytes(address, length)?).map_err(io(&path))?;
            }
            target
                .into_inner()
                .map_err(|error| error.into_error())
                .and_then(|file| file.sync_all())
                .map_err(io(&path))?;
            Ok::<_, FolderError>(snapshot)
        })
    })?;
    drop(runtime);
    let description = serde_json::to_vec(&snapshot).unwrap_or_default();
    write(&out.join(DESCRIPTION), &description)?;

    stage(Stage::Testing);
    let runtime = open(code, out)?;
    on_deep_stack(|| {
        let mut instance =
            Instance::start(&runtime, System::new(Box::new(RealSources::default()), None), Limits::default())?;
        Ok(instance.run(|lean| {
            let mut driver = Driver::new(lean, &snapshot.start)?;
            self_test(lean, &mut driver)
        })?)
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let written = fs::File::create(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(io(path))
}
