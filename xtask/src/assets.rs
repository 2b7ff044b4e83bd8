//! What packed files need beside themselves: a list with sizes and hashes, by which a page's worker tells what it has
//! already, and compressed twins, which a server sends to browsers that accept them: Brotli's for most, gzip's for the rest.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha2::{Digest, Sha256};

/// Files of these kinds get a twin.
const COMPRESSIBLE: [&str; 5] = ["css", "html", "js", "json", "wasm"];

/// Below this, a twin saves less than its headers cost.
const MIN_BYTES: usize = 1024;

/// Above this, a file is large.
const LARGE_BYTES: usize = 4 << 20;

/// The size of a file, raw and as its twin.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    pub(crate) raw: usize,
    /// By Brotli; the same as `raw` where there is no twin.
    pub(crate) sent: usize,
    /// By gzip, for browsers that take Brotli over TLS only.
    pub(crate) gzipped: usize,
}

impl std::ops::AddAssign for Size {
    fn add_assign(&mut self, other: Self) {
        self.raw += other.raw;
        self.sent += other.sent;
        self.gzipped += other.gzipped;
    }
}

/// Writes `manifest.json` into a folder: every file below it by its path, with its size and its hash. A server of ours
/// makes the same list of the models that it carries.
pub(crate) fn write_manifest(folder: &Path) -> Result<()> {
    let mut files = serde_json::Map::new();
    for file in files_below(folder)? {
        let bytes = read(&file)?;
        let sha256 = hex::encode(Sha256::digest(&bytes));
        files.insert(name_in(folder, &file), json!({ "bytes": bytes.len(), "sha256": sha256 }));
    }
    write(&folder.join("manifest.json"), json!({ "files": files }).to_string().as_bytes())
}

/// Writes `FILE.br` and `FILE.gz` beside every file of a kind that shrinks, and returns the size of all files.
pub(crate) fn write_twins(files: &[PathBuf]) -> Result<Size> {
    let mut all = Size::default();
    for file in files {
        let bytes = read(file)?;
        let mut size = Size { raw: bytes.len(), sent: bytes.len(), gzipped: bytes.len() };
        let kind = file.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if COMPRESSIBLE.contains(&kind) && bytes.len() > MIN_BYTES {
            let twin = by_gzip(&bytes)?;
            size.gzipped = twin.len();
            write(&twin_of(file, "gz"), &twin)?;
            let twin = by_brotli(&bytes)?;
            size.sent = twin.len();
            write(&twin_of(file, "br"), &twin)?;
        }
        all += size;
    }
    Ok(all)
}

/// All files below a folder that are no twins, in the order of their names.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_below(&path)?);
        } else if !is_twin(&path) {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Zopfli makes a twentieth less of the page's module than the best that others do, in three seconds, which a large file is
/// not worth.
fn by_gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    if bytes.len() > LARGE_BYTES {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes)?;
        return Ok(encoder.finish()?);
    }
    let mut twin = Vec::new();
    zopfli::compress(zopfli::Options::default(), zopfli::Format::Gzip, bytes, &mut twin)?;
    Ok(twin)
}

fn by_brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    // The last two steps of quality take ten times as long, which a large file is not worth.
    let quality = if bytes.len() > LARGE_BYTES { 9 } else { 11 };
    let parameters = BrotliEncoderParams { quality, lgwin: 24, ..BrotliEncoderParams::default() };
    let mut twin = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut twin, &parameters)?;
    Ok(twin)
}

fn twin_of(file: &Path, kind: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(kind);
    PathBuf::from(name)
}

/// A compressed file is a twin when the file itself lies beside it.
pub(crate) fn is_twin(file: &Path) -> bool {
    file.extension().is_some_and(|kind| kind == "gz" || kind == "br") && file.with_extension("").is_file()
}

/// A file's path below a folder, with slashes.
fn name_in(folder: &Path, file: &Path) -> String {
    let path = file.strip_prefix(folder).unwrap_or(file);
    let parts = path.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
    parts.collect::<Vec<String>>().join("/")
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_are_made_of_what_shrinks_and_the_manifest_lists_the_rest() {
        let folder = std::env::temp_dir().join(format!("stepwise-assets-{}", std::process::id()));
        let put = |name: &str, bytes: &[u8]| {
            let file = folder.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, bytes).unwrap();
        };
        put("big.json", &[b' '; 5000]);
        put("small.json", b"{}");
        put("a/lemmas.jsonl.gz", &[7; 5000]);
        let files = files_below(&folder).unwrap();
        let size = write_twins(&files).unwrap();
        assert_eq!(size.raw, 10_002);
        assert!(size.sent < 5_200, "{size:?}");
        assert!(folder.join("big.json.gz").is_file() && folder.join("big.json.br").is_file());
        assert!(!folder.join("small.json.gz").exists());
        write_manifest(&folder).unwrap();
        let manifest: serde_json::Value =
            serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
        let listed: Vec<&String> = manifest["files"].as_object().unwrap().keys().collect();
        assert_eq!(listed, ["a/lemmas.jsonl.gz", "big.json", "small.json"]);
        assert_eq!(manifest["files"]["small.json"]["bytes"], 2);
        let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(manifest["files"]["small.json"]["sha256"], hash);
        fs::remove_dir_all(&folder).unwrap();
    }
}
