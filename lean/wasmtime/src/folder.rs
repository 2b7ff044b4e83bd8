//! What hosts start from, and how it is made: two folders of code for each machine, and beside them one with a library's
//! memory for each choice of modules.
//!
//! | folder | file | holds |
//! |---|---|---|
//! | code | `lean.0.code` | what runs in most proofs, compiled by this version of wasmtime for this CPU |
//! | | `lean.1.code` | what starts Lean and imports its library |
//! | | `symbols.bin` | name -> slot of the table, or address |
//! | rest | `lean.2.code`, ... | all other code |
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
use stepwise_lean::module::{BOOT, FIRST, Profile, Rewritten, rewrite, watched};
use stepwise_lean::selftest::{self_test, warm_up};
use stepwise_lean::snapshot::{Snapshot, Start, settle};
use stepwise_lean::symbols::Symbols;

use crate::code::{self, CodeError, Worth};
use crate::engine::{Runtime, on_deep_stack};
use crate::instance::{Instance, Limits};
use crate::mapped::SnapshotFile;
use crate::pieces::{Folders, file};
use crate::sources::{FolderDisk, RealSources};

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
pub fn open(folders: Folders, library: &Path) -> Result<Runtime, FolderError> {
    let path = library.join(DESCRIPTION);
    let description = fs::read(&path).map_err(io(&path))?;
    let snapshot: Snapshot = serde_json::from_slice(&description).map_err(|_| FolderError::Damaged(path))?;
    let path = library.join(SNAPSHOT);
    let snapshot = SnapshotFile::open(snapshot, &path).map_err(io(&path))?;
    load(folders, Some(snapshot))
}

fn load(folders: Folders, snapshot: Option<SnapshotFile>) -> Result<Runtime, FolderError> {
    let path = folders.code.join(SYMBOLS);
    let symbols = Symbols::parse(&fs::read(&path).map_err(io(&path))?).ok_or(FolderError::Damaged(path))?;
    Ok(Runtime::load(folders, Arc::new(symbols), snapshot.map(Arc::new))?)
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

/// Which code is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What starts Lean, and what runs in most proofs.
    First,
    /// All other code.
    Rest,
}

impl Part {
    /// The part that a file of this name belongs to; `None` where it is no file of [`compile`]'s.
    #[must_use]
    pub fn of_file(name: &str) -> Option<Self> {
        if name == SYMBOLS {
            return Some(Self::First);
        }
        let piece: usize = name.strip_prefix("lean.")?.strip_suffix(".code")?.parse().ok()?;
        Some(Self::of(piece))
    }

    fn of(piece: usize) -> Self {
        if piece <= BOOT { Self::First } else { Self::Rest }
    }
}

/// Rewrites `lean.wasm`, and puts a part of its code for this machine into the folder `out`, with at most `n_threads`
/// threads.
///
/// # Errors
///
/// A package of another version, a disk that is full.
pub fn compile(
    module: &Path,
    part: Part,
    n_threads: usize,
    out: &Path,
    stage: &mut dyn FnMut(Stage),
) -> Result<(), FolderError> {
    stage(Stage::Rewriting);
    let Rewritten { pieces, symbols } = rewrite(&fs::read(module).map_err(io(module))?, &Profile::known())?;
    if part == Part::First {
        write(&out.join(SYMBOLS), &symbols.to_bytes())?;
    }
    stage(Stage::Compiling);
    for (piece, module) in pieces.into_iter().enumerate() {
        if Part::of(piece) == part {
            let worth = if piece == BOOT { Worth::Once } else { Worth::Always };
            write(&file(out, piece), &code::compile(&module, worth, n_threads)?)?;
        }
    }
    Ok(())
}

/// The same for a Lean that tells which of its functions run ([`Folders::watched`]): all code in one piece.
///
/// # Errors
///
/// As [`compile`].
pub fn compile_watched(module: &Path, n_threads: usize, out: &Path) -> Result<(), FolderError> {
    let Rewritten { pieces, symbols } = watched(&fs::read(module).map_err(io(module))?)?;
    write(&out.join(SYMBOLS), &symbols.to_bytes())?;
    write(&file(out, FIRST), &code::compile(&pieces[FIRST], Worth::Once, n_threads)?)
}

/// Starts the Lean of these folders, imports `modules` from `library`, elaborates `preambles` that many statements
/// will have, saves the memory into the folder `out`, and sees whether theorems are proved from it.
///
/// # Errors
///
/// A library without these modules, a disk that is full, code that does not do what it should.
pub fn import(
    folders: &Folders,
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
    let runtime = load(folders.clone(), None)?;
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
    let runtime = open(folders.clone(), out)?;
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
