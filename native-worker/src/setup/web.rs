//! Lean as a page loads it: the pieces of its module, where their functions are, the memory that it begins with, and what
//! there is to know of these.
//!
//! | file | holds |
//! |---|---|
//! | `lean.json` | [`Description`] |
//! | `lean.0.bin`, ... | the pieces, gzipped |
//! | `symbols.bin` | the symbol file, gzipped |
//! | `library.bin` | the bytes of the snapshot's runs, gzipped |
//! | `manifest.json` | size and hash of each of these |
//!
//! No name ends as a compressed file's does: some servers would tell browsers that the content is compressed for the way
//! only, and others would not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use stepwise_lean::module::{Profile, Rewritten, rewrite};
use stepwise_lean::signatures::{Import, imports};
use stepwise_lean::snapshot::Snapshot;

use super::SetupError;
use super::prepare::{Modules, NEEDED_BYTES};
use crate::blobs::hash_file;

const DESCRIPTION: &str = "lean.json";
const MANIFEST: &str = "manifest.json";

/// What a page has to know before it can start Lean.
#[derive(Debug, Serialize)]
struct Description<'a> {
    /// The package that it was made from, with its version.
    package: &'a str,
    /// What Lean has imported.
    modules: &'a [&'a str],
    /// The sizes of the pieces, unpacked.
    pieces: Vec<usize>,
    /// The functions that they import, each once.
    imports: BTreeSet<Import>,
    snapshot: Snapshot,
}

/// Packs Lean into a folder: the module of the package, and the memory of a library's folder.
pub(super) fn pack(
    package: &str,
    module: &Path,
    library: &Path,
    modules: Modules,
    out: &Path,
) -> Result<(), SetupError> {
    let read = |path: &Path| fs::read(path).map_err(|source| SetupError::io("read", path, 0, source));
    let wrong = |detail: String| SetupError::Preparation { package: package.to_owned(), detail };
    let Rewritten { pieces, symbols } =
        rewrite(&read(module)?, &Profile::known()).map_err(|error| wrong(error.to_string()))?;
    let mut all_imports = BTreeSet::new();
    for (number, piece) in pieces.iter().enumerate() {
        all_imports.extend(imports(piece).map_err(|error| wrong(error.to_string()))?);
        compress(&out.join(format!("lean.{number}.bin")), &mut &piece[..])?;
    }
    compress(&out.join("symbols.bin"), &mut &symbols.to_bytes()[..])?;
    let memory = library.join("library.snapshot");
    let mut source = File::open(&memory).map_err(|source| SetupError::io("read", &memory, 0, source))?;
    compress(&out.join("library.bin"), &mut source)?;
    let snapshot = serde_json::from_slice(&read(&library.join("library.json"))?);
    let description = Description {
        package,
        modules: modules.names(),
        pieces: pieces.iter().map(Vec::len).collect(),
        imports: all_imports,
        snapshot: snapshot.map_err(|error| wrong(format!("library.json is damaged ({error})")))?,
    };
    let description = serde_json::to_vec(&description).map_err(|error| wrong(error.to_string()))?;
    write(&out.join(DESCRIPTION), &description)
}

/// Copies what [`pack`] made beside a page, with a list of the files.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), SetupError> {
    #[derive(Serialize)]
    struct Entry {
        bytes: u64,
        sha256: String,
    }

    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| SetupError::io("copy", &path, NEEDED_BYTES, source)
    };
    fs::create_dir_all(to).map_err(failed(to))?;
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let path = entry.map_err(failed(from))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // The cache's own list.
        if name == MANIFEST {
            continue;
        }
        let bytes = fs::copy(&path, to.join(&name)).map_err(failed(&path))?;
        files.insert(name, Entry { bytes, sha256: hash_file(&path).map_err(failed(&path))? });
    }
    let manifest = serde_json::to_vec(&BTreeMap::from([("files", files)])).unwrap_or_default();
    write(&to.join(MANIFEST), &manifest)
}

fn compress(path: &Path, source: &mut dyn Read) -> Result<(), SetupError> {
    let written = File::create(path).and_then(|file| {
        let mut packed = GzEncoder::new(file, Compression::best());
        io::copy(source, &mut packed)?;
        packed.finish()?.sync_all()
    });
    written.map_err(|source| SetupError::io("write", path, NEEDED_BYTES, source))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), SetupError> {
    let written = File::create(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|source| SetupError::io("write", path, NEEDED_BYTES, source))
}
