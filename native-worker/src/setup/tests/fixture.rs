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

/// In the prepared folder's name, in place of a hash that changes with the scripts.
const RECIPE: &str = "r1";

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

/// What the stand-in for Node does in place of `prepare.cjs`: it writes down what it was given, so that tests see it.
/// `$package`, `$out` and `$library` are the arguments of those names, `$set` the module set.
const PREPARE: &str = r#"
echo '{"phase":"rewrite","done":0,"total":2}'
mkdir "$out"
cp "$package/lean.wasm" "$out/lean.wasm"
(cd "$package" && find . -type f) > "$out/package"
(cd "$library" && find . -type f | sort) > "$out/$set.snapshot"
echo '{"phase":"done","done":2,"total":2}'
"#;

/// A stand-in for Node: it tells a version as Node does, and runs `prepare` in place of the script `prepare.cjs`.
fn node_script(version: &str, prepare: &str) -> String {
    format!(
        r#"#!/bin/sh
if [ "$1" = -p ]; then printf 'v{version}\n%s\n' "$0"; exit; fi
[ "${{1%=*}}" = --stack-size ] && [ "${{2##*/}}" = prepare.cjs ] && [ -f "$2" ] && [ "$5" = --library ] || exit 64
package=$3 out=$4 library=$6 set=$7
{prepare}"#
    )
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::with_lean(lean_tarball(&library()))
    }

    pub(super) fn with_lean(lean_tarball: Vec<u8>) -> Self {
        Self::with(lean_tarball, node_tarball(PREPARE))
    }

    pub(super) fn with_node(node_tarball: &[u8]) -> Self {
        Self::with(lean_tarball(&library()), node_tarball.to_vec())
    }

    /// With a Node that runs these lines of shell in place of `prepare.cjs`.
    pub(super) fn with_prepare(prepare: &str) -> Self {
        Self::with_node(&node_tarball(prepare))
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
            recipe: RECIPE.to_owned(),
            first_pause: Duration::from_millis(1),
            preparation_limit: Duration::from_secs(60),
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

    /// Every file under the cache folder but the driver's scripts.
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
        files.retain(|file| !file.starts_with("driver-"));
        files.sort();
        files
    }

    /// Puts a program called `node` into a folder of its own and returns the folder.
    pub(super) fn install_node(&self, version: &str) -> PathBuf {
        let folder = self.folder.path().join(format!("node-{version}"));
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join("node");
        fs::write(&program, node_script(version, PREPARE)).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }
}

fn node_tarball(prepare: &str) -> Vec<u8> {
    archive(&[
        file("package/LICENSE", "MIT"),
        file("package/bin/node", &node_script("26.10.0", prepare)),
        file("package/include/node.h", "unused"),
    ])
}

fn package(name: &'static str, tarball: &[u8]) -> Package {
    // Leaked: a real package's hash is a constant.
    let integrity = format!("sha512-{}", STANDARD.encode(Sha512::digest(tarball))).leak();
    Package { name, version: "1.0.0", integrity, bytes: tarball.len() as u64 }
}
