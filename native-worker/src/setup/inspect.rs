//! What is present, what is missing and what to do about it, for `stepwise doctor`.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::cache::Condition;
use super::registry::Package;
use super::{Setup, download};

/// The state of the cache.
#[derive(Debug)]
pub struct Report {
    /// The cache folder.
    pub cache: PathBuf,
    /// The code of Lean's that is needed first, compiled for this machine.
    pub code: Part,
    /// The rest of that code.
    pub rest: Part,
    /// Lean's memory after the import of its library.
    pub library: Part,
    /// Downloaded tarballs and their sizes in bytes, partial ones (`.part`) included. They are kept so that a repair or
    /// a newer stepwise can prepare Lean again without network, and may be deleted.
    pub downloads: Vec<(PathBuf, u64)>,
    /// Folders of the cache that this version of stepwise does not use, with their sizes in bytes; they may be deleted.
    pub unused: Vec<(PathBuf, u64)>,
}

/// The state of something that set-up brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// It can be used.
    Ready { path: PathBuf, bytes: u64 },
    /// It is not there.
    Missing {
        /// Bytes that are still to be downloaded.
        to_download: u64,
    },
    /// It is there, but not as it was installed.
    Damaged { path: PathBuf, what: String },
}

impl Report {
    /// Whether a host could start now.
    pub fn is_ready(&self) -> bool {
        self.code.is_ready() && self.library.is_ready()
    }
}

impl Part {
    /// Whether it can be used.
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { path, bytes } => write!(f, "ready in {} ({} MB)", path.display(), megabytes(*bytes)),
            Self::Missing { to_download: 0 } => {
                write!(f, "downloaded but not prepared for this machine; run `stepwise setup`")
            }
            Self::Missing { to_download } => {
                write!(f, "missing; run `stepwise setup`, which downloads {} MB", megabytes(*to_download))
            }
            Self::Damaged { path, what } => {
                write!(f, "damaged in {} ({what}); run `stepwise setup` to repair it", path.display())
            }
        }
    }
}

impl Setup<'_> {
    pub(super) fn inspect(&self) -> Report {
        let (code, rest, library) = (self.code_folder(), self.rest_folder(), self.library_folder());
        // What other choices of modules begin with is used too.
        let is_used =
            |path: &Path| path.file_name().and_then(|name| name.to_str()).is_some_and(|n| n.starts_with(&code));
        let downloads = self.cache.downloads();
        Report {
            cache: self.cache.root.clone(),
            code: self.part(&self.lean, &code),
            rest: self.part(&self.lean, &rest),
            library: self.part(&self.lean, &library),
            downloads: children(&downloads).into_iter().map(sized).collect(),
            unused: children(&self.cache.root)
                .into_iter()
                .filter(|path| path.is_dir() && *path != downloads && !is_used(path))
                .map(sized)
                .collect(),
        }
    }

    fn part(&self, package: &Package, folder: &str) -> Part {
        let path = self.cache.folder(folder);
        match self.cache.condition(folder, self.options.check_contents) {
            Condition::Complete { bytes } => Part::Ready { path, bytes },
            Condition::Damaged { what } => Part::Damaged { path, what },
            Condition::Missing => {
                let downloads = self.cache.downloads();
                let here = if downloads.join(package.tarball()).exists() {
                    package.bytes
                } else {
                    fs::metadata(download::partial(package, &downloads)).map_or(0, |metadata| metadata.len())
                };
                Part::Missing { to_download: package.bytes.saturating_sub(here) }
            }
        }
    }
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|child| child.path()).collect();
    paths.sort();
    paths
}

fn sized(path: PathBuf) -> (PathBuf, u64) {
    let bytes = size(&path);
    (path, bytes)
}

/// Links are not followed: what they lead to is not the cache's.
fn size(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => children(path).iter().map(|child| size(child)).sum(),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    }
}

fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}
