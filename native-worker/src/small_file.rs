//! Small JSON files that are there as a whole or not at all, whenever the program or the machine dies.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a file that is not finished ends with.
pub(crate) const UNFINISHED: &str = ".part";

/// Writes a value in place of whatever the file held. On Unix nobody but its owner can read it.
///
/// # Errors
/// It cannot be written; what the file held before is still there.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> io::Result<()> {
    write_bytes(path, &line(value)?)
}

/// As [`write`], for what is written anew every few seconds: a power cut may take it.
///
/// # Errors
/// As [`write`].
pub(crate) fn write_for_now(path: &Path, value: &impl Serialize) -> io::Result<()> {
    replace(path, &line(value)?, |_| Ok(()))
}

/// As [`write`], for bytes that somebody else has made.
///
/// # Errors
/// As [`write`].
pub(crate) fn write_bytes(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, File::sync_all)?;
    // The new name is to survive a power cut too, where a folder can be synced.
    if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Reads a value; `None` where there is no such file.
///
/// # Errors
/// It cannot be read; [`io::ErrorKind::InvalidData`] says that it holds something else.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match std::fs::read(path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a file, if it is there.
///
/// # Errors
/// It is there and cannot be removed.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn replace(path: &Path, bytes: &[u8], finish: fn(&File) -> io::Result<()>) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(UNFINISHED);
    let unfinished = path.with_file_name(name);
    let written = write_new(&unfinished, bytes, finish).and_then(|()| std::fs::rename(&unfinished, path));
    if written.is_err() {
        // What is left of it would only take room, which may be what is wanting.
        let _ = std::fs::remove_file(&unfinished);
    }
    written
}

fn write_new(path: &Path, bytes: &[u8], finish: fn(&File) -> io::Result<()>) -> io::Result<()> {
    // Made anew, because the rights of one that is there already would stay as they are.
    remove(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    finish(&file)
}
