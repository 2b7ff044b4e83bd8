//! Small packages of the right shape, a registry that serves them, and a cache folder of its own for each test.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha512};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use stepwise_lean::machine::Fault;
use stepwise_lean_wasmtime::{FolderError, Folders, Part, Stage};

use super::server::Server;
use crate::setup::cache::Cache;
use crate::setup::prepare::Preparation;
use crate::setup::{Installed, Options, Package, Progress, Setup, SetupError, Silent};

/// In the prepared folders' names, in place of hashes that change with the program.
const CODE_RECIPE: &str = "r1";
const LIBRARY_RECIPE: &str = "s1";

pub(super) struct Fixture {
    pub(super) folder: TempDir,
    pub(super) server: Server,
    pub(super) lean: Package,
    pub(super) options: Options,
    pub(super) stand_in: StandIn,
}

/// A file in an archive.
pub(super) struct Member<'a> {
    pub(super) path: &'a str,
    pub(super) contents: &'a [u8],
    pub(super) kind: EntryType,
}

/// A regular file.
pub(super) fn file<'a>(path: &'a str, contents: &'a (impl AsRef<[u8]> + ?Sized)) -> Member<'a> {
    Member { path, contents: contents.as_ref(), kind: EntryType::Regular }
}

/// A gzipped archive. Names are put into the header as they are: the `tar` crate would refuse the unsafe ones.
pub(super) fn archive(members: &[Member<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for member in members {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..member.path.len()].copy_from_slice(member.path.as_bytes());
        header.set_entry_type(member.kind);
        header.set_size(member.contents.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, member.contents).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// The library archive of the right shape.
fn library() -> Vec<u8> {
    archive(&[
        Member { path: "./", contents: b"", kind: EntryType::Directory },
        file("._Init", "macOS"),
        file("./Init.olean", "init"),
        file("./Init/._Core.olean", "macOS"),
        file("./Init/Core.olean", "core"),
        file("./Std/Data/Map.olean", "map"),
        file("./Lean.olean", "lean"),
        file("./Lean/Elab.olean", "elab"),
    ])
}

/// The Lean package around some library archive.
pub(super) fn lean_tarball(library: &[u8]) -> Vec<u8> {
    // Incompressible, so that the tarball is long enough to be cut in interesting places.
    let mut noise = Vec::new();
    for i in 0u32..4_000 {
        noise.extend_from_slice(&Sha512::digest(i.to_le_bytes())[..]);
    }
    archive(&[
        file("package/lean-lib.tar.gz", library),
        file("package/lean.js", "unused"),
        file("package/package.json", "{}"),
        file("package/lean.wasm", &noise),
    ])
}

/// In place of the compiler, which takes minutes: it writes down what it was given, so that tests see it, and fails
/// where it is told to.
#[derive(Default)]
pub(super) struct StandIn {
    /// What the next call fails with: of `compile` for what is first, of `import`, of `compile` for the rest.
    pub(super) failures: Mutex<[Option<FolderError>; 3]>,
    /// How often each was called.
    pub(super) calls: Mutex<[usize; 3]>,
}

impl StandIn {
    fn call(&self, which: usize) -> Result<(), FolderError> {
        self.calls.lock().unwrap()[which] += 1;
        self.failures.lock().unwrap()[which].take().map_or(Ok(()), Err)
    }
}

impl Preparation for StandIn {
    fn compile(&self, module: &Path, part: Part, out: &Path, stage: &mut dyn FnMut(Stage)) -> Result<(), FolderError> {
        stage(Stage::Rewriting);
        stage(Stage::Compiling);
        let piece = if part == Part::First { 0 } else { 2 };
        fs::copy(module, out.join(format!("lean.{piece}.code"))).unwrap();
        self.call(piece)
    }

    fn import(
        &self,
        folders: &Folders,
        library: &Path,
        modules: &[&str],
        out: &Path,
        stage: &mut dyn FnMut(Stage),
    ) -> Result<(), FolderError> {
        stage(Stage::Importing);
        if !folders.code.join("lean.0.code").is_file() {
            return Err(Fault::Crashed("no code".to_owned()).into());
        }
        fs::write(out.join("library.snapshot"), format!("{modules:?}\n{}\n", files_below(library).join("\n"))).unwrap();
        stage(Stage::Testing);
        self.call(1)
    }
}

/// The files below a folder, by their paths in it.
fn files_below(root: &Path) -> Vec<String> {
    fn walk(folder: &Path, root: &Path, files: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, files);
            } else {
                files.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    let mut files = Vec::new();
    walk(root, root, &mut files);
    files.sort();
    files
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::with_lean(lean_tarball(&library()))
    }

    pub(super) fn with_lean(lean_tarball: Vec<u8>) -> Self {
        let lean = package("lean-test", &lean_tarball);
        let server = Server::start(HashMap::from([("/lean-test/-/lean-test-1.0.0.tgz".to_owned(), lean_tarball)]));
        let folder = TempDir::new().unwrap();
        let npmrc = folder.path().join("npmrc");
        fs::write(&npmrc, "").unwrap();
        let options = Options {
            cache_dir: Some(folder.path().join("cache")),
            registry: Some(server.address.clone()),
            npmrc: Some(npmrc),
            ..Options::default()
        };
        Self { folder, server, lean, options, stand_in: StandIn::default() }
    }

    /// The cache folder.
    pub(super) fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    pub(super) fn setup(&self) -> Setup<'_> {
        Setup {
            options: &self.options,
            cache: Cache { root: self.cache() },
            lean: self.lean,
            code_recipe: CODE_RECIPE.to_owned(),
            library_recipe: LIBRARY_RECIPE.to_owned(),
            preparation: &self.stand_in,
            first_pause: Duration::from_millis(1),
        }
    }

    pub(super) fn ensure(&self) -> Result<Installed, SetupError> {
        self.ensure_with(&Silent)
    }

    pub(super) fn complete(&self) -> Result<Installed, SetupError> {
        self.setup().complete(&Silent)
    }

    pub(super) fn ensure_with(&self, progress: &dyn Progress) -> Result<Installed, SetupError> {
        self.setup().ensure(progress)
    }

    /// The error's line, with this run's folder and address taken out.
    pub(super) fn line(&self, error: &SetupError) -> String {
        let folder = self.folder.path().display().to_string();
        error.to_string().replace(&folder, "FOLDER").replace(self.server.address.trim_end_matches('/'), "REGISTRY")
    }

    /// Every file under the cache folder.
    pub(super) fn files(&self) -> Vec<String> {
        files_below(&self.cache())
    }
}

fn package(name: &'static str, tarball: &[u8]) -> Package {
    // Leaked: a real package's hash is a constant.
    let integrity = format!("sha512-{}", STANDARD.encode(Sha512::digest(tarball))).leak();
    Package { name, version: "1.0.0", integrity, bytes: tarball.len() as u64 }
}
