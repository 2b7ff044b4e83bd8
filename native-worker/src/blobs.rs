//! Files that are known by what they hold: a coordinator's, which donors download, and a donor's, which it has downloaded.
//!
//! Each is a file named by its SHA-256. A model's folder is made of them by hard links, so that files that several models
//! share take their place once.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use stepwise_core::wire::campaign::{Blob, ModelFiles};

use crate::small_file;

/// Bytes that are read at once.
const CHUNK: usize = 1 << 20;

/// A folder of such files.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: PathBuf,
}

/// Why a file cannot be had or kept.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The disk is full, or refuses otherwise.
    #[error("cannot use {} ({source}); make room, or check its permissions", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// It holds something else than its name says.
    #[error("the file {sha256} arrived with other bytes; tell whoever runs the campaign if it does so again")]
    Damaged { sha256: String },
    /// A model that would be written outside of its folder.
    #[error("the model {model} names a file {file:?}, which is no file's name; tell whoever runs the campaign")]
    NotAName { model: String, file: String },
}

impl Blobs {
    /// Those in this folder, which is made when the first is kept.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The file of this hash, if it is here.
    #[must_use]
    pub fn find(&self, sha256: &str) -> Option<PathBuf> {
        Blob::is_hash(sha256).then(|| self.path(sha256)).filter(|path| path.is_file())
    }

    /// Whether a file is here as a whole.
    #[must_use]
    pub fn has(&self, blob: &Blob) -> bool {
        let path = self.find(&blob.sha256);
        path.and_then(|path| path.metadata().ok()).is_some_and(|metadata| metadata.len() == blob.bytes)
    }

    /// Where a file is.
    #[must_use]
    pub fn path(&self, sha256: &str) -> PathBuf {
        self.folder.join(sha256)
    }

    /// Where a file is while it arrives.
    #[must_use]
    pub fn arriving(&self, blob: &Blob) -> PathBuf {
        self.folder.join(format!("{}{}", blob.sha256, small_file::UNFINISHED))
    }

    /// Takes in a file that has [arrived](Self::arriving).
    ///
    /// # Errors
    /// It holds something else than its name says, and is removed; or the disk refuses.
    pub fn take_in(&self, blob: &Blob) -> Result<(), BlobError> {
        let path = self.arriving(blob);
        let failed = |source| BlobError::Io { path: path.clone(), source };
        if Self::blob_of(&path).map_err(failed)? != *blob {
            std::fs::remove_file(&path).map_err(failed)?;
            return Err(BlobError::Damaged { sha256: blob.sha256.clone() });
        }
        std::fs::rename(&path, self.path(&blob.sha256)).map_err(failed)
    }

    /// Keeps a copy of a file.
    ///
    /// # Errors
    /// It cannot be read, or the copy not be written.
    pub fn keep_file(&self, source: &Path) -> Result<Blob, BlobError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| BlobError::Io { path, source }
        };
        let blob = Self::blob_of(source).map_err(failed(source))?;
        if !self.has(&blob) {
            self.make_folder()?;
            let new = self.arriving(&blob);
            std::fs::copy(source, &new).map_err(failed(&new))?;
            self.take_in(&blob)?;
        }
        Ok(blob)
    }

    /// Keeps bytes as a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep_bytes(&self, bytes: &[u8]) -> Result<Blob, BlobError> {
        let blob = Blob { sha256: hex::encode(Sha256::digest(bytes)), bytes: bytes.len() as u64 };
        if !self.has(&blob) {
            self.make_folder()?;
            let new = self.arriving(&blob);
            let write = || File::create(&new)?.write_all(bytes);
            write().map_err(|source| BlobError::Io { path: new.clone(), source })?;
            self.take_in(&blob)?;
        }
        Ok(blob)
    }

    /// A folder with the files of a model, all of which are here, under their names.
    ///
    /// # Errors
    /// A file's name is none, or the disk refuses.
    pub fn folder_of(&self, model: &ModelFiles) -> Result<PathBuf, BlobError> {
        let folder = self.folder.join("models").join(model.hash());
        let failed = |source| BlobError::Io { path: folder.clone(), source };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        for (name, blob) in &model.files {
            if !is_file_name(name) {
                return Err(BlobError::NotAName { model: model.name.clone(), file: name.clone() });
            }
            let (from, to) = (self.path(&blob.sha256), folder.join(name));
            if !to.exists() && std::fs::hard_link(&from, &to).is_err() {
                // A file system without links.
                std::fs::copy(&from, &to).map_err(failed)?;
            }
        }
        Ok(folder)
    }

    /// What a file holds.
    fn blob_of(path: &Path) -> io::Result<Blob> {
        Ok(Blob { sha256: hash_file(path)?, bytes: path.metadata()?.len() })
    }

    /// Makes the folder itself.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn make_folder(&self) -> Result<(), BlobError> {
        std::fs::create_dir_all(&self.folder).map_err(|source| BlobError::Io { path: self.folder.clone(), source })
    }

    /// Removes the files that were used longest ago, but none of `needed`, until all together take no more than `limit`
    /// bytes with what is still to come.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn make_room(&self, needed: &[&Blob], limit: u64) -> Result<(), BlobError> {
        let failed = |source| BlobError::Io { path: self.folder.clone(), source };
        let mut others = Vec::new();
        let mut total: u64 = needed.iter().map(|blob| blob.bytes).sum();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let metadata = entry.metadata().map_err(failed)?;
            if metadata.is_file() && !needed.iter().any(|blob| name.starts_with(&blob.sha256)) {
                total = total.saturating_add(metadata.len());
                others.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), metadata.len(), entry.path()));
            }
        }
        if total <= limit {
            return Ok(());
        }
        // Folders are links to the files, and are made anew where they are wanted.
        let _ = std::fs::remove_dir_all(self.folder.join("models"));
        others.sort();
        for (_, bytes, path) in others {
            if total <= limit {
                break;
            }
            std::fs::remove_file(&path).map_err(failed)?;
            total -= bytes;
        }
        Ok(())
    }

    /// Notes that a file is of use now.
    pub fn touch(&self, blob: &Blob) {
        if let Ok(file) = File::options().append(true).open(self.path(&blob.sha256)) {
            let _ = file.set_modified(SystemTime::now());
        }
    }
}

/// A file's SHA-256 in hexadecimal digits.
///
/// # Errors
/// It cannot be read.
pub(crate) fn hash_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(hash.finalize())),
            n => hash.update(&buffer[..n]),
        }
    }
}

/// Whether a name from elsewhere stays within a folder.
pub(crate) fn is_file_name(name: &str) -> bool {
    Path::new(name).file_name() == Some(name.as_ref())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_file_is_kept_once_and_found_by_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::at(folder.path().join("blobs"));
        let blob = blobs.keep_bytes(b"weights").unwrap();
        std::fs::write(folder.path().join("model"), b"weights").unwrap();
        assert_eq!(blobs.keep_file(&folder.path().join("model")).unwrap(), blob);
        assert_eq!(std::fs::read(blobs.find(&blob.sha256).unwrap()).unwrap(), b"weights");
        assert!(blobs.has(&blob) && !blobs.has(&Blob { bytes: 8, ..blob.clone() }));
        assert!(blobs.find("../model").is_none());
        assert_eq!(std::fs::read_dir(folder.path().join("blobs")).unwrap().count(), 1);
    }

    #[test]
    fn what_arrives_damaged_is_not_taken_in() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::at(folder.path().to_owned());
        let blob = Blob { sha256: hex::encode(Sha256::digest(b"right")), bytes: 5 };
        std::fs::write(blobs.arriving(&blob), b"wrong").unwrap();
        assert!(matches!(blobs.take_in(&blob), Err(BlobError::Damaged { .. })));
        assert!(!blobs.arriving(&blob).exists() && !blobs.has(&blob));
        std::fs::write(blobs.arriving(&blob), b"right").unwrap();
        blobs.take_in(&blob).unwrap();
        assert!(blobs.has(&blob));
    }

    #[test]
    fn a_models_folder_has_its_files_and_nothing_is_written_outside() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::at(folder.path().to_owned());
        let blob = blobs.keep_bytes(b"{}").unwrap();
        let model =
            |file: &str| ModelFiles { name: "m".to_owned(), files: BTreeMap::from([(file.to_owned(), blob.clone())]) };
        let made = blobs.folder_of(&model("config.json")).unwrap();
        assert_eq!(std::fs::read(made.join("config.json")).unwrap(), b"{}");
        assert_eq!(blobs.folder_of(&model("config.json")).unwrap(), made);
        for file in ["../config.json", "/etc/passwd", "a/b", ".."] {
            assert!(matches!(blobs.folder_of(&model(file)), Err(BlobError::NotAName { .. })), "{file}");
        }
    }

    #[test]
    fn room_is_made_of_what_was_used_longest_ago() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::at(folder.path().to_owned());
        let [old, new, needed] = [b"old!", b"new!", b"more"].map(|bytes| blobs.keep_bytes(bytes).unwrap());
        let past = SystemTime::now() - std::time::Duration::from_secs(60);
        for blob in [&old, &needed] {
            File::options().append(true).open(blobs.path(&blob.sha256)).unwrap().set_modified(past).unwrap();
        }
        blobs.make_room(&[&needed], 12).unwrap();
        assert!(blobs.has(&old));
        blobs.make_room(&[&needed], 9).unwrap();
        assert!(!blobs.has(&old) && blobs.has(&new) && blobs.has(&needed));
    }
}
