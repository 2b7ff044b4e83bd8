//! Small packages of the right shape, a registry that serves them, and a cache folder of its own for each test.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha512};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use super::server::Server;
use crate::setup::cache::Cache;
use crate::setup::{Installed, Options, Package, Progress, Setup, SetupError, Silent};

/// The text around which the real `lean.js` is built: every anchor of the recipe once.
pub(super) const LEAN_JS: &str = concat!(
    r#"var Module=typeof Module!="undefined"?Module:{};var pthreadPoolSize=4;"#,
    r#"function f(lib,symbol){newSymIndex=Object.keys(lib.exports).indexOf(symbol);}"#,
    r#"var _l_a,_malloc,wasmTable;function assignWasmExports(wasmExports){"#,
    r#"_l_a=Module["_l_a"]=wasmExports["l_a"];_malloc=Module["_malloc"]=wasmExports["malloc"]}run();"#,
);

pub(super) struct Fixture {
    pub(super) folder: TempDir,
    pub(super) server: Server,
    pub(super) lean: Package,
    pub(super) node: Package,
    pub(super) options: Options,
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
pub(super) fn library() -> Vec<u8> {
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

/// The Lean package around some `lean.js` and library archive.
pub(super) fn lean_tarball(js: &str, library: &[u8]) -> Vec<u8> {
    // Incompressible, so that the tarball is long enough to be cut in interesting places.
    let mut noise = Vec::new();
    for i in 0u32..4_000 {
        noise.extend_from_slice(&Sha512::digest(i.to_le_bytes())[..]);
    }
    archive(&[
        file("package/lean-lib.tar.gz", library),
        file("package/lean.js", js),
        file("package/package.json", "{}"),
        file("package/lean.wasm", &noise),
    ])
}

/// A program that answers as Node does when it is asked for its version.
pub(super) fn node_script(version: &str) -> String {
    format!("#!/bin/sh\nprintf 'v{version}\\n%s\\n' \"$0\"\n")
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::with_lean(lean_tarball(LEAN_JS, &library()))
    }

    pub(super) fn with_lean(lean_tarball: Vec<u8>) -> Self {
        Self::with(lean_tarball, node_tarball())
    }

    pub(super) fn with_node(node_tarball: &[u8]) -> Self {
        Self::with(lean_tarball(LEAN_JS, &library()), node_tarball.to_vec())
    }

    fn with(lean_tarball: Vec<u8>, node_tarball: Vec<u8>) -> Self {
        let lean = package("lean-test", &lean_tarball);
        let node = package("node-test", &node_tarball);
        let server = Server::start(HashMap::from([
            ("/lean-test/-/lean-test-1.0.0.tgz".to_owned(), lean_tarball),
            ("/node-test/-/node-test-1.0.0.tgz".to_owned(), node_tarball),
        ]));
        let folder = TempDir::new().unwrap();
        let npmrc = folder.path().join("npmrc");
        fs::write(&npmrc, "").unwrap();
        let options = Options {
            cache_dir: Some(folder.path().join("cache")),
            registry: Some(server.address.clone()),
            npmrc: Some(npmrc),
            ..Options::default()
        };
        Self { folder, server, lean, node, options }
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
            node: Some(self.node),
            first_pause: Duration::from_millis(1),
        }
    }

    pub(super) fn ensure(&self) -> Result<Installed, SetupError> {
        self.ensure_with(&Silent)
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
        walk(&self.cache(), &self.cache(), &mut files);
        files.sort();
        files
    }

    /// Puts a program called `node` into a folder of its own and returns the folder.
    pub(super) fn install_node(&self, version: &str) -> PathBuf {
        let folder = self.folder.path().join(format!("node-{version}"));
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join("node");
        fs::write(&program, node_script(version)).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }
}

fn node_tarball() -> Vec<u8> {
    archive(&[
        file("package/LICENSE", "MIT"),
        file("package/bin/node", &node_script("26.10.0")),
        file("package/include/node.h", "unused"),
    ])
}

fn package(name: &'static str, tarball: &[u8]) -> Package {
    // Leaked: a real package's hash is a constant.
    let integrity = format!("sha512-{}", STANDARD.encode(Sha512::digest(tarball))).leak();
    Package { name, version: "1.0.0", integrity, bytes: tarball.len() as u64 }
}
