//! Lean as a page loads it: the pieces of its module, where their functions are, the memory that it begins with, and what
//! there is to know of these.
//!
//! | file | holds |
//! |---|---|
//! | `lean.json` | [`Description`] |
//! | `lean.0.bin`, ... | the pieces, compressed by Brotli |
//! | `symbols.bin` | the symbol file, compressed by Brotli |
//! | `library.bin` | the snapshot's memory, packed as [`stepwise_lean::packed`] does |
//! | `manifest.json` | size and hash of each of these, and of what they hold |
//!
//! Browsers unpack none of this by themselves, so that the page brings its own code for it: what they do unpack (gzip)
//! makes the pieces half as large again, and the memory three times as large.
//!
//! No name ends as a compressed file's does: some servers would tell browsers that the content is compressed for the way
//! only, and others would not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use brotli::enc::BrotliEncoderParams;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stepwise_lean::module::{Profile, Rewritten, rewrite};
use stepwise_lean::packed;
use stepwise_lean::signatures::{Import, imports};
use stepwise_lean::snapshot::Snapshot;

use super::SetupError;
use super::prepare::{Modules, NEEDED_BYTES};

const DESCRIPTION: &str = "lean.json";
const MANIFEST: &str = "manifest.json";
/// What the packed files hold, for the manifest.
const CONTENTS: &str = "contents.json";

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
    let mut packing = Packing { out, contents: BTreeMap::new() };
    let mut all_imports = BTreeSet::new();
    for (number, piece) in pieces.iter().enumerate() {
        all_imports.extend(imports(piece).map_err(|error| wrong(error.to_string()))?);
        packing.compress(&format!("lean.{number}.bin"), piece)?;
    }
    packing.compress("symbols.bin", &symbols.to_bytes())?;
    let snapshot = serde_json::from_slice(&read(&library.join("library.json"))?);
    let snapshot = snapshot.map_err(|error| wrong(format!("library.json is damaged ({error})")))?;
    let memory = read(&library.join("library.snapshot"))?;
    let packed = pack_memory(&snapshot, &memory).ok_or_else(|| wrong("its memory cannot be packed".to_owned()))?;
    packing.write("library.bin", &memory, &packed)?;
    let description = Description {
        package,
        modules: modules.names(),
        pieces: pieces.iter().map(Vec::len).collect(),
        imports: all_imports,
        snapshot,
    };
    let description = serde_json::to_vec(&description).map_err(|error| wrong(error.to_string()))?;
    write(&out.join(DESCRIPTION), &description)?;
    let contents = serde_json::to_vec(&packing.contents).map_err(|error| wrong(error.to_string()))?;
    write(&out.join(CONTENTS), &contents)
}

/// The packed memory, if it can be unpacked again.
fn pack_memory(snapshot: &Snapshot, memory: &[u8]) -> Option<Vec<u8>> {
    let packed = packed::pack(snapshot, memory)?;
    let words = packed::unpack(snapshot, &packed)?;
    let runs = packed::words_of_runs(snapshot).map(|(start, length)| &words[start..start + length]);
    let is_same = runs.flatten().flat_map(|word| word.to_le_bytes()).eq(memory.iter().copied());
    is_same.then_some(packed)
}

/// A size and a hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    bytes: usize,
    sha256: String,
}

impl Content {
    fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len(), sha256: hex::encode(Sha256::digest(bytes)) }
    }
}

/// A folder with packed files, and what they hold.
struct Packing<'a> {
    out: &'a Path,
    contents: BTreeMap<String, Content>,
}

impl Packing<'_> {
    fn compress(&mut self, name: &str, content: &[u8]) -> Result<(), SetupError> {
        // The last two steps of quality take ten times as long for a tenth less.
        let parameters = BrotliEncoderParams { quality: 9, lgwin: 24, ..BrotliEncoderParams::default() };
        let mut compressed = Vec::new();
        let done = brotli::BrotliCompress(&mut &*content, &mut compressed, &parameters);
        done.map_err(|source| SetupError::io("write", &self.out.join(name), NEEDED_BYTES, source))?;
        self.write(name, content, &compressed)
    }

    fn write(&mut self, name: &str, content: &[u8], packed: &[u8]) -> Result<(), SetupError> {
        self.contents.insert(name.to_owned(), Content::of(content));
        write(&self.out.join(name), packed)
    }
}

/// Copies what [`pack`] made beside a page, with a list of the files.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), SetupError> {
    #[derive(Serialize)]
    struct Entry {
        #[serde(flatten)]
        file: Content,
        #[serde(skip_serializing_if = "Option::is_none")]
        unpacked: Option<Content>,
    }

    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| SetupError::io("copy", &path, NEEDED_BYTES, source)
    };
    fs::create_dir_all(to).map_err(failed(to))?;
    let contents = fs::read(from.join(CONTENTS)).map_err(failed(from))?;
    let contents = serde_json::from_slice(&contents).map_err(io::Error::other);
    let mut contents: BTreeMap<String, Content> = contents.map_err(failed(&from.join(CONTENTS)))?;
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let path = entry.map_err(failed(from))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // The cache's own lists.
        if name == MANIFEST || name == CONTENTS {
            continue;
        }
        let bytes = fs::read(&path).map_err(failed(&path))?;
        fs::write(to.join(&name), &bytes).map_err(failed(&path))?;
        let unpacked = contents.remove(&name);
        files.insert(name, Entry { file: Content::of(&bytes), unpacked });
    }
    let manifest = serde_json::to_vec(&BTreeMap::from([("files", files)])).unwrap_or_default();
    write(&to.join(MANIFEST), &manifest)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), SetupError> {
    let written = File::create(path).and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|source| SetupError::io("write", path, NEEDED_BYTES, source))
}
