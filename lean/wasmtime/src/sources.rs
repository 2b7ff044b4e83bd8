//! What Lean sees of the machine: clocks, randomness, and the library's folder while it is imported.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use stepwise_lean::imports::{Disk, Sources, Stat};

/// Clocks and randomness as they are.
#[derive(Debug)]
pub(crate) struct RealSources(Instant);

impl Default for RealSources {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Sources for RealSources {
    fn monotonic(&mut self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn wall(&mut self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn random(&mut self, target: &mut [u8]) {
        // Lean seeds its hash tables and its random generator with it; nothing secret.
        if getrandom::fill(target).is_err() {
            target.fill(0);
        }
    }
}

/// The name under which Lean sees its library.
const MOUNT: &str = "lib/lean";

/// A folder of this machine, read-only, as the folder `/lib/lean` of Lean. Nothing else of the machine is visible.
#[derive(Debug)]
pub(crate) struct FolderDisk {
    root: PathBuf,
    /// The file that was read last, as files are read from front to end.
    open: Option<(String, File)>,
}

impl FolderDisk {
    /// Shows Lean this folder.
    #[must_use]
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), open: None }
    }

    fn real(&self, name: &str) -> Option<PathBuf> {
        let below = Path::new(name.trim_start_matches('/').strip_prefix(MOUNT)?.trim_start_matches('/'));
        let stays = below.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        stays.then(|| self.root.join(below))
    }
}

impl Disk for FolderDisk {
    fn stat(&mut self, name: &str) -> Option<Stat> {
        let found = std::fs::metadata(self.real(name)?).ok()?;
        Some(Stat { size: found.len(), is_directory: found.is_dir() })
    }

    fn read(&mut self, name: &str, position: u64, target: &mut [u8]) -> usize {
        if self.open.as_ref().is_none_or(|(open, _)| open != name) {
            let file = self.real(name).and_then(|path| File::open(path).ok());
            self.open = file.map(|file| (name.to_owned(), file));
        }
        let Some((_, file)) = &mut self.open else { return 0 };
        if file.seek(SeekFrom::Start(position)).is_err() {
            return 0;
        }
        let mut done = 0;
        while done < target.len() {
            match file.read(&mut target[done..]) {
                Ok(0) | Err(_) => break,
                Ok(n) => done += n,
            }
        }
        done
    }
}
