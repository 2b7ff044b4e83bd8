//! Walks a gzipped tar archive, and refuses any that would write outside its folder.

use std::io::{self, BufReader, Read};
use std::path::{Component, Path};

use flate2::bufread::GzDecoder;
use tar::{Archive, EntryType};

use super::SetupError;
use super::cache::CopyError;
use super::progress::Meter;

/// Calls `visit` with the path (parts divided by `/`) and the contents of every regular file of the archive, in order.
///
/// macOS's `._*` companions are left out. Absolute paths, `..`, links and devices make the whole archive unfit.
/// `of` names the package in messages.
pub(super) fn each_file(
    of: &str,
    compressed: impl Read,
    mut visit: impl FnMut(&str, &mut dyn Read) -> Result<(), CopyError>,
) -> Result<(), SetupError> {
    let unfit = |detail: String| SetupError::Archive { package: of.to_owned(), detail };
    let broken = |error: io::Error| unfit(format!("its archive is broken ({error})"));
    let mut archive = Archive::new(GzDecoder::new(BufReader::with_capacity(1 << 16, compressed)));
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let raw = entry.path().map_err(broken)?.into_owned();
        let path = inner_path(&raw).ok_or_else(|| unfit(format!("it holds the unsafe path {}", raw.display())))?;
        match entry.header().entry_type() {
            EntryType::Directory => continue,
            EntryType::Regular | EntryType::Continuous => {}
            // Comments for a whole archive, as git writes them.
            EntryType::XGlobalHeader => continue,
            other => return Err(unfit(format!("it holds {path}, which is neither a file nor a folder ({other:?})"))),
        }
        if path.rsplit('/').next().is_some_and(|name| name.starts_with("._")) {
            continue;
        }
        visit(&path, &mut entry).map_err(|error| match error {
            CopyError::Source(error) => broken(error),
            CopyError::Target(error) => error,
        })?;
    }
    // What follows the archive's end mark holds the checksum of everything before it.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(broken)?;
    Ok(())
}

/// The path with its parts divided by `/`, if it stays inside the folder it is unpacked to.
fn inner_path(raw: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for component in raw.components() {
        match component {
            Component::CurDir => {}
            // A backslash or a colon is harmless here and a divider or a drive on Windows.
            Component::Normal(part) => parts.push(part.to_str().filter(|part| !part.contains(['\\', ':', '\0']))?),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

/// A reader that reports what was read.
pub(super) struct Metered<'a, R> {
    pub(super) reader: R,
    pub(super) meter: Meter<'a>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.meter.advance(n as u64);
        Ok(n)
    }
}
